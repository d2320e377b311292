"""Changing an account's options in the UI, as the table of options describes them."""

from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.const import CONF_HOST, UnitOfInformation
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    Selector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)

from .accounts import enabled
from .const import CONF_FALLBACK, IMAP_HOSTS, PANEL
from .form import ADDRESSES, FormFlow, number_selector, unless_removed
from .options import OPTIONS, Kind, Option, Section

_PLACEHOLDERS = {
    "page": f"/{PANEL}",
    "from_example": "ann@example.com <ann@work.example>",
} | {
    f"{one.key}_{end}": str(number)
    for one in OPTIONS
    if one.most
    for end, number in (("min", one.least), ("max", one.most))
}


def _selector(one: Option, accounts: Mapping[str, str]) -> Selector[Any]:
    match one.kind:
        case Kind.ACCOUNT:
            return SelectSelector(
                SelectSelectorConfig(
                    options=[
                        SelectOptionDict(value=entry_id, label=title)
                        for entry_id, title in accounts.items()
                    ],
                    mode=SelectSelectorMode.DROPDOWN,
                )
            )
        case Kind.MAILBOXES:
            return ADDRESSES
        case Kind.SWITCH:
            return BooleanSelector()
        case Kind.NUMBER:
            # MB is the same in every language.
            worded = one.unit not in (None, UnitOfInformation.MEGABYTES)
            return number_selector(one.unit, "option" if worded else None)
        case _:
            return TextSelector()


def fields(
    part: Section | None,
    options: Sequence[Option] = OPTIONS,
    accounts: Mapping[str, str] = MappingProxyType({}),
) -> dict[vol.Marker, Selector[Any]]:
    """Return the fields of one section, or of what stands above them.

    `accounts` are the other ones: their titles by their entries' ids.
    """
    return {
        vol.Optional(one.key)
        if one.default is None
        else vol.Required(one.key, default=one.default): _selector(one, accounts)
        for one in options
        if one.section is part
    }


def _schema(
    options: Sequence[Option], open_parts: Container[str], accounts: Mapping[str, str]
) -> vol.Schema:
    """Return the form, its sections collapsed but for those that have an error."""
    parts = {
        vol.Required(part.value): section(
            vol.Schema(fields(part, options)), {"collapsed": part not in open_parts}
        )
        for part in Section
    }
    return vol.Schema({**fields(None, options, accounts), **parts})


class QQMailOptionsFlow(FormFlow[ConfigFlowResult], OptionsFlow):
    """Changes how an account's messages look, to whom they go, and how many."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the options; what no field shows stays as it is."""
        with unless_removed():
            entry = self.config_entry
            stored = entry.options
        known = entry.data[CONF_HOST] in IMAP_HOSTS
        accounts = {
            one.entry_id: one.title for one in enabled(self.hass) if one is not entry
        }
        asked = [
            one
            for one in OPTIONS
            if not (one.elsewhere and known) and (accounts or not one.several)
        ]
        if user_input is not None:
            keys = {one.key for one in asked}
            options = {key: val for key, val in stored.items() if key not in keys}
            for one in asked:
                typed = user_input[one.section] if one.section else user_input
                if (value := self._read(one, typed.get(one.key))) is not None:
                    options[one.key] = value
            if not self.errors:
                await self.check_inbox(entry, options)
            if not self.errors:
                return self.async_create_entry(data=options)
        shown = dict(stored)
        if shown.get(CONF_FALLBACK) not in accounts:
            # That account is not there any more.
            shown.pop(CONF_FALLBACK, None)
        return self.show(
            "init",
            _schema(asked, self.errors, accounts),
            # Each part finds its own.
            user_input or {**shown, **dict.fromkeys(Section, shown)},
            **_PLACEHOLDERS,
        )

    def _read(self, one: Option, typed: Any) -> Any:
        """Return what is stored for a field; None: nothing. Note what is wrong with it."""
        match one.kind:
            case Kind.NAME:
                return self.read_sender_name(one.key, typed or "") or None
            case Kind.MAILBOX:
                mailbox = self.read_mailbox(one.key, typed or "")
                return mailbox and str(mailbox)
            case Kind.MAILBOXES:
                return self.read_mailboxes(one.key, typed or []) or None
            case Kind.SWITCH | Kind.ACCOUNT:
                return typed
            case Kind.HOST:
                return self.read_host(one.key, typed or "")
            case _:
                return self.read_number(
                    one.key, typed, one.least, one.most, one.section
                )
