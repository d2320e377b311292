"""The buttons of one mail: those that act get a token, the others an address."""

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from itertools import repeat

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..buttons import ACTION_PATH, Action, Mail, get_answers, link_base
from ..const import DOMAIN
from ..content.draft import Material, absolute
from ..content.request import MessageRequest
from ..mime.buttons import Button, Look
from ..outbox.intake import Ticket
from ..texts import Texts


@asynccontextmanager
async def async_buttons(
    hass: HomeAssistant,
    material: Material,
    request: MessageRequest,
    mail: Mail,
    ticket: Ticket,
    texts: Texts,
) -> AsyncGenerator[bool]:
    """Put the buttons into a mail that is submitted within, which is given if some act.

    If that raises, or the mail was cleared before it was taken, they work no longer.
    """
    actions = [
        Action(action=row.action, title=row.title, destructive=row.destructive)
        for row in request.actions
        if row.action
    ]
    base = link_base(hass)
    if not actions or not base:
        async_draw(hass, material, request, texts)
        yield False
        return
    answers = get_answers(hass)
    tokens = answers.issue(mail, actions, request.actions_expire_after)
    nobody = True
    try:
        urls = [f"{base[0]}{ACTION_PATH}/{token}" for token in tokens]
        async_draw(hass, material, request, texts, urls)
        # Before anybody can press.
        await answers.async_save()
        try:
            yield True
        except CancelledError:
            # The outbox takes a mail although its call has gone. What is cleared
            # after this has its buttons revoked by its tag.
            nobody = ticket.cleared
            raise
        nobody = ticket.cleared
    finally:
        if nobody:
            answers.revoke(mail.queue_id)


@callback
def async_draw(
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
            buttons.append(Button(row.title, next(addresses), look))
    acts = any(row.action for row in request.actions)
    if acts and not base:
        failures.append(
            HomeAssistantError(translation_domain=DOMAIN, translation_key="no_buttons")
        )
    small_print: list[str] = []
    if acts and base:
        until = dt_util.now() + request.actions_expire_after
        small_print.append(texts("card_press_until", time=f"{until:%Y-%m-%d %H:%M}"))
        if base[1]:
            small_print.append(texts("card_press_at_home"))
    material.add_buttons(buttons, small_print, failures)
