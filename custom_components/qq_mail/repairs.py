"""Repair issues: what a person should know of an outbox, as long as it holds."""

from enum import StrEnum
from pathlib import Path

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import QQMailConfigEntry
from .mail.diagnosis import Treatment
from .outbox.outcome import OutboxEvent, Outcome


class Issue(StrEnum):
    """What can be wrong; each is a key in the translations."""

    PAUSED = "paused"
    """QQ limits the account's rate."""
    EXPIRED = "expired"
    """Messages were given up, and none was accepted since."""
    DAMAGED = "damaged"
    """Files of the spool were set aside."""


async def async_create_fix_flow(
    _hass: HomeAssistant,
    _issue_id: str,
    _data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Only ask whether it was read: nothing here can be mended by a form."""
    return ConfirmRepairFlow()


@callback
def async_watch(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Keep the issues of a loaded account until it is unloaded."""
    watch = _Watch(hass, entry)
    watch.update(None)
    outbox = entry.runtime_data.outbox
    entry.async_on_unload(watch.withdraw_all)
    entry.async_on_unload(outbox.async_add_listener(watch.update))


class _Watch:
    """Raises and withdraws an account's issues."""

    def __init__(self, hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._outbox = entry.runtime_data.outbox
        self._damaged = 0

    @callback
    def update(self, event: OutboxEvent | None) -> None:
        """Compare the issues with the outbox."""
        self._update_paused()
        self._update_damaged()
        if event and event.outcome is Outcome.EXPIRED:
            self._raise_expired()
        elif event and event.outcome is Outcome.ACCEPTED:
            self._withdraw(Issue.EXPIRED)

    @callback
    def withdraw_all(self) -> None:
        """Leave nothing behind."""
        for issue in Issue:
            self._withdraw(issue)

    def _update_paused(self) -> None:
        hold = self._outbox.state.hold
        if hold and hold.until and hold.cause.treatment is Treatment.PAUSE:
            self._raise(
                Issue.PAUSED,
                severity=ir.IssueSeverity.WARNING,
                is_fixable=False,
                time=f"{dt_util.as_local(hold.until):%Y-%m-%d %H:%M}",
            )
        else:
            self._withdraw(Issue.PAUSED)

    def _update_damaged(self) -> None:
        """Report each file once: who has confirmed it is not asked again."""
        damaged = self._outbox.damaged
        if len(damaged) > self._damaged:
            self._damaged = len(damaged)
            folders = sorted({str(Path(file).parent) for file in damaged})
            self._raise(
                Issue.DAMAGED, number=str(len(damaged)), folder=", ".join(folders)
            )

    def _raise_expired(self) -> None:
        known = ir.async_get(self._hass).async_get_issue(
            DOMAIN, self._issue_id(Issue.EXPIRED)
        )
        texts = (known and known.translation_placeholders) or {"number": "0"}
        self._raise(Issue.EXPIRED, number=str(int(texts["number"]) + 1))

    def _issue_id(self, issue: Issue) -> str:
        return f"{issue}_{self._entry.entry_id}"

    def _raise(
        self,
        issue: Issue,
        *,
        severity: ir.IssueSeverity = ir.IssueSeverity.ERROR,
        is_fixable: bool = True,
        **placeholders: str,
    ) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._issue_id(issue),
            is_fixable=is_fixable,
            severity=severity,
            translation_key=issue,
            translation_placeholders={
                "account": self._outbox.account.username,
                **placeholders,
            },
        )

    def _withdraw(self, issue: Issue) -> None:
        ir.async_delete_issue(self._hass, DOMAIN, self._issue_id(issue))
