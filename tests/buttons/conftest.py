"""A mail with buttons, and somebody who opens and presses them."""

from datetime import timedelta
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.buttons.models import (
    ACTION_PATH,
    SIGNAL_PRESS,
    Action,
    Mail,
    Press,
)
from custom_components.qq_mail.buttons.registry import Buttons
from custom_components.qq_mail.store import Store
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from ..house import house_of

DAY = timedelta(days=1)
ACKNOWLEDGE = Action(action="acknowledge", title="Acknowledge")
CLOSE = Action(action="close_valve", title="Close the valve", destructive=True)
ENTITY = "event.123456_qq_com_action"
CLICK: dict[str, Any] = {
    "action": "acknowledge",
    "title": "Acknowledge",
    "tag": "water",
    "queue_id": "01JD0000000000000000000000",
    "subject": "Water in the cellar",
    "recipients": ["a@b.cn", "c@d.cn"],
}


class House:
    """A house that has sent mails with buttons, and hears what is pressed."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        self.hass = hass
        self.entry = entry
        self.presses: list[Press] = []
        async_dispatcher_connect(hass, SIGNAL_PRESS, self._hear)

    @callback
    def _hear(self, press: Press) -> None:
        self.presses.append(press)

    @property
    def buttons(self) -> Buttons:
        """All buttons of the house."""
        return house_of(self.hass).buttons

    @property
    def store(self) -> Store:
        """The journal of the house."""
        return house_of(self.hass).store

    def issue(
        self, *actions: Action, lasts: timedelta = DAY, **mail: Any
    ) -> tuple[str, ...]:
        """Return the tokens of a mail's buttons."""
        return self.buttons.issue(
            mail_of(self.entry, **mail),
            actions or (ACKNOWLEDGE,),
            lasts,
        )


def mail_of(entry: MockConfigEntry, **changes: Any) -> Mail:
    """Return what is known of a mail."""
    known: dict[str, Any] = {
        "account": entry.entry_id,
        "queue_id": CLICK["queue_id"],
        "tag": "water",
        "subject": "Water in the cellar",
        "recipients": ("a@b.cn", "c@d.cn"),
        "time": dt_util.utcnow(),
    }
    return Mail(**(known | changes))


def path_of(token: str) -> str:
    """Return where a link leads to."""
    return f"{ACTION_PATH}/{token}"


@pytest.fixture
def house(hass: HomeAssistant, loaded_entry: MockConfigEntry) -> House:
    """Return a house whose account is loaded."""
    return House(hass, loaded_entry)


@pytest.fixture
async def browser(
    house: House, hass_client_no_auth: ClientSessionGenerator
) -> TestClient[Any, Any]:
    """Return somebody who has no login."""
    return await hass_client_no_auth()
