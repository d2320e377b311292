"""Which buttons work: kept in memory, and in the store for after a restart."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
import secrets
from typing import Final, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from ..clock import Now, read_clock
from ..const import DOMAIN, MAX_BUTTONS
from ..store import Store
from .answerable import Answerables
from .kept import Secrets, digest_of
from .links import PLAIN_HTTP, async_tell_plain_http
from .listeners import Listeners
from .models import Action, Button, Ended, Mail, Press

BUTTON: Final = "button"
"""The kind of their records in the store."""
_TOKEN_OCTETS = 32
TOKEN_LENGTH = 2 * _TOKEN_OCTETS
"""Characters: in hex, as QQ's pages mangle what has a meaning in a URL."""


class Buttons(Secrets[Button]):
    """All accounts' buttons, and who hears of it when one is pressed.

    What is done to those of a mail is done to its answering as well.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        store: Store,
        protected: Callable[[], Collection[str]],
    ) -> None:
        """Begin with none; `protected` names mails whose buttons are not forgotten."""
        super().__init__(store, BUTTON, Button)
        self._hass = hass
        self._protected = protected
        self.answerables = Answerables(store)
        """The mails whose buttons can be pressed by an answer."""
        self._refused: dict[str, set[str]] = {}
        """Who will never get a mail, by its queue id."""
        self.presses = Listeners[Press]()

    @callback
    def issue(
        self, mail: Mail, actions: Sequence[Action], lasts: timedelta
    ) -> tuple[str, ...]:
        """Return a token for each action; they work from now on, for so long.

        For all who have the mail, each once. `keep` has them survive a restart.
        """
        tokens = tuple(secrets.token_hex(_TOKEN_OCTETS) for _ in actions)
        for token, action in zip(tokens, actions, strict=True):
            self._add(token, mail, lasts, action=action)
        self._prune(read_clock())
        async_tell_plain_http(self._hass)
        return tokens

    @override
    @callback
    def keep(self, queue_id: str) -> None:
        super().keep(queue_id)
        self.answerables.keep(queue_id)

    @override
    @callback
    def revoke(self, *queue_ids: str) -> None:
        super().revoke(*queue_ids)
        self.answerables.revoke(*queue_ids)

    @callback
    def revoke_tag(self, account: str, tag: str) -> None:
        """Have the buttons of a tag work no longer: it is over."""
        self._remove(
            button
            for button in self.all()
            if (button.mail.account, button.mail.tag) == (account, tag)
        )

    @override
    @callback
    def revoke_account(self, account: str) -> None:
        super().revoke_account(account)
        self.answerables.revoke_account(account)
        if not self._known:
            ir.async_delete_issue(self._hass, DOMAIN, PLAIN_HTTP)

    @callback
    def revoke_for(self, queue_id: str, recipients: Iterable[str]) -> None:
        """Know who will never get a mail; once that is all, its buttons go."""
        for button in self.of_mail(queue_id)[:1]:
            refused = self._refused.setdefault(queue_id, set())
            refused.update(recipients)
            if refused.issuperset(button.mail.recipients):
                self.revoke(queue_id)

    @callback
    def end(self, queue_ids: Collection[str], why: str) -> None:
        """Have the buttons of these mails say why they act no more."""
        for button in self.of_mail(*queue_ids):
            if not button.used_at:
                button.ended = Ended(why)
                self._write(button)

    @override
    @callback
    def async_decide(self, account: str, *, send: bool) -> None:
        super().async_decide(account, send=send)
        self.answerables.async_decide(account, send=send)

    @callback
    def find(self, token: str) -> Button | None:
        """Return the button with this token, if it works, or says why it does not."""
        button = self._known.get(digest_of(token))
        return button if button and self._works(button) else None

    @callback
    def find_of(self, mail: Mail, action: Action) -> Button | None:
        """Return the button of a mail that does this, as `find` does.

        Where several do the same, one that was not pressed yet.
        """
        found = [
            one
            for one in self.of_mail(mail.queue_id)
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

    def _works(self, button: Button) -> bool:
        """Tell whether a button works, or says why it does not."""
        now = read_clock()
        # People were told a time by the wall; a clock that is set back adds nothing.
        over = now.wall >= button.expires_at or now.steady >= button.deadline
        return not (button.restored or over)

    @override
    def _remove(self, some: Iterable[Button]) -> None:
        gone = list(some)
        super()._remove(gone)
        for button in gone:
            self._refused.pop(button.mail.queue_id, None)

    @override
    def _prune(self, now: Now) -> None:
        """Forget what is over, and of accounts that have too many what matters least.

        First those that were used or ended, then the oldest of the tag, or mail without
        one, that has most.
        """
        super()._prune(now)
        numbers = Counter(one.mail.account for one in self._known.values())
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
        # Nor does an answer to such a mail press anything any more.
        left_of = {one.mail.queue_id for one in self.all()}
        self.answerables.revoke(*({one.mail.queue_id for one in gone} - left_of))


def _of_what(button: Button) -> str:
    return button.mail.tag or button.mail.queue_id
