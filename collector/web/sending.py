"""Writes a body part by part, so that a slow reader holds little of it."""

from collections.abc import Mapping

from aiohttp import web

from collector.web.shared import Rendered

# Sent at a time, so that the buffers of a slow reader hold no more of a page than this and asyncio's 64 kB.
PART_BYTES = 64 * 1024


async def send(request: web.Request, page: Rendered, headers: Mapping[str, str]) -> web.StreamResponse:
    """Write a page part by part, each once the client has room for it."""
    accepted = {part.replace(" ", "").lower() for part in request.headers.get("Accept-Encoding", "").split(",")}
    zipped = page.zipped != b"" and any(
        each == "gzip" or (each.startswith("gzip;") and not each.endswith("q=0")) for each in accepted
    )
    body = await page.compressed() if zipped else page.plain
    response = web.StreamResponse(headers={**headers, "Vary": "Accept-Encoding"})
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.content_length = len(body)
    await response.prepare(request)
    if request.method != "HEAD":
        await send_parts(response, body)
    await response.write_eof()
    return response


async def send_parts(response: web.StreamResponse, body: bytes) -> None:
    """Write bytes, each part once the client has room for it."""
    for start in range(0, len(body), PART_BYTES):
        await response.write(body[start : start + PART_BYTES])
