"""Makes body parts of octets and of files; what goes wrong becomes an error."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
import glob
from itertools import islice
import mimetypes
import os
from pathlib import Path, PurePath
import re
import stat
from threading import Thread
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.hass_dict import HassKey

from ...const import DOMAIN, MAX_MATCHES, MAX_READS, MEGABYTE
from ...mime.address import one_line, shortened
from ...mime.models import BodyPart
from ..errors import AttachmentError
from ..redaction import quoted
from .fields import Attachment

OCTET_STREAM = "application/octet-stream"
JPEG = "image/jpeg"
PNG = "image/png"
GIF = "image/gif"
WEBP = "image/webp"

_SIGNATURE_LENGTH = 12
_SIGNATURES = {
    JPEG: re.compile(rb"\xff\xd8\xff"),
    PNG: re.compile(rb"\x89PNG\r\n\x1a\n"),
    GIF: re.compile(rb"GIF8[79]a"),
    WEBP: re.compile(rb"RIFF....WEBP", re.DOTALL),
}
PICTURES = frozenset(_SIGNATURES)
"""Media types of pictures that are recognized, shown and made smaller."""

# Not multipart nor message: of these a body part may not be encoded as a file is
# (RFC 2045 section 6.4).
_MEDIA_TYPE = re.compile(
    r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
    r"/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
)
_MAX_FILENAME = 255
_MAX_EXTENSION = 16
_MAX_LABEL = 200

type Found = list[BodyPart | HomeAssistantError]
"""What became of attachments, in their order: parts, and errors for what is missing."""


def split(found: Found) -> tuple[list[BodyPart], list[HomeAssistantError]]:
    """Return the parts, and the errors."""
    parts = [one for one in found if isinstance(one, BodyPart)]
    return parts, [one for one in found if not isinstance(one, BodyPart)]


def as_part(
    attachment: Attachment,
    content: bytes | Path,
    head: bytes,
    name: str,
    *declared: str,
    title: str = "",
) -> Found:
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
        title=title,
    )
    if media_type not in PICTURES or signed_type(head):
        return [part]
    if not head:
        return [AttachmentError("empty", attachment.label)]
    plain = replace(part, media_type=OCTET_STREAM, content_id="", inline=False)
    return [plain, AttachmentError("no_picture", attachment.label)]


def signed_type(content: bytes) -> str | None:
    """Return the media type that the first octets of a picture tell."""
    for media_type, signature in _SIGNATURES.items():
        if signature.match(content):
            return media_type
    return None


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
    return shortened(quoted(one_line(text)), _MAX_LABEL)


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


def too_large(label: str, size: str, limit: int) -> AttachmentError:
    """Return the error for what is over the limit, in octets."""
    return AttachmentError("too_large", label, size=size, limit=megabytes(limit))


def megabytes(octets: int) -> str:
    """Return a size as a note shows it, without its unit."""
    return f"{octets / MEGABYTE:.1f}"


def from_path(hass: HomeAssistant, attachment: Attachment) -> Found:
    """Take a file, or all that match a glob, from the allowed folders."""
    value, label = attachment.value, attachment.label
    path = Path(hass.config.config_dir, value)
    try:
        real = path.resolve()
    except ValueError as err:
        # The system can have no file of that name.
        raise AttachmentError("not_found", label) from err
    # A name may have brackets without being a glob.
    if not glob.has_magic(value) or (
        hass.config.is_allowed_path(str(real)) and path.exists()
    ):
        return _from_file(hass, attachment, path)

    parts = PurePath(value).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    folder = Path(hass.config.config_dir, *parts[:fixed]).resolve()
    if not hass.config.is_allowed_path(str(folder)):
        raise AttachmentError("not_allowed", label)
    if ".." in parts[fixed:]:
        # Down and up again, as often as it is written, would never end.
        raise AttachmentError("not_found", label)
    paths = list(islice(_matches(hass, folder, parts[fixed:]), MAX_MATCHES + 1))
    if not paths:
        raise AttachmentError("not_found", label)
    if len(paths) > 1:
        attachment = replace(attachment, filename="", content_id="")
    found: Found = []
    for path in paths[:MAX_MATCHES]:
        found += _from_file(hass, replace(attachment, label=shown(path.name)), path)
    if len(paths) > MAX_MATCHES:
        found.append(AttachmentError("too_many", label, number=str(MAX_MATCHES)))
    return found


def _matches(hass: HomeAssistant, folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Yield what a glob matches, sorted, without entering a folder not allowed."""
    # Part by part: Path.glob would follow links out of the folder.
    for name in sorted(glob.glob(parts[0], root_dir=folder)):  # noqa: PTH207
        path = folder / name
        if len(parts) > 1:
            if hass.config.is_allowed_path(str(path.resolve())):
                yield from _matches(hass, path, parts[1:])
        elif not path.is_dir():
            yield path


def _from_file(hass: HomeAssistant, attachment: Attachment, path: Path) -> Found:
    """Take one file; an error concerns this one alone, also where a glob has more."""
    real = path.resolve()
    if not hass.config.is_allowed_path(str(real)):
        return [AttachmentError("not_allowed", attachment.label)]
    try:
        return file_part(attachment, real, path.name)
    except AttachmentError as err:
        return [err]
    except OSError as err:
        return [unavailable(attachment.label, reason_of(err))]


def file_part(
    attachment: Attachment, path: Path, name: str, declared: str = ""
) -> Found:
    """Make a body part of a file, of which only the first octets are read."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as err:
        raise AttachmentError("not_found", attachment.label) from err
    # Anything else could be endless, or wait for a writer.
    if not stat.S_ISREG(mode):
        raise AttachmentError("not_supported", attachment.label)
    with path.open("rb") as file:
        head = file.read(_SIGNATURE_LENGTH)
    guess, encoding = mimetypes.guess_type(name)
    guessed = (guess or "") if not encoding else ""
    return as_part(attachment, path, head, name, declared, guessed)


class Reads:
    """Reads a few files at a time, in threads of their own.

    A share that hangs must not block the others. A read can be left, but not ended: its
    thread stays until it returns.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MAX_READS)
        self._running: set[asyncio.Future[Any]] = set()

    async def run[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run a function that reads files.

        Raises TimeoutError at once where as many as may hang do so.
        """
        if sum(running.cancelled() for running in self._running) >= MAX_READS:
            raise TimeoutError
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        over: asyncio.Future[T] = loop.create_future()

        def ended(tell: Callable[[], None]) -> None:
            # It has nothing left to do; and who waits may be gone as soon as it knows.
            thread.join()
            self._free.release()
            self._running.remove(over)
            if not over.cancelled():
                tell()

        def work() -> None:
            try:
                tell = partial(over.set_result, read(*args))
            except Exception as err:  # noqa: BLE001 - it is raised where it is awaited
                tell = partial(over.set_exception, err)
            # Home Assistant may have stopped meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(ended, tell)

        self._running.add(over)
        # A daemon: Home Assistant does not wait for it when it stops.
        thread = Thread(target=work, name=f"{DOMAIN} read", daemon=True)
        thread.start()
        return await over


_READS: HassKey[Reads] = HassKey(f"{DOMAIN}_reads")


@callback
def async_reads(hass: HomeAssistant) -> Reads:
    """Return the one for all messages."""
    return hass.data.setdefault(_READS, Reads())
