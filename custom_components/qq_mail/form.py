"""The forms: their fields, what is wrong with them, and the login at the end."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
import re
from types import MappingProxyType
from typing import Any
import unicodedata

import voluptuous as vol

from homeassistant.config_entries import ConfigEntry, UnknownEntry, UnknownSubEntry
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.data_entry_flow import AbortFlow, FlowHandler, FlowResult
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
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ssl import client_context

from .accounts import account_from, imap_account_from
from .calls.house import DATA_HOUSE, async_count_refused
from .const import (
    CODE_URL,
    CONF_ANSWERS,
    CONF_ENCRYPTION,
    CONF_IMAP_HOST,
    DEFAULT_HOST,
    DEFAULT_PORT,
    DOMAIN,
    OTHER_PROVIDERS,
    QQ_CODE_LENGTH,
    SENDER_NAME_MAX_BYTES,
)
from .errors import action_error
from .inbox.mailbox import async_check
from .inbox.models import MailboxError
from .mime.address import InvalidMailboxError, Mailbox, one_line, shown_texts, tidy
from .options import option
from .smtp.errors import MailError
from .smtp.host import InvalidHostError, read_host
from .smtp.models import Account, Encryption, Step
from .smtp.session import SubmissionSession

_PORTS = (1, 65535)
_QQ_CODE = re.compile(rf"[a-z0-9]{{{QQ_CODE_LENGTH}}}")

ADDRESSES = TextSelector(TextSelectorConfig(multiple=True))


def number_selector(
    unit: str | None = None, translation_key: str | None = None
) -> NumberSelector:
    """Return the field of a whole number.

    It has no limits: the selector's own errors are in English, and in the way of ours.
    """
    config = NumberSelectorConfig(step=1, mode=NumberSelectorMode.BOX)
    if unit:
        config["unit_of_measurement"] = unit
    if translation_key:
        config["translation_key"] = translation_key
    return NumberSelector(config)


_CODE = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
)
_SERVER = {
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
USER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_USERNAME): TextSelector(
            TextSelectorConfig(autocomplete="email")
        ),
        vol.Required(CONF_PASSWORD): _CODE,
        **_SERVER,
    }
)
RECONFIGURE_SCHEMA = vol.Schema({**_SERVER, vol.Optional(CONF_PASSWORD): _CODE})
REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_PASSWORD): _CODE})

_LOGGING_IN: HassKey[set[str]] = HassKey(f"{DOMAIN}_logging_in")
"""The accounts for which a form is logging in at this moment."""


class FormFlow[R: FlowResult[Any, Any]](FlowHandler[Any, R, Any]):
    """A flow with forms: an error for each field, until it is shown, and their texts."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self._doubted: int | None = None
        """Hash of a code that QQ would hardly make; sent again, it is tried."""
        self._invalid: list[str] = []
        self._placeholders = {
            "port_min": str(_PORTS[0]),
            "port_max": str(_PORTS[1]),
            "code_url": CODE_URL,
            # Translations must not have angle brackets.
            "example": "<10002>",
        }

    def read_mailbox(self, field: str, text: str) -> Mailbox | None:
        """Return a mailbox, None where there is none; note at the field what is none."""
        if not tidy(text):
            return None
        try:
            return Mailbox.parse(text)
        except InvalidMailboxError:
            self._note_invalid(field, [text])
            return None

    def read_account(self, field: str, text: str) -> Mailbox | None:
        """Return the account's own mailbox; note at the field if it cannot be QQ's."""
        if not tidy(text):
            self.errors[field] = "address_missing"
        mailbox = self.read_mailbox(field, text)
        if mailbox and mailbox.domain.lower() in OTHER_PROVIDERS:
            self.errors[field] = "other_provider"
            self._placeholders["domain"] = mailbox.domain.lower()
            return None
        return mailbox

    def read_mailboxes(self, field: str, texts: list[str]) -> list[str]:
        """Return mailboxes as they are stored; note at the field what is none."""
        mailboxes: list[Mailbox] = []
        for text in texts:
            found, invalid = Mailbox.parse_all(text)
            mailboxes += found
            if invalid:
                self._note_invalid(field, invalid)
        return [str(mailbox) for mailbox in mailboxes]

    def read_server(self, data: dict[str, Any]) -> None:
        """Put host and port into the form in which they are stored."""
        try:
            data[CONF_HOST], port = read_host(data[CONF_HOST])
        except InvalidHostError:
            self.errors[CONF_HOST] = "invalid_host"
        else:
            # Who writes it behind the host means it: the field has a default.
            if port is not None:
                data[CONF_PORT] = port
        data[CONF_PORT] = self.read_number(CONF_PORT, data[CONF_PORT], *_PORTS)

    def read_host(self, field: str, text: str) -> str | None:
        """Return a host, None where there is none; note at the field what is none."""
        if not tidy(text):
            return None
        try:
            return read_host(text)[0]
        except InvalidHostError:
            self.errors[field] = "invalid_host"
            return None

    def read_code(
        self, data: dict[str, Any], host: str, *, required: bool = True
    ) -> None:
        """Put the authorization code into the form in which it is stored.

        Nothing is tried that cannot be one, because QQ counts every login. Only
        smtp.qq.com's codes have a known shape, and even there a person may insist.
        """
        code = "".join(
            char
            for char in tidy(data.pop(CONF_PASSWORD, ""))
            if not char.isspace() and unicodedata.category(char) != "Cc"
        )
        if not code:
            if required:
                self.errors[CONF_PASSWORD] = "code_missing"
            return
        data[CONF_PASSWORD] = code
        if not code.isascii():
            self.errors[CONF_PASSWORD] = "code_not_ascii"
        elif (
            host == DEFAULT_HOST
            and not _QQ_CODE.fullmatch(code)
            and hash(code) != self._doubted
        ):
            self._doubted = hash(code)
            self.errors[CONF_PASSWORD] = "code_shape"
            self._placeholders |= {
                "entered": str(len(code)),
                "length": str(QQ_CODE_LENGTH),
            }

    def read_sender_name(self, field: str, text: str) -> str:
        """Return a display name in one line; note at the field if QQ refuses it."""
        name = one_line(text)
        if len(name.encode()) > SENDER_NAME_MAX_BYTES:
            self.errors[field] = "sender_name_too_long"
        return name

    def read_number(
        self, key: str, typed: float, least: int, most: int, at: str | None = None
    ) -> float:
        """Return a whole number within its limits; note at its field if it is none.

        `at`: at which section instead.
        """
        number = float(typed)
        if number.is_integer() and least <= number <= most:
            return int(number)
        self.errors[at or key] = f"{key}_range"
        return typed

    async def check_account(
        self,
        typed: dict[str, Any],
        schema: vol.Schema,
        options: Mapping[str, Any],
        known: Mapping[str, Any] = MappingProxyType({}),
    ) -> Account | None:
        """Return the account that logs in with what was typed; note why none does.

        `known` is stored of it already. What was typed gets the form in which it is
        stored.
        """
        if CONF_HOST in typed:
            self.read_server(typed)
        host = {**known, **typed}[CONF_HOST]
        self.read_code(typed, host, required=not known or schema is REAUTH_SCHEMA)
        if self.errors:
            return None
        account = account_from({**known, **typed}, options)
        logging_in = self.hass.data.setdefault(_LOGGING_IN, set())
        if account.username in logging_in:
            self.errors["base"] = "still_checking"
            return None
        logging_in.add(account.username)
        try:
            async with SubmissionSession(account, client_context()):
                return account
        except MailError as err:
            if err.step is Step.AUTH:
                async_count_refused(self.hass, account.username)
            error = action_error(err, account)
            field = err.cause.field if err.cause.field in schema.schema else "base"
            self.errors[field] = error.translation_key or ""
            self._placeholders |= error.translation_placeholders or {}
            return None
        finally:
            logging_in.remove(account.username)

    async def check_inbox(self, entry: ConfigEntry, options: Mapping[str, Any]) -> None:
        """Log in where answers are to be read from now on, and note why that failed.

        From then on all that comes is looked at. Where they are read already, nobody has
        to log in anew, unless it cannot be read.
        """
        if not option(options, CONF_ANSWERS):
            return
        account = imap_account_from(entry.data, options)
        if account is None:
            self.errors[CONF_IMAP_HOST] = "imap_host_missing"
            return
        rooms = self.hass.data[DATA_HOUSE].rooms.get(entry.entry_id)
        stored = imap_account_from(entry.data, entry.options)
        unread = rooms is not None and not rooms.outbox.reads_answers
        if stored and stored == replace(account, timeout=stored.timeout) and not unread:
            return
        if rooms:
            rooms.outbox.async_count_login(imap=True)
        try:
            cursor = await async_check(account, client_context())
        except MailboxError as err:
            self.errors[CONF_ANSWERS] = (
                "imap_refused" if err.cause.of_login else "imap_failed"
            )
            self._placeholders |= {
                "host": account.host,
                "port": str(account.port),
                "reply": err.detail or str(err.cause),
            }
        else:
            if rooms:
                rooms.answers.begin(account, cursor)

    def show(
        self,
        step_id: str,
        schema: vol.Schema,
        values: Mapping[str, Any],
        **placeholders: str,
    ) -> R:
        """Show the form with what was typed, but never with the code."""
        errors, self.errors = self.errors, {}
        if self._invalid:
            # All of them, wherever they stand: the fields share the text's name for it.
            placeholders["address"] = shown_texts(self._invalid)
            self._invalid = []
        shown = {key: val for key, val in values.items() if key != CONF_PASSWORD}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
            description_placeholders={**self._placeholders, **placeholders},
        )

    def _note_invalid(self, field: str, texts: list[str]) -> None:
        self.errors[field] = "invalid_address"
        self._invalid += texts


@contextmanager
def unless_removed() -> Generator[None]:
    """End a flow whose account or recipient somebody removed in the meantime."""
    try:
        yield
    except (UnknownEntry, UnknownSubEntry) as err:
        raise AbortFlow("removed") from err
