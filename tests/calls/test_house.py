"""What the house knows of its accounts beside their mails."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.calls.house import async_count_refused
from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.outbox.core.models import Level
from homeassistant.core import HomeAssistant

from ..conftest import ADDRESS
from ..house import later, outbox_of
from ..qq_server import QQServer
from ..test_trigger import second_account


def logins(entry: MockConfigEntry) -> int:
    """Return how many logins of an account are counted."""
    return len(outbox_of(entry).state.limits.logins)


@pytest.mark.parametrize(
    ("username", "counted"),
    [
        pytest.param(ADDRESS, [1, 0], id="first"),
        pytest.param("b@qq.com", [0, 1], id="second"),
        pytest.param("c@qq.com", [0, 0], id="none"),
    ],
)
async def test_login_that_a_form_was_refused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    username: str,
    counted: list[int],
) -> None:
    """It counts for the account with that name, and for no other."""
    entries = [loaded_entry, await second_account(hass, server, loaded_entry)]
    before = [logins(entry) for entry in entries]
    async_count_refused(hass, username)
    after = [logins(entry) for entry in entries]
    assert [new - old for new, old in zip(after, before, strict=True)] == counted


async def test_login_before_the_account_is_there(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What a form was refused, before it found the right code, counts as of then."""
    for _ in range(8):
        async_count_refused(hass, ADDRESS)
        await later(hass, freezer, timedelta(minutes=30))
    assert await hass.config_entries.async_setup(entry.entry_id)
    now = read_clock().steady
    ages = [(now - one.at) / 60 for one in outbox_of(entry).state.limits.logins]
    assert ages == pytest.approx([240, 210, 180, 150, 120, 90, 60, 30], abs=0.1)
    # The next login need not wait.
    assert outbox_of(entry).state.limits.login_at(now, Level.BELOW) == now
