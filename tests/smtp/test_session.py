"""A session against the QQ-like server: messages, and all its quirks."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
import ssl
import threading
from typing import Any, override

import pytest

from custom_components.qq_mail.mime.models import Insertion
from custom_components.qq_mail.smtp.errors import MessageRefusedError, SessionError
from custom_components.qq_mail.smtp.models import Account, Reply, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause
from custom_components.qq_mail.smtp.session import SubmissionSession
from tests.conftest import ADDRESS
from tests.qq_server import Answer, Close, Hang, QQServer, Raw, Step as At, replies

from .submitting import FRIENDS, SUBMISSION, WIRE, nothing, submit, until


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


async def test_insertions(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """What is put in stands where it should, and the rest is as it was."""
    first, second = WIRE.index(b"Hello"), WIRE.index(b"..dot")
    put_in = replace(
        SUBMISSION,
        insertions=(
            Insertion(first, b"one\r\n"),
            Insertion(first, b"Hi"),
            Insertion(second, b"two\r\n"),
        ),
    )
    await submit(account, tls_context, put_in)
    (mail,) = server.accepted
    assert mail.wire == (
        WIRE[:first] + b"one\r\nHi" + WIRE[first:second] + b"two\r\n" + WIRE[second:]
    )


async def test_message_that_is_gone(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, tmp_path: Path
) -> None:
    """It is noticed before the server hears of it, and the session goes on."""
    gone = replace(SUBMISSION, open=lambda: (tmp_path / "gone.eml").open("rb"))
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(FileNotFoundError):
            await session.submit(gone, nothing)
        await session.submit(SUBMISSION, nothing)
    assert server.logins == 1
    assert len(server.accepted) == 1


@pytest.mark.usefixtures("each_way")
async def test_message_that_cannot_be_read_to_its_end(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """What the server has of it is never ended by a dot."""

    class BrokenFile(BytesIO):
        @override
        def read(self, size: int | None = -1, /) -> bytes:
            """Return nothing but the beginning."""
            if self.tell():
                raise OSError("Input/output error")
            return super().read(size)

    broken = replace(SUBMISSION, open=lambda: BrokenFile(b"x\r\n" * 100_000))
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(OSError, match="Input"):
            await session.submit(broken, nothing)
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
            await session.submit(SUBMISSION, nothing)
            assert not session.fresh
    assert len(server.accepted) == 3
    assert server.logins == server.connections == 1
    assert not {"RSET", "NOOP"} & set(server.commands)


async def test_nothing_goes_behind_a_final_dot(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """Some servers swallow it; here the next message waits for the answer."""
    server.swallows_behind_dot = True
    async with SubmissionSession(account, tls_context) as session:
        for _ in range(3):
            await session.submit(SUBMISSION, nothing)
    assert len(server.accepted) == 3
    assert server.logins == 1


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
    # Nobody waits for the server here, which may read it later.
    await until(lambda: server.quits == 1)
    assert len(server.accepted) == server.quits == 1


async def test_round_trips(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """A message to several takes two, once there is a session; else many more."""
    for offered, round_trips in ((True, 2), (False, 6)):
        server.offer_pipelining = offered
        async with SubmissionSession(account, tls_context) as session:
            before = server.answers
            await session.submit(SUBMISSION, nothing)
            assert server.answers == before + round_trips


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
            await session.submit(SUBMISSION, nothing)
        assert not session.is_open
    assert failed.value.cause is Cause.BAD_REPLY
    assert server.accepted == []


async def test_an_address_is_no_command(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """A line end in an address does not reach the server."""
    injected = ("a@example.com>\r\nRCPT TO:<b@example.com",)
    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(ValueError, match="control"):
            await session.submit(replace(SUBMISSION, recipients=injected), nothing)
        await session.submit(SUBMISSION, nothing)


async def test_said_without_being_asked(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, tmp_path: Path
) -> None:
    """What a server says in the middle of a text is no answer to its final dot."""
    file = tmp_path / "large.eml"
    file.write_bytes(WIRE + b"x\r\n" * 8_000_000)
    large = replace(SUBMISSION, open=lambda: file.open("rb"))
    server.script(At.BODY, Raw(b"550 No\r\n"))
    assert (await submit(account, tls_context, large)).reply.code == 250


async def test_server_that_does_not_read_for_a_while(
    server: QQServer, account: Account, tls_context: ssl.SSLContext, tmp_path: Path
) -> None:
    """The text waits for it, and then goes on."""
    file = tmp_path / "large.eml"
    file.write_bytes(WIRE + b"x\r\n" * 8_000_000)
    large = replace(SUBMISSION, open=lambda: file.open("rb"))
    async with SubmissionSession(account, tls_context) as session:
        frozen: list[threading.Event] = []

        async def freeze() -> None:
            await until(lambda: "354" in session.transcript.lines[-1])
            frozen.append(server.freeze())

        submitted = asyncio.create_task(session.submit(large, freeze))
        await until(lambda: bool(frozen))
        await asyncio.wait({submitted}, timeout=0.5)
        assert not submitted.done()
        frozen[0].set()
        assert (await submitted).accepted == FRIENDS


async def test_preparation_begins_with_the_envelope(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """It runs while the server answers, and the text waits for its end."""
    prepared = asyncio.Event()
    async with SubmissionSession(account, tls_context) as session:
        before = session.transcript.lines[-1]
        said: list[str] = []

        async def prepare() -> None:
            said.append(session.transcript.lines[-1])
            await prepared.wait()

        submitted = asyncio.create_task(session.submit(SUBMISSION, prepare))
        await until(lambda: "354" in session.transcript.lines[-1])
        assert said == [before]
        assert "354" in session.transcript.lines[-1]
        prepared.set()
        await submitted
    assert len(server.accepted) == 1


async def test_preparation_that_fails_at_once(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """The server does not hear of the message, and the session goes on."""

    async def fail() -> None:
        raise OSError("Disk full")

    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(OSError, match="full"):
            await session.submit(SUBMISSION, fail)
        assert session.fresh
        await session.submit(SUBMISSION, nothing)
    assert len([c for c in server.commands if c.startswith("MAIL")]) == 1
    assert len(server.accepted) == server.logins == 1


@pytest.mark.usefixtures("each_way")
async def test_preparation_that_fails(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """The session ends before the text, and nobody gets an empty mail."""
    async with SubmissionSession(account, tls_context) as session:

        async def fail() -> None:
            await until(lambda: "354" in session.transcript.lines[-1])
            raise OSError("Disk full")

        with pytest.raises(OSError, match="full"):
            await session.submit(SUBMISSION, fail)
        assert not session.is_open
    assert server.accepted == []


@pytest.mark.parametrize(
    "ends",
    [
        pytest.param(asyncio.Event().wait, id="waits"),
        pytest.param(partial(asyncio.sleep, 0), id="ended"),
    ],
)
async def test_preparation_for_nothing(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    ends: Callable[[], Awaitable[object]],
) -> None:
    """It is cancelled where the server refuses the message, whose reply counts."""
    server.script(At.MAIL, Answer(450, "later"))
    left: list[str] = []

    async def prepare() -> None:
        try:
            await ends()
            raise OSError("Disk full")
        finally:
            left.append("left")

    async with SubmissionSession(account, tls_context) as session:
        with pytest.raises(MessageRefusedError):
            await session.submit(SUBMISSION, prepare)
        assert left == ["left"]
        assert session.is_open


async def test_file_is_closed_before_the_last_answer(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """A server may take ten minutes for that, and the message may go meanwhile."""
    stream = BytesIO(WIRE)
    submission = replace(SUBMISSION, open=lambda: stream)
    server.script(At.DOT, Hang())
    waiting = asyncio.create_task(submit(account, tls_context, submission))
    await until(lambda: stream.closed)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting})
