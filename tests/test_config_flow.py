"""Adding, changing and repairing an account, against the QQ-like server."""

import _socket
import asyncio
from collections.abc import Callable
from http import HTTPStatus
import socket
from types import MappingProxyType
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail import accounts
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.smtp import connecting
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigSubentry,
    FlowType,
)
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component

from .conftest import ADDRESS, CODE
from .forms import TYPED_OPTIONS, placeholders_of, suggestions
from .qq_server import Answer, Certificate, Close, Hang, QQServer, Raw, Step, replies

EXMAIL = "alarm@example.com"


@pytest.fixture
def typed(server: QQServer) -> dict[str, Any]:
    """Return what a person types in."""
    return {
        "username": ADDRESS,
        "password": CODE,
        "host": server.host,
        "port": server.tls_port,
        "encryption": "tls",
    }


async def start(hass: HomeAssistant) -> str:
    """Open the form and return the flow's id."""
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == {}
    assert placeholders_of(result)["code_url"].startswith("https://")
    return result["flow_id"]


async def test_user(hass: HomeAssistant, typed: dict[str, Any]) -> None:
    """The account is stored under five keys once the login worked."""
    result = await hass.config_entries.flow.async_configure(await start(hass), typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == ADDRESS
    assert result["result"].unique_id == ADDRESS
    assert result["data"] == typed
    assert result["options"] == {"service_name": "qq_mail"}


@pytest.mark.parametrize(
    ("username", "password", "stored"),
    [
        pytest.param("123456", CODE, ADDRESS, id="number"),
        pytest.param(" 123456@QQ.com ", CODE, ADDRESS, id="blanks, upper case"),
        pytest.param("１２３４５６＠qq.com", CODE, ADDRESS, id="full width"),
        pytest.param("123456", "abcd efgh\u3000ijkl mnop\n", ADDRESS, id="pasted code"),
        pytest.param(
            "QQ <１２３４５６>",
            "ａｂｃｄefghijklmnop",
            ADDRESS,
            id="name, full-width code",
        ),
        pytest.param(
            "\ufeff123456\u200b",
            "\u200babcd\u200defgh\u2060ijkl\u00admnop\ufeff\0",
            ADDRESS,
            id="invisible",
        ),
    ],
)
async def test_what_is_typed_is_tidied(
    hass: HomeAssistant,
    typed: dict[str, Any],
    username: str,
    password: str,
    stored: str,
) -> None:
    """Nobody is refused for a blank."""
    result = await hass.config_entries.flow.async_configure(
        await start(hass), {**typed, "username": username, "password": password}
    )
    assert result["data"] == {**typed, "username": stored, "password": CODE}


@pytest.mark.parametrize(
    "text",
    ["{}:{}", " {}：{} ", "smtps://{}:{}/", "https://{}:{}/?x", "\u200b{}:{}"],
)
async def test_port_behind_the_host(
    hass: HomeAssistant, typed: dict[str, Any], text: str
) -> None:
    """A port that is pasted with the host goes before the one in its own field."""
    pasted = text.format(typed["host"], typed["port"])
    result = await hass.config_entries.flow.async_configure(
        await start(hass), {**typed, "host": pasted, "port": 587}
    )
    assert result["data"] == typed


@pytest.mark.parametrize(
    ("password", "error"),
    [
        pytest.param("", "code_missing", id="empty"),
        pytest.param(" \u3000\n", "code_missing", id="blank"),
        pytest.param("\u200b\ufeff\0", "code_missing", id="invisible"),
        pytest.param("授权码：abcdefghijklmnop", "code_not_ascii", id="Chinese"),
        pytest.param("\ud800", "code_not_ascii", id="not to be encoded"),
    ],
)
async def test_no_login_without_a_code(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    typed: dict[str, Any],
    password: str,
    error: str,
) -> None:
    """QQ counts each login: none is tried with what cannot be a code."""
    result = await hass.config_entries.flow.async_configure(
        await start(hass), {**typed, "username": EXMAIL, "password": password}
    )
    assert result["errors"] == {"password": error}
    result = await entry.start_reauth_flow(hass)
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"password": password}
    )
    assert result["errors"] == {"password": error}
    assert server.connections == 0


@pytest.fixture
def at_qq(
    server: QQServer, typed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Return what a person types in whose server is QQ's; it is ours."""
    there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (server.host, typed["port"]))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: there)
    return {**typed, "host": "smtp.qq.com"}


SHAPES = [
    pytest.param("abcdefghijklmno", "15", id="short"),
    pytest.param("abcdefghijklmnopq", "17", id="long"),
    pytest.param("Abcdefghijklmnop", "16", id="capital"),
    pytest.param("abcdefgh-jklmnop", "16", id="sign"),
    pytest.param(" my QQ password! ", "13", id="password"),
]


@pytest.mark.parametrize(("password", "entered"), SHAPES)
async def test_not_the_shape_of_a_code(
    hass: HomeAssistant,
    server: QQServer,
    at_qq: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    password: str,
    entered: str,
) -> None:
    """It is told before a login is spent, each time anew; insisted on, it is tried."""
    flow_id = await start(hass)
    for other in ("x" * 20, password):
        result = await hass.config_entries.flow.async_configure(
            flow_id, {**at_qq, "password": other}
        )
        assert result["errors"] == {"password": "code_shape"}
    placeholders = placeholders_of(result)
    assert placeholders["entered"] == entered
    assert placeholders["length"] == "16"
    assert server.connections == 0
    result = await hass.config_entries.flow.async_configure(
        flow_id, {**at_qq, "password": password}
    )
    assert result["errors"] == {"password": "login_ambiguous"}
    assert server.connections == 1
    told = (*placeholders.values(), *placeholders_of(result).values(), caplog.text)
    assert [text for text in told if password.strip() in text] == []
    result = await hass.config_entries.flow.async_configure(flow_id, at_qq)
    assert result["data"] == at_qq


async def test_shape_when_a_code_is_renewed(
    hass: HomeAssistant, server: QQServer, at_qq: dict[str, Any], entry: MockConfigEntry
) -> None:
    """The entry names the server, or the form that changes it."""
    hass.config_entries.async_update_entry(entry, data=at_qq)
    renewed = await entry.start_reauth_flow(hass)
    moved = await entry.start_reconfigure_flow(hass)
    server_data = {key: at_qq[key] for key in ("host", "port", "encryption")}
    for flow, data in ((renewed, {}), (moved, server_data)):
        result = await hass.config_entries.flow.async_configure(
            flow["flow_id"], {**data, "password": "My-Password"}
        )
        assert result["errors"] == {"password": "code_shape"}
    assert server.connections == 0


async def test_other_shapes_elsewhere(
    hass: HomeAssistant, server: QQServer, typed: dict[str, Any]
) -> None:
    """A client-specific password of Exmail is never refused for its shape."""
    server.accounts[EXMAIL] = "Ab3-x"
    result = await hass.config_entries.flow.async_configure(
        await start(hass), {**typed, "username": EXMAIL, "password": "Ab3-x"}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("domain", ["163.com", "126.COM", "gmail.com"])
async def test_another_provider(
    hass: HomeAssistant, server: QQServer, typed: dict[str, Any], domain: str
) -> None:
    """This is for QQ's mailboxes: no login is tried with another's."""
    result = await hass.config_entries.flow.async_configure(
        await start(hass), {**typed, "username": f"home@{domain}"}
    )
    assert result["errors"] == {"username": "other_provider"}
    assert placeholders_of(result)["domain"] == domain.lower()
    assert server.connections == 0


async def test_every_field_at_once(
    hass: HomeAssistant, server: QQServer, typed: dict[str, Any]
) -> None:
    """All that is wrong is told in one go, before anything is tried."""
    result = await hass.config_entries.flow.async_configure(
        await start(hass),
        {**typed, "username": "x", "password": "", "host": " ", "port": -1},
    )
    assert result["errors"] == {
        "username": "invalid_address",
        "password": "code_missing",
        "host": "invalid_host",
        "port": "port_range",
    }
    assert placeholders_of(result)["address"] == "x"
    assert server.connections == 0


async def test_first_recipient(
    hass: HomeAssistant, server: QQServer, typed: dict[str, Any]
) -> None:
    """Once the account is added, it is said, and the first recipient is asked for."""
    result = await hass.config_entries.flow.async_configure(await start(hass), typed)
    kind, flow_id = result["next_flow"]
    assert kind is FlowType.CONFIG_SUBENTRIES_FLOW
    subentries = hass.config_entries.subentries
    form = subentries.async_get(flow_id)
    assert form["step_id"] == "first"
    result_of_first = await subentries.async_configure(
        flow_id, {"name": "家", "to": ["10002"]}
    )
    assert result_of_first["description"] is None
    await hass.async_block_till_done()
    (subentry,) = result["result"].subentries.values()
    assert subentry.data == {"name": "家", "to": ["10002@qq.com"]}
    assert server.accepted == []
    form = await subentries.async_init(
        (result["result"].entry_id, "recipient"), context={"source": SOURCE_USER}
    )
    assert form["step_id"] == "user"
    assert suggestions(form)["send_test"] is True


@pytest.mark.parametrize(
    ("busy", "description"),
    [
        pytest.param(0, "tested", id="accepted"),
        pytest.param(1, "test_waits", id="waits"),
    ],
)
async def test_test_mail(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    busy: int,
    description: str,
) -> None:
    """A test mail goes to all of a new recipient's addresses, and its end is said."""
    server.script(Step.DATA, Answer(451, "busy"), times=busy)
    form = await hass.config_entries.subentries.async_init(
        (loaded_entry.entry_id, "recipient"), context={"source": SOURCE_USER}
    )
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"],
        {"name": "Family", "to": ["a@b.cn"], "bcc": ["c@b.cn"], "send_test": True},
    )
    assert result["description"] == description
    assert result["data"] == {"name": "Family", "to": ["a@b.cn"], "bcc": ["c@b.cn"]}
    await hass.async_block_till_done()


async def test_test_mail_refused(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It is said why, and the address can be corrected."""
    form = await hass.config_entries.subentries.async_init(
        (loaded_entry.entry_id, "recipient"), context={"source": SOURCE_USER}
    )
    server.script(Step.RCPT, Answer(550, "Mailbox not found or access denied"))
    typed = {"name": "Family", "to": ["a@b.cn"], "send_test": True}
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], typed
    )
    assert result["errors"] == {"base": "test_refused"}
    assert "Mailbox not found" in placeholders_of(result)["reason"]
    assert suggestions(result)["send_test"] is True
    result = await hass.config_entries.subentries.async_configure(
        form["flow_id"], {**typed, "to": ["c@b.cn"]}
    )
    assert result["description"] == "tested"
    (mail,) = server.accepted
    assert mail.recipients == ("c@b.cn",)
    await hass.async_block_till_done()


async def wait_for_connections(server: QQServer, number: int) -> None:
    """Wait until a form has connected to the server."""
    async with asyncio.timeout(60):
        while server.connections < number:
            await asyncio.sleep(0)


async def test_sent_twice_at_once(
    hass: HomeAssistant, server: QQServer, typed: dict[str, Any]
) -> None:
    """One login is enough: the second form says so, and the account is added."""
    flow_id, other_id = await start(hass), await start(hass)
    server.delay = 0.1
    first = hass.async_create_task(
        hass.config_entries.flow.async_configure(flow_id, typed)
    )
    await wait_for_connections(server, 1)
    for second_id in (flow_id, other_id):
        result = await hass.config_entries.flow.async_configure(second_id, typed)
        assert result["errors"] == {"base": "still_checking"}
    assert (await first)["type"] is FlowResultType.CREATE_ENTRY
    assert server.connections == 1
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1


async def test_added_during_the_login(
    hass: HomeAssistant, server: QQServer, typed: dict[str, Any], entry: MockConfigEntry
) -> None:
    """An account that came from elsewhere meanwhile is not replaced."""
    await hass.config_entries.async_remove(entry.entry_id)
    server.delay = 0.1
    first = hass.async_create_task(
        hass.config_entries.flow.async_configure(await start(hass), typed)
    )
    await wait_for_connections(server, 1)
    entry.add_to_hass(hass)
    assert (await first)["reason"] == "already_configured"


def scripted(step: Step, action: Any) -> Callable[[QQServer], dict[str, Any]]:
    """Have the server do something once."""

    def prepare(server: QQServer) -> dict[str, Any]:
        server.script(step, action)
        return {}

    return prepare


def showing(certificate: Certificate) -> Callable[[QQServer], dict[str, Any]]:
    """Have the server show another certificate."""

    def prepare(server: QQServer) -> dict[str, Any]:
        server.present(certificate)
        return {}

    return prepare


def without(feature: str) -> Callable[[QQServer], dict[str, Any]]:
    """Have the server not offer something on its STARTTLS port."""

    def prepare(server: QQServer) -> dict[str, Any]:
        setattr(server, feature, False)
        return {"port": server.starttls_port, "encryption": "starttls"}

    return prepare


ERRORS = [
    pytest.param(
        lambda _: {"username": "nobody"}, {"username": "invalid_address"}, id="address"
    ),
    pytest.param(
        lambda _: {"username": " \u3000"},
        {"username": "address_missing"},
        id="no address",
    ),
    pytest.param(lambda _: {"host": ""}, {"host": "invalid_host"}, id="no host"),
    pytest.param(lambda _: {"host": "a\0b"}, {"host": "invalid_host"}, id="NUL"),
    pytest.param(lambda _: {"host": "a..b"}, {"host": "invalid_host"}, id="two dots"),
    pytest.param(
        lambda _: {"host": "nobody.invalid"}, {"host": "host_not_found"}, id="host"
    ),
    pytest.param(lambda _: {"port": 0}, {"port": "port_range"}, id="port 0"),
    pytest.param(lambda _: {"port": 465.5}, {"port": "port_range"}, id="half a port"),
    pytest.param(lambda _: {"port": 65536}, {"port": "port_range"}, id="high port"),
    pytest.param(lambda _: {"port": 1}, {"port": "connection_refused"}, id="port"),
    pytest.param(
        scripted(Step.GREETING, Close()), {"base": "connection_lost"}, id="closed"
    ),
    pytest.param(
        lambda server: {"port": server.starttls_port},
        {"encryption": "starttls_port"},
        id="tls on a starttls port",
    ),
    pytest.param(
        lambda _: {"encryption": "starttls"},
        {"encryption": "tls_port"},
        id="starttls on a tls port",
    ),
    pytest.param(
        without("offer_starttls"), {"encryption": "no_starttls"}, id="no starttls"
    ),
    pytest.param(
        showing(Certificate.WRONG_NAME), {"host": "certificate_name"}, id="wrong name"
    ),
    pytest.param(
        showing(Certificate.EXPIRED), {"host": "certificate_untrusted"}, id="expired"
    ),
    pytest.param(
        showing(Certificate.UNTRUSTED),
        {"host": "certificate_untrusted"},
        id="untrusted",
    ),
    pytest.param(
        scripted(Step.GREETING, Raw(b"SSH-2.0\r\n")), {"port": "not_smtp"}, id="ssh"
    ),
    pytest.param(without("offer_auth"), {"host": "no_login"}, id="no login"),
    pytest.param(
        lambda _: {"password": "wrong"}, {"password": "login_ambiguous"}, id="wrong"
    ),
    pytest.param(
        scripted(Step.AUTH, replies.LOGIN_NEEDS_CODE),
        {"password": "login_needs_code"},
        id="needs code",
    ),
    pytest.param(
        scripted(Step.AUTH, replies.LOGIN_NEEDS_CODE_GBK),
        {"password": "login_needs_code"},
        id="needs code, GBK",
    ),
    pytest.param(
        scripted(Step.AUTH, replies.LOGIN_EXMAIL),
        {"password": "login_at_exmail"},
        id="exmail",
    ),
    pytest.param(
        scripted(Step.AUTH, Close()), {"password": "login_closed"}, id="masked 535"
    ),
    pytest.param(
        scripted(Step.AUTH, Answer(504, "no")), {"password": "login_refused"}, id="504"
    ),
    pytest.param(
        scripted(Step.GREETING, Answer(554, "no")), {"base": "temporary"}, id="554"
    ),
    pytest.param(
        scripted(Step.EHLO, replies.FREQUENCY_LIMITED),
        {"base": "rate_limit"},
        id="rate limit",
    ),
    pytest.param(
        lambda _: {"username": EXMAIL, "password": "wrong"},
        {"password": "login_ambiguous_exmail"},
        id="wrong, other domain",
    ),
]


@pytest.mark.parametrize(("prepare", "errors"), ERRORS)
async def test_error_then_mended(
    hass: HomeAssistant,
    server: QQServer,
    typed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[QQServer], dict[str, Any]],
    errors: dict[str, str],
) -> None:
    """Each error is at its field, keeps what was typed, and can be mended."""
    monkeypatch.setattr(connecting, "PROBE_TIMEOUT", 0.3)
    # Home Assistant's test plugin has put a guard in its place.
    monkeypatch.setattr(socket, "getaddrinfo", _socket.getaddrinfo)
    mistake = {**typed, **prepare(server)}
    flow_id = await start(hass)
    result = await hass.config_entries.flow.async_configure(flow_id, mistake)
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == errors
    shown = suggestions(result)
    assert shown.pop("password") is None
    del mistake["password"]
    assert shown == mistake
    assert hass.config_entries.async_entries(DOMAIN) == []

    server.reset()
    result = await hass.config_entries.flow.async_configure(flow_id, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == typed


async def test_timed_out(
    hass: HomeAssistant,
    server: QQServer,
    typed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host that takes the connection and then says nothing."""
    monkeypatch.setattr(accounts, "option", lambda *_: 0.3)
    server.script(Step.GREETING, Hang())
    flow_id = await start(hass)
    result = await hass.config_entries.flow.async_configure(flow_id, typed)
    assert result["errors"] == {"base": "timed_out"}

    monkeypatch.undo()
    result = await hass.config_entries.flow.async_configure(flow_id, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_reply_is_shown(hass: HomeAssistant, typed: dict[str, Any]) -> None:
    """An error can name the account, the server and what it said."""
    result = await hass.config_entries.flow.async_configure(
        await start(hass), {**typed, "password": "wrong"}
    )
    placeholders = placeholders_of(result)
    assert placeholders["reply"].startswith("535 Login fail.")
    assert placeholders["account"] == ADDRESS
    assert placeholders["host"] == typed["host"]
    assert placeholders["port"] == str(typed["port"])


async def test_already_configured(
    hass: HomeAssistant, server: QQServer, typed: dict[str, Any], entry: MockConfigEntry
) -> None:
    """An account is set up once, however it is written; no login is wasted on it."""
    result = await hass.config_entries.flow.async_configure(
        await start(hass), {**typed, "username": "123456"}
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert server.connections == 0


async def test_name_of_the_action(
    hass: HomeAssistant, server: QQServer, typed: dict[str, Any]
) -> None:
    """The first account gets the short name; none takes another's."""

    async def other(call: ServiceCall) -> None:
        raise NotImplementedError

    server.accounts |= {
        f"{name}@{domain}": CODE
        for name in ("a.b", "c")
        for domain in ("qq.com", "foxmail.com")
    }
    hass.services.async_register("notify", "qq_mail_c", other)
    names = []
    for username in ("123456", "a.b@qq.com", "a.b@foxmail.com", "c@qq.com"):
        result = await hass.config_entries.flow.async_configure(
            await start(hass), {**typed, "username": username}
        )
        names.append(result["options"]["service_name"])
    assert names == ["qq_mail", "qq_mail_a_b", "qq_mail_a_b_2", "qq_mail_c_2"]


async def test_reauth(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A new code is checked by a login, and then used."""
    server.accounts[ADDRESS] = "newcodenewcodene"
    result = await loaded_entry.start_reauth_flow(hass)
    assert result["step_id"] == "reauth_confirm"
    assert placeholders_of(result)["account"] == ADDRESS
    assert placeholders_of(result)["waiting"] == "0"
    assert list(suggestions(result)) == ["password"]
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"password": "wrong"}
    )
    assert result["errors"] == {"password": "login_ambiguous"}
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"password": "newc odenewcodene"}
    )
    assert result["reason"] == "reauth_successful"
    assert result.get("translation_domain") is None
    await hass.async_block_till_done()
    assert loaded_entry.data["password"] == "newcodenewcodene"
    assert loaded_entry.runtime_data.account.password == "newcodenewcodene"


async def test_reauth_with_an_error_elsewhere(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """An error of a field that this form does not have is shown above it."""
    server.present(Certificate.EXPIRED)
    result = await loaded_entry.start_reauth_flow(hass)
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"password": CODE}
    )
    assert result["errors"] == {"base": "certificate_untrusted"}


async def test_reauth_while_not_loaded(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """A disabled account can be given a new code as well."""
    result = await entry.start_reauth_flow(hass)
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {"password": CODE}
    )
    assert result["reason"] == "reauth_successful"
    assert result.get("translation_domain") is None


async def test_reconfigure(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Host, port and encryption change; the code stays unless one is typed in."""
    result = await loaded_entry.start_reconfigure_flow(hass)
    assert suggestions(result) == {
        "host": server.host,
        "port": server.tls_port,
        "encryption": "tls",
        "password": None,
    }
    new = {"host": "127.0.0.1", "port": 1, "encryption": "starttls"}
    result = await hass.config_entries.flow.async_configure(result["flow_id"], new)
    assert result["errors"] == {"port": "connection_refused"}
    assert suggestions(result)["port"] == 1
    new["port"] = server.starttls_port
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], {**new, "password": " "}
    )
    assert result["reason"] == "reconfigure_successful"
    assert result.get("translation_domain") is None
    await hass.async_block_till_done()
    assert loaded_entry.data == {"username": ADDRESS, "password": CODE, **new}
    assert loaded_entry.runtime_data.account.port == server.starttls_port


async def test_reconfigure_with_a_code(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A code that is typed in replaces the old one."""
    server.accounts[ADDRESS] = "newcode"
    result = await loaded_entry.start_reconfigure_flow(hass)
    await hass.config_entries.flow.async_configure(
        result["flow_id"],
        {
            "host": server.host,
            "port": server.tls_port,
            "encryption": "tls",
            "password": "newcode",
        },
    )
    await hass.async_block_till_done()
    assert loaded_entry.data["password"] == "newcode"


async def test_host_is_mended_in_reconfigure(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The same care as when the account is added; invisible means no new code."""
    result = await loaded_entry.start_reconfigure_flow(hass)
    wrong = {"host": "smtp qq.com", "port": 1.5, "encryption": "tls"}
    result = await hass.config_entries.flow.async_configure(result["flow_id"], wrong)
    assert result["errors"] == {"host": "invalid_host", "port": "port_range"}
    assert suggestions(result) == {**wrong, "password": None}
    assert server.connections == 0
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"],
        {
            "host": f"smtps://{server.host}:{server.tls_port}",
            "port": 587,
            "encryption": "tls",
            "password": "\u200b",
        },
    )
    assert result["reason"] == "reconfigure_successful"
    assert result.get("translation_domain") is None
    assert loaded_entry.data == {
        "username": ADDRESS,
        "password": CODE,
        "host": server.host,
        "port": server.tls_port,
        "encryption": "tls",
    }


async def test_removed_while_a_form_is_open(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Every form says that there is nothing to change any more."""
    subentries = hass.config_entries.subentries
    recipient = ConfigSubentry(
        data=MappingProxyType({"name": "家", "to": ["a@b.cn"]}),
        subentry_type="recipient",
        title="家",
        unique_id=None,
    )
    hass.config_entries.async_add_subentry(loaded_entry, recipient)
    await hass.async_block_till_done()
    account = await loaded_entry.start_reconfigure_flow(hass)
    options = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    handler = (loaded_entry.entry_id, "recipient")
    new = await subentries.async_init(handler, context={"source": SOURCE_USER})
    changed, gone = [
        await subentries.async_init(
            handler,
            context={
                "source": SOURCE_RECONFIGURE,
                "subentry_id": recipient.subentry_id,
            },
        )
        for _ in range(2)
    ]
    hass.config_entries.async_remove_subentry(loaded_entry, recipient.subentry_id)
    person = {"name": "x", "to": ["a@b.cn"]}
    result = await subentries.async_configure(changed["flow_id"], person)
    reasons = [result["reason"]]
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    for flow in (new, gone):
        result = await subentries.async_configure(flow["flow_id"], person)
        reasons.append(result["reason"])
    for manager, flow_id, data in (
        (hass.config_entries.flow, account["flow_id"], {"host": server.host}),
        (hass.config_entries.options, options["flow_id"], TYPED_OPTIONS),
    ):
        reasons.append((await manager.async_configure(flow_id, data))["reason"])
    assert reasons == ["removed"] * 5


async def test_removed_during_the_login(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The login works, but there is nothing left to change."""
    result = await loaded_entry.start_reconfigure_flow(hass)
    server.delay = 0.1
    data = {"host": server.host, "port": server.tls_port, "encryption": "tls"}
    form = hass.async_create_task(
        hass.config_entries.flow.async_configure(result["flow_id"], data)
    )
    await wait_for_connections(server, 1)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert (await form)["reason"] == "removed"


async def test_recipient(hass: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    """A recipient is added, with an entity of its own, and changed."""
    result = await hass.config_entries.subentries.async_init(
        (loaded_entry.entry_id, "recipient"), context={"source": SOURCE_USER}
    )
    flow_id = result["flow_id"]
    for user_input, errors in (
        ({"name": " \u200b"}, {"name": "name_missing"}),
        ({"name": "x" * 101}, {"name": "name_too_long"}),
        ({"name": "Family"}, {"to": "no_recipients"}),
        ({"name": "Family", "to": [""]}, {"to": "no_recipients"}),
        ({"name": "Family", "to": ["\u200b"]}, {"to": "no_recipients"}),
        ({"name": "Family", "cc": ["x"]}, {"cc": "invalid_address"}),
    ):
        result = await hass.config_entries.subentries.async_configure(
            flow_id, user_input
        )
        assert result["errors"] == errors
    result = await hass.config_entries.subentries.async_configure(
        flow_id, {"name": " Family ", "to": ["Ann <a@b.cn>"], "bcc": ["c@b.cn, d@b.cn"]}
    )
    assert result["title"] == "Family"
    assert result["data"] == {
        "name": "Family",
        "to": ['"Ann" <a@b.cn>'],
        "bcc": ["c@b.cn", "d@b.cn"],
    }
    await hass.async_block_till_done()
    assert hass.states.get("notify.family")

    (subentry_id,) = loaded_entry.subentries
    result = await hass.config_entries.subentries.async_init(
        (loaded_entry.entry_id, "recipient"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id},
    )
    assert suggestions(result)["to"] == ['"Ann" <a@b.cn>']
    result = await hass.config_entries.subentries.async_configure(
        result["flow_id"], {"name": "Parents", "cc": ["e@b.cn"]}
    )
    assert result["reason"] == "reconfigure_successful"
    assert result.get("translation_domain") is None
    assert loaded_entry.subentries[subentry_id].title == "Parents"
    assert loaded_entry.subentries[subentry_id].data == {
        "name": "Parents",
        "cc": ["e@b.cn"],
    }
    await hass.async_block_till_done()


async def test_over_http(
    hass: HomeAssistant, typed: dict[str, Any], hass_client: ClientSessionGenerator
) -> None:
    """What the browser sends is answered by a form with errors, never by a fault."""
    # First, since what these need cannot be added to a server that runs.
    assert await async_setup_component(hass, "config", {})
    assert await async_setup_component(hass, DOMAIN, {})
    client = await hass_client()
    flows = "/api/config/config_entries/flow"
    answer = await client.post(flows, json={"handler": DOMAIN})
    flow = f"{flows}/{(await answer.json())['flow_id']}"
    for wrong, field in (
        ({"host": ""}, "host"),
        ({"host": "smtp\0.qq.com"}, "host"),
        ({"host": "a" * 64}, "host"),
        ({"port": 99999}, "port"),
        ({"password": " "}, "password"),
        ({"username": "\0" * 1000}, "username"),
    ):
        answer = await client.post(flow, json={**typed, **wrong})
        assert answer.status == HTTPStatus.OK
        assert list((await answer.json())["errors"]) == [field]
    answer = await client.post(flow, json=typed)
    assert (await answer.json())["next_flow"][0] == "config_subentries_flow"
