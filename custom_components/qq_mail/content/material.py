"""Makes the material of a mail: fetches what a request asks for, and fits it in."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util import dt as dt_util

from ..const import FETCH_TIMEOUT
from ..mime.card import Card, Link
from ..mime.markup import content_ids, text_of
from ..mime.message import UnreadablePartError, compose
from ..mime.models import BodyPart, Composed, Draft, new_content_id
from ..mime.render import extend_html, extend_text, fitted, render_html, render_text
from ..texts import Texts
from .attachments.embedded import async_embedded
from .attachments.fetching import async_fetched
from .attachments.parts import OCTET_STREAM, PICTURES, split
from .attachments.pictures import async_fit
from .charts.fetching import async_charts
from .errors import AttachmentError, translated_error
from .redaction import quoted
from .request import MessageRequest
from .states import async_rows


@dataclass(slots=True)
class Material:
    """All that a mail will hold, fetched already."""

    card: Card
    own_html: str
    """The caller's own; empty: the card is shown."""
    parts: list[BodyPart]
    failures: list[HomeAssistantError]
    """What could not be used, and why."""
    names: Mapping[str, str]
    """The names of entities that failures are about, by their ids."""
    texts: Texts
    unsaid: Sequence[HomeAssistantError] = ()
    """Failures that the readers of the mail would be told in vain."""

    @property
    def notes(self) -> tuple[str, ...]:
        """The failures in words, for whoever set the call up."""
        return self.texts.notes(self.failures)

    @property
    def reads_files(self) -> bool:
        """Whether composing reads files, which may hang on a share that is away."""
        return any(isinstance(part.content, Path) for part in self.parts)

    def leave_out_files(self) -> None:
        """Go on without the files: one of them is not read to its end."""
        for part in [one for one in self.parts if isinstance(one.content, Path)]:
            self.parts.remove(part)
            self.failures.append(
                AttachmentError("too_slow", part.filename, seconds=str(FETCH_TIMEOUT))
            )

    def compose(self, draft: Draft, stream: BinaryIO) -> Composed:
        """Fill a draft and write it; without a file that cannot be read after all."""
        while True:
            text, html, parts = self.content()
            try:
                return compose(
                    stream, replace(draft, text=text, html=html, parts=parts)
                )
            except UnreadablePartError as err:
                del self.parts[parts.index(err.part)]
                self.failures.append(AttachmentError("not_found", err.part.filename))
                stream.seek(0)
                stream.truncate()

    def content(self) -> tuple[str, str, tuple[BodyPart, ...]]:
        """Return the text, the HTML if there is any, and what goes with them.

        It blocks.
        """
        said = [one for one in self.failures if one not in self.unsaid]
        notes = self.texts.notes_for_readers(said, self.names)
        card, own = replace(self.card, notes=notes), self.own_html
        referenced = content_ids(own or (render_html(card) if card.markdown else ""))
        there = {part.content_id for part in self.parts}
        charts = tuple(
            chart if chart.content_id in there else replace(chart, content_id="")
            for chart in card.charts
        )
        referenced |= {chart.content_id for chart in charts}
        parts = tuple(_placed(part, referenced) for part in self.parts)
        shown = [part for part in parts if part.inline]
        card = replace(
            card,
            charts=charts,
            pictures=tuple(one for one in shown if one.content_id not in referenced),
            widths={part.content_id: part.shown_width for part in shown},
        )
        if own:
            card, html = fitted(card, lambda card: extend_html(own, card))
            return extend_text(card.text or text_of(own), card), html, parts
        if card.markdown or card.shows_more or card.priority.is_urgent:
            card, html = fitted(card, render_html)
            return render_text(card), html, parts
        return extend_text(card.text, card), "", parts


def _placed(part: BodyPart, referenced: set[str]) -> BodyPart:
    """Show a part within the HTML where that refers to it, or where it should be.

    What is shown is what its first octets tell a picture from.
    """
    for content_id in (part.content_id, part.filename):
        if content_id in referenced and part.media_type != OCTET_STREAM:
            return replace(part, inline=True, content_id=content_id)
    if part.inline and part.media_type in PICTURES:
        return replace(part, content_id=part.content_id or new_content_id())
    return replace(part, inline=False)


@asynccontextmanager
async def async_material(
    hass: HomeAssistant,
    request: MessageRequest,
    budget: int,
    raised: datetime,
    texts: Texts,
) -> AsyncGenerator[Material]:
    """Fetch what a message is made of; what cannot be fetched becomes a note.

    The budget is in octets, before they are encoded.
    """
    rows, missing = await async_rows(hass, request.entities, raised, texts)
    failures = [*request.notes, *missing]
    html, pictures, embedded = await async_embedded(hass, request.html)
    links: list[Link] = []
    if request.link:
        try:
            url, title = absolute(hass, request.link.url), request.link.title
            links.append(Link(url, title or _named(request.link.url, texts)))
        except HomeAssistantError as err:
            failures.append(err)
    async with AsyncExitStack() as stack:
        fetching = stack.enter_async_context(
            async_fetched(hass, (*request.attachments, *pictures), budget)
        )
        if request.charts:
            # At the same time: a camera is to show the moment, and none waits.
            charting = async_charts(hass, request.charts, raised, texts)
            (drawn, not_drawn), fetched = await asyncio.gather(charting, fetching)
        else:
            # A mail without any is taken at once, even if its call is cancelled then.
            drawn, not_drawn, fetched = [], [], await fetching
        there, missing = split(fetched)
        there = [*(picture for _, picture in drawn), *there, *embedded]
        parts, too_large = split(await async_fit(hass, there, budget))
        failures += [*not_drawn, *missing, *too_large]
        priority = request.priority
        card = Card(
            title=request.title,
            text=request.message,
            markdown=request.markdown,
            columns=(texts("card_name"), texts("card_state"), texts("card_since")),
            label=texts(f"card_{priority}") if priority.is_urgent else "",
            rows=rows,
            more=texts("card_more", number="{number}"),
            charts=tuple(chart for chart, _ in drawn),
            links=tuple(links),
            priority=priority,
            sent_by=texts("card_sent_by"),
            home=hass.config.location_name,
            time=f"{dt_util.as_local(raised):%Y-%m-%d %H:%M}",
            language=hass.config.language,
        )
        names = {
            value: state.name
            for failure in failures
            for value in (failure.translation_placeholders or {}).values()
            if (state := hass.states.get(value))
        }
        yield Material(card, html, parts, failures, names, texts)


def _named(url: str, texts: Texts) -> str:
    """Return what a button says that was given no title."""
    parts = urlsplit(url)
    if parts.scheme in ("", "homeassistant"):
        return texts("card_open")
    if parts.scheme == "tel":
        return texts("card_call", number=parts.path)
    return texts("card_open_other", where=parts.hostname or parts.path)


def absolute(hass: HomeAssistant, url: str) -> str:
    """Return a URL that works from anywhere, for a path of Home Assistant's own too.

    Raises HomeAssistantError.
    """
    if not url.startswith("/"):
        return url
    try:
        return get_url(hass, prefer_external=True) + url
    except NoURLAvailableError as err:
        raise translated_error("no_url", link=quoted(url)) from err
