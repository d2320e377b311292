"""A message that waits: what is known of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..mime.models import Envelope, Gap
from ..smtp.models import Reply
from ..smtp.replies import Cause

AT_ONCE: Final = float("-inf")
"""Is always over, whatever a clock begins with."""


@dataclass(frozen=True, slots=True)
class Original:
    """What has to be known of a message that is a part of a digest."""

    queue_id: str
    subject: str
    message_id: str
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """What is known of a message that waits; its text is kept elsewhere.

    Instants are seconds of the steady clock (clock.py) unless they are datetimes.
    """

    queue_id: str
    """A ULID: in the order of the queue ids the messages were raised."""
    subject: str
    reverse_path: str
    recipients: tuple[str, ...]
    """Who has not got it yet."""
    message_id: str
    importance: int
    """The higher goes first."""
    tag: str = ""
    """What it is about, for a message that says it is over."""
    size: int
    """Octets in wire form."""
    gaps: tuple[Gap, ...] = ()
    """Where a line can be put before a text."""
    date_at: int = 0
    """Where the value of the Date field stands, in octets from the beginning."""
    dated: datetime
    """What the Date field says: right if the clock was right."""
    raised: float
    """When the alert was raised."""
    arrived: float
    """Since when this process has it: later than that where it was read from disk."""
    lifetime: float
    """Seconds after which it is too old."""
    due: float = AT_ONCE
    """Not to be tried before, for reasons of its own."""
    attempts: int = 0
    failures: int = 0
    """Attempts that failed for its own sake; each makes the next wait longer."""
    unanswered: int = 0
    """How often all of it was sent, and no answer came."""
    offered_at: float = 0.0
    """When it was last offered to a server, in vain: who waits for a try goes first."""
    stalled_at: float | None = None
    """When its MAIL was last refused for now, as if for the account's sake."""
    reached: bool = False
    """Whether this process has tried it with a server in reach."""
    in_data: bool = False
    """Set while the server may have it, though we have no answer."""
    restored: bool = False
    """It comes from a backup, and may have gone out since: a person has to decide."""
    in_memory: bool = False
    """The disk did not take it: it has one try."""
    merged: tuple[Original, ...] = ()
    """It is a digest, and these are what it is made of, the oldest first."""
    acts: bool = False
    """It has buttons that act, which are of this mail alone."""
    alone: bool = False
    """It could not be merged with others."""
    cause: Cause | None = None
    """Why the last attempt was not accepted."""
    reply: Reply | None = None

    @property
    def envelope(self) -> Envelope:
        """Who sends it, and who still has to get it."""
        return Envelope(self.reverse_path, self.recipients)

    @property
    def mergeable(self) -> bool:
        """Whether it can become a part of a digest.

        Nobody may have it already, and nobody is to miss its buttons: in a digest it
        would not be clear what is pressed for which alert.
        """
        return not (
            self.importance > 0
            or self.failures
            or self.unanswered
            or self.in_data
            or self.restored
            or self.in_memory
            or self.acts
            or self.alone
            or self.merged
        )

    @property
    def expires_at(self) -> float | None:
        """When it is too old; None: not before it was tried.

        Time that passed before this process had it was measured by a clock that may
        have been set since: it counts only once a server in reach did not take it.
        """
        if self.restored or self.reached:
            return round(self.raised + self.lifetime, 3)
        if self.attempts:
            return round(max(self.raised, self.arrived) + self.lifetime, 3)
        return None
