"""Taking an account over from core's `smtp`, which is set up for real."""

import asyncio
from datetime import timedelta
import json
from pathlib import Path
import socket
from typing import Any
from unittest.mock import Mock, patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail import notify
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.takeover import leftover, switch
from custom_components.qq_mail.takeover.source import async_offer, core_accounts
from homeassistant.components import smtp
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
    ConfigSubentryData,
)
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
    label_registry as lr,
)
from homeassistant.setup import async_setup_component

from .conftest import ADDRESS, CODE
from .forms import TYPED_OPTIONS, placeholders_of, suggestions
from .house import later
from .qq_server import QQServer

PEOPLE = {"mom@example.com": "妈妈", "me@example.com": "me@example.com"}


def make_core(server: QQServer, /, **data: Any) -> MockConfigEntry:
    """Return an entry of core's, as its config flow makes it."""
    options = data.pop("options", {})
    source = data.pop("source", SOURCE_USER)
    return MockConfigEntry(
        domain="smtp",
        title="Home",
        source=source,
        data={
            "sender": ADDRESS,
            "sender_name": "Home",
            "server": server.host,
            "port": server.tls_port,
            "encryption": "tls",
            "username": ADDRESS,
            "password": CODE,
            # Core makes a context of its own, which does not trust the test's.
            "verify_ssl": False,
            **data,
        },
        options=options,
        subentries_data=[
            ConfigSubentryData(
                subentry_type="recipient", title=title, unique_id=address, data={}
            )
            for address, title in data.pop("people", PEOPLE).items()
        ],
    )


@pytest.fixture
async def core(
    hass: HomeAssistant, server: QQServer, monkeypatch: pytest.MonkeyPatch
) -> MockConfigEntry:
    """Return core's account, loaded, with its action and two entities."""
    # Core's action looks the machine's name up, which the test plugin forbids.
    monkeypatch.setattr(socket, "getfqdn", lambda: "home.invalid")
    core = make_core(server)
    core.add_to_hass(hass)
    assert await hass.config_entries.async_setup(core.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get("notify.home_ma_ma")
    assert hass.services.has_service("notify", "home")
    return core


async def begin(hass: HomeAssistant, step: str = "take_over") -> Any:
    """Open the form, choose from its menu, and return what comes then."""
    menu = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert menu["type"] is FlowResultType.MENU
    assert menu["menu_options"] == ["take_over", "another"]
    return await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": step}
    )


async def take_over(hass: HomeAssistant, *, keep_working: bool = True) -> Any:
    """Go through all of the form."""
    form = await begin(hass)
    assert form["step_id"] == "keep_working"
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], {"keep_working": keep_working}
    )
    await hass.async_block_till_done()
    return result


async def send(hass: HomeAssistant, entity_id: str) -> None:
    """Send as an automation would."""
    await hass.services.async_call(
        "notify",
        "send_message",
        {"entity_id": entity_id, "message": "Hi"},
        blocking=True,
    )


async def open_menu(hass: HomeAssistant, entry: ConfigEntry) -> Any:
    """Open the menu of an account that was taken over."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": "reconfigure", "entry_id": entry.entry_id}
    )


async def choose(hass: HomeAssistant, menu: Any, step: str) -> Any:
    """Choose something in it."""
    assert step in menu["menu_options"]
    result = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": step}
    )
    await hass.async_block_till_done()
    return result


async def reconfigure(hass: HomeAssistant, entry: ConfigEntry, step: str) -> Any:
    """Open it and choose something."""
    return await choose(hass, await open_menu(hass, entry), step)


def platform_of(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return whose an entity is, by the registry."""
    known = er.async_get(hass).async_get(entity_id)
    return known.platform if known else None


async def test_everything_goes_on_working(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """What names core's entities and action reaches ours; then it is taken back."""
    logins = server.logins
    result = await take_over(hass)
    assert result["description"] == "taken_over"
    assert "next_flow" not in result
    ours: ConfigEntry = result["result"]
    assert core.disabled_by is ConfigEntryDisabler.USER
    await send(hass, "notify.home_ma_ma")
    assert server.accepted[-1].recipients == ("mom@example.com",)
    # One for the form, one for the mail.
    assert server.logins == logins + 2
    assert platform_of(hass, "notify.home_ma_ma") == DOMAIN
    assert platform_of(hass, "notify.home_ma_ma_smtp") == "smtp"
    await hass.services.async_call("notify", "home", {"message": "Hi"}, blocking=True)
    assert server.accepted[-1].recipients == tuple(PEOPLE)
    await hass.services.async_call(
        "notify", "qq_mail", {"message": "Hi"}, blocking=True
    )
    assert len(server.accepted) == 3

    # Saving the options keeps it.
    form = await hass.config_entries.options.async_init(ours.entry_id)
    await hass.config_entries.options.async_configure(form["flow_id"], TYPED_OPTIONS)
    await hass.async_block_till_done()
    assert hass.services.has_service("notify", "home")

    assert (await reconfigure(hass, ours, "undo"))["reason"] == "undone"
    assert core.state is ConfigEntryState.LOADED
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"
    assert platform_of(hass, "notify.ma_ma") == DOMAIN
    assert platform_of(hass, "notify.home_ma_ma_smtp") is None
    assert hass.states.get("notify.home_ma_ma")
    assert hass.services.has_service("notify", "home")
    sent = len(server.accepted)
    await send(hass, "notify.home_ma_ma")
    await send(hass, "notify.ma_ma")
    of_core, of_ours = server.accepted[sent:]
    assert of_core.message["X-Mailer"] == "Home Assistant"
    assert of_ours.message["X-Mailer"] is None

    assert (await reconfigure(hass, ours, "switch"))["reason"] == "switched"
    assert platform_of(hass, "notify.home_ma_ma") == DOMAIN


async def test_what_is_read(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """The account, its options and its recipients are core's."""
    hass.config_entries.async_update_entry(
        core,
        options={"timeout": 7, "reply_to": "me@example.com", "reply_to_name": "Me"},
    )
    await hass.async_block_till_done()
    entry = (await take_over(hass, keep_working=False))["result"]
    assert entry.title == entry.unique_id == ADDRESS
    assert entry.data == {
        "username": ADDRESS,
        "password": CODE,
        "host": server.host,
        "port": server.tls_port,
        "encryption": "tls",
        "taken_over": {
            "entry_ids": [core.entry_id],
            "switched": False,
            "entities": [],
            "actions": {},
        },
    }
    people = ['"妈妈" <mom@example.com>', "me@example.com"]
    assert entry.options == {
        "service_name": "qq_mail",
        "sender_name": "Home",
        "reply_to": '"Me" <me@example.com>',
        "timeout": 7,
        "recipients": people,
    }
    assert [
        (one.title, one.unique_id, one.data) for one in entry.subentries.values()
    ] == [
        (title, f"{core.entry_id}_{address}", {"name": title, "to": [mailbox]})
        for (address, title), mailbox in zip(PEOPLE.items(), people, strict=True)
    ]
    # Not asked for, not touched.
    assert core.state is ConfigEntryState.LOADED
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"


READ = [
    pytest.param({"username": "123456"}, {"username": ADDRESS}, {}, id="QQ number"),
    pytest.param(
        {"username": None, "sender": "Home@Foxmail.com"},
        {"username": "home@foxmail.com"},
        {},
        id="no user name",
    ),
    pytest.param(
        {"encryption": "none", "port": 25},
        {"port": 587, "encryption": "starttls"},
        {},
        id="no encryption",
    ),
    pytest.param({"sender_name": "x" * 46}, {}, {"sender_name": None}, id="long name"),
    pytest.param({"options": {"timeout": 1}}, {}, {"timeout": 5}, id="short timeout"),
    pytest.param(
        {"options": {"timeout": 1800}}, {}, {"timeout": 300}, id="long timeout"
    ),
    pytest.param({"options": {"reply_to": "x"}}, {}, {"reply_to": None}, id="reply-to"),
    pytest.param({"people": {}}, {}, {"recipients": None}, id="nobody"),
    pytest.param(
        {"people": {"x": "Nobody", "a@b.cn": 'A <"B">'}},
        {},
        {"recipients": ['"A B" <a@b.cn>']},
        id="no address, odd name",
    ),
]


@pytest.mark.parametrize(("core_data", "data", "options"), READ)
async def test_how_it_is_read(
    hass: HomeAssistant,
    server: QQServer,
    core_data: dict[str, Any],
    data: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """What core has otherwise becomes what ours takes."""
    make_core(server, **core_data).add_to_hass(hass)
    (account,) = core_accounts(hass).values()
    assert {key: account.data[key] for key in data} == data
    assert {key: account.options.get(key) for key in options} == options


@pytest.mark.parametrize(
    ("core_data", "offered"),
    [
        pytest.param({}, True, id="address of QQ"),
        pytest.param(
            {"server": "smtp.exmail.qq.com", "username": "a@b.cn", "sender": "a@b.cn"},
            True,
            id="Exmail's server",
        ),
        pytest.param(
            {"username": "a@gmail.com", "sender": "a@gmail.com"}, False, id="another's"
        ),
        pytest.param(
            {"server": "smtp.qq.com", "username": "admin", "sender": "admin"},
            False,
            id="no address",
        ),
        pytest.param({"source": SOURCE_IGNORE}, False, id="ignored"),
    ],
)
async def test_what_is_offered(
    hass: HomeAssistant, server: QQServer, core_data: dict[str, Any], offered: bool
) -> None:
    """QQ's accounts alone, that could log in."""
    make_core(server, **core_data).add_to_hass(hass)
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert (result["type"] is FlowResultType.MENU) == offered


async def test_another_account(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """Whoever wants another account gets the empty form."""
    form = await begin(hass, "another")
    assert form["step_id"] == "user"
    server.accounts["10002@qq.com"] = CODE
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"],
        {
            "username": "10002",
            "password": CODE,
            "host": server.host,
            "port": server.tls_port,
            "encryption": "tls",
        },
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()


async def test_known_names_go_with_the_entities(
    hass: HomeAssistant, core: MockConfigEntry
) -> None:
    """Names, areas and labels that people gave; the device's where there are none."""
    registry, devices = er.async_get(hass), dr.async_get(hass)
    kitchen = ar.async_get(hass).async_create("Kitchen").id
    hall = ar.async_get(hass).async_create("Hall").id
    label = lr.async_get(hass).async_create("Family").label_id
    registry.async_update_entity(
        "notify.home_ma_ma", name="Mama", area_id=kitchen, labels={label}
    )
    (device,) = dr.async_entries_for_config_entry(devices, core.entry_id)
    devices.async_update_device(device.id, area_id=hall)
    result = await take_over(hass)
    assert result["description"] == "taken_over", result["description_placeholders"]
    mom = registry.entities["notify.home_ma_ma"]
    assert (mom.platform, mom.name, mom.labels) == (DOMAIN, "Mama", {label})
    areas = [
        ours.area_id
        for entity_id in ("notify.home_ma_ma", "notify.home_me_example_com")
        if (ours := devices.async_get(registry.entities[entity_id].device_id or ""))
    ]
    assert areas == [kitchen, hall]


async def test_several(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """One is chosen; the other is offered the next time."""
    server.accounts["10002@qq.com"] = CODE
    make_core(server, username="10002", sender="10002@qq.com").add_to_hass(hass)
    form = await begin(hass)
    assert form["step_id"] == "take_over"
    form = await hass.config_entries.flow.async_configure(
        form["flow_id"], {"username": "10002@qq.com"}
    )
    assert placeholders_of(form)["account"] == "10002@qq.com"
    await hass.config_entries.flow.async_configure(form["flow_id"], {})
    await hass.async_block_till_done()
    form = await begin(hass)
    assert placeholders_of(form)["account"] == ADDRESS


async def test_login_fails_then_mended(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """Without encryption: STARTTLS on 587 is tried, and else the form asks."""
    unencrypted = {"encryption": "none", "port": 25, "sender": "other@qq.com"}
    hass.config_entries.async_update_entry(core, data={**core.data, **unencrypted})
    form = await begin(hass)
    assert form["step_id"] == "take_over_login"
    assert form["errors"] == {"port": "connection_refused"}
    assert suggestions(form) == {
        "host": server.host,
        "port": 587,
        "encryption": "starttls",
        "password": None,
    }
    # Left, and opened once more.
    form = await hass.config_entries.flow.async_configure(form["flow_id"])
    assert form["step_id"] == "take_over_login"
    typed = {"host": server.host, "encryption": "starttls"}
    form = await hass.config_entries.flow.async_configure(
        form["flow_id"], {**typed, "port": server.starttls_port, "password": "wrong"}
    )
    assert form["errors"] == {"password": "login_ambiguous"}
    form = await hass.config_entries.flow.async_configure(
        form["flow_id"], {**typed, "port": server.starttls_port}
    )
    assert form["step_id"] == "keep_working"
    notes = placeholders_of(form)["notes"]
    assert "other@qq.com" in notes
    assert str(server.starttls_port) in notes
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert result["data"]["encryption"] == "starttls"
    await hass.async_block_till_done()


async def test_no_code(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """Core logs in without one, QQ does not: the form asks, before any login."""
    data = {key: val for key, val in core.data.items() if key != "password"}
    hass.config_entries.async_update_entry(core, data=data)
    logins = server.logins
    form = await begin(hass)
    assert form["errors"] == {"password": "code_missing"}
    assert server.logins == logins


async def test_gone_meanwhile(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """Core's entry is removed while the form is open, at each of its steps."""
    menu = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    form = await begin(hass)
    await hass.config_entries.async_remove(core.entry_id)
    gone = await hass.config_entries.flow.async_configure(
        menu["flow_id"], {"next_step_id": "take_over"}
    )
    assert gone["reason"] == "take_over_gone"
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], {"keep_working": True}
    )
    assert result["description"] == "not_switched"
    await hass.async_block_till_done()
    # There is nothing to go back to, so the menu is not shown.
    form = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": "reconfigure", "entry_id": result["result"].entry_id},
    )
    assert form["step_id"] == "reconfigure"


async def test_cannot_be_unloaded(hass: HomeAssistant, core: MockConfigEntry) -> None:
    """Core's entry cannot be disabled now: nothing is changed, and it is said."""
    core.mock_state(hass, ConfigEntryState.FAILED_UNLOAD)
    result = await take_over(hass)
    assert result["description"] == "not_switched"
    assert result["description_placeholders"]["reason"]
    assert core.disabled_by is None
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"
    assert platform_of(hass, "notify.ma_ma") == DOMAIN
    failed = await reconfigure(hass, result["result"], "switch")
    assert failed["reason"] == "not_switched"
    core.mock_state(hass, ConfigEntryState.LOADED)


async def test_does_not_unload(
    hass: HomeAssistant, core: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where it says so only when it is tried."""

    async def refuse(*_: object) -> bool:
        return False

    monkeypatch.setattr(smtp, "async_unload_entry", refuse)
    result = await take_over(hass)
    assert result["description"] == "not_switched"
    assert core.disabled_by is None
    monkeypatch.undo()


def as_before(hass: HomeAssistant, entry: ConfigEntry, *, switched: bool) -> None:
    """Have the registry as it was before a switch or its undo: what a kill leaves.

    Home Assistant writes the entries after one second, the registry after ten or more.
    """
    registry = er.async_get(hass)
    kept = switch.taken_over(entry)
    assert kept
    names = [(one["entity_id"], one["own"], one["aside"]) for one in kept["entities"]]
    assert len(names) == len(PEOPLE)
    for entity_id, own, aside in names:
        if switched:
            registry.async_update_entity(entity_id, new_entity_id=aside)
            registry.async_update_entity(own, new_entity_id=entity_id)
        else:
            registry.async_update_entity(entity_id, new_entity_id=own)
            registry.async_update_entity(aside, new_entity_id=entity_id)


async def start_again(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Load our account as a start does."""
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()


async def test_killed_after_the_switch(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """The entries were written and the registry was not: the switch is finished."""
    label = lr.async_get(hass).async_create("Family").label_id
    entry = (await take_over(hass))["result"]
    as_before(hass, entry, switched=False)
    registry = er.async_get(hass)
    registry.async_update_entity("notify.home_ma_ma", labels={label})
    await start_again(hass, entry)
    assert platform_of(hass, "notify.home_ma_ma") == DOMAIN
    assert platform_of(hass, "notify.home_ma_ma_smtp") == "smtp"
    assert registry.entities["notify.home_ma_ma"].labels == {label}
    await send(hass, "notify.home_ma_ma")
    assert server.accepted[-1].recipients == ("mom@example.com",)
    # It can be undone, whatever was finished before.
    assert (await reconfigure(hass, entry, "undo"))["reason"] == "undone"
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"
    assert platform_of(hass, "notify.ma_ma") == DOMAIN


async def test_killed_before_core_was_written(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """Core's account was new as well: its entities are in no registry, and come back."""
    entry = (await take_over(hass))["result"]
    as_before(hass, entry, switched=False)
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, core.entry_id):
        registry.async_remove(entity.entity_id)
    await start_again(hass, entry)
    await send(hass, "notify.home_ma_ma")
    assert server.accepted[-1].recipients == ("mom@example.com",)
    assert (await reconfigure(hass, entry, "undo"))["reason"] == "undone"
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"
    assert platform_of(hass, "notify.ma_ma") == DOMAIN


async def test_killed_after_the_undo(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """The entries were written and the registry was not: the undo is finished."""
    entry = (await take_over(hass))["result"]
    await reconfigure(hass, entry, "undo")
    as_before(hass, entry, switched=True)
    await hass.async_block_till_done()
    await start_again(hass, entry)
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"
    assert platform_of(hass, "notify.home_ma_ma_smtp") is None
    assert platform_of(hass, "notify.ma_ma") == DOMAIN
    await send(hass, "notify.home_ma_ma")
    assert server.accepted[-1].message["X-Mailer"] == "Home Assistant"


async def test_a_start_leaves_alone_what_a_person_did(
    hass: HomeAssistant, core: MockConfigEntry
) -> None:
    """Core's entities go, ours get other names, or core's is enabled with its own."""
    entry = (await take_over(hass))["result"]
    registry = er.async_get(hass)
    registry.async_remove("notify.home_me_example_com_smtp")
    await start_again(hass, entry)
    assert platform_of(hass, "notify.home_me_example_com") == DOMAIN
    registry.async_update_entity("notify.home_ma_ma", new_entity_id="notify.ma_ma")
    # The other recipient goes.
    me = next(one for one in entry.subentries.values() if "me@" in one.title)
    hass.config_entries.async_remove_subentry(entry, me.subentry_id)
    await hass.async_block_till_done()
    await start_again(hass, entry)
    assert platform_of(hass, "notify.ma_ma") == DOMAIN
    assert platform_of(hass, "notify.home_ma_ma") is None
    assert platform_of(hass, "notify.home_me_example_com") is None
    await hass.config_entries.async_set_disabled_by(core.entry_id, None)
    registry.async_update_entity(
        "notify.home_ma_ma_smtp", new_entity_id="notify.home_ma_ma"
    )
    await hass.async_block_till_done()
    await start_again(hass, entry)
    assert platform_of(hass, "notify.ma_ma") == DOMAIN
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"


async def test_a_start_leaves_alone_what_was_undone(
    hass: HomeAssistant, core: MockConfigEntry
) -> None:
    """A recipient goes in core, and ours gets its name by hand: it keeps it."""
    entry = (await take_over(hass))["result"]
    await reconfigure(hass, entry, "undo")
    registry = er.async_get(hass)
    registry.async_remove("notify.home_ma_ma")
    await hass.async_block_till_done()
    registry.async_update_entity("notify.ma_ma", new_entity_id="notify.home_ma_ma")
    await hass.async_block_till_done()
    await start_again(hass, entry)
    assert platform_of(hass, "notify.home_ma_ma") == DOMAIN


async def test_removed_while_switched(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """Automations send by core's again, and the account is offered once more."""
    entry = (await take_over(hass))["result"]
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert core.state is ConfigEntryState.LOADED
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"
    await send(hass, "notify.home_ma_ma")
    await hass.services.async_call("notify", "home", {"message": "Hi"}, blocking=True)
    mails = [mail.message["X-Mailer"] for mail in server.accepted]
    assert mails == ["Home Assistant", "Home Assistant"]
    entry = (await take_over(hass, keep_working=False))["result"]
    # Not switched, there is nothing to give back.
    await hass.config_entries.async_remove(entry.entry_id)
    assert core.state is ConfigEntryState.LOADED


async def test_recipient_edited_since(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """The action that was taken over sends to the recipients as they are now."""
    entry = (await take_over(hass))["result"]
    mom = next(one for one in entry.subentries.values() if one.title == "妈妈")
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "recipient"),
        context={"source": "reconfigure", "subentry_id": mom.subentry_id},
    )
    await hass.config_entries.subentries.async_configure(
        flow["flow_id"], {"name": "妈妈", "to": ["new@example.com"]}
    )
    await hass.async_block_till_done()
    await hass.services.async_call("notify", "home", {"message": "Hi"}, blocking=True)
    assert server.accepted[-1].recipients == ("new@example.com", "me@example.com")


async def test_ours_is_loaded_anew_afterwards(
    hass: HomeAssistant, core: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while core's action is there, which ours would find taken."""
    entry = (await take_over(hass, keep_working=False))["result"]
    unload = smtp.async_unload_entry
    seen: list[object] = []

    async def note(hass: HomeAssistant, core: Any) -> Any:
        try:
            return await unload(hass, core)
        finally:
            seen.append("core is unloaded")

    monkeypatch.setattr(smtp, "async_unload_entry", note)
    entry.async_on_state_change(lambda: seen.append(entry.state))
    assert (await reconfigure(hass, entry, "switch"))["reason"] == "switched"
    assert seen[0] == "core is unloaded"
    assert seen[-1] == ConfigEntryState.LOADED
    assert len(seen) > 2


@pytest.mark.parametrize(
    "fault", [asyncio.CancelledError, ValueError("taken")], ids=["cancelled", "refused"]
)
async def test_fails_half_way(
    hass: HomeAssistant,
    core: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    fault: BaseException,
) -> None:
    """Everything was renamed, and then something goes wrong: all of it goes back."""
    result = await take_over(hass, keep_working=False)
    entry = result["result"]
    update, calls = notify.async_update_actions, []

    async def fail(*args: Any) -> None:
        calls.append(platform_of(hass, "notify.home_ma_ma"))
        if len(calls) == 1:
            raise fault
        await update(*args)

    monkeypatch.setattr(switch, "async_update_actions", fail)
    with pytest.raises((asyncio.CancelledError, HomeAssistantError)):
        await switch.async_switch(hass, entry)
    await hass.async_block_till_done()
    assert calls == [DOMAIN, DOMAIN]
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"
    assert platform_of(hass, "notify.ma_ma") == DOMAIN
    assert core.state is ConfigEntryState.LOADED
    assert not switch.is_switched(entry)


async def test_undo_leaves_alone_what_changed_since(
    hass: HomeAssistant, core: MockConfigEntry
) -> None:
    """A person renamed one, another took its own name, and core's entry went."""
    entry = (await take_over(hass))["result"]
    registry = er.async_get(hass)
    registry.async_update_entity("notify.home_ma_ma", new_entity_id="notify.mama")
    registry.async_get_or_create("notify", "test", "1", suggested_object_id="ma_ma")
    registry.async_remove("notify.home_me_example_com_smtp")
    await switch.async_undo(hass, entry)
    await hass.async_block_till_done()
    assert platform_of(hass, "notify.mama") == DOMAIN
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"
    assert platform_of(hass, "notify.me_example_com") == DOMAIN


async def test_undo_of_what_was_never_taken_over(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """An account that was typed in stays as it is."""
    data = dict(loaded_entry.data)
    await switch.async_undo(hass, loaded_entry)
    assert loaded_entry.data == data


async def test_without_core(hass: HomeAssistant, core: MockConfigEntry) -> None:
    """Core's entry was deleted after the switch: ours keeps the names."""
    entry = (await take_over(hass))["result"]
    await hass.config_entries.async_remove(core.entry_id)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert platform_of(hass, "notify.home_ma_ma") == DOMAIN
    await switch.async_undo(hass, entry)
    assert not switch.is_switched(entry)


async def test_action_of_another(hass: HomeAssistant, server: QQServer) -> None:
    """An action with core's name that is not core's stays as it is."""
    core = make_core(server)
    core.add_to_hass(hass)
    calls: list[ServiceCall] = []
    hass.services.async_register("notify", "home", calls.append)
    entry = (await take_over(hass))["result"]
    await hass.services.async_call("notify", "home", {"message": "Hi"}, blocking=True)
    assert len(calls) == 1
    # There were no entities of core's either; its entry was disabled all the same.
    assert switch.is_switched(entry)
    assert (await reconfigure(hass, entry, "undo"))["reason"] == "undone"
    assert core.disabled_by is None
    await hass.services.async_call("notify", "home", {"message": "Hi"}, blocking=True)
    assert len(calls) == 2


async def test_action_that_outlived_its_entry(
    hass: HomeAssistant, server: QQServer
) -> None:
    """Before 2026.11, core's action stays when its entry is unloaded."""

    class Service:
        __module__ = "homeassistant.components.smtp.notify"

        async def call(self, _: ServiceCall) -> None:
            """Do nothing."""

    make_core(server).add_to_hass(hass)
    hass.services.async_register("notify", "home", Service().call)
    await take_over(hass)
    await hass.services.async_call("notify", "home", {"message": "Hi"}, blocking=True)
    assert server.accepted[-1].recipients == tuple(PEOPLE)


AUTOMATIONS = [
    {
        "id": "calls",
        "alias": "Calls [it]",
        "triggers": {"trigger": "event", "event_type": "a"},
        "actions": [
            {
                "if": "{{ true }}",
                "then": [
                    {
                        "action": "smtp.send_message",
                        "target": {"entity_id": "notify.home_ma_ma"},
                        "data": {"message": "Hi"},
                    }
                ],
            }
        ],
    },
    {"id": "from_one", "alias": "From one", "use_blueprint": {"path": "home/one.yaml"}},
    {
        "alias": "Targets the device",
        "triggers": {"trigger": "event", "event_type": "a"},
        "actions": {
            "action": "notify.send_message",
            "target": {"device_id": "DEVICE"},
            "data": {"message": "Hi"},
        },
    },
    {
        "id": "fine",
        "alias": "Fine",
        "triggers": {"trigger": "event", "event_type": "a"},
        "actions": {
            "action": "notify.send_message",
            "target": {"entity_id": "notify.home_ma_ma"},
            "data": {"message": "Hi"},
        },
    },
]

BLUEPRINT = """\
blueprint:
  name: One
  domain: automation
triggers:
  - trigger: event
    event_type: a
actions:
  - action: smtp.send_message
    target:
      entity_id: notify.home_ma_ma
    data:
      message: Hi
"""


@pytest.fixture
def blueprint(hass: HomeAssistant) -> None:
    """Put a blueprint where Home Assistant looks for it."""
    file = Path(hass.config.path("blueprints/automation/home/one.yaml"))
    file.parent.mkdir(parents=True)
    file.write_text(BLUEPRINT)


@pytest.mark.usefixtures("blueprint")
async def test_what_has_to_be_changed_by_hand(
    hass: HomeAssistant, core: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """A repair lists it with links, and goes when nothing is left of it."""
    (device,) = dr.async_entries_for_config_entry(dr.async_get(hass), core.entry_id)
    automations = json.loads(json.dumps(AUTOMATIONS).replace("DEVICE", device.id))
    assert await async_setup_component(hass, "automation", {"automation": automations})
    entry = (await take_over(hass))["result"]
    issues = ir.async_get(hass)
    issue = issues.async_get_issue(DOMAIN, f"uses_core_smtp_{entry.entry_id}")
    assert issue
    assert (issue.translation_placeholders or {})["what"].splitlines() == [
        "- [Calls (it)](/config/automation/edit/calls)",
        "- [From one](/config/automation/edit/from_one) ← `home/one.yaml`",
        "- [Targets the device](/config/automation/show/automation.targets_the_device)",
    ]
    with patch(
        "homeassistant.config.load_yaml_config_file",
        return_value={"automation": automations[3:]},
    ):
        await hass.services.async_call("automation", "reload", blocking=True)
    await later(hass, freezer, timedelta(seconds=2))
    assert not issues.async_get_issue(DOMAIN, f"uses_core_smtp_{entry.entry_id}")


async def test_two_menus(hass: HomeAssistant, core: MockConfigEntry) -> None:
    """Who chooses what another tab has done already changes nothing any more."""
    entry = (await take_over(hass, keep_working=False))["result"]
    menus = [await open_menu(hass, entry) for _ in range(2)]
    for menu in menus:
        result = await choose(hass, menu, "switch")
        assert result["reason"] == "switched"
        assert platform_of(hass, "notify.home_ma_ma") == DOMAIN
        assert platform_of(hass, "notify.home_ma_ma_smtp") == "smtp"
    await reconfigure(hass, entry, "undo")
    assert platform_of(hass, "notify.home_ma_ma") == "smtp"


async def test_disabled_meanwhile(hass: HomeAssistant, core: MockConfigEntry) -> None:
    """A disabled account takes no name over, and gives one back without an action."""
    entry = (await take_over(hass, keep_working=False))["result"]
    menu = await open_menu(hass, entry)
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    result = await choose(hass, menu, "switch")
    assert result["reason"] == "not_switched"
    assert not core.disabled_by

    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await reconfigure(hass, entry, "switch")
    menu = await open_menu(hass, entry)
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    assert (await choose(hass, menu, "undo"))["reason"] == "undone"
    assert not core.disabled_by
    assert not hass.services.has_service("notify", "qq_mail")


async def test_script_mended(
    hass: HomeAssistant,
    core: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A script goes from the list when it was mended, or deleted.

    However many are loaded anew, all are looked through once.
    """
    looks = Mock(wraps=switch.core_entries)
    monkeypatch.setattr(leftover, "core_entries", looks)

    def scripts(*actions: str) -> dict[str, Any]:
        return {
            "script": {
                f"tell_{number}": {"sequence": [{"action": action}]}
                for number, action in enumerate(actions)
            }
        }

    async def listed(*actions: str) -> str | None:
        with patch(
            "homeassistant.config.load_yaml_config_file", return_value=scripts(*actions)
        ):
            await hass.services.async_call("script", "reload", blocking=True)
        looks.reset_mock()
        await later(hass, freezer, timedelta(seconds=2))
        looks.assert_called_once()
        issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
        return (issue.translation_placeholders or {})["what"] if issue else None

    theirs, ours = "smtp.send_message", "qq_mail.send_message"
    assert await async_setup_component(hass, "script", scripts(theirs, theirs))
    entry = (await take_over(hass))["result"]
    issue_id = f"uses_core_smtp_{entry.entry_id}"
    assert await listed(ours, theirs) == "- [tell_1](/config/script/edit/tell_1)"
    assert await listed(theirs) == "- [tell_0](/config/script/edit/tell_0)"
    assert await listed() is None


async def test_yaml(
    hass: HomeAssistant, server: QQServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block for each person, of one account: all are taken over, and it is said."""
    monkeypatch.setattr(socket, "getfqdn", lambda: "home.invalid")
    people = {"mom": ["mom@example.com", "me@example.com"], "dad": ["dad@example.com"]}
    blocks = [
        {
            "platform": "smtp",
            "name": name,
            "sender": ADDRESS,
            "server": server.host,
            "port": server.tls_port,
            "encryption": "tls",
            "username": ADDRESS,
            "password": CODE,
            "verify_ssl": False,
            "recipient": recipients,
        }
        for name, recipients in people.items()
    ]
    assert await async_setup_component(hass, "notify", {"notify": blocks})
    await hass.async_block_till_done(wait_background_tasks=True)
    cores = hass.config_entries.async_entries("smtp")
    # They were imported at the same time.
    titles = ", ".join(core.title for core in cores)
    assert titles in ("mom, dad", "dad, mom")
    entities = {
        one.entity_id
        for core in cores
        for one in er.async_entries_for_config_entry(er.async_get(hass), core.entry_id)
    }
    assert len(entities) == 3

    menu = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert placeholders_of(menu) == {"accounts": ADDRESS}
    form = await begin(hass)
    placeholders = placeholders_of(form)
    assert placeholders["number"] == "3"
    assert titles in placeholders["notes"]
    assert "configuration.yaml" in placeholders["notes"]
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], {"keep_working": True}
    )
    await hass.async_block_till_done()
    entry = result["result"]
    assert {platform_of(hass, entity_id) for entity_id in entities} == {DOMAIN}
    for name, recipients in people.items():
        await hass.services.async_call("notify", name, {"message": "Hi"}, blocking=True)
        assert server.accepted[-1].recipients == tuple(recipients)

    issues, issue_id = ir.async_get(hass), f"core_smtp_yaml_{entry.entry_id}"
    issue = issues.async_get_issue(DOMAIN, issue_id)
    assert issue
    assert issue.translation_placeholders == {"account": ADDRESS, "what": titles}
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not issues.async_get_issue(DOMAIN, issue_id)
    # The YAML was deleted, and core's issue is not raised any more.
    ir.async_delete_issue(hass, "homeassistant", "deprecated_yaml_smtp")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert not issues.async_get_issue(DOMAIN, issue_id)

    assert (await reconfigure(hass, entry, "undo"))["reason"] == "undone"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [core.state for core in cores] == [ConfigEntryState.LOADED] * 2
    assert {platform_of(hass, entity_id) for entity_id in entities} == {"smtp"}
    for name, recipients in people.items():
        await hass.services.async_call("notify", name, {"message": "Hi"}, blocking=True)
        assert server.accepted[-1].recipients == tuple(recipients)
        assert server.accepted[-1].message["X-Mailer"] == "Home Assistant"


async def test_two_of_one_account(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """They have one title and a recipient in common, and other senders: each works."""
    other = make_core(server, sender="other@qq.com", people={"me@example.com": "Me"})
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    await hass.async_block_till_done()
    form = await begin(hass)
    notes = placeholders_of(form)["notes"]
    assert "Home, Home" in notes
    assert "names other@qq.com as the sender" in notes
    result = await hass.config_entries.flow.async_configure(
        form["flow_id"], {"keep_working": True}
    )
    await hass.async_block_till_done()
    assert core.disabled_by is other.disabled_by is ConfigEntryDisabler.USER
    for entity_id in ("notify.home_me", "notify.home_me_example_com"):
        await send(hass, entity_id)
        assert server.accepted[-1].recipients == ("me@example.com",)
    # Core has the action of the first.
    await hass.services.async_call("notify", "home", {"message": "Hi"}, blocking=True)
    assert server.accepted[-1].recipients == tuple(PEOPLE)
    # One of them goes, and the other is enabled all the same.
    await hass.config_entries.async_remove(core.entry_id)
    assert (await reconfigure(hass, result["result"], "undo"))["reason"] == "undone"
    assert other.state is ConfigEntryState.LOADED
    assert platform_of(hass, "notify.home_me") == "smtp"


def cards(hass: HomeAssistant) -> list[Any]:
    """Return the cards that offer to take an account over."""
    return [
        flow
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] == "integration_discovery"
    ]


async def test_card(
    hass: HomeAssistant, server: QQServer, core: MockConfigEntry
) -> None:
    """Where this integration is loaded, it is offered; nothing happens unasked."""
    logins = server.logins
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    (card,) = cards(hass)
    assert card["step_id"] == "confirm"
    assert card["context"]["title_placeholders"] == {"name": ADDRESS}
    assert server.logins == logins
    flow = hass.config_entries.flow
    form = await flow.async_configure(card["flow_id"], {})
    assert form["step_id"] == "keep_working"
    result = await flow.async_configure(form["flow_id"], {"keep_working": True})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    async_offer(hass)
    await hass.async_block_till_done()
    assert cards(hass) == []


async def test_card_is_ignored(hass: HomeAssistant, core: MockConfigEntry) -> None:
    """Then it does not come back, but the form still offers it."""
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    assert len(cards(hass)) == 1
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": ADDRESS, "title": ADDRESS},
    )
    await hass.async_block_till_done()
    assert cards(hass) == []
    async_offer(hass)
    await hass.async_block_till_done()
    assert cards(hass) == []
    assert (await take_over(hass))["result"].unique_id == ADDRESS


async def test_added_meanwhile(
    hass: HomeAssistant, core: MockConfigEntry, entry: MockConfigEntry
) -> None:
    """Somebody typed it in while the form was open."""
    await hass.config_entries.async_remove(entry.entry_id)
    form = await begin(hass)
    entry.add_to_hass(hass)
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert result["reason"] == "already_configured"
