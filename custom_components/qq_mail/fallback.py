"""Another account that takes over: offering it, and telling where there is none."""

from typing import override

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import CONF_FALLBACK, DOMAIN, PANEL

OFFER = "fallback_offer"
"""The issue that offers two accounts to take over for each other."""
GONE = "fallback_gone"
"""The issue that an account is to be taken over by one that is not there."""


@callback
def other_accounts(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, str]:
    """Return the titles of the other accounts, by their entries' ids."""
    return {one.entry_id: one.title for one in _enabled(hass) if one is not entry}


@callback
def async_review(hass: HomeAssistant) -> None:
    """Compare the issues with the accounts that are there, and what they are set to."""
    entries = _enabled(hass)
    ids = {one.entry_id for one in entries}
    if len(entries) > 1 and not any(CONF_FALLBACK in one.options for one in entries):
        ir.async_create_issue(
            hass,
            DOMAIN,
            OFFER,
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=OFFER,
            translation_placeholders={
                "accounts": ", ".join(one.data[CONF_USERNAME] for one in entries)
            },
        )
    else:
        ir.async_delete_issue(hass, DOMAIN, OFFER)
    for entry in hass.config_entries.async_entries(DOMAIN):
        issue_id = f"{GONE}_{entry.entry_id}"
        named = entry.options.get(CONF_FALLBACK)
        if entry.entry_id in ids and named is not None and named not in ids:
            ir.async_create_issue(
                hass,
                DOMAIN,
                issue_id,
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key=GONE,
                translation_placeholders={
                    "account": entry.data[CONF_USERNAME],
                    "page": f"/{PANEL}",
                },
            )
        else:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


class OfferFlow(ConfirmRepairFlow):
    """Has each account taken over by the next one."""

    @override
    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Set it once a person has agreed."""
        if user_input is not None:
            entries = _enabled(self.hass)
            for entry, other in zip(entries, entries[1:] + entries[:1], strict=True):
                options = {CONF_FALLBACK: other.entry_id, **entry.options}
                self.hass.config_entries.async_update_entry(entry, options=options)
        return await super().async_step_confirm(user_input)


def _enabled(hass: HomeAssistant) -> list[ConfigEntry]:
    return hass.config_entries.async_entries(
        DOMAIN, include_disabled=False, include_ignore=False
    )
