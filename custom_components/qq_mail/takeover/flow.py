"""The steps of the config flow that take an account over from core's `smtp`."""

from collections.abc import Mapping
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_USERNAME
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
)

from ..accounts import QQMailConfigEntry
from ..const import CONF_SERVICE_NAME, CONF_TAKEN_OVER
from ..form import RECONFIGURE_SCHEMA, Form, unless_removed
from ..notify import choose_service_name
from ..texts import async_texts
from .source import CoreAccount, async_core_accounts
from .switch import TakenOver, async_switch, async_undo, is_switched

_KEEP_WORKING = "keep_working"
KEEP_WORKING_SCHEMA = vol.Schema({vol.Optional(_KEEP_WORKING): BooleanSelector()})


class TakeOverFlow(ConfigFlow):
    """Makes an account from one of core's, and switches names there and back."""

    _core: CoreAccount
    _data: Mapping[str, Any] = {}
    """What the entry will hold, once the login worked."""
    _keep_working = False

    def __init__(self) -> None:
        """Begin with a form for all steps: QQ counts each login that it tries."""
        self._form = Form()

    async def async_step_start(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer core's accounts before an empty form."""
        accounts = await async_core_accounts(self.hass)
        return self.async_show_menu(
            step_id="start",
            menu_options=["take_over", "another"],
            description_placeholders={
                "accounts": ", ".join(account.username for account in accounts)
            },
        )

    async def async_step_taken_over(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is to be changed of an account that was taken over."""
        entry = self._get_reconfigure_entry()
        return self.async_show_menu(
            step_id="taken_over",
            menu_options=["server", "undo" if is_switched(entry) else "switch"],
            description_placeholders={"account": entry.title},
        )

    @override
    async def async_step_integration_discovery(
        self, discovery_info: dict[str, Any]
    ) -> ConfigFlowResult:
        """Offer by a card what this integration found by itself."""
        await self._choose(entry_id=discovery_info["entry_id"])
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
        return await self._log_in(dict(self._core.data))

    async def async_step_take_over(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which account, if there are several."""
        accounts = await async_core_accounts(self.hass)
        if len(accounts) > 1 and not user_input:
            usernames = [account.username for account in accounts]
            select = SelectSelector(SelectSelectorConfig(options=usernames))
            return self.async_show_form(
                step_id="take_over",
                data_schema=vol.Schema(
                    {vol.Required(CONF_USERNAME, default=usernames[0]): select}
                ),
            )
        await self._choose(**(user_input or {}))
        return await self._log_in(dict(self._core.data))

    async def async_step_take_over_login(
        self, user_input: dict[str, Any]
    ) -> ConfigFlowResult:
        """Log in with what was corrected; an empty code means core's."""
        typed = {key: value for key, value in user_input.items() if value}
        return await self._log_in({**self._core.data, **typed})

    async def async_step_keep_working(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether automations go on working, and make the account."""
        core = self._core
        if user_input is None:
            return self.async_show_form(
                step_id="keep_working",
                data_schema=self.add_suggested_values_to_schema(
                    KEEP_WORKING_SCHEMA, {_KEEP_WORKING: True}
                ),
                description_placeholders={
                    "account": core.username,
                    "number": str(len(core.recipients)),
                    "notes": await self._notes(core),
                },
            )
        self._abort_if_unique_id_configured()
        self._keep_working = user_input.get(_KEEP_WORKING, False)
        record = TakenOver(entry_id=core.entry_id, entities=[], action=None)
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
        with unless_removed():
            entry = self._get_reconfigure_entry()
        if reason := await self._switch(entry):
            return self.async_abort(
                reason="not_switched", description_placeholders={"reason": reason}
            )
        return self.async_abort(reason="switched")

    async def async_step_undo(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Give core's entities their names back, and enable core's entry."""
        with unless_removed():
            entry = self._get_reconfigure_entry()
        await async_undo(self.hass, entry)
        return self.async_abort(reason="undone")

    async def _async_finish_take_over(self, result: ConfigFlowResult) -> None:
        """Switch once the new account is loaded; the result says where that failed."""
        if self._keep_working and (reason := await self._switch(result["result"])):
            result["description"] = "not_switched"
            result["description_placeholders"] = {"reason": reason}

    async def _switch(self, entry: QQMailConfigEntry) -> str:
        """Let an account answer to core's names; return why it cannot, if so."""
        try:
            await async_switch(self.hass, entry)
        except HomeAssistantError as err:
            return (await async_texts(self.hass)).of(err)
        return ""

    async def _choose(
        self, *, entry_id: str | None = None, username: str | None = None
    ) -> None:
        """Go on with the account that was meant, or the first one; abort without."""
        for account in await async_core_accounts(self.hass):
            if entry_id in (None, account.entry_id) and username in (
                None,
                account.username,
            ):
                self._core = account
                await self.async_set_unique_id(
                    account.username, raise_on_progress=False
                )
                self._abort_if_unique_id_configured()
                return
        raise AbortFlow("take_over_gone")

    async def _log_in(self, data: dict[str, Any]) -> ConfigFlowResult:
        """Log in once; where that fails, or something is missing, ask."""
        core, form = self._core, self._form
        schema = RECONFIGURE_SCHEMA
        if not await form.check_account(self.hass, data, schema, core.options):
            return form.show(
                self, "take_over_login", schema, data, account=core.username
            )
        self._data = data
        return await self.async_step_keep_working()

    async def _notes(self, core: CoreAccount) -> str:
        """Return what will be other than it is in core, as a list in Markdown."""
        texts = await async_texts(self.hass)
        notes: list[str] = []
        if core.sender != core.username:
            notes.append(
                texts("taken_over_sender", sender=core.sender, account=core.username)
            )
        if core.unencrypted:
            notes.append(texts("taken_over_encrypted", port=str(self._data["port"])))
        if core.in_yaml:
            notes.append(texts("taken_over_yaml"))
        return "".join(f"\n- {note}" for note in notes)
