"""Diagnostics and system health: what helps, and nothing that is private."""

from base64 import b64encode
from datetime import timedelta
from http import HTTPStatus
import re
from types import MappingProxyType
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.smtp.transcript import HIDDEN
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
    assert deferred.plan
    at = read_clock().wall_at(deferred.plan.at)
    freezer.tick(timedelta(minutes=1))
    data, text = await download(hass, hass_client, entry)
    assert [private for private in PRIVATE if private in text] == []
    assert data["data"]["host"] == server.host
    assert data["data"]["port"] == server.tls_port
    assert data["options"]["burst"] == 9
    # The defaults as well: what holds is what helps.
    assert data["options"]["timeout"] == 30
    assert data["recipients"] == 1
    reply = {"code": 550, "text": "<**REDACTED**>: Connection frequency limited"}
    outbox = data["outbox"]
    tried, untried = outbox.pop("waiting")
    (session,) = outbox.pop("sessions")
    assert session["began"] == now.isoformat()
    assert [
        # The host's name has a number that changes.
        re.sub(r"^0\.000 |(?<=svrszb)[0-9]+", "", line)
        for line in session["lines"]
    ] == [
        "< 220 newxmesmtplogicsvrszb-0.qq.com XMail Esmtp QQ Mail Server.",
        "> EHLO (18)",
        (
            "< 250 newxmesmtplogicsvrszb-0.qq.com PIPELINING SIZE 73400320 AUTH LOGIN"
            " PLAIN XOAUTH XOAUTH2 AUTH=LOGIN MAILCOMPRESS SMTPUTF8 8BITMIME"
        ),
        "> AUTH LOGIN (33)",
        "< 334 UGFzc3dvcmQ6",
        "> (login) (26)",
        "< 235 Authentication successful",
        "> MAIL RCPT RCPT DATA (92)",
        *["< 250 OK"] * 3,
        "< 354 End data with <CR><LF>.<CR><LF>.",
        session["lines"][12].removeprefix("0.000 "),
        "< 250 OK: queued as.",
        "> MAIL RCPT RCPT DATA (92)",
        f"< 550 <{HIDDEN}>: Connection frequency limited",
        *["< 503 Send command mailfrom first"] * 3,
    ]
    assert re.fullmatch(r"0\.000 > text \. \([0-9]{3}\)", session["lines"][12])
    assert outbox == {
        "messages": 2,
        "unwritten": 0,
        "pause": {
            "cause": "rate_limit",
            "until": (now + timedelta(hours=1)).isoformat(),
            "reply": reply,
        },
        "session_open": True,
        "next_attempt": (now + timedelta(hours=1)).isoformat(),
        "accepted_today": 1,
        "left_today": 399,
        "pace": 5.0,
        "last_accepted": now.isoformat(),
        "damaged": 0,
    }
    assert tried.pop("size") > 0
    assert tried == {
        "age": 60,
        "attempts": 1,
        "cause": "rate_limit",
        "reply": reply,
        "next_attempt": at.isoformat(),
        "priority": "normal",
        "reason": "paused",
    }
    assert untried["attempts"] == 0
    assert untried["reply"] is None


async def test_last_sessions(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten are kept; those that fail as well, and a server that repeats is not."""
    wire = b64encode(CODE.encode()).decode()
    server.script(Step.GREETING, Answer(554, "No"), times=1)
    server.script(
        Step.AUTH, Answer(535, f"{ADDRESS}: {CODE}, {wire}: wrong"), times=None
    )
    alert = {"title": "Fire", "message": "Smoke!", "data": {"priority": "highest"}}
    for _ in range(12):
        await hass.services.async_call("notify", "qq_mail", alert, blocking=True)
        await hass.services.async_call(DOMAIN, "retry", blocking=True)
        await hass.async_block_till_done(wait_background_tasks=True)
    data, text = await download(hass, hass_client, loaded_entry)
    sessions = data["outbox"]["sessions"]
    assert len(sessions) == 10
    for session in sessions:
        said, failed = (line.partition(" ")[2] for line in session["lines"][-2:])
        assert said == f"< 535 {HIDDEN}: {HIDDEN}, {HIDDEN}: wrong"
        assert failed.startswith("auth: login_")
    assert [private for private in (CODE, wire, "123456") if private in text] == []
    assert "wrong" in caplog.text
    assert [private for private in (CODE, wire) if private in caplog.text] == []


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
        "unwritten": 0,
        "pause": None,
        "session_open": False,
        "next_attempt": None,
        "accepted_today": 0,
        "left_today": 400,
        "pace": None,
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
