"""From a request to a draft, and to the outbox."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import make_msgid
from functools import partial
from secrets import token_hex
from typing import BinaryIO

from homeassistant.components.notify import ATTR_TITLE_DEFAULT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util import dt as dt_util

from .attachments import async_fetched
from .budget import async_fit
from .const import (
    CONF_REPLY_TO,
    CONF_SENDER_NAME,
    CONF_SIZE_BUDGET,
    DEFAULT_SIZE_BUDGET,
    DOMAIN,
    MEGABYTE,
)
from .coordinator import QQMailConfigEntry
from .errors import Texts, action_error, async_texts
from .fetched import megabytes
from .mail.card import (
    Card,
    Link,
    Picture,
    content_ids,
    extend_html,
    render_html,
    render_text,
    text_of,
)
from .mail.exceptions import UnreadablePartError
from .mail.message import BASE64_LINE, compose
from .mail.models import (
    BodyPart,
    Composed,
    Draft,
    Mailbox,
    Priority,
    Recipients,
    one_line,
)
from .outcome import (
    MessageTooLargeError,
    OutboxClosedError,
    OutboxFullError,
    Outcome,
    Receipt,
)
from .request import MessageRequest
from .states import async_rows

_RESERVE = MEGABYTE
"""Octets that the server's limit leaves to texts and headers."""

# The outbox sorts by numbers, the higher first.
_IMPORTANCE = {
    priority: len(Priority) // 2 - place for place, priority in enumerate(Priority)
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a request."""

    receipt: Receipt | None
    """None: there was nothing to send, because it only cleared what waited."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    discarded: int = 0
    """How many messages were cleared."""


class _Material:
    """All that a message is made of, fetched: from here on nothing waits."""

    def __init__(
        self, card: Card, own_html: str, parts: Sequence[BodyPart], texts: Texts
    ) -> None:
        self._card = card
        self._own_html = own_html
        self._parts = list(parts)
        self._texts = texts

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and why."""
        return self._card.notes

    def compose(
        self,
        draft: Draft,
        write: Callable[[BinaryIO, Draft], Composed],
        stream: BinaryIO,
    ) -> Composed:
        """Fill a draft and write it; without a file that cannot be read after all."""
        while True:
            text, html, parts = self.content()
            try:
                return write(stream, replace(draft, text=text, html=html, parts=parts))
            except UnreadablePartError as err:
                del self._parts[parts.index(err.part)]
                note = self._texts("attachment_not_found", attachment=err.part.filename)
                self._card = replace(self._card, notes=(*self.notes, note))
                stream.seek(0)
                stream.truncate()

    def content(self) -> tuple[str, str, tuple[BodyPart, ...]]:
        """Return the text, the HTML if there is any, and what goes with them.

        It blocks.
        """
        card, own = self._card, self._own_html
        if own and not card.text:
            card = replace(card, text=text_of(own))
        if own:
            referenced = content_ids(own)
        else:
            referenced = content_ids(render_html(card)) if card.markdown else set()
        parts = tuple(_placed(part, referenced) for part in self._parts)
        card = replace(
            card,
            pictures=tuple(
                Picture(part.content_id, part.filename)
                for part in parts
                if part.inline and part.content_id not in referenced
            ),
        )
        if own:
            html = extend_html(own, card)
        elif card.markdown or card.rows or card.link or card.pictures:
            html = render_html(card)
        else:
            html = ""
        return render_text(card), html, parts


def _placed(part: BodyPart, referenced: set[str]) -> BodyPart:
    """Show a part within the HTML where that refers to it, or where it should be."""
    for content_id in (part.content_id, part.filename):
        if content_id in referenced:
            return replace(part, inline=True, content_id=content_id)
    if part.inline and part.media_type.startswith("image/"):
        own_id = part.content_id or f"{token_hex(8)}@{DOMAIN}"
        return replace(part, content_id=own_id)
    return replace(part, inline=False)


async def async_send(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    request: MessageRequest,
    recipients: Recipients,
) -> Sent:
    """Compose a message and hand it to the outbox.

    Raises HomeAssistantError where it was refused for good, or cannot be kept.
    """
    outbox = entry.runtime_data.outbox
    created = dt_util.utcnow()
    texts = await async_texts(hass)
    tag, references, discarded = request.tag, "", 0
    if request.clear:
        discarded, thread = await outbox.async_clear(tag)
        if not thread:
            return Sent(None, discarded=discarded)
        references = thread.references
        request = replace(
            request,
            title=request.title or f"Re: {thread.subject}",
            message=request.message or texts("over"),
        )
        # What says that it is over is not to be cleared itself.
        tag = ""
    subject = one_line(request.title) or ATTR_TITLE_DEFAULT
    if tag:
        references = (await outbox.async_thread(tag, subject)).references
    reply_to = entry.options.get(CONF_REPLY_TO)
    sender = Mailbox(
        outbox.account.username, one_line(entry.options.get(CONF_SENDER_NAME, ""))
    )
    # With a domain given, the machine's name is neither looked up nor told.
    message_id = make_msgid(domain=sender.domain)

    draft = Draft(
        recipients=recipients,
        subject=subject,
        text="",
        reply_to=request.reply_to or (Mailbox.parse(reply_to) if reply_to else None),
        priority=request.priority,
        references=references,
    )
    write = partial(
        compose, sender=sender, message_id=message_id, date=dt_util.as_local(created)
    )
    async with _async_material(hass, entry, request, created, texts) as material:
        try:
            receipt = await outbox.async_submit(
                partial(material.compose, draft, write),
                subject=subject,
                created=created,
                wait=request.wait,
                importance=_IMPORTANCE[request.priority],
                expires_after=request.expires_after,
                tag=tag,
            )
        except MessageTooLargeError as err:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="too_large",
                translation_placeholders={
                    "size": megabytes(err.size),
                    "limit": megabytes(err.limit),
                },
            ) from err
        except OutboxFullError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="outbox_full"
            ) from err
        except OutboxClosedError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="outbox_closed"
            ) from err
        except OSError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="not_kept",
                translation_placeholders={"reason": err.strerror or str(err)},
            ) from err
    if (event := receipt.decisive) and event.outcome is Outcome.REJECTED:
        raise action_error(event, outbox.account)
    return Sent(receipt, material.notes, discarded)


async def async_preview(
    hass: HomeAssistant, entry: QQMailConfigEntry, request: MessageRequest
) -> tuple[str, str, tuple[str, ...]]:
    """Return the text, the HTML and the notes of a message that is not sent."""
    texts = await async_texts(hass)
    async with _async_material(
        hass, entry, request, dt_util.utcnow(), texts
    ) as material:
        text, html, _ = await hass.async_add_executor_job(material.content)
        return text, html, material.notes


@asynccontextmanager
async def _async_material(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    request: MessageRequest,
    created: datetime,
    texts: Texts,
) -> AsyncGenerator[_Material]:
    """Fetch what a message is made of; what cannot be fetched becomes a note.

    Raises HomeAssistantError where nothing is left to say.
    """
    budget = _budget(entry)
    rows, missing = async_rows(hass, request.entities, texts)
    link, unlinked = _absolute(hass, request.link, texts)
    async with async_fetched(hass, request.attachments, budget) as fetched:
        fitting = await async_fit(hass, fetched.parts, budget)
        failures = [*missing, *unlinked, *fetched.failures, *fitting.failures]
        said = request.message or request.html or rows or link or fitting.parts
        if failures and not said:
            raise failures[0]
        card = Card(
            title=request.title,
            text=request.message,
            markdown=request.markdown,
            columns=(texts("card_name"), texts("card_state"), texts("card_since")),
            rows=rows,
            link=link,
            notes=tuple(texts.of(failure) for failure in failures),
            priority=request.priority,
            home=hass.config.location_name,
            time=f"{dt_util.as_local(created):%Y-%m-%d %H:%M}",
            language=hass.config.language,
        )
        yield _Material(card, request.html, fitting.parts, texts)


def _budget(entry: QQMailConfigEntry) -> int:
    """Return the octets that attachments may have before they are encoded."""
    outbox = entry.runtime_data.outbox
    octets, encoded = BASE64_LINE
    budget: int = entry.options.get(CONF_SIZE_BUDGET, DEFAULT_SIZE_BUDGET)
    room = max(outbox.state.max_size - _RESERVE, 0) * octets // encoded
    return min(budget * MEGABYTE, room)


def _absolute(
    hass: HomeAssistant, link: Link | None, texts: Texts
) -> tuple[Link | None, list[HomeAssistantError]]:
    """Return a button that works from anywhere."""
    if not link:
        return None, []
    url = link.url
    if url.startswith("/"):
        try:
            url = get_url(hass, prefer_external=True) + url
        except NoURLAvailableError:
            return None, [
                HomeAssistantError(
                    translation_domain=DOMAIN,
                    translation_key="no_url",
                    translation_placeholders={"link": url},
                )
            ]
    return Link(url, link.title or texts("card_open")), []
