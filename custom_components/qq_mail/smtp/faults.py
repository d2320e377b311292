"""What the library's, TLS's and the system's errors mean: a MailError for each."""

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
# aiosmtplib's code for an answer that is not SMTP, or much too long.
_INVALID_RESPONSE = -1
# X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_CERTIFICATE_NAME_ERRORS = (62, 64)


@contextmanager
def translated(step: Step) -> Generator[None]:
    """Turn every aiosmtplib, ssl and OS error into a MailError."""
    try:
        yield
    except SMTPResponseException as err:
        raise _refusal(read_reply(err.code, err.message), step) from err
    except (SMTPException, OSError, UnicodeError) as err:
        cause, detail = _fault(err)
        if step is Step.AUTH and cause is Cause.CONNECTION_LOST and _was_closed(err):
            # QQ hides a refused login so.
            raise AuthenticationError(Cause.LOGIN_CLOSED, step) from err
        raise SessionError(cause, step, detail=detail) from err


def _refusal(reply: Reply, step: Step) -> MailError:
    """Say what a refusing reply means at this step, up to the login."""
    if reply.code == _INVALID_RESPONSE:
        cause = Cause.NOT_SMTP if step.before_login else Cause.BAD_REPLY
        return SessionError(cause, step, detail=reply.text)
    cause = diagnose(reply, step)
    if step is Step.AUTH:
        return AuthenticationError(cause, step, reply)
    return SessionError(cause, step, reply)


def _fault(err: Exception) -> tuple[Cause, str]:
    """Tell causes apart by the exceptions of aiosmtplib, ssl and the system."""
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
    # A host with several addresses: asyncio merges what each of them said.
    if f"[Errno {errno.ECONNREFUSED}]" in str(err):
        return Cause.CONNECTION_REFUSED, str(err)
    return Cause.UNREACHABLE, str(err)


def _was_closed(err: Exception) -> bool:
    """Tell a connection that was closed in good order from one that broke.

    aiosmtplib keeps the system's error as the cause, where there was one. A broken
    pipe is none of the network: the other side had closed before we wrote.
    """
    return isinstance(err.__cause__ or err, SMTPServerDisconnected | BrokenPipeError)


def read_reply(code: int, text: str) -> Reply:
    """Clean a reply: QQ's oldest texts are GBK, and a server may send anything."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("gb18030", "replace")
    return Reply(code, one_line(text)[:_REPLY_MAX_CHARS])
