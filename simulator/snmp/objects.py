"""The objects of a simulated SNMP device, and its answers to GET, GETNEXT, GETBULK and SET."""

import enum
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from rackflow.recording import COUNTER64, Record, RecordValue

# OIDs whose coding is remembered, because pollers ask for the same ones again and again, and the devices of a family have the same.
OIDS_KEPT: Final = 16_384

Key = tuple[int, ...]
LiveValue = RecordValue | Callable[[], RecordValue]
"""A value, or a function that computes it for each request."""


class Absent(enum.Enum):
    """Why there is no value: the exceptions of RFC 3416, 3."""

    NO_SUCH_OBJECT = enum.auto()
    NO_SUCH_INSTANCE = enum.auto()
    END_OF_MIB_VIEW = enum.auto()


Binding = tuple[Key, Record | Absent]
Part = TypeVar("Part")


class TooBigError(Exception):
    """The answer does not fit into a message."""


class SnmpObjects:
    """The objects of one device: records, some of them replaced by live values.

    While `circular` is true, the last object of each column is followed by its first one, as some broken devices do: a walk that
    does not check that OIDs increase never ends.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        # A sorted list beside the dictionary makes GETNEXT a bisection. Keys rarely change, so insertion may be linear.
        self.circular = False
        self._records = {record.key: record for record in records}
        self._live: dict[Key, Callable[[], RecordValue]] = {}
        self._keys = sorted(self._records)

    def set(self, oid: str, value: LiveValue, tag: str | None = None) -> None:
        """Serve this value from now on. Raises KeyError for an OID that the device does not have, unless `tag` gives its type."""
        key = parse_oid(oid)
        known = self._records.get(key)
        if known is None:
            if tag is None:
                raise KeyError(f"{oid}: the device has no such object; give its tag to add it")
            self._keys.insert(bisect_left(self._keys, key), key)
        kind = tag or (known.tag if known else "")
        self._live.pop(key, None)
        if callable(value):
            self._live[key] = value
            value = None
        self._records[key] = Record(oid, kind, value)

    def remove(self, oid: str) -> None:
        """Remove an object, as a device removes the row of an unplugged sensor. Raises KeyError if there is none."""
        key = parse_oid(oid)
        del self._records[key]
        self._live.pop(key, None)
        self._keys.remove(key)

    def value(self, oid: str) -> RecordValue:
        """The value that a GET would return now. Raises KeyError if there is none."""
        return self._current(parse_oid(oid)).value

    def __contains__(self, oid: str) -> bool:
        return parse_oid(oid) in self._records

    def get(self, keys: Sequence[Key]) -> list[Binding]:
        """Answer to GET."""
        return [(key, self._find(key)) for key in keys]

    def get_next(self, keys: Sequence[Key], *, counter64: bool = True) -> list[Binding]:
        """Answer to GETNEXT. Without `counter64` such objects are skipped: SNMPv1 cannot carry them (RFC 3584, 4.2)."""
        return [self._after(key, counter64=counter64) for key in keys]

    def get_bulk(self, keys: Sequence[Key], non_repeaters: int, max_repetitions: int) -> Iterator[Binding]:
        """Answer to GETBULK without regard to its size; see `as_many_as_fit`."""
        once = max(0, non_repeaters)
        yield from map(self._after, keys[:once])
        row = list(keys[once:])
        # The requester's max-repetitions may be huge; the loop ends when every column has ended, if not before with the room.
        for _ in range(max_repetitions):
            bindings = [self._after(key) for key in row]
            yield from bindings
            if all(answer is Absent.END_OF_MIB_VIEW for _, answer in bindings):
                break
            row = [key for key, _ in bindings]

    def _current(self, key: Key) -> Record:
        record = self._records[key]
        live = self._live.get(key)
        return Record(record.oid, record.tag, live()) if live else record

    def _find(self, key: Key) -> Record | Absent:
        if key in self._records:
            return self._current(key)
        # A sibling in the same column means that the object exists but not this instance.
        parent = key[:-1]
        at = bisect_left(self._keys, parent)
        siblings = at < len(self._keys) and self._keys[at][: len(parent)] == parent
        return Absent.NO_SUCH_INSTANCE if siblings else Absent.NO_SUCH_OBJECT

    def _after(self, key: Key, *, counter64: bool = True) -> Binding:
        if self.circular and key in self._records:
            return self._within_column(key)
        for at in range(bisect_right(self._keys, key), len(self._keys)):
            found = self._keys[at]
            if counter64 or self._records[found].tag != COUNTER64:
                return found, self._current(found)
        return key, Absent.END_OF_MIB_VIEW

    def _within_column(self, key: Key) -> Binding:
        column = [other for other in self._keys if other[:-1] == key[:-1]]
        found = column[(column.index(key) + 1) % len(column)]
        return found, self._current(found)


def parse_oid(oid: str) -> Key:
    """The numbers of a dotted OID."""
    return tuple(map(int, oid.removeprefix(".").split(".")))


def binding_size(binding: Binding) -> int:
    """Octets of one variable binding in BER.

    An upper bound that needs no encoding: lengths above 127 count as three octets even where two are enough. A few octets fewer in
    an answer do no harm; one too many would break the device's limit.
    """
    key, answer = binding
    value = 0 if isinstance(answer, Absent) else _value_size(answer.value)
    size = _wrapped_oid_size(key) + _wrapped(value)
    return _wrapped(size)


def fitting(bindings: list[Binding], room: int) -> list[Binding]:
    """The same, if they take at most `room` octets. Raises TooBigError."""
    if sum(map(binding_size, bindings)) > room:
        raise TooBigError
    return bindings


def as_many_as_fit(each: Iterable[Part], size: Callable[[Part], int], room: int, at_least: int) -> list[Part]:
    """The first ones that take at most `room` octets. Raises TooBigError if not even `at_least` of them do, or not even one."""
    found = list[Part]()
    for one in each:
        room -= size(one)
        if room < 0:
            if len(found) < max(1, at_least):
                raise TooBigError
            break
        found.append(one)
    return found


def _value_size(value: RecordValue) -> int:
    if isinstance(value, int):
        return value.bit_length() // 8 + 1
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, str):
        return _oid_size(parse_oid(value))
    return 0 if value is None else 7  # an Opaque float: tag, length and four octets within three of its own


@lru_cache(OIDS_KEPT)
def _wrapped_oid_size(key: Key) -> int:
    return _wrapped(_oid_size(key))


def _oid_size(key: Key) -> int:
    return sum(max(1, -(-arc.bit_length() // 7)) for arc in key)


def _wrapped(size: int) -> int:
    """The size with tag and length octets in front."""
    return size + (2 if size < 128 else 4)  # noqa: PLR2004 - the longest content whose length takes one octet
