"""Many alerts as one message: what it says, and what goes with it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import make_msgid
from typing import BinaryIO

from homeassistant.util import dt as dt_util

from ..mime.address import Mailbox, Recipients, one_line
from ..mime.card import CONTENT_WIDTH, Card, Entry, Picture, render_html, render_text
from ..mime.digest import Alert, read_alert
from ..mime.message import compose
from ..mime.models import BodyPart, Composed, Draft, KeptMessage
from ..texts import Texts, time_of
from .attachments.budget import measured

MAX_ENTRIES = 40
"""Different alerts that are told with their texts."""
MAX_PARTS = 20
"""Pictures and files: nobody looks at more of them."""
_MAX_TITLE, _MAX_TEXT = 200, 400
"""Characters."""
_MAX_SUBJECT = 150
_MAX_MORE, _MAX_SHORT = 10, 40
"""Titles, and characters of each, that the last line names of what has no room."""
_MAX_OCTETS = 100_000
"""Of HTML: Gmail cuts what has more than 102 kB."""


@dataclass(slots=True)
class _Same:
    """Alerts with the same title and text."""

    title: str
    text: str
    newest: datetime
    oldest: datetime
    number: int = 1


class DigestWriter:
    """Writes one message that tells what many others do."""

    def __init__(self, texts: Texts, home: str, language: str, budget: int) -> None:
        """Keep the words, and the octets that attachments may have."""
        self._texts = texts
        self._home = home
        self._language = language
        self._budget = budget

    def __call__(
        self,
        stream: BinaryIO,
        messages: Sequence[KeptMessage],
        check: Callable[[], None],
    ) -> tuple[str, Composed]:
        """Write a digest, and return its subject. It blocks.

        Raises OSError where a message cannot be read, and whatever `check` does.
        """
        alerts: list[Alert] = []
        room, places = self._budget, MAX_PARTS
        # The newest first: for the others there may be no room.
        for message in reversed(messages):
            check()
            alert = read_alert(message, room, places)
            alerts.append(alert)
            places -= len(alert.parts)
            room -= alert.size
        newest = alerts[0]
        subject = self._subject(alerts)
        card = self._card(alerts)
        html = render_html(card)
        while len(html.encode(errors="replace")) > _MAX_OCTETS and card.entries:
            card = self._with(card, alerts, len(card.entries) * 3 // 4)
            html = render_html(card)
        conversations = {alert.references for alert in alerts}
        draft = Draft(
            recipients=_recipients(alerts),
            subject=subject,
            text=render_text(card),
            html=html,
            parts=tuple(part for alert in alerts for part in alert.parts),
            reply_to=newest.reply_to,
            # Where it tells of several conversations, it belongs to none of them.
            references=newest.references if len(conversations) == 1 else "",
        )
        composed = compose(
            stream,
            draft,
            sender=newest.sender,
            message_id=make_msgid(domain=newest.sender.domain),
            # A list of mails has it where the last of the news belongs.
            date=dt_util.as_local(newest.dated),
        )
        return subject, composed

    def _subject(self, alerts: Sequence[Alert]) -> str:
        titles = Counter(alert.title for alert in alerts)
        ((most, _),) = titles.most_common(1)
        number, title = str(len(alerts)), _cut(most, _MAX_SUBJECT)
        newest = alerts[0].raised
        span = self._texts.span(alerts[-1].raised, newest, newest)
        text = self._texts("digest_subject", number=number, span=span, title=title)
        if len(titles) > 1:
            # Or whoever reads no more takes all of them for the same.
            text = self._texts(
                "digest_subject_others", number=number, span=span, title=title
            )
        return one_line(text)

    def _card(self, alerts: Sequence[Alert]) -> Card:
        texts, newest = self._texts, alerts[0]
        pictures = tuple(
            _picture(part, time_of(alert.raised, newest.raised))
            for alert in alerts
            for part in alert.parts
            if part.inline
        )
        left_out = sum(alert.left_out for alert in alerts)
        notes = (texts("digest_parts", number=str(left_out)),) if left_out else ()
        card = Card(
            title=texts(
                "digest_title",
                number=str(len(alerts)),
                span=texts.span(alerts[-1].raised, newest.raised, newest.raised),
            ),
            text="",
            pictures=pictures,
            notes=notes,
            sent_by=texts("card_sent_by"),
            home=self._home,
            time=f"{dt_util.as_local(newest.raised):%Y-%m-%d %H:%M}",
            language=self._language,
        )
        return self._with(card, alerts, MAX_ENTRIES)

    def _with(self, card: Card, alerts: Sequence[Alert], most: int) -> Card:
        """Return a card that tells so many different alerts, the newest first."""
        same: dict[tuple[str, str], _Same] = {}
        for alert in alerts:
            text = self._said(alert)
            if known := same.get((alert.title, text)):
                known.oldest = alert.raised
                known.number += 1
            else:
                same[alert.title, text] = _Same(
                    alert.title, text, alert.raised, alert.raised
                )
        shown, rest = list(same.values())[:most], list(same.values())[most:]
        more = self._more(rest) if rest else ""
        entries = tuple(
            Entry(
                _cut(one.title, _MAX_TITLE),
                self._when(one, alerts[0].raised),
                _cut(one.text, _MAX_TEXT),
            )
            for one in shown
        )
        return replace(card, entries=entries, more_entries=more)

    def _more(self, rest: Sequence[_Same]) -> str:
        """Return what there is no room for: the rarest first, which nobody knows of."""
        numbers: Counter[str] = Counter()
        for one in rest:
            numbers[one.title] += one.number
        rarest = sorted(numbers.items(), key=lambda item: item[1])
        titles = [
            f"{one_line(_cut(title, _MAX_SHORT))} \N{MULTIPLICATION SIGN} {number}"
            for title, number in rarest[:_MAX_MORE]
        ]
        return self._texts(
            "digest_more",
            number=str(numbers.total()),
            titles=" · ".join([*titles, "…"] if rarest[_MAX_MORE:] else titles),
        )

    def _said(self, alert: Alert) -> str:
        """Return the text of an alert without what its card says besides."""
        blocks = alert.text.split("\n\n")
        origin = " · ".join(filter(None, (self._texts("card_sent_by"), self._home)))
        if blocks[-1].startswith(origin):
            del blocks[-1]
        if blocks and blocks[0].split("\n")[-1] == alert.title:
            del blocks[0]
        return "\n\n".join(blocks)

    def _when(self, one: _Same, now: datetime) -> str:
        """Return when, and how often, something was raised."""
        if one.number == 1:
            return time_of(one.newest, now)
        return self._texts(
            "digest_times",
            number=str(one.number),
            span=self._texts.span(one.oldest, one.newest, now),
        )


def _recipients(alerts: Sequence[Alert]) -> Recipients:
    """Return who is named: those whom each of the messages names to all others.

    All of them go to the same people; who is not named gets a blind copy, as the
    envelope says.
    """
    newest = alerts[0]

    def named(field: Callable[[Alert], tuple[Mailbox, ...]]) -> tuple[Mailbox, ...]:
        everywhere = set.intersection(
            *({one.addr_spec for one in (*alert.to, *alert.cc)} for alert in alerts)
        )
        return tuple(one for one in field(newest) if one.addr_spec in everywhere)

    return Recipients(
        to=named(lambda alert: alert.to), cc=named(lambda alert: alert.cc)
    )


def _picture(part: BodyPart, time: str) -> Picture:
    width = measured(part).width or CONTENT_WIDTH
    return Picture(
        part.content_id, f"{time} {part.filename}", min(width, CONTENT_WIDTH)
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()}…"
