"""The code blocks of the documentation, each with what its page says about it in a comment that readers do not see.

<!-- example: not run: REASON -->         it is not executed, and why
<!-- example: part of collector.yaml -->  what kind of document it is
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "deploy").rglob("*.md"),
        *REPOSITORY.glob("*.md"),
    ]
)
# The comment stands on the line before the block, indented as the block is.
_BLOCK = re.compile(
    r"(?:^ *<!-- example: (?P<note>[^\n]*?) -->\n)?^(?P<indent> *)```(?P<language>[\w{}-]+)\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
NOT_RUN = "not run: "


@dataclass(frozen=True, slots=True)
class Block:
    """One block: page, number of its first line, language, text without indentation, and the comment."""

    page: str
    line: int
    language: str
    text: str
    note: str

    @property
    def reason(self) -> str:
        """Why it is not executed; empty if it is."""
        return self.note.removeprefix(NOT_RUN) if self.note.startswith(NOT_RUN) else ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        body = textwrap.dedent(found["text"])
        yield Block(str(page.relative_to(REPOSITORY)), line, found["language"], body, found["note"] or "")


def all_blocks() -> list[Block]:
    """The blocks of all pages."""
    return [block for page in PAGES for block in blocks_of(page)]
