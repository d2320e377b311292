"""Mails that can be answered by mail: each has a secret that only it carries."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final

from homeassistant.core import callback

from ..clock import Now, read_clock
from ..mime.secret import make_secret
from ..store import Store, read_all
from .kept import digest_of, read_mail, read_times
from .models import Action, Mail

ANSWERABLE: Final = "answerable"
"""The kind of their records in the store."""
LINGER: Final = 3600.0
"""Seconds after its buttons' end in which who answers a mail is told that it is over."""
_MOST_TOLD: Final = 3
"""Answers of ours to one mail: more would be a loop, or a quarrel."""


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody who answered a mail is told."""

    to: str
    """The addr_spec of who answered it."""
    text: str
    answers: str
    """The Message-ID of the answer."""


@dataclass(slots=True, kw_only=True)
class Answerable:
    """A mail whose buttons can be pressed by an answer."""

    mail: Mail
    actions: tuple[Action, ...]
    """Those of its buttons, in their order."""
    digest: str
    """The SHA-256 of its secret, which itself is kept nowhere."""
    expires_at: datetime
    """By the clock on the wall, as the mail says it."""
    lifetime: float
    """Seconds from when it was made: answers never count for longer."""
    deadline: float
    """When its buttons are over, by the steady clock."""
    sent_by: str = ""
    """The account that has sent it for its own: answers come to its inbox as well."""
    told: int = 0
    """How often somebody was told what became of an answer."""
    owed: tuple[Told, ...] = ()
    """What of that is not in the outbox yet."""
    confused: bool = False
    """Whether somebody was told that an answer was not understood."""
    restored: bool = False
    """It comes from a backup, and counts once a person has decided."""

    @property
    def people(self) -> set[str]:
        """Who may answer it, in lower case."""
        return {one.lower() for one in self.mail.recipients}

    @property
    def choices(self) -> list[Choice]:
        """What an answer can mean."""
        numbers = count(1)
        return [
            Choice(self, one, None if one.in_words else next(numbers))
            for one in self.actions
        ]


@dataclass(frozen=True, slots=True)
class Choice:
    """A button, as its mail offers it to who answers."""

    known: Answerable
    action: Action
    number: int | None
    """Its place among those that are pressed, from 1; None: it asks for a text."""

    @property
    def shown(self) -> str:
        """What may be answered: a destructive one needs its title."""
        title = self.action.title
        if self.action.destructive or not self.number:
            return title
        return f"{self.number} {title}"


class Answerables:
    """All accounts' mails that can be answered, in memory and in the store."""

    def __init__(self, store: Store) -> None:
        """Begin with none."""
        self._store = store
        self._all: dict[str, Answerable] = {}
        """By their digests."""
        self._listeners: dict[str, Callable[[], None]] = {}

    @callback
    def async_load(
        self, account: str, records: Mapping[tuple[str, str], Mapping[str, Any]]
    ) -> None:
        """Know an account's mails of an earlier run."""
        now = read_clock()
        read = partial(_read, account, now)
        self._all |= read_all(records, read)
        self._prune(now)

    @callback
    def async_listen(self, account: str, changed: Callable[[], None]) -> None:
        """Have it told when an account can be answered for longer, or less long."""
        self._listeners[account] = changed

    @callback
    def add(self, mail: Mail, actions: Sequence[Action], lasts: timedelta) -> str:
        """Return the secret of a mail that can be answered from now on, for so long.

        `keep` has it survive a restart.
        """
        now, secret = read_clock(), make_secret()
        seconds = lasts.total_seconds()
        known = Answerable(
            mail=mail,
            actions=tuple(actions),
            digest=digest_of(secret),
            expires_at=now.wall + lasts,
            lifetime=seconds,
            deadline=now.steady + seconds,
        )
        self._all[known.digest] = known
        self._prune(now)
        self._tell(mail.account)
        return secret

    @callback
    def keep(self, queue_id: str) -> None:
        """Have a mail put on disk, by the same round as its buttons."""
        for known in self._all.values():
            if known.mail.queue_id == queue_id:
                self._write(known)

    @callback
    def forget(self, *queue_ids: str) -> None:
        """Forget mails that nobody has."""
        self._remove(
            one for one in self._all.values() if one.mail.queue_id in queue_ids
        )

    @callback
    def forget_account(self, account: str) -> None:
        """Forget all of an account."""
        self._remove(one for one in self._all.values() if one.mail.account == account)

    @callback
    def async_decide(self, account: str, *, send: bool) -> None:
        """Go on with what comes from a backup, or forget it."""
        restored = [
            one
            for one in self._all.values()
            if one.restored and one.mail.account == account
        ]
        if not send:
            self._remove(restored)
            return
        for known in restored:
            known.restored = False
            self._write(known)
        self._tell(account)

    def of(self, account: str) -> list[Answerable]:
        """Return the mails that somebody may answer now to an account."""
        now = read_clock().steady
        return [
            one
            for one in self._all.values()
            if account in (one.mail.account, one.sent_by)
            and not one.restored
            and now < one.deadline + LINGER
        ]

    def find(self, account: str, secrets: Iterable[str]) -> list[Answerable]:
        """Return the mails that have one of these secrets."""
        digests = {digest_of(secret) for secret in secrets}
        return [one for one in self.of(account) if one.digest in digests]

    def left(self, account: str) -> float:
        """Return for how many seconds somebody may still answer a mail."""
        last = max((one.deadline for one in self.of(account)), default=None)
        return 0.0 if last is None else last + LINGER - read_clock().steady

    @callback
    def note_sender(self, queue_id: str, account: str) -> None:
        """Know that another account has sent a mail, to which people will answer."""
        for known in self._all.values():
            if known.mail.queue_id == queue_id:
                known.sent_by = account
                self._write(known)
        self._tell(account)

    @callback
    def owe(self, known: Answerable, told: Told) -> bool:
        """Keep what somebody is to be told, unless that is too much of one mail."""
        if known.told == _MOST_TOLD:
            return False
        known.told += 1
        known.owed += (told,)
        self._write(known)
        return True

    @callback
    def pay(self, known: Answerable, told: Told) -> None:
        """Forget that: the outbox has it, by the same round."""
        known.owed = tuple(one for one in known.owed if one is not told)
        # Nobody may be able to answer it any more.
        if known.digest in self._all:
            self._write(known)

    @callback
    def confuse(self, known: Answerable) -> bool:
        """Tell whether nobody was told yet that an answer to a mail means nothing."""
        if known.confused:
            return False
        known.confused = True
        self._write(known)
        return True

    def _write(self, known: Answerable) -> None:
        self._store.put(_key(known), partial(_as_dict, known))

    def _remove(self, some: Iterable[Answerable]) -> None:
        gone = list(some)
        for known in gone:
            del self._all[known.digest]
            self._store.remove(_key(known))
        for account in {
            account for one in gone for account in (one.mail.account, one.sent_by)
        }:
            self._tell(account)

    def _prune(self, now: Now) -> None:
        self._remove(
            one for one in self._all.values() if now.steady >= one.deadline + LINGER
        )

    def _tell(self, account: str) -> None:
        if changed := self._listeners.get(account):
            changed()


def _key(known: Answerable) -> tuple[str, str, str]:
    return (ANSWERABLE, known.mail.account, known.digest)


def _as_dict(known: Answerable) -> dict[str, Any]:
    """Return what is kept, in times that a restart does not change."""
    return {
        **known.mail.as_dict(),
        "actions": [one.as_dict() for one in known.actions],
        "expires_at": known.expires_at.isoformat(),
        "lifetime": known.lifetime,
        "sent_by": known.sent_by,
        "told": known.told,
        "owed": [asdict(one) for one in known.owed],
        "confused": known.confused,
        "restored": known.restored,
    }


def _read(account: str, now: Now, digest: str, record: Mapping[str, Any]) -> Answerable:
    """Read that again; raises KeyError, TypeError or ValueError where it is damaged."""
    return Answerable(
        mail=read_mail(account, record),
        actions=tuple(map(Action.read, record["actions"])),
        digest=digest,
        **read_times(record, now),
        sent_by=str(record["sent_by"]),
        told=int(record["told"]),
        owed=tuple(
            Told(str(one["to"]), str(one["text"]), str(one["answers"]))
            for one in record["owed"]
        ),
        confused=bool(record["confused"]),
        restored=bool(record["restored"]),
    )
