"""The QQ-like server itself, asked by clients that are not ours."""

from collections.abc import Generator
import smtplib
import socket
import ssl

import pytest

from .conftest import ADDRESS, CODE
from .qq_server import Answer, Certificate, Close, QQServer, Raw, Step, replies
from .qq_server.connection import LEAKED

MESSAGE = b"From: 123456@qq.com\r\nMessage-ID: <ours@qq.com>\r\n\r\nHi\r\n"


def tls_client(server: QQServer, tls_context: ssl.SSLContext) -> smtplib.SMTP:
    """Connect to the implicit TLS port."""
    return smtplib.SMTP_SSL(server.host, server.tls_port, "client", context=tls_context)


@pytest.fixture
def client(server: QQServer, tls_context: ssl.SSLContext) -> Generator[smtplib.SMTP]:
    """Return a client on the implicit TLS port, not logged in."""
    client = tls_client(server, tls_context)
    client.ehlo("client")
    yield client
    client.close()


def logged_in(client: smtplib.SMTP) -> smtplib.SMTP:
    """Log in by LOGIN."""
    client.user, client.password = ADDRESS, CODE
    assert client.auth("LOGIN", client.auth_login)[0] == 235
    return client


def submitted(client: smtplib.SMTP, message: bytes) -> tuple[int, bytes]:
    """Send a message and return the answer to it."""
    client.mail(ADDRESS)
    client.rcpt("a@example.com")
    return client.data(message)


def test_greeting_and_extensions(server: QQServer, tls_context: ssl.SSLContext) -> None:
    """587 greets in plaintext and offers STARTTLS besides; hosts vary."""
    common = [
        "PIPELINING",
        "SIZE 73400320",
        "AUTH LOGIN PLAIN XOAUTH XOAUTH2",
        "AUTH=LOGIN",
        "MAILCOMPRESS",
        "SMTPUTF8",
        "8BITMIME",
    ]
    with socket.create_connection((server.host, server.starttls_port)) as plain:
        lines = plain.makefile("rwb")
        greeting = lines.readline()
        assert greeting.endswith(b".qq.com XMail Esmtp QQ Mail Server.\r\n")
        lines.write(b"EHLO client\r\n")
        lines.flush()
        offered = [lines.readline().decode()[4:].strip() for _ in range(9)]
    assert sorted(offered[1:]) == sorted(["STARTTLS", *common])
    with socket.create_connection((server.host, server.tls_port)) as raw:
        secure = tls_context.wrap_socket(raw, server_hostname=server.host)
        lines = secure.makefile("rwb")
        assert lines.readline() != greeting
        lines.write(b"EHLO client\r\n")
        lines.flush()
        offered = [lines.readline().decode()[4:].strip() for _ in range(8)]
        secure.close()
    assert offered[1:] == common


def test_starttls(server: QQServer, tls_context: ssl.SSLContext) -> None:
    """After the upgrade it is not offered again, and the session begins anew."""
    with smtplib.SMTP(server.host, server.starttls_port, "client") as client:
        client.ehlo("client")
        code, text = client.starttls(context=tls_context)
        assert code == 220
        assert text.startswith(b"Ready to start TLS from 127.0.0.1 to newxmesmtp")
        client.ehlo("client")
        assert not client.has_extn("starttls")
        assert submitted(logged_in(client), MESSAGE)[0] == 250
        server.leaked_bytes_at_quit = False
    assert server.accepted[0].secure


def test_login_in_plaintext_is_accepted_and_counted(server: QQServer) -> None:
    """As QQ does it: it is the client that has to insist on TLS."""
    with smtplib.SMTP(server.host, server.starttls_port, "client") as client:
        client.ehlo("client")
        logged_in(client)
    assert server.plaintext_logins == 1


@pytest.mark.parametrize("name", [ADDRESS, "123456", "123456@QQ.com"])
def test_login_names(client: smtplib.SMTP, name: str) -> None:
    """The address, or the number alone."""
    client.user, client.password = name, CODE
    assert client.auth("PLAIN", client.auth_plain)[0] == 235


def test_one_mechanism_for_each_connection(client: smtplib.SMTP) -> None:
    """The second AUTH after a 535 meets a closed socket."""
    client.user, client.password = ADDRESS, "wrong"
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        client.auth("LOGIN", client.auth_login)
    assert refused.value.smtp_code == 535
    assert refused.value.smtp_error == str(replies.LOGIN_AMBIGUOUS.text).encode()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.auth("PLAIN", client.auth_plain)


def test_credentials_are_not_recorded(server: QQServer, client: smtplib.SMTP) -> None:
    """What a test prints of the commands shows no code."""
    logged_in(client)
    assert server.commands[1:] == ["AUTH LOGIN ***", "***"]


@pytest.mark.parametrize(
    ("commands", "code", "text"),
    [
        (["MAIL FROM:<123456@qq.com>"], 503, "Error: need EHLO and AUTH first !"),
        (["AUTH PLAIN"], 502, "Invalid input from 127.0.0.1 to newxmesmtp"),
        (["AUTH XOAUTH2 dXNlcg=="], 502, "Invalid input"),
        (["TURN"], 502, "Invalid input"),
        (["LOGIN", "RCPT TO:<a@b.cn>"], 503, "Send command mailfrom first"),
        (["LOGIN", "DATA"], 503, "Send command mailfrom first"),
        (["LOGIN", "MAIL FROM:<a@qq.com>"], 501, "Mail from address must be same"),
        (["LOGIN", "MAIL FROM:123456@qq.com"], 502, "Invalid input"),
        (["LOGIN", "MAIL FROM:<123456@qq.com> SIZE=73400321"], 552, "Message"),
        (["LOGIN", "MAIL FROM:<123456@qq.com>", "RCPT TO:a@b.cn"], 502, "Invalid"),
    ],
)
def test_refused_commands(
    client: smtplib.SMTP, commands: list[str], code: int, text: str
) -> None:
    """Wrong order, wrong syntax, wrong sender."""
    answer = (0, b"")
    for command in commands:
        answer = (
            logged_in(client).noop() if command == "LOGIN" else client.docmd(command)
        )
    assert answer[0] == code
    assert answer[1].decode().startswith(text)


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (b"From: 123456@qq.com", 250),
        (b"From: <123456@qq.com>", 250),
        (b"From: Home <123456@qq.com>", 250),
        (b"From: =?utf-8?b?5a62?= <123456@qq.com>", 250),
        (b"From: =?utf-8?B?5a62?=\r\n <123456@qq.com>", 250),
        (b"From: =?utf-8?q?x?= <123456@qq.com>", 550),
        (b"From: =?utf-8?b?5a62?= =?utf-8?b?5a62?= <123456@qq.com>", 550),
        (b"From: =?utf-8?b?" + b"5a62" * 20 + b"?= <123456@qq.com>", 550),
        (b"From: Home<123456@qq.com>", 550),
        ("From: 家 <123456@qq.com>".encode(), 550),
        (b"From: other@qq.com", 550),
        (b"From: 123456@qq.com\r\nFrom: 123456@qq.com", 550),
        (b"Subject: none", 550),
        (b"Subject: x\r\r\nFrom: 123456@qq.com", 550),
    ],
)
def test_from_rule(
    client: smtplib.SMTP, server: QQServer, field: bytes, code: int
) -> None:
    """The From header's form is checked at the end of the data."""
    logged_in(client)
    client.mail(ADDRESS)
    client.rcpt("a@example.com")
    assert client.docmd("DATA")[0] == 354
    client.send(field + b"\r\n\r\nHi\r\n.\r\n")
    assert client.getreply()[0] == code
    assert len(server.accepted) == (code == 250)


def test_what_a_recipient_gets(client: smtplib.SMTP, server: QQServer) -> None:
    """QQ's Message-ID, ours kept beside it, and the client's EHLO name for all."""
    assert submitted(logged_in(client), MESSAGE + b".\r\n") == (250, b"OK: queued as.")
    (mail,) = server.accepted
    assert mail.message["Message-ID"].startswith("<tencent_")
    assert mail.message["X-OQ-MSGID"] == "<ours@qq.com>"
    assert "from client by" in mail.message["Received"]
    assert mail.wire == MESSAGE + b"..\r\n"
    assert mail.submitted == MESSAGE + b".\r\n"
    assert mail.text == "Hi\n.\n"


@pytest.mark.parametrize("command", ["QUIT", "NOOP", "RSET"])
def test_leaked_bytes(client: smtplib.SMTP, command: str) -> None:
    """After an accepted message, all but the next MAIL gets damaged answers."""
    submitted(logged_in(client), MESSAGE)
    client.putcmd(command)
    assert client.sock
    lines = client.sock.makefile("rb")
    assert lines.read(len(LEAKED)) == LEAKED


def test_next_mail_after_an_accepted_one(
    client: smtplib.SMTP, server: QQServer
) -> None:
    """It works on the same connection."""
    logged_in(client)
    for _ in range(2):
        assert submitted(client, MESSAGE)[0] == 250
    assert server.logins == server.connections == 1


@pytest.mark.parametrize(
    ("swallows", "answers"),
    [
        pytest.param(False, [b"250 OK: queued as.", b"221 Bye."], id="answered"),
        pytest.param(True, [b"250 OK: queued as.", b"502 Invalid"], id="swallowed"),
    ],
)
def test_what_comes_behind_a_final_dot(
    client: smtplib.SMTP, server: QQServer, swallows: bool, answers: list[bytes]
) -> None:
    """It can get lost, as with servers that do not mean their PIPELINING."""
    server.swallows_behind_dot = swallows
    server.leaked_bytes_at_quit = False
    logged_in(client)
    client.mail(ADDRESS)
    client.rcpt("a@example.com")
    client.docmd("DATA")
    client.send(MESSAGE + b".\r\nQUIT\r\n")
    assert client.sock
    lines = client.sock.makefile("rb")
    said = [lines.readline()]
    client.send(b"TURN\r\n")
    said.append(lines.readline())
    for line, answer in zip(said, answers, strict=True):
        assert line.startswith(answer)


def test_rate_limit(client: smtplib.SMTP, server: QQServer) -> None:
    """More than QQ likes is refused with a 5yz that is not for good."""
    server.rate_limit = (2, 60)
    logged_in(client)
    answers = [submitted(client, MESSAGE)[0] for _ in range(3)]
    assert answers == [250, 250, 550]


def test_script(client: smtplib.SMTP, server: QQServer) -> None:
    """Rules fire so often, after so many, and on the lines they name."""
    logged_in(client)
    server.script(Step.RCPT, Answer(450, "later"), times=2, match="b@", skip=1)
    client.mail(ADDRESS)
    codes = [client.rcpt(f"{name}@x.cn")[0] for name in "abbabb"]
    assert codes == [250, 250, 450, 250, 450, 250]
    server.script(Step.NOOP, Answer(250, "two\nlines"))
    assert client.noop() == (250, b"two\nlines")
    server.script(Step.NOOP, Raw(b"", close=True))
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()


def test_reset_by_the_server(client: smtplib.SMTP, server: QQServer) -> None:
    """A connection can end by RST."""
    server.script(Step.NOOP, Close(reset=True))
    with pytest.raises(smtplib.SMTPServerDisconnected, match="reset by peer"):
        client.docmd("NOOP")


def test_outage(server: QQServer, tls_context: ssl.SSLContext) -> None:
    """Stopped and started, the server is back on its ports."""
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        tls_client(server, tls_context)
    server.start()
    tls_client(server, tls_context).close()


def test_certificates(server: QQServer, tls_context: ssl.SSLContext) -> None:
    """Each certificate has the fault in its name."""
    for certificate, fault in (
        (Certificate.WRONG_NAME, "mismatch"),
        (Certificate.EXPIRED, "expired"),
        (Certificate.UNTRUSTED, "unable to get local issuer"),
    ):
        server.present(certificate)
        with pytest.raises(ssl.SSLCertVerificationError, match=fault):
            tls_client(server, tls_context)


def test_wait_for(server: QQServer) -> None:
    """A mail that does not come is an error, not an endless wait."""
    with pytest.raises(TimeoutError, match="0 of 1 messages came"):
        server.wait_for(1, timeout=0.01)
