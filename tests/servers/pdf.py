"""Reads texts and colours from the pages of a PDF that Chromium printed.

Reads what Skia writes, and nothing else: objects one after the other, content streams deflated, texts as glyphs of two bytes with a table
to Unicode for each font (PDF 32000-1, 9.10.3). A package that reads every PDF would be one more dependency for one test.
"""

import re
import unicodedata
import zlib
from dataclasses import dataclass

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb" stream\r?\n(.*)\nendstream", re.DOTALL)
_FONT = re.compile(rb"/(F\d+) (\d+) 0 R")
_SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-F]+)> Tj|([\d.]+) ([\d.]+) ([\d.]+) rg")
_BLOCK = re.compile(rb"begin(bfchar|bfrange)\n(.*?)end", re.DOTALL)
_HEX = re.compile(rb"<([0-9A-F]+)>")


@dataclass(frozen=True)
class PrintedPage:
    """One page. `text` has no blanks, because words are drawn piece by piece."""

    text: str
    fills: frozenset[tuple[float, float, float]]
    """Colours of texts and areas: red, green, blue from 0 to 1."""
    inks: frozenset[tuple[float, float, float]]
    """Colours of texts alone."""


def printed_pages(pdf: bytes) -> list[PrintedPage]:
    """The pages in their order."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    fonts: dict[int, dict[int, str]] = {}
    pages = []
    for body in objects.values():
        if b"/Type /Page\n" not in body:
            continue
        names = {}
        for name, number in _FONT.findall(body):
            font = int(number)
            if font not in fonts:
                fonts[font] = _characters(_inflated(objects[_reference(objects[font], b"ToUnicode")]))
            names[name] = fonts[font]
        pages.append(_page(_inflated(objects[_reference(body, b"Contents")]), names))
    return pages


def _page(content: bytes, fonts: dict[bytes, dict[int, str]]) -> PrintedPage:
    text, fills, inks, font = [], set(), set(), dict[int, str]()
    colour = 0.0, 0.0, 0.0  # of a page at its beginning
    for name, glyphs, red, green, blue in _SHOWN.findall(content):
        if name:
            font = fonts[name]
        elif red:
            colour = float(red), float(green), float(blue)
            fills.add(colour)
        else:
            inks.add(colour)
            text += [font.get(int(glyphs[at : at + 4], 16), "\ufffd") for at in range(0, len(glyphs), 4)]
    return PrintedPage(without_blanks("".join(text)), frozenset(fills), frozenset(inks))


def without_blanks(text: str) -> str:
    """A text as `PrintedPage.text` has it: without ligatures as well, which are characters of their own in a PDF."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _reference(body: bytes, name: bytes) -> int:
    found = re.search(rb"/" + name + rb" (\d+) 0 R", body)
    assert found is not None, name
    return int(found[1])


def _inflated(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found is not None
    # What is deflated may end with a byte that looks like the end of a line, and knows its own end.
    return zlib.decompressobj().decompress(found[1]) if b"/FlateDecode" in body[: found.start()] else found[1]


def _characters(table: bytes) -> dict[int, str]:
    """Characters by glyph."""
    found: dict[int, str] = {}
    for kind, block in _BLOCK.findall(table):
        for line in block.splitlines():
            numbers = _HEX.findall(line)
            if kind == b"bfchar":
                found[int(numbers[0], 16)] = bytes.fromhex(numbers[1].decode()).decode("utf-16-be")
            elif numbers:
                first, last, to = (int(each, 16) for each in numbers)
                found |= {glyph: chr(to + glyph - first) for glyph in range(first, last + 1)}
    return found
