"""Answers in a mailbox of others' making: a real Dovecot, smtplib and swaks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
import os
import shutil
import smtplib
import ssl
import subprocess

import pytest

from custom_components.qq_mail.answers.choice import choose
from custom_components.qq_mail.inbox.mailbox import Mailbox, async_check
from custom_components.qq_mail.inbox.models import Cursor, MailboxError
from custom_components.qq_mail.inbox.reading import Incoming, Kind
from custom_components.qq_mail.mime.secret import make_secret
from custom_components.qq_mail.smtp.models import Account, Encryption
from tests.answers.test_choice import button, offered
from tests.inbox.conftest import Recorder
from tests.qq_server import QQServer

from .dovecot import ACCOUNT, CODE, Dovecot

SECRET = make_secret()
CHOICES = offered(
    button("关总阀", "CLOSE_VALVE", destructive=True), button("收到", "acknowledge")
)


@pytest.fixture
def account(dovecot: Dovecot) -> Account:
    """Return the account in it."""
    return Account(
        username=ACCOUNT,
        password=CODE,
        host="127.0.0.1",
        port=dovecot.port,
        encryption=Encryption.TLS,
        timeout=30.0,
    )


@pytest.fixture
async def owner() -> Recorder:
    """Return who wants it watched."""
    return Recorder()


@asynccontextmanager
async def watched(
    dovecot: Dovecot, account: Account, owner: Recorder, cursor: Cursor | None
) -> AsyncGenerator[None]:
    """Watch the mailbox."""
    owner.reads = True
    mailbox = Mailbox(account, dovecot.tls_context, owner, cursor)
    task = asyncio.create_task(mailbox.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def mail(text: str) -> bytes:
    """Return a mail with a text."""
    message = EmailMessage()
    message["From"], message["Subject"] = "a@example.com", "Re: 水"
    message.set_content(text)
    return message.as_bytes()


async def test_read(dovecot: Dovecot, account: Account, owner: Recorder) -> None:
    """What was there before is left, what comes is read, and nothing is marked."""
    dovecot.deliver(mail("before"))
    cursor = await async_check(account, dovecot.tls_context)
    assert cursor.uid == 2
    dovecot.deliver(mail("while away"))
    async with watched(dovecot, account, owner, cursor):
        await owner.mails(1)
        dovecot.deliver(mail("收到"))
        assert await owner.mails(2) == [2, 3]
    assert owner.texts == ["while away", "收到"]
    assert owner.cursors[-1] == replace(cursor, uid=4)
    assert dovecot.marked == []


async def test_no_cursor(dovecot: Dovecot, account: Account, owner: Recorder) -> None:
    """What came since an hour before the oldest mail that can be answered."""
    for _ in range(3):
        dovecot.deliver(mail("1"))
    async with watched(dovecot, account, owner, None):
        assert await owner.mails(3) == [1, 2, 3]


async def test_refused(dovecot: Dovecot, account: Account) -> None:
    """A wrong code is told from all else."""
    with pytest.raises(MailboxError, match=r"login_refused: .*AUTHENTICATIONFAILED"):
        await async_check(replace(account, password="wrong"), dovecot.tls_context)


@pytest.fixture
async def answered(
    server: QQServer, dovecot: Dovecot, account: Account, owner: Recorder
) -> AsyncGenerator[Recorder]:
    """Deliver what QQ's SMTP takes into the mailbox, and watch that."""
    server.on_accepted = lambda message: dovecot.deliver(message.content_within_qq)
    cursor = await async_check(account, dovecot.tls_context)
    async with watched(dovecot, account, owner, cursor):
        yield owner


def alarm(server: QQServer, tls_context: ssl.SSLContext) -> None:
    """Send a mail that can be answered, as the account, to itself."""
    message = EmailMessage()
    message["From"] = message["To"] = ACCOUNT
    message["Subject"] = "水浸报警"
    message["Message-ID"] = "<ours@qq.com>"
    message["References"] = f"<{SECRET}@qq.com>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("水浸报警\n\n1 关总阀 · 2 收到\n")
    submit(server, tls_context, message)


def submit(
    server: QQServer, tls_context: ssl.SSLContext, message: EmailMessage
) -> None:
    """Send a mail by Python's smtplib."""
    smtp = smtplib.SMTP_SSL(server.host, server.tls_port, "client", context=tls_context)
    smtp.login(ACCOUNT, CODE)
    smtp.send_message(message, ACCOUNT, [ACCOUNT])
    smtp.close()


def pressed(incoming: Incoming | None) -> int | None:
    """Return the number of the button that an answer with the secret presses."""
    assert incoming
    assert incoming.kind is Kind.ANSWER
    assert incoming.secrets == (SECRET,)
    assert incoming.sender == ACCOUNT
    meaning = choose(CHOICES, incoming.text)
    assert meaning.button
    assert not meaning.needs_title
    return meaning.button.number


async def test_answered_by_smtplib(
    server: QQServer, tls_context: ssl.SSLContext, answered: Recorder
) -> None:
    """Our own mail is none; the answer to it has the secret, and presses."""
    await asyncio.to_thread(alarm, server, tls_context)
    await answered.mails(1)
    (ours,) = answered.heads
    assert ours.mail.kind is Kind.AUTOMATIC
    assert answered.texts == [""]
    original = server.accepted[0].message
    reply = EmailMessage()
    reply["From"] = reply["To"] = ACCOUNT
    reply["Subject"] = f"回复：{original['Subject']}"
    reply["In-Reply-To"] = original["Message-ID"]
    reply["References"] = f"{original['References']} {original['Message-ID']}"
    quoted = "".join(f"> {line}\n" for line in server.accepted[0].text.splitlines())
    reply.set_content(f"2\n\n发自我的iPhone\n\n{quoted}", charset="gb18030")
    await asyncio.to_thread(submit, server, tls_context, reply)
    await answered.mails(2)
    assert ours.mail.message_ids[1] == "<ours@qq.com>"
    assert ours.mail.message_ids[0] in answered.heads[1].mail.references
    assert pressed(answered.read[-1]) == 2


async def test_answered_by_swaks(server: QQServer, answered: Recorder) -> None:
    """By a `mailto:` link: there are no references, but the secret in the subject."""
    if not shutil.which("swaks") and not os.environ.get("CI"):
        pytest.skip("swaks is not installed: see scripts/judges")
    # swaks takes these for the end.
    server.leaked_bytes_at_quit = False
    command = ["swaks", "--server", server.host, "--port", str(server.tls_port)]
    command += ["--tls-on-connect", "--auth", "LOGIN", "--auth-user", ACCOUNT]
    command += ["--auth-password", CODE, "--from", ACCOUNT, "--to", ACCOUNT]
    command += ["--header", f"Subject: 1 {SECRET}", "--body", "关总阀"]
    command += ["--add-header", "Content-Type: text/plain; charset=utf-8", "--silent"]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)
    await answered.mails(1)
    assert pressed(answered.read[-1]) == 1
