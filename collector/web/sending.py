"""Writes a body part by part, so that a slow reader holds little of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from aiohttp import web

from collector.web.shared import Pieces, Rendered

# Sent at a time, so that the buffers of a slow reader hold no more of a page than this and asyncio's 64 kB.
PART_BYTES = 64 * 1024


async def send(request: web.Request, page: Rendered | Pieces, headers: Mapping[str, str]) -> web.StreamResponse:
    """Write a page part by part, each once the client has room for it."""
    accepted = {part.replace(" ", "").lower() for part in request.headers.get("Accept-Encoding", "").split(",")}
    # A weight of 0 refuses it, with up to three zeros behind the point (RFC 9110, 12.4.2).
    is_asked_for = any(each == "gzip" or (each.startswith("gzip;q=") and each[7:].strip("0.")) for each in accepted)
    body: Sequence[bytes]
    if isinstance(page, Pieces):
        zipped = is_asked_for
        body = await page.compressed() if zipped else page.plain
    else:
        zipped = is_asked_for and page.zipped != b""
        body = [await page.compressed() if zipped else page.plain]
    response = web.StreamResponse(headers={**headers, "Vary": "Accept-Encoding"})
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.content_length = sum(map(len, body))
    await response.prepare(request)
    if request.method != "HEAD":
        for each in _joined(body):
            for part in pieces_of(each):
                await response.write(part)
    await response.write_eof()
    return response


def pieces_of(body: bytes) -> Iterator[bytes]:
    """The bytes in pieces that are written one after the other, each once the client has room for it."""
    return (body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES))


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces: writing one takes as long as copying some 64 kB."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        if size and size + len(piece) > PART_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(piece)
        size += len(piece)
    yield b"".join(waiting)
