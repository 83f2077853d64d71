"""Drafts a Modbus profile from recorded registers, each shown in the types and word orders that devices use.

Registers have neither names nor types. Plausible values are marked, and the word order in which most numbers are plausible is proposed.
A person with the manual or in front of the display must decide which metric a number is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent.lab.draft import guesses_of
from agent.modbus import WORDS, NumberType, WordOrder, decode
from agent.profile import DEVICE_CLASSES
from rackflow.plural import count_of, first_of
from rackflow.process.yaml_edit import yaml_value
from rackflow.recording import BITS, RegisterRecording, RegisterTable

ORDERS: Final[tuple[WordOrder, ...]] = ("big", "little-swapped", "big-swapped", "little")
# Range of plausible measurements, in any unit: from a leak of 0.01 L/min to the Wh of a decade. Chosen values.
SMALLEST: Final = 1e-3
LARGEST: Final = 1e7
# A 32-bit counter is shown in the first word order in which it is below this, the largest plausible count: 10^8 minutes are 190 years.
LARGEST_COUNT: Final = 100_000_000
# Registers in a row that must be printable to be taken for text. A chosen value: two registers of a number look like four letters now and
# then.
MIN_TEXT_WORDS: Final = 3
# Bits that are listed in a comment by their number; the rest is counted. Chosen: a line that is still read.
MOST_LISTED: Final = 40


def is_plausible(number: object) -> bool:
    """Whether a float may be a reading. 0 says nothing about the order and is not counted."""
    return isinstance(number, float) and SMALLEST <= abs(number) <= LARGEST


def draft_registers(recording: RegisterRecording, name: str, device_class: str) -> str:
    """The text of the drafted profile."""
    unit = recording.units[0]
    tables: dict[RegisterTable, dict[int, int]] = {}
    for (at_unit, table, address), value in sorted(recording.values.items()):
        if at_unit == unit:
            tables.setdefault(table, {})[address] = value
    words = {table: registers for table, registers in tables.items() if table not in BITS}
    order, votes = likely_order(list(words.values()))
    usual = max(words or tables, key=lambda table: len(tables[table]))
    size = count_of(sum(map(len, tables.values())), "register")
    said = ", ".join(f"{each} {votes[each]}" for each in ORDERS)
    lines = [
        "# yaml-language-server: $schema=profile.schema.json",
        f"# Draft from a recording of unit {unit}: {size}. Everything below is a guess from numbers",
        "# alone. Keep what the manual or the device's display confirms, name its metric (METRICS.md), and delete the rest.",
        "version: 1",
        f"profile: {yaml_value(name)}",
        f"class: {device_class} # or {', '.join(DEVICE_CLASSES)}",
        "protocol: modbus",
        "title: what it is, for people",
        "source: the manual with its edition",
        "evidence: unverified",
        "identity: {vendor: [{text: who made it}]}",
        f"modbus: {{table: {usual}, order: {order}, unit: {unit}}} # floats that are plausible in each order: {said}",
        "points: []",
        "# Copy a line below `points:`, without its #, and put metric, labels and unit in place of the question marks.",
    ]
    for table, registers in tables.items():
        part = (
            _bit_lines(table, registers)
            if table in BITS
            else _word_lines(table, registers, order, "" if table == usual else f", table: {table}")
        )
        lines += ["#", *part]
    return "\n".join([*lines, ""])


def likely_order(tables: Sequence[Mapping[int, int]]) -> tuple[WordOrder, dict[WordOrder, int]]:
    """The word order in which most pairs of registers are plausible floats, and how many are in each."""
    votes = dict.fromkeys(ORDERS, 0)
    for whole in tables:
        registers = _without_texts(whole)
        for run in _runs(registers):
            # Round floats end in zeros, so the second half of one and the first half of the next may look like a float, too. Therefore only
            # one alignment counts in each run.
            counts = [{order: _plausible_pairs(registers, run, start, order) for order in ORDERS} for start in (0, 1)]
            best_start = max(counts, key=lambda each: max(each.values()))
            for order, count in best_start.items():
                votes[order] += count
    best = max(ORDERS, key=lambda order: votes[order])
    return (best if votes[best] else "big"), votes


def _without_texts(registers: Mapping[int, int]) -> dict[int, int]:
    """The registers that are not part of a text: two letters would look like a plausible float."""
    kept: dict[int, int] = {}
    for run in _runs(registers):
        at = run.start
        while at < run.stop:
            if text := _text(registers, at, run.stop):
                at += (len(text) + 1) // 2
            else:
                kept[at] = registers[at]
                at += 1
    return kept


def _plausible_pairs(registers: Mapping[int, int], run: range, start: int, order: WordOrder) -> int:
    return sum(
        is_plausible(_number(registers, at, "float32", order)) for at in range(run.start + start, run.stop - 1, 2)
    )


def _number(registers: Mapping[int, int], at: int, kind: NumberType, order: WordOrder) -> object:
    return decode((registers[at], registers[at + 1]), kind, order) if at + 1 in registers else None


def _runs(registers: Mapping[int, int]) -> Iterator[range]:
    """Runs of adjacent registers."""
    start = last = -1
    for at in sorted(registers):
        if at != last + 1 and start >= 0:
            yield range(start, last + 1)
        start, last = (start if at == last + 1 and start >= 0 else at), at
    if start >= 0:
        yield range(start, last + 1)


def _word_lines(table: RegisterTable, registers: Mapping[int, int], order: WordOrder, where: str) -> Iterator[str]:
    for run in _runs(registers):
        yield f"# {table} {run.start} to {run.stop - 1}; * marks what is plausible"
        yield (
            f"#   {'register':>8}  {'hex':<9}  {'uint16':>6} {'int16':>6}  {'float32 ' + ORDERS[0]:>14} {ORDERS[1]:>14} "
            f"{ORDERS[2]:>14} {ORDERS[3]:>14}  {'uint32 big':>12} {'little-swapped':>14}"
        )
        at, floats = run.start, False
        while at < run.stop:
            if text := _text(registers, at, run.stop):
                words = (len(text) + 1) // 2
                yield f"#   {at:>8}  text {text!r}: {{register: {at}, words: {words}}} in `identity`"
                at += words
                continue
            kind, own = _kind(registers, at, run, order, floats=floats)
            floats = kind == "float32"
            yield _word_line(registers, at, pair=WORDS[kind] > 1)
            yield f"#   - {_suggestion(registers, at, kind=kind, own=own, order='' if own == order else f', order: {own}', where=where)}"
            at += WORDS[kind]


def _kind(
    registers: Mapping[int, int], at: int, run: range, order: WordOrder, *, floats: bool
) -> tuple[NumberType, WordOrder]:
    """The type that is most likely here, and its order."""
    first, second = registers[at], registers[at + 1] if at + 1 < run.stop else None
    if second is not None:
        if is_plausible(_number(registers, at, "float32", order)) or (first == second == 0 and floats):
            return "float32", order
        # A 32-bit counter has 0 in its high register for years.
        if (at - run.start) % 2 == 0 and (first == 0) != (second == 0):
            return "uint32", "big" if first == 0 else "little-swapped"
    return ("int16" if first > 0x7FFF else "uint16"), order  # noqa: PLR2004


def _word_line(registers: Mapping[int, int], at: int, *, pair: bool) -> str:
    raw = registers[at]
    second = f" {registers[at + 1]:04x}" if pair else ""
    line = f"#   {at:>8}  {raw:04x}{second:<5}  {raw:>6} {decode((raw,), 'int16', 'big'):>6}"
    if at + 1 in registers:
        floats = [_number(registers, at, "float32", order) for order in ORDERS]
        line += "  " + " ".join(f"{_shown(number):>14}" for number in floats)
        counts = [_number(registers, at, "uint32", order) for order in ("big", "little-swapped")]
        shown = [
            f"{number}{'*' if isinstance(number, int) and 0 < number < LARGEST_COUNT else ''}" for number in counts
        ]
        line += f"  {shown[0]:>12} {shown[1]:>14}"
    return line


def _shown(number: object) -> str:
    if not isinstance(number, float):
        return "none"
    return f"{number:.6g}{'*' if is_plausible(number) else ''}"


def _suggestion(
    registers: Mapping[int, int], at: int, *, kind: NumberType, own: WordOrder, order: str, where: str
) -> str:
    words = [registers[at + each] for each in range(WORDS[kind])]
    number = decode(words, kind, own)
    found = (
        {guess.rpartition(" in ")[0]: guess for guess in reversed(guesses_of([number]))}
        if isinstance(number, int | float) and number
        else {}
    )
    maybe = f" # might be {', or '.join(reversed(found.values()))}" if found else ""
    return f"{{metric: ?, register: {at}{where}, type: {kind}{order}, unit: ?}}{maybe}"


def _text(registers: Mapping[int, int], at: int, stop: int) -> str:
    """The text that begins here, if it is one: letters and digits in several registers."""
    found = b""
    while at < stop and all(0x20 <= octet < 0x7F for octet in registers[at].to_bytes(2, "big")):  # noqa: PLR2004 - printable ASCII
        found += registers[at].to_bytes(2, "big")
        at += 1
    is_text = len(found) >= 2 * MIN_TEXT_WORDS and sum(chr(octet).isalnum() for octet in found) > len(found) / 2
    return found.decode("ascii") if is_text else ""


def _bit_lines(table: RegisterTable, bits: Mapping[int, int]) -> Iterator[str]:
    raised = [at for at, value in sorted(bits.items()) if value]
    shown = first_of([str(at) for at in raised], MOST_LISTED)
    yield f"# {table} {min(bits)} to {max(bits)}, {len(bits)} bits; set are {shown or 'none'}"
    yield f"#   - {{metric: ?, register: {min(bits)}, table: {table}}}"
