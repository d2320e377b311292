"""The form of an account, which adding, changing and taking over have in common."""

from collections.abc import Mapping
from itertools import chain, count
from typing import Any

import voluptuous as vol

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util import slugify

from .const import (
    CODE_URL,
    CONF_ENCRYPTION,
    CONF_SERVICE_NAME,
    DEFAULT_HOST,
    DEFAULT_PORT,
    DOMAIN,
)
from .form import Form, number_selector
from .smtp.models import Encryption

_CODE = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
)
SERVER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_HOST, default=DEFAULT_HOST): TextSelector(),
        vol.Required(CONF_PORT, default=DEFAULT_PORT): number_selector(),
        vol.Required(CONF_ENCRYPTION, default=Encryption.TLS.value): SelectSelector(
            SelectSelectorConfig(
                options=[encryption.value for encryption in Encryption],
                mode=SelectSelectorMode.DROPDOWN,
                translation_key=CONF_ENCRYPTION,
            )
        ),
    }
)
USER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_USERNAME): TextSelector(
            TextSelectorConfig(autocomplete="email")
        ),
        vol.Required(CONF_PASSWORD): _CODE,
    }
).extend(SERVER_SCHEMA.schema)
RECONFIGURE_SCHEMA = SERVER_SCHEMA.extend({vol.Optional(CONF_PASSWORD): _CODE})
REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_PASSWORD): _CODE})


class AccountFlow(ConfigFlow):
    """Shows an account's form; never the code in it."""

    _doubted: int | None = None
    """Hash of a code that was sent once, and not tried for its shape."""

    def _show_form(
        self,
        step_id: str,
        schema: vol.Schema,
        values: Mapping[str, Any],
        form: Form,
        **placeholders: str,
    ) -> ConfigFlowResult:
        """Show a form with what was typed, but never with the code."""
        self._doubted = form.doubted
        shown = {key: val for key, val in values.items() if key != CONF_PASSWORD}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=form.errors,
            description_placeholders={
                **form.placeholders,
                **placeholders,
                "code_url": CODE_URL,
            },
        )


def choose_service_name(hass: HomeAssistant, username: str) -> str:
    """Return the name behind `notify.` for a new account, one that is free."""
    ours = {
        entry.options[CONF_SERVICE_NAME]
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    }
    local_part = slugify(username.rpartition("@")[0])
    candidates = chain(
        [DOMAIN, f"{DOMAIN}_{local_part}"],
        (f"{DOMAIN}_{local_part}_{number}" for number in count(2)),
    )
    return next(
        name
        for name in candidates
        if name not in ours and not hass.services.has_service(NOTIFY_DOMAIN, name)
    )
