"""The buttons of one mail: those that act get a token, the others an address."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import repeat
from urllib.parse import quote

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..buttons.links import link_base
from ..buttons.models import ACTION_PATH, Action, Mail
from ..buttons.registry import Buttons
from ..content.actions import ActionRow
from ..content.errors import translated_error
from ..content.material import Material, absolute
from ..content.request import MessageRequest
from ..mime.card import Button, Look, numbered
from ..mime.secret import make_secret
from ..outbox.composing import Ticket
from ..texts import Texts


def add_buttons(
    hass: HomeAssistant,
    registry: Buttons,
    material: Material,
    request: MessageRequest,
    mail: Mail,
    ticket: Ticket,
    texts: Texts,
    account: str,
) -> str:
    """Put buttons into a mail; if the outbox does not take it, they work no longer.

    Returns what an answer to it has to bring back; empty: it cannot be answered.
    `account`: the addr_spec to which it can be answered, if that is so.
    """
    if not request.actions:
        return ""
    base = link_base(hass)
    actions = [
        Action(
            action=row.action,
            title=row.title,
            destructive=row.destructive,
            in_words=row.in_words,
        )
        for row in request.actions
        if row.action and (account or (base and not row.in_words))
    ]
    if not actions:
        draw_buttons(hass, material, request, texts)
        return ""
    secret = make_secret() if account else ""
    tokens = registry.issue(mail, actions, request.actions_expire_after, secret)
    # It may be taken although its call has gone.
    ticket.taken.add_done_callback(
        lambda taken: None if taken.result() else registry.revoke(mail.queue_id)
    )

    def url_of(action: Action, token: str) -> str:
        if action.in_words:
            return _answer_url(account, mail, "", token)
        if base:
            return f"{base[0]}{ACTION_PATH}/{token}"
        return _answer_url(account, mail, action.title, secret)

    urls = map(url_of, actions, tokens, strict=True)
    by_mail = bool(account)
    draw_buttons(hass, material, request, texts, urls, by_mail=by_mail, secret=secret)
    return secret


def draw_buttons(
    hass: HomeAssistant,
    material: Material,
    request: MessageRequest,
    texts: Texts,
    urls: Iterable[str] = repeat(""),
    *,
    by_mail: bool = False,
    secret: str = "",
) -> None:
    """Show the buttons; without URLs those that act lead nowhere, as in a preview.

    `by_mail`: they are pressed by an answer too, which brings the secret back.
    """
    base = link_base(hass)
    buttons: list[Button] = []
    addresses = iter(urls)
    for row in request.actions:
        if not row.action:
            try:
                url = absolute(hass, row.uri)
            except HomeAssistantError as err:
                material.failures.append(err)
            else:
                buttons.append(Button(row.title, url, Look.LINK))
        elif row.in_words and not by_mail:
            error = translated_error("answer_in_words", title=row.title)
            material.failures.append(error)
        elif base or by_mail:
            look = Look.DESTRUCTIVE if row.destructive else Look.ACT
            look = Look.WORDS if row.in_words else look
            at_home = base is not None and base[1] and not row.in_words
            buttons.append(Button(row.title, next(addresses), look, at_home=at_home))
    acting = [row for row in request.actions if row.action and not row.in_words]
    in_words = [row.title for row in request.actions if row.in_words]
    if acting and not (base or by_mail):
        material.failures.append(translated_error("no_buttons"))
    small_print: list[str] = []
    above: list[str] = []
    until = f"{dt_util.now() + request.actions_expire_after:%Y-%m-%d %H:%M}"
    if acting and base:
        small_print.append(texts("card_press_until", time=until))
        if base[1]:
            above.append(texts("card_press_at_home"))
            # Else answers go to somebody else.
            if not (by_mail or request.reply_to):
                above.append(texts("card_press_by_mail"))
    if by_mail:
        if acting:
            small_print += _how_to_press(acting, texts, links=base is not None)
        small_print += [
            texts("card_answer_words", title=title, time=until) for title in in_words
        ]
        if secret:
            small_print.append(texts("card_answer_code", code=secret))
        if acting and not base:
            small_print.append(texts("card_answer_until", time=until))
    # Made last: those that act are of one mail alone.
    material.card = replace(
        material.card,
        above_buttons=tuple(above),
        buttons=tuple(buttons),
        small_print=tuple(small_print),
    )


def _how_to_press(
    acting: Sequence[ActionRow], texts: Texts, *, links: bool
) -> list[str]:
    """Return the lines that say how to press a button by an answer."""
    return [
        texts("card_answer") if links else texts("card_answer_alone"),
        numbered(row.title for row in acting),
        *(
            texts("card_answer_title", title=row.title)
            for row in acting
            if row.destructive
        ),
    ]


def _answer_url(account: str, mail: Mail, text: str, secret: str) -> str:
    """Return the URL of an answer that only has to be sent (RFC 6068).

    Without a text, which its sender has to write.
    """
    subject = quote(f"Re: {mail.subject} [{secret}]", safe="")
    body = quote(f"{text}\r\n\r\n[{secret}]", safe="")
    return f"mailto:{quote(account, safe='@')}?subject={subject}&body={body}"
