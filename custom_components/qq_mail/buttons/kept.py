"""Secrets in mails: kept in memory, and in the store for after a restart."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from homeassistant.core import callback

from ..clock import Now, read_clock
from ..store import Store, read_all
from ..typed import as_json, read_json
from .models import Mail, Secret


class Secrets[One: Secret]:
    """All accounts' secrets of a kind."""

    _LINGER = 0.0
    """Seconds after their end in which who has one is told that it is over."""

    def __init__(self, store: Store, kind: str, one: type[One]) -> None:
        """Begin with none; `kind`: of their records in the store."""
        self._store = store
        self._kind = kind
        self._type = one
        self._known: dict[str, One] = {}
        """By their digests, the oldest first."""

    @callback
    def async_load(self, records: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        """Know an account's secrets of an earlier run."""
        now = read_clock()
        self._known |= read_all(records, partial(self._read, now))
        self._prune(now)

    def all(self) -> list[One]:
        """Return all that are known, the oldest first."""
        return list(self._known.values())

    def of_mail(self, *queue_ids: str) -> list[One]:
        """Return those of some mails."""
        return [one for one in self.all() if one.mail.queue_id in queue_ids]

    def restored(self, account: str) -> list[One]:
        """Return an account's that come from a backup, and do not work yet."""
        return [
            one for one in self.all() if one.restored and one.mail.account == account
        ]

    @callback
    def keep(self, queue_id: str) -> None:
        """Have those of a mail put on disk, by the same round as the mail."""
        for one in self.of_mail(queue_id):
            self._write(one)

    @callback
    def revoke(self, *queue_ids: str) -> None:
        """Have those of these mails, which nobody gets, work no longer."""
        self._remove(self.of_mail(*queue_ids))

    @callback
    def revoke_account(self, account: str) -> None:
        """Have an account's work no longer."""
        self._remove(one for one in self.all() if one.mail.account == account)

    @callback
    def async_decide(self, account: str, *, send: bool) -> None:
        """Have those work that come from a backup, or forget them."""
        restored = self.restored(account)
        if not send:
            self._remove(restored)
            return
        for one in restored:
            one.restored = False
            self._write(one)

    def _add(self, secret: str, mail: Mail, lasts: timedelta, **more: Any) -> None:
        """Have a secret work from now on, for so long."""
        # Not from the mail's time: the clock may have been set since.
        now, seconds = read_clock(), lasts.total_seconds()
        digest = digest_of(secret)
        self._known[digest] = self._type(
            mail=mail,
            digest=digest,
            expires_at=now.wall + lasts,
            lifetime=seconds,
            deadline=now.steady + seconds,
            **more,
        )

    def _read(self, now: Now, digest: str, record: Mapping[str, Any]) -> One:
        one: One = read_json(self._type, record, now, digest=digest)
        # A clock that was set back while Home Assistant was away gives no more than
        # they had in the beginning.
        left = min((one.expires_at - now.wall).total_seconds(), one.lifetime)
        one.deadline = now.steady + left
        return one

    def _write(self, one: One) -> None:
        self._store.put(self._key(one), lambda: as_json(one, read_clock()))

    def _remove(self, some: Iterable[One]) -> None:
        for one in list(some):
            del self._known[one.digest]
            self._store.remove(self._key(one))

    def _prune(self, now: Now) -> None:
        """Forget what is over."""
        end = now.steady - self._LINGER
        self._remove(one for one in self.all() if one.deadline <= end)

    def _key(self, one: One) -> tuple[str, str, str]:
        return (self._kind, one.mail.account, one.digest)


def digest_of(secret: str) -> str:
    """Return by what a secret is known again that is kept nowhere."""
    return sha256(secret.encode()).hexdigest()
