"""Changing an account's options in the UI, as the table of options describes them."""

from collections.abc import Container, Mapping
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.const import UnitOfInformation
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import BooleanSelector, Selector, TextSelector

from .const import PANEL
from .form import ADDRESSES, Form, number_selector, unless_removed
from .options import OPTIONS, Kind, Option, Section

_PLACEHOLDERS = {"page": f"/{PANEL}"} | {
    f"{one.key}_{end}": str(number)
    for one in OPTIONS
    if one.kind is Kind.NUMBER
    for end, number in (("min", one.least), ("max", one.most))
}


def _selector(one: Option) -> Selector[Any]:
    match one.kind:
        case Kind.MAILBOXES:
            return ADDRESSES
        case Kind.SWITCH:
            return BooleanSelector()
        case Kind.NUMBER:
            # MB is the same in every language.
            worded = one.unit != UnitOfInformation.MEGABYTES
            return number_selector(one.unit, "option" if worded else None)
        case _:
            return TextSelector()


def fields(part: Section | None) -> dict[vol.Marker, Selector[Any]]:
    """Return the fields of one section, or of what stands above them."""
    return {
        vol.Optional(one.key)
        if one.default is None
        else vol.Required(one.key, default=one.default): _selector(one)
        for one in OPTIONS
        if one.section is part
    }


def _schema(open_parts: Container[str]) -> vol.Schema:
    """Return the form, its sections collapsed but for those that have an error."""
    parts = {
        vol.Required(part.value): section(
            vol.Schema(fields(part)), {"collapsed": part not in open_parts}
        )
        for part in Section
    }
    return vol.Schema({**fields(None), **parts})


class QQMailOptionsFlow(OptionsFlow):
    """Changes how an account's messages look, to whom they go, and how many."""

    async def async_step_init(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the options; what no field shows stays as it is."""
        with unless_removed():
            stored = self.config_entry.options
        form = Form()
        if user_input is not None:
            keys = {one.key for one in OPTIONS}
            options = {key: val for key, val in stored.items() if key not in keys}
            for one in OPTIONS:
                typed = user_input[one.section] if one.section else user_input
                if (value := _read(form, one, typed.get(one.key))) is not None:
                    options[one.key] = value
            if not form.errors:
                return self.async_create_entry(data=options)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                _schema(form.errors), user_input or _by_section(stored)
            ),
            errors=form.errors,
            description_placeholders={**form.placeholders, **_PLACEHOLDERS},
        )


def _read(form: Form, one: Option, typed: Any) -> Any:
    """Return what is stored for a field; None: nothing. Note what is wrong with it."""
    match one.kind:
        case Kind.NAME:
            return form.read_sender_name(one.key, typed or "") or None
        case Kind.MAILBOX:
            mailbox = form.read_mailbox(one.key, typed or "", required=False)
            return mailbox and str(mailbox)
        case Kind.MAILBOXES:
            return form.read_mailboxes(one.key, typed or []) or None
        case Kind.SWITCH:
            return typed
        case _:
            number = form.read_number(typed, one.least, one.most)
            if number is None:
                form.errors[one.section or one.key] = f"{one.key}_range"
            return number


def _by_section(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored options in the form's shape."""
    return {
        **options,
        **{
            part: {
                one.key: options[one.key]
                for one in OPTIONS
                if one.section is part and one.key in options
            }
            for part in Section
        },
    }
