"""What a mail is that came, and what it says: from its octets, without any I/O."""

from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Final

from ..const import LOGGER
from ..mime.secret import find_secrets, without_secrets
from .bounce import Bounce, looks_like_bounce, read_bounce, returned
from .parts import Mail, field, fields, parse, sender, texts
from .quotes import html_text, own_text

_MAX_REFERENCES: Final = 100

_REFERENCES = ("References", "In-Reply-To")
_IDS = ("Message-ID", "X-OQ-MSGID")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
# Those of QQ's users have no field that says so.
_VACATION = re.compile(
    r"(?:自动回复|自動回覆|自动答复|automatic reply|auto-?reply|auto|out of (?:the )?office)"
    r"\s*[:：]",
    re.IGNORECASE,
)
_FORWARD = re.compile(r"(?:fwd?|转发|轉寄|轉發|wg|tr)\s*[:：]", re.IGNORECASE)
_PRECEDENCES = ("bulk", "junk", "list", "auto_reply")
# RFC 2369 and 2919; the others are what is used where RFC 3834 is not.
_AUTOMATIC = (
    "List-Id",
    "List-Post",
    "List-Unsubscribe",
    "X-Autoreply",
    "X-Autorespond",
)


class Kind(StrEnum):
    """What a mail is, as far as it may press a button."""

    ANSWER = "answer"
    """A person wrote it, as far as can be seen."""
    AUTOMATIC = "automatic"
    """A machine did: a vacation answer, a list, one of our own mails."""
    FORWARDED = "forwarded"
    """A person sends on what somebody else wrote."""
    BOUNCE = "bounce"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A mail that came, or as much of it as its header tells."""

    kind: Kind
    sender: str
    """Its addr_spec in lower case; empty unless there is just one."""
    message_ids: tuple[str, ...]
    """Its own: QQ's, and what it was before QQ rewrote it."""
    references: tuple[str, ...]
    """What it refers to; of a bounce, with those of the mail that came back."""
    secrets: tuple[str, ...]
    """All that look like one, wherever they stand."""
    text: str
    """What the sender wrote, without quotes, signatures and secrets; of an answer alone."""
    bounce: Bounce | None
    """What came back; of a bounce alone."""


_UNREADABLE: Final = Incoming(Kind.AUTOMATIC, "", (), (), (), "", None)


def read_mail(octets: bytes) -> Incoming:
    """Read a mail, or its header alone; nothing that can be in it raises."""
    try:
        return _read(octets)
    except Exception as err:  # noqa: BLE001 - Python's parsers trip over some; others wait behind
        # Not its words: they may be the mail's.
        LOGGER.info("A mail that cannot be read is passed over: %s", type(err).__name__)
        return _UNREADABLE


def _read(octets: bytes) -> Incoming:
    mail = parse(octets)
    kind = _kind(mail)
    mails, bounce = [mail], None
    if kind is Kind.BOUNCE:
        mails += returned(mail)
        if (bounce := read_bounce(mail)) is None:
            kind = Kind.AUTOMATIC
    plain, html = texts(mail, "plain"), texts(mail, "html")
    references = tuple(
        dict.fromkeys(
            found
            for one in mails
            for name in (*(() if one is mail else _IDS), *_REFERENCES)
            for found in _MESSAGE_ID.findall(field(one, name))
        )
    )[:_MAX_REFERENCES]
    return Incoming(
        kind=kind,
        sender=sender(mail),
        message_ids=tuple(
            found for name in _IDS for found in _MESSAGE_ID.findall(field(mail, name))
        ),
        references=references,
        secrets=find_secrets(
            " ".join([*references, field(mail, "Subject"), *plain, *html])
        ),
        text=_own(plain, html) if kind is Kind.ANSWER else "",
        bounce=bounce,
    )


def _kind(mail: Mail) -> Kind:
    if looks_like_bounce(mail):
        return Kind.BOUNCE
    subject = field(mail, "Subject")
    if (
        field(mail, "Auto-Submitted").lower() not in ("", "no")
        or field(mail, "Precedence").lower() in _PRECEDENCES
        or "<>" in fields(mail, "Return-Path")
        or any(fields(mail, name) for name in _AUTOMATIC)
        or mail.get_content_type() == "multipart/report"
        or _VACATION.match(subject)
    ):
        return Kind.AUTOMATIC
    return Kind.FORWARDED if _FORWARD.match(subject) else Kind.ANSWER


def _own(plain: list[str], html: list[str]) -> str:
    """Return what the sender wrote; HTML counts only where there is no plain text."""
    written = [text for text in plain if text.strip()] or [*map(html_text, html)]
    own = (without_secrets(own_text(text)) for text in written)
    return next(filter(None, own), "")
