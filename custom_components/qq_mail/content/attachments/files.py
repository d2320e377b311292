"""Makes body parts of files, which are read when the mail is composed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
import glob
from itertools import islice
import mimetypes
import os
from pathlib import Path, PurePath
import stat

from homeassistant.core import HomeAssistant

from ...const import MAX_MATCHES
from ..errors import AttachmentError
from .fetched import Fetched, as_part, joined, reason_of, shown, unavailable
from .models import Attachment
from .signatures import SIGNATURE_LENGTH


def from_path(hass: HomeAssistant, attachment: Attachment) -> Fetched:
    """Take a file, or all that match a glob, from the allowed folders."""
    value, label = attachment.value, attachment.label
    if not is_path(value):
        raise AttachmentError("not_found", label)
    path = Path(hass.config.config_dir, value)
    real = path.resolve()
    allowed = hass.config.is_allowed_path(str(real))
    # A name may have brackets without being a glob.
    if not glob.has_magic(value) or (allowed and path.exists()):
        if not allowed:
            raise AttachmentError("not_allowed", label)
        return file_part(attachment, real, PurePath(value).name)

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
    results = [_from_match(hass, attachment, path) for path in paths[:MAX_MATCHES]]
    if len(paths) > MAX_MATCHES:
        failure = AttachmentError("too_many", label, number=str(MAX_MATCHES))
        results.append(Fetched(failures=(failure,)))
    return joined(results)


def is_path(text: str) -> bool:
    """Whether the system can have a file of that name at all."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


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


def _from_match(hass: HomeAssistant, attachment: Attachment, path: Path) -> Fetched:
    """Take one of a glob's files; an error concerns this file alone."""
    attachment = replace(attachment, label=shown(path.name))
    real = path.resolve()
    if not hass.config.is_allowed_path(str(real)):
        return Fetched(failures=(AttachmentError("not_allowed", attachment.label),))
    try:
        return file_part(attachment, real, path.name)
    except AttachmentError as err:
        return Fetched(failures=(err,))
    except OSError as err:
        return Fetched(failures=(unavailable(attachment.label, reason_of(err)),))


def file_part(
    attachment: Attachment, path: Path, name: str, declared: str = ""
) -> Fetched:
    """Make a body part of a file, of which only the first octets are read."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as err:
        raise AttachmentError("not_found", attachment.label) from err
    # Anything else could be endless, or wait for a writer.
    if not stat.S_ISREG(mode):
        raise AttachmentError("not_supported", attachment.label)
    with path.open("rb") as file:
        head = file.read(SIGNATURE_LENGTH)
    guess, encoding = mimetypes.guess_type(name)
    guessed = (guess or "") if not encoding else ""
    return as_part(attachment, path, head, name, declared, guessed)
