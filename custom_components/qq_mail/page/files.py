"""The page's own files: read once, served from memory, with their version in the path."""

from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import web

from homeassistant.components.http import HomeAssistantView

_FOLDER: Final = Path(__file__).parent / "web"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}
_FILES: Final = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir())}
VERSION: Final = sha256(b"".join(_FILES.values())).hexdigest()[:12]
"""Of all of them: a page that is open knows by it that it is an old one."""
_PATH: Final = "/api/qq_mail/page"
MODULE_URL: Final = f"{_PATH}/{VERSION}/page.js"


class FilesView(HomeAssistantView):
    """Serves the files to everybody, as Home Assistant does its own: no data is in it."""

    url = f"{_PATH}/{{version}}/{{name}}"
    name = "api:qq_mail:page"
    requires_auth = False

    async def get(self, _request: web.Request, version: str, name: str) -> web.Response:
        """Answer with a file of this version; others are gone."""
        if version != VERSION or name not in _FILES:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.Response(
            body=_FILES[name],
            content_type=_TYPES[Path(name).suffix],
            charset="utf-8",
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )
