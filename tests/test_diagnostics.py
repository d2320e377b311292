"""Diagnostics and system health: what helps, and nothing that is private."""

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.mail.transcript import HIDDEN
from homeassistant.components.system_health import get_info
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import ADDRESS, CODE, Events
from .qq_server import Answer, QQServer, Step

PRIVATE = (
    "123456",
    CODE,
    "example.com",
    "Fire",
    "Smoke",
    "Family",
    "My home",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
)


async def download(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> tuple[dict[str, Any], str]:
    """Download an account's diagnostics; return its data, and that as text."""
    assert await async_setup_component(hass, "diagnostics", {})
    client = await hass_client()
    response = await client.get(f"/api/diagnostics/config_entry/{entry.entry_id}")
    assert response.status == HTTPStatus.OK
    data: dict[str, Any] = (await response.json())["data"]
    return data, str(data)


async def health(hass: HomeAssistant) -> dict[str, str]:
    """Return what the page of system health shows of the integration."""
    assert await async_setup_component(hass, "system_health", {})
    return (await get_info(hass))[DOMAIN]


async def test_diagnostics(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The outbox's state, with everything private left out."""
    now = dt_util.utcnow()
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            subentry_type="recipient",
            title="Family",
            unique_id=None,
            data=MappingProxyType({"name": "Family", "to": ["a@example.com"]}),
        ),
    )
    hass.config_entries.async_update_entry(
        entry,
        options={
            "service_name": "qq_mail_123456",
            "sender_name": "My home",
            "recipients": ["a@example.com", "b@example.com"],
            "reply_to": "c@example.com",
            "burst": 9,
        },
    )
    spool = Path(hass.config.path(".storage", DOMAIN, entry.entry_id))
    spool.mkdir(parents=True)  # noqa: ASYNC240
    (spool / "01ARZ3NDEKTSV4RRFFQ69G5FAV.json").write_text("{", encoding="utf-8")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    events = Events()
    events.listen(entry)
    alert = {"title": "Fire", "message": "Smoke!"}
    await hass.services.async_call("notify", "qq_mail_123456", alert, blocking=True)
    server.script(Step.MAIL, Answer(550, f"<{ADDRESS}>: Connection frequency limited"))
    await hass.services.async_call("notify", "qq_mail_123456", alert, blocking=True)
    await hass.services.async_call("notify", "qq_mail_123456", alert, blocking=True)
    _, deferred = await events.wait(2)
    assert deferred.next_attempt
    freezer.tick(timedelta(minutes=1))
    data, text = await download(hass, hass_client, entry)
    assert [private for private in PRIVATE if private in text] == []
    assert data["data"]["host"] == server.host
    assert data["data"]["port"] == server.tls_port
    assert data["options"]["burst"] == 9
    assert data["recipients"] == 1
    reply = {"code": 550, "text": "<**REDACTED**>: Connection frequency limited"}
    outbox = data["outbox"]
    tried, untried = outbox.pop("waiting")
    (session,) = outbox.pop("sessions")
    assert session["began"] == now.isoformat()
    # The second message went by the same session, and was refused at MAIL.
    said = [line.partition(" ")[2] for line in session["lines"]]
    assert said[0].startswith("< 220 ")
    assert said[-2].startswith("> MAIL RCPT RCPT DATA (")
    assert said[-1] == f"< 550 <{HIDDEN}>: Connection frequency limited"
    assert outbox == {
        "messages": 2,
        "not_written": 0,
        "rest": {
            "cause": "rate_limit",
            "until": (now + timedelta(hours=1)).isoformat(),
            "reply": reply,
        },
        "session_open": True,
        "next_attempt": (now + timedelta(hours=1)).isoformat(),
        "accepted_today": 1,
        "last_accepted": now.isoformat(),
        "damaged": 1,
    }
    assert tried.pop("size") > 0
    assert tried == {
        "age": 60,
        "attempts": 1,
        "cause": "rate_limit",
        "reply": reply,
        "next_attempt": deferred.next_attempt.isoformat(),
        "importance": 0,
    }
    assert untried["attempts"] == 0
    assert untried["reply"] is None


async def test_diagnostics_of_an_idle_account(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """Nothing waits, nothing was sent."""
    data, _ = await download(hass, hass_client, loaded_entry)
    assert data["outbox"] == {
        "messages": 0,
        "waiting": [],
        "not_written": 0,
        "rest": None,
        "session_open": False,
        "next_attempt": None,
        "accepted_today": 0,
        "last_accepted": None,
        "damaged": 0,
        "sessions": [],
    }


async def test_diagnostics_while_not_loaded(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """An account that is not loaded has settings only."""
    assert await hass.config_entries.async_unload(loaded_entry.entry_id)
    data, text = await download(hass, hass_client, loaded_entry)
    assert [private for private in PRIVATE if private in text] == []
    assert data["outbox"] is None


async def test_system_health(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A server that answers, then one that is gone, and what waits for it."""
    name = f"{server.host}:{server.tls_port}"
    assert await health(hass) == {
        "server_reachable": f"{name} ok",
        "messages_waiting": 0,
    }
    assert server.logins == 0
    server.stop()
    try:
        await hass.services.async_call(
            "notify", "qq_mail", {"message": "Smoke!"}, blocking=True
        )
        assert await health(hass) == {
            "server_reachable": f"{name} unreachable",
            "messages_waiting": 1,
        }
    finally:
        server.start()
