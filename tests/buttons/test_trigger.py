"""Automations that listen to buttons: they learn which one of which mail was pressed."""

from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.buttons.models import Action
from homeassistant.components.trace.util import async_get_trace, async_list_traces
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component

from ..conftest import ADDRESS
from ..house import listen, on_disk
from ..qq_server import QQServer
from ..test_diagnostics import download
from ..test_trigger import second_account
from .conftest import ACKNOWLEDGE, CLICK, CLOSE, House, path_of

Browser = TestClient[Any, Any]


async def automate(
    hass: HomeAssistant, options: dict[str, Any] | None
) -> list[ServiceCall]:
    """Set an automation up, and return the calls it makes."""
    return await listen(hass, "action_clicked", (*CLICK, "account"), options)


async def test_trigger(house: House, browser: Browser) -> None:
    """An automation learns which button of which mail was pressed, once."""
    calls = await automate(house.hass, None)
    (token,) = house.issue()
    for _ in range(2):
        await browser.post(path_of(token))
    await house.hass.async_block_till_done()
    (call,) = calls
    assert call.data == {**CLICK, "account": ADDRESS}
    assert token not in repr(call)


async def test_automation_before_account(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """An automation may be there before anything else of the integration is."""
    calls = await automate(hass, None)
    browser = await hass_client_no_auth()
    (token,) = House(hass, entry).issue()
    await browser.post(path_of(token))
    await hass.async_block_till_done()
    assert len(calls) == 1


async def test_token_nowhere(
    house: House,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Neither states nor traces, diagnostics or the store have a token."""
    hass = house.hass
    assert await async_setup_component(hass, "diagnostics", {})
    browser = await hass_client_no_auth()
    calls = await automate(hass, None)
    (token,) = house.issue()
    await browser.post(path_of(token))
    await hass.async_block_till_done()
    assert calls
    await house.store.written()
    _, diagnostics = await download(hass, hass_client, house.entry)
    key = "automation.listens"
    traces = [
        await async_get_trace(hass, key, trace["run_id"])
        for trace in await async_list_traces(hass, "automation", key)
    ]
    # Where a press is told, it is by its name alone.
    told = [str(traces), str(hass.states.async_all()), str(on_disk(hass))]
    assert [text for text in told if "acknowledge" in text] == told
    assert [text for text in (*told, diagnostics) if token in text] == []


@pytest.mark.parametrize(
    ("options", "pressed"),
    [
        ({}, ["acknowledge", "close_valve", "other tag"]),
        ({"action": []}, ["acknowledge", "close_valve", "other tag"]),
        ({"action": "acknowledge"}, ["acknowledge"]),
        ({"action": ["acknowledge", "other tag"]}, ["acknowledge", "other tag"]),
        ({"tag": "fire"}, ["other tag"]),
        ({"tag": ["water"], "action": "other tag"}, []),
        ({"tag": ["water", "fire"]}, ["acknowledge", "close_valve", "other tag"]),
    ],
)
async def test_trigger_options(
    house: House, options: dict[str, Any], pressed: list[str]
) -> None:
    """Each option narrows down; one that is missing does not."""
    calls = await automate(house.hass, options)
    buttons = house.buttons
    house.issue(ACKNOWLEDGE, CLOSE)
    house.issue(Action(action="other tag", title="A"), tag="fire", queue_id="2")
    for button in buttons.all():
        buttons.press(button)
    await house.hass.async_block_till_done()
    assert [call.data["action"] for call in calls] == pressed


async def test_trigger_of_one_account(
    house: House, server: QQServer, caplog: pytest.LogCaptureFixture
) -> None:
    """With an account chosen, the others' buttons do not count."""
    hass = house.hass
    second = await second_account(hass, server, house.entry)
    calls = await automate(hass, {"config_entry_id": second.entry_id})
    buttons = house.buttons
    house.issue()
    house.issue(account=second.entry_id, queue_id="2")
    for button in buttons.all():
        buttons.press(button)
    await hass.async_block_till_done()
    assert [call.data["account"] for call in calls] == ["b@qq.com"]
    # The entities are each account's own.
    states = hass.states.async_all("event")
    assert [
        state.attributes["queue_id"]
        for state in states
        if state.attributes["event_types"] == ["clicked"]
    ] == [CLICK["queue_id"], "2"]
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )
    buttons.press(buttons.all()[1])
    await hass.async_block_till_done()
    assert len(calls) == 1
    assert "rror" not in caplog.text


async def test_trigger_without_such_account(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """It is refused, and not silently deaf."""
    await automate(house.hass, {"config_entry_id": "nobody"})
    assert "nobody is not a QQ Mail account" in caplog.text
