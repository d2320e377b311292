"""From the server's reply to a cause, and from the cause to its treatment.

QQ sends no enhanced status codes, so a reply is judged by its three digits and
its text, in the order of the table below.
"""

from enum import StrEnum
import re

from .models import Reply, Step


class Treatment(StrEnum):
    """What has to happen before a message can be accepted."""

    RETRY = "retry"
    """Nothing: it may work later."""
    PAUSE = "pause"
    """The account must rest: each further attempt prolongs the refusal."""
    LOGIN_LATER = "login_later"
    """One more login after a while; refused again, a new code is needed."""
    NEW_CODE = "new_code"
    """The user must give a new authorization code."""
    REJECT_MESSAGE = "reject_message"
    """It never will: this message is refused for good."""
    REJECT_RECIPIENT = "reject_recipient"
    """It never will for this recipient; others are not concerned."""


class Cause(StrEnum):
    """Why a message was not accepted; each is a key in the translations."""

    # Finding and trusting the server
    HOST_NOT_FOUND = "host_not_found"
    CONNECTION_REFUSED = "connection_refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    STARTTLS_PORT = "starttls_port"
    TLS_PORT = "tls_port"
    NO_STARTTLS = "no_starttls"
    CERTIFICATE_NAME = "certificate_name"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    TLS_FAILED = "tls_failed"
    NOT_SMTP = "not_smtp"
    BAD_REPLY = "bad_reply"
    # Logging in
    NO_LOGIN = "no_login"
    LOGIN_AMBIGUOUS = "login_ambiguous"
    LOGIN_CLOSED = "login_closed"
    LOGIN_NEEDS_CODE = "login_needs_code"
    LOGIN_AT_EXMAIL = "login_at_exmail"
    LOGIN_REFUSED = "login_refused"
    # Submitting
    RATE_LIMIT = "rate_limit"
    SENDER_MISMATCH = "sender_mismatch"
    INVALID_INPUT = "invalid_input"
    BAD_SEQUENCE = "bad_sequence"
    TLS_REQUIRED = "tls_required"
    FROM_HEADER = "from_header"
    CONTENT = "content"
    POLICY = "policy"
    RECIPIENT = "recipient"
    TOO_LARGE = "too_large"
    TEMPORARY = "temporary"
    REFUSED = "refused"
    OUTCOME_UNKNOWN = "outcome_unknown"

    @property
    def treatment(self) -> Treatment:
        """What has to happen before a message can be accepted."""
        return _TREATMENTS.get(self, Treatment.RETRY)


_TREATMENTS = {
    Cause.LOGIN_AMBIGUOUS: Treatment.LOGIN_LATER,
    Cause.LOGIN_CLOSED: Treatment.LOGIN_LATER,
    Cause.LOGIN_REFUSED: Treatment.LOGIN_LATER,
    Cause.LOGIN_NEEDS_CODE: Treatment.NEW_CODE,
    Cause.LOGIN_AT_EXMAIL: Treatment.NEW_CODE,
    Cause.RATE_LIMIT: Treatment.PAUSE,
    Cause.SENDER_MISMATCH: Treatment.REJECT_MESSAGE,
    Cause.INVALID_INPUT: Treatment.REJECT_MESSAGE,
    Cause.BAD_SEQUENCE: Treatment.REJECT_MESSAGE,
    Cause.TLS_REQUIRED: Treatment.REJECT_MESSAGE,
    Cause.FROM_HEADER: Treatment.REJECT_MESSAGE,
    Cause.CONTENT: Treatment.REJECT_MESSAGE,
    Cause.POLICY: Treatment.REJECT_MESSAGE,
    Cause.RECIPIENT: Treatment.REJECT_RECIPIENT,
    Cause.TOO_LARGE: Treatment.REJECT_MESSAGE,
    Cause.REFUSED: Treatment.REJECT_MESSAGE,
}

# The account's limits come as 5yz, but are over after some hours. (The ambiguous
# 535 speaks of "login frequency limited" among its causes: not meant here.)
_RATE_LIMIT = re.compile(
    r"too many attempts|(connection|ip|domain|sender) frequency limited", re.IGNORECASE
)

_LOGIN = (
    (r"authorization code|授权码", Cause.LOGIN_NEEDS_CODE),
    # Exmail alone says this; there the code is a client-specific password.
    (r"authentication failed, system busy", Cause.LOGIN_AT_EXMAIL),
)
_LOGIN_REFUSED_CODE = 535

_SUBMISSION = (
    (
        # The others are Postfix's words, which it says only when it hears of recipients.
        r"^501 mail from address must be same|sender address rejected|not owned by user",
        Cause.SENDER_MISMATCH,
    ),
    (r"secure connection is requ", Cause.TLS_REQUIRED),
    (r'"from" header is missing or invalid', Cause.FROM_HEADER),
    (
        r"inappropriate words or content|content rejected|mail content denied",
        Cause.CONTENT,
    ),
    (
        r"suspected spam|spf check failed|dmarc check failed|connection denied",
        Cause.POLICY,
    ),
    (
        r"mailbox not found|mailbox unavailable|rejected by recipients",
        Cause.RECIPIENT,
    ),
    (r"^552 |message too large", Cause.TOO_LARGE),
    (r"^502 ", Cause.INVALID_INPUT),
    (r"^503 ", Cause.BAD_SEQUENCE),
)


def diagnose(reply: Reply, step: Step) -> Cause:
    """Tell the cause of a refusing reply by what is known of QQ's servers.

    What QQ never sent is judged by RFC 5321 section 4.2.1: 4yz is transient, 5yz
    is permanent. See also https://help.mail.qq.com/detail/108/1023 (login) and
    https://service.mail.qq.com/detail/122 (refusals).
    """
    if _RATE_LIMIT.search(reply.text):
        return Cause.RATE_LIMIT
    if not reply.permanent:
        return Cause.TEMPORARY
    if step is Step.AUTH:
        return _match(_LOGIN, reply) or (
            Cause.LOGIN_AMBIGUOUS
            if reply.code == _LOGIN_REFUSED_CODE
            else Cause.LOGIN_REFUSED
        )
    if step.before_login:
        # A message must not be lost by what is said before it is known.
        return Cause.TEMPORARY
    return _match(_SUBMISSION, reply) or (
        Cause.RECIPIENT if step is Step.RCPT else Cause.REFUSED
    )


def _match(table: tuple[tuple[str, Cause], ...], reply: Reply) -> Cause | None:
    for pattern, cause in table:
        if re.search(pattern, str(reply), re.IGNORECASE):
            return cause
    return None
