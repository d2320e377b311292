"""From the server's reply to a cause, and what each cause means.

QQ sends no enhanced status codes, so a reply is judged by its three digits and its
text, at the step where it came. A new reply is one row in RULES, and one in Cause if
nothing there says what it means.
"""

from enum import StrEnum
import re
from typing import Final, NamedTuple, Self

from ..mime.address import one_line
from .models import Reply, Step

_REPLY_MAX_CHARS: Final = 500


class Treatment(StrEnum):
    """What has to happen before a message can be accepted."""

    RETRY = "retry"
    """Nothing: the same may succeed later."""
    PAUSE = "pause"
    """The account must pause: each further attempt prolongs the refusal."""
    LOGIN_LATER = "login_later"
    """One more login after a while; if that is refused too, a new code is needed."""
    NEW_CODE = "new_code"
    """A person must give a new authorization code."""
    REJECT_MESSAGE = "reject_message"
    """Nothing helps: the message is refused for good."""
    REJECT_RECIPIENT = "reject_recipient"
    """Nothing helps for this recipient; the others are not concerned."""


class Cause(StrEnum):
    """Why a message was not accepted; each is a key in the translations.

    A row: the key, the treatment, and the field of the account's form that a person has
    to correct (named as in Account), if it is one.
    """

    treatment: Treatment
    field: str

    def __new__(
        cls, key: str, treatment: Treatment = Treatment.RETRY, field: str = ""
    ) -> Self:
        """Make a row; the key alone is the value."""
        cause = str.__new__(cls, key)
        cause._value_ = key
        cause.treatment = treatment
        cause.field = field
        return cause

    # Finding and trusting the server
    HOST_NOT_FOUND = "host_not_found", Treatment.RETRY, "host"
    CONNECTION_REFUSED = "connection_refused", Treatment.RETRY, "port"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    STARTTLS_PORT = "starttls_port", Treatment.RETRY, "encryption"
    TLS_PORT = "tls_port", Treatment.RETRY, "encryption"
    NO_STARTTLS = "no_starttls", Treatment.RETRY, "encryption"
    CERTIFICATE_NAME = "certificate_name", Treatment.RETRY, "host"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted", Treatment.RETRY, "host"
    TLS_FAILED = "tls_failed"
    NOT_SMTP = "not_smtp", Treatment.RETRY, "port"
    BAD_REPLY = "bad_reply"
    # Logging in
    NO_LOGIN = "no_login", Treatment.RETRY, "host"
    LOGIN_AMBIGUOUS = "login_ambiguous", Treatment.LOGIN_LATER, "password"
    LOGIN_CLOSED = "login_closed", Treatment.LOGIN_LATER, "password"
    LOGIN_NEEDS_CODE = "login_needs_code", Treatment.NEW_CODE, "password"
    LOGIN_AT_EXMAIL = "login_at_exmail", Treatment.NEW_CODE, "password"
    LOGIN_REFUSED = "login_refused", Treatment.LOGIN_LATER, "password"
    # Submitting
    RATE_LIMIT = "rate_limit", Treatment.PAUSE
    SENDER_MISMATCH = "sender_mismatch", Treatment.REJECT_MESSAGE, "username"
    INVALID_INPUT = "invalid_input", Treatment.REJECT_MESSAGE
    BAD_SEQUENCE = "bad_sequence", Treatment.REJECT_MESSAGE
    TLS_REQUIRED = "tls_required", Treatment.REJECT_MESSAGE
    FROM_HEADER = "from_header", Treatment.REJECT_MESSAGE
    CONTENT = "content", Treatment.REJECT_MESSAGE
    POLICY = "policy", Treatment.REJECT_MESSAGE
    RECIPIENT = "recipient", Treatment.REJECT_RECIPIENT
    TOO_LARGE = "too_large", Treatment.REJECT_MESSAGE
    TEMPORARY = "temporary"
    REFUSED = "refused", Treatment.REJECT_MESSAGE
    OUTCOME_UNKNOWN = "outcome_unknown"
    # Coming back, after it was accepted
    NO_ADDRESS = "no_address", Treatment.REJECT_RECIPIENT
    NOT_TAKEN = "not_taken", Treatment.REJECT_RECIPIENT
    BOX_FULL = "box_full", Treatment.REJECT_RECIPIENT
    RETURNED = "returned", Treatment.REJECT_RECIPIENT

    @property
    def of_login(self) -> bool:
        """Whether it is that a login was refused, and not what was sent."""
        return self.treatment in (Treatment.LOGIN_LATER, Treatment.NEW_CODE)

    @property
    def of_account(self) -> bool:
        """Whether it is said of the account, and never of one recipient."""
        return bool(self.field) or self.treatment is Treatment.PAUSE


class _Rule(NamedTuple):
    """A refusing reply that is known."""

    pattern: str
    """Sought in the code and the text, whatever their case."""
    steps: frozenset[Step]
    cause: Cause


_ANY: Final = frozenset(Step)
_CONNECTING: Final = frozenset(step for step in Step if step.before_login)
_AUTH: Final = frozenset({Step.AUTH})
_SUBMITTING: Final = frozenset(step for step in Step if step.in_transaction)
_RCPT: Final = frozenset({Step.RCPT})

RULES: Final = (
    # The account's limits come as 5yz, but are over after some hours. (The ambiguous
    # 535 speaks of "login frequency limited" among its causes: not meant here.)
    _Rule(
        r"too many attempts|(connection|ip|domain|sender) frequency limited",
        _ANY,
        Cause.RATE_LIMIT,
    ),
    # All but 5yz (RFC 5321 section 4.2.1).
    _Rule(r"^(?!5[0-9]{2} )", _ANY, Cause.TEMPORARY),
    # A message must not be lost by what is said before it is known.
    _Rule(r"", _CONNECTING, Cause.TEMPORARY),
    _Rule(r"authorization code|授权码", _AUTH, Cause.LOGIN_NEEDS_CODE),
    # Exmail alone says this; there the code is a client-specific password.
    _Rule(r"authentication failed, system busy", _AUTH, Cause.LOGIN_AT_EXMAIL),
    _Rule(r"^535 ", _AUTH, Cause.LOGIN_AMBIGUOUS),
    _Rule(r"", _AUTH, Cause.LOGIN_REFUSED),
    _Rule(r"^501 mail from address must be same", _SUBMITTING, Cause.SENDER_MISMATCH),
    # Postfix's words, which it says only when it hears of recipients.
    _Rule(
        r"sender address rejected|not owned by user",
        _SUBMITTING,
        Cause.SENDER_MISMATCH,
    ),
    _Rule(r"secure connection is requ", _SUBMITTING, Cause.TLS_REQUIRED),
    _Rule(r'"from" header is missing or invalid', _SUBMITTING, Cause.FROM_HEADER),
    _Rule(
        r"inappropriate words or content|content rejected|mail content denied",
        _SUBMITTING,
        Cause.CONTENT,
    ),
    _Rule(
        r"suspected spam|spf check failed|dmarc check failed|connection denied",
        _SUBMITTING,
        Cause.POLICY,
    ),
    _Rule(
        r"mailbox not found|mailbox unavailable|rejected by recipients",
        _SUBMITTING,
        Cause.RECIPIENT,
    ),
    _Rule(r"^552 |message too large", _SUBMITTING, Cause.TOO_LARGE),
    _Rule(r"^502 ", _SUBMITTING, Cause.INVALID_INPUT),
    _Rule(r"^503 ", _SUBMITTING, Cause.BAD_SEQUENCE),
    _Rule(r"", _RCPT, Cause.RECIPIENT),
    _Rule(r"", _SUBMITTING, Cause.REFUSED),
)
"""The first one that fits is right. See https://help.mail.qq.com/detail/108/1023
(logging in) and https://service.mail.qq.com/detail/122 (submitting)."""


def diagnose(reply: Reply, step: Step) -> Cause:
    """Return the cause of a refusing reply, by what is known of QQ's servers."""
    said = str(reply)
    return next(
        rule.cause
        for rule in RULES
        if step in rule.steps and re.search(rule.pattern, said, re.IGNORECASE)
    )


def read_reply(code: int, text: str) -> Reply:
    """Return a reply as one printable line of at most 500 characters."""
    text = decode_any(text.encode("utf-8", "surrogateescape"))
    return Reply(code, one_line(text)[:_REPLY_MAX_CHARS])


def decode_any(octets: bytes) -> str:
    """Decode a text of which nobody says how: as UTF-8, else as GBK, and never fail.

    QQ's oldest texts are GBK, and a server may send anything.
    """
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("gb18030", "replace")
