"""What happens to an outbox, and what is decided then: the heart's whole vocabulary."""

from dataclasses import dataclass

from ..smtp.errors import MailError
from ..smtp.models import SubmissionResult
from .message import QueuedMessage
from .outcome import OutboxEvent

# Events


@dataclass(frozen=True, slots=True)
class Started:
    """The outbox begins to work, with what it has found on disk."""

    cut_off: tuple[str, ...] = ()
    """What was in the air when Home Assistant was killed."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing else happened; it is later now."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message is in the outbox's care."""

    message: QueuedMessage


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A login succeeded, for a message or as a check."""


@dataclass(frozen=True, slots=True)
class Submitting:
    """A session is at work for a message."""

    queue_id: str


@dataclass(frozen=True, slots=True)
class DataBegins:
    """From now on the server may come to have the message."""

    queue_id: str


@dataclass(frozen=True, slots=True)
class DataEnds:
    """Nothing is left to send but the final dot: the next envelope may go with it."""

    queue_id: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """The server accepted a message, for all its recipients or for some."""

    queue_id: str
    result: SubmissionResult


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A message was not accepted, in a session that was fresh or not."""

    queue_id: str
    error: MailError
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class AttemptBroke:
    """Something went wrong that nobody expected."""

    queue_id: str
    detail: str
    lost: bool = False
    """Whether its text is gone, so that no further attempt can help."""
    sent: bool = False
    """Whether its final dot may have gone out."""


@dataclass(frozen=True, slots=True)
class AttemptCut:
    """An attempt ended without a result: it was told to stop."""

    queue_id: str


@dataclass(frozen=True, slots=True)
class LoginFailed:
    """A login that was a check failed."""

    error: MailError


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """A person wants a message tried, or all of them: the account need not rest."""

    queue_id: str | None = None


@dataclass(frozen=True, slots=True)
class DiscardAsked:
    """A person, or who says that something is over, wants messages gone."""

    queue_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverSaid:
    """It is said that a tag is over: a digest that tells of it as well is no news."""

    tag: str


@dataclass(frozen=True, slots=True)
class DigestWriting:
    """From now on the disk may have the digest that is made of this and others."""

    first: str


@dataclass(frozen=True, slots=True)
class Merged:
    """A digest is on disk, and what it is made of is not any more."""

    first: str
    """The queue id of the oldest message in it."""
    digest: QueuedMessage


@dataclass(frozen=True, slots=True)
class MergeFailed:
    """No digest could be made; the disk has the messages as before."""

    first: str
    again: bool = False
    """Whether that says nothing against the next try."""


@dataclass(frozen=True, slots=True)
class CodeRenewed:
    """A person gave a code that works: what waits can go out."""


type Event = (
    Started
    | TimePassed
    | Taken
    | SessionOpened
    | Submitting
    | DataBegins
    | DataEnds
    | Submitted
    | AttemptFailed
    | AttemptBroke
    | AttemptCut
    | LoginFailed
    | RetryAsked
    | DiscardAsked
    | OverSaid
    | DigestWriting
    | Merged
    | MergeFailed
    | CodeRenewed
)

# Decisions


@dataclass(frozen=True, slots=True)
class Attempt:
    """Try a message; by a fresh session, if a kept one may be the reason to try."""

    message: QueuedMessage
    fresh: bool = False
    word_by_word: bool = False
    """Whether each command waits for the answer to the one before."""
    behind: str | None = None
    """Over the session of this message, whose answer has not come yet."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Let a message wait no longer for the answer to another: it is tried elsewhere."""

    queue_id: str
    behind: str


@dataclass(frozen=True, slots=True)
class Merge:
    """Make a digest of messages, which nobody else touches until that has ended."""

    messages: tuple[QueuedMessage, ...]
    """The oldest first."""


@dataclass(frozen=True, slots=True)
class CheckLogin:
    """Log in without a message."""


@dataclass(frozen=True, slots=True)
class Write:
    """Put on disk what is known of a message."""

    message: QueuedMessage


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a message from the disk: it is settled."""

    message: QueuedMessage


@dataclass(frozen=True, slots=True)
class KeepStanding:
    """Put on disk how the account stands."""


@dataclass(frozen=True, slots=True)
class MarkGoneOut:
    """Remember that the server has, or may have, a message with this tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class CountAccepted:
    """Count a message for the day."""

    subjects: tuple[str, ...]
    """Its own, or those of the messages that it is made of."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell everyone of an outcome."""

    event: OutboxEvent


@dataclass(frozen=True, slots=True)
class Release:
    """Let the call return that waits for this message; None: those of all that wait."""

    queue_id: str | None = None
    for_digest: bool = False
    """Whether the message goes out together with others."""


@dataclass(frozen=True, slots=True)
class AskForCode:
    """Ask a person for a new authorization code."""


@dataclass(frozen=True, slots=True)
class StopAsking:
    """The code works after all."""


@dataclass(frozen=True, slots=True)
class Log:
    """Say in the log what a person should know."""

    level: int
    text: str


type Decision = (
    Attempt
    | Recall
    | Merge
    | CheckLogin
    | Write
    | Remove
    | KeepStanding
    | MarkGoneOut
    | CountAccepted
    | Tell
    | Release
    | AskForCode
    | StopAsking
    | Log
)
