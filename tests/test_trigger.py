"""The triggers in automations: when they fire, for which account, with what."""

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.calls.house import SIGNAL_OUTBOX
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.trigger import TRIGGERS
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_send

from .conftest import ADDRESS, Events
from .house import add_account, expire, listen
from .qq_server import QQServer, Step, replies

VARIABLES = (
    "queue_id",
    "digest",
    "subject",
    "recipients",
    "attempts",
    "cause",
    "reply",
    "account",
    "platform",
)


async def automate(
    hass: HomeAssistant, trigger: str, **options: str
) -> list[ServiceCall]:
    """Set an automation up, and return the calls it makes."""
    return await listen(hass, trigger, VARIABLES, options or None)


@pytest.mark.parametrize("trigger", TRIGGERS)
async def test_before_the_first_account(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, trigger: str
) -> None:
    """An automation may be there before anything else of the integration is."""
    await automate(hass, trigger)
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []


async def be_refused(
    hass: HomeAssistant, server: QQServer, service: str = "qq_mail"
) -> None:
    """Raise an alert that QQ refuses for good."""
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(
            "notify", service, {"title": "Fire", "message": "Smoke!"}, blocking=True
        )
    await hass.async_block_till_done()


async def second_account(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> MockConfigEntry:
    """Add and load another account."""
    return await add_account(
        hass, server, entry, "b@qq.com", {"service_name": "qq_mail_b"}, "Second"
    )


async def test_message_rejected(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """An automation learns which message was refused, and why."""
    calls = await automate(hass, "message_rejected")
    await hass.services.async_call(
        "notify", "qq_mail", {"message": "accepted"}, blocking=True
    )
    await be_refused(hass, server)
    _, event = await events.wait(2)
    (call,) = calls
    assert call.data == {
        "queue_id": event.queue_id,
        "digest": None,
        "subject": "Fire",
        "recipients": [ADDRESS],
        "attempts": 1,
        "cause": "content",
        "reply": f"550 {replies.CONTENT.text!s}",
        "account": ADDRESS,
        "platform": f"{DOMAIN}.message_rejected",
    }


async def test_refused_while_the_account_is_removed(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """Home Assistant has forgotten the account already; an automation hears of it."""
    calls = await automate(hass, "message_rejected")
    await be_refused(hass, server)
    (event,) = await events.wait(1)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    async_dispatcher_send(hass, SIGNAL_OUTBOX, event)
    await hass.async_block_till_done()
    assert [call.data["account"] for call in calls] == [ADDRESS, ""]


async def test_message_expired(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """An automation learns that a message was given up."""
    calls = await automate(
        hass, "message_expired", config_entry_id=loaded_entry.entry_id
    )
    await expire(hass, server, freezer, calls)
    (call,) = calls
    assert call.data["subject"] == "Fire"
    assert call.data["cause"] == "connection_refused"
    assert call.data["platform"] == f"{DOMAIN}.message_expired"


async def test_reload_and_new_account(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The trigger goes on after a reload, and hears of an account added later."""
    calls = await automate(hass, "message_rejected")
    assert await hass.config_entries.async_reload(loaded_entry.entry_id)
    await hass.async_block_till_done()
    await be_refused(hass, server)
    await second_account(hass, server, loaded_entry)
    await be_refused(hass, server, "qq_mail_b")
    assert [call.data["account"] for call in calls] == [ADDRESS, "b@qq.com"]


async def test_one_account_of_two(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """With an account chosen, the others do not count."""
    second = await second_account(hass, server, loaded_entry)
    calls = await automate(hass, "message_rejected", config_entry_id=second.entry_id)
    await be_refused(hass, server)
    assert calls == []
    await be_refused(hass, server, "qq_mail_b")
    assert [call.data["account"] for call in calls] == ["b@qq.com"]


async def test_automation_switched_off(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Nothing listens any more."""
    calls = await automate(hass, "message_rejected")
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )
    await be_refused(hass, server)
    assert calls == []


@pytest.mark.parametrize("known", [False, True])
async def test_no_such_account(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    known: bool,
) -> None:
    """An automation that names no account of ours is refused, not silently deaf."""
    other = MockConfigEntry(domain="sun")
    if known:
        other.add_to_hass(hass)
    await automate(hass, "message_rejected", config_entry_id=other.entry_id)
    assert f"{other.entry_id} is not a QQ Mail account" in caplog.text
