"""Action calls with anything in them: refused in words, or an impeccable message."""

from email import message_from_bytes, policy
from typing import Any

from hypothesis import given, strategies as st
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.qq_mail.content.attachments.fields import Source
from custom_components.qq_mail.content.fields import Format
from custom_components.qq_mail.mime.models import Priority
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from tests.qq_server import QQServer

from .conftest import fuzz

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=5,
)
ANY_TEXT = st.text(st.characters(), max_size=200)
# What means something in a header, in a command or in a template.
NASTY = st.lists(
    st.sampled_from(
        [
            *("\r\n", "\n", "\r", ".", "\r\n.\r\n", "\0", "Bcc: x@example.com"),
            *("<", ">", '"', ",", "@", "=?utf-8?b?4pyT?=", "\ud800"),
            *("{{ 1 }}", "{%", " ", "水", "a"),
        ]
    ),
    max_size=12,
).map("".join)
TEXT = NASTY | ANY_TEXT
ADDRESS = st.emails() | st.builds("{} <{}>".format, TEXT, st.emails()) | TEXT

# Without those after which a call that succeeds need not have sent a mail yet.
DATA = st.fixed_dictionaries(
    {},
    optional={
        field: strategy | JSON
        for field, strategy in {
            "to": ADDRESS,
            "cc": ADDRESS,
            "bcc": ADDRESS,
            "reply_to": ADDRESS,
            "sender_name": TEXT,
            "format": st.sampled_from(Format),
            "html": TEXT,
            "priority": st.sampled_from(Priority),
            "tag": TEXT,
            "expires_after": st.integers(0, 10**7),
            "attachments": st.dictionaries(st.sampled_from(Source), TEXT),
            "entities": TEXT,
            "link": TEXT,
            "actions": st.lists(
                st.dictionaries(st.sampled_from(["action", "title", "uri"]), TEXT)
            ),
        }.items()
    },
)
_TO = ("to", "cc", "bcc")
# A field of the action is a line here.
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "title": TEXT | JSON,
    "target": st.lists(ADDRESS, max_size=4) | ADDRESS | JSON,
    "data": DATA | JSON,
}
CALLS = st.fixed_dictionaries({"message": TEXT | JSON}, optional=FIELDS)
GOOD_CALLS = st.fixed_dictionaries(
    {"message": TEXT},
    optional={"title": TEXT, "target": st.lists(st.emails()), "data": DATA},
)


def without_addresses(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out who gets it: among those at least one has to be an address."""
    return {name: value for name, value in data.items() if name not in _TO}


def defects(wire: bytes) -> list[Any]:
    """Return everything that Python's parser finds fault with."""
    message = message_from_bytes(wire, policy=policy.default)
    return [
        defect
        for part in message.walk()
        for found in (part.defects, *(value.defects for value in part.values()))
        for defect in found
    ]


async def outcome(hass: HomeAssistant, call: dict[str, Any]) -> str:
    """Call the action; any exception but a refusal is a fault."""
    try:
        await hass.services.async_call("notify", "qq_mail", call, blocking=True)
    except HomeAssistantError, vol.Invalid:
        return "refused"
    return "accepted"


@fuzz(60)
@given(call=CALLS | GOOD_CALLS)
async def test_action(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    call: dict[str, Any],
) -> None:
    """It is refused, and nothing was submitted; or one good message was."""
    before = len(server.accepted)
    result = await outcome(hass, call)
    mails = server.accepted[before:]
    assert len(mails) == {"refused": 0, "accepted": 1}[result]
    assert len(loaded_entry.runtime_data) == 0
    for mail in mails:
        assert defects(mail.submitted) == []
        assert mail.submitted.isascii()
        header = mail.submitted.partition(b"\r\n\r\n")[0].lower()
        assert b"\nbcc:" not in header
        assert header.count(b"\nsubject:") == 1
        assert header.count(b"\nto:") <= 1


@fuzz(60)
@given(title=TEXT | JSON, data=DATA.map(without_addresses) | JSON)
async def test_nothing_stops_a_message(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    title: Any,
    data: Any,
) -> None:
    """With something to say, and somebody to say it to, no value is refused."""
    before = len(server.accepted)
    call = {"message": "Smoke!", "title": title, "data": data}
    assert await outcome(hass, call) == "accepted"
    assert len(server.accepted) == before + 1


async def test_half_a_character_in_a_title(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It comes from JSON with half of an emoji; the alert is to be sent all the same."""
    assert await outcome(hass, {"message": "Smoke!", "title": "Fire \ud83d"}) == (
        "accepted"
    )
    assert server.accepted[0].text == "Smoke!\n"
