"""Mail addresses: who writes, and who gets it."""

from dataclasses import dataclass
import re
from typing import Self, override

from email_validator import EmailNotValidError, validate_email

# Between the mailboxes of a list, in Latin and Chinese punctuation, but not
# inside the quotes of a display name.
_SEPARATOR = re.compile(r'[,;，；、\n](?=(?:[^"]*"[^"]*")*[^"]*$)')
_NAME_AND_ADDRESS = re.compile(r'\s*"?(?P<name>[^"<>]*?)"?\s*<(?P<addr>[^<>]*)>\s*')


class InvalidMailboxError(ValueError):
    """A text that is not a mail address."""

    def __init__(self, text: str) -> None:
        """Keep the text, as it was typed."""
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address, with or without a display name."""

    addr_spec: str
    """ASCII: an internationalized domain is kept as A-labels (RFC 5890)."""
    display_name: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `address` or `Name <address>`.

        Raises InvalidMailboxError.
        """
        name, addr_spec = "", text.strip()
        if match := _NAME_AND_ADDRESS.fullmatch(text):
            name, addr_spec = match["name"], match["addr"].strip()
        try:
            # QQ refuses what is not ASCII before the @, so that is not allowed.
            address = validate_email(
                addr_spec, check_deliverability=False, allow_smtputf8=False
            )
        except EmailNotValidError as err:
            raise InvalidMailboxError(text) from err
        # Without SMTPUTF8 there is always an ASCII form, or it was refused.
        return cls(address.ascii_email or addr_spec, one_line(name))

    @classmethod
    def parse_list(cls, text: str) -> tuple[Self, ...]:
        """Read mailboxes separated by commas, semicolons or line ends.

        Raises InvalidMailboxError.
        """
        return tuple(cls.parse(part) for part in _SEPARATOR.split(text) if part.strip())

    @property
    def domain(self) -> str:
        """The part behind the @."""
        return self.addr_spec.rpartition("@")[2]

    @override
    def __str__(self) -> str:
        """Return the form that `parse` reads."""
        if not self.display_name:
            return self.addr_spec
        return f'"{self.display_name}" <{self.addr_spec}>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Who gets a message."""

    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()


def one_line(text: str) -> str:
    """Make text safe for a header field: one line, without control characters."""
    # A lone surrogate, as broken input may contain, cannot be encoded.
    text = text.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
