"""What the core knows of a message, why one waits, and what it tells the shell."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

from ...mime.models import Gap, Priority
from ...smtp.models import Reply
from ...smtp.replies import Cause
from ...typed import PASSING, Steady

AT_ONCE: Final = float("-inf")
"""A due time that has always passed."""
NEVER: Final = float("inf")
"""A due time that a person has to bring about."""

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0


class Level(IntEnum):
    """The three classes of priority that the limits tell apart."""

    BELOW = 0
    """Normal and lower priority."""
    HIGH = 1
    HIGHEST = 2


_RANKS = {
    priority: len(Priority) // 2 - place for place, priority in enumerate(Priority)
}


type Group = tuple[Level, str, str]
"""What messages of one digest have in common: level, recipients, and a tag, unless
they go but once an hour."""


class Outcome(StrEnum):
    """What came of an attempt, or of a message that got none in time."""

    ACCEPTED = "accepted"
    """QQ took it; whether it arrives is another matter."""
    DEFERRED = "deferred"
    """It waits for the next attempt."""
    REJECTED = "rejected"
    """Refused for good, and removed."""
    EXPIRED = "expired"
    """Too old, or nowhere to be kept, and removed."""
    UNKNOWN = "unknown"
    """QQ may have it: all was sent, and no answer came. It is tried again, unless
    there is no next attempt: then it was given up after the third time."""
    BOUNCED = "bounced"
    """QQ took it, and it came back."""


class Reason(StrEnum):
    """Why a message is not tried now; each is a key in the translations."""

    ATTEMPT = "attempt"
    """It is being tried."""
    TURN = "turn"
    """Others are being tried, and it is next among those who may go."""
    DECISION = "decision"
    """It comes from a backup: a person has to decide."""
    BACK_OFF = "back_off"
    """It was tried in vain, for its own sake."""
    DIGEST = "digest"
    """It goes out in one mail with others."""
    PAUSED = "paused"
    """The account is paused: QQ limits its rate, or refused its login."""
    NO_SERVER = "no_server"
    """The server could not be reached, or did not take anything, a moment ago."""
    DAY = "day"
    """What may go out in a day is nearly used up: one digest an hour."""
    HOUR = "hour"
    """As much went out in the last hour as QQ was seen to bear."""
    PACE = "pace"
    """Others went out, or go out first, and there are so many a minute."""
    LOGINS = "logins"
    """There were too many logins lately."""
    FALLBACK = "fallback"
    """Its account may not send: another one takes it over then."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When a message may go, and why not now."""

    at: float
    """Steady seconds; NEVER where a person decides."""
    reason: Reason
    cause: Cause | None = field(default=None, compare=False)
    """Why the account is paused, or the server was not to be had."""
    by: str = ""
    """The account by which it goes, where another one has to do with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What has to be known of a message that is a part of a digest."""

    queue_id: str
    subject: str
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is known of a message that waits; its text is kept elsewhere.

    Instants are seconds of the steady clock. Nothing in it is of the account: From,
    Message-ID and Date are written when it is submitted.
    """

    queue_id: str = field(metadata=PASSING)
    """A ULID: in the order of the queue ids the messages were raised."""
    subject: str
    recipients: tuple[str, ...]
    """The addr_specs of those who have not got it yet."""
    sender_name: str = ""
    """The display name in From."""
    priority: Priority = Priority.NORMAL
    tag: str = ""
    """What it is about, for a message that says it is over."""
    size: int
    """Octets in wire form, without From, Message-ID and Date."""
    gaps: tuple[Gap, ...] = ()
    """Where a line can be put before a text."""
    raised: Steady
    """When the alert was raised: what the Date field says."""
    arrived: float = field(metadata=PASSING)
    """Since when this process has it: later than that where it was read from disk."""
    lifetime: float
    """Seconds after which it expires."""
    due: Steady = AT_ONCE
    """Not to be tried before, for reasons of its own."""
    attempts: int = 0
    failures: int = 0
    """Attempts that failed for its own sake; each makes the next wait longer."""
    unanswered: int = 0
    """How often all of it was sent, and no answer came."""
    offered_at: float = field(default=0.0, metadata=PASSING)
    """When it was last offered to a server, in vain: who waits for a try goes first."""
    stalled_at: float | None = field(default=None, metadata=PASSING)
    """When its MAIL was last refused for now, as if for the account's sake."""
    reached: bool = field(default=False, metadata=PASSING)
    """Whether this process has tried it with a server in reach."""
    in_data: bool = False
    """Set while the server may have it, though we have no answer."""
    restored: bool = False
    """It comes from a backup, and may have gone out since: a person has to decide."""
    in_memory: bool = field(default=False, metadata=PASSING)
    """The disk did not take it, or it was discarded while it is tried: there is no next
    try."""
    unwanted: bool = field(default=False, metadata=PASSING)
    """A person discarded it while it is tried: if it is not accepted, it goes."""
    parts: tuple[Part, ...] = ()
    """It is a digest, and these are what it is made of, the oldest first."""
    alone: bool = False
    """It cannot be merged with others."""
    home: str = field(default="", metadata=PASSING)
    """The account that it was raised in, as long as another one has it."""
    by: str = ""
    """The account that took it over, or its own if it was given back: once is enough."""
    reply_to: bool = False
    """Whether its text says to whom an answer goes."""
    copy: bool = False
    """The account that it was raised in may have sent it, and has not heard of it yet."""
    cause: Cause | None = None
    """Why the last attempt was not accepted."""
    reply: Reply | None = None

    @property
    def rank(self) -> int:
        """How important it is: the higher goes first; 0 is normal."""
        return _RANKS[self.priority]

    @property
    def level(self) -> Level:
        """Which limits hold for it."""
        return Level(max(self.rank, 0))

    @property
    def mergeable(self) -> bool:
        """Whether it can become a part of a digest: nobody may have it already."""
        return not (
            self.level is Level.HIGHEST
            or self.failures
            or self.unanswered
            or self.in_data
            or self.restored
            or self.in_memory
            or self.alone
            or self.by
            or self.parts
        )

    @property
    def stays(self) -> bool:
        """Whether no other account takes it over, however long it waits.

        A server may have it already, or it has come back from the other account.
        """
        return self.unanswered > 0 or bool(self.by and not self.home)

    @property
    def expires_at(self) -> float | None:
        """When it expires; None: not before it was tried.

        Time that passed before this process had it was measured by a clock that may
        have been set since: it counts only once a server in reach did not take it.
        """
        if self.restored or self.reached:
            return round(self.raised + self.lifetime, 3)
        if self.attempts:
            return round(max(self.raised, self.arrived) + self.lifetime, 3)
        return None


@dataclass(frozen=True, slots=True)
class Pause:
    """The account sends nothing for now: each further try would make it worse."""

    cause: Cause
    until: Steady
    """Steady seconds."""
    length: float
    """Seconds, all in all: no longer can it be after a restart."""
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Down:
    """The last attempt failed for a reason that is the same for all messages."""

    since: float
    """Steady seconds: the first of the failures in a row."""
    until: float
    times: int
    """How often in a row; each makes the next wait longer."""
    refused: bool
    """Whether a server said so; else there was none, or the connection broke."""
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEvent:
    """An outcome, and whom it concerns."""

    account: str
    """The id of the account's entry: the one that it was raised in."""
    by: str
    """Of the account that tried it: the same, or the one that has taken it over."""
    outcome: Outcome
    queue_id: str
    subject: str
    recipients: tuple[str, ...]
    attempts: int
    priority: Priority = Priority.NORMAL
    tag: str = ""
    cause: Cause | None = None
    reply: Reply | None = None
    detail: str = ""
    plan: Plan | None = None
    """When and why not before, of what waits for its next attempt."""
    digest: str = ""
    """The queue id of the digest that this message was a part of."""
    part: int = 0
    """Which one of the digest's messages it is, from 0."""
    of: int = 0
    """How many messages the digest is made of."""


# Actions: what the shell has to do.


@dataclass(slots=True, eq=False)
class Attempt:
    """Try a message: it is owned by that until it has ended."""

    account: str
    message: Message
    """As it was when that began."""
    fresh: bool
    """Not by a session that was kept: that may be the reason to try."""
    since: float
    """Steady seconds."""
    busy_since: float | None = None
    """Since when its session is at work for it; None: it is still being opened."""
    text_since: float | None = None
    """Since when its text is on its way."""
    taken_over: bool = False
    """Another account is to have it, or a copy of it: that is asked for once."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """Log in without a message."""

    account: str


@dataclass(frozen=True, slots=True, eq=False)
class Merge:
    """Make a digest of messages: it owns them until that has ended."""

    account: str
    group: Group
    messages: tuple[Message, ...]
    """The oldest first."""

    @property
    def queue_ids(self) -> list[str]:
        """Those of the messages; by the first one it is known."""
        return [one.queue_id for one in self.messages]


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Have another account send what an attempt of this one holds up.

    The attempt is ended; or, where its text has begun, a copy of the message is made.
    """

    account: str
    message: Message
    by: str
    """The other account."""
    copy: bool


@dataclass(frozen=True, slots=True)
class Log:
    """Say in the log what a person should know."""

    level: int
    text: str


type Work = Attempt | LogIn | Merge | TakeOver
type Action = Work | Log | OutboxEvent
"""An outcome is to be told to everyone."""
