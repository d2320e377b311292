"""Repair issues: what a person should know of the answers to an account's mails."""

from typing import Final

from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from ..buttons.models import Mail
from ..clock import read_clock
from ..const import DOMAIN
from ..coordinator import QQMailConfigEntry
from ..inbox.models import MailboxError

INBOX: Final = "inbox"
"""QQ refused the login by which answers are read; a key in the translations."""
STRANGER: Final = "stranger"
"""A mail was answered from an address that did not get it; a key there as well."""
_A_DAY: Final = 86_400.0


class Issues:
    """Raises and withdraws them."""

    def __init__(self, hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
        """Begin without any."""
        self._hass = hass
        self._entry = entry
        self._told_at: float | None = None
        """When the last stranger was reported, by the steady clock."""

    @callback
    def tell_refused(self, error: MailboxError) -> None:
        """Report that the login to the inbox is refused."""
        self._raise(INBOX, is_fixable=False, reply=error.detail)

    @callback
    def tell_stranger(self, mail: Mail, address: str) -> None:
        """Report from which other address a mail was answered: one a day."""
        now = read_clock().steady
        if self._told_at is None or now - self._told_at >= _A_DAY:
            self._told_at = now
            self._raise(
                STRANGER, is_fixable=True, address=address, subject=mail.subject
            )

    @callback
    def withdraw(self, *issues: str) -> None:
        """Take these back, if they were raised."""
        for issue in issues:
            ir.async_delete_issue(self._hass, DOMAIN, f"{issue}_{self._entry.entry_id}")

    def _raise(self, issue: str, *, is_fixable: bool, **placeholders: str) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            f"{issue}_{self._entry.entry_id}",
            is_fixable=is_fixable,
            severity=ir.IssueSeverity.WARNING,
            translation_key=issue,
            translation_placeholders={
                "account": self._entry.data[CONF_USERNAME],
                **placeholders,
            },
        )
