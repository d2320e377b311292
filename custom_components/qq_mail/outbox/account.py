"""What is kept of an account beside its messages, and holds after a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from email.utils import make_msgid
from typing import Any

from homeassistant.util import dt as dt_util

from ..const import DEFAULT_MAX_SIZE, LOGGER, MAX_THREADS, THREAD_DURATION
from ..smtp.replies import Cause
from .clock import Now
from .pace import Pace
from .record import Record
from .retry import LOGIN_CHECK_INTERVAL, LOGIN_INTERVALS, MAX_RATE_LIMIT_PAUSE
from .standing import Hold, Standing
from .titles import Titles
from .used import read_used, used_as_dict

_LONGEST_HOLD = max(*LOGIN_INTERVALS, MAX_RATE_LIMIT_PAUSE)


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


class Threads:
    """The conversations of the last seven days by their tags."""

    def __init__(self, threads: Mapping[str, Thread] | None = None) -> None:
        """Begin with those that are known."""
        self.by_tag = dict(threads or {})

    def get(self, tag: str) -> Thread | None:
        """Return a tag's conversation, if there is one."""
        return self.by_tag.get(tag)

    def continued(self, tag: str, subject: str, domain: str) -> tuple[Thread, bool]:
        """Return the tag's conversation, and whether it is new.

        It is where there is none, or where that is old.
        """
        now = dt_util.utcnow()
        if thread := self.by_tag.get(tag):
            # A clock that was set back makes none older.
            if thread.started > now - THREAD_DURATION:
                return thread, False
            del self.by_tag[tag]
        thread = Thread(
            references=make_msgid(domain=domain), subject=subject, started=now
        )
        self.by_tag[tag] = thread
        while len(self.by_tag) > MAX_THREADS:
            del self.by_tag[next(iter(self.by_tag))]
        return thread, True

    def mark(self, tag: str, *, went_out: bool) -> bool:
        """Note that something went out under a tag, or that it is over."""
        thread = self.by_tag.get(tag)
        if not thread or thread.went_out == went_out:
            return False
        self.by_tag[tag] = replace(thread, went_out=went_out)
        return True


@dataclass(slots=True)
class Tally:
    """What the sensors count."""

    last_accepted: datetime | None = None
    accepted: int = 0
    """On the day of the last one."""

    @property
    def today(self) -> int:
        """How many messages were accepted since midnight."""
        if not self.last_accepted:
            return 0
        return self.accepted if _day(self.last_accepted) == dt_util.now().date() else 0

    def count(self) -> None:
        """Note that a message was accepted just now."""
        self.accepted = self.today + 1
        self.last_accepted = dt_util.utcnow()


@dataclass(slots=True)
class Kept:
    """What `state.json` holds."""

    standing: Standing
    threads: Threads
    tally: Tally
    titles: Titles = field(default_factory=Titles)
    max_size: int = DEFAULT_MAX_SIZE
    """Octets that the server takes, as it said last."""

    @classmethod
    def new(cls, pace: Pace, now: Now) -> Kept:
        """Begin with an account of which nothing is known."""
        standing = Standing.new(pace, now.steady, check_login_at=now.steady)
        return cls(standing, Threads(), Tally())

    def use_pace(self, pace: Pace) -> None:
        """Go on at another pace."""
        self.standing = self.standing.with_pace(pace)

    def put_login_check_off(self, now: Now) -> None:
        """Have the login checked a day from now, if no message does it before."""
        if not self.standing.hold:
            at = round(now.steady + LOGIN_CHECK_INTERVAL, 3)
            self.standing = replace(self.standing, check_login_at=at)

    def as_dict(self, now: Now) -> dict[str, Any]:
        """Return what can be written as JSON."""
        standing, hold = self.standing, self.standing.hold
        last = self.tally.last_accepted
        return {
            "hold": hold
            and {
                "cause": hold.cause,
                "until": now.wall_at(hold.until).isoformat(),
                "length": hold.length,
            },
            "login_refusals": standing.login_refusals,
            "asked": standing.asked,
            "pauses": standing.pauses,
            "used": used_as_dict(standing, now),
            "last_accepted": last and last.isoformat(),
            "accepted": self.tally.accepted,
            "titles": self.titles.as_dict(),
            "max_size": self.max_size,
            "threads": {
                tag: {
                    "references": thread.references,
                    "subject": thread.subject,
                    "started": thread.started.isoformat(),
                    "went_out": thread.went_out,
                }
                for tag, thread in self.threads.by_tag.items()
            },
        }

    def read(self, data: object, now: Now) -> None:
        """Take over what was written; what cannot be read is left as it is.

        It holds no message: without it an attempt may come too early, no more.
        """
        if data is None:
            return
        if not isinstance(data, dict):
            LOGGER.error("Ignoring what was kept of the account: no object")
            return
        record = Record(data)
        for part in (
            self._read_standing,
            self._read_used,
            self._read_tally,
            self._read_titles,
            self._read_threads,
        ):
            try:
                part(record, now)
            except ValueError as err:
                LOGGER.error("Ignoring a part of what was kept: %s", err)

    def _read_standing(self, record: Record, now: Now) -> None:
        hold = None
        if kept := record.optional("hold", dict):
            held = Record(kept)
            length = min(held.seconds("length"), _LONGEST_HOLD)
            rest = (held.time("until") - now.wall).total_seconds()
            if rest > 0:
                until = round(now.steady + min(rest, length), 3)
                hold = Hold(Cause(held.text("cause")), until, length)
        check = self.standing.check_login_at
        self.standing = replace(
            self.standing,
            hold=hold,
            login_refusals=record.count("login_refusals"),
            asked=record.count("asked"),
            pauses=record.count("pauses"),
            check_login_at=hold.until if hold and hold.for_login else check,
        )

    def _read_used(self, record: Record, now: Now) -> None:
        if used := record.optional("used", dict):
            self.standing = read_used(used, self.standing, now)

    def _read_tally(self, record: Record, _now: Now) -> None:
        self.max_size = record.count("max_size")
        if record.optional("last_accepted", str):
            self.tally = Tally(record.time("last_accepted"), record.count("accepted"))

    def _read_titles(self, record: Record, _now: Now) -> None:
        self.titles.read(record.optional("titles", dict) or {})

    def _read_threads(self, record: Record, _now: Now) -> None:
        threads: dict[str, Thread] = {}
        for tag, value in (record.optional("threads", dict) or {}).items():
            if not isinstance(value, dict):
                raise ValueError("no thread")  # noqa: TRY004 - as all others
            thread = Record(value)
            threads[tag] = Thread(
                references=thread.text("references"),
                subject=thread.text("subject"),
                started=thread.time("started"),
                went_out=thread.flag("went_out"),
            )
        self.threads = Threads(threads)


def _day(time: datetime) -> date:
    return dt_util.as_local(time).date()
