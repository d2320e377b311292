"""The outcome of fetching: body parts, and an error for each that is missing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
import os
from pathlib import Path
import re

from homeassistant.exceptions import HomeAssistantError

from ...const import MEGABYTE
from ...mime.address import one_line
from ...mime.models import BodyPart
from ..errors import AttachmentError
from ..redaction import quoted
from .models import Attachment
from .signatures import PICTURES, signed_type

OCTET_STREAM = "application/octet-stream"

# Not multipart nor message: of these a body part may not be encoded as a file is
# (RFC 2045 section 6.4).
_MEDIA_TYPE = re.compile(
    r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
    r"/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
)
_MAX_FILENAME = 255
_MAX_EXTENSION = 16
_MAX_LABEL = 200


@dataclass(frozen=True, slots=True)
class Fetched:
    """Body parts that were fetched, and what is wrong with attachments."""

    parts: tuple[BodyPart, ...] = ()
    failures: tuple[HomeAssistantError, ...] = ()
    """In the order of the attachments."""


def joined(results: Sequence[Fetched]) -> Fetched:
    """Return several outcomes as one."""
    return Fetched(
        tuple(part for result in results for part in result.parts),
        tuple(failure for result in results for failure in result.failures),
    )


def as_part(
    attachment: Attachment,
    content: bytes | Path,
    head: bytes,
    name: str,
    *declared: str,
) -> Fetched:
    """Return what an attachment asked for as a body part, under its own name or this.

    Its media type is told by its first octets, or else by what it is declared to be.
    What is declared a picture and is none goes along as a plain file, with a note:
    often it is a page that says why there is no picture.
    """
    media_type = media_type_of(head, *declared)
    part = BodyPart(
        content=content,
        media_type=media_type,
        filename=safe_filename(attachment.filename or name),
        content_id=attachment.content_id,
        inline=attachment.inline,
    )
    if media_type not in PICTURES or signed_type(head):
        return Fetched((part,))
    if not head:
        return Fetched(failures=(AttachmentError("empty", attachment.label),))
    plain = replace(part, media_type=OCTET_STREAM, content_id="", inline=False)
    return Fetched((plain,), (AttachmentError("no_picture", attachment.label),))


def media_type_of(content: bytes, *declared: str) -> str:
    """Return the media type that the first octets tell, or else a declared one."""
    if signed := signed_type(content):
        return signed
    for text in declared:
        media_type = text.partition(";")[0].strip().lower()
        if _MEDIA_TYPE.fullmatch(media_type) and media_type != OCTET_STREAM:
            return media_type
    return OCTET_STREAM


def safe_filename(text: str) -> str:
    """Return a file name on one line, without folders, of at most 255 octets."""
    name = one_line(re.split(r"[/\\]", text)[-1])
    if name in {"", ".", ".."}:
        return "attachment"
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _MAX_EXTENSION:
        stem, dot, extension = name, "", ""
    room = _MAX_FILENAME - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip() + dot + extension


def shown(text: str) -> str:
    """Return a text as a note shows it: short, and without secrets."""
    text = quoted(one_line(text))
    return text if len(text) <= _MAX_LABEL else f"{text[:_MAX_LABEL]}…"


def reason_of(err: Exception) -> str:
    """Return the operating system's words for an error, or else the error's class.

    An error's own words may be another's, and hold an address with a password.
    """
    number = getattr(err, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return type(err).__name__


def unavailable(label: str, reason: str = "") -> AttachmentError:
    """Return the error for what cannot be had, with a reason in our own words."""
    if not reason:
        return AttachmentError("unavailable", label)
    return AttachmentError("failed", label, reason=reason)


def too_slow(label: str, seconds: float) -> AttachmentError:
    """Return the error for what did not come in time."""
    return AttachmentError("too_slow", label, seconds=str(seconds))


def too_large(label: str, size: str, limit: int) -> AttachmentError:
    """Return the error for what is over the limit, in octets."""
    return AttachmentError("too_large", label, size=size, limit=megabytes(limit))


def megabytes(octets: int) -> str:
    """Return a size as a note shows it, without its unit."""
    return f"{octets / MEGABYTE:.1f}"
