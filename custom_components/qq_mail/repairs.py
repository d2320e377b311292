"""Repair issues: what a person should know of an outbox, as long as it holds."""

from collections import Counter
from collections.abc import Collection
from enum import StrEnum

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow
from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .accounts import QQMailConfigEntry
from .answers.issues import STRANGER
from .buttons.models import Press
from .calls.house import DATA_HOUSE, House
from .const import CODE_URL, CONF_FALLBACK, DOMAIN, LOGGER, PANEL
from .fallback import OFFER, OfferFlow
from .outbox.core.models import OutboxEvent, Outcome
from .outbox.outbox import Outbox
from .restored_flow import RestoredFlow
from .sending.waiting import why_it_waits
from .stranger_flow import StrangerFlow
from .texts import Texts, literal

_MOST_TITLES = 10
"""In the list of what was dropped."""
_LEFT_TO_WARN_AT = 0.2
"""Of a day's messages."""
_ISSUES_URL = "https://github.com/qq-mail-ha/qq-mail/issues"


class Issue(StrEnum):
    """What can be wrong; each is a key in the translations."""

    PAUSED = "paused"
    """QQ limits the account's rate."""
    LOGIN_REFUSED = "login_refused"
    """QQ refused a login, and a new code was not asked for yet."""
    DELAYED = "delayed"
    """Messages wait for longer than they should."""
    EXPIRED = "expired"
    """Messages were given up, and none was accepted since."""
    DAMAGED = "damaged"
    """Files of the spool were set aside."""
    RESTORED = "restored"
    """Messages come from a backup: a person has to decide whether they are sent."""
    TROUBLE = "trouble"
    """Something went wrong in the outbox that nobody expected."""
    DAY_NEARLY_USED = "day_nearly_used"
    """Four fifths of what may go out within 24 hours did."""
    UNHEARD = "unheard"
    """A button was pressed that no automation listens to."""
    HELPED = "helped"
    """Another account sends what this one may not."""
    REMOVED = "removed"
    """The account was removed while messages waited."""


async def async_create_fix_flow(
    _hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Ask what is to be done, or only whether an issue was read."""
    if issue_id == OFFER:
        return OfferFlow()
    if not data:
        return ConfirmRepairFlow()
    texts = {key: str(value) for key, value in data.items()}
    if issue_id.startswith(STRANGER):
        return StrangerFlow(**texts)
    return RestoredFlow(**texts)


@callback
def async_watch(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    house: House,
    outbox: Outbox,
    texts: Texts,
) -> None:
    """Keep the issues of an account for as long as it has its outbox."""
    watch = _Watch(hass, entry, house, outbox, texts)
    watch.update(None)
    outbox.listeners.async_add(watch.update)
    outbox.async_on_close(watch.withdraw_all)


@callback
def async_tell_removed(
    hass: HomeAssistant, entry: QQMailConfigEntry, waiting: Collection[tuple[str, str]]
) -> None:
    """Tell what was dropped with an account: its titles, and for whom it was."""
    if not waiting:
        return
    numbers = Counter(waiting)
    LOGGER.warning(
        "%s was removed with %d messages that had not been accepted",
        entry.data[CONF_USERNAME],
        len(waiting),
    )
    lines = [
        f"- {literal(title)} → {people}" + (f" ({n})" if n > 1 else "")
        for (title, people), n in numbers.most_common(_MOST_TITLES)
    ]
    if len(numbers) > _MOST_TITLES:
        lines.append("- …")
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{Issue.REMOVED}_{entry.entry_id}",
        is_fixable=True,
        # Who removes it restarts as well, and reads this afterwards.
        is_persistent=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=Issue.REMOVED,
        translation_placeholders={
            "account": entry.data[CONF_USERNAME],
            "number": str(len(waiting)),
            "titles": "\n".join(lines),
        },
    )


@callback
def async_watch_presses(hass: HomeAssistant) -> None:
    """Report buttons that somebody pressed and nobody listens to."""
    house = hass.data[DATA_HOUSE]

    @callback
    def hear(press: Press) -> None:
        issue_id = f"{Issue.UNHEARD}_{press.action.action}"
        if house.is_heard(press):
            ir.async_delete_issue(hass, DOMAIN, issue_id)
            return
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=Issue.UNHEARD,
            translation_placeholders={
                "title": press.action.title,
                "action": press.action.action,
                "subject": press.mail.subject,
            },
        )

    house.buttons.async_add_listener(hear)


class _Watch:
    """Raises and withdraws an account's issues."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: QQMailConfigEntry,
        house: House,
        outbox: Outbox,
        texts: Texts,
    ) -> None:
        self._texts = texts
        self._hass = hass
        self._entry = entry
        self._house = house
        self._outbox = outbox
        self._restored = True
        """Whether something may come from a backup; nothing comes later."""
        self._damaged = 0
        self._troubles = 0

    @callback
    def update(self, event: OutboxEvent | None) -> None:
        """Compare the issues with the outbox."""
        self._update_paused()
        self._update_login()
        self._update_delayed()
        self._update_helped()
        self._update_damaged()
        self._update_restored()
        self._update_trouble()
        self._update_day()
        if event and event.outcome is Outcome.EXPIRED:
            self._raise_expired()
        elif event and event.outcome is Outcome.ACCEPTED:
            self._withdraw(Issue.EXPIRED)

    @callback
    def withdraw_all(self) -> None:
        """Leave nothing behind."""
        for issue in Issue:
            self._withdraw(issue)

    @property
    def _advice(self) -> str:
        """What helps the next time, where no other account does already."""
        helped = CONF_FALLBACK in self._entry.options
        return "" if helped else self._texts("advice_second_account")

    def _update_paused(self) -> None:
        pause = self._outbox.pause
        if pause and not pause.cause.of_login:
            self._raise(
                Issue.PAUSED,
                severity=ir.IssueSeverity.WARNING,
                is_fixable=False,
                advice=self._advice,
                time=f"{dt_util.as_local(pause.until):%Y-%m-%d %H:%M}",
            )
        else:
            self._withdraw(Issue.PAUSED)

    def _update_login(self) -> None:
        """Tell of a refused login at once; a second one asks for a new code."""
        pause = self._outbox.pause
        if (
            pause
            and self._outbox.state.paused_for_login
            and not self._outbox.state.asked
        ):
            self._raise(
                Issue.LOGIN_REFUSED,
                severity=ir.IssueSeverity.WARNING,
                is_fixable=False,
                advice=self._advice,
                time=f"{dt_util.as_local(pause.until):%H:%M}",
                # QQ ends with a link, which would go on into what follows.
                reply=literal(str(pause.reply or pause.cause)),
                url=CODE_URL,
            )
        else:
            self._withdraw(Issue.LOGIN_REFUSED)

    def _update_delayed(self) -> None:
        """Say what waits too long, why, and when it is tried next."""
        delay = self._outbox.delays.current
        if delay is None:
            self._withdraw(Issue.DELAYED)
            return
        why = why_it_waits(self._outbox, delay.plan, dt_util.utcnow())
        self._raise(
            Issue.DELAYED,
            is_fixable=False,
            number=str(delay.number),
            titles="\n".join(f"- {literal(one)}" for one in delay.titles),
            why=self._texts.of(why),
        )

    def _update_helped(self) -> None:
        """Say which account sends instead, and since when."""
        since, by = self._outbox.helped_since, self._outbox.helped_by
        if since and by:
            self._raise(
                Issue.HELPED,
                severity=ir.IssueSeverity.WARNING,
                is_fixable=False,
                by=by,
                time=f"{dt_util.as_local(since):%Y-%m-%d %H:%M}",
            )
        else:
            self._withdraw(Issue.HELPED)

    def _update_damaged(self) -> None:
        """Report what cannot be read once: who has confirmed it is not asked again."""
        damage = self._house.manager.damage
        number = len(damage) + len(self._outbox.unreadable)
        if number > self._damaged:
            self._damaged = number
            folders = sorted({str(one.file.parent) for one in damage if one.file})
            self._raise(Issue.DAMAGED, number=str(number), folder=", ".join(folders))

    def _update_restored(self) -> None:
        if not self._restored:
            return
        numbers = self._house.restored(self._entry.entry_id)
        self._restored = any(numbers.values())
        if self._restored:
            self._raise(
                Issue.RESTORED,
                severity=ir.IssueSeverity.WARNING,
                data={"entry_id": self._entry.entry_id},
                number=str(numbers["number"]),
                alarms=str(numbers["alarms"]),
                counted=str(numbers["counted"]),
                buttons=str(numbers["buttons"]),
                page=f"/{PANEL}/outbox",
            )
        else:
            self._withdraw(Issue.RESTORED)

    def _update_trouble(self) -> None:
        """Report each error once, as with the files."""
        if self._outbox.troubles > self._troubles:
            self._troubles = self._outbox.troubles
            self._raise(Issue.TROUBLE, url=_ISSUES_URL)

    def _update_day(self) -> None:
        """Name who sends most while there is time to do something about it."""
        limit, left = self._outbox.per_day, self._outbox.left_today
        if left is None or left > limit * _LEFT_TO_WARN_AT:
            self._withdraw(Issue.DAY_NEARLY_USED)
            return
        self._raise(
            Issue.DAY_NEARLY_USED,
            severity=ir.IssueSeverity.WARNING,
            is_fixable=False,
            sent=str(limit - left),
            limit=str(limit),
            titles="\n".join(
                f"- {literal(title)}: {number}"
                for title, number in self._outbox.sent_most
            ),
        )

    def _raise_expired(self) -> None:
        known = ir.async_get(self._hass).async_get_issue(
            DOMAIN, self._issue_id(Issue.EXPIRED)
        )
        texts = (known and known.translation_placeholders) or {"number": "0"}
        self._raise(
            Issue.EXPIRED,
            number=str(int(texts["number"]) + 1),
            page=f"/{PANEL}/history",
        )

    def _issue_id(self, issue: Issue) -> str:
        return f"{issue}_{self._entry.entry_id}"

    def _raise(
        self,
        issue: Issue,
        *,
        severity: ir.IssueSeverity = ir.IssueSeverity.ERROR,
        is_fixable: bool = True,
        data: dict[str, str | int | float | None] | None = None,
        **placeholders: str,
    ) -> None:
        tab = "check" if issue is Issue.LOGIN_REFUSED else "outbox"
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._issue_id(issue),
            data=data,
            is_fixable=is_fixable,
            # Those that are fixable open a dialog of their own, which has no such link.
            learn_more_url=f"homeassistant://{PANEL}/{tab}",
            severity=severity,
            translation_key=issue,
            translation_placeholders={
                "account": self._outbox.account.username,
                **placeholders,
            },
        )

    def _withdraw(self, issue: Issue) -> None:
        ir.async_delete_issue(self._hass, DOMAIN, self._issue_id(issue))
