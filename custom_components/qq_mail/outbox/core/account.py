"""An account as the core knows it: how it stands with its server, and what it counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from ...clock import Now
from ...typed import PASSING
from .limits import Limits
from .models import NEVER, Down, Message, Pause
from .queue import Queue

CONVERSATION_DURATION: Final = timedelta(days=7)
"""For which messages with the same tag make one conversation."""
MAX_CONVERSATIONS: Final = 1000
"""Conversations that are remembered; a tag may be made by a template."""

type Records = Mapping[tuple[str, str], Mapping[str, Any]]
"""What the disk has of an account, by kind and key."""

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


@dataclass(slots=True)
class Day:
    """A day of the house on which messages were accepted."""

    on: date
    accepted: int = 0
    titles: dict[str, int] = field(default_factory=dict)
    """How often each one was sent."""


@dataclass(slots=True)
class Tally:
    """How many messages were accepted, and which titles went out most."""

    last_accepted: datetime | None = None
    days: list[Day] = field(default_factory=list)
    """Today and yesterday."""

    def accepted_on(self, today: date) -> int:
        """Return how many messages were accepted since midnight."""
        return sum(one.accepted for one in self.days if one.on == today)

    def count(self, now: Now, today: date, titles: tuple[str, ...]) -> None:
        """Note that a message, or a digest of some with these titles, was accepted."""
        self.last_accepted = now.wall
        day = next((one for one in self.days if one.on == today), None)
        if day is None:
            # A clock that was set back makes a third day: the oldest goes.
            day = Day(today)
            self.days = [*sorted(self.days, key=lambda one: one.on)[-1:], day]
        day.accepted += 1
        for title in titles:
            known = title[:_LONGEST_TITLE]
            if known not in day.titles and len(day.titles) >= _MOST_TITLES:
                # Who was sent least makes room, and hands its count on: a title that
                # comes often stays, whatever comes in between.
                least = min(day.titles, key=day.titles.__getitem__)
                day.titles[known] = day.titles.pop(least)
            day.titles[known] = day.titles.get(known, 0) + 1

    def most(self) -> list[tuple[str, int]]:
        """Return the titles that were sent most, and how often."""
        sums = sum((Counter(one.titles) for one in self.days), Counter[str]())
        by_number = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        return by_number[:_SHOWN_TITLES]


@dataclass(slots=True)
class Loaded:
    """What was read of an account, and by which clock."""

    records: Records
    at: Now
    by: Now
    """The clock by which its age was counted last."""


@dataclass(slots=True)
class Account:
    """An account: its messages, its limits, and how it stands with its server."""

    id: str = field(metadata=PASSING)
    """Of its entry."""
    house: Mapping[str, Account] = field(repr=False, metadata=PASSING)
    """All accounts, by their ids."""
    limits: Limits = field(default_factory=Limits)
    queue: Queue = field(default_factory=Queue, metadata=PASSING)
    conversations: dict[str, Conversation] = field(
        default_factory=dict, metadata=PASSING
    )
    """By their tags, the longest unused first."""
    tally: Tally = field(default_factory=Tally)
    running: bool = field(default=False, metadata=PASSING)
    """Whether messages are tried; else they are only kept."""
    idle_session: bool = field(default=False, metadata=PASSING)
    """Whether there is a session that nobody uses: the next message needs no login."""
    max_size: int | None = None
    """Octets of a message that the server takes, as it said last."""
    pause: Pause | None = None
    down: Down | None = field(default=None, metadata=PASSING)
    expired: bool = False
    """Whether a message expired, and none was accepted since."""
    login_refusals: int = 0
    """Logins refused in a row, a person's own tries included."""
    asked: int = 0
    """How often a new code was asked for since a login succeeded."""
    pauses: int = 0
    """How often QQ's rate limit was met since a message was accepted."""
    check_login_at: float = field(default=NEVER, metadata=PASSING)
    accepted_at: float | None = field(default=None, metadata=PASSING)
    """When a message was accepted last."""
    lost: str | None = field(default=None, metadata=PASSING)
    """The message whose attempt ended last, if it lost its connection."""
    helped_since: float | None = field(default=None, metadata=PASSING)
    """Since when another account sends what this one may not."""
    loaded: Loaded | None = field(default=None, metadata=PASSING)
    """What an earlier run left of it, as long as its age may have to be counted anew."""

    def owner_of(self, queue_id: str) -> Account:
        """Return the account that has a message, or its digest; by default this one."""
        accounts = self.house.values()
        owners = (one for one in accounts if one.queue.get_whole(queue_id))
        return next(owners, self)

    def find(self, queue_id: str) -> Message | None:
        """Return a message, or the digest that it is a part of, wherever it waits."""
        return self.owner_of(queue_id).queue.get_whole(queue_id)

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
