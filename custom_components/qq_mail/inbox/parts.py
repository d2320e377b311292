"""Header fields and texts of a mail that anybody may have written, in any charset.

Python's newer policies parse each field by a grammar, which takes long for what is
malformed, and may raise; so the older one is used, and fields are decoded here.
"""

from base64 import b64decode
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.quoprimime import header_decode
from email.utils import getaddresses
import re
from typing import Final

from ..mime.address import one_line
from ..smtp.replies import decode_any
from .quotes import unflowed

type Mail = Message[str, str]

MAX_TEXT: Final = 200_000
"""Characters of a text that are read: more than anybody answers, quotes included."""
_MAX_BLOCKS: Final = 5_000
"""What stands between empty lines: of each in a report Python makes a Message."""
_MAX_PARTS: Final = 100
_MAX_FIELD: Final = 10_000
_MAX_FROM: Final = 1000

_WORD = re.compile(
    r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bq])\?([^?]*)\?=", re.IGNORECASE
)
_END_OF_LINE = re.compile(rb"\r\n?")
_BETWEEN_WORDS = re.compile(r"(?<=\?=)\s+(?==\?)")
_ADDR_SPEC = re.compile(r"[!#-'*+\-/-9=?A-Z^-~.]+@[a-z0-9.-]+", re.IGNORECASE)
# Others are never those of a mail, and some of Python's take very long.
_CHARSET = re.compile(
    r"(utf-?(8|16)|big5|iso-|windows-|cp[0-9]|euc|shift|koi8)", re.IGNORECASE
)


def parse(octets: bytes) -> Mail:
    """Parse a mail, or its header alone; of what cannot be parsed, nothing is left."""
    blocks = _END_OF_LINE.sub(b"\n", octets).split(b"\n\n", _MAX_BLOCKS)
    try:
        return message_from_bytes(b"\n\n".join(blocks[:_MAX_BLOCKS]))
    except RecursionError:
        # Multiparts within multiparts, many times.
        return Message()


def fields(mail: Mail, name: str) -> list[str]:
    """Return the decoded values of all fields of a name."""
    return [
        # What is not ASCII may stand there without encoding.
        one_line(
            _without_words(
                decode_any(str(value)[:_MAX_FIELD].encode("utf-8", "surrogateescape"))
            )
        )
        for key, value in mail.raw_items()
        if key.lower() == name.lower()
    ]


def field(mail: Mail, name: str) -> str:
    """Return the decoded value of a field, or nothing where it is missing."""
    return " ".join(fields(mail, name))


def sender(mail: Mail) -> str:
    """Return the addr_spec in From, in lower case; nothing unless there is just one."""
    # Not decoded: a display name is no place for an address.
    values = [str(value) for key, value in mail.raw_items() if key.lower() == "from"]
    if len(values) != 1 or len(values[0]) > _MAX_FROM:
        return ""
    addresses = [address for _, address in getaddresses(values)]
    if len(addresses) != 1 or not _ADDR_SPEC.fullmatch(addresses[0]):
        return ""
    return addresses[0].lower()


def leaves(mail: Mail) -> Iterator[Mail]:
    """Return the body parts that are no multipart; mails within it are one part."""
    waiting, seen = [mail], 0
    while waiting and seen < _MAX_PARTS:
        part, seen = waiting.pop(0), seen + 1
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [one for one in payload if isinstance(one, Message)]
        else:
            yield part


def texts(mail: Mail, subtype: str) -> list[str]:
    """Return the texts of a kind that are no attachments."""
    return [
        _text(part)
        for part in leaves(mail)
        if part.get_content_type() == f"text/{subtype}" and not part.get_filename()
    ]


def _text(part: Mail) -> str:
    text = decoded(content(part), str(part.get_content_charset()))
    if parameter(part, "format") != "flowed":
        return text
    return unflowed(text, delsp=parameter(part, "delsp") == "yes")


def parameter(part: Mail, name: str) -> str:
    """Return a parameter of Content-Type in lower case, or nothing."""
    return str(part.get_param(name, "")).lower()


def content(part: Mail) -> bytes:
    """Return the octets of a part without their transfer encoding."""
    octets = part.get_payload(decode=True)
    return octets if isinstance(octets, bytes) else b""


def decoded(octets: bytes, charset: str) -> str:
    """Decode a text by the charset that its mail names, as far as that is right."""
    octets = octets[: 4 * MAX_TEXT]
    if charset.lower().startswith(("gb", "x-gb", "cp936")):
        # Many say gb2312, and write what only the newer ones have.
        text = octets.decode("gb18030", "replace")
    elif _CHARSET.match(charset):
        try:
            text = octets.decode(charset, "replace")
        except LookupError:
            text = decode_any(octets)
    else:
        text = decode_any(octets)
    return text[:MAX_TEXT]


def _without_words(text: str) -> str:
    """Decode encoded-words (RFC 2047), also where one character is in two of them.

    Word by word: for Python's own one that is broken spoils the whole field, and long
    ones take very long.
    """
    pieces: list[tuple[str, bytes]] = []
    text, at = _BETWEEN_WORDS.sub("", text), 0
    for word in _WORD.finditer(text):
        if word.start() > at:
            pieces.append(("utf-8", text[at : word.start()].encode("utf-8", "replace")))
        at = word.end()
        octets = _word_octets(word[2].lower(), word[3])
        if pieces and pieces[-1][0] == word[1].lower():
            octets = pieces.pop()[1] + octets
        pieces.append((word[1].lower(), octets))
    pieces.append(("utf-8", text[at:].encode("utf-8", "replace")))
    return "".join(decoded(octets, charset) for charset, octets in pieces)


def _word_octets(encoding: str, text: str) -> bytes:
    if encoding == "q":
        return header_decode(text).encode("latin-1", "replace")
    try:
        return b64decode(f"{text}==")
    except ValueError:
        # No base64, or not even ASCII.
        return b""
