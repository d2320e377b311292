"""Which buttons work: kept in memory, and in the store for after a restart."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from hashlib import sha256
import secrets
from typing import Any, Final

from homeassistant.components.automation import automations_with_entity
from homeassistant.components.event import DOMAIN as EVENT_DOMAIN
from homeassistant.components.script import scripts_with_entity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.dispatcher import (
    async_dispatcher_connect,
    async_dispatcher_send,
)
from homeassistant.util.signal_type import SignalType

from ..clock import Now, read_clock
from ..const import ACKNOWLEDGE, DOMAIN, MAX_BUTTONS
from ..mime.secret import make_secret
from ..store import Store, read_all
from ..typed import as_json, read_json
from .links import PLAIN_HTTP, async_tell_plain_http
from .models import (
    PRESSES_KEY,
    SIGNAL_PRESS,
    Action,
    Button,
    Ended,
    Mail,
    MailButtons,
    Press,
)

BUTTONS: Final = "buttons"
_ANSWERABLE: Final = f"{DOMAIN}_answerable_"
"""A signal, with the account's id behind it."""
"""The kind of their records in the store: those of a mail are one."""
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
        self._known: dict[str, MailButtons] = {}
        """By their mails' queue ids, the oldest first."""
        self.handlers: defaultdict[
            SignalType[*tuple[Any, ...]], set[Callable[..., object]]
        ] = defaultdict(set)
        """By signal: what returns something if an automation handles what is told."""

    @callback
    def async_load(self, records: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        """Know an account's buttons of an earlier run."""
        now = read_clock()
        self._known |= read_all(records, partial(self._read, now))
        self._prune(now)

    @callback
    def async_listen(
        self, account: str, changed: Callable[[], None]
    ) -> Callable[[], None]:
        """Have it told when an account can be answered for longer, or less long.

        Return what ends that.
        """
        return async_dispatcher_connect(self._hass, _ANSWERABLE + account, changed)

    def issue(
        self, mail: Mail, actions: Sequence[Action], lasts: timedelta, secret: str = ""
    ) -> tuple[str, ...]:
        """Return a token for each action; they work from now on, for so long.

        For all who have the mail, each once. `secret` is what an answer brings back that
        presses them. `keep` has them survive a restart.
        """
        tokens = tuple(
            # By its own it is known which one somebody answers in words.
            make_secret() if one.in_words else secrets.token_hex(_TOKEN_OCTETS)
            for one in actions
        )
        # Not from the mail's time: the clock may have been set since.
        now, seconds = read_clock(), lasts.total_seconds()
        self._known[mail.queue_id] = MailButtons(
            mail=mail,
            expires_at=now.wall + lasts,
            lifetime=seconds,
            deadline=now.steady + seconds,
            buttons=[
                Button(action=action, digest=_digest_of(token))
                for token, action in zip(tokens, actions, strict=True)
            ],
            secret=_digest_of(secret) if secret else "",
        )
        self._prune(now)
        if secret:
            self._tell(mail.account)
        async_tell_plain_http(self._hass)
        return tokens

    def keep(self, queue_id: str) -> None:
        """Have those of a mail put on disk, by the same round as the mail."""
        for known in self._of_mail(queue_id):
            self.write(known)

    def number(self, firsts: Mapping[str, int]) -> None:
        """Number mails' buttons as their digest does, by the round that keeps it.

        `firsts`: each mail's first number, by queue id.
        """
        for known in self._of_mail(*firsts):
            known.first = firsts[known.mail.queue_id]
            self.write(known)

    def all(self) -> list[Button]:
        """Return all that are not over, the oldest first."""
        now = read_clock().steady
        return [
            button
            for known in self._known.values()
            if now < known.deadline and not known.over
            for button in known.buttons
        ]

    def restored(self, account: str) -> int:
        """Return how many of an account come from a backup, and do not work yet."""
        mine = (one.group for one in self.all() if one.mail.account == account)
        return sum(group.restored for group in mine)

    @callback
    def async_decide(self, account: str, *, send: bool) -> None:
        """Have those work that come from a backup, or forget them."""
        restored = [
            one
            for one in self._known.values()
            if one.restored and one.mail.account == account
        ]
        if not send:
            self._remove(restored)
            return
        for known in restored:
            known.restored = False
            self.write(known)
        self._tell(account)

    def revoke(self, *queue_ids: str) -> None:
        """Have those of these mails, which nobody gets, work no longer."""
        self._remove(self._of_mail(*queue_ids))

    def revoke_tag(self, account: str, tag: str) -> None:
        """Have the buttons of a tag work no longer: it is over.

        Who answers is told so.
        """
        cleared = [
            one
            for one in self._known.values()
            if (one.mail.account, one.mail.tag) == (account, tag)
        ]
        for known in cleared:
            known.over = True
            self.write(known)
        self._remove(one for one in cleared if not one.secret)

    def revoke_account(self, account: str) -> None:
        """Have an account's work no longer."""
        self._remove(one for one in self._known.values() if one.mail.account == account)
        if not self.all():
            ir.async_delete_issue(self._hass, DOMAIN, PLAIN_HTTP)

    def revoke_for(self, queue_id: str, recipients: Iterable[str]) -> None:
        """Know who will never get a mail; once that is all, its buttons go."""
        for known in self._of_mail(queue_id):
            known.refused.update(recipients)
            if known.refused.issuperset(known.mail.recipients):
                self._remove([known])

    def end(self, queue_ids: Collection[str], why: str) -> None:
        """Have the buttons of these mails say why they act no more."""
        for known in self._of_mail(*queue_ids):
            for button in known.buttons:
                if not button.used_at:
                    button.ended = Ended(why)
            self.write(known)

    def find(self, token: str) -> Button | None:
        """Return the button with this token, if it works, or says why it does not."""
        digest = _digest_of(token)
        found = (one for one in self.all() if one.digest == digest)
        return next(filter(self.works, found), None)

    def works(self, button: Button) -> bool:
        """Tell whether a button works, or says why it does not."""
        now, group = read_clock(), button.group
        # People were told a time by the wall; a clock that is set back adds nothing.
        late = now.wall >= group.expires_at or now.steady >= group.deadline
        return not (group.restored or group.over or late)

    def press(self, button: Button, by: str = "") -> None:
        """Use a button up and tell everyone, with nothing that could come between.

        `by`: who answered the mail, if that is how it is pressed. What it ends is written
        by the same round.
        """
        button.used_at, button.used_by = read_clock().wall, by
        self.write(button.group)
        press = Press(mail=button.mail, action=button.action, by=by)
        async_dispatcher_send(self._hass, SIGNAL_PRESS, press)

    def presses_entity(self, account: str) -> str | None:
        """Return the id of the event entity that tells of presses of an account."""
        return er.async_get(self._hass).async_get_entity_id(
            EVENT_DOMAIN, DOMAIN, f"{account}_{PRESSES_KEY}"
        )

    def is_handled[T](self, signal: SignalType[T], told: T) -> bool:
        """Tell whether a trigger of ours waits for what is told by a signal."""
        return any(handles(told) for handles in self.handlers[signal])

    def is_heard(self, press: Press) -> bool:
        """Tell whether a press is handled: by us, a trigger, an automation or a script.

        An automation that triggers on the state of any entity is not seen here.
        """
        entity_id = self.presses_entity(press.mail.account) or ""
        return bool(
            press.action.action.lower() == ACKNOWLEDGE
            or self.is_handled(SIGNAL_PRESS, press)
            or automations_with_entity(self._hass, entity_id)
            or scripts_with_entity(self._hass, entity_id)
        )

    # What may be answered by mail

    def answerable(self, account: str) -> list[MailButtons]:
        """Return the mails that somebody may answer now to an account."""
        now = read_clock().steady
        return [
            one
            for one in self._known.values()
            if one.secret and account in (one.mail.account, one.sent_by)
            if not one.restored and now < one.forgotten_at
        ]

    def answered(self, account: str, found: Iterable[str]) -> list[Button]:
        """Return the buttons that an answer may mean in which these secrets are.

        Those of a mail all of whose secret is there, or else the one that was tapped.
        """
        digests = set(map(_digest_of, found))
        return [
            button
            for known in self.answerable(account)
            for button in known.buttons
            if known.secret in digests or button.digest in digests
        ]

    def left(self, account: str) -> float:
        """Return for how many seconds somebody may still answer a mail."""
        now = read_clock().steady
        ends = (one.forgotten_at for one in self.answerable(account))
        return max(ends, default=now) - now

    def note_sender(self, queue_id: str, account: str) -> None:
        """Know that another account has sent a mail, to which people will answer."""
        for known in self._of_mail(queue_id):
            known.sent_by = account
            self.write(known)
        self._tell(account)

    def write(self, known: MailButtons) -> None:
        """Have it written what is known of a mail, unless it was forgotten."""
        if known.mail.queue_id in self._known:
            self._store.put(self._key(known), lambda: as_json(known, read_clock()))

    def _of_mail(self, *queue_ids: str) -> list[MailButtons]:
        return [self._known[one] for one in queue_ids if one in self._known]

    def _read(self, now: Now, name: str, record: Mapping[str, Any]) -> MailButtons:
        one: MailButtons = read_json(MailButtons, record, now)
        if one.mail.queue_id != name:
            raise ValueError(one.mail.queue_id)
        # A clock that was set back while Home Assistant was away gives no more than
        # they had in the beginning.
        left = min((one.expires_at - now.wall).total_seconds(), one.lifetime)
        one.deadline = now.steady + left
        return one

    def _key(self, known: MailButtons) -> tuple[str, str, str]:
        return (BUTTONS, known.mail.account, known.mail.queue_id)

    def _remove(self, some: Iterable[MailButtons]) -> None:
        gone = list(some)
        for known in gone:
            del self._known[known.mail.queue_id]
            self._store.remove(self._key(known))
        # Once: who is told looks at all that are left.
        answered = [(one.mail.account, one.sent_by) for one in gone if one.secret]
        self._tell(*dict.fromkeys(each for some in answered for each in some))

    def _prune(self, now: Now) -> None:
        """Forget what is over, and of accounts that have too many what matters least.

        First mails whose buttons were all used or ended, then the oldest of the tag, or
        mail without one, that has most.
        """
        known = self._known.values()
        self._remove(one for one in known if one.forgotten_at <= now.steady)
        numbers = Counter(one.mail.account for one in self.all())
        for account, number in numbers.items():
            if number > MAX_BUTTONS:
                self._make_room(account, number - MAX_BUTTONS)

    def _make_room(self, account: str, number: int) -> None:
        protected = set(self._protected())
        mine = (one.group for one in self.all() if one.mail.account == account)
        left = [
            one for one in dict.fromkeys(mine) if one.mail.queue_id not in protected
        ]
        gone: list[MailButtons] = []
        while left and number > 0:
            numbers = Counter(_of_what(one) for one in left for _ in one.buttons)
            most = numbers.most_common(1)[0][0]
            first = min(left, key=lambda one: (not one.spent, _of_what(one) != most))
            left.remove(first)
            gone.append(first)
            number -= len(first.buttons)
        self._remove(gone)

    def _tell(self, *accounts: str) -> None:
        for account in accounts:
            async_dispatcher_send(self._hass, _ANSWERABLE + account)


def _digest_of(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _of_what(known: MailButtons) -> str:
    return known.mail.tag or known.mail.queue_id
