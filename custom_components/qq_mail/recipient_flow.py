"""Adding and changing a recipient in the UI."""

from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import BooleanSelector, TextSelector

from .accounts import QQMailConfigEntry
from .calls.send import async_send_test
from .const import CONF_BCC, CONF_CC, CONF_TO, SUBENTRY_TYPE_RECIPIENT
from .form import ADDRESSES, FormFlow, unless_removed
from .mime.address import Recipients, one_line
from .texts import async_texts

_SEND_TEST = "send_test"
"""Of the form alone: whether a test mail goes to the new recipient."""

_NAME_MAX_CHARS = 100
"""It becomes a part of an entity's id, which may have 255."""

RECIPIENT_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_NAME): TextSelector(),
        vol.Optional(CONF_TO): ADDRESSES,
        vol.Optional(CONF_CC): ADDRESSES,
        vol.Optional(CONF_BCC): ADDRESSES,
    }
)
NEW_RECIPIENT_SCHEMA = RECIPIENT_SCHEMA.extend(
    {vol.Optional(_SEND_TEST): BooleanSelector()}
)


class RecipientFlow(FormFlow[SubentryFlowResult], ConfigSubentryFlow):
    """Adds and changes a recipient: one or more addresses under one name."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a new recipient; with the first one, say that the account works."""
        with unless_removed():
            entry: QQMailConfigEntry = self._get_entry()
        data = self._read(user_input)
        description, reason = None, ""
        if data and user_input and user_input.get(_SEND_TEST):
            try:
                sent = await async_send_test(self.hass, entry, Recipients.stored(data))
            except HomeAssistantError as err:
                self.errors["base"] = "test_refused"
                reason = (await async_texts(self.hass)).of(err)
            else:
                accepted = sent.receipt and sent.receipt.accepted
                description = "tested" if accepted else "test_waits"
        if data and not self.errors:
            return self.async_create_entry(
                title=data[CONF_NAME], data=data, description=description
            )
        known = entry.get_subentries_of_type(SUBENTRY_TYPE_RECIPIENT)
        return self.show(
            "user" if known else "first",
            NEW_RECIPIENT_SCHEMA,
            user_input or {_SEND_TEST: True},
            account=entry.title,
            reason=reason,
        )

    async_step_first = async_step_user

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a recipient's name and addresses again."""
        with unless_removed():
            subentry = self._get_reconfigure_subentry()
        data = self._read(user_input)
        if data:
            self.async_update_and_abort(
                self._get_entry(), subentry, title=data[CONF_NAME], data=data
            )
            # Said by us: the end that Home Assistant returned may be in English.
            return self.async_abort(reason="reconfigure_successful")
        return self.show("reconfigure", RECIPIENT_SCHEMA, user_input or subentry.data)

    def _read(self, user_input: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return what is to be stored of a recipient; None: something is wrong with it."""
        if user_input is None:
            return None
        name = one_line(user_input[CONF_NAME])
        lists = {
            field: self.read_mailboxes(field, user_input.get(field, []))
            for field in (CONF_TO, CONF_CC, CONF_BCC)
        }
        if not name:
            self.errors[CONF_NAME] = "name_missing"
        elif len(name) > _NAME_MAX_CHARS:
            self.errors[CONF_NAME] = "name_too_long"
        if not self.errors and not any(lists.values()):
            self.errors[CONF_TO] = "no_recipients"
        if self.errors:
            return None
        return {CONF_NAME: name, **{key: val for key, val in lists.items() if val}}
