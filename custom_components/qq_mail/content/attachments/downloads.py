"""Downloads from URLs into temporary files."""

from dataclasses import replace
import os
from pathlib import Path
import re
import shutil
from tempfile import mkstemp

from aiohttp import ClientResponse, hdrs
from yarl import URL

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ...const import DOMAIN, MAX_REDIRECTS
from ..errors import AttachmentError
from .fields import Attachment
from .parts import Found, file_part, megabytes, too_large, unavailable

_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 256 * 1024
# Encoded in a path it is part of the name, and yet may begin what is secret.
_MARK = re.compile(r"[?#]")


async def async_from_url(
    hass: HomeAssistant,
    attachment: Attachment,
    max_bytes: int,
    downloads: list[str],
) -> Found:
    """Download from an allowed URL; redirects have to be allowed, too."""
    session, asked = async_get_clientsession(hass), attachment.label
    url = read_url(attachment.value)
    for _ in range(MAX_REDIRECTS + 1):
        # It may be fetched whatever user and password it has.
        if not (url and hass.config.is_allowed_external_url(str(url.with_user(None)))):
            raise AttachmentError("url_not_allowed", attachment.label)
        if ".." in re.split(r"[/\\]", url.path):
            # A server may read as `..` what is encoded here, and leave an allowed path.
            raise AttachmentError("url_goes_up", attachment.label)
        async with session.get(
            url, allow_redirects=False, headers={hdrs.ACCEPT_ENCODING: "identity"}
        ) as response:
            if response.status == 200:  # noqa: PLR2004
                path = await _async_download(
                    hass, response, attachment.label, max_bytes, downloads
                )
                return await hass.async_add_executor_job(
                    file_part,
                    attachment,
                    path,
                    _MARK.split(url.name)[0] or str(url.host),
                    response.content_type,
                )
            if response.status not in _REDIRECTS:
                raise unavailable(attachment.label, f"HTTP {response.status}")
            url = read_url(response.headers.get(hdrs.LOCATION, ""), url)
            # No more than that: the rest may be as good as a password.
            there = url.origin() if url else "?"
            attachment = replace(attachment, label=f"{asked} → {there}")
    raise unavailable(asked, f"HTTP {response.status}")


async def _async_download(
    hass: HomeAssistant,
    response: ClientResponse,
    label: str,
    max_bytes: int,
    downloads: list[str],
) -> Path:
    """Write a body to a temporary file, and no more of it than may be sent."""
    if response.content_length and response.content_length > max_bytes:
        raise too_large(label, megabytes(response.content_length), max_bytes)
    path = await hass.async_add_executor_job(_new_file, _folder(hass), downloads)
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > max_bytes:
            raise too_large(label, f"> {megabytes(max_bytes)}", max_bytes)
        await hass.async_add_executor_job(_append, path, chunk)
    return path


def _folder(hass: HomeAssistant) -> Path:
    """Return the integration's folder in Home Assistant's cache, left out of backups."""
    return Path(hass.config.cache_path(DOMAIN))


def _new_file(folder: Path, downloads: list[str]) -> Path:
    """Make a temporary file that others cannot read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = mkstemp(dir=folder)
    downloads.append(name)
    os.close(number)
    return Path(name)


def _append(path: Path, chunk: bytes) -> None:
    # Not by "ab": that would make the file anew if it was removed meanwhile.
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(chunk)


def read_url(text: str, base: URL | None = None) -> URL | None:
    """Return a web address, which may be relative to a base; None if it is none."""
    try:
        url = base.join(URL(text)) if base else URL(text)
    except ValueError:
        return None
    return url if url.scheme in ("http", "https") and url.host else None


def remove(downloads: list[str]) -> None:
    """Remove the temporary files; blocks."""
    for name in downloads:
        Path(name).unlink(missing_ok=True)


def remove_all(hass: HomeAssistant) -> None:
    """Remove downloads of an earlier run that was killed; blocks."""
    shutil.rmtree(_folder(hass), ignore_errors=True)
