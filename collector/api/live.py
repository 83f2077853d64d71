"""The documents that streams show at this moment, with versions: each is computed once for all of its viewers. No I/O.

There are no queues. A stream asks for what is new since the version that it has: it gets the last patch if it has the version before, the
whole document otherwise. So a slow client costs nothing but its connection, and skips versions instead of getting them late.
"""

from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from collector.api.merge_patch import merge_patch_steps
from rackflow.process.slices import run_through

# Kept for so long without a viewer: a page that is loaded again, or has lost its connection for a moment, gets its floor at once.
IDLE_S = 15.0
# Parts at a time, of all streams together. Their documents have up to 1 MB for a campus without rooms; a page shows about four.
MAX_PARTS = 256


class PartName(NamedTuple):
    """Names a part: the site, the kind of document, and which room or device."""

    site: str
    kind: str
    of: str = ""

    @property
    def shown(self) -> str:
        """The name as it is asked for and sent: `floor`, `floor:hall-1`, `device:ups-1`."""
        return f"{self.kind}:{self.of}" if self.of else self.kind


@dataclass(slots=True)
class Part:
    """One document and its last change. `version` is 0 before it was made."""

    name: PartName
    version: int = 0
    viewers: int = 0
    idle_since: float = 0.0
    due_at: float = 0.0
    """Monotonic seconds before which it is not made again; set by whoever makes it."""
    document: Mapping[str, Any] = field(default_factory=dict)
    _patch: bytes = b""
    _whole: bytes = b""

    def update(self, document: Mapping[str, Any]) -> bool:
        """All of `update_steps` at once."""
        return run_through(self.update_steps(document))

    def update_steps(self, document: Mapping[str, Any]) -> Generator[None, None, bool]:
        """Take a new document; return whether it differs from the last one. Yields after each slice."""
        patch = (yield from merge_patch_steps(self.document, document)) if self.version else None
        if patch is not None and not patch:
            return False
        self.version += 1
        self.document = document
        # The whole document is encoded only when a stream needs it, not every second.
        self._patch = self._event({"patch": patch}) if patch is not None else b""
        self._whole = b""
        return True

    def since(self, version: int) -> bytes:
        """The event that brings a client from `version` to the present one; empty if there is nothing new."""
        if version == self.version:
            return b""
        if version and version == self.version - 1:
            return self._patch
        if not self._whole:
            self._whole = self._event({"whole": self.document})
        return self._whole

    def _event(self, data: object) -> bytes:
        # JSON has no line breaks outside of strings, and in them they are escaped, so that no data can end an event.
        head = f"event: {self.name.shown}\nid: {self.version}\ndata: ".encode()
        return head + msgspec.json.encode(data) + b"\n\n"


class Live:
    """The parts that some stream shows."""

    def __init__(self) -> None:
        self._parts: OrderedDict[PartName, Part] = OrderedDict()

    def join(self, names: Sequence[PartName]) -> list[Part] | None:
        """The parts that a new viewer shows; None if there are too many different ones."""
        if self._are_too_many(names):
            # Those that nobody shows are kept only because somebody may come back to them.
            self._parts = OrderedDict((name, part) for name, part in self._parts.items() if part.viewers)
            if self._are_too_many(names):
                return None
        found = []
        for name in dict.fromkeys(names):
            part = self._parts.setdefault(name, Part(name))
            part.viewers += 1
            found.append(part)
        return found

    def _are_too_many(self, names: Sequence[PartName]) -> bool:
        return len(self._parts.keys() | set(names)) > MAX_PARTS

    def leave(self, parts: Sequence[Part], now: float) -> None:
        """Note that a stream with these parts has ended."""
        for part in parts:
            part.viewers -= 1
            part.idle_since = now

    @property
    def is_watched(self) -> bool:
        """Whether any stream is open."""
        return any(part.viewers for part in self._parts.values())

    def due(self, now: float) -> list[Part]:
        """The parts to make now: first those common to all viewers, then those made longest ago. Forgets parts without viewers."""
        for name in [name for name, part in self._parts.items() if not part.viewers and now - part.idle_since > IDLE_S]:
            del self._parts[name]
        found = [part for part in self._parts.values() if part.viewers and now >= part.due_at]
        return sorted(found, key=lambda part: (part.name.kind == "device", part.due_at))
