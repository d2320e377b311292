"""A mailbox on the QQ-like server, over real TLS, with its habits one by one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import ssl
import threading
from typing import Any

import pytest

from custom_components.qq_mail.inbox import (
    client as client_module,
    link as link_module,
    mailbox as mailbox_module,
)
from custom_components.qq_mail.inbox.mailbox import Mailbox, async_check, poll_interval
from custom_components.qq_mail.inbox.models import Cursor, MailboxError
from custom_components.qq_mail.smtp.models import Account
from custom_components.qq_mail.smtp.replies import Cause
from tests.conftest import ADDRESS, CODE
from tests.qq_server import (
    Certificate,
    Close,
    Hang,
    ImapStep,
    QQServer,
    Raw,
    Tagged,
    replies,
)

from .conftest import Recorder, Watch
from .mails import PERSON, SECRET, answer, both

ANSWER = answer("1")


def put(server: QQServer, number: int = 1, **options: Any) -> None:
    """Put answers into the mailbox."""
    for _ in range(number):
        server.imap.put(ADDRESS, ANSWER, **options)


def idling(server: QQServer) -> Callable[[], bool]:
    """Return what tells whether a client waits by IDLE now."""
    return lambda: any(line.endswith(" IDLE") for line in server.imap.commands[-1:])


async def until(happened: Callable[[], object]) -> None:
    """Wait until something is so on the server's side."""
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0.001)


async def test_pushed(server: QQServer, watch: Watch, owner: Recorder) -> None:
    """An answer is seen as soon as the server tells of it, and nothing is marked."""
    owner.reads = True
    async with watch():
        await until(idling(server))
        put(server)
        assert await owner.mails(1) == [1]
        await until(idling(server))
        put(server)
        assert await owner.mails(2) == [1, 2]
    (head, _) = owner.heads
    assert (head.size, head.mail.sender) == (len(ANSWER), PERSON)
    assert head.mail.secrets == (SECRET,)
    assert owner.texts == ["1", "1"]
    assert [cursor.uid for cursor in owner.cursors] == [2, 3]
    assert owner.problems == [None]
    assert server.imap.flags(ADDRESS) == [set(), set()]
    verbs = {line.split()[1] for line in server.imap.commands if " " in line}
    assert verbs == {"LOGIN", "CAPABILITY", "EXAMINE", "UID", "IDLE"}
    fetches = [line for line in server.imap.commands if " UID " in line]
    assert all(".PEEK[" in line for line in fetches)
    examined = [line for line in server.imap.commands if "EXAMINE" in line]
    assert all(line.endswith(' "INBOX"') for line in examined)


async def test_nothing_tells_the_code(
    server: QQServer,
    watch: Watch,
    owner: Recorder,
    imap_account: Account,
    caplog: pytest.LogCaptureFixture,
    quick: None,
) -> None:
    """Not even a server that repeats it."""
    server.script(ImapStep.LOGIN, Tagged(f"NO {CODE} is wrong"))
    server.script(ImapStep.LOGIN, Raw(f"what is {CODE}\r\n".encode(), close=True))
    caplog.set_level("DEBUG")
    async with watch():
        await owner.until(lambda: None in owner.problems)
    said = [str(problem) for problem in owner.problems]
    assert said[0] == "login_refused: *** is wrong"
    assert CODE not in f"{said} {caplog.text} {imap_account!r}"


async def test_mail_that_comes_between(
    server: QQServer, watch: Watch, owner: Recorder
) -> None:
    """What came before the start, in several batches, is read first."""
    put(server, 45)
    async with watch():
        assert await owner.mails(45) == list(range(1, 46))
    assert [cursor.uid for cursor in owner.cursors] == [21, 41, 46]


@pytest.mark.parametrize(
    ("habit", "value"),
    [
        pytest.param("uid_step", 50, id="gaps"),
        pytest.param("exists_off_by", 2, id="EXISTS too high"),
        pytest.param("exists_off_by", -1, id="EXISTS too low"),
        pytest.param("search_lags", True, id="SEARCH lags"),
        pytest.param("exmail", True, id="Exmail"),
        pytest.param("tells_at_once", False, id="IDLE tells of later mail alone"),
    ],
)
async def test_habits_that_do_not_matter(
    server: QQServer, watch: Watch, owner: Recorder, habit: str, value: Any
) -> None:
    """Nothing is built on what QQ says wrongly."""
    setattr(server.imap.habits, habit, value)
    put(server, 2)
    async with watch():
        await owner.mails(2)
        await until(idling(server))
        put(server)
        await owner.mails(3)


async def test_polled(
    server: QQServer, watch: Watch, owner: Recorder, quick: None
) -> None:
    """Without IDLE the folder is examined anew."""
    server.imap.habits.offers_idle = False
    async with watch():
        await owner.until(lambda: owner.problems)
        put(server)
        assert await owner.mails(1) == [1]
    assert owner.logins == 1


def test_poll_intervals() -> None:
    """They grow where nothing comes, and not for ever."""
    assert [poll_interval(looks) for looks in (0, 39, 40, 80, 120, 10**6)] == (
        [15, 15, 30, 60, 60, 60]
    )


async def test_hurry(server: QQServer, watch: Watch, owner: Recorder) -> None:
    """Who has sent a mail that can be answered need not wait for the next poll."""
    server.imap.habits.offers_idle = False
    async with watch() as mailbox:
        await until(lambda: "EXAMINE" in "".join(server.imap.commands))
        put(server)
        mailbox.hurry()
        assert await owner.mails(1) == [1]


async def test_silent_idle(
    server: QQServer,
    watch: Watch,
    owner: Recorder,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where IDLE does not tell of mail twice, it is polled for."""
    monkeypatch.setattr(mailbox_module, "IDLE_ROUND", 0.01)
    monkeypatch.setattr(mailbox_module, "CHECKS", ())
    server.imap.habits.pushes = False
    async with watch():
        await until(idling(server))
        put(server)
        await owner.mails(1)
        put(server)
        await owner.mails(2)
        rounds = sum(" IDLE" in line for line in server.imap.commands)
        put(server)
        await owner.mails(3)
        assert sum(" IDLE" in line for line in server.imap.commands) == rounds


async def test_told_before_it_is_seen(
    server: QQServer, watch: Watch, owner: Recorder, quick: None
) -> None:
    """It is looked for again soon."""
    server.imap.habits.shows_news = False
    async with watch():
        await until(idling(server))
        put(server)
        server.imap.tell()
        await until(lambda: sum("EXAMINE" in x for x in server.imap.commands) >= 3)
        server.imap.habits.pushes = False
        server.imap.tell()
        server.imap.show()
        await until(lambda: "EXAMINE" in "".join(server.imap.commands[-3:]))
        server.imap.habits.pushes = True
        server.imap.tell()
        assert await owner.mails(1) == [1]


async def test_uid_without_a_mail(
    server: QQServer, watch: Watch, owner: Recorder, quick: None
) -> None:
    """It may come yet; what does not is a gap after some looks."""
    server.script(ImapStep.FETCH, Tagged("OK Mails not exist!"), times=3)
    put(server)
    async with watch():
        assert await owner.mails(1) == [1]
        server.script(ImapStep.FETCH, Tagged("OK Mails not exist!"), times=4)
        put(server)
        await owner.until(lambda: owner.cursors[-1].uid == 3)
    assert len(owner.heads) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"uid_validity": 5, "uid": 99}, id="UIDVALIDITY"),
        pytest.param({"account": "other@qq.com", "uid": 99}, id="account"),
        pytest.param(None, id="none"),
    ],
)
@pytest.mark.parametrize(("step", "found"), [(1, [4, 5]), (90, [360, 450]), (3000, [])])
async def test_cursor_that_means_nothing(
    server: QQServer,
    watch: Watch,
    owner: Recorder,
    cursor: Cursor,
    quick: None,
    other: dict[str, Any] | None,
    step: int,
    found: list[int],
) -> None:
    """Reading begins with mail that came since anything could be answered."""
    server.imap.habits.uid_step = step
    put(server, 3, received_at=datetime(2026, 1, 1, tzinfo=UTC))
    put(server, 2, received_at=owner.since - timedelta(minutes=30))
    kept = None if other is None else replace(cursor, **other)
    async with watch(cursor=kept):
        assert await owner.mails(len(found)) == found
        await until(idling(server))
        put(server)
        assert await owner.mails(len(found) + 1) == [*found, 6 * step]


async def test_beginning_without_dates(
    server: QQServer, watch: Watch, owner: Recorder
) -> None:
    """Where the server does not say when mail came, some of it is read."""
    server.imap.habits.fetches_size = False
    put(server, 3)
    owner.reads = True
    async with watch(cursor=None):
        assert await owner.mails(3) == [1, 2, 3]
    assert [head.size for head in owner.heads] == [0, 0, 0]
    assert owner.texts == ["1", "1", "1"]


async def test_uid_validity_that_changes(
    server: QQServer, watch: Watch, owner: Recorder
) -> None:
    """It is asked each time."""
    put(server, received_at=datetime(2026, 1, 1, tzinfo=UTC))
    async with watch():
        await owner.mails(1)
        await until(idling(server))
        server.imap.habits.uid_validity = 7
        put(server)
        assert await owner.mails(2) == [1, 2]
    assert owner.cursors[-1].uid_validity == 7


async def test_refused_logins(
    server: QQServer, watch: Watch, owner: Recorder, quick: None
) -> None:
    """Each is told, and the next comes after a rest, and after the owner was asked."""
    server.imap.habits.service_open = False
    owner.login_waits = [0.01, 0.01]
    async with watch():
        await owner.until(lambda: len(owner.problems) == 3)
        server.imap.habits.service_open = True
        await owner.until(lambda: owner.problems[-1] is None)
    refusals = owner.problems[:3]
    assert all(error and error.cause.of_login for error in refusals)
    assert {error.detail for error in refusals if error} == {
        str(replies.LOGIN_AMBIGUOUS.text)[:300]
    }
    assert owner.logins == server.imap.logins == len(owner.problems)


async def test_owner_does_not_allow_a_login(
    server: QQServer, watch: Watch, owner: Recorder
) -> None:
    """None is made, though a connection was."""
    owner.login_waits = [3600]
    async with watch():
        await owner.until(lambda: not owner.login_waits)
        await until(lambda: "LOGOUT" in "".join(server.imap.commands))
    assert server.imap.logins == 0


BUSY = Tagged("NO System busy!")
BAD = Raw(b"* BAD Command!\r\n")


@pytest.mark.parametrize(
    ("step", "action", "cause"),
    [
        pytest.param(
            ImapStep.GREETING, Raw(b"* BYE\r\n"), Cause.BAD_REPLY, id="greeting"
        ),
        pytest.param(
            ImapStep.GREETING, Close(), Cause.CONNECTION_LOST, id="no greeting"
        ),
        pytest.param(ImapStep.CONNECT, Raw(b"* OK\r\n"), Cause.TLS_FAILED, id="no TLS"),
        pytest.param(ImapStep.LOGIN, BUSY, Cause.TEMPORARY, id="busy at login"),
        pytest.param(ImapStep.LOGIN, Close(), Cause.CONNECTION_LOST, id="end at login"),
        pytest.param(
            ImapStep.CAPABILITY, Tagged("OK x"), Cause.BAD_REPLY, id="no list"
        ),
        pytest.param(ImapStep.EXAMINE, BAD, Cause.CONNECTION_LOST, id="untagged BAD"),
        pytest.param(ImapStep.EXAMINE, Tagged("BAD x"), Cause.BAD_REPLY, id="BAD"),
        pytest.param(
            ImapStep.EXAMINE, Tagged("OK x"), Cause.BAD_REPLY, id="no UIDNEXT"
        ),
        pytest.param(ImapStep.FETCH, Close(), Cause.CONNECTION_LOST, id="end at fetch"),
        pytest.param(
            ImapStep.FETCH,
            Raw(b"* 1 FETCH ({99999999}\r\n"),
            Cause.CONNECTION_LOST,
            id="huge literal",
        ),
        pytest.param(
            ImapStep.FETCH,
            Raw(b"* 1 FETCH (UID 1 X {2}\r\nab"),
            Cause.TIMED_OUT,
            id="half an answer",
        ),
        pytest.param(
            ImapStep.FETCH,
            Raw(b"* 1 X\r\n" * 100_000),
            Cause.CONNECTION_LOST,
            id="endless",
        ),
        pytest.param(ImapStep.IDLE, Close(), Cause.CONNECTION_LOST, id="end at IDLE"),
        pytest.param(
            ImapStep.IDLE, Tagged("OK x"), Cause.CONNECTION_LOST, id="no IDLE"
        ),
        pytest.param(ImapStep.DONE, Hang(), Cause.TIMED_OUT, id="silence"),
        pytest.param(
            ImapStep.CONNECT, Hang(), Cause.TIMED_OUT, id="silence before TLS"
        ),
        pytest.param(
            ImapStep.EXAMINE, Hang(), Cause.TIMED_OUT, id="silence at EXAMINE"
        ),
    ],
)
async def test_session_that_ends(
    server: QQServer,
    watch: Watch,
    owner: Recorder,
    imap_account: Account,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    step: ImapStep,
    action: Any,
    cause: Cause,
) -> None:
    """Another one takes its place, and nothing is lost."""
    monkeypatch.setattr(client_module, "MAX_ANSWER", 100_000)
    monkeypatch.setattr(link_module, "_LONG", 1)
    server.script(step, action)
    put(server)
    timeout = {Cause.TIMED_OUT: 0.5}.get(cause, 10)
    async with watch(replace(imap_account, timeout=timeout)):
        await owner.mails(1)
        await until(idling(server))
        put(server)
        assert await owner.mails(2) == [1, 2]
        await owner.until(lambda: any(owner.problems))
        await owner.until(lambda: owner.problems[-1] is None)
    assert next(error.cause for error in owner.problems if error) == cause


async def test_drop(
    server: QQServer, watch: Watch, owner: Recorder, quick: None
) -> None:
    """It ends while it is waited for, by what is no TLS, in the middle of a mail."""
    async with watch():
        await until(idling(server))
        server.imap.drop()
        await owner.until(lambda: owner.problems.count(None) == 2)
        await until(idling(server))
        server.imap.corrupt()
        await owner.until(lambda: owner.problems.count(None) == 3)
        await until(idling(server))
        server.imap.habits.breaks_literal_at = 10
        put(server)
        assert await owner.mails(1) == [1]


@pytest.mark.parametrize("step", [ImapStep.EXAMINE, ImapStep.FETCH, ImapStep.IDLE])
async def test_busy_server(
    server: QQServer, watch: Watch, owner: Recorder, quick: None, step: ImapStep
) -> None:
    """It is asked again, for a session costs a login; but not for ever."""
    server.script(step, BUSY, times=5)
    put(server)
    async with watch():
        assert await owner.mails(1) == [1]
        await until(idling(server))
    assert owner.logins == 1
    server.script(step, BUSY, times=6)
    put(server)
    async with watch(cursor=owner.cursors[-1]):
        await owner.until(lambda: owner.logins == 3)
    assert [error.cause for error in owner.problems if error] == [Cause.TEMPORARY]


async def test_owner_that_fails(
    server: QQServer,
    watch: Watch,
    owner: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged, and the next mail is read."""
    owner.fault = RuntimeError("of the owner")
    put(server)
    async with watch():
        await until(idling(server))
        owner.fault = None
        put(server)
        assert await owner.mails(1) == [2]
    assert "of the owner" in caplog.text


async def test_error_that_nobody_expected(
    server: QQServer,
    watch: Watch,
    owner: Recorder,
    caplog: pytest.LogCaptureFixture,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is logged, and another session is had after a while."""
    with monkeypatch.context() as patched:
        patched.setattr(owner, "may_log_in", lambda: 1 / 0)
        async with watch():
            await until(lambda: "ZeroDivisionError" in caplog.text)
            patched.undo()
            await owner.until(lambda: owner.problems == [None])


async def test_error_after_the_login(
    server: QQServer,
    watch: Watch,
    owner: Recorder,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does the next session begin at once then: it costs another login."""
    rest, slept, sleep = 0.0125, list[float](), asyncio.sleep

    async def noted(seconds: float) -> None:
        slept.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(mailbox_module, "LAST_RETRY", rest)
    monkeypatch.setattr(asyncio, "sleep", noted)
    monkeypatch.setattr(owner, "wanted_since", lambda: 1 / 0)
    async with watch(cursor=None):
        await owner.until(lambda: owner.logins == 2)
    assert rest in slept


async def test_mail_that_ends_every_session(
    server: QQServer, watch: Watch, owner: Recorder, quick: None
) -> None:
    """It is tried twice, and then those behind it have their turn."""
    server.script(ImapStep.FETCH, Close(), times=2, match="(UID BODY.PEEK[])")
    put(server, 2)
    owner.reads = True
    async with watch():
        await owner.mails(2)
    assert owner.texts == [None, "1"]


async def test_mail_that_is_gone(
    server: QQServer, watch: Watch, owner: Recorder
) -> None:
    """Somebody has deleted it meanwhile."""
    server.script(
        ImapStep.FETCH, Tagged("OK Mails not exist!"), match="(UID BODY.PEEK[])"
    )
    put(server)
    owner.reads = True
    async with watch():
        await owner.mails(1)
    assert owner.texts == [None]


async def test_large_mails(
    server: QQServer,
    watch: Watch,
    owner: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a large one the beginning is read, and a huge one is left alone."""
    large = both("1", "x" * 200_000)
    monkeypatch.setattr(client_module, "MAX_KEPT", 1000)
    monkeypatch.setattr(link_module, "MAX_KEPT", 1000)
    monkeypatch.setattr(link_module, "MAX_MAIL", 300_000)
    server.imap.put(ADDRESS, large)
    server.imap.put(ADDRESS, large + b"x" * 200_000)
    put(server)
    owner.reads = True
    async with watch():
        await owner.mails(3)
    assert owner.texts == ["1", None, "1"]


async def test_unasked_for(server: QQServer, watch: Watch, owner: Recorder) -> None:
    """Flags that others set, a UID behind its literal, and other mails' data."""
    header = ANSWER.partition(b"\r\n\r\n")[0]
    said = b"BODY[HEADER] {%d}\r\n%b" % (len(header), header)
    data = (
        b"* 1 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (UID 1 FLAGS ())\r\n"
        b'* 1 FETCH (INTERNALDATE "x" ' + said + b" UID 1)\r\n"
        b"* 9 FETCH (UID 9 " + said + b")\r\n"
    )
    server.script(ImapStep.FETCH, Tagged("OK done", data))
    put(server)
    async with watch():
        assert await owner.mails(1) == [1]
    assert owner.heads[0].mail.secrets == (SECRET,)


@pytest.mark.parametrize(
    ("step", "command"),
    [
        (ImapStep.CONNECT, ""),
        (ImapStep.GREETING, ""),
        (ImapStep.LOGIN, "LOGIN"),
        (ImapStep.EXAMINE, "EXAMINE"),
        (ImapStep.FETCH, "FETCH"),
        (ImapStep.IDLE, "IDLE"),
        (ImapStep.DONE, "DONE"),
    ],
)
async def test_cancelled_at_any_point(
    server: QQServer,
    watch: Watch,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    step: ImapStep,
    command: str,
) -> None:
    """Watching ends at once, wherever it is, and so does its connection."""
    monkeypatch.setattr(mailbox_module, "IDLE_ROUND", 0.01)
    server.script(step, Hang())
    put(server)
    async with watch():
        await until(lambda: server.imap.open)
        await until(lambda: command in "".join(server.imap.commands[-1:]))
    await until(lambda: not server.imap.open)


async def test_cancelled_twice(
    server: QQServer,
    imap_account: Account,
    tls_context: ssl.SSLContext,
    owner: Recorder,
    cursor: Cursor,
) -> None:
    """Its thread ends with it also where nobody lets it leave in peace."""
    server.script(ImapStep.EXAMINE, Hang())
    mailbox = Mailbox(imap_account, tls_context, owner, cursor)
    task = asyncio.create_task(mailbox.run())
    await until(lambda: "EXAMINE" in "".join(server.imap.commands[-1:]))
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait([task])
    assert not any("IMAP" in thread.name for thread in threading.enumerate())


async def test_check(
    server: QQServer, imap_account: Account, tls_context: ssl.SSLContext
) -> None:
    """The options log in, and learn where reading begins."""
    put(server, 3)
    assert await async_check(imap_account, tls_context) == Cursor(
        ADDRESS, server.imap.habits.uid_validity, 4
    )
    await until(lambda: not server.imap.open)
    with pytest.raises(MailboxError, match=r"^login_refused"):
        await async_check(replace(imap_account, password="x"), tls_context)


@pytest.mark.parametrize(
    ("change", "certificate", "cause"),
    [
        pytest.param(
            {}, Certificate.UNTRUSTED, Cause.CERTIFICATE_UNTRUSTED, id="untrusted"
        ),
        pytest.param({}, Certificate.WRONG_NAME, Cause.CERTIFICATE_NAME, id="name"),
        pytest.param(
            {}, Certificate.EXPIRED, Cause.CERTIFICATE_UNTRUSTED, id="expired"
        ),
        pytest.param(
            {"port": 1}, Certificate.VALID, Cause.CONNECTION_REFUSED, id="port"
        ),
        pytest.param(
            {"username": "水"}, Certificate.VALID, Cause.BAD_REPLY, id="name of letters"
        ),
    ],
)
async def test_check_that_fails(
    server: QQServer,
    imap_account: Account,
    tls_context: ssl.SSLContext,
    change: dict[str, Any],
    certificate: Certificate,
    cause: Cause,
) -> None:
    """In the same words as for SMTP."""
    server.present(certificate)
    with pytest.raises(MailboxError) as failed:
        await async_check(replace(imap_account, **change), tls_context)
    assert failed.value.cause == cause
    assert server.imap.logins == 0
