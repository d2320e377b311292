"""Each reply has its cause, and what was said of whom is not forgotten."""

from dataclasses import replace
import ssl
from typing import Any

import pytest

from custom_components.qq_mail.smtp.errors import (
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from custom_components.qq_mail.smtp.models import Account, Reply, Step
from custom_components.qq_mail.smtp.replies import Cause, Treatment
from custom_components.qq_mail.smtp.session import SubmissionSession
from tests.conftest import ADDRESS
from tests.qq_server import Answer, Close, Hang, QQServer, Raw, Step as At, replies

from .submitting import FRIENDS, SUBMISSION, nothing, submit

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
            await session.submit(SUBMISSION, nothing)
        await session.submit(SUBMISSION, nothing)
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
            await session.submit(SUBMISSION, nothing)
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
            await session.submit(SUBMISSION, nothing)
        await session.submit(SUBMISSION, nothing)
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
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(RecipientsRefusedError) as refused:
            await session.submit(SUBMISSION, nothing)
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
            await session.submit(SUBMISSION, nothing)
        assert not session.is_open
    assert refused.value.cause is cause
    assert server.accepted == []


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
            await session.submit(SUBMISSION, nothing)
        assert not session.is_open
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.step is Step.RCPT
    assert failed.value.refused == {FRIENDS[0]: reply}

    # The last of several.
    server.reset()
    server.script(At.RCPT, Raw(answer.wire, close=True), match=FRIENDS[-1])
    with pytest.raises(SessionError) as failed:
        await submit(account, tls_context)
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.refused == {FRIENDS[-1]: reply}

    # The only one.
    server.reset()
    server.script(At.RCPT, Raw(answer.wire, close=True))
    alone = replace(SUBMISSION, recipients=FRIENDS[:1])
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
        await submit(account, tls_context)
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
            await session.submit(SUBMISSION, nothing)
        with pytest.raises(SessionError) as failed:
            await session.submit(SUBMISSION, nothing)
    assert failed.value.cause is Cause.CONNECTION_LOST


def test_mail_error_in_the_log() -> None:
    """An error says in one line what happened and where."""
    assert str(MailError(Cause.TIMED_OUT, Step.AUTH)) == "timed_out at auth"
    assert (
        str(MailError(Cause.CONTENT, Step.DATA, Reply(550, "no")))
        == "content at data: 550 no"
    )
