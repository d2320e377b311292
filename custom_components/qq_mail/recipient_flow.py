"""Adding and changing a recipient in the UI."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import TextSelector

from .const import CONF_BCC, CONF_CC, CONF_TO
from .form import ADDRESSES, Form, unless_removed
from .mime.address import one_line

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


class RecipientFlow(ConfigSubentryFlow):
    """Adds and changes a recipient: one or more addresses under one name."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a new recipient."""
        with unless_removed():
            self._get_entry()
        form, data = _check_recipient(user_input)
        if data:
            return self.async_create_entry(title=data[CONF_NAME], data=data)
        return self._show_form("user", user_input, form)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a recipient's name and addresses again."""
        with unless_removed():
            subentry = self._get_reconfigure_subentry()
        form, data = _check_recipient(user_input)
        if data:
            return self.async_update_and_abort(
                self._get_entry(), subentry, title=data[CONF_NAME], data=data
            )
        return self._show_form("reconfigure", user_input or subentry.data, form)

    def _show_form(
        self, step_id: str, values: Mapping[str, Any] | None, form: Form
    ) -> SubentryFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(RECIPIENT_SCHEMA, values),
            errors=form.errors,
            description_placeholders=form.placeholders,
        )


def _check_recipient(
    user_input: dict[str, Any] | None,
) -> tuple[Form, dict[str, Any] | None]:
    """Return what is wrong with a recipient, or what is to be stored."""
    form = Form()
    if user_input is None:
        return form, None
    name = one_line(user_input[CONF_NAME])
    lists = {
        field: form.read_mailboxes(field, user_input.get(field, []))
        for field in (CONF_TO, CONF_CC, CONF_BCC)
    }
    if not name:
        form.errors[CONF_NAME] = "name_missing"
    elif len(name) > _NAME_MAX_CHARS:
        form.errors[CONF_NAME] = "name_too_long"
    if not form.errors and not any(lists.values()):
        form.errors[CONF_TO] = "no_recipients"
    if form.errors:
        return form, None
    return form, {CONF_NAME: name, **{key: val for key, val in lists.items() if val}}
