"""From a draft to a message in wire form."""

from base64 import b64encode
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr
import re

from .models import Draft, Envelope, Mailbox, Submission, one_line

# 7bit: what is not ASCII is sent as base64 or quoted-printable, whatever the
# servers on the way make of 8BITMIME.
_POLICY = SMTP.clone(cte_type="7bit")

SENDER_NAME_MAX_BYTES = 45
"""What fits into one encoded-word (RFC 2047 section 2), in UTF-8: 15 Hanzi."""

_ENCODED_WORD = "=?utf-8?b?{}?="
_LINE_STARTS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def compose(
    draft: Draft, *, sender: Mailbox, message_id: str, date: datetime
) -> Submission:
    """Write the message; it takes milliseconds, so keep it off the event loop.

    The date is the time of the alert, whenever the message goes out.
    """
    recipients = draft.recipients
    message = EmailMessage(_POLICY)
    if recipients.to:
        message["To"] = _addresses(recipients.to)
    elif not recipients.cc:
        # A message for blind copies alone still names someone for old readers.
        message["To"] = "undisclosed-recipients:;"
    if recipients.cc:
        message["Cc"] = _addresses(recipients.cc)
    if draft.reply_to:
        message["Reply-To"] = _addresses((draft.reply_to,))
    message["Subject"] = one_line(draft.subject)
    message["Date"] = date
    message["Message-ID"] = message_id
    # Keeps out-of-office answers away (RFC 3834 section 5).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_CONTROL_CHARACTERS.sub("", _encodable(draft.text)))

    wire = _from_field(sender) + message.as_bytes()
    return Submission(
        Envelope(sender.addr_spec, _unique_addresses(draft)),
        message_id,
        _LINE_STARTS_WITH_DOT.sub(b"..", wire),
    )


def _from_field(sender: Mailbox) -> bytes:
    """Write From as QQ wants it: one base64 encoded-word or ASCII, on one line.

    Source: https://service.mail.qq.com/detail/124/995. Python's email package
    would choose quoted-printable for names that are mostly ASCII, and may fold.
    """
    name = sender.display_name
    if name.isascii() and "=?" not in name:
        mailbox = formataddr((name, sender.addr_spec))
    else:
        word = _ENCODED_WORD.format(b64encode(name.encode()).decode())
        mailbox = f"{word} <{sender.addr_spec}>"
    return f"From: {mailbox}\r\n".encode("ascii")


def _addresses(mailboxes: tuple[Mailbox, ...]) -> tuple[Address, ...]:
    return tuple(
        Address(mailbox.display_name, addr_spec=mailbox.addr_spec)
        for mailbox in mailboxes
    )


def _unique_addresses(draft: Draft) -> tuple[str, ...]:
    """Name each address once, however often the draft does."""
    everyone = draft.recipients.to + draft.recipients.cc + draft.recipients.bcc
    return tuple(
        {mailbox.addr_spec.lower(): mailbox.addr_spec for mailbox in everyone}.values()
    )


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
