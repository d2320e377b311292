"""A mail server's name, as people write and paste it."""

from ipaddress import ip_address
import re

from ..mime.address import tidy

_MAX_LENGTH = 253
"""Octets of a name with its dots (RFC 1035 section 2.3.4)."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,20}://")
# The underscore is none of RFC 1123's, but names in a house may have it.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PORT = re.compile(r"[0-9]{1,5}")


class InvalidHostError(ValueError):
    """A text that is not the name or the address of a server."""


def read_host(text: str) -> tuple[str, int | None]:
    """Return the host, and the port if one was written with it.

    Understands `host`, `host:port`, `[IPv6]:port`, IPv6 without brackets, and all
    of them inside a URL. The name is returned in ASCII, as A-labels (RFC 5890).

    Raises InvalidHostError.
    """
    text = tidy(text).lower()
    if scheme := _SCHEME.match(text):
        text = text[scheme.end() :]
    text = re.split(r"[/?#]", text, maxsplit=1)[0]
    if _is_ip_address(text):
        return text, None
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    if port and not _PORT.fullmatch(port):
        raise InvalidHostError
    return _read_name(host), int(port) if port else None


def _read_name(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        if not _is_ip_address(host[1:-1]):
            raise InvalidHostError
        return host[1:-1]
    # The root's dot, which certificates do not have.
    host = host.removesuffix(".")
    if len(host) > _MAX_LENGTH:
        raise InvalidHostError
    try:
        # As the system does when it looks a name up.
        ascii_host = host.encode("idna").decode()
    except UnicodeError as err:
        raise InvalidHostError from err
    if len(ascii_host) > _MAX_LENGTH or not all(
        _LABEL.fullmatch(label) for label in ascii_host.split(".")
    ):
        raise InvalidHostError
    return ascii_host


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return text.isprintable() and " " not in text
