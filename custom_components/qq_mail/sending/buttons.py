"""The buttons of one mail: those that act get a token, the others an address."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial
from itertools import repeat

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..buttons.links import link_base
from ..buttons.models import ACTION_PATH, Action, Mail
from ..buttons.registry import Buttons
from ..const import DOMAIN
from ..content.draft import Material, absolute
from ..content.request import MessageRequest
from ..mime.buttons import Button, Look
from ..outbox.composing import Ticket
from ..texts import Texts


@contextmanager
def buttons_of(
    hass: HomeAssistant,
    registry: Buttons,
    material: Material,
    request: MessageRequest,
    mail: Mail,
    ticket: Ticket,
    texts: Texts,
) -> Generator[Callable[[], None] | None]:
    """Put the buttons into a mail that is submitted within.

    Gives what has them put on disk together with the mail; None where none acts. If
    that raises, or the outbox does not take the mail, they work no longer.
    """
    actions = [
        Action(action=row.action, title=row.title, destructive=row.destructive)
        for row in request.actions
        if row.action
    ]
    base = link_base(hass)
    if not actions or not base:
        draw_buttons(hass, material, request, texts)
        yield None
        return
    tokens = registry.issue(mail, actions, request.actions_expire_after)
    # It may be taken although its call has gone.
    ticket.taken.add_done_callback(
        lambda taken: None if taken.result() else registry.revoke(mail.queue_id)
    )
    try:
        urls = [f"{base[0]}{ACTION_PATH}/{token}" for token in tokens]
        draw_buttons(hass, material, request, texts, urls)
        yield partial(registry.keep, mail.queue_id)
    except Exception:
        registry.revoke(mail.queue_id)
        raise


@callback
def draw_buttons(
    hass: HomeAssistant,
    material: Material,
    request: MessageRequest,
    texts: Texts,
    urls: Iterable[str] = repeat(""),
) -> None:
    """Show the buttons; without URLs those that act lead nowhere, as in a preview."""
    base = link_base(hass)
    buttons: list[Button] = []
    failures: list[HomeAssistantError] = []
    addresses = iter(urls)
    for row in request.actions:
        if not row.action:
            try:
                url = absolute(hass, row.uri)
            except HomeAssistantError as err:
                failures.append(err)
            else:
                buttons.append(Button(row.title, url, Look.LINK))
        elif base:
            look = Look.DESTRUCTIVE if row.destructive else Look.ACT
            at_home = base[1]
            buttons.append(Button(row.title, next(addresses), look, at_home=at_home))
    acts = any(row.action for row in request.actions)
    if acts and not base:
        failures.append(
            HomeAssistantError(translation_domain=DOMAIN, translation_key="no_buttons")
        )
    small_print: list[str] = []
    above: list[str] = []
    if acts and base:
        until = dt_util.now() + request.actions_expire_after
        small_print.append(texts("card_press_until", time=f"{until:%Y-%m-%d %H:%M}"))
        if base[1]:
            above.append(texts("card_press_at_home"))
    material.add_buttons(buttons, small_print, failures, above)
