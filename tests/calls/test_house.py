"""What the house knows of its accounts beside their mails."""

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.calls.house import async_count_refused
from homeassistant.core import HomeAssistant

from ..conftest import ADDRESS
from ..house import outbox_of
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
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """What a form was refused, before it found the right code, is not forgotten."""
    for _ in range(2):
        async_count_refused(hass, ADDRESS)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert logins(entry) == 2
