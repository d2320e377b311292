"""A message, and what every test of a session does with it."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
import ssl

from custom_components.qq_mail.smtp.models import Account, Submission, SubmissionResult
from custom_components.qq_mail.smtp.session import SubmissionSession
from tests.conftest import ADDRESS

FRIENDS = ("a@example.com", "b@example.com", "c@example.com")


MESSAGE = Path(__file__).with_name("message.eml")


WIRE = MESSAGE.read_bytes()


SUBMISSION = Submission(ADDRESS, FRIENDS, lambda: BytesIO(WIRE), len(WIRE))


async def nothing() -> None:
    """Have nothing to do before the text."""


async def submit(
    account: Account, tls_context: ssl.SSLContext, submission: Submission = SUBMISSION
) -> SubmissionResult:
    """Submit one message over a session of its own."""
    async with SubmissionSession(account, tls_context) as session:
        return await session.submit(submission, nothing)


async def until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0)
