"""Adding, changing and repairing a QQ Mail account in the UI."""

from collections.abc import Mapping
from itertools import chain, count
from typing import Any, override

import voluptuous as vol

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    OptionsFlow,
    SubentryFlowContext,
)
from homeassistant.const import (
    CONF_HOST,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_TIMEOUT,
    CONF_USERNAME,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import (
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util import slugify

from .accounts import account_from
from .const import (
    CODE_URL,
    CONF_ENCRYPTION,
    CONF_SERVICE_NAME,
    DEFAULT_HOST,
    DEFAULT_PORT,
    DOMAIN,
    SUBENTRY_TYPE_RECIPIENT,
)
from .coordinator import QQMailConfigEntry
from .form import Form, number_selector, unless_removed
from .options import option
from .options_flow import QQMailOptionsFlow
from .recipient_flow import RecipientFlow
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


class QQMailConfigFlow(ConfigFlow, domain=DOMAIN):
    """Adds an account, and renews its code or its server."""

    VERSION = 1
    MINOR_VERSION = 1

    _doubted: int | None = None
    """Hash of a code that was sent once, and not tried for its shape."""

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the recipients' flow."""
        return {SUBENTRY_TYPE_RECIPIENT: RecipientFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the options' flow."""
        return QQMailOptionsFlow()

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the account and log in once, before anything is stored."""
        form = Form(self._doubted)
        if user_input is None:
            return self._show_form("user", USER_SCHEMA, {}, form)
        data = dict(user_input)
        if mailbox := form.read_account(CONF_USERNAME, data[CONF_USERNAME]):
            data[CONF_USERNAME] = mailbox.addr_spec.lower()
            await self.async_set_unique_id(data[CONF_USERNAME], raise_on_progress=False)
            self._abort_if_unique_id_configured()
        form.read_server(data)
        form.read_code(data, data[CONF_HOST])
        if not form.errors:
            await form.check_login(
                self.hass, data, option({}, CONF_TIMEOUT), USER_SCHEMA
            )
        if form.errors:
            return self._show_form("user", USER_SCHEMA, data, form)
        # Another form may have added it during the login.
        self._abort_if_unique_id_configured()
        username = data[CONF_USERNAME]
        return self.async_create_entry(
            title=username,
            data=data,
            options={CONF_SERVICE_NAME: choose_service_name(self.hass, username)},
        )

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on with the first recipient."""
        recipient = await self.hass.config_entries.subentries.async_init(
            (result["result"].entry_id, SUBENTRY_TYPE_RECIPIENT),
            context=SubentryFlowContext(source=SOURCE_USER),
        )
        result["next_flow"] = (
            FlowType.CONFIG_SUBENTRIES_FLOW,
            recipient["flow_id"],
        )
        return result

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the server again; the code only if it changed as well."""
        with unless_removed():
            return await self._change(
                "reconfigure",
                RECONFIGURE_SCHEMA,
                self._get_reconfigure_entry(),
                user_input,
            )

    async def async_step_reauth(
        self, _entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Begin to ask for a new code, because the old one was refused."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new code."""
        with unless_removed():
            return await self._change(
                "reauth_confirm", REAUTH_SCHEMA, self._get_reauth_entry(), user_input
            )

    async def _change(
        self,
        step_id: str,
        schema: vol.Schema,
        entry: QQMailConfigEntry,
        user_input: dict[str, Any] | None,
    ) -> ConfigFlowResult:
        """Change an account after a login with what it would have then."""
        form = Form(self._doubted)
        changes = dict(user_input or {})
        if user_input is not None:
            if CONF_HOST in changes:
                form.read_server(changes)
            host = changes.get(CONF_HOST, entry.data[CONF_HOST])
            form.read_code(changes, host, required=schema is REAUTH_SCHEMA)
            if not form.errors:
                timeout = option(entry.options, CONF_TIMEOUT)
                data = {**entry.data, **changes}
                await form.check_login(self.hass, data, timeout, schema)
            if not form.errors:
                if entry.state is ConfigEntryState.LOADED:
                    # The login works, so what waits can go out.
                    entry.runtime_data.outbox.async_code_renewed(
                        account_from(data, timeout)
                    )
                # Named, or Home Assistant says it itself: in English, if there is no
                # other text in the browser.
                return self.async_update_and_abort(
                    entry,
                    data_updates=changes,
                    reason=f"{step_id.removesuffix('_confirm')}_successful",
                )
        loaded = entry.state is ConfigEntryState.LOADED
        waiting = len(entry.runtime_data.outbox) if loaded else 0
        return self._show_form(
            step_id,
            schema,
            changes or entry.data,
            form,
            account=entry.title,
            waiting=str(waiting),
        )

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
        for entry in hass.config_entries.async_entries(DOMAIN)
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
