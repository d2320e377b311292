"""The way of a message from this house to QQ's server."""

import asyncio
from collections.abc import Callable
from datetime import datetime
import ssl

from homeassistant.util import dt as dt_util

from .const import LOGGER, LOGIN_PAUSE
from .mail.diagnosis import Treatment
from .mail.exceptions import AuthenticationError
from .mail.models import Account, Submission, SubmissionResult
from .mail.session import SubmissionSession


class Outbox:
    """Submits the messages of one account, one after the other.

    It alone owns a session, and knows when the next login is due.
    """

    def __init__(
        self,
        account: Account,
        tls_context: ssl.SSLContext,
        request_new_code: Callable[[], None],
    ) -> None:
        """Prepare; the server is first contacted for the first message."""
        self.account = account
        self._tls_context = tls_context
        self._request_new_code = request_new_code
        self._lock = asyncio.Lock()
        self._refused_login: AuthenticationError | None = None
        self._no_login_before: datetime | None = None

    async def submit(self, submission: Submission) -> SubmissionResult:
        """Submit a message now. Raises MailError where it was not accepted."""
        async with self._lock:
            self._check_login_pause()
            try:
                async with SubmissionSession(
                    self.account, self._tls_context
                ) as session:
                    result = await session.submit(submission)
            except AuthenticationError as err:
                self._note_refused_login(err)
                raise
            self._refused_login = None
            return result

    def _check_login_pause(self) -> None:
        """Spare QQ a login that would only prolong the refusal."""
        refused, due = self._refused_login, self._no_login_before
        if refused and due and dt_util.utcnow() < due:
            raise AuthenticationError(*refused.args)

    def _note_refused_login(self, err: AuthenticationError) -> None:
        """Log in again later; ask for a new code as soon as it is certain."""
        again = self._refused_login is not None
        match err.cause.treatment:
            case Treatment.NEW_CODE:
                new_code = True
            case Treatment.LOGIN_LATER:
                new_code = again
            case _:
                return
        self._refused_login = err
        self._no_login_before = dt_util.utcnow() + LOGIN_PAUSE
        LOGGER.debug("No login before %s: %s", self._no_login_before, err)
        if new_code:
            self._request_new_code()
