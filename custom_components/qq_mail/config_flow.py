"""Adding, changing and repairing a QQ Mail account in the UI."""

from collections.abc import Mapping
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    OptionsFlow,
    SubentryFlowContext,
)
from homeassistant.const import CONF_USERNAME
from homeassistant.core import callback

from .accounts import QQMailConfigEntry
from .const import CONF_SERVICE_NAME, DOMAIN, SUBENTRY_TYPE_RECIPIENT
from .form import REAUTH_SCHEMA, RECONFIGURE_SCHEMA, USER_SCHEMA, unless_removed
from .notify import choose_service_name
from .options_flow import QQMailOptionsFlow
from .recipient_flow import RecipientFlow
from .takeover.flow import TakeOverFlow
from .takeover.source import async_core_accounts
from .takeover.switch import core_entry


class QQMailConfigFlow(TakeOverFlow, domain=DOMAIN):
    """Adds an account, and renews its code or its server."""

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
        if user_input is None:
            if await async_core_accounts(self.hass):
                return await self.async_step_start()
            return await self.async_step_another()
        form = self._form
        data = dict(user_input)
        if mailbox := form.read_account(CONF_USERNAME, data[CONF_USERNAME]):
            data[CONF_USERNAME] = mailbox.addr_spec.lower()
            await self.async_set_unique_id(data[CONF_USERNAME], raise_on_progress=False)
            self._abort_if_unique_id_configured()
        if not await form.check_account(self.hass, data, USER_SCHEMA, {}):
            return form.show(self, "user", USER_SCHEMA, data)
        # Another form may have added it during the login.
        self._abort_if_unique_id_configured()
        username = data[CONF_USERNAME]
        return self.async_create_entry(
            title=username,
            data=data,
            options={CONF_SERVICE_NAME: choose_service_name(self.hass, username)},
        )

    async def async_step_another(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the empty form."""
        return self._form.show(self, "user", USER_SCHEMA, {})

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on with the first recipient, unless some were taken over."""
        await self._async_finish_take_over(result)
        if result["result"].subentries:
            return result
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
        """Ask for the server again; the code only if it changed as well.

        Of an account that was taken over, ask first what is to be changed.
        """
        with unless_removed():
            entry = self._get_reconfigure_entry()
        if user_input is None and core_entry(self.hass, entry):
            return await self.async_step_taken_over()
        return await self.async_step_server(user_input)

    async def async_step_server(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the server, and log in with it."""
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
        form = self._form
        changes = dict(user_input or {})
        if user_input is not None and (
            account := await form.check_account(
                self.hass, changes, schema, entry.options, entry.data
            )
        ):
            if entry.state is ConfigEntryState.LOADED:
                # The login works, so what waits can go out.
                entry.runtime_data.async_code_renewed(account)
            # Named, or Home Assistant says it itself: in English, if there is no other
            # text in the browser.
            return self.async_update_and_abort(
                entry,
                data_updates=changes,
                reason=f"{step_id.removesuffix('_confirm')}_successful",
            )
        loaded = entry.state is ConfigEntryState.LOADED
        waiting = len(entry.runtime_data) if loaded else 0
        return form.show(
            self,
            step_id,
            schema,
            changes or entry.data,
            account=entry.title,
            waiting=str(waiting),
        )
