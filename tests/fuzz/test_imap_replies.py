"""A hostile IMAP server: whatever it answers, a session ends as its callers expect."""

import asyncio
import ssl

from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.inbox.link import Link
from custom_components.qq_mail.inbox.models import MailboxError
from custom_components.qq_mail.smtp.models import Account, Encryption
from tests.conftest import ADDRESS, CODE
from tests.inbox.mails import answer
from tests.qq_server import ImapStep, QQServer, Raw, Tagged

from .conftest import fuzz

LONGEST = 60.0
"""Seconds for a session of six commands."""
TIMEOUT = 0.2
STEPS = (
    ImapStep.GREETING,
    ImapStep.LOGIN,
    ImapStep.CAPABILITY,
    ImapStep.EXAMINE,
    ImapStep.FETCH,
    ImapStep.IDLE,
    ImapStep.DONE,
)
PIECES = st.sampled_from(
    [
        *(
            b"* ",
            b"+ ",
            b"A1 ",
            b"OK",
            b"NO",
            b"BAD",
            b"BYE",
            b"PREAUTH",
            b" ",
            b"\r\n",
        ),
        *(
            b"[",
            b"]",
            b"(",
            b")",
            b'"',
            b"{3}\r\nabc",
            b"{0}\r\n",
            b"{99}",
            b"\\",
            b"\0",
        ),
        *(
            b"CAPABILITY IMAP4rev1 IDLE",
            b"UIDNEXT 3",
            b"UIDVALIDITY x",
            b"EXISTS",
            b"-1",
        ),
        *(
            b"1 FETCH (UID 1 ",
            b"FLAGS ()",
            b"BODY[HEADER] ",
            b'INTERNALDATE "1"',
            b"\xff",
        ),
    ]
)
OCTETS = st.lists(PIECES | st.binary(max_size=4), max_size=12).map(b"".join)
TEXTS = st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace").decode())


async def outcome(account: Account, tls_context: ssl.SSLContext) -> str:
    """Do what a mailbox does; any exception but MailboxError is a fault."""
    async with asyncio.timeout(LONGEST):
        try:
            async with Link.opened(account, tls_context) as link:
                await link.log_in()
                end = await link.examine()
                await link.dates(1, end.uid)
                for head in await link.heads(1, end.uid):
                    await link.mail(head)
                await link.wait(0.01)
        except MailboxError as err:
            return str(err)
    return "well"


@fuzz(40)
@given(step=st.sampled_from(STEPS), octets=OCTETS, close=st.booleans())
async def test_any_octets(
    server: QQServer,
    tls_context: ssl.SSLContext,
    step: ImapStep,
    octets: bytes,
    close: bool,
) -> None:
    """In place of an answer."""
    server.reset()
    server.imap.put(ADDRESS, answer("1"))
    server.script(step, Raw(octets, close=close))
    assert CODE not in await outcome(imap_account(server), tls_context)


@fuzz(40)
@given(
    step=st.sampled_from(STEPS),
    text=TEXTS,
    before=OCTETS,
    status=st.sampled_from(["OK", "NO", "BAD", "PREAUTH"]),
)
async def test_any_end(
    server: QQServer,
    tls_context: ssl.SSLContext,
    step: ImapStep,
    text: str,
    before: bytes,
    status: str,
) -> None:
    """With the right tag, and anything before it."""
    server.reset()
    server.imap.put(ADDRESS, answer("1"))
    server.script(step, Tagged(f"{status} {text}", before))
    assert CODE not in await outcome(imap_account(server), tls_context)


def imap_account(server: QQServer) -> Account:
    """Return the account, with little patience."""
    return Account(
        username=ADDRESS,
        password=CODE,
        host=server.host,
        port=server.imap.port,
        encryption=Encryption.TLS,
        timeout=TIMEOUT,
    )


@pytest.fixture(autouse=True)
def short_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for LOGOUT."""
    monkeypatch.setattr("custom_components.qq_mail.inbox.link._LEAVING", 0.05)
