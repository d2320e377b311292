"""From a host's name to an encrypted connection: ports, certificates, addresses."""

import _socket
import asyncio
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from dataclasses import replace
import socket
import socketserver
import ssl
import threading
from typing import Any, override

import pytest
import pytest_socket

from custom_components.qq_mail.smtp import connecting
from custom_components.qq_mail.smtp.errors import SessionError
from custom_components.qq_mail.smtp.models import Account, Encryption, Step
from custom_components.qq_mail.smtp.replies import Cause
from custom_components.qq_mail.smtp.session import SubmissionSession
from tests.qq_server import Answer, Certificate, Close, Hang, QQServer, Raw, Step as At

from .submitting import SUBMISSION, nothing, submit


@pytest.mark.parametrize("account_name", ["account", "starttls_account"])
@pytest.mark.parametrize(
    ("certificate", "cause"),
    [
        (Certificate.WRONG_NAME, Cause.CERTIFICATE_NAME),
        (Certificate.EXPIRED, Cause.CERTIFICATE_UNTRUSTED),
        (Certificate.UNTRUSTED, Cause.CERTIFICATE_UNTRUSTED),
    ],
)
async def test_certificate_not_trusted(
    server: QQServer,
    request: pytest.FixtureRequest,
    tls_context: ssl.SSLContext,
    account_name: str,
    certificate: Certificate,
    cause: Cause,
) -> None:
    """No code is sent to a server that cannot show who it is."""
    server.present(certificate)
    account: Account = request.getfixturevalue(account_name)
    with pytest.raises(SessionError) as failed:
        await submit(account, tls_context)
    assert failed.value.cause is cause
    assert failed.value.detail
    assert server.login_attempts == 0


async def test_tls_on_a_starttls_port(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """The port is told apart from a dead one."""
    wrong = replace(account, port=server.starttls_port)
    with pytest.raises(SessionError) as failed:
        await submit(wrong, tls_context)
    assert failed.value.cause is Cause.STARTTLS_PORT


@pytest.mark.parametrize(
    ("greeting", "cause"),
    [
        pytest.param(Raw(b"+OK POP3\r\n"), Cause.NOT_SMTP, id="another service"),
        pytest.param(Hang(), Cause.TIMED_OUT, id="silent"),
        pytest.param(
            Raw(b"HTTP/1.1 400 Bad\r\n", close=True), Cause.NOT_SMTP, id="closed"
        ),
    ],
)
async def test_tls_on_a_port_without(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    greeting: Any,
    cause: Cause,
) -> None:
    """A plaintext port that is not a mail server's is not mistaken for one."""
    server.script(At.GREETING, greeting, times=None)
    wrong = replace(account, port=server.starttls_port)
    with pytest.raises(SessionError) as failed:
        await submit(wrong, tls_context)
    assert failed.value.cause is cause


@pytest.mark.parametrize(
    "certificate", [Certificate.VALID, Certificate.UNTRUSTED, Certificate.WRONG_NAME]
)
async def test_starttls_on_a_tls_port(
    server: QQServer,
    starttls_account: Account,
    tls_context: ssl.SSLContext,
    certificate: Certificate,
) -> None:
    """Two sides that wait for each other are recognised, whatever certificate."""
    server.present(certificate)
    wrong = replace(starttls_account, port=server.tls_port)
    with pytest.raises(SessionError) as failed:
        await submit(wrong, tls_context)
    assert failed.value.cause is Cause.TLS_PORT
    assert server.login_attempts == 0


async def test_starttls_with_a_late_greeting(
    starttls_account: Account,
    tls_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow server is waited for as long as the time-out says."""
    monkeypatch.setattr(connecting, "PROBE_TIMEOUT", 0)
    assert await submit(starttls_account, tls_context)


async def test_no_starttls_offered(
    server: QQServer, starttls_account: Account, tls_context: ssl.SSLContext
) -> None:
    """Without STARTTLS there is no login, though QQ would take one."""
    server.offer_starttls = False
    with pytest.raises(SessionError) as failed:
        await submit(starttls_account, tls_context)
    assert failed.value.cause is Cause.NO_STARTTLS
    assert server.login_attempts == 0


@pytest.mark.parametrize(
    ("action", "cause"),
    [
        (Answer(454, "TLS not available"), Cause.TEMPORARY),
        (Close(), Cause.CONNECTION_LOST),
        (Hang(), Cause.TIMED_OUT),
    ],
)
async def test_starttls_fails(
    server: QQServer,
    starttls_account: Account,
    tls_context: ssl.SSLContext,
    action: Any,
    cause: Cause,
) -> None:
    """A failed upgrade is never followed by a login."""
    server.script(At.STARTTLS, action)
    with pytest.raises(SessionError) as failed:
        await submit(starttls_account, tls_context)
    assert failed.value.cause is cause
    assert server.login_attempts == 0


@pytest.mark.parametrize("encryption", Encryption)
async def test_nothing_listens(
    account: Account, tls_context: ssl.SSLContext, encryption: Encryption
) -> None:
    """A port without a server."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(SessionError) as failed:
        await submit(replace(account, port=port, encryption=encryption), tls_context)
    assert failed.value.cause is Cause.CONNECTION_REFUSED


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64 + ".cn"])
@pytest.mark.parametrize("encryption", Encryption)
async def test_host_not_found(
    account: Account,
    tls_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    encryption: Encryption,
) -> None:
    """A name without an address, or one that cannot be a name at all."""
    # Home Assistant's test plugin has put a guard in its place.
    monkeypatch.setattr(socket, "getaddrinfo", _socket.getaddrinfo)
    with pytest.raises(SessionError) as failed:
        await submit(replace(account, host=host, encryption=encryption), tls_context)
    assert failed.value.cause is Cause.HOST_NOT_FOUND


@pytest.mark.parametrize(
    ("addresses", "cause"),
    [
        pytest.param([(6, 1), (6, 2)], Cause.CONNECTION_REFUSED, id="refused"),
        pytest.param([(6, 1), (99, 1)], Cause.CONNECTION_REFUSED, id="one refused"),
        # No such protocol: a network that does not let us through, in small.
        pytest.param([(99, 1)], Cause.UNREACHABLE, id="unreachable"),
    ],
)
async def test_host_out_of_reach(
    account: Account,
    tls_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    addresses: list[tuple[int, int]],
    cause: Cause,
) -> None:
    """A host whose addresses are known, but do not answer."""
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [
            (socket.AF_INET, socket.SOCK_STREAM, protocol, "", ("127.0.0.1", port))
            for protocol, port in addresses
        ],
    )
    with pytest.raises(SessionError) as failed:
        await submit(replace(account, host="smtp.example.com"), tls_context)
    assert failed.value.cause is cause


type Addresses = dict[str, tuple[str, int]]


@pytest.fixture
def addresses(server: QQServer) -> Generator[Addresses]:
    """Return what a host may have among its addresses, by what happens there."""
    # Home Assistant's test plugin knows of the first one alone.
    pytest_socket.socket_allow_hosts(["127.0.0.1", "127.0.0.2", "127.0.0.3"])
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.2", 0)))
        full = stack.enter_context(socket.create_server(("127.0.0.2", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield {
            "silent": silent.getsockname(),
            "full": full.getsockname(),
            "refusing": ("127.0.0.3", 1),
            "tls": (server.host, server.tls_port),
            "starttls": (server.host, server.starttls_port),
        }


@pytest.fixture
def resolve(
    monkeypatch: pytest.MonkeyPatch, addresses: Addresses
) -> Callable[[list[str]], None]:
    """Have each name mean these addresses, in this order."""

    def resolve(names: list[str]) -> None:
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *_, **__: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", addresses[name])
                for name in names
            ],
        )

    return resolve


@pytest.mark.parametrize("encryption", Encryption)
@pytest.mark.parametrize(
    "others",
    [
        pytest.param(["silent"], id="silent"),
        pytest.param(["refusing"], id="refusing"),
        pytest.param(["full"], id="takes no connection"),
        pytest.param(["silent", "refusing"], id="silent, refusing"),
        pytest.param(["silent", "silent", "full"], id="silent twice, full"),
    ],
)
async def test_one_of_several_addresses_works(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    resolve: Callable[[list[str]], None],
    encryption: Encryption,
    others: list[str],
) -> None:
    """It is found behind those that do not, and has all the time that is left."""
    monkeypatch.setattr(connecting, "GREETING_TIMEOUT", 0)
    resolve([*others, encryption])
    named = replace(account, host="smtp.qq.com", encryption=encryption)
    async with SubmissionSession(named, tls_context) as session:
        await session.submit(SUBMISSION, nothing)
    assert len(server.accepted) == server.logins == 1
    lines = session.transcript.lines
    skipped = [line for line in lines if "connect: timed_out" in line]
    assert len(skipped) == others.count("silent")


@pytest.mark.parametrize("encryption", Encryption)
async def test_first_of_several_addresses_works(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    resolve: Callable[[list[str]], None],
    encryption: Encryption,
) -> None:
    """The others are left alone."""
    resolve([encryption, encryption, "silent"])
    named = replace(account, host="smtp.qq.com", encryption=encryption)
    await submit(named, tls_context)
    assert server.connections == server.logins == 1


@pytest.mark.parametrize("encryption", Encryption)
async def test_first_of_several_addresses_hangs_up(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    resolve: Callable[[list[str]], None],
    encryption: Encryption,
) -> None:
    """Who closes the connection before a greeting is no better than who is silent."""
    server.script(At.CONNECT, Close(), times=2)
    resolve([encryption] * 3)
    named = replace(account, host="smtp.qq.com", encryption=encryption)
    await submit(named, tls_context)
    assert server.logins == 1


@pytest.mark.parametrize("encryption", Encryption)
@pytest.mark.parametrize(
    ("names", "cause"),
    [
        pytest.param(["silent", "silent"], Cause.TIMED_OUT, id="silent"),
        pytest.param(["full", "full"], Cause.TIMED_OUT, id="take no connection"),
        pytest.param(
            ["silent", "refusing"], Cause.CONNECTION_REFUSED, id="silent, refusing"
        ),
    ],
)
async def test_none_of_several_addresses_works(
    account: Account,
    tls_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    resolve: Callable[[list[str]], None],
    encryption: Encryption,
    names: list[str],
    cause: Cause,
) -> None:
    """The account's time-out is for all of them together."""
    monkeypatch.setattr(connecting, "GREETING_TIMEOUT", 0.1)
    resolve(names)
    impatient = replace(account, encryption=encryption, timeout=0.4)
    with pytest.raises(SessionError) as failed:
        await submit(impatient, tls_context)
    assert failed.value.cause is cause
    assert failed.value.step is Step.CONNECT


@pytest.mark.parametrize("encryption", Encryption)
async def test_certificate_of_one_of_several_addresses(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    resolve: Callable[[list[str]], None],
    encryption: Encryption,
) -> None:
    """One that is not to be trusted is not passed over in silence."""
    server.present(Certificate.WRONG_NAME)
    resolve([encryption, encryption])
    named = replace(account, host="smtp.qq.com", encryption=encryption)
    with pytest.raises(SessionError) as failed:
        await submit(named, tls_context)
    assert failed.value.cause is Cause.CERTIFICATE_NAME
    assert server.login_attempts == 0


@pytest.mark.parametrize(
    ("encryption", "port", "cause"),
    [
        pytest.param(Encryption.TLS, "starttls", Cause.STARTTLS_PORT, id="tls"),
        pytest.param(Encryption.STARTTLS, "tls", Cause.TLS_PORT, id="starttls"),
    ],
)
async def test_wrong_encryption_at_one_of_several_addresses(
    account: Account,
    tls_context: ssl.SSLContext,
    resolve: Callable[[list[str]], None],
    encryption: Encryption,
    port: str,
    cause: Cause,
) -> None:
    """The address that answered is the one that is asked what it expects."""
    resolve(["refusing", port, "silent"])
    named = replace(account, host="smtp.qq.com", encryption=encryption)
    with pytest.raises(SessionError) as failed:
        await submit(named, tls_context)
    assert failed.value.cause is cause


class WebServer(socketserver.BaseRequestHandler):
    """Says nothing until it is asked, and then nothing that TLS understands."""

    @override
    def handle(self) -> None:
        """Answer whatever comes, but do not wait for it for ever."""
        self.request.settimeout(5)
        with suppress(TimeoutError):
            if self.request.recv(1024):
                self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_tls_on_a_web_server(
    account: Account, tls_context: ssl.SSLContext
) -> None:
    """A port that neither greets nor speaks TLS."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), WebServer) as web:
        threading.Thread(target=web.serve_forever, args=(0.01,)).start()
        port = web.server_address[1]
        with pytest.raises(SessionError) as failed:
            await submit(replace(account, port=port), tls_context)
        # In a thread, so that the loop can close its side of the connection.
        await asyncio.to_thread(web.shutdown)
    assert failed.value.cause is Cause.TLS_FAILED


async def test_login_that_is_cancelled(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """Nothing of a connection is left that nobody waits for any more."""
    session = SubmissionSession(account, tls_context)
    server.script(At.EHLO, Hang())
    opening = asyncio.create_task(session.open())
    async with asyncio.timeout(60):
        while not session.transcript.lines:
            await asyncio.sleep(0.001)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not session.is_open
