"""Many alerts as one message: what it says, and what goes with it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO
from urllib.parse import quote

from homeassistant.util import dt as dt_util

from ..mime.address import Mailbox, Recipients, one_line
from ..mime.card import CONTENT_WIDTH, Card, Entry, Link, Picture
from ..mime.digest import Alert, Files, read_alert, read_files
from ..mime.message import compose
from ..mime.models import BodyPart, Draft, KeptMessage, Priority, WrittenDigest
from ..mime.render import MAX_OCTETS, render_html, render_text
from ..texts import Texts, time_of
from .attachments.budget import measured

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
_LONGEST_WHEN = "x" * 50
_BY_IMPORTANCE = tuple(Priority)

type _Key = tuple[str, str, str, Priority, Mailbox | None]


@dataclass(frozen=True, slots=True)
class DigestWriter:
    """Writes one message that tells what many others do: a WriteDigest."""

    texts: Texts
    home: str
    language: str
    budget: int
    """The octets that attachments may have."""

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
        files: list[Files] = []
        room, places = self.budget, MAX_PARTS
        # The newest first: for the others there may be no room.
        for alert in reversed(chosen):
            check()
            files.append(read_files(alert, room, places))
            room -= files[-1].size
            places -= len(files[-1].parts)
        subject = self._subject(chosen)
        card = self._card(chosen, files)
        draft = Draft(
            recipients=_recipients(chosen),
            subject=subject,
            text=render_text(card),
            html=render_html(card),
            parts=tuple(part for one in files for part in one.parts),
            reply_to=_common(alert.reply_to for alert in chosen),
            priority=card.priority,
            # Where it tells of several conversations, it belongs to none of them.
            references=_common(one.references.partition(" ")[0] for one in chosen)
            or "",
        )
        return WrittenDigest(
            subject=subject,
            composed=compose(stream, draft),
            parts=tuple(alert.kept.queue_id for alert in chosen),
            alone=tuple(alert.kept.queue_id for alert in alone),
        )

    def _choose(
        self, messages: Iterable[KeptMessage], check: Callable[[], None]
    ) -> tuple[list[Alert], list[Alert]]:
        """Read messages until there is room for no more, the oldest first.

        Return the alerts that this digest tells, and those that fit into none.
        """
        frame = _octets()
        room = MAX_OCTETS - _RESERVE - frame
        chosen: list[Alert] = []
        alone: list[Alert] = []
        texts: dict[_Key, int] = {}
        sets: dict[tuple[str, str], tuple[int, int]] = {}
        passed_over = 0
        for message in messages:
            if passed_over == _MAX_PASSED_OVER:
                break
            check()
            alert = read_alert(message)
            entry, number, links = alert.entry, len(alert.entry.buttons), 0
            text = _octets(self._entry(alert, _bare(entry), _LONGEST_WHEN)) - frame
            if entry.buttons or entry.links:
                links = _octets(self._entry(alert, entry, _LONGEST_WHEN)) - frame - text
            if not alert.whole or text + links > room or number > MAX_BUTTONS:
                alone.append(alert)
                continue
            more_texts, more_sets = texts | {_key(alert): text}, sets
            if links:
                # In place of those of an older one with the same title and tag.
                more_sets = sets | {_group(alert): (number, links)}
            octets = sum(more_texts.values()) + sum(
                one for _, one in more_sets.values()
            )
            buttons = sum(number for number, _ in more_sets.values())
            if octets > room or buttons > MAX_BUTTONS:
                # It waits for the next one.
                passed_over += 1
            else:
                chosen.append(alert)
                texts, sets = more_texts, more_sets
        return chosen, alone

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
                title=_cut(most, _MAX_SUBJECT),
            )
        )

    def _card(self, alerts: Sequence[Alert], files: Sequence[Files]) -> Card:
        """Return the card of alerts, whose files come with the newest first."""
        texts, newest = self.texts, alerts[-1].kept.raised
        pictures = tuple(
            _picture(part, time_of(alert.kept.raised, newest))
            for alert, some in zip(reversed(alerts), files, strict=True)
            for part in some.parts
            if part.inline
        )
        left_out = sum(some.left_out for some in files)
        notes = (texts("digest_parts", number=str(left_out)),) if left_out else ()
        sets = _sets(alerts).values()
        prints = [one.entry.small_print for one in sets if one.entry.small_print]
        small_print = _common(prints) or ()
        entries = self._entries(alerts)
        if small_print:
            entries = [replace(entry, small_print=()) for entry in entries]
        return Card(
            title=texts(
                "digest_title",
                number=str(len(alerts)),
                span=texts.span(alerts[0].kept.raised, newest, newest),
            ),
            text=_counts(alerts) if len(entries) > len(_titles(alerts)) else "",
            entries=tuple(entries),
            above_buttons=tuple(
                dict.fromkeys(line for one in sets for line in one.above_buttons)
            ),
            small_print=small_print,
            pictures=pictures,
            notes=notes,
            priority=min(
                (one.entry.priority for one in alerts), key=_BY_IMPORTANCE.index
            ),
            sent_by=texts("card_sent_by"),
            home=self.home,
            time=f"{dt_util.as_local(newest):%Y-%m-%d %H:%M}",
            language=self.language,
        )

    def _entries(self, alerts: Sequence[Alert]) -> list[Entry]:
        """Return the different alerts, the newest first."""
        same: dict[_Key, list[Alert]] = {}
        for alert in reversed(alerts):
            same.setdefault(_key(alert), []).append(alert)
        sets = _sets(alerts)
        answers = len({alert.reply_to for alert in alerts}) > 1
        entries: list[Entry] = []
        for key, (alert, *others) in same.items():
            entry = _bare(alert.entry)
            if (shown := sets.get(_group(alert))) and _key(shown) == key:
                entry = shown.entry
            when = self._when([alert, *others], alerts[-1])
            entries.append(self._entry(alert, entry, when, answers=answers))
        return entries

    def _entry(
        self, alert: Alert, entry: Entry, when: str, *, answers: bool = True
    ) -> Entry:
        """Fill in what is told of an alert; `answers`: also where answers to it go."""
        links, label = entry.links, ""
        if answers and alert.reply_to:
            name = alert.reply_to.display_name or alert.reply_to.addr_spec
            url = f"mailto:{quote(alert.reply_to.addr_spec, safe='@')}"
            links = (*links, Link(url, self.texts("digest_reply_to", name=name)))
        if entry.priority.is_urgent:
            label = self.texts(f"card_{entry.priority}")
        return replace(entry, when=when, label=label, links=links)

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


def _key(alert: Alert) -> _Key:
    """Return what alerts have in common that are told as one."""
    entry, tag = alert.entry, alert.kept.tag
    return entry.title, entry.text, tag, entry.priority, alert.reply_to


def _group(alert: Alert) -> tuple[str, str]:
    """Return what alerts have in common of which one shows its buttons."""
    return alert.entry.title, alert.kept.tag


def _bare(entry: Entry) -> Entry:
    """Return an alert without its buttons and its link."""
    return replace(entry, buttons=(), small_print=(), links=())


def _sets(alerts: Sequence[Alert]) -> dict[tuple[str, str], Alert]:
    """Return whose buttons and link are shown: of each group the newest that has any."""
    links = {_group(alert): alert for alert in alerts if alert.entry.links}
    return links | {_group(alert): alert for alert in alerts if alert.entry.buttons}


def _titles(alerts: Sequence[Alert]) -> Counter[str]:
    """Return how often each title was raised; among equals the newest comes first."""
    return Counter(alert.entry.title for alert in reversed(alerts))


def _counts(alerts: Sequence[Alert]) -> str:
    """Return a line that says how often each title was raised."""
    titles = _titles(alerts).most_common()
    counts = [
        f"{one_line(_cut(title, _MAX_COUNTED))} \N{MULTIPLICATION SIGN}{number}"
        for title, number in titles[:_MAX_COUNTS]
    ]
    return " · ".join([*counts, "…"] if titles[_MAX_COUNTS:] else counts)


def _octets(*entries: Entry) -> int:
    """Return how long the HTML of a card with these is."""
    # A list of mails shows the text, and no title of an entry, which would count twice.
    card = Card(title="", text="x", entries=entries)
    return len(render_html(card).encode(errors="replace"))


def _common[Value](values: Iterable[Value]) -> Value | None:
    """Return the value that all of them are; None: they differ, or there are none."""
    different = set(values)
    return different.pop() if len(different) == 1 else None


def _recipients(alerts: Sequence[Alert]) -> Recipients:
    """Return who is named: those whom each of the messages names to all others.

    All of them go to the same people; who is not named gets a blind copy, as the
    envelope says.
    """
    newest = alerts[-1]
    everywhere = set.intersection(
        *({one.addr_spec for one in (*alert.to, *alert.cc)} for alert in alerts)
    )

    def named(mailboxes: Iterable[Mailbox]) -> tuple[Mailbox, ...]:
        return tuple(one for one in mailboxes if one.addr_spec in everywhere)

    return Recipients(to=named(newest.to), cc=named(newest.cc))


def _picture(part: BodyPart, time: str) -> Picture:
    width = measured(part).width or CONTENT_WIDTH
    name = f"{time} {_cut(part.filename, _MAX_NAME)}"
    return Picture(part.content_id, name, min(width, CONTENT_WIDTH))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()}…"
