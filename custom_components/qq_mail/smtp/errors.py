"""Why a message could not be submitted. Texts for users are made elsewhere."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
import errno
import socket
import ssl
from typing import override

from aiosmtplib import (
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from .models import Reply, Step
from .replies import Cause, diagnose, read_reply

# aiosmtplib's code for what is no SMTP reply, or much too long.
_INVALID_RESPONSE = -1
# Rather than by the network: a broken pipe means that it had closed before we wrote.
_CLOSED_BY_SERVER = (SMTPServerDisconnected, BrokenPipeError)
# X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_CERTIFICATE_NAME_ERRORS = (62, 64)

# The server closes the connection, or disagrees on the session's state: a command that
# it does not have, bad sequence, login or encryption wanted (RFC 5321 section 4.2.3, RFC 4954
# section 6).
_SESSION_CODES = (421, 502, 503, 530)


class MailError(Exception):
    """A message was not accepted: the base of all errors of a session."""

    def __init__(
        self,
        cause: Cause,
        step: Step,
        reply: Reply | None = None,
        detail: str = "",
        refused: Mapping[str, Reply] | None = None,
    ) -> None:
        super().__init__(cause, step, reply, detail)
        self.cause = cause
        self.step = step
        self.reply = reply
        self.detail = detail
        """A technical addition in English, such as what is wrong with a certificate."""
        self.refused = refused or {}
        """The reply to each recipient that was refused before the transaction ended."""

    @property
    def speaks_of_session(self) -> bool:
        """Whether it says something of the session, and nothing of the message."""
        return False

    @override
    def __str__(self) -> str:
        said = self.reply or self.detail
        return f"{self.cause} at {self.step}" + (f": {said}" if said else "")


class SessionError(MailError):
    """There is no session, or it broke; the message was not judged.

    At Step.AUTH it may be a refused login, which `cause.of_login` tells.
    """

    @property
    @override
    def speaks_of_session(self) -> bool:
        """Whether the session was logged in, and broke in a mail transaction."""
        return self.step.in_transaction


class MessageRefusedError(MailError):
    """The server refused the message, for now or for good."""

    reply: Reply
    """There always is one."""

    @property
    @override
    def speaks_of_session(self) -> bool:
        """Whether the reply's code is about the session, whichever command it answers."""
        return self.reply.code in _SESSION_CODES


class RecipientsRefusedError(MessageRefusedError):
    """The server refused every recipient; `reply` is the first of their replies."""


class OutcomeUnknownError(MailError):
    """No reply to the final dot came: the server may have the message or not."""


@contextmanager
def translated(step: Step) -> Generator[None]:
    """Turn every error of aiosmtplib, TLS and the system at a step into a MailError."""
    try:
        yield
    except SMTPResponseException as err:
        reply = read_reply(err.code, err.message)
        if reply.code != _INVALID_RESPONSE:
            raise SessionError(diagnose(reply, step), step, reply) from err
        cause = Cause.NOT_SMTP if step.before_login else Cause.BAD_REPLY
        raise SessionError(cause, step, detail=reply.text) from err
    except (SMTPException, OSError, UnicodeError) as err:
        cause, detail = _fault(err)
        # aiosmtplib keeps the system's error as the cause, where there was one.
        reason = err.__cause__ or err
        if step is Step.AUTH and isinstance(reason, _CLOSED_BY_SERVER):
            # This is how QQ refuses a login without a reply.
            cause, detail = Cause.LOGIN_CLOSED, ""
        raise SessionError(cause, step, detail=detail) from err


def _fault(err: Exception) -> tuple[Cause, str]:
    """Return the cause of an exception, and a technical addition."""
    if isinstance(err, SMTPConnectError) and isinstance(err.__cause__, Exception):
        # aiosmtplib wraps what went wrong while connecting.
        err = err.__cause__
    match err:
        case ssl.SSLCertVerificationError():
            if err.verify_code in _CERTIFICATE_NAME_ERRORS:
                return Cause.CERTIFICATE_NAME, err.verify_message
            return Cause.CERTIFICATE_UNTRUSTED, err.verify_message
        case ssl.SSLError():
            return Cause.TLS_FAILED, err.reason or str(err)
        case socket.gaierror() | UnicodeError():
            return Cause.HOST_NOT_FOUND, str(err)
        # asyncio aborts a TLS handshake only when its time is up.
        case TimeoutError() | ConnectionAbortedError():
            return Cause.TIMED_OUT, str(err)
        case ConnectionRefusedError():
            return Cause.CONNECTION_REFUSED, str(err)
        case ConnectionError():
            return Cause.CONNECTION_LOST, str(err)
    # Of a host with several addresses: what happened at each, in one text.
    if f"[Errno {errno.ECONNREFUSED}]" in str(err):
        return Cause.CONNECTION_REFUSED, str(err)
    return Cause.UNREACHABLE, str(err)
