"""Adding, changing and repairing a QQ Mail account in the UI."""

from collections.abc import Mapping
from typing import Any, override

import voluptuous as vol

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
from homeassistant.const import CONF_USERNAME
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
)

from .accounts import QQMailConfigEntry
from .const import CONF_SERVICE_NAME, CONF_TAKEN_OVER, DOMAIN, SUBENTRY_TYPE_RECIPIENT
from .form import (
    REAUTH_SCHEMA,
    RECONFIGURE_SCHEMA,
    USER_SCHEMA,
    FormFlow,
    unless_removed,
)
from .notify import choose_service_name
from .options_flow import QQMailOptionsFlow
from .recipient_flow import RecipientFlow
from .takeover.source import CoreAccount, core_accounts
from .takeover.switch import (
    TakenOver,
    async_switch,
    async_undo,
    core_entries,
    is_switched,
)
from .texts import async_texts

_KEEP_WORKING = "keep_working"
KEEP_WORKING_SCHEMA = vol.Schema(
    {vol.Required(_KEEP_WORKING, default=True): BooleanSelector()}
)


class QQMailConfigFlow(FormFlow[ConfigFlowResult], ConfigFlow, domain=DOMAIN):
    """Adds an account, also from one of core's, and renews its code or its server."""

    _core: CoreAccount
    _data: Mapping[str, Any] = {}
    """What the entry will hold, once the login worked."""
    _keep_working = False

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
            if not (accounts := core_accounts(self.hass)):
                return await self.async_step_another()
            return self.async_show_menu(
                step_id="start",
                menu_options=["take_over", "another"],
                description_placeholders={"accounts": ", ".join(accounts)},
            )
        data = dict(user_input)
        if mailbox := self.read_account(CONF_USERNAME, data[CONF_USERNAME]):
            data[CONF_USERNAME] = mailbox.addr_spec.lower()
            await self.async_set_unique_id(data[CONF_USERNAME], raise_on_progress=False)
            self._abort_if_unique_id_configured()
        if not await self.check_account(data, USER_SCHEMA, {}):
            return self.show("user", USER_SCHEMA, data)
        # Another form may have added it during the login.
        self._abort_if_unique_id_configured()
        username = data[CONF_USERNAME]
        return self.async_create_entry(
            title=username,
            data=data,
            options={CONF_SERVICE_NAME: choose_service_name(self.hass, username)},
        )

    # A menu has to have a step of its name.
    async_step_start = async_step_user

    async def async_step_another(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the empty form."""
        return self.show("user", USER_SCHEMA, {})

    @override
    async def async_step_integration_discovery(
        self, discovery_info: dict[str, Any]
    ) -> ConfigFlowResult:
        """Offer by a card what this integration found by itself."""
        accounts = core_accounts(self.hass)
        await self._choose(accounts.get(discovery_info[CONF_USERNAME]))
        self.context["title_placeholders"] = {"name": self._core.username}
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Do nothing before a person has agreed: not even log in."""
        if user_input is None:
            return self.async_show_form(
                step_id="confirm",
                description_placeholders={"account": self._core.username},
            )
        return await self._log_in({})

    async def async_step_take_over(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which account, if there are several."""
        accounts = core_accounts(self.hass)
        if len(accounts) > 1 and not user_input:
            usernames = list(accounts)
            select = SelectSelector(SelectSelectorConfig(options=usernames))
            return self.async_show_form(
                step_id="take_over",
                data_schema=vol.Schema(
                    {vol.Required(CONF_USERNAME, default=usernames[0]): select}
                ),
            )
        first = next(iter(accounts), "")
        username = user_input[CONF_USERNAME] if user_input else first
        await self._choose(accounts.get(username))
        return await self._log_in({})

    async def async_step_take_over_login(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Log in with what was corrected; an empty code means core's."""
        if user_input is None:
            return self._ask_for_login(self._core.data)
        typed = {key: value for key, value in user_input.items() if value}
        return await self._log_in(typed)

    async def async_step_keep_working(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether automations go on working, and make the account."""
        core = self._core
        if user_input is None:
            return self.async_show_form(
                step_id="keep_working",
                data_schema=KEEP_WORKING_SCHEMA,
                description_placeholders={
                    "account": core.username,
                    "number": str(len(core.recipients)),
                    "notes": await self._notes(core),
                },
            )
        self._abort_if_unique_id_configured()
        self._keep_working = user_input[_KEEP_WORKING]
        record = TakenOver(
            entry_ids=list(core.entry_ids), switched=False, entities=[], actions={}
        )
        return self.async_create_entry(
            title=core.username,
            description="taken_over",
            data={**self._data, CONF_TAKEN_OVER: record},
            options={
                CONF_SERVICE_NAME: choose_service_name(self.hass, core.username),
                **core.options,
            },
            subentries=core.recipients,
        )

    async def async_step_switch(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let an account that was taken over answer to core's names."""
        if reason := await self._switch(self._entry):
            return self.async_abort(
                reason="not_switched", description_placeholders={"reason": reason}
            )
        return self.async_abort(reason="switched")

    async def async_step_undo(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Give core's entities their names back, and enable core's entry."""
        await async_undo(self.hass, self._entry)
        return self.async_abort(reason="undone")

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Switch names if that is wanted, or go on with the first recipient."""
        entry = result["result"]
        if self._keep_working and (reason := await self._switch(entry)):
            result["description"] = "not_switched"
            result["description_placeholders"] = {"reason": reason}
        if entry.subentries:
            return result
        recipient = await self.hass.config_entries.subentries.async_init(
            (entry.entry_id, SUBENTRY_TYPE_RECIPIENT),
            context=SubentryFlowContext(source=SOURCE_USER),
        )
        result["next_flow"] = (FlowType.CONFIG_SUBENTRIES_FLOW, recipient["flow_id"])
        return result

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the server again; the code only if it changed as well.

        Of an account that was taken over, ask first what is to be changed.
        """
        entry = self._entry
        if user_input is None and core_entries(self.hass, entry):
            return self.async_show_menu(
                step_id="taken_over",
                menu_options=["server", "undo" if is_switched(entry) else "switch"],
                description_placeholders={"account": entry.title},
            )
        return await self.async_step_server(user_input)

    async_step_taken_over = async_step_reconfigure

    async def async_step_server(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the server, and log in with it."""
        return await self._change("reconfigure", RECONFIGURE_SCHEMA, user_input)

    async def async_step_reauth(
        self, _entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Begin to ask for a new code, because the old one was refused."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new code."""
        return await self._change("reauth_confirm", REAUTH_SCHEMA, user_input)

    @property
    def _entry(self) -> QQMailConfigEntry:
        """The account that is changed; without it the flow ends."""
        with unless_removed():
            return self.hass.config_entries.async_get_known_entry(
                self.context["entry_id"]
            )

    async def _change(
        self, step_id: str, schema: vol.Schema, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        """Change an account after a login with what it would have then."""
        entry = self._entry
        changes = dict(user_input or {})
        if user_input is not None and (
            account := await self.check_account(
                changes, schema, entry.options, entry.data
            )
        ):
            if entry.state is ConfigEntryState.LOADED:
                # The login works, so what waits can go out.
                entry.runtime_data.async_code_renewed(account)
            # Named, or Home Assistant says it itself: in English, if there is no other
            # text in the browser.
            with unless_removed():
                return self.async_update_and_abort(
                    entry,
                    data_updates=changes,
                    reason=f"{step_id.removesuffix('_confirm')}_successful",
                )
        loaded = entry.state is ConfigEntryState.LOADED
        waiting = len(entry.runtime_data) if loaded else 0
        return self.show(
            step_id,
            schema,
            changes or entry.data,
            account=entry.title,
            waiting=str(waiting),
        )

    async def _switch(self, entry: QQMailConfigEntry) -> str:
        """Let an account answer to core's names; return why it cannot, if so."""
        try:
            await async_switch(self.hass, entry)
        except HomeAssistantError as err:
            return (await async_texts(self.hass)).of(err)
        return ""

    async def _choose(self, core: CoreAccount | None) -> None:
        """Go on with this account; abort without."""
        if not core:
            raise AbortFlow("take_over_gone")
        self._core = core
        await self.async_set_unique_id(self._core.username, raise_on_progress=False)
        self._abort_if_unique_id_configured()

    async def _log_in(self, typed: dict[str, Any]) -> ConfigFlowResult:
        """Log in once, as core does but for what was typed; ask where that fails."""
        data = {**self._core.data, **typed}
        if not await self.check_account(data, RECONFIGURE_SCHEMA, self._core.options):
            return self._ask_for_login(data)
        self._data = data
        return await self.async_step_keep_working()

    def _ask_for_login(self, data: Mapping[str, Any]) -> ConfigFlowResult:
        return self.show(
            "take_over_login", RECONFIGURE_SCHEMA, data, account=self._core.username
        )

    async def _notes(self, core: CoreAccount) -> str:
        """Return what will be other than it is in core, as a list in Markdown."""
        texts = await async_texts(self.hass)
        notes: list[str] = []
        if len(core.titles) > 1:
            notes.append(texts("taken_over_several", titles=", ".join(core.titles)))
        if core.senders:
            sender = ", ".join(core.senders)
            notes.append(
                texts("taken_over_sender", sender=sender, account=core.username)
            )
        if core.unencrypted:
            notes.append(texts("taken_over_encrypted", port=str(self._data["port"])))
        if core.in_yaml:
            notes.append(texts("taken_over_yaml"))
        return "".join(f"\n- {note}" for note in notes)
