"""Mail addresses: of senders and recipients."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
import re
from typing import Self, override
import unicodedata

from email_validator import EmailNotValidError, validate_email

# Between the mailboxes of a list, in Latin and Chinese punctuation, but not
# inside the quotes of a display name.
_SEPARATORS = frozenset(",;，；、\n")
# A Chinese keyboard has the last two where others have < and >.
_OPENING = "<＜《〈"
_CLOSING = ">＞》〉"
NOT_IN_NAMES = frozenset('"<>＜＞')

_MAILTO = "mailto:"
_MAX_TEXT = 1000
"""Characters of an address with its name; longer texts are refused."""
_MAX_ADDRESS = 320
"""Octets: 64, the @, and 255 for the domain (RFC 5321 section 4.5.3.1)."""
_MAX_SHOWN = 100
_MAX_TEXTS_SHOWN = 5

_QQ_NUMBER = re.compile(r"[0-9]{5,12}")
# The library refuses domains that are reserved (.local, .test, home.arpa), but a
# mail server in the house may well have one. Below a domain that is not reserved,
# it looks at the syntax alone.
_NOT_RESERVED = ".cn"
# Nobody sees these either, but without them a family falls apart into four people,
# and Persian words run into each other.
_JOINERS = "\u200c\u200d"


class InvalidMailboxError(ValueError):
    """A text is not a mail address."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address, with or without a display name."""

    addr_spec: str
    """ASCII: an internationalized domain is kept as A-labels (RFC 5890)."""
    display_name: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `address`, `Name <address>`, or a QQ number in place of the address.

        `mailto:address` is read as well, and a name without brackets before a QQ
        number, or one in quotes or with Hanzi before an address. Raises
        InvalidMailboxError.
        """
        if len(text.strip()) > _MAX_TEXT:
            raise InvalidMailboxError(text)
        name, addr_spec = _split_name(text)
        addr_spec = tidy(addr_spec)
        if addr_spec[: len(_MAILTO)].lower() == _MAILTO:
            addr_spec = addr_spec[len(_MAILTO) :].partition("?")[0]
        if _QQ_NUMBER.fullmatch(addr_spec):
            addr_spec += "@qq.com"
        if len(addr_spec) > _MAX_ADDRESS or not NOT_IN_NAMES.isdisjoint(name):
            raise InvalidMailboxError(text)
        try:
            # QQ refuses what is not ASCII before the @, so that is not allowed.
            address = validate_email(
                addr_spec + _NOT_RESERVED,
                check_deliverability=False,
                allow_smtputf8=False,
            )
        except EmailNotValidError as err:
            raise InvalidMailboxError(text) from err
        # Without SMTPUTF8 there is always an ASCII form, or it was refused.
        ascii_domain = address.ascii_domain.removesuffix(_NOT_RESERVED)
        _, dot, last = ascii_domain.rpartition(".")
        if not dot or last.isdecimal():
            raise InvalidMailboxError(text)
        return cls(f"{address.local_part}@{ascii_domain}", name)

    @classmethod
    def parse_all(cls, text: str) -> tuple[list[Self], list[str]]:
        """Read mailboxes separated by commas, semicolons, line ends or blanks.

        Return them, and the texts that are none.
        """
        mailboxes: list[Self] = []
        invalid: list[str] = []
        for part in filter(tidy, _split_list(text)):
            try:
                mailboxes += cls._parse_part(part)
            except InvalidMailboxError:
                invalid.append(part.strip())
        return mailboxes, invalid

    @classmethod
    def _parse_part(cls, part: str) -> list[Self]:
        """Read one mailbox, or several addresses with blanks between them."""
        try:
            return [cls.parse(part)]
        except InvalidMailboxError:
            words = part.split()
            if len(words) == 1:
                raise
            return [cls.parse(word) for word in words]

    @classmethod
    def stored(cls, text: str) -> Self:
        """Read a mailbox that `str` has written, without checking it."""
        name, addr_spec = _split_name(text)
        return cls(addr_spec, name)

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        return self.addr_spec.rpartition("@")[2]

    @override
    def __str__(self) -> str:
        """Return the form that `stored` and `parse` read."""
        if not self.display_name:
            return self.addr_spec
        return f'"{self.display_name}" <{self.addr_spec}>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Who gets a message."""

    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()

    @classmethod
    def stored(cls, data: Mapping[str, Iterable[str]]) -> Self:
        """Read what a form has stored, without checking it."""
        return cls(
            to=tuple(map(Mailbox.stored, data.get("to", ()))),
            cc=tuple(map(Mailbox.stored, data.get("cc", ()))),
            bcc=tuple(map(Mailbox.stored, data.get("bcc", ()))),
        )

    @property
    def addr_specs(self) -> tuple[str, ...]:
        """The addresses of all, each of them once."""
        everyone = self.to + self.cc + self.bcc
        return tuple(
            {one.addr_spec.lower(): one.addr_spec for one in everyone}.values()
        )


def one_line(text: str) -> str:
    """Make text safe for a header field: one line, without control characters."""
    # A lone surrogate, as broken input may contain, cannot be encoded.
    text = text.encode("utf-8", "replace").decode()
    # Where there is nothing to join, a text would not be empty, and show nothing.
    words = (word.strip(_JOINERS) for word in "".join(map(_printable, text)).split())
    return " ".join(filter(None, words))


def shortened(text: str, most: int) -> str:
    """Return so many characters of a text at most, and then a sign that it goes on."""
    return text if len(text) <= most else f"{text[:most].rstrip()}…"


def tidy(text: str) -> str:
    """Return a text for machines without what keyboards and copying put into it.

    Full-width letters, digits and signs become ASCII, and characters that nobody
    sees go: zero-width blanks, soft hyphens, marks for the direction of writing.
    """
    return "".join(
        char
        for char in unicodedata.normalize("NFKC", text).replace("。", ".")
        if unicodedata.category(char) != "Cf"
    ).strip()


def _printable(char: str) -> str:
    """Return a character, or what takes its place in a header field."""
    if char.isprintable() or char in _JOINERS:
        return char
    return "" if unicodedata.category(char) == "Cf" else " "


def shown_texts(texts: Sequence[str]) -> str:
    """Return the first of many texts in one line, shortened where they are very long."""
    whole = (
        text.strip().encode("utf-8", "replace").decode()
        for text in texts[:_MAX_TEXTS_SHOWN]
    )
    shown = ", ".join(dict.fromkeys(shortened(text, _MAX_SHOWN) for text in whole))
    return shown if len(texts) <= _MAX_TEXTS_SHOWN else f"{shown}, …"


def _split_name(text: str) -> tuple[str, str]:
    """Return the name, which may be empty, and the address.

    No regular expression: one that tries where each part may end takes the third
    power of the text's length, and holds Home Assistant up meanwhile.
    """
    text = text.strip()
    opening = max(map(text.rfind, _OPENING))
    closing = max(map(text.rfind, _CLOSING))
    if opening < 0:
        return _split_name_without_brackets(text)
    if tidy(text[closing + 1 :]):
        return "", text
    return _unquoted(text[:opening]), text[opening + 1 : closing]


def _split_name_without_brackets(text: str) -> tuple[str, str]:
    """Return the name before a QQ number or an address, if it is surely one.

    `zhang san@qq.com` is a slip of the finger: nobody else is to get that mail.
    """
    *words, last = text.split() or [""]
    name = " ".join(words)
    is_number = bool(_QQ_NUMBER.fullmatch(tidy(last)))
    is_name = not name.isascii() or name.startswith('"') or is_number
    others = "@" in tidy(name) or any(map(_QQ_NUMBER.fullmatch, map(tidy, words)))
    if not (name and is_name and not others and (is_number or "@" in tidy(last))):
        return "", text
    return _unquoted(name), last


def _unquoted(name: str) -> str:
    return one_line(name).removeprefix('"').removesuffix('"').strip()


def _split_list(text: str) -> Iterator[str]:
    """Yield the parts between separators, except for those in quotes."""
    begin, quoted = 0, False
    for position, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char in _SEPARATORS and not quoted:
            yield text[begin:position]
            begin = position + 1
    yield text[begin:]
