"""Flights of commands with a server of others' making: a real Postfix."""

from collections.abc import AsyncGenerator
from dataclasses import replace
import os
from pathlib import Path

import pytest

from custom_components.qq_mail.smtp.errors import RecipientsRefusedError
from custom_components.qq_mail.smtp.models import Account, Encryption, Submission
from custom_components.qq_mail.smtp.session import SubmissionSession

from .postfix import ACCOUNT, CODE, PEOPLE, Postfix, Running, logins

MESSAGE = Path(__file__).parents[1] / "smtp" / "message.eml"
SUBMISSION = Submission(
    ACCOUNT, PEOPLE, lambda: MESSAGE.open("rb"), MESSAGE.stat().st_size
)
NOBODY = "nobody@example.com"


@pytest.fixture
async def postfix(socket_enabled: None) -> AsyncGenerator[Postfix]:
    """Run a Postfix; where there is none, only a machine that tests for all minds."""
    if not Postfix.is_here() and not os.environ.get("CI"):
        pytest.skip(
            "Postfix is not installed, or this is not root: see scripts/postfix"
        )
    async with logins() as login, Running(login) as running:
        yield running


@pytest.fixture
async def session(postfix: Postfix) -> AsyncGenerator[SubmissionSession]:
    """Log in."""
    account = Account(
        username=ACCOUNT,
        password=CODE,
        host="127.0.0.1",
        port=postfix.port,
        encryption=Encryption.TLS,
        timeout=10,
    )
    async with SubmissionSession(account, postfix.tls_context) as opened:
        assert any("PIPELINING" in line for line in opened.transcript.lines)
        yield opened
    assert "improper command pipelining" not in postfix.log


async def nothing() -> None:
    """Have nothing to do before the text."""


def to(*people: str) -> Submission:
    """Return the message to these."""
    return replace(SUBMISSION, recipients=people)


async def test_one_flight(postfix: Postfix, session: SubmissionSession) -> None:
    """MAIL, two RCPT and DATA at once."""
    result = await session.submit(SUBMISSION, nothing)
    assert result.accepted == PEOPLE
    for person in PEOPLE:
        (mail,) = await postfix.mails(person, 1)
        assert mail.endswith("\n\nHello\n.dot\n")


async def test_one_of_two_is_refused(
    postfix: Postfix, session: SubmissionSession
) -> None:
    """The other one gets it."""
    result = await session.submit(to(NOBODY, PEOPLE[0]), nothing)
    assert result.accepted == PEOPLE[:1]
    assert result.refused[NOBODY].code == 550
    assert len(await postfix.mails(PEOPLE[0], 1)) == 1


async def test_all_are_refused(postfix: Postfix, session: SubmissionSession) -> None:
    """Nobody gets anything, and the next message goes over the same session."""
    nobody = to(NOBODY, "no-one@example.com")
    await session.submit(to(PEOPLE[0]), nothing)
    with pytest.raises(RecipientsRefusedError) as refused:
        await session.submit(nobody, nothing)
    assert len(refused.value.refused) == 2
    await session.submit(to(PEOPLE[1]), nothing)
    for person in PEOPLE:
        assert len(await postfix.mails(person, 1)) == 1
