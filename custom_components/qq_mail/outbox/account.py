"""What is kept of an account beside its messages, and holds after a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import make_msgid
from typing import Any, Self

from homeassistant.util import dt as dt_util

from ..const import DEFAULT_MAX_SIZE, MAX_THREADS, THREAD_DURATION
from ..mail.diagnosis import Cause
from .outcome import Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation: the messages of one tag."""

    references: str
    """A message id of its own: QQ replaces those of the messages."""
    subject: str
    """Of the first message: some mail programs want it to be the same."""
    started: datetime
    went_out: bool = False
    """Whether QQ has, or may have, a message that was not declared over yet."""


@dataclass(slots=True)
class AccountState:
    """The account's own state."""

    hold: Hold | None = None
    login_refused: bool = False
    """Whether the last login was refused."""
    pauses: int = 0
    """How often the account was paused since a message was accepted."""
    last_accepted: datetime | None = None
    max_size: int = DEFAULT_MAX_SIZE
    """Octets that the server takes, as it said last."""
    threads: dict[str, Thread] = field(default_factory=dict)
    """By their tags."""
    _accepted: int = 0

    @property
    def accepted_today(self) -> int:
        """How many messages were accepted since midnight."""
        if not self.last_accepted:
            return 0
        day = dt_util.as_local(self.last_accepted).date()
        return self._accepted if day == dt_util.now().date() else 0

    def count_accepted(self) -> None:
        """Note that a message was accepted just now."""
        self._accepted = self.accepted_today + 1
        self.last_accepted = dt_util.utcnow()
        self.pauses = 0

    def continue_thread(self, tag: str, subject: str, domain: str) -> Thread:
        """Return the tag's conversation, a new one if there is none or it is old."""
        oldest = dt_util.utcnow() - THREAD_DURATION
        kept = {
            tag: thread
            for tag, thread in self.threads.items()
            if thread.started > oldest
        }
        if tag not in kept:
            kept[tag] = Thread(
                references=make_msgid(domain=domain),
                subject=subject,
                started=dt_util.utcnow(),
            )
        self.threads = dict(list(kept.items())[-MAX_THREADS:])
        return kept[tag]

    def mark_thread(self, tag: str, *, went_out: bool) -> bool:
        """Note that something went out under a tag, or that it is over."""
        thread = self.threads.get(tag)
        if not thread or thread.went_out == went_out:
            return False
        self.threads[tag] = replace(thread, went_out=went_out)
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return what can be written as JSON."""
        return {
            "hold": self.hold
            and {"cause": self.hold.cause, "until": _text(self.hold.until)},
            "login_refused": self.login_refused,
            "pauses": self.pauses,
            "last_accepted": _text(self.last_accepted),
            "accepted": self._accepted,
            "max_size": self.max_size,
            "threads": {
                tag: {
                    "references": thread.references,
                    "subject": thread.subject,
                    "started": _text(thread.started),
                    "went_out": thread.went_out,
                }
                for tag, thread in self.threads.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read it again.

        Raises ValueError, KeyError, TypeError or AttributeError.
        """
        hold = data.get("hold")
        return cls(
            hold=hold and Hold(Cause(hold["cause"]), _time(hold["until"])),
            login_refused=bool(data.get("login_refused")),
            pauses=int(data.get("pauses", 0)),
            last_accepted=_time(data.get("last_accepted")),
            max_size=int(data.get("max_size", DEFAULT_MAX_SIZE)),
            threads={
                tag: Thread(
                    references=str(thread["references"]),
                    subject=str(thread["subject"]),
                    started=datetime.fromisoformat(thread["started"]),
                    went_out=bool(thread["went_out"]),
                )
                for tag, thread in data.get("threads", {}).items()
            },
            _accepted=int(data.get("accepted", 0)),
        )


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
