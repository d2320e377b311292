"""Asks whose address it is from which a mail was answered that had not got it."""

import voluptuous as vol

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig

from .const import CONF_ANSWERS_FROM
from .mime.address import Mailbox

_RECIPIENT = "recipient"


class StrangerFlow(RepairsFlow):
    """Lets an address answer the mails of one recipient, or leaves it at that."""

    def __init__(self, entry_id: str, address: str, recipients: str) -> None:
        """Keep whose mails of which account were answered, and from where."""
        self._entry_id = entry_id
        self._address = address
        self._recipients = recipients.split(",")

    async def async_step_init(
        self, _user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask at once."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask whose address it is; nobody's is an answer as well."""
        if user_input is None:
            issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
            choice = SelectSelector(SelectSelectorConfig(options=self._recipients))
            return self.async_show_form(
                step_id="confirm",
                data_schema=vol.Schema({vol.Optional(_RECIPIENT): choice}),
                description_placeholders=issue.translation_placeholders
                if issue
                else None,
            )
        entry = self.hass.config_entries.async_get_entry(self._entry_id)
        if entry and (recipient := user_input.get(_RECIPIENT)):
            allowed = entry.options.get(CONF_ANSWERS_FROM, [])
            another = str(Mailbox(self._address, recipient))
            self.hass.config_entries.async_update_entry(
                entry,
                options={**entry.options, CONF_ANSWERS_FROM: [*allowed, another]},
            )
        return self.async_create_entry(data={})
