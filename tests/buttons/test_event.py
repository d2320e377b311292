"""The event entity: it shows the last button of its account that was pressed."""

from typing import Any

from aiohttp.test_utils import TestClient

from ..conftest import shut_down
from ..qq_server import QQServer
from ..test_trigger import second_account
from .conftest import CLICK, ENTITY, House, path_of

Browser = TestClient[Any, Any]


async def test_event_entity(house: House, browser: Browser) -> None:
    """The entity shows the last button that was pressed."""
    hass = house.hass
    assert (state := hass.states.get(ENTITY)) is not None
    assert state.state == "unknown"
    (token,) = house.issue()
    await browser.post(path_of(token))
    state = hass.states.get(ENTITY)
    assert state
    assert state.attributes["event_type"] == "clicked"
    assert state.attributes.items() >= CLICK.items()
    assert token not in repr(state)
    # What has a new name goes on.
    hass.states.async_remove(ENTITY)
    await shut_down(hass, house.entry)
    await browser.post(path_of(token))


async def test_other_accounts_entity(house: House, server: QQServer) -> None:
    """A press at one account is not shown at the other."""
    second = await second_account(house.hass, server, house.entry)
    house.issue(account=second.entry_id)
    buttons = house.buttons
    buttons.press(buttons.all()[0])
    state = house.hass.states.get(ENTITY)
    assert state
    assert state.state == "unknown"
