"""Serves the files of the page: script, style and icon, as they are in the package. Nothing is built, and nothing comes from elsewhere.

Their address contains the hash of all of them, so browsers may cache them for a year. A collector of another version has other addresses:
a page that is open during an upgrade finds its files gone, and reloads itself.
"""

import gzip
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files

from aiohttp import web

from collector.web.sending import send
from collector.web.shared import Rendered

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""A second line of defence behind text nodes and escaping: no script or style in the page itself, and nothing of another host."""
# `private`: behind a password no shared cache may keep them. They never change under their address.
_CACHED = "private, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content_type: str
    body: Rendered
    tag: str


class Assets:
    """All files of the page, read once."""

    def __init__(self) -> None:
        self._files = {}
        whole = blake2b(digest_size=8)
        for file in sorted(files("collector.web").joinpath("static").iterdir(), key=lambda each: each.name):
            content_type = _TYPES.get(file.name.rpartition(".")[2])
            if content_type is None:
                continue
            plain = file.read_bytes()
            whole.update(file.name.encode() + b"\0" + plain)
            tag = f'"{blake2b(plain, digest_size=8).hexdigest()}"'
            self._files[file.name] = Asset(content_type, Rendered(plain, gzip.compress(plain, 9, mtime=0)), tag)
        self.version = whole.hexdigest()
        """Hash of all names and contents."""

    @property
    def scripts(self) -> list[str]:
        """Names of the modules."""
        return [name for name in self._files if name.endswith(".js")]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """/static/{version}/{name}."""
        asset = self._files.get(request.match_info["name"])
        if asset is None or request.match_info["version"] != self.version:
            text = "no such file of this version of the page; load the page again\n"
            return web.Response(status=404, text=text, headers={"Cache-Control": "no-store"})
        headers = {
            "Content-Type": asset.content_type,
            "Content-Security-Policy": PAGE_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": _CACHED,
            "ETag": asset.tag,
        }
        if asset.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers={**headers, "Vary": "Accept-Encoding"})
        return await send(request, asset.body, headers)
