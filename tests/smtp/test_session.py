"""A session against the QQ-like server: every reply, every quirk, every fault."""

import _socket
import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
import socket
import socketserver
import ssl
import threading
from typing import Any, override

import pytest

from custom_components.qq_mail.mime.models import Envelope, Insertion
from custom_components.qq_mail.smtp import (
    session as session_module,
    transaction as transaction_module,
)
from custom_components.qq_mail.smtp.errors import (
    AuthenticationError,
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from custom_components.qq_mail.smtp.models import (
    Account,
    Encryption,
    Reply,
    Step,
    Submission,
    SubmissionResult,
)
from custom_components.qq_mail.smtp.replies import Cause, Treatment
from custom_components.qq_mail.smtp.session import SubmissionSession
from custom_components.qq_mail.smtp.transaction import END_OF_DATA_TIMEOUT
from homeassistant.util.async_ import get_scheduled_timer_handles
from tests.conftest import ADDRESS
from tests.qq_server import (
    AcceptedMessage,
    Answer,
    Certificate,
    Close,
    Hang,
    QQServer,
    Raw,
    Stall,
    Step as At,
    replies,
)

FRIENDS = ("a@example.com", "b@example.com", "c@example.com")
MESSAGE = Path(__file__).with_name("message.eml")
WIRE = MESSAGE.read_bytes()
SUBMISSION = Submission(Envelope(ADDRESS, FRIENDS), MESSAGE, len(WIRE))


async def submit(
    account: Account, tls_context: ssl.SSLContext, submission: Submission = SUBMISSION
) -> SubmissionResult:
    """Submit one message over a session of its own."""
    async with SubmissionSession(account, tls_context) as session:
        return await session.submit(submission)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for a server that is silent on purpose."""
    monkeypatch.setattr(session_module, "PROBE_TIMEOUT", 0.3)
    monkeypatch.setattr(session_module, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", 0.5)


@pytest.fixture(params=[True, False], ids=["in one flight", "word by word"])
def each_way(server: QQServer, request: pytest.FixtureRequest) -> None:
    """Run a test with a server that takes several commands at once, and without."""
    server.offer_pipelining = request.param


async def left(session: SubmissionSession) -> None:
    """Wait until the server's leaving is noticed."""
    async with asyncio.timeout(60):
        while session.is_open:
            await asyncio.sleep(0)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("account_name", ["account", "starttls_account"])
async def test_accepted(
    server: QQServer,
    request: pytest.FixtureRequest,
    tls_context: ssl.SSLContext,
    account_name: str,
) -> None:
    """A message arrives as it was written, over TLS, with a neutral EHLO name."""
    account: Account = request.getfixturevalue(account_name)
    result = await submit(account, tls_context)
    assert result == SubmissionResult(Reply(250, "OK: queued as."), FRIENDS, {})
    (mail,) = server.accepted
    assert mail.wire == WIRE
    assert mail.recipients == FRIENDS
    assert mail.secure
    assert mail.helo == "[127.0.0.1]"
    assert server.plaintext_logins == 0
    assert server.logins == server.login_attempts == 1
    assert [c for c in server.commands if c.startswith("MAIL")] == [
        f"MAIL FROM:<{ADDRESS}> SIZE={len(WIRE)}"
    ]


@pytest.mark.parametrize(
    "content", [pytest.param(MESSAGE, id="file"), pytest.param(WIRE, id="memory")]
)
async def test_insertions(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    content: Path | bytes,
) -> None:
    """What is put in stands where it should, and the rest is as it was."""
    first, second = WIRE.index(b"Hello"), WIRE.index(b"..dot")
    put_in = replace(
        SUBMISSION,
        content=content,
        insertions=(
            Insertion(first, b"one\r\n"),
            Insertion(first, b"Hi", replaced=5),
            Insertion(second, b"two\r\n"),
            Insertion(second, b"", replaced=5),
        ),
    )
    await submit(account, tls_context, put_in)
    (mail,) = server.accepted
    assert mail.wire == (
        WIRE[:first]
        + b"one\r\nHi"
        + WIRE[first + 5 : second]
        + b"two\r\n"
        + WIRE[second + 5 :]
    )


async def test_message_that_is_gone(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, tmp_path: Path
) -> None:
    """It is noticed before the server hears of it, and the session goes on."""
    gone = replace(SUBMISSION, content=tmp_path / "gone.eml")
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(FileNotFoundError):
            await session.submit(gone)
        await session.submit(SUBMISSION)
    assert server.logins == 1
    assert len(server.accepted) == 1


@pytest.mark.usefixtures("each_way")
async def test_message_that_cannot_be_read_to_its_end(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the server has of it is never ended by a dot."""

    def broken_disk(_: Submission) -> Iterator[bytes]:
        yield b"x\r\n" * 100_000
        raise OSError("Input/output error")

    monkeypatch.setattr(transaction_module, "_pieces", broken_disk)
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(OSError, match="Input"):
            await session.submit(SUBMISSION)
        assert not session.is_open
    assert server.accepted == []


@pytest.mark.parametrize(
    ("extension", "size"),
    [("SIZE 73400320", 73400320), ("SIZE", None), ("SIZE 0", None), ("8BITMIME", None)]
    + [(f"SIZE {'9' * digits}", None) for digits in (21, 5000)],
)
async def test_max_size(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    extension: str,
    size: int | None,
) -> None:
    """The server may say how much it takes."""
    server.script(At.EHLO, Answer(250, f"host\nAUTH LOGIN\n{extension}"))
    async with SubmissionSession(account, tls_context) as session:
        assert session.max_size == size


async def test_login_by_plain_where_login_is_not_offered(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """PLAIN is the second choice."""
    server.mechanisms = ("PLAIN",)
    await submit(account, tls_context)
    assert "AUTH PLAIN ***" in server.commands


async def test_size_is_announced_only_where_it_is_known(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """A server without SIZE gets MAIL without it."""
    server.script(At.EHLO, Answer(250, "host\nAUTH LOGIN"))
    await submit(account, tls_context)
    assert f"MAIL FROM:<{ADDRESS}>" in server.commands


@pytest.mark.usefixtures("each_way")
async def test_several_messages_in_one_session(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """The next message begins with MAIL: NOOP and RSET meet QQ's leaked bytes."""
    async with SubmissionSession(account, tls_context) as session:
        assert session.fresh
        for _ in range(3):
            await session.submit(SUBMISSION)
            assert not session.fresh
    assert len(server.accepted) == 3
    assert server.logins == server.connections == 1
    assert not {"RSET", "NOOP"} & set(server.commands)


@pytest.mark.parametrize(
    ("leaked", "scripted"),
    [
        pytest.param(True, [], id="leaked bytes"),
        pytest.param(False, [], id="clean"),
        pytest.param(False, [(At.QUIT, Close())], id="closed"),
        pytest.param(False, [(At.QUIT, Hang())], id="silent"),
        pytest.param(False, [(At.QUIT, Answer(500, "no"))], id="refused"),
    ],
)
async def test_quit_changes_nothing(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    leaked: bool,
    scripted: list[Any],
) -> None:
    """Whatever answers QUIT, the message was accepted once."""
    server.leaked_bytes_at_quit = leaked
    for step, action in scripted:
        server.script(step, action)
    result = await submit(account, tls_context)
    assert result.accepted == FRIENDS
    assert len(server.accepted) == server.quits == 1


# Postfix's words.
NOT_OWNED = Answer(
    553, f"5.7.1 <{ADDRESS}>: Sender address rejected: not owned by user {ADDRESS}"
)
SUBMISSION_REPLIES = [
    (replies.SENDER_MISMATCH, Cause.SENDER_MISMATCH, Treatment.REJECT_MESSAGE),
    (NOT_OWNED, Cause.SENDER_MISMATCH, Treatment.REJECT_MESSAGE),
    (replies.FROM_HEADER, Cause.FROM_HEADER, Treatment.REJECT_MESSAGE),
    (replies.CONTENT, Cause.CONTENT, Treatment.REJECT_MESSAGE),
    (replies.CONTENT_EXMAIL, Cause.CONTENT, Treatment.REJECT_MESSAGE),
    (replies.TOO_MANY_ATTEMPTS, Cause.RATE_LIMIT, Treatment.PAUSE),
    (replies.FREQUENCY_LIMITED, Cause.RATE_LIMIT, Treatment.PAUSE),
    (replies.MAILBOX_NOT_FOUND, Cause.RECIPIENT, Treatment.REJECT_RECIPIENT),
    (Answer(450, "later"), Cause.TEMPORARY, Treatment.RETRY),
    (Answer(451, "later"), Cause.TEMPORARY, Treatment.RETRY),
    (Answer(452, "later"), Cause.TEMPORARY, Treatment.RETRY),
    (Answer(454, "later"), Cause.TEMPORARY, Treatment.RETRY),
    (Answer(552, "too much"), Cause.TOO_LARGE, Treatment.REJECT_MESSAGE),
    (Answer(553, "no"), Cause.REFUSED, Treatment.REJECT_MESSAGE),
    (Answer(554, "no"), Cause.REFUSED, Treatment.REJECT_MESSAGE),
]
INBOUND_CAUSES = {
    "Mail content denied": Cause.CONTENT,
    "Mailbox not found": Cause.RECIPIENT,
    "Mailbox unavailable or access denied": Cause.RECIPIENT,
    "Ip frequency limited": Cause.RATE_LIMIT,
    "Domain frequency limited": Cause.RATE_LIMIT,
    "Sender frequency limited": Cause.RATE_LIMIT,
    "Connection denied": Cause.POLICY,
    "Message too large": Cause.TOO_LARGE,
    "Suspected spam": Cause.POLICY,
    "Suspected spam ip": Cause.POLICY,
    "SPF check failed": Cause.POLICY,
    "DMARC check failed": Cause.POLICY,
    "Mail is rejected by recipients": Cause.RECIPIENT,
}


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("at", [At.MAIL, At.DATA, At.DOT])
@pytest.mark.parametrize(
    ("answer", "cause", "treatment"),
    SUBMISSION_REPLIES,
    ids=lambda value: str(getattr(value, "text", ""))[:30] or None,
)
async def test_message_refused(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    answer: Answer,
    cause: Cause,
    treatment: Treatment,
) -> None:
    """Each reply has its cause and treatment, and the session remains usable."""
    server.script(at, answer, times=1)
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(MessageRefusedError) as refused:
            await session.submit(SUBMISSION)
        await session.submit(SUBMISSION)
    assert refused.value.cause is cause
    assert refused.value.cause.treatment is treatment
    assert refused.value.reply == Reply(answer.code, str(answer.text))
    assert not refused.value.speaks_of_session
    assert len(server.accepted) == server.logins == 1


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("at", [At.MAIL, At.RCPT, At.DATA, At.DOT])
@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        pytest.param(Answer(421, "closing"), Cause.TEMPORARY, id="421"),
        pytest.param(replies.INVALID_INPUT, Cause.INVALID_INPUT, id="502"),
        pytest.param(replies.NEED_AUTH, Cause.BAD_SEQUENCE, id="503 auth"),
        pytest.param(replies.NEED_MAIL, Cause.BAD_SEQUENCE, id="503 mail"),
        pytest.param(replies.TLS_REQUIRED, Cause.TLS_REQUIRED, id="530"),
    ],
)
async def test_session_refused(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    answer: Answer,
    cause: Cause,
) -> None:
    """What is said to the session ends it, with no further word into it."""
    server.script(at, answer)
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(MessageRefusedError) as refused:
            await session.submit(SUBMISSION)
        assert not session.is_open
    assert refused.value.cause is cause
    assert refused.value.speaks_of_session
    assert refused.value.refused == {}
    assert not {"RSET", "QUIT"} & set(server.commands)


@pytest.mark.parametrize("text", INBOUND_CAUSES)
async def test_texts_of_the_inbound_servers(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, text: str
) -> None:
    """What QQ's inbound servers say is understood as well."""
    server.script(At.DOT, replies.INBOUND[text], times=1)
    with pytest.raises(MessageRefusedError) as refused:
        await submit(account, tls_context)
    assert refused.value.cause is INBOUND_CAUSES[text]


LOGIN_REPLIES = [
    (replies.LOGIN_AMBIGUOUS, Cause.LOGIN_AMBIGUOUS, Treatment.LOGIN_LATER),
    (replies.LOGIN_NEEDS_CODE, Cause.LOGIN_NEEDS_CODE, Treatment.NEW_CODE),
    (replies.LOGIN_NEEDS_CODE_GBK, Cause.LOGIN_NEEDS_CODE, Treatment.NEW_CODE),
    (replies.LOGIN_EXMAIL, Cause.LOGIN_AT_EXMAIL, Treatment.NEW_CODE),
    (Answer(535, "No."), Cause.LOGIN_AMBIGUOUS, Treatment.LOGIN_LATER),
    (replies.TLS_REQUIRED, Cause.LOGIN_REFUSED, Treatment.LOGIN_LATER),
    (replies.INVALID_INPUT, Cause.LOGIN_REFUSED, Treatment.LOGIN_LATER),
    (replies.FREQUENCY_LIMITED, Cause.RATE_LIMIT, Treatment.PAUSE),
    (Answer(454, "later"), Cause.TEMPORARY, Treatment.RETRY),
    (Close(), Cause.LOGIN_CLOSED, Treatment.LOGIN_LATER),
]


@pytest.mark.parametrize("at", [At.AUTH, At.AUTH_COMMAND])
@pytest.mark.parametrize(("action", "cause", "treatment"), LOGIN_REPLIES)
async def test_login_refused(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    action: Any,
    cause: Cause,
    treatment: Treatment,
) -> None:
    """A refused login is tried once, by one mechanism, and understood."""
    server.script(at, action)
    with pytest.raises(AuthenticationError) as refused:
        await submit(account, tls_context)
    assert refused.value.cause is cause
    assert refused.value.cause.treatment is treatment
    assert len([c for c in server.commands if c.startswith("AUTH")]) == 1


@pytest.mark.parametrize("account_name", ["account", "starttls_account"])
@pytest.mark.parametrize(
    ("mechanism", "at", "action"),
    [
        pytest.param("LOGIN", At.AUTH, Close(reset=True), id="at the code"),
        pytest.param("LOGIN", At.AUTH_COMMAND, Close(reset=True), id="at the command"),
        # Here it may arrive before we write.
        pytest.param(
            "LOGIN",
            At.AUTH_COMMAND,
            Raw(b"334 UGFzc3dvcmQ6\r\n", reset=True),
            id="in between",
        ),
        pytest.param("PLAIN", At.AUTH, Close(reset=True), id="plain"),
    ],
)
async def test_login_reset(
    server: QQServer,
    request: pytest.FixtureRequest,
    tls_context: ssl.SSLContext,
    account_name: str,
    mechanism: str,
    at: At,
    action: Any,
) -> None:
    """A broken network says nothing about the code."""
    server.mechanisms = (mechanism,)
    server.script(at, action)
    with pytest.raises(SessionError) as failed:
        await submit(request.getfixturevalue(account_name), tls_context)
    assert not isinstance(failed.value, AuthenticationError)
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.step is Step.AUTH
    assert not failed.value.speaks_of_session


async def test_connection_lost_before_the_login(
    account: Account, tls_context: ssl.SSLContext
) -> None:
    """Nobody is known then to offer no login, nor to have refused one."""
    session = SubmissionSession(account, tls_context)
    await session.connect()
    session.drop()
    with pytest.raises(SessionError) as failed:
        await session.authenticate()
    assert not isinstance(failed.value, AuthenticationError)
    assert failed.value.cause is Cause.CONNECTION_LOST


async def test_gbk_is_read(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """QQ's oldest wording is GBK; a person gets to read it."""
    server.script(At.AUTH, replies.LOGIN_NEEDS_CODE_GBK)
    with pytest.raises(AuthenticationError) as refused:
        await submit(account, tls_context)
    assert "请使用授权码登录。详情请看" in str(refused.value)


async def test_a_wrong_code(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """The code is in no exception and no repr."""
    wrong = replace(account, password="secretsecretsecr")
    with pytest.raises(AuthenticationError) as refused:
        await submit(wrong, tls_context)
    assert refused.value.reply == Reply(535, str(replies.LOGIN_AMBIGUOUS.text))
    assert "secret" not in repr(wrong)
    assert "secret" not in repr(refused.value) + str(refused.value)


@pytest.mark.parametrize("mechanisms", [(), ("XOAUTH2",)])
async def test_no_login_offered(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    mechanisms: tuple[str, ...],
) -> None:
    """A server without LOGIN and PLAIN is of no use."""
    server.mechanisms = mechanisms
    server.offer_auth = bool(mechanisms)
    with pytest.raises(AuthenticationError) as failed:
        await submit(account, tls_context)
    assert failed.value.cause is Cause.NO_LOGIN


NOT_FOUND = Reply(550, str(replies.MAILBOX_NOT_FOUND.text))


@pytest.mark.usefixtures("each_way")
async def test_some_recipients_refused(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """The others get the message, and the refused one is named."""
    server.script(At.RCPT, replies.MAILBOX_NOT_FOUND, match="b@example.com")
    result = await submit(account, tls_context)
    assert result.accepted == ("a@example.com", "c@example.com")
    assert result.refused == {"b@example.com": NOT_FOUND}
    assert server.accepted[0].recipients == result.accepted


@pytest.mark.usefixtures("each_way")
async def test_all_recipients_refused(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """Nothing is sent, and the begun transaction does not disturb the next."""
    server.script(At.RCPT, Answer(553, "no such user"), times=3)
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(RecipientsRefusedError) as refused:
            await session.submit(SUBMISSION)
        await session.submit(SUBMISSION)
    assert refused.value.cause is Cause.RECIPIENT
    assert set(refused.value.refused) == set(FRIENDS)
    assert len(server.accepted) == server.logins == 1


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        pytest.param(replies.TOO_MANY_ATTEMPTS, Cause.RATE_LIMIT, id="rate limit"),
        pytest.param(replies.SENDER_MISMATCH, Cause.SENDER_MISMATCH, id="sender"),
        pytest.param(NOT_OWNED, Cause.SENDER_MISMATCH, id="Postfix, sender"),
        pytest.param(Answer(421, "closing"), Cause.TEMPORARY, id="closing"),
    ],
)
async def test_refusal_at_rcpt_that_is_not_the_recipients(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    answer: Answer,
    cause: Cause,
) -> None:
    """What is not said of the recipient ends the attempt, and nothing is forgotten."""
    server.script(At.RCPT, replies.MAILBOX_NOT_FOUND)
    server.script(At.RCPT, answer, times=1)
    with pytest.raises(MessageRefusedError) as refused:
        await submit(account, tls_context)
    assert refused.value.cause is cause
    assert not isinstance(refused.value, RecipientsRefusedError)
    assert refused.value.refused == {FRIENDS[0]: NOT_FOUND}
    assert server.accepted == []


async def test_round_trips(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """A message to several takes two, once there is a session; else many more."""
    async with SubmissionSession(account, tls_context) as session:
        for in_flight, round_trips in ((True, 2), (False, 6)):
            before = server.answers
            await session.submit(SUBMISSION, in_flight=in_flight)
            assert server.answers == before + round_trips


@pytest.mark.parametrize(
    ("dot", "usable"),
    [
        pytest.param(replies.NEED_MAIL, True, id="refused"),
        pytest.param(Answer(250, "OK: queued as."), True, id="accepted"),
        pytest.param(Close(), False, id="closed"),
        pytest.param(Hang(), False, id="silent"),
    ],
)
async def test_all_recipients_refused_and_the_text_is_wanted(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    dot: Any,
    usable: bool,
) -> None:
    """A lone dot ends it; whatever answers that, nobody got anything."""
    server.script(At.RCPT, replies.MAILBOX_NOT_FOUND, times=3)
    server.script(At.DATA, replies.START_INPUT)
    server.script(At.DOT, dot)
    impatient = replace(account, timeout=0.5)
    async with SubmissionSession(impatient, tls_context) as session:
        with pytest.raises(RecipientsRefusedError) as refused:
            await session.submit(SUBMISSION)
        assert session.is_open is usable
    assert set(refused.value.refused) == set(FRIENDS)
    assert server.accepted == []
    assert "RSET" not in server.commands


@pytest.mark.parametrize(
    ("at", "answer", "cause"),
    [
        pytest.param(At.MAIL, replies.TOO_MANY_ATTEMPTS, Cause.RATE_LIMIT, id="mail"),
        pytest.param(At.RCPT, replies.FREQUENCY_LIMITED, Cause.RATE_LIMIT, id="rcpt"),
    ],
)
async def test_refused_and_the_text_is_wanted(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    answer: Answer,
    cause: Cause,
) -> None:
    """There is no way out then but to leave: a lone dot would be a mail."""
    server.script(at, answer)
    server.script(At.DATA, replies.START_INPUT)
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(MessageRefusedError) as refused:
            await session.submit(SUBMISSION)
        assert not session.is_open
    assert refused.value.cause is cause
    assert server.accepted == []


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        pytest.param(At.MAIL, Raw(b"354 Go on\r\n"), id="mail"),
        pytest.param(At.RCPT, Raw(b"354 Go on\r\n"), id="rcpt"),
        pytest.param(At.DATA, Raw(b"250 OK\r\n"), id="data"),
        pytest.param(
            At.DATA, Raw(replies.START_INPUT.wire + b"250 OK\r\n"), id="one too many"
        ),
        pytest.param(At.MAIL, Raw(b"250-OK\r\n550 No\r\n"), id="two codes"),
        pytest.param(At.MAIL, Raw(b"\0\0\0\x1a\0\0\0\n250 OK\r\n"), id="leaked"),
    ],
)
@pytest.mark.usefixtures("each_way")
async def test_out_of_step(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    answer: Raw,
) -> None:
    """An answer that cannot be one to its command ends the session."""
    server.script(at, answer)
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(SessionError) as failed:
            await session.submit(SUBMISSION)
        assert not session.is_open
    assert failed.value.cause is Cause.BAD_REPLY
    assert server.accepted == []


async def test_an_address_is_no_command(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """A line end in an address does not reach the server."""
    envelope = Envelope(ADDRESS, ("a@example.com>\r\nRCPT TO:<b@example.com",))
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(ValueError, match="control"):
            await session.submit(replace(SUBMISSION, envelope=envelope))
        await session.submit(SUBMISSION)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(replies.MAILBOX_NOT_FOUND, id="550"),
        pytest.param(Answer(521, "5.7.1 Go away"), id="521"),
        pytest.param(Answer(450, "Greylisted"), id="450"),
    ],
)
async def test_recipient_refused_by_a_server_that_hangs_up(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, answer: Answer
) -> None:
    """What it said of the recipient counts, also where it does not wait for us."""
    server.script(At.RCPT, Raw(answer.wire, close=True), times=None)
    reply = Reply(answer.code, str(answer.text))
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(SessionError) as failed:
            await session.submit(SUBMISSION)
        assert not session.is_open
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.step is Step.RCPT
    assert failed.value.refused == {FRIENDS[0]: reply}

    # The last of several; here it is noticed before the next command.
    server.reset()
    server.script(At.RCPT, Raw(answer.wire, close=True), match=FRIENDS[-1])
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(SessionError) as failed:
            await session.submit(SUBMISSION, lambda: left(session))
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.refused == {FRIENDS[-1]: reply}

    # The last of several; here it is noticed by the next command.
    server.reset()
    server.script(At.RCPT, Raw(answer.wire, close=True), match=FRIENDS[-1])
    with pytest.raises(SessionError) as failed:
        await submit(account, tls_context)
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.refused == {FRIENDS[-1]: reply}

    # The only one.
    server.reset()
    server.script(At.RCPT, Raw(answer.wire, close=True))
    alone = replace(SUBMISSION, envelope=Envelope(ADDRESS, FRIENDS[:1]))
    with pytest.raises(RecipientsRefusedError) as refused:
        await submit(account, tls_context, alone)
    assert refused.value.refused == {FRIENDS[0]: reply}
    assert refused.value.reply == reply
    assert server.accepted == []


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    ("at", "action", "error"),
    [
        pytest.param(At.RCPT, Close(), SessionError, id="rcpt, closed"),
        pytest.param(At.RCPT, Hang(), SessionError, id="rcpt, silent"),
        pytest.param(At.DATA, Answer(421, "bye"), MessageRefusedError, id="data, 421"),
        pytest.param(At.DATA, Answer(451, "no"), MessageRefusedError, id="data, 451"),
        pytest.param(At.DATA, Close(), SessionError, id="data, closed"),
        pytest.param(At.DOT, Answer(421, "bye"), MessageRefusedError, id="dot, 421"),
        pytest.param(At.DOT, replies.CONTENT, MessageRefusedError, id="dot, 550"),
        pytest.param(At.DOT, Close(), OutcomeUnknownError, id="dot, closed"),
        pytest.param(At.DOT, Hang(), OutcomeUnknownError, id="dot, silent"),
    ],
)
async def test_what_was_heard_of_recipients_is_not_forgotten(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    action: Any,
    error: type[MailError],
) -> None:
    """However a transaction ends, it names whom it was refused for."""
    server.script(At.RCPT, replies.MAILBOX_NOT_FOUND, match=FRIENDS[0])
    server.script(at, action)
    with pytest.raises(error) as failed:
        await submit(replace(account, timeout=0.5), tls_context)
    assert failed.value.refused == {FRIENDS[0]: NOT_FOUND}


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    "action",
    [pytest.param(Answer(500, "no"), id="refused"), pytest.param(Close(), id="closed")],
)
async def test_reset_fails(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, action: Any
) -> None:
    """A transaction that cannot be abandoned ends the session."""
    server.script(At.DATA, Answer(451, "later"))
    server.script(At.RSET, action)
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(MessageRefusedError):
            await session.submit(SUBMISSION)
        with pytest.raises(SessionError) as failed:
            await session.submit(SUBMISSION)
    assert failed.value.cause is Cause.CONNECTION_LOST


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    ("at", "action", "cause"),
    [
        pytest.param(At.CONNECT, Close(), Cause.CONNECTION_LOST, id="at once"),
        pytest.param(At.GREETING, Close(), Cause.CONNECTION_LOST, id="greeting"),
        pytest.param(At.EHLO, Close(), Cause.CONNECTION_LOST, id="ehlo"),
        pytest.param(At.MAIL, Close(), Cause.CONNECTION_LOST, id="mail"),
        pytest.param(At.MAIL, Close(reset=True), Cause.CONNECTION_LOST, id="reset"),
        pytest.param(At.RCPT, Close(), Cause.CONNECTION_LOST, id="rcpt"),
        pytest.param(At.DATA, Close(), Cause.CONNECTION_LOST, id="data"),
        pytest.param(At.GREETING, Hang(), Cause.TIMED_OUT, id="greeting hangs"),
        pytest.param(At.EHLO, Hang(), Cause.TIMED_OUT, id="ehlo hangs"),
        pytest.param(At.AUTH, Hang(), Cause.TIMED_OUT, id="auth hangs"),
        pytest.param(At.MAIL, Hang(), Cause.TIMED_OUT, id="mail hangs"),
        pytest.param(At.DATA, Hang(), Cause.TIMED_OUT, id="data hangs"),
        pytest.param(
            At.GREETING, Raw(b"SSH-2.0-OpenSSH\r\n"), Cause.NOT_SMTP, id="ssh"
        ),
        pytest.param(At.GREETING, Raw(b"2" * 1_000_000), Cause.NOT_SMTP, id="1 MB"),
        pytest.param(At.GREETING, Answer(554, "no"), Cause.TEMPORARY, id="554"),
        pytest.param(
            At.GREETING, replies.FREQUENCY_LIMITED, Cause.RATE_LIMIT, id="limited"
        ),
        pytest.param(At.EHLO, Answer(502, "no"), Cause.TEMPORARY, id="no ehlo"),
        pytest.param(At.MAIL, Raw(b"\0\0\0\x1a\r\n"), Cause.BAD_REPLY, id="garbage"),
        pytest.param(
            At.MAIL, Raw(b"250 O", close=True), Cause.CONNECTION_LOST, id="half"
        ),
    ],
)
async def test_session_lost(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    action: Any,
    cause: Cause,
) -> None:
    """Before the final dot, nothing was accepted for sure."""
    server.script(at, action)
    with pytest.raises(SessionError) as failed:
        await submit(replace(account, timeout=0.5), tls_context)
    assert failed.value.cause is cause
    assert failed.value.cause.treatment in (Treatment.RETRY, Treatment.PAUSE)
    assert failed.value.speaks_of_session is (at in (At.MAIL, At.RCPT, At.DATA))
    assert server.accepted == []


@pytest.mark.parametrize("at", [At.EHLO, At.MAIL])
async def test_nothing_is_left_of_a_session_with_a_dead_peer(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, at: At
) -> None:
    """Who does not answer a command does not answer to the end of TLS either."""
    server.script(at, Stall())
    before = timers()
    with pytest.raises(SessionError):
        await submit(replace(account, timeout=0.3), tls_context)
    assert timers() == before


def timers() -> int:
    """Return for how much this event loop still waits."""
    handles = get_scheduled_timer_handles(asyncio.get_running_loop())
    return sum(not handle.cancelled() for handle in handles)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("at", [At.MAIL, At.RSET])
async def test_cancelled(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, at: At
) -> None:
    """A late answer cannot be taken for that to the next command."""
    server.script(At.DATA, Answer(451, "later"))
    server.script(at, Hang())
    session = SubmissionSession(account, tls_context)
    await session.open()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await session.submit(SUBMISSION)
    assert not session.is_open


async def test_cancelled_while_taking_leave(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection is closed all the same."""
    monkeypatch.setattr(session_module, "CLOSE_TIMEOUT", 10)
    server.script(At.QUIT, Hang())
    session = SubmissionSession(account, tls_context)
    await session.open()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await session.close()
    assert not session.is_open
    # Nothing is left to take leave of.
    await session.close()


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    ("action", "cause"),
    [
        pytest.param(Close(), Cause.CONNECTION_LOST, id="close"),
        pytest.param(Stall(), Cause.TIMED_OUT, id="stall"),
    ],
)
async def test_session_lost_in_the_body(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    tmp_path: Path,
    action: Any,
    cause: Cause,
) -> None:
    """A body that was not sent to its end was not accepted either."""
    file = tmp_path / "large.eml"
    file.write_bytes(WIRE + b"x" * 70 + b"\r\n" * 8_000_000)
    large = replace(SUBMISSION, content=file)
    server.script(At.BODY, action)
    with pytest.raises(SessionError) as failed:
        await submit(replace(account, timeout=0.5), tls_context, large)
    assert failed.value.cause is cause
    assert failed.value.step is Step.BODY
    assert server.accepted == []


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    ("at", "copies"), [pytest.param(At.DOT, 0), pytest.param(At.ACCEPTED, 1)]
)
@pytest.mark.parametrize(
    "action",
    [
        pytest.param(Close(), id="close"),
        pytest.param(Hang(), id="hang"),
        pytest.param(Raw(b"250 OK: q", close=True), id="half a reply"),
        pytest.param(Raw(b"\0\0\0\x1a\r\n"), id="garbage"),
        pytest.param(Raw(b"2" * 1_000_000), id="1 MB"),
        pytest.param(replies.START_INPUT, id="out of place"),
    ],
)
async def test_outcome_unknown(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    copies: int,
    action: Any,
) -> None:
    """Without an answer to the final dot nobody knows, and nobody guesses."""
    server.script(at, action)
    with pytest.raises(OutcomeUnknownError) as unknown:
        async with asyncio.timeout(60):
            await submit(account, tls_context)
    assert not unknown.value.speaks_of_session
    assert unknown.value.step is Step.END_OF_DATA
    assert len(server.accepted) == copies


async def test_answer_to_the_final_dot_that_takes_long(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is waited for, whatever time-out the account has for other answers."""
    assert END_OF_DATA_TIMEOUT == 600
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", END_OF_DATA_TIMEOUT)
    scanned = threading.Event()

    def scan(_: AcceptedMessage) -> None:
        scanned.wait(60)

    server.on_accepted = scan
    submitted = asyncio.create_task(submit(replace(account, timeout=0.3), tls_context))
    await asyncio.wait({submitted}, timeout=1)
    assert len(server.accepted) == 1
    assert not submitted.done()
    scanned.set()
    assert (await submitted).accepted == FRIENDS


async def test_connection_lost_before_the_final_dot(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
) -> None:
    """What was not ended by a dot was not taken, however late the connection went."""
    async with SubmissionSession(account, tls_context) as session:

        async def lose() -> None:
            session.drop()

        with pytest.raises(SessionError) as failed:
            await session.submit(SUBMISSION, lose)
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.step is Step.BODY
    assert failed.value.speaks_of_session
    assert server.accepted == []


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
    wrong = replace(account, port=server.starttls_port, timeout=0.5)
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
    server: QQServer, starttls_account: Account, tls_context: ssl.SSLContext
) -> None:
    """A slow server is waited for as long as the time-out says."""
    server.script(At.GREETING, Hang(), times=1)
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
        await submit(replace(starttls_account, timeout=0.5), tls_context)
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


def test_mail_error_in_the_log() -> None:
    """An error says in one line what happened and where."""
    assert str(MailError(Cause.TIMED_OUT, Step.AUTH)) == "timed_out at auth"
    assert (
        str(MailError(Cause.CONTENT, Step.DATA, Reply(550, "no")))
        == "content at data: 550 no"
    )


@pytest.mark.parametrize(
    ("addresses", "cause"),
    [
        # Two addresses of one host that refuse: asyncio merges the two errors.
        pytest.param([(6, 1), (6, 2)], Cause.CONNECTION_REFUSED, id="refused"),
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


async def test_said_without_being_asked(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, tmp_path: Path
) -> None:
    """What a server says in the middle of a text is no answer to its final dot."""
    file = tmp_path / "large.eml"
    file.write_bytes(WIRE + b"x\r\n" * 8_000_000)
    large = replace(SUBMISSION, content=file)
    server.script(At.BODY, Raw(b"550 No\r\n"))
    assert (await submit(account, tls_context, large)).reply.code == 250


async def test_server_that_does_not_read_for_a_while(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, tmp_path: Path
) -> None:
    """The text waits for it, and then goes on."""
    file = tmp_path / "large.eml"
    file.write_bytes(WIRE + b"x\r\n" * 8_000_000)
    large = replace(SUBMISSION, content=file)
    async with SubmissionSession(account, tls_context) as session:
        frozen: list[threading.Event] = []

        async def freeze() -> None:
            frozen.append(server.freeze())

        submitted = asyncio.create_task(session.submit(large, freeze))
        await asyncio.wait({submitted}, timeout=0.5)
        assert not submitted.done()
        frozen[0].set()
        assert (await submitted).accepted == FRIENDS


SECOND = replace(SUBMISSION, envelope=Envelope(ADDRESS, FRIENDS[:1]))


async def test_dot_and_next_envelope(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """Of two that follow each other, each takes one round trip; one begins them."""
    async with SubmissionSession(account, tls_context) as session:
        before = server.answers
        await session.submit(SUBMISSION, ending=lambda: session.follow(SECOND))
        assert len(server.accepted) == 1
        await session.submit(SECOND)
        assert server.answers == before + 3
    assert [mail.recipients for mail in server.accepted] == [FRIENDS, FRIENDS[:1]]


async def test_next_envelope_behind_the_dot(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """It can go as long as the answer has not come."""
    scanned = threading.Event()

    def scan(_: AcceptedMessage) -> None:
        scanned.wait(60)

    server.on_accepted = scan
    async with SubmissionSession(account, tls_context) as session:
        submitted = asyncio.create_task(session.submit(SUBMISSION))
        while not server.accepted:
            await asyncio.sleep(0)
        session.follow(SECOND)
        scanned.set()
        await submitted
        await session.submit(SECOND)
    assert [mail.recipients for mail in server.accepted] == [FRIENDS, FRIENDS[:1]]


async def test_left_with_one_announced(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """It is not sent, and nothing more can be."""
    session = SubmissionSession(account, tls_context)
    await session.open()
    await session.submit(SUBMISSION, ending=lambda: session.follow(SECOND))
    session.drop()
    with pytest.raises(SessionError):
        await session.submit(SECOND)
    assert len(server.accepted) == 1


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
