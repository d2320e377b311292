"""The options ask where answers are read, and try it."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from ..conftest import CODE
from ..forms import TYPED_OPTIONS, placeholders_of
from ..house import house_of, record_of, rooms_of, until
from ..qq_server import QQServer
from .conftest import Household


async def choose(
    hass: HomeAssistant, entry: MockConfigEntry, **typed: Any
) -> dict[str, Any]:
    """Fill in the options, and return what comes of it."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    result = await hass.config_entries.options.async_configure(
        result["flow_id"], {**TYPED_OPTIONS, "answers_by_mail": True, **typed}
    )
    await hass.async_block_till_done()
    return dict(result)


@pytest.fixture
async def entry(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Return an account whose mails cannot be answered yet."""
    options = {"service_name": "qq_mail", "messages_per_minute": 0}
    hass.config_entries.async_update_entry(entry, options=options)
    return entry


async def test_begins_with_what_comes(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer
) -> None:
    """What was there at the login is not read; who changes something else needs none."""
    server.imap.put("123456@qq.com", b"Subject: Old\r\n\r\n")
    where = {"imap_host": server.host, "imap_port": server.imap.port}
    times = {**TYPED_OPTIONS["times"], "timeout": 30}
    for changes in ({}, {}, {"times": times}):
        result = await choose(hass, loaded_entry, **where, **changes)
        assert result["data"]["answers_by_mail"] is True
    assert server.imap.logins == 1
    await house_of(hass).manager.async_written()
    assert record_of(hass, "cursor")["uid"] == 2
    limits = rooms_of(hass, loaded_entry).outbox.state.limits
    assert [one.imap for one in limits.logins].count(True) == 1


async def switch_on(
    hass: HomeAssistant, entry: MockConfigEntry, server: QQServer
) -> dict[str, Any]:
    """Have answers read without the form, whose logins count; return where."""
    where = {"imap_host": server.host, "imap_port": server.imap.port}
    options = {**entry.options, "answers_by_mail": True, **where}
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.async_block_till_done()
    return where


def forget_logins(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have all logins be long ago, so that another one may be made to read."""
    rooms_of(hass, entry).outbox.state.limits.logins.clear()


async def test_answer_that_waits(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer
) -> None:
    """Who switches it off and on again loses none; after the last one all is skipped."""
    where = await switch_on(hass, loaded_entry, server)
    household = Household(hass, server, loaded_entry)
    mail = await household.alert(to="10002@qq.com")
    await until(lambda: server.imap.logins)
    await choose(hass, loaded_entry, answers_by_mail=False)
    household.answer(mail, "2", sender="10002@qq.com")
    forget_logins(hass, loaded_entry)
    await choose(hass, loaded_entry, **where)
    await household.told()
    assert household.pressed == ["lamp"]
    house_of(hass).buttons.revoke_account(loaded_entry.entry_id)
    await choose(hass, loaded_entry, answers_by_mail=False)
    server.imap.put("123456@qq.com", b"Subject: Other\r\n\r\n")
    await choose(hass, loaded_entry, **where)
    await house_of(hass).manager.async_written()
    assert record_of(hass, "cursor")["uid"] == 3


@pytest.mark.parametrize("reload", [False, True])
async def test_login_works_again(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer, reload: bool
) -> None:
    """Who has mended it saves the options, or loads the account anew: it reads again."""
    where = await switch_on(hass, loaded_entry, server)
    server.imap.habits.service_open = False
    household = Household(hass, server, loaded_entry)
    mail = await household.alert()
    account = rooms_of(hass, loaded_entry)
    await until(lambda: not account.outbox.reads_answers)
    household.answer(mail, "2")
    server.imap.habits.service_open = True
    forget_logins(hass, loaded_entry)
    if reload:
        assert await hass.config_entries.async_reload(loaded_entry.entry_id)
    else:
        await choose(hass, loaded_entry, **where)
    await household.told()
    assert household.pressed == ["lamp"]
    assert not ir.async_get(hass).issues


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({}, {"imap_host": "imap_host_missing"}, id="missing"),
        pytest.param({"imap_host": "a b"}, {"imap_host": "invalid_host"}, id="host"),
        pytest.param(
            {"imap_host": "127.0.0.1", "imap_port": 0},
            {"imap_port": "imap_port_range"},
            id="port",
        ),
    ],
)
async def test_mistakes(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    server: QQServer,
    changes: dict[str, Any],
    error: dict[str, str],
) -> None:
    """Each is said at its field, without a login."""
    result = await choose(hass, loaded_entry, **changes)
    assert result["errors"] == error
    assert server.imap.logins == 0


async def test_refused(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer
) -> None:
    """It is said what the server said, and no new code is asked for."""
    server.imap.habits.service_open = False
    where = {"imap_host": server.host, "imap_port": server.imap.port}
    result = await choose(hass, loaded_entry, **where)
    assert result["errors"] == {"answers_by_mail": "imap_refused"}
    assert "Login fail" in placeholders_of(result)["reply"]
    assert CODE not in str(result)
    assert len(hass.config_entries.flow.async_progress()) == 0


async def test_unreachable(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer
) -> None:
    """It is said which server, and why."""
    where = {"imap_host": server.host, "imap_port": server.tls_port}
    result = await choose(hass, loaded_entry, **where)
    assert result["errors"] == {"answers_by_mail": "imap_failed"}
    assert placeholders_of(result)["port"] == str(server.tls_port)


async def test_of_a_disabled_account(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer
) -> None:
    """It is tried there as well, though nothing is read before it is enabled."""
    await hass.config_entries.async_set_disabled_by(
        loaded_entry.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done()
    where = {"imap_host": server.host, "imap_port": server.imap.port}
    result = await choose(hass, loaded_entry, **where)
    assert result["data"]["answers_by_mail"] is True
    assert server.imap.logins == 1


async def test_known_server(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Of QQ's own nobody has to know anything."""
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "host": "smtp.qq.com"}
    )
    result = await hass.config_entries.options.async_init(entry.entry_id)
    schema = result["data_schema"]
    assert schema
    assert {"imap_host", "imap_port"} & set(map(str, schema.schema)) == set()
    assert "answers_by_mail" in schema.schema
