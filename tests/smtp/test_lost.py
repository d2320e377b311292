"""Connections that break or fall silent, at each step."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import ssl
import threading
from typing import Any

import pytest

from custom_components.qq_mail.smtp import (
    session as session_module,
    transaction as transaction_module,
)
from custom_components.qq_mail.smtp.errors import OutcomeUnknownError, SessionError
from custom_components.qq_mail.smtp.models import Account, Step
from custom_components.qq_mail.smtp.replies import Cause, Treatment
from custom_components.qq_mail.smtp.session import SubmissionSession
from custom_components.qq_mail.smtp.transaction import END_OF_DATA_TIMEOUT
from homeassistant.util.async_ import get_scheduled_timer_handles
from tests.qq_server import (
    AcceptedMessage,
    Answer,
    Close,
    Hang,
    QQServer,
    Raw,
    Stall,
    Step as At,
    replies,
)

from .submitting import FRIENDS, SUBMISSION, WIRE, nothing, submit, until


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
        *(
            pytest.param(at, Answer(500, "what?"), Cause.BAD_REPLY, id=f"500 at {at}")
            for at in (At.MAIL, At.RCPT, At.DATA)
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
        await submit(account, tls_context)
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
        await submit(account, tls_context)
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
            await session.submit(SUBMISSION, nothing)
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
    large = replace(SUBMISSION, open=lambda: file.open("rb"))
    server.script(At.BODY, action)
    with pytest.raises(SessionError) as failed:
        await submit(account, tls_context, large)
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
    pass_time: Callable[[float], None],
) -> None:
    """It is waited for, whatever time-out the account has for other answers."""
    assert END_OF_DATA_TIMEOUT == 600
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", END_OF_DATA_TIMEOUT)
    scanned = threading.Event()

    def scan(_: AcceptedMessage) -> None:
        scanned.wait(60)

    server.on_accepted = scan
    submitted = asyncio.create_task(submit(account, tls_context))
    await until(lambda: bool(server.accepted))
    pass_time(2 * account.timeout)
    # Long enough for a timer that is due.
    await asyncio.wait({submitted}, timeout=0.1)
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
            await until(lambda: "354" in session.transcript.lines[-1])
            session.drop()

        with pytest.raises(SessionError) as failed:
            await session.submit(SUBMISSION, lose)
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.step is Step.BODY
    assert failed.value.speaks_of_session
    assert server.accepted == []
