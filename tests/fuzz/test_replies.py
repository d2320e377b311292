"""A hostile server: whatever it answers, a session ends as its callers expect."""

import asyncio
from dataclasses import replace
from pathlib import Path
import ssl

from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.smtp import (
    connecting,
    session as session_module,
    transaction as transaction_module,
)
from custom_components.qq_mail.smtp.errors import MailError
from custom_components.qq_mail.smtp.models import (
    Account,
    Reply,
    Step,
    Submission,
    SubmissionResult,
)
from custom_components.qq_mail.smtp.replies import (
    Cause,
    Treatment,
    diagnose,
    read_reply,
)
from custom_components.qq_mail.smtp.session import SubmissionSession
from tests.conftest import ADDRESS
from tests.qq_server import QQServer, Raw, Step as At

from .conftest import fuzz

MESSAGE = Path(__file__).parents[1] / "smtp" / "message.eml"
TIMEOUT = 0.2
"""Seconds for each answer."""
LONGEST = 60.0
"""Seconds for a session: some steps, and the probes of a port."""
REPLY_MAX_CHARS = 500

CODES = st.one_of(
    st.sampled_from([b"220", b"235", b"250", b"334", b"354", b"421", b"535", b"550"]),
    st.integers(-9, 99999).map(lambda code: str(code).encode()),
    st.binary(max_size=4),
)
TEXTS = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(max_size=40).map(lambda text: text.encode("gb18030", "replace")),
    st.integers(0, 200_000).map(lambda size: b"x" * size),
)
LINES = st.tuples(
    CODES,
    st.sampled_from([b" ", b"-", b"", b"\t", b"\0"]),
    TEXTS,
    st.sampled_from([b"\r\n", b"\n", b"\r", b""]),
).map(b"".join)
ANSWERS = st.one_of(st.binary(max_size=200), st.lists(LINES, max_size=6).map(b"".join))


async def nothing() -> None:
    """Have nothing to do before the text."""


async def outcome(
    account: Account, tls_context: ssl.SSLContext
) -> SubmissionResult | MailError:
    """Submit a message; return what came of it. Any other exception is a fault."""
    submission = Submission(
        ADDRESS,
        ("a@example.com", "b@example.com"),
        lambda: MESSAGE.open("rb"),
        MESSAGE.stat().st_size,
    )
    async with asyncio.timeout(LONGEST):
        try:
            async with SubmissionSession(account, tls_context) as session:
                return await session.submit(submission, nothing)
        except MailError as err:
            return err


def readable(reply: Reply | None) -> bool:
    """Tell whether a reply may be shown: one printable line, not too long."""
    text = reply.text if reply else ""
    return text.isprintable() and len(text) <= REPLY_MAX_CHARS


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for a server that is silent."""
    monkeypatch.setattr(connecting, "PROBE_TIMEOUT", 0.1)
    monkeypatch.setattr(session_module, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", TIMEOUT)


@pytest.mark.parametrize("account_name", ["account", "starttls_account"])
@fuzz(12)
@given(
    answers=st.dictionaries(
        st.sampled_from(At), st.builds(Raw, ANSWERS, st.booleans()), min_size=1
    )
)
async def test_session(
    server: QQServer,
    request: pytest.FixtureRequest,
    tls_context: ssl.SSLContext,
    account_name: str,
    answers: dict[At, Raw],
) -> None:
    """A session ends in time, with a result or with a MailError that can be shown."""
    account: Account = request.getfixturevalue(account_name)
    server.reset()
    for step, answer in answers.items():
        server.script(step, answer, times=None)
    result = await outcome(replace(account, timeout=TIMEOUT), tls_context)
    assert readable(result.reply), result


@fuzz(200)
@given(code=st.integers(), text=st.text(), step=st.sampled_from(Step))
def test_diagnosis(code: int, text: str, step: Step) -> None:
    """Any code and any text has a cause, and that a treatment."""
    cause = diagnose(Reply(code, text), step)
    assert cause in Cause
    assert cause.treatment in Treatment


@fuzz(200)
@given(
    code=st.integers(),
    octets=st.one_of(st.binary(max_size=3000), TEXTS),
    handler=st.sampled_from(["surrogateescape", "replace"]),
)
def test_cleaned(code: int, octets: bytes, handler: str) -> None:
    """Any octets become one printable line, however they were decoded."""
    reply = read_reply(code, octets.decode("utf-8", handler))
    assert readable(reply)
    assert reply.code == code
