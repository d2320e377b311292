"""Turns the errors of aiosmtplib, TLS and the system into MailErrors."""

from collections.abc import Generator
from contextlib import contextmanager
import errno
import socket
import ssl

from aiosmtplib import (
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from ..mime.address import one_line
from .errors import AuthenticationError, MailError, SessionError
from .models import Reply, Step
from .replies import Cause, diagnose

_REPLY_MAX_CHARS = 500
# aiosmtplib's code for what is no SMTP reply, or much too long.
_INVALID_RESPONSE = -1
# X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_CERTIFICATE_NAME_ERRORS = (62, 64)


@contextmanager
def translated(step: Step) -> Generator[None]:
    """Turn every error of aiosmtplib, TLS and the system at a step into a MailError."""
    try:
        yield
    except SMTPResponseException as err:
        raise _refusal(read_reply(err.code, err.message), step) from err
    except (SMTPException, OSError, UnicodeError) as err:
        cause, detail = _fault(err)
        if step is Step.AUTH and cause is Cause.CONNECTION_LOST and _was_closed(err):
            # This is how QQ refuses a login without a reply.
            raise AuthenticationError(Cause.LOGIN_CLOSED, step) from err
        raise SessionError(cause, step, detail=detail) from err


def _refusal(reply: Reply, step: Step) -> MailError:
    """Return the error for a refusing reply, at a step up to the login."""
    if reply.code == _INVALID_RESPONSE:
        cause = Cause.NOT_SMTP if step.before_login else Cause.BAD_REPLY
        return SessionError(cause, step, detail=reply.text)
    cause = diagnose(reply, step)
    if step is Step.AUTH:
        return AuthenticationError(cause, step, reply)
    return SessionError(cause, step, reply)


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


def _was_closed(err: Exception) -> bool:
    """Return whether the server closed the connection, rather than the network.

    aiosmtplib keeps the system's error as the cause, where there was one. A broken
    pipe means that the server had closed before we wrote.
    """
    return isinstance(err.__cause__ or err, SMTPServerDisconnected | BrokenPipeError)


def read_reply(code: int, text: str) -> Reply:
    """Return a reply as one printable line of at most 500 characters.

    QQ's oldest texts are GBK, and a server may send anything.
    """
    raw = text.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("gb18030", "replace")
    return Reply(code, one_line(text)[:_REPLY_MAX_CHARS])
