"""Many alerts as one message: what it says, and what goes with it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO
from urllib.parse import quote

from homeassistant.util import dt as dt_util

from ..mime.address import Mailbox, Recipients, one_line, shortened
from ..mime.card import Card, Link, Look, numbered
from ..mime.digest import Alert, read_alert, read_files
from ..mime.message import compose
from ..mime.models import BodyPart, Draft, KeptMessage, Priority, WrittenDigest
from ..mime.render import MAX_OCTETS, render_html, render_text
from ..mime.secret import find_secrets
from ..texts import Texts, time_of
from .attachments.pictures import measured

MAX_BUTTONS = 10
"""In a digest; an alert with more of them goes alone."""
MAX_PARTS = 20
"""Pictures and files: nobody looks at more of them."""
_RESERVE = 16_000
"""Octets of HTML for what is no alert: pictures, counts and notes."""
_MAX_SUBJECT, _MAX_COUNTED, _MAX_NAME = 150, 40, 60
"""Characters of a title in the subject, of one that is counted, of a picture's name."""
_MAX_COUNTS = 10
"""Titles that are counted at the beginning."""
_MAX_PASSED_OVER = 50
"""Alerts without room, after which no more are read: they wait for the next digest."""


@dataclass(frozen=True, slots=True)
class DigestWriter:
    """Writes one message that tells what many others do: a WriteDigest."""

    texts: Texts
    home: str
    language: str
    budget: int
    """The octets that attachments may have."""
    number: Callable[[Mapping[str, int]], None]
    """Is told which number the first button of each message has, by queue ids."""

    def __call__(
        self,
        stream: BinaryIO,
        messages: Sequence[KeptMessage],
        check: Callable[[], None],
    ) -> WrittenDigest | None:
        """Write a digest of as many messages as fit into it, the oldest of them first.

        None where those are fewer than two. It blocks. Raises OSError where a message
        cannot be read, and whatever `check` does.
        """
        chosen, alone = self._choose(messages, check)
        if len(chosen) < 2:  # noqa: PLR2004 - one is no digest
            return None
        # The newest first: for the others there may be no room.
        files, left_out = read_files(reversed(chosen), self.budget, MAX_PARTS, check)
        subject = self._subject(chosen)
        entries, numbers = self._entries(chosen)
        card = self._card(chosen, entries, files, left_out)
        draft = Draft(
            recipients=_recipients(chosen),
            subject=subject,
            text=render_text(card),
            html=render_html(card),
            parts=tuple(part for _, part in files),
            reply_to=_common(alert.reply_to for alert in chosen),
            priority=card.priority,
            references=_references(chosen),
        )
        return WrittenDigest(
            subject=subject,
            composed=compose(stream, draft),
            parts=tuple(alert.kept.queue_id for alert in chosen),
            alone=tuple(alert.kept.queue_id for alert in alone),
            kept=partial(self.number, numbers),
        )

    def _choose(
        self, messages: Iterable[KeptMessage], check: Callable[[], None]
    ) -> tuple[list[Alert], list[Alert]]:
        """Read messages until there is room for no more, the oldest first.

        Return the alerts that this digest tells, and those that fit into none.
        """
        chosen: list[Alert] = []
        alone: list[Alert] = []
        passed_over = 0
        for message in messages:
            if passed_over == _MAX_PASSED_OVER:
                break
            check()
            alert = read_alert(message)
            if not (alert.whole and self._fit([alert])):
                alone.append(alert)
            elif self._fit([*chosen, alert]):
                chosen.append(alert)
            else:
                # It waits for the next one.
                passed_over += 1
        return chosen, alone

    def _fit(self, alerts: Sequence[Alert]) -> bool:
        entries, _ = self._entries(alerts)
        buttons = sum(len(entry.buttons) for entry in entries)
        # A list of mails shows the text, and no title of an entry, which would count
        # twice.
        html = render_html(Card(title="", text="x", entries=entries))
        octets = len(html.encode(errors="replace"))
        return buttons <= MAX_BUTTONS and octets <= MAX_OCTETS - _RESERVE

    def _subject(self, alerts: Sequence[Alert]) -> str:
        titles = _titles(alerts)
        ((most, _),) = titles.most_common(1)
        newest = alerts[-1].kept.raised
        return one_line(
            self.texts(
                # Or whoever reads no more takes all of them for the same.
                "digest_subject_others" if len(titles) > 1 else "digest_subject",
                number=str(len(alerts)),
                span=self.texts.span(alerts[0].kept.raised, newest, newest),
                title=shortened(most, _MAX_SUBJECT),
            )
        )

    def _card(
        self,
        alerts: Sequence[Alert],
        entries: tuple[Card, ...],
        files: Iterable[tuple[Alert, BodyPart]],
        left_out: int,
    ) -> Card:
        """Return the card of alerts as entries, with so many files left out."""
        texts, newest = self.texts, alerts[-1].kept.raised
        pictures = tuple(
            replace(
                measured(part),
                title=f"{time_of(alert.kept.raised, newest)}"
                f" {shortened(part.filename, _MAX_NAME)}",
            )
            for alert, part in files
            if part.inline
        )
        notes = (texts("digest_parts", number=str(left_out)),) if left_out else ()
        sets = _sets(alerts).values()
        small_print = _common(filter(None, (one.card.small_print for one in sets)))
        if small_print:
            entries = tuple(replace(entry, small_print=()) for entry in entries)
        return Card(
            title=texts(
                "digest_title",
                number=str(len(alerts)),
                span=texts.span(alerts[0].kept.raised, newest, newest),
            ),
            text=_counts(alerts) if len(entries) > len(_titles(alerts)) else "",
            entries=entries,
            above_buttons=tuple(
                dict.fromkeys(line for one in sets for line in one.card.above_buttons)
            ),
            small_print=small_print or (),
            pictures=pictures,
            notes=notes,
            priority=min(
                (one.card.priority for one in alerts), key=list(Priority).index
            ),
            sent_by=texts("card_sent_by"),
            home=self.home,
            time=f"{dt_util.as_local(newest):%Y-%m-%d %H:%M}",
            language=self.language,
        )

    def _entries(
        self, alerts: Sequence[Alert]
    ) -> tuple[tuple[Card, ...], dict[str, int]]:
        """Return the different alerts, the newest first, and their buttons' numbers.

        Those go on from one alert to the next; of each the first one's is returned.
        """
        same: dict[tuple[object, ...], list[Alert]] = {}
        for alert in reversed(alerts):
            same.setdefault(_key(alert), []).append(alert)
        # Of each title and tag one shows its buttons.
        shown = {_key(alert): alert for alert in _sets(alerts).values()}
        differ = len({alert.reply_to for alert in alerts}) > 1
        entries: list[Card] = []
        numbers: dict[str, int] = {}
        number = 1
        for key, some in same.items():
            alert, label = some[0], ""
            if one := shown.get(key):
                entry, more = _numbered(one.card, number)
                numbers[one.kept.queue_id] = number
                number += more
            else:
                entry = replace(alert.card, buttons=(), small_print=(), links=())
            links = entry.links
            if differ and alert.reply_to:
                name = alert.reply_to.display_name or alert.reply_to.addr_spec
                url = f"mailto:{quote(alert.reply_to.addr_spec, safe='@')}"
                links = (*links, Link(url, self.texts("digest_reply_to", name=name)))
            if entry.priority.is_urgent:
                label = self.texts(f"card_{entry.priority}")
            when = self._when(some, alerts[-1])
            entries.append(
                replace(entry, time=when, label=label, links=links, above_buttons=())
            )
        return tuple(entries), numbers

    def _when(self, alerts: Sequence[Alert], newest: Alert) -> str:
        """Return when equal alerts, of which the newest comes first, were raised."""
        now, last, first = (one.kept.raised for one in (newest, alerts[0], alerts[-1]))
        if len(alerts) == 1:
            return time_of(last, now)
        return self.texts(
            "digest_times",
            number=str(len(alerts)),
            span=self.texts.span(first, last, now),
        )


def _key(alert: Alert) -> tuple[object, ...]:
    """Return what alerts have in common that are told as one."""
    card, tag = alert.card, alert.kept.tag
    return card.title, card.text, tag, card.priority, alert.reply_to


def _sets(alerts: Sequence[Alert]) -> dict[tuple[str, str], Alert]:
    """Return whose buttons and link are shown.

    That is, for each title and tag, the newest that has any.
    """
    links = {(one.card.title, one.kept.tag): one for one in alerts if one.card.links}
    return links | {
        (one.card.title, one.kept.tag): one for one in alerts if one.card.buttons
    }


def _numbered(card: Card, first: int) -> tuple[Card, int]:
    """Return an alert whose buttons' numbers begin there, and how many there are.

    An alert that cannot be answered has no line of numbers, and counts none.
    """
    pressed = (Look.ACT, Look.DESTRUCTIVE)
    titles = [one.title for one in card.buttons if one.look in pressed]
    line = numbered(titles)
    if line not in card.small_print:
        return card, 0
    lines = {line: numbered(titles, first)}
    small_print = tuple(lines.get(one, one) for one in card.small_print)
    return replace(card, small_print=small_print), len(titles)


def _references(alerts: Sequence[Alert]) -> str:
    """Return the conversation that all are of, and what an answer is known by.

    Where they are of several conversations, the digest belongs to none of them.
    """
    ids = {alert.kept.queue_id: alert.references.split() for alert in alerts}
    conversation = _common(
        next((one for one in some if not find_secrets(one)), "")
        for some in ids.values()
    )
    shown = [alert.kept.queue_id for alert in _sets(alerts).values()]
    secrets = [one for name in shown for one in ids[name] if find_secrets(one)]
    return " ".join(filter(None, [conversation, *secrets]))


def _titles(alerts: Sequence[Alert]) -> Counter[str]:
    """Return how often each title was raised; among equals the newest comes first."""
    return Counter(alert.card.title for alert in reversed(alerts))


def _counts(alerts: Sequence[Alert]) -> str:
    titles = _titles(alerts).most_common()
    counts = [
        f"{one_line(shortened(title, _MAX_COUNTED))} \N{MULTIPLICATION SIGN}{number}"
        for title, number in titles[:_MAX_COUNTS]
    ]
    return " · ".join([*counts, "…"] if titles[_MAX_COUNTS:] else counts)


def _common[Value](values: Iterable[Value]) -> Value | None:
    """Return the value that all of them are; None: they differ, or there are none."""
    different = set(values)
    return different.pop() if len(different) == 1 else None


def _recipients(alerts: Sequence[Alert]) -> Recipients:
    """Return who is named: those whom each of the messages names to all others.

    All of them go to the same people; who is not named gets a blind copy, as the
    envelope says.
    """
    newest = alerts[-1].recipients
    everywhere = set.intersection(
        *(set(alert.recipients.addr_specs) for alert in alerts)
    )

    def named(mailboxes: Iterable[Mailbox]) -> tuple[Mailbox, ...]:
        return tuple(one for one in mailboxes if one.addr_spec in everywhere)

    return Recipients(to=named(newest.to), cc=named(newest.cc))
