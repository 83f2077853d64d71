"""Records a live Modbus device: those of the named registers that it has, with serial numbers removed."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.modbus import ModbusClient, sunspec_serials, words_of
from agent.profile import Profile, plan_device, planning_registers
from rackflow.errors import ConfigError, DeviceProtocolError
from rackflow.recording import BITS, Place, RegisterTable

# Most registers read from one unit. At the default rate and 32 registers a request, reading them takes a minute; a refused block adds up to
# two requests per register. Chosen value.
MAX_REGISTERS = 20_000
_RANGE = re.compile(r"(?:(coil|discrete|holding|input):)?(\d+)(?:-(\d+))?")
# Addresses have 16 bits.
_LAST = 0xFFFF
# Illegal function: the device does not have this whole table, so halving the block would be useless.
NO_SUCH_TABLE = 1
# Exceptions that mean a register does not exist. Illegal data address (2) is correct; some send illegal data value (3) or device
# failure (4). Busy and gateway exceptions are not among them: they say nothing about the register.
ABSENT_EXCEPTIONS = (NO_SUCH_TABLE, 2, 3, 4)
# This many registers in a row with printable characters count as text: 8 characters, the length of a short serial number. Fewer would
# take ordinary numbers for text (one register in seven is printable by chance) and spoil the recording.
_TEXT_WORDS = 4


@dataclass(frozen=True, slots=True)
class Span:
    """Adjacent registers of one table."""

    table: RegisterTable
    address: int
    count: int


def parse_span(text: str) -> Span:
    """`holding:100-120`, `input:7`, `40-60` (holding). Raises ConfigError."""
    match = _RANGE.fullmatch(text)
    if not match:
        raise ConfigError(f"--registers: {text!r} is not a range; write it like holding:100-120 or input:7")
    table: RegisterTable = match[1] or "holding"  # type: ignore[assignment]  # the pattern names all four
    first, last = int(match[2]), int(match[3] or match[2])
    if not first <= last <= _LAST:
        raise ConfigError(f"--registers: {text!r} is not ascending, or goes beyond {_LAST}")
    return Span(table, first, last - first + 1)


def spans_of(profile: Profile) -> list[Span]:
    """The registers that a profile reads on any device, including those of conditions, probes and the identity."""
    whole = profile.model_copy(update={"points": [each.model_copy(update={"when": []}) for each in profile.points]})
    plan = plan_device(whole, {}, {}, None)
    found = [Span(each.table, each.address, each.words) for each in planning_registers(profile)]
    found += [
        Span(block.table, block.address + field.offset, field.words)
        for part in plan.classes.values()
        for block in part.blocks
        for field in block.fields
    ]
    for sources in (
        profile.identity.vendor,
        profile.identity.model,
        profile.identity.serial,
        profile.identity.firmware,
    ):
        for source in sources:
            if source.register_ is not None:
                words = words_of(source.type, source.words)
                found.append(Span(source.table or profile.modbus.table, source.register_, words))
    return list(dict.fromkeys(found))


class ModbusWalker:
    """Reads spans of one unit at a bounded rate, and counts the requests."""

    def __init__(self, client: ModbusClient, unit: int, rate: float) -> None:
        self._client = client
        self._unit = unit
        self._pause_s = 1.0 / rate
        self._due = 0.0
        self.requests = 0

    async def record(self, portions: Sequence[Span], done: Callable[[], None] = lambda: None) -> dict[Place, int]:
        """The registers that the device has; `done` is called for each portion. Raises DeviceError if it stops answering."""
        found: dict[Place, int] = {}
        for span in portions:
            async for at, value in self._read(span):
                found[self._unit, span.table, at] = value
            done()
        return found

    async def _read(self, span: Span) -> AsyncIterator[tuple[int, int]]:
        # A refused block is halved until only the registers that cause the refusal are left out.
        waiting = [span]
        while waiting:
            part = waiting.pop()
            await self._turn()
            try:
                values = await self._client.read(self._unit, part.table, part.address, part.count)
            except DeviceProtocolError as refusal:
                if refusal.code not in ABSENT_EXCEPTIONS:
                    raise
                if (half := part.count // 2) and refusal.code != NO_SUCH_TABLE:
                    waiting.append(Span(part.table, part.address + half, part.count - half))
                    waiting.append(Span(part.table, part.address, half))
                continue
            for at, value in enumerate(values, part.address):
                yield at, value

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._due - loop.time()))
        self._due = loop.time() + self._pause_s
        self.requests += 1


class NotedLink:
    """A `ModbusClient` that keeps the registers that the client behind it has sent."""

    def __init__(self, client: ModbusClient) -> None:
        self._client = client
        self.values: dict[Place, int] = {}

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        words = await self._client.read(unit, table, address, count)
        self.values |= {(unit, table, at): word for at, word in enumerate(words, address)}
        return words

    async def close(self) -> None:
        """See `ModbusClient.close`."""
        await self._client.close()


def portions_of(spans: Sequence[Span], most: int) -> Iterator[Span]:
    """The registers of all spans, each once, as spans of at most `most` adjacent registers."""
    wanted = {(span.table, at) for span in spans for at in range(span.address, span.address + span.count)}
    if len(wanted) > MAX_REGISTERS:
        raise ConfigError(f"{len(wanted)} registers, more than {MAX_REGISTERS}; name smaller ranges")
    run: list[tuple[RegisterTable, int]] = []
    for place in sorted(wanted):
        if run and (place != (run[0][0], run[-1][1] + 1) or len(run) >= most):
            yield Span(*run[0], len(run))
            run = []
        run.append(place)
    if run:
        yield Span(*run[0], len(run))


def redacted(values: dict[Place, int], profile: Profile | None) -> dict[Place, int]:
    """The registers without serial numbers.

    Registers that the profile reads as the serial number become 0; its other registers are kept. In registers that the profile
    does not read, digits within text become "0", because an unknown device may have a serial number in any text.
    """
    clean = dict(values)
    named = set() if profile is None else {(span.table, at) for span in spans_of(profile) for at in _addresses(span)}
    secret = set() if profile is None else {(span.table, at) for span in _serials(profile) for at in _addresses(span)}
    if profile is not None and profile.modbus.sunspec:
        secret |= {("holding", at) for at in sunspec_serials({place[2]: value for place, value in values.items()})}
    for place in values:
        if place[1:] in secret:
            clean[place] = 0
    for run in _texts([place for place in sorted(values) if place[1] not in BITS and place[1:] not in named], values):
        for place in run:
            pair = re.sub(rb"\d", b"0", values[place].to_bytes(2, "big"))
            clean[place] = int.from_bytes(pair, "big")
    return clean


def _addresses(span: Span) -> range:
    return range(span.address, span.address + span.count)


def _serials(profile: Profile) -> Iterator[Span]:
    for source in profile.identity.serial:
        if source.register_ is not None:
            table = source.table or profile.modbus.table
            yield Span(table, source.register_, words_of(source.type, source.words))


def _texts(places: Sequence[Place], values: dict[Place, int]) -> Iterator[list[Place]]:
    """Runs of adjacent registers with printable characters, at least `_TEXT_WORDS` long."""
    run: list[Place] = []
    for place in [*places, None]:
        octets = b"" if place is None else values[place].to_bytes(2, "big")
        follows = bool(run) and place == (*run[-1][:2], run[-1][2] + 1)
        if follows and _is_printable(octets):
            run.append(place)  # type: ignore[arg-type]  # None follows nothing
            continue
        if len(run) >= _TEXT_WORDS:
            # A text of an odd number of characters ends within a register; which half is used depends on the device's order.
            if follows and place is not None and 0 in octets and _is_printable(octets.strip(b"\0")):
                run.append(place)
            yield run
        run = [place] if place and _is_printable(octets) else []


def _is_printable(octets: bytes) -> bool:
    return bool(octets) and all(0x20 <= octet < 0x7F for octet in octets)  # noqa: PLR2004 - printable ASCII
