"""Another account that takes over: offering it, and telling where there is none."""

from typing import override

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlowResult
from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant, callback

from .accounts import enabled
from .const import CONF_FALLBACK, DOMAIN, PANEL
from .issues import async_show_issue

OFFER = "fallback_offer"
"""The issue that offers two accounts to take over for each other."""
GONE = "fallback_gone"
"""The issue that an account is to be taken over by one that is not there."""


@callback
def async_review(hass: HomeAssistant) -> None:
    """Compare the issues with the accounts that are there, and what they are set to."""
    entries = enabled(hass)
    ids = {one.entry_id for one in entries}
    helped = any(CONF_FALLBACK in one.options for one in entries)
    accounts = ", ".join(one.data[CONF_USERNAME] for one in entries)
    offer = {"accounts": accounts} if len(entries) > 1 and not helped else None
    async_show_issue(hass, OFFER, "", offer, is_fixable=True)
    for entry in hass.config_entries.async_entries(DOMAIN):
        named = entry.options.get(CONF_FALLBACK)
        gone = entry.entry_id in ids and named is not None and named not in ids
        texts = {"account": entry.data[CONF_USERNAME], "page": f"/{PANEL}"}
        async_show_issue(hass, GONE, entry.entry_id, texts if gone else None)


class OfferFlow(ConfirmRepairFlow):
    """Has each account taken over by the next one."""

    @override
    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Set it once a person has agreed."""
        if user_input is not None:
            entries = enabled(self.hass)
            for entry, other in zip(entries, entries[1:] + entries[:1], strict=True):
                options = {CONF_FALLBACK: other.entry_id, **entry.options}
                self.hass.config_entries.async_update_entry(entry, options=options)
        return await super().async_step_confirm(user_input)
