"""The QQ-like IMAP server itself, asked by a client that is not ours."""

from collections.abc import Generator
from datetime import UTC, datetime
import imaplib
import re
import smtplib
import ssl

import pytest

from .conftest import ADDRESS, CODE
from .qq_server import Close, ImapStep, QQServer, Raw, Tagged
from .test_qq_server import logged_in, tls_client

MAIL = b"Subject: Hi\r\nFrom: a@example.com\r\n\r\nHello\r\n"
HEADER = b"Subject: Hi\r\nFrom: a@example.com\r\n\r\n"


@pytest.fixture
def client(server: QQServer, tls_context: ssl.SSLContext) -> Generator[imaplib.IMAP4]:
    """Return a client that is connected."""
    client = imaplib.IMAP4_SSL(
        server.host, server.imap.port, ssl_context=tls_context, timeout=10
    )
    yield client
    client.shutdown()


@pytest.fixture
def inbox(client: imaplib.IMAP4) -> imaplib.IMAP4:
    """Return a client that reads INBOX."""
    client.login(ADDRESS, CODE)
    client.select(readonly=True)
    return client


def uids(client: imaplib.IMAP4, *words: str) -> list[str]:
    """Search, and return what was found."""
    status, data = client.uid("SEARCH", *words)
    assert status == "OK"
    return (data[0] or b"").decode().split()


def capabilities(client: imaplib.IMAP4) -> set[str]:
    """Ask for them."""
    return set(client.capability()[1][0].decode().split())


def test_greeting_lacks_what_the_server_can(client: imaplib.IMAP4) -> None:
    """IDLE, UIDPLUS and MOVE are in the answer to CAPABILITY alone."""
    assert client.welcome.startswith(b"* OK [CAPABILITY IMAP4 IMAP4rev1 ID AUTH=PLAIN")
    missing = {"IDLE", "UIDPLUS", "MOVE"}
    assert missing.isdisjoint(client.welcome.decode().replace("]", " ").split())
    assert missing < capabilities(client)
    client.login(ADDRESS, CODE)
    assert "COMPRESS=DEFLATE" in capabilities(client)


def test_exmail_and_no_idle(server: QQServer, client: imaplib.IMAP4) -> None:
    """Exmail has no XOAUTH2, and there are servers without IDLE."""
    server.imap.habits.exmail = True
    server.imap.habits.offers_idle = False
    assert {"AUTH=XOAUTH2", "IDLE"}.isdisjoint(capabilities(client))
    client.login(ADDRESS, CODE)
    client.select(readonly=True)
    client.sock.settimeout(0.1)
    client.send(b"A1 IDLE\r\n")
    assert client.readline() == b"* BAD Command!\r\n"


@pytest.mark.parametrize(
    ("habit", "value", "code"),
    [
        pytest.param("service_open", True, "wrong", id="wrong code"),
        pytest.param("service_open", False, CODE, id="switched off"),
        pytest.param("max_logins", 0, CODE, id="too many"),
    ],
)
def test_refused_login(
    server: QQServer, client: imaplib.IMAP4, habit: str, value: object, code: str
) -> None:
    """Causes cannot be told apart, and the code is not recorded."""
    setattr(server.imap.habits, habit, value)
    with pytest.raises(imaplib.IMAP4.error, match="service is not open, password"):
        client.login(ADDRESS, code)
    assert server.imap.logins == 1
    assert server.imap.commands[-1].endswith(" LOGIN ***")


def test_unknown_command_has_no_end(client: imaplib.IMAP4) -> None:
    """There is an untagged BAD alone."""
    client.send(b"A1 FROBNICATE\r\nA2 NOOP\r\n")
    assert client.readline() == b"* BAD Command!\r\n"
    assert client.readline() == b"A2 OK NOOP Completed\r\n"


def test_folders(client: imaplib.IMAP4) -> None:
    """A name with a blank has to be quoted."""
    client.login(ADDRESS, CODE)
    client.send(b"A1 EXAMINE Sent Messages\r\n")
    assert client.readline() == b"A1 BAD EXAMINE parameters!\r\n"
    assert client.select('"Sent Messages"', readonly=True)[0] == "OK"
    assert client.select("Nowhere", readonly=True) == ("NO", [b"Folder not exist!"])
    listed = client.list()[1]
    assert b'(\\NoSelect \\HasChildren) "/" "&UXZO1mWHTvZZOQ-"' in listed
    assert b'(\\HasNoChildren) "/" "Junk"' in listed


def test_examine(server: QQServer, inbox: imaplib.IMAP4) -> None:
    """EXISTS may be off, UIDs have gaps, UIDVALIDITY is one number."""
    server.imap.habits.uid_step = 7
    server.imap.habits.exists_off_by = 2
    assert server.imap.put(ADDRESS, MAIL) == 7
    assert inbox.select(readonly=True) == ("OK", [b"3"])
    assert inbox.response("UIDNEXT")[1] == [b"14"]
    assert inbox.response("UIDVALIDITY")[1] == [b"1317284129"]


def test_new_mail_is_seen_by_a_fresh_examine(
    server: QQServer, inbox: imaplib.IMAP4
) -> None:
    """And only once the server shows it."""
    server.imap.habits.shows_news = False
    server.imap.put(ADDRESS, MAIL)
    assert inbox.select(readonly=True)[1] == [b"0"]
    server.imap.show()
    assert uids(inbox, "ALL") == []
    assert inbox.select(readonly=True)[1] == [b"1"]
    assert uids(inbox, "ALL") == ["1"]


def test_search(server: QQServer, inbox: imaplib.IMAP4) -> None:
    """By text it finds everything or nothing, and it lags."""
    for _ in range(3):
        server.imap.put(ADDRESS, MAIL)
    inbox.select(readonly=True)
    assert uids(inbox, "ALL") == uids(inbox, "UNSEEN") == ["1", "2", "3"]
    assert uids(inbox, "UID", "2:3") == ["2", "3"]
    assert uids(inbox, "UID", "9:*") == ["3"]
    assert uids(inbox, "SUBJECT", '"Hi"') == []
    assert uids(inbox, "TEXT", '"nothing like it"') == ["1", "2", "3"]
    server.imap.habits.search_lags = True
    assert uids(inbox, "ALL") == ["1", "2"]
    assert inbox.uid("SEARCH", "UID", "1:4294967295") == ("NO", [b"System busy!"])
    with pytest.raises(imaplib.IMAP4.error, match="Sequence set is inavlid!"):
        inbox.uid("FETCH", "3:1", "(FLAGS)")


def test_fetch(server: QQServer, inbox: imaplib.IMAP4) -> None:
    """PEEK and a folder that is only examined keep mail unread; SELECT does not."""
    at = datetime(2026, 9, 15, 6, 31, 25, tzinfo=UTC)
    server.imap.put(ADDRESS, MAIL, received_at=at)
    inbox.select(readonly=True)
    items = "(FLAGS RFC822.SIZE INTERNALDATE ENVELOPE BODY.PEEK[HEADER])"
    ((first, octets), _) = inbox.uid("FETCH", "1", items)[1]
    assert first == (
        b"1 (UID 1 FLAGS () RFC822.SIZE %d"
        b' INTERNALDATE "15-Sep-2026 06:31:25 +0000" ENVELOPE ("text" NIL)'
        b" BODY[HEADER] {%d}"
    ) % (len(MAIL), len(HEADER))
    assert octets == HEADER
    fields = "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
    assert inbox.uid("FETCH", "1", fields)[1][0][1] == b"\r\n"
    server.imap.habits.empty_header_fields = False
    assert inbox.uid("FETCH", "1", fields)[1][0][1] == HEADER
    server.imap.habits.malformed_structure = False
    assert inbox.uid("FETCH", "1", "(ENVELOPE)")[1][0].endswith(b"NIL NIL))")
    assert inbox.uid("FETCH", "1", "(BODY[])")[1][0][1] == MAIL
    inbox.uid("STORE", "1", "+FLAGS", r"(\Seen)")
    assert server.imap.flags(ADDRESS) == [set()]
    inbox.select()
    inbox.uid("FETCH", "1", "(BODY[])")
    inbox.uid("STORE", "1", "+FLAGS", r"(\Answered keyword)")
    assert server.imap.flags(ADDRESS) == [{"\\Seen", "\\Answered"}]


def test_fetch_of_what_is_not_there(server: QQServer, inbox: imaplib.IMAP4) -> None:
    """It succeeds, and has no data."""
    server.imap.put(ADDRESS, MAIL)
    inbox.select(readonly=True)
    server.imap.habits.missing = frozenset({1})
    assert inbox.uid("FETCH", "1", "(FLAGS)") == ("OK", [None])


def test_literal_that_ends_early(server: QQServer, inbox: imaplib.IMAP4) -> None:
    """The connection ends in the middle of a mail."""
    server.imap.put(ADDRESS, MAIL)
    inbox.select(readonly=True)
    server.imap.habits.breaks_literal_at = 5
    with pytest.raises(imaplib.IMAP4.abort):
        inbox.uid("FETCH", "1", "(BODY.PEEK[])")


def test_idle(server: QQServer, inbox: imaplib.IMAP4) -> None:
    """New mail is pushed, if the server does not keep silent."""
    inbox.capability()
    inbox.capabilities = ("IDLE",)
    with inbox.idle(duration=10) as idler:
        server.imap.put(ADDRESS, MAIL, folder="Junk")
        server.imap.put(ADDRESS, MAIL)
        assert next(idler)[0] == "EXISTS"
    server.imap.habits.pushes = False
    with inbox.idle(duration=0.01) as idler:
        server.imap.put(ADDRESS, MAIL)
        assert list(idler) == []


def test_script(server: QQServer, inbox: imaplib.IMAP4) -> None:
    """A command is answered by what a test wants."""
    server.script(ImapStep.EXAMINE, Tagged("NO System busy!"))
    assert inbox.select(readonly=True) == ("NO", [b"System busy!"])
    server.script(ImapStep.FETCH, Raw(b"* BYE\r\n", close=True))
    inbox.select(readonly=True)
    with pytest.raises(imaplib.IMAP4.abort):
        inbox.uid("FETCH", "1", "(FLAGS)")


def test_outage(
    server: QQServer, inbox: imaplib.IMAP4, tls_context: ssl.SSLContext
) -> None:
    """Connections can be dropped or refused; the port stays the same."""
    server.imap.drop()
    with pytest.raises(imaplib.IMAP4.abort):
        inbox.noop()
    port = server.imap.port
    server.stop()
    server.start()
    assert server.imap.port == port
    server.script(ImapStep.CONNECT, Close())
    with pytest.raises(OSError, match=r"EOF|reset"):
        imaplib.IMAP4_SSL(server.host, port, ssl_context=tls_context, timeout=10)


def test_mail_that_was_sent_to_oneself(
    server: QQServer, inbox: imaplib.IMAP4, tls_context: ssl.SSLContext
) -> None:
    """It has QQ's Message-ID, ours beside it, no trace field, and its References."""
    server.imap.habits.files_sent = True
    smtp = tls_client(server, tls_context)
    smtp.ehlo("client")
    send(logged_in(smtp))
    smtp.close()
    for folder in ("INBOX", '"Sent Messages"'):
        inbox.select(folder, readonly=True)
        octets = inbox.uid("FETCH", "1", "(BODY.PEEK[])")[1][0][1]
        assert re.search(rb"^Message-ID: <tencent_[0-9A-F]{40}@qq\.com>", octets)
        assert b"\r\nX-OQ-MSGID: <ours@qq.com>\r\nReferences: <thread@qq.com>" in octets
        assert b"Received" not in octets


def send(smtp: smtplib.SMTP) -> None:
    """Send a mail to the account itself, and to somebody who is not here."""
    smtp.sendmail(
        ADDRESS,
        [ADDRESS, "nobody@example.com"],
        b"Message-ID: <ours@qq.com>\r\nReferences: <thread@qq.com>\r\n"
        b"From: 123456@qq.com\r\n\r\nHi\r\n",
    )
