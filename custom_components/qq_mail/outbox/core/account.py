"""An account as the core knows it: how it stands with its server, and what it counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

from ...clock import Now
from ...smtp.models import Reply
from ...smtp.replies import Cause
from .limits import Entry, Learned, Limits, Settings
from .models import DAY, NEVER, Down, Level, Message, Pause
from .queue import Queue
from .record import Record, ago, read_reply, reply_as_dict
from .retry import LONGEST_PAUSE

CONVERSATION_DURATION: Final = 7 * DAY
"""Seconds for which messages with the same tag make one conversation."""
MAX_CONVERSATIONS: Final = 1000
"""Conversations that are remembered; a tag may be made by a template."""

type Records = Mapping[tuple[str, str], Mapping[str, Any]]
"""What the disk has of an account, by kind and key."""

_COUNTS = ("login_refusals", "asked", "pauses")
"""Numbers of an account that are kept."""
_MOST_TITLES = 50
"""Of a day: a title may be made by a template."""
_LONGEST_TITLE = 100
_SHOWN_TITLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The messages of one tag."""

    references: str
    """A message id of its own: QQ replaces those of the messages."""
    subject: str
    """Of the first message: some mail programs want it to be the same."""
    started: datetime
    used: datetime
    """When a message was last made for it."""
    went_out: bool = False
    """Whether QQ has, or may have, a message that was not declared over yet."""


class Tally:
    """How many messages were accepted, and which titles went out most."""

    def __init__(self) -> None:
        """Begin with none."""
        self.last_accepted: datetime | None = None
        self._days: dict[date, Counter[str]] = {}
        """How often each title was sent today and yesterday."""
        self._accepted: tuple[date | None, int] = (None, 0)

    def accepted_on(self, today: date) -> int:
        """Return how many messages were accepted since midnight."""
        day, number = self._accepted
        return number if day == today else 0

    def count(self, now: Now, today: date, titles: tuple[str, ...]) -> None:
        """Note that a message, or a digest of some with these titles, was accepted."""
        self._accepted = (today, self.accepted_on(today) + 1)
        self.last_accepted = now.wall
        for title in titles:
            self._count_title(today, title[:_LONGEST_TITLE])

    def most(self) -> list[tuple[str, int]]:
        """Return the titles that were sent most, and how often."""
        sums = sum(self._days.values(), Counter[str]())
        by_number = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        return by_number[:_SHOWN_TITLES]

    def as_dict(self) -> dict[str, Any]:
        """Return what can be written as JSON."""
        day, number = self._accepted
        return {
            "day": day and day.isoformat(),
            "accepted": number,
            "last_accepted": self.last_accepted and self.last_accepted.isoformat(),
            "titles": {day.isoformat(): some for day, some in self._days.items()},
        }

    @classmethod
    def read(cls, record: Record) -> Tally:
        """Return what was written. Raises ValueError."""
        tally = cls()
        if day := record.optional("day", str):
            tally._accepted = (date.fromisoformat(day), record.count("accepted"))
        if record.optional("last_accepted", str):
            tally.last_accepted = record.time("last_accepted")
        for day, titles in sorted((record.optional("titles", dict) or {}).items())[-2:]:
            some = Record.of(titles)
            tally._days[date.fromisoformat(day)] = Counter(
                {
                    title[:_LONGEST_TITLE]: some.count(title)
                    for title in list(titles)[:_MOST_TITLES]
                }
            )
        return tally

    def _count_title(self, today: date, title: str) -> None:
        if today not in self._days:
            # A clock that was set back makes a third day: the oldest goes.
            self._days = dict(sorted(self._days.items())[-1:])
            self._days[today] = Counter()
        titles = self._days[today]
        if title not in titles and len(titles) >= _MOST_TITLES:
            # Who was sent least makes room, and hands its count on: a title that comes
            # often stays, whatever comes in between.
            least = min(titles, key=lambda one: titles[one])
            titles[title] = titles.pop(least)
        titles[title] += 1


@dataclass(slots=True)
class Loaded:
    """What was read of an account, and by which clock."""

    records: Records
    at: Now
    by: Now
    """The clock by which its age was counted last."""
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Kind and key of what could not be read."""
    cut_off: list[str] = field(default_factory=list)
    """Queue ids of what the server may have: its attempt ended with the process."""


@dataclass(slots=True)
class Account:
    """An account: its messages, its limits, and how it stands with its server."""

    id: str
    """Of its entry."""
    limits: Limits
    house: Mapping[str, Account] = field(default_factory=dict, repr=False)
    """All accounts, by their ids."""
    queue: Queue = field(default_factory=Queue)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    """By their tags, the longest unused first."""
    tally: Tally = field(default_factory=Tally)
    running: bool = False
    """Whether messages are tried; else they are only kept."""
    idle_session: bool = False
    """Whether there is a session that nobody uses: the next message needs no login."""
    max_size: int | None = None
    """Octets of a message that the server takes, as it said last."""
    pause: Pause | None = None
    down: Down | None = None
    expired: bool = False
    """Whether a message expired, and none was accepted since."""
    login_refusals: int = 0
    """Logins refused in a row, a person's own tries included."""
    asked: int = 0
    """How often a new code was asked for since a login succeeded."""
    pauses: int = 0
    """How often QQ's rate limit was met since a message was accepted."""
    check_login_at: float = NEVER
    accepted_at: float | None = None
    """When a message was accepted last."""
    lost: str | None = None
    """The message whose attempt ended last, if it lost its connection."""
    helped_since: float | None = None
    """Since when another account sends what this one may not."""
    loaded: Loaded | None = None
    """What an earlier run left of it, as long as its age may have to be counted anew."""

    def owner_of(self, queue_id: str) -> Account:
        """Return the account that has a message, or its digest; by default this one."""
        accounts = self.house.values()
        owners = (one for one in accounts if one.queue.get_whole(queue_id))
        return next(owners, self)

    def elsewhere(self) -> list[tuple[Account, Message]]:
        """Return what others have taken over from this account, and who has it."""
        return [
            (other, message)
            for other in self.house.values()
            for queue_id, home in other.queue.guests.items()
            if home == self.id and (message := other.queue.get(queue_id))
        ]

    def raised(self) -> list[tuple[Account, Message]]:
        """Return what was raised here and waits, and the account that has it."""
        own = [(self, message) for message in self.queue if not message.home]
        return own + self.elsewhere()

    @property
    def paused_for_login(self) -> bool:
        """Whether the account is paused because a login was refused."""
        return self.pause is not None and self.pause.cause.of_login

    def as_dict(self, now: Now) -> dict[str, Any]:
        """Return what is kept beside messages, log and conversations."""
        pause = self.pause
        return {
            "written": now.wall.isoformat(),
            "pause": pause
            and {
                "cause": pause.cause,
                "left": max(pause.until - now.steady, 0.0),
                "length": pause.length,
                "reply": reply_as_dict(pause.reply),
            },
            **{key: getattr(self, key) for key in _COUNTS},
            "expired": self.expired,
            "minute": _learned_as_dict(self.limits.minute, now),
            "hour": _learned_as_dict(self.limits.hour, now),
            "max_size": self.max_size or 0,
            "tally": self.tally.as_dict(),
        }

    def read(self, data: Mapping[str, Any], now: Now) -> None:
        """Take over what was written. Raises ValueError where anything is not right.

        The wall clock may have been set since: a pause is no longer than it was, and
        what was learned grows older, never younger.
        """
        record = Record(data)
        written = record.time("written")
        pause = None
        if kept := record.optional("pause", dict):
            pause = _read_pause(Record(kept), written, now)
        minute = _read_learned(record.optional("minute", dict), written, now)
        hour = _read_learned(record.optional("hour", dict), written, now)
        counts = {key: record.count(key) for key in _COUNTS}
        tally = Tally.read(Record.of(record.optional("tally", dict)))
        max_size, expired = record.count("max_size") or None, record.flag("expired")
        # Nothing is taken over before all of it could be read.
        self.pause, self.tally, self.max_size = pause, tally, max_size
        self.expired = expired
        for key, number in counts.items():
            setattr(self, key, number)
        self.limits.minute, self.limits.hour = minute, hour
        if pause and pause.cause.of_login:
            self.check_login_at = pause.until

    def use_conversation(self, tag: str, new: Conversation) -> Conversation:
        """Return a tag's conversation: the new one where there is none, or an old one.

        Beyond a thousand those are forgotten first that are over, then the longest
        unused.
        """
        known = self.conversations.pop(tag, None)
        if known and (new.started - known.started).total_seconds() < (
            CONVERSATION_DURATION
        ):
            # A clock that was set back makes none older.
            known = replace(known, used=new.used)
        else:
            known = new
        self.conversations[tag] = known
        return known

    def crowded_out(self) -> list[str]:
        """Return the tags of the conversations that are too many, and forget them."""
        number = len(self.conversations) - MAX_CONVERSATIONS
        if number <= 0:
            return []
        ended = [tag for tag, one in self.conversations.items() if not one.went_out]
        newest = next(reversed(self.conversations))
        tags = [tag for tag in (*ended, *self.conversations) if tag != newest]
        gone = list(dict.fromkeys(tags))[:number]
        for tag in gone:
            del self.conversations[tag]
        return gone


def new_account(
    account_id: str, settings: Settings, now: Now, house: Mapping[str, Account]
) -> Account:
    """Return an account of which nothing is known; its login is checked first."""
    return Account(account_id, Limits(settings), house, check_login_at=now.steady)


def conversation_as_dict(conversation: Conversation) -> dict[str, Any]:
    """Return what can be written as JSON."""
    times = {"started": conversation.started, "used": conversation.used}
    return asdict(conversation) | {key: at.isoformat() for key, at in times.items()}


def read_conversation(data: Mapping[str, Any]) -> Conversation:
    """Return what was written. Raises ValueError."""
    record = Record(data)
    return Conversation(
        references=record.text("references"),
        subject=record.text("subject"),
        started=record.time("started"),
        used=record.time("used"),
        went_out=record.flag("went_out"),
    )


def entry_as_dict(entry: Entry, now: Now) -> dict[str, Any]:
    """Return what can be written as JSON of something that counts."""
    return {
        "at": now.wall_at(entry.at).isoformat(),
        "people": entry.people,
        "level": entry.level,
        "imap": entry.imap,
    }


def read_entry(key: str, data: Mapping[str, Any], now: Now) -> Entry:
    """Return what was written. Raises ValueError."""
    record = Record(data)
    at = ago(0.0, record.time("at"), now)
    level = Level(record.count("level"))
    return Entry(at, key, record.text("people"), level, record.flag("imap"))


def _read_pause(record: Record, written: datetime, now: Now) -> Pause | None:
    length = min(record.seconds("length"), LONGEST_PAUSE)
    left = min(record.seconds("left"), length) - (now.steady - ago(0.0, written, now))
    if left <= 0:
        return None
    reply: Reply | None = read_reply(record.optional("reply", dict))
    until = round(now.steady + left, 3)
    return Pause(Cause(record.text("cause")), until, length, reply)


def _learned_as_dict(learned: Learned | None, now: Now) -> dict[str, float] | None:
    if learned is None:
        return None
    return {"value": learned.value, "age": max(now.steady - learned.at, 0.0)}


def _read_learned(
    data: Mapping[str, Any] | None, written: datetime, now: Now
) -> Learned | None:
    if data is None:
        return None
    record = Record(data)
    value = record.number("value")
    if value <= 0:
        raise ValueError("nothing was learned")
    return Learned(value, ago(record.seconds("age"), written, now))
