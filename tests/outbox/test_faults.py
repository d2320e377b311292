"""Every fault at every step: what becomes of the message, logins and copies."""

from datetime import timedelta
import socket
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.outbox.sessions import IDLE_TIMEOUT
from custom_components.qq_mail.smtp import connecting, transaction as transaction_module
from custom_components.qq_mail.smtp.replies import Cause
from homeassistant.core import HomeAssistant

from ..conftest import Events
from ..house import later, notify, until
from ..qq_server import Answer, Certificate, Close, Hang, QQServer, Raw, Step
from ..qq_server.actions import Action
from ..qq_server.connection import LEAKED
from .test_outbox import FRIENDS, LOGIN_PAUSE

FAULTS: dict[str, Action] = {
    "close": Close(),
    "hang": Hang(),
    "half a reply": Raw(b"25", close=True),
    "1 MB": Raw(b"2" * 1_000_000),
    "leaked bytes": Raw(LEAKED + b"\r\n"),
    "GBK": Answer(451, "系统繁忙".encode("gbk")),
}
PATIENCE = 1.5
"""Seconds: for the attempt with the fault, and enough for the one without it."""
# Where a login did not come about, the only one is that of the second attempt.
BEFORE_LOGIN = (Step.GREETING, Step.EHLO, Step.STARTTLS, Step.AUTH)


def expected(step: Step, fault: str) -> tuple[list[str], int, int]:
    """Return outcomes, logins, and copies for the first recipient."""
    if step is Step.ACCEPTED and fault != "GBK":
        return ["unknown", "accepted"], 2, 2
    if step is Step.DOT and fault != "GBK":
        return ["unknown", "accepted"], 2, 1
    if fault == "GBK":
        copies = 2 if step is Step.ACCEPTED else 1
        if step is Step.RCPT:
            return ["accepted", "deferred", "accepted"], 2, 1
        return ["deferred", "accepted"], 1 if step in BEFORE_LOGIN else 2, copies
    return ["deferred", "accepted"], 1 if step in BEFORE_LOGIN else 2, 1


@pytest.mark.parametrize(
    "step",
    [
        Step.GREETING,
        Step.EHLO,
        Step.STARTTLS,
        Step.AUTH,
        Step.MAIL,
        Step.RCPT,
        Step.DATA,
        Step.DOT,
        Step.ACCEPTED,
    ],
)
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    step: Step,
    fault: str,
) -> None:
    """The message arrives; where the answer was lost it may arrive twice."""
    monkeypatch.setattr(connecting, "PROBE_TIMEOUT", 0.3)
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", PATIENCE)
    data: dict[str, Any] = {**entry.data}
    if step is Step.STARTTLS:
        data |= {"port": server.starttls_port, "encryption": "starttls"}
    hass.config_entries.async_update_entry(
        entry, data=data, options={**entry.options, "timeout": PATIENCE}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    events = Events()
    events.listen(entry)
    match = "b@example.com" if step is Step.RCPT else ""
    server.script(step, FAULTS[fault], match=match)
    outcomes, logins, copies = expected(step, fault)

    await notify(hass, target=FRIENDS)
    await events.wait(len(outcomes) - 1)
    assert not hass.config_entries.flow.async_progress()
    await later(hass, freezer, LOGIN_PAUSE + timedelta(seconds=1))
    await events.wait(len(outcomes))
    await until(lambda: not list(entry.runtime_data.plans()))

    assert events.outcomes == outcomes
    assert server.logins == logins
    for friend in FRIENDS:
        got = [mail for mail in server.accepted if friend in mail.recipients]
        assert len(got) == copies
        assert len({mail.message["X-OQ-MSGID"] for mail in got}) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_at_quit(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
    fault: str,
) -> None:
    """Taking leave changes nothing any more."""
    server.script(Step.QUIT, FAULTS[fault])
    await notify(hass)
    await later(hass, freezer, timedelta(seconds=IDLE_TIMEOUT))
    await until(lambda: server.open_connections == 0)
    assert events.outcomes == ["accepted"]
    assert server.quits == len(server.accepted) == server.logins == 1


@pytest.mark.parametrize(
    ("fault", "first"), [("close", "deferred"), ("hang", "unknown")]
)
async def test_fault_in_the_body(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    first: str,
) -> None:
    """A large message that breaks off was not taken; one without an answer may be."""
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", 2)
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "timeout": 2}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    events = Events()
    events.listen(entry)
    server.script(Step.BODY, FAULTS[fault])
    await notify(hass, message=("x" * 70 + "\n") * 100_000)
    await events.wait(1)
    await later(hass, freezer, timedelta(minutes=2))
    await events.wait(2)
    assert events.outcomes == [first, "accepted"]
    assert len(server.accepted) == 1
    assert server.logins == 2


async def test_certificate_expires_between_two_sessions(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """No code goes to a server that cannot show any more who it is."""
    await notify(hass)
    await later(hass, freezer, timedelta(seconds=IDLE_TIMEOUT))
    await until(lambda: server.open_connections == 0)
    server.present(Certificate.EXPIRED)
    await notify(hass)
    assert events.all[-1].cause is Cause.CERTIFICATE_UNTRUSTED
    assert server.login_attempts == 1
    server.present(Certificate.VALID)
    await later(hass, freezer, timedelta(minutes=2))
    await events.wait(3)
    assert events.outcomes == ["accepted", "deferred", "accepted"]
    assert len(server.accepted) == server.logins == 2


async def test_name_service_gone(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without DNS the message waits; with it, it goes out."""

    def resolve(*_: Any, **__: Any) -> list[Any]:
        address = ("127.0.0.1", server.tls_port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    def fail(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "host": "smtp.qq.com"}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    events = Events()
    events.listen(entry)
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    await notify(hass)
    assert events.all[0].cause is Cause.HOST_NOT_FOUND
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    await later(hass, freezer, timedelta(minutes=2))
    await events.wait(2)
    assert events.outcomes == ["deferred", "accepted"]
    assert len(server.accepted) == server.logins == 1
