"""Mails that can be answered by mail: each has a secret that only it carries."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Final, override

from homeassistant.core import callback

from ..clock import read_clock
from ..mime.secret import make_secret
from ..store import Store
from .kept import Secrets, digest_of
from .models import Action, Mail, Secret

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
class Answerable(Secret):
    """A mail whose buttons can be pressed by an answer."""

    actions: tuple[Action, ...]
    """Those of its buttons, in their order."""
    sent_by: str = ""
    """The account that has sent it for its own: answers come to its inbox as well."""
    told: int = 0
    """How often somebody was told what became of an answer."""
    owed: tuple[Told, ...] = ()
    """What of that is not in the outbox yet."""
    confused: bool = False
    """Whether somebody was told that an answer was not understood."""

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


class Answerables(Secrets[Answerable]):
    """All accounts' mails that can be answered."""

    _LINGER = LINGER

    def __init__(self, store: Store) -> None:
        """Begin with none."""
        super().__init__(store, ANSWERABLE, Answerable)
        self._listeners: dict[str, Callable[[], None]] = {}

    @callback
    def async_listen(self, account: str, changed: Callable[[], None]) -> None:
        """Have it told when an account can be answered for longer, or less long."""
        self._listeners[account] = changed

    @callback
    def add(self, mail: Mail, actions: Sequence[Action], lasts: timedelta) -> str:
        """Return the secret of a mail that can be answered from now on, for so long.

        `keep` has it survive a restart.
        """
        secret = make_secret()
        self._add(secret, mail, lasts, actions=tuple(actions))
        self._prune(read_clock())
        self._tell(mail.account)
        return secret

    @override
    @callback
    def async_decide(self, account: str, *, send: bool) -> None:
        super().async_decide(account, send=send)
        self._tell(account)

    def of(self, account: str) -> list[Answerable]:
        """Return the mails that somebody may answer now to an account."""
        now = read_clock().steady
        return [
            one
            for one in self.all()
            if account in (one.mail.account, one.sent_by)
            and not one.restored
            and now < one.deadline + LINGER
        ]

    def find(self, account: str, secrets: Iterable[str]) -> list[Answerable]:
        """Return the mails that have one of these secrets."""
        digests = set(map(digest_of, secrets))
        return [one for one in self.of(account) if one.digest in digests]

    def left(self, account: str) -> float:
        """Return for how many seconds somebody may still answer a mail."""
        last = max((one.deadline for one in self.of(account)), default=None)
        return 0.0 if last is None else last + LINGER - read_clock().steady

    @callback
    def note_sender(self, queue_id: str, account: str) -> None:
        """Know that another account has sent a mail, to which people will answer."""
        for known in self.of_mail(queue_id):
            known.sent_by = account
            self._write(known)
        self._tell(account)

    @callback
    def owe(self, known: Answerable, told: Told) -> bool:
        """Keep what somebody is to be told, unless that is too much of one mail."""
        if sum(one.told for one in self.of_mail(known.mail.queue_id)) >= _MOST_TOLD:
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
        if known.digest in self._known:
            self._write(known)

    @callback
    def confuse(self, known: Answerable) -> bool:
        """Tell whether nobody was told yet that an answer to a mail means nothing."""
        if known.confused:
            return False
        known.confused = True
        self._write(known)
        return True

    @override
    def _remove(self, some: Iterable[Answerable]) -> None:
        gone = list(some)
        super()._remove(gone)
        for account in {
            account for one in gone for account in (one.mail.account, one.sent_by)
        }:
            self._tell(account)

    def _tell(self, account: str) -> None:
        if changed := self._listeners.get(account):
            changed()
