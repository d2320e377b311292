"""A message as the server took it, and as a recipient gets it."""

from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
import re
import secrets

_MESSAGE_ID = re.compile(
    rb"^message-id:[ \t]*(.*(?:\r\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE
)
_ADDRESS_IN_BRACKETS = re.compile(r"(?:(?P<name>.*\S) )?<(?P<address>[^<>\s]+)>")
_ENCODED_WORD = re.compile(r"=\?[^?]+\?[bB]\?[A-Za-z0-9+/=]*\?=")


@dataclass(frozen=True)
class AcceptedMessage:
    """What the server answered with 250."""

    account: str
    reverse_path: str
    recipients: tuple[str, ...]
    wire: bytes
    """As it came, dots stuffed, without the final dot."""
    helo: str
    secure: bool
    tencent_id: str = field(
        default_factory=lambda: f"<tencent_{secrets.token_hex(20).upper()}@qq.com>"
    )

    @property
    def submitted(self) -> bytes:
        """The message without the dots that were stuffed in."""
        return unstuffed(self.wire)

    @property
    def content(self) -> bytes:
        """The message as a recipient elsewhere gets it: traced, with QQ's Message-ID."""
        trace = f"Received: from {self.helo} by newxmesmtplogicsvrszb20-0.qq.com\r\n"
        return trace.encode() + self.content_within_qq

    @property
    def content_within_qq(self) -> bytes:
        """The message as a mailbox of QQ's gets it: without any trace field."""
        header, blank, body = self.submitted.partition(b"\r\n\r\n")
        identity = b"Message-ID: " + self.tencent_id.encode()
        if ours := _MESSAGE_ID.search(header):
            header = header.replace(
                ours[0], identity + b"\r\nX-OQ-MSGID: " + ours[1], 1
            )
        else:
            header = identity + b"\r\n" + header
        return header + blank + body

    @property
    def message(self) -> EmailMessage:
        """The message as a mail program reads it."""
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """The decoded plain text, with line ends as in Python."""
        body = self.message.get_body(("plain",))
        return "" if body is None else str(body.get_content()).replace("\r\n", "\n")


def unstuffed(wire: bytes) -> bytes:
    """Undo dot-stuffing (RFC 5321 section 4.5.2)."""
    return re.sub(rb"^\.\.", b".", wire, flags=re.MULTILINE)


def from_field_is_valid(wire: bytes, account: str) -> bool:
    """Apply QQ's rule for From: https://service.mail.qq.com/detail/124/995."""
    # QQ takes a doubled CR for the end of the header block.
    header = re.split(rb"\r\n\r\n|\r\r\n", wire[:65536], maxsplit=1)[0]
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", header)
    fields = re.findall(rb"^from:(.*)$", unfolded, re.IGNORECASE | re.MULTILINE)
    if len(fields) != 1:
        return False
    try:
        value = fields[0].strip().decode("ascii")
    except UnicodeDecodeError:
        return False
    if match := _ADDRESS_IN_BRACKETS.fullmatch(value):
        name = match["name"] or ""
        if "=?" in name and not (_ENCODED_WORD.fullmatch(name) and len(name) <= 75):
            return False
        value = match["address"]
    return bool(value.lower() == account.lower())
