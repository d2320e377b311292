"""Repair issues: what a person should know of the mail that comes to an account."""

from typing import Any, Final

from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from ..accounts import QQMailConfigEntry
from ..buttons.models import Mail
from ..clock import read_clock
from ..const import DOMAIN, PANEL
from ..inbox.bounce import Bounce
from ..issues import async_show_issue
from ..texts import Texts, literal

INBOX: Final = "inbox"
"""QQ refused the login by which answers are read; a key in the translations."""
UNREAD: Final = "inbox_unread"
"""The inbox cannot be read for another reason, though sending works; a key as well."""
STRANGER: Final = "stranger"
"""A mail was answered from an address that did not get it; a key there as well."""
BOUNCED: Final = "bounced"
"""A mail came back."""
RETURNED: Final = "something_returned"
"""Something came back, and it is not known which mail that was."""
_A_DAY: Final = 86_400.0
_HISTORY: Final = f"/{PANEL}/history"


class Issues:
    """Raises and withdraws them."""

    def __init__(self, hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._told_at: float | None = None
        """When the last stranger was reported, by the steady clock."""

    def tell_stranger(self, mail: Mail, address: str) -> None:
        """Report from which other address a mail was answered: one a day."""
        now = read_clock().steady
        if self._told_at is None or now - self._told_at >= _A_DAY:
            self._told_at = now
            self.show(
                STRANGER,
                {"address": address, "subject": mail.subject, "page": _HISTORY},
                is_fixable=True,
                data={
                    "entry_id": self._entry.entry_id,
                    "address": address,
                    "recipients": ",".join(mail.recipients),
                },
            )

    def tell_bounce(
        self, issue: str, address: str, bounce: Bounce, words: Texts
    ) -> None:
        """Report BOUNCED or RETURNED: from which address, why, and what to do."""
        account = self._entry.data[CONF_USERNAME]
        # Anybody may have written it.
        why = words(bounce.cause, account=account, reply=literal(bounce.detail))
        # It is told once, and a restart may come before anybody has read it.
        texts = {"address": address, "why": why, "page": _HISTORY}
        self.show(issue, texts, address, is_fixable=True, is_persistent=True)

    def withdraw(self, *issues: str) -> None:
        """Take these back, if they were raised, whatever each is about."""
        prefixes = tuple(f"{issue}_{self._entry.entry_id}" for issue in issues)
        for domain, issue_id in list(ir.async_get(self._hass).issues):
            if domain == DOMAIN and issue_id.startswith(prefixes):
                ir.async_delete_issue(self._hass, domain, issue_id)

    def show(
        self, issue: str, texts: dict[str, str], about: str = "", **others: Any
    ) -> None:
        """Raise an issue of the account, for each thing that it is `about`."""
        texts["account"] = self._entry.data[CONF_USERNAME]
        about = f"{self._entry.entry_id}{about}"
        async_show_issue(self._hass, issue, about, texts, **others)
