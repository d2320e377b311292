"""The options: their form, what is stored of it, and the table behind both."""

from copy import deepcopy

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.options import OPTIONS, Kind, Option, Section, option
from homeassistant.core import HomeAssistant

from .forms import STORED_OPTIONS, TYPED_OPTIONS, placeholders_of, suggestions

NUMBERS = [one for one in OPTIONS if one.section]


def test_default() -> None:
    """What is not stored has its default; what does not exist is a mistake."""
    assert option({}, "messages_per_day") == 400
    assert option({"messages_per_day": 0}, "messages_per_day") == 0
    assert option({}, "reply_to") is None
    with pytest.raises(KeyError):
        option({}, "message_per_day")


def test_sections_hold_numbers_alone() -> None:
    """For an error inside a section cannot be shown at its field."""
    numbers = [one for one in OPTIONS if one.kind is Kind.NUMBER]
    assert [one for one in numbers if one.key != "imap_port"] == NUMBERS


@pytest.mark.parametrize("one", NUMBERS, ids=lambda one: one.key)
@pytest.mark.parametrize(
    "number", [-1, 2.5, 1_000_000, float("nan"), float("inf")], ids=str
)
async def test_number_out_of_range(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, one: Option, number: float
) -> None:
    """The error is the section's, in our words, and names field and range."""
    typed = deepcopy(TYPED_OPTIONS)
    part = typed[str(one.section)]
    assert isinstance(part, dict)
    result = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    part[one.key] = number
    result = await hass.config_entries.options.async_configure(result["flow_id"], typed)
    assert result["errors"] == {one.section: f"{one.key}_range"}
    schema = result["data_schema"]
    assert schema
    for key in typed.keys() & set(Section):
        # Open, for else nobody sees the field that the error names.
        assert schema.schema[key].options["collapsed"] == (key != one.section)
    placeholders = placeholders_of(result)
    for end, allowed in (("min", one.least), ("max", one.most)):
        assert placeholders[f"{one.key}_{end}"] == str(allowed)
        part[one.key] = allowed
        result = await hass.config_entries.options.async_configure(
            result["flow_id"], typed
        )
        assert result["data"][one.key] == allowed
        await hass.async_block_till_done()
        result = await hass.config_entries.options.async_init(loaded_entry.entry_id)


async def test_order_of_the_form(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """What people look for first stands first, each option beside what belongs to it.

    This account's server is not QQ's, so its inbox is asked for, and it has no other.
    """
    result = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    schema = result["data_schema"]
    assert schema
    answers = ("answers_by_mail", "answers_from", "imap_host", "imap_port")
    rest = ("reply_to", "digest", "history_titles", "limits", "times")
    assert [*map(str, schema.schema)] == ["sender_name", "recipients", *answers, *rest]
    at = [one.key for one in OPTIONS].index("fallback")
    assert [one.key for one in OPTIONS[at : at + 3]] == [
        *("fallback", "fallback_for_all", "reply_to"),
    ]


async def test_form_shows_what_is_stored(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """In the sections as well."""
    hass.config_entries.async_update_entry(
        loaded_entry, options={"service_name": "qq_mail", "burst": 7}
    )
    await hass.async_block_till_done()
    result = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    schema = result["data_schema"]
    assert schema
    shown = {
        str(key): (key.description or {}).get("suggested_value")
        for key in schema.schema["limits"].schema.schema
    }
    assert shown["burst"] == 7
    assert schema({"limits": {}, "times": {}})["limits"]["burst"] == 5


async def test_unknown_options_stay(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """What no field shows is not dropped: the action's name, another version's."""
    unknown = {"service_name": "qq_mail", "from_tomorrow": [1]}
    hass.config_entries.async_update_entry(loaded_entry, options=unknown)
    await hass.async_block_till_done()
    result = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    result = await hass.config_entries.options.async_configure(
        result["flow_id"], TYPED_OPTIONS
    )
    assert result["data"] == {**unknown, **STORED_OPTIONS}
    await hass.async_block_till_done()


async def test_all_wrong_addresses_are_named(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """Those of one field, and those of another."""
    result = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    result = await hass.config_entries.options.async_configure(
        result["flow_id"],
        {
            **TYPED_OPTIONS,
            "recipients": ["one, a@b.cn, two", "three"],
            "reply_to": "four" * 100,
        },
    )
    assert result["errors"] == {
        "recipients": "invalid_address",
        "reply_to": "invalid_address",
    }
    assert placeholders_of(result)["address"] == f"one, two, three, {'four' * 25}…"


async def test_options(hass: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    """Options are checked, tidied, and used; the action keeps its name."""
    result = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    flow_id = result["flow_id"]
    mistakes = {
        "sender_name": "一二三四五六七八九十一二三四五六",
        "recipients": ["a@example.com, nobody"],
        "reply_to": "a@example.com, b@example.com",
        **TYPED_OPTIONS,
    }
    result = await hass.config_entries.options.async_configure(flow_id, mistakes)
    assert result["errors"] == {
        "sender_name": "sender_name_too_long",
        "recipients": "invalid_address",
        "reply_to": "invalid_address",
    }
    shown = ("sender_name", "recipients", "reply_to", "digest", "history_titles")
    assert [suggestions(result)[key] for key in shown] == [
        mistakes[key] for key in shown
    ]
    result = await hass.config_entries.options.async_configure(
        flow_id,
        {
            "sender_name": " 我\u200b的\0家\n",
            "recipients": ["爸爸 <a@example.com>; b@example.com"],
            "reply_to": " c@example.com \u200b",
            **TYPED_OPTIONS,
        },
    )
    assert result["data"] == loaded_entry.options
    assert loaded_entry.options == {
        "service_name": "qq_mail",
        "sender_name": "我的 家",
        "recipients": ['"爸爸" <a@example.com>', "b@example.com"],
        "reply_to": "c@example.com",
        **STORED_OPTIONS,
    }
    await hass.async_block_till_done()
    assert loaded_entry.runtime_data.account.timeout == 60


async def test_options_taken_back(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """An emptied field goes back to the default."""
    for user_input in (
        {"sender_name": "Home", "recipients": ["a@b.cn"], "reply_to": "c@b.cn"},
        {"sender_name": "\u200b", "recipients": ["\u200b"], "reply_to": "\ufeff"},
    ):
        result = await hass.config_entries.options.async_init(loaded_entry.entry_id)
        await hass.config_entries.options.async_configure(
            result["flow_id"], {**user_input, **TYPED_OPTIONS}
        )
        await hass.async_block_till_done()
    assert loaded_entry.options == {"service_name": "qq_mail", **STORED_OPTIONS}
