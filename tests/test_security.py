"""What is protected from whom; docs/security.md says which test shows it."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
import ssl
import stat
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.smtp.errors import SessionError
from custom_components.qq_mail.smtp.models import Account, Encryption
from custom_components.qq_mail.smtp.session import SubmissionSession
from homeassistant.components.system_health import get_info
from homeassistant.components.trace.util import async_get_trace, async_list_traces
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component

from .conftest import ADDRESS, CODE, shut_down
from .forms import TYPED_OPTIONS
from .house import store_folder
from .qq_server import Answer, Certificate, Certificates, QQServer, Raw, Step, replies

WRONG = "wrongwrongwrongw"
NEW = "newcodenewcodene"


def forms(code: str) -> set[str]:
    """Return every form in which a code travels or could be written down."""

    def at_every_alignment(text: bytes) -> set[str]:
        # What stays the same whatever stands before and behind it.
        return {
            b64encode(
                b"x" * before + text + b"x" * (-(before + len(text)) % 3)
            ).decode()[4 if before else 0 :][:-4]
            for before in range(3)
        }

    return {
        code,
        b64encode(code.encode()).decode(),
        b64encode(f"\0{ADDRESS}\0{code}".encode()).decode(),
        *at_every_alignment(code.encode()),
        *at_every_alignment(f"\0{ADDRESS}\0{code}".encode()),
    }


def leaks(text: str) -> list[str]:
    """Return every form of every code that is in a text."""
    return [form for code in (CODE, WRONG, NEW) for form in forms(code) if form in text]


async def notify(hass: HomeAssistant, **data: Any) -> None:
    """Send by notify.qq_mail."""
    await hass.services.async_call(
        "notify", "qq_mail", {"message": "Smoke!", **data}, blocking=True
    )


@asynccontextmanager
async def serving(handle: Any, context: ssl.SSLContext | None) -> AsyncGenerator[int]:
    """Serve one kind of client on a port of its own."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def try_login(account: Account, context: ssl.SSLContext) -> SessionError:
    """Open a session that has to fail, and return why."""
    with pytest.raises(SessionError) as failed:
        await SubmissionSession(account, context).open()
    return failed.value


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(ssl.TLSVersion.TLSv1, id="1.0"),
        pytest.param(ssl.TLSVersion.TLSv1_1, id="1.1"),
    ],
)
async def test_old_tls(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    certificates: Certificates,
    version: Any,
) -> None:
    """A server that only knows an old TLS gets no login.

    It does work with a client that is content with that.
    """
    content = ssl.create_default_context(cadata=certificates.ca_pem.decode())
    content.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        content.minimum_version = version
    old = server.certificates.contexts[Certificate.VALID]
    before = old.minimum_version, old.maximum_version
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.minimum_version = version
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old.maximum_version = version
    try:
        _, writer = await asyncio.open_connection(
            server.host, server.tls_port, ssl=content
        )
        spoken = writer.get_extra_info("ssl_object").version()
        writer.transport.abort()
        failed = await try_login(account, tls_context)
    finally:
        old.set_ciphers("DEFAULT")
        old.maximum_version, old.minimum_version = before[::-1]
    assert spoken == version.name.replace("_", ".")
    assert failed.step == "connect"
    assert server.login_attempts == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(502, "no"), id="refused"),
        pytest.param(Raw(b"250 OK\r\n"), id="not 220"),
        pytest.param(Raw(b"220 go\r\n235 Logged in\r\n", close=True), id="injected"),
    ],
)
async def test_stripped_starttls(
    server: QQServer,
    starttls_account: Account,
    tls_context: ssl.SSLContext,
    answer: Any,
) -> None:
    """Whatever stands in for STARTTLS, no login follows in plaintext."""
    server.script(Step.STARTTLS, answer, times=None)
    await try_login(starttls_account, tls_context)
    assert server.login_attempts == 0
    assert server.plaintext_logins == 0


async def test_starttls_injection(
    server: QQServer, starttls_account: Account, tls_context: ssl.SSLContext
) -> None:
    """What was said in plaintext is forgotten: extensions are asked for anew."""
    server.script(Step.EHLO, Answer(250, "host\nSTARTTLS\nAUTH XOAUTH2"), times=1)
    server.script(Step.STARTTLS, Raw(b"220 go\r\n250-a\r\n250 AUTH XOAUTH2\r\n"))
    session = SubmissionSession(starttls_account, tls_context)
    await session.open()
    await session.close()
    assert [line.split()[0] for line in server.commands].count("EHLO") == 2
    assert server.logins == 1
    assert server.plaintext_logins == 0


@pytest.mark.parametrize("line", [b"250-x\r\n", b"x" * 4096, b"250-\r\n", b"\0"])
async def test_endless_reply(
    account: Account, tls_context: ssl.SSLContext, line: bytes
) -> None:
    """A server that never stops is left, long before memory is full."""
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            while True:
                writer.write(line * 100)
                sent += len(line) * 100
                await writer.drain()
        except OSError:
            writer.transport.abort()

    async with serving(flood, None) as port:
        plain = replace(account, port=port, encryption=Encryption.STARTTLS, timeout=2)
        async with asyncio.timeout(60):
            await try_login(plain, tls_context)
    assert 0 < sent < 64 * 1024 * 1024


INJECTIONS = [
    "\r\nBcc: x@example.com",
    "\nBcc: x@example.com\n\nBody",
    "\r\n.\r\nMAIL FROM:<x@example.com>",
    "a\rBcc: x@example.com",
    "\u2028Bcc: x@example.com",
    "\x85Bcc: x@example.com",
]


@pytest.mark.parametrize("field", ["title", "message"])
@pytest.mark.parametrize("text", INJECTIONS)
async def test_injection(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    field: str,
    text: str,
) -> None:
    """Text stays text: no field, recipient or command comes of it."""
    await notify(hass, **{"title": "Alarm", "message": "Smoke!", field: text})
    (mail,) = server.accepted
    assert mail.recipients == (ADDRESS,)
    assert mail.message["Bcc"] is None
    assert mail.message.keys().count("Subject") == 1
    assert [line.split()[0] for line in server.commands].count("MAIL") == 1


@pytest.mark.parametrize("name", INJECTIONS)
async def test_injection_by_sender_name(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, name: str
) -> None:
    """What is typed into the options as a sender name is one line, or refused."""
    form = await hass.config_entries.options.async_init(loaded_entry.entry_id)
    await hass.config_entries.options.async_configure(
        form["flow_id"],
        {"sender_name": name[:15], **TYPED_OPTIONS},
    )
    await hass.async_block_till_done()
    await notify(hass)
    (mail,) = server.accepted
    assert mail.recipients == (ADDRESS,)
    assert mail.message["Bcc"] is None
    assert mail.message.keys().count("From") == 1


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com>\r\nRCPT TO:<x@example.com",
        "a@example.com\r\nDATA",
        "a@example.com> ORCPT=x",
        "<a@example.com",
        '"a\r\nb"@example.com',
    ],
)
async def test_injection_by_address(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, address: str
) -> None:
    """What is no address is named to nobody; the others get the mail."""
    await notify(hass, target=[ADDRESS, address])
    (mail,) = server.accepted
    assert set(mail.recipients) <= {ADDRESS, "a@example.com"}
    header = mail.submitted.partition(b"\r\n\r\n")[0]
    assert b"RCPT" not in header
    assert b"DATA" not in header


async def test_the_code_in_a_whole_life(
    hass: HomeAssistant,
    server: QQServer,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From a mistyped code to the last one, no form of it is seen anywhere."""
    caplog.set_level("DEBUG")
    seen: list[object] = []
    flows = hass.config_entries.flow
    typed = {
        "username": ADDRESS,
        "host": server.host,
        "port": server.tls_port,
        "encryption": "tls",
    }
    form = await flows.async_init(DOMAIN, context={"source": SOURCE_USER})
    form = await flows.async_configure(form["flow_id"], {**typed, "password": WRONG})
    seen += [form["errors"], form["description_placeholders"]]
    made = await flows.async_configure(form["flow_id"], {**typed, "password": CODE})
    entry = made["result"]
    await hass.async_block_till_done()
    await notify(hass)
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError) as refused:
        await notify(hass)
    seen += [refused.value, repr(refused.value), refused.value.translation_placeholders]
    assert await async_setup_component(
        hass,
        "script",
        {
            "script": {
                "fails": {
                    "sequence": [
                        {
                            "action": "notify.qq_mail",
                            "data": {"message": "Smoke!", "target": "nobody"},
                        }
                    ]
                }
            }
        },
    )
    with pytest.raises(HomeAssistantError) as failed:
        await hass.services.async_call("script", "fails", blocking=True)
    seen += [failed.value, repr(failed.value)]
    for trace in await async_list_traces(hass, "script", "script.fails"):
        seen.append(await async_get_trace(hass, "script.fails", trace["run_id"]))
    server.accounts[ADDRESS] = NEW
    await shut_down(hass, entry)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await notify(hass)
    seen += [
        repr(entry.runtime_data.account),
        entry.runtime_data.pause,
    ]
    assert entry.runtime_data.pause
    files = [file for file in store_folder(hass).rglob("*") if file.is_file()]
    assert files
    seen += [file.read_text() for file in files]
    form = await flows.async_init(
        DOMAIN,
        context={"source": SOURCE_REAUTH, "entry_id": entry.entry_id},
        data=dict(entry.data),
    )
    await flows.async_configure(form["flow_id"], {"password": NEW})
    await hass.async_block_till_done()
    assert entry.data["password"] == NEW
    assert await async_setup_component(hass, "diagnostics", {})
    assert await async_setup_component(hass, "system_health", {})
    client = await hass_client()
    response = await client.get(f"/api/diagnostics/config_entry/{entry.entry_id}")
    seen += [await response.text(), (await get_info(hass))[DOMAIN]]
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert "script.fails" in str(seen)
    assert len(caplog.text) > 1000
    assert leaks(caplog.text + str(seen)) == []


def test_forms() -> None:
    """The search finds a login on the wire, at whichever alignment."""
    for before in range(3):
        wire = b64encode(b"x" * before + f"\0{ADDRESS}\0{CODE}".encode()).decode()
        assert leaks(wire)
    assert leaks(b64encode(CODE.encode()).decode())
    assert not leaks("nothing")


async def test_store_is_private(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Other users of the machine read nothing, after a restart as well."""
    server.stop()
    try:
        await notify(hass)
        await notify(hass)
        folder = store_folder(hass)
        await notify(hass)
        await shut_down(hass, loaded_entry)
    finally:
        server.start()
    files = [folder, *folder.rglob("*")]
    modes = {stat.S_IMODE(file.stat().st_mode): file.is_dir() for file in files}
    assert modes == {0o700: True, 0o600: False}
