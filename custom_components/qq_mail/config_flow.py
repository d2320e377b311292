"""Adding, changing and repairing a QQ Mail account in the UI."""

from collections.abc import Mapping
from itertools import chain, count
import re
from typing import Any, override
import unicodedata

import voluptuous as vol

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    OptionsFlow,
    SubentryFlowResult,
)
from homeassistant.const import (
    CONF_HOST,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_TIMEOUT,
    CONF_USERNAME,
    UnitOfInformation,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.util import slugify
from homeassistant.util.ssl import client_context

from .const import (
    CODE_URL,
    CONF_BCC,
    CONF_BURST,
    CONF_CC,
    CONF_ENCRYPTION,
    CONF_EXPIRES_AFTER,
    CONF_MESSAGES_PER_MINUTE,
    CONF_RECIPIENTS,
    CONF_REPLY_TO,
    CONF_SENDER_NAME,
    CONF_SERVICE_NAME,
    CONF_SIZE_BUDGET,
    CONF_TO,
    DEFAULT_BURST,
    DEFAULT_EXPIRES_AFTER,
    DEFAULT_HOST,
    DEFAULT_MESSAGES_PER_MINUTE,
    DEFAULT_PORT,
    DEFAULT_SIZE_BUDGET,
    DEFAULT_TIMEOUT,
    DOMAIN,
    MAX_SIZE_BUDGET,
    MAX_TIMEOUT,
    MIN_TIMEOUT,
    SUBENTRY_TYPE_RECIPIENT,
)
from .coordinator import QQMailConfigEntry, account_from
from .errors import form_field, placeholders, translation_key
from .mail.address import InvalidMailboxError, Mailbox, one_line
from .mail.errors import MailError
from .mail.message import SENDER_NAME_MAX_BYTES
from .mail.models import Encryption
from .mail.session import SubmissionSession

_QQ_NUMBER = re.compile(r"\d{5,12}")

_CODE = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
)
_ADDRESSES = TextSelector(TextSelectorConfig(multiple=True))


def _number(minimum: int, maximum: int, unit: str | None = None) -> Any:
    """Return the field of a whole number."""
    config = NumberSelectorConfig(
        min=minimum, max=maximum, step=1, mode=NumberSelectorMode.BOX
    )
    if unit:
        config["unit_of_measurement"] = unit
    return vol.All(NumberSelector(config), vol.Coerce(int))


SERVER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_HOST, default=DEFAULT_HOST): TextSelector(),
        vol.Required(CONF_PORT, default=DEFAULT_PORT): cv.port,
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
OPTIONS_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_SENDER_NAME): TextSelector(),
        vol.Optional(CONF_RECIPIENTS): _ADDRESSES,
        vol.Optional(CONF_REPLY_TO): TextSelector(),
        vol.Required(CONF_TIMEOUT, default=DEFAULT_TIMEOUT): _number(
            MIN_TIMEOUT, MAX_TIMEOUT, UnitOfTime.SECONDS
        ),
        vol.Required(CONF_EXPIRES_AFTER, default=DEFAULT_EXPIRES_AFTER): _number(
            1, 30 * 24, UnitOfTime.HOURS
        ),
        vol.Required(CONF_BURST, default=DEFAULT_BURST): _number(1, 100),
        vol.Required(
            CONF_MESSAGES_PER_MINUTE, default=DEFAULT_MESSAGES_PER_MINUTE
        ): _number(0, 600),
        vol.Required(CONF_SIZE_BUDGET, default=DEFAULT_SIZE_BUDGET): _number(
            1, MAX_SIZE_BUDGET, UnitOfInformation.MEGABYTES
        ),
    }
)
RECIPIENT_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_NAME): TextSelector(),
        vol.Optional(CONF_TO): _ADDRESSES,
        vol.Optional(CONF_CC): _ADDRESSES,
        vol.Optional(CONF_BCC): _ADDRESSES,
    }
)


class _Form:
    """What is wrong with a form: a text for each field, and what the texts name."""

    def __init__(self) -> None:
        """Begin with a form in which nothing is wrong."""
        self.errors: dict[str, str] = {}
        self.placeholders: dict[str, str] = {}

    def parse_mailbox(self, field: str, text: str) -> Mailbox | None:
        """Return a mailbox; note at the field if it is none."""
        try:
            return Mailbox.parse(text)
        except InvalidMailboxError as err:
            self._note_invalid(field, err)
            return None

    def parse_mailboxes(self, field: str, texts: list[str]) -> list[str]:
        """Return mailboxes as they are stored; note at the field what is none."""
        try:
            return [
                str(mailbox) for text in texts for mailbox in Mailbox.parse_list(text)
            ]
        except InvalidMailboxError as err:
            self._note_invalid(field, err)
            return []

    def _note_invalid(self, field: str, err: InvalidMailboxError) -> None:
        self.errors[field] = "invalid_address"
        self.placeholders["address"] = err.text

    async def check_login(
        self, data: Mapping[str, Any], timeout: float, fields: vol.Schema
    ) -> None:
        """Log in, as sending would, and note why that failed."""
        account = account_from(data, timeout)
        try:
            async with SubmissionSession(account, client_context()):
                return
        except MailError as err:
            field = form_field(err, [str(key) for key in fields.schema])
            self.errors[field] = translation_key(err, account)
            self.placeholders |= placeholders(err, account)


class QQMailConfigFlow(ConfigFlow, domain=DOMAIN):
    """Adds an account, and renews its code or its server."""

    VERSION = 1
    MINOR_VERSION = 1

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
        form = _Form()
        if user_input is not None:
            user_input = _tidy(user_input)
            if mailbox := form.parse_mailbox(CONF_USERNAME, user_input[CONF_USERNAME]):
                username = mailbox.addr_spec
                await self.async_set_unique_id(username, raise_on_progress=False)
                self._abort_if_unique_id_configured()
                data = {**user_input, CONF_USERNAME: username}
                await form.check_login(data, DEFAULT_TIMEOUT, USER_SCHEMA)
                if not form.errors:
                    return self.async_create_entry(
                        title=username,
                        data=data,
                        options={
                            CONF_SERVICE_NAME: choose_service_name(self.hass, username)
                        },
                    )
        return self._show_form("user", USER_SCHEMA, user_input, form)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the server again; the code only if it changed as well."""
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

    async def _change(
        self, step_id: str, schema: vol.Schema, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        """Change an account after a login with what it would have then."""
        entry: QQMailConfigEntry
        if step_id == "reconfigure":
            entry = self._get_reconfigure_entry()
        else:
            entry = self._get_reauth_entry()
        form = _Form()
        if user_input is not None:
            user_input = _tidy(user_input)
            if not user_input.get(CONF_PASSWORD):
                user_input.pop(CONF_PASSWORD, None)
            data = {**entry.data, **user_input}
            timeout = entry.options.get(CONF_TIMEOUT, DEFAULT_TIMEOUT)
            await form.check_login(data, timeout, schema)
            if not form.errors:
                if entry.state is ConfigEntryState.LOADED:
                    # The login works, so what waits can go out.
                    entry.runtime_data.outbox.async_code_renewed()
                return self.async_update_and_abort(entry, data=data)
        loaded = entry.state is ConfigEntryState.LOADED
        waiting = len(entry.runtime_data.outbox) if loaded else 0
        form.placeholders |= {"account": entry.title, "waiting": str(waiting)}
        return self._show_form(step_id, schema, user_input or entry.data, form)

    def _show_form(
        self,
        step_id: str,
        schema: vol.Schema,
        values: Mapping[str, Any] | None,
        form: _Form,
    ) -> ConfigFlowResult:
        """Show a form with what was typed, but never with the code."""
        shown = {
            key: val for key, val in (values or {}).items() if key != CONF_PASSWORD
        }
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=form.errors,
            description_placeholders={"code_url": CODE_URL, **form.placeholders},
        )


class QQMailOptionsFlow(OptionsFlow):
    """Changes how an account's messages look and to whom they go."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the options."""
        form = _Form()
        if user_input is not None:
            options = {
                CONF_SERVICE_NAME: self.config_entry.options[CONF_SERVICE_NAME],
                **{
                    field: user_input[field]
                    for field in (
                        CONF_TIMEOUT,
                        CONF_EXPIRES_AFTER,
                        CONF_BURST,
                        CONF_MESSAGES_PER_MINUTE,
                        CONF_SIZE_BUDGET,
                    )
                },
            }
            if name := one_line(user_input.get(CONF_SENDER_NAME, "")):
                options[CONF_SENDER_NAME] = name
                if len(name.encode()) > SENDER_NAME_MAX_BYTES:
                    form.errors[CONF_SENDER_NAME] = "sender_name_too_long"
            if recipients := form.parse_mailboxes(
                CONF_RECIPIENTS, user_input.get(CONF_RECIPIENTS, [])
            ):
                options[CONF_RECIPIENTS] = recipients
            if (text := user_input.get(CONF_REPLY_TO, "").strip()) and (
                reply_to := form.parse_mailbox(CONF_REPLY_TO, text)
            ):
                options[CONF_REPLY_TO] = str(reply_to)
            if not form.errors:
                return self.async_create_entry(data=options)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                OPTIONS_SCHEMA, user_input or self.config_entry.options
            ),
            errors=form.errors,
            description_placeholders=form.placeholders,
        )


class RecipientFlow(ConfigSubentryFlow):
    """Adds and changes a recipient: one or more addresses under one name."""

    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a new recipient."""
        form, data = _check_recipient(user_input)
        if data:
            return self.async_create_entry(title=data[CONF_NAME], data=data)
        return self._show_form("user", user_input, form)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a recipient's name and addresses again."""
        subentry = self._get_reconfigure_subentry()
        form, data = _check_recipient(user_input)
        if data:
            return self.async_update_and_abort(
                self._get_entry(), subentry, title=data[CONF_NAME], data=data
            )
        return self._show_form("reconfigure", user_input or subentry.data, form)

    def _show_form(
        self, step_id: str, values: Mapping[str, Any] | None, form: _Form
    ) -> SubentryFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(RECIPIENT_SCHEMA, values),
            errors=form.errors,
            description_placeholders=form.placeholders,
        )


def _check_recipient(
    user_input: dict[str, Any] | None,
) -> tuple[_Form, dict[str, Any] | None]:
    """Return what is wrong with a recipient, or what is to be stored."""
    form = _Form()
    if user_input is None:
        return form, None
    name = one_line(user_input[CONF_NAME])
    lists = {
        field: form.parse_mailboxes(field, user_input.get(field, []))
        for field in (CONF_TO, CONF_CC, CONF_BCC)
    }
    if not name:
        form.errors[CONF_NAME] = "name_missing"
    if not form.errors and not any(lists.values()):
        form.errors[CONF_TO] = "no_recipients"
    if form.errors:
        return form, None
    return form, {CONF_NAME: name, **{key: val for key, val in lists.items() if val}}


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


def _tidy(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Forgive what phones and copying do to an address, a host and a code."""
    tidy = dict(user_input)
    for field in (CONF_USERNAME, CONF_HOST):
        if field in tidy:
            # A Chinese keyboard may type full-width digits and a full-width @.
            tidy[field] = unicodedata.normalize("NFKC", tidy[field]).strip().lower()
    if CONF_PASSWORD in tidy:
        tidy[CONF_PASSWORD] = "".join(tidy[CONF_PASSWORD].split())
    if _QQ_NUMBER.fullmatch(tidy.get(CONF_USERNAME, "")):
        tidy[CONF_USERNAME] += "@qq.com"
    return tidy
