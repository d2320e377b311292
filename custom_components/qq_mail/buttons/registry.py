"""Which buttons work: kept in memory, and in the store for after a restart."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
import secrets
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from ..clock import Now, read_clock
from ..const import DOMAIN, MAX_BUTTONS
from ..store import Store, read_all
from .answerable import Answerables
from .hearers import Hearers
from .kept import digest_of, read_mail, read_time, read_times
from .links import PLAIN_HTTP, async_tell_plain_http
from .models import Action, Button, Ended, Mail, Press

BUTTON: Final = "button"
"""The kind of their records in the store."""
_TOKEN_OCTETS = 32
TOKEN_LENGTH = 2 * _TOKEN_OCTETS
"""Characters: in hex, as QQ's pages mangle what has a meaning in a URL."""


class Buttons:
    """All accounts' buttons, and who hears of it when one is pressed."""

    def __init__(
        self,
        hass: HomeAssistant,
        store: Store,
        protected: Callable[[], Collection[str]],
    ) -> None:
        """Begin with none; `protected` names mails whose buttons are not forgotten."""
        self._hass = hass
        self._store = store
        self._protected = protected
        self.answerables = Answerables(store)
        """The mails whose buttons can be pressed by an answer."""
        self._buttons: dict[str, Button] = {}
        """By their digests, the oldest first."""
        self._refused: dict[str, set[str]] = {}
        """Who will never get a mail, by its queue id."""
        self.presses = Hearers[Press]()

    @callback
    def async_load(
        self, account: str, records: Mapping[tuple[str, str], Mapping[str, Any]]
    ) -> None:
        """Know an account's buttons of an earlier run."""
        now = read_clock()
        read = partial(_read, account, now)
        self._buttons |= read_all(records, read)
        self._prune(now)

    @callback
    def issue(
        self, mail: Mail, actions: Sequence[Action], lasts: timedelta
    ) -> tuple[str, ...]:
        """Return a token for each action; they work from now on, for so long.

        For all who have the mail, each once. `keep` has them survive a restart.
        """
        # From now on, not from the mail's time: the clock may have been set since.
        now = read_clock()
        tokens = tuple(secrets.token_hex(_TOKEN_OCTETS) for _ in actions)
        for token, action in zip(tokens, actions, strict=True):
            button = Button(
                mail=mail,
                action=action,
                digest=digest_of(token),
                expires_at=now.wall + lasts,
                lifetime=lasts.total_seconds(),
                deadline=now.steady + lasts.total_seconds(),
            )
            self._buttons[button.digest] = button
        self._prune(now)
        async_tell_plain_http(self._hass)
        return tokens

    @callback
    def keep(self, queue_id: str) -> None:
        """Have a mail's buttons put on disk, by the same round as the mail."""
        for button in self._of(queue_id):
            self._write(button)
        self.answerables.keep(queue_id)

    @callback
    def revoke(self, *queue_ids: str) -> None:
        """Have the buttons of these mails, which nobody gets, work no longer."""
        self._remove(
            button for button in self.all() if button.mail.queue_id in queue_ids
        )
        self.answerables.forget(*queue_ids)

    @callback
    def revoke_tag(self, account: str, tag: str) -> None:
        """Have the buttons of a tag work no longer: it is over."""
        self._remove(
            button
            for button in self.all()
            if (button.mail.account, button.mail.tag) == (account, tag)
        )

    @callback
    def revoke_account(self, account: str) -> None:
        """Have an account's buttons work no longer; the store forgets them itself."""
        self._remove(button for button in self.all() if button.mail.account == account)
        self.answerables.forget_account(account)
        if not self._buttons:
            ir.async_delete_issue(self._hass, DOMAIN, PLAIN_HTTP)

    @callback
    def revoke_for(self, queue_id: str, recipients: Iterable[str]) -> None:
        """Know who will never get a mail; once that is all, its buttons go."""
        if button := next(iter(self._of(queue_id)), None):
            refused = self._refused.setdefault(queue_id, set())
            refused.update(recipients)
            if refused.issuperset(button.mail.recipients):
                self.revoke(queue_id)

    @callback
    def end(self, queue_ids: Collection[str], why: str) -> None:
        """Have the buttons of these mails say why they act no more."""
        chosen = set(queue_ids)
        for button in self.all():
            if button.mail.queue_id in chosen and not button.used_at:
                button.ended = Ended(why)
                self._write(button)

    @callback
    def async_decide(self, account: str, *, send: bool) -> None:
        """Have the buttons work that come from a backup, or forget them."""
        self.answerables.async_decide(account, send=send)
        restored = self.restored(account)
        if not send:
            self._remove(restored)
            return
        for button in restored:
            button.restored = False
            self._write(button)

    @callback
    def find(self, token: str) -> Button | None:
        """Return the button with this token, if it works, or says why it does not."""
        button = self._buttons.get(digest_of(token))
        return button if button and self._works(button) else None

    @callback
    def find_of(self, mail: Mail, action: Action) -> Button | None:
        """Return the button of a mail that does this, as `find` does.

        Where several do the same, one that was not pressed yet.
        """
        found = [
            one
            for one in self._of(mail.queue_id)
            if one.action == action and self._works(one)
        ]
        return min(found, key=lambda one: one.used_at is not None, default=None)

    @callback
    def press(self, button: Button, by: str = "") -> None:
        """Use a button up and tell everyone, with nothing that could come between.

        `by`: who answered the mail, if that is how it is pressed. What it ends is written
        by the same round.
        """
        button.used_at, button.used_by = read_clock().wall, by
        self._write(button)
        self.presses.tell(Press(mail=button.mail, action=button.action, by=by))

    def restored(self, account: str) -> list[Button]:
        """Return an account's buttons that come from a backup, and do not work yet."""
        return [
            one for one in self.all() if one.restored and one.mail.account == account
        ]

    def all(self) -> list[Button]:
        """Return every button that is known, the oldest first."""
        return list(self._buttons.values())

    def _works(self, button: Button) -> bool:
        """Tell whether a button works, or says why it does not."""
        now = read_clock()
        # People were told a time by the wall; a clock that is set back adds nothing.
        over = now.wall >= button.expires_at or now.steady >= button.deadline
        return not (button.restored or over)

    def _of(self, queue_id: str) -> list[Button]:
        return [one for one in self.all() if one.mail.queue_id == queue_id]

    def _write(self, button: Button) -> None:
        self._store.put(_key(button), partial(_as_dict, button))

    def _remove(self, buttons: Iterable[Button]) -> None:
        for button in list(buttons):
            del self._buttons[button.digest]
            self._refused.pop(button.mail.queue_id, None)
            self._store.remove(_key(button))

    def _prune(self, now: Now) -> None:
        """Forget what is over, and of accounts that have too many what matters least.

        First those that were used or ended, then the oldest of the tag, or mail without
        one, that has most.
        """
        self._remove(one for one in self.all() if now.steady >= one.deadline)
        numbers = Counter(one.mail.account for one in self._buttons.values())
        for account, number in numbers.items():
            if number > MAX_BUTTONS:
                self._make_room(account, number - MAX_BUTTONS)

    def _make_room(self, account: str, number: int) -> None:
        protected = set(self._protected())
        mine = [
            one
            for one in self.all()
            if one.mail.account == account and one.mail.queue_id not in protected
        ]
        gone = [one for one in mine if one.used_at or one.ended][:number]
        left = [one for one in mine if not (one.used_at or one.ended)]
        numbers = Counter(map(_of_what, left))
        while left and len(gone) < number:
            most = numbers.most_common(1)[0][0]
            oldest = next(one for one in left if _of_what(one) == most)
            left.remove(oldest)
            numbers[most] -= 1
            gone.append(oldest)
        self._remove(gone)


def _of_what(button: Button) -> str:
    return button.mail.tag or button.mail.queue_id


def _key(button: Button) -> tuple[str, str, str]:
    return (BUTTON, button.mail.account, button.digest)


def _as_dict(button: Button) -> dict[str, Any]:
    """Return what is kept of a button, in times that a restart does not change."""
    return {
        **button.mail.as_dict(),
        **button.action.as_dict(),
        "expires_at": button.expires_at.isoformat(),
        "lifetime": button.lifetime,
        "used_at": button.used_at and button.used_at.isoformat(),
        "used_by": button.used_by,
        "ended": button.ended,
        "restored": button.restored,
    }


def _read(account: str, now: Now, digest: str, record: Mapping[str, Any]) -> Button:
    """Read that again; raises KeyError, TypeError or ValueError where it is damaged."""
    return Button(
        mail=read_mail(account, record),
        action=Action.read(record),
        digest=digest,
        **read_times(record, now),
        used_at=read_time(record["used_at"]) if record["used_at"] else None,
        used_by=str(record["used_by"]),
        ended=Ended(record["ended"]) if record["ended"] else None,
        restored=bool(record["restored"]),
    )
