"""When a line that only its voltage shows counts as fitted."""

from collections.abc import Mapping, Sequence

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.poll.planned_cells import PlannedCells
from agent.profile import RawValue, is_use_ref
from agent.snmp.seam import SnmpValue
from tests.agent.memory_peers import MemorySnmp
from tests.agent.poll.test_outage import DARK, SHIPPED, UPS, Bench, lines, polled, volts


@pytest.mark.parametrize(("polls", "found"), [((1,), {"L1": 0.0}), ((2,), DARK), ((1, 1, 1), {"L1": 0.0})])
async def test_a_line_is_there_from_then_on_once_two_polls_in_a_row_have_shown_it_in_use(
    polls: tuple[int, ...], found: dict[str, float]
) -> None:
    """One odd answer of a line that is not fitted would be reported as a line without power for good."""
    bench = Bench("rfc1628-ups", lines((230, 0, 0), (230, 0, 0)))
    await bench.read()
    for times in polls:
        bench.client.values |= lines((230, 230, 230), (230, 0, 0))
        for _ in range(times):
            await bench.poller.poll("slow", 1e9)
        bench.client.values |= lines((230, 0, 0), (230, 0, 0))
        await bench.poller.poll("slow", 1e9)
    await bench.read(lines((0, 0, 0), (230, 0, 0)))
    assert volts(await bench.read(), "input") == found


async def test_lines_of_another_device_at_the_same_address_are_none_of_this_one() -> None:
    """A spare with the address of the UPS it is for. Its lines would be reported as lines without power once the UPS is back."""
    model = f"{UPS}.1.2.0"
    own = lines((230, 0, 0), (230, 0, 0)) | {model: b"one line"}
    spare = lines((230, 230, 230), (230, 0, 0)) | {model: b"three lines"}
    bench = Bench("rfc1628-ups", own)
    await bench.read()
    # Within the pause between two openings.
    for answers in (spare, spare, spare, own):
        bench.client.values |= answers
        await bench.poller.poll("slow", 1e9)
    await bench.open()
    bench.client.values |= lines((0, 0, 0), (230, 0, 0))
    assert volts(await bench.read(), "input") == {"L1": 0.0}


class OddWhenWalked(MemorySnmp):
    """A card that garbles a voltage when its table is read, and has it right when it is asked for that cell."""

    garbled: Mapping[str, SnmpValue] = {}

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        found = await super().walk(oid, limit)
        return found | {each: value for each, value in self.garbled.items() if each in found}


@pytest.mark.parametrize("odd", [230, 75, b"230"])
async def test_a_line_that_only_one_answer_of_the_opening_shows_in_use_is_none(odd: SnmpValue) -> None:
    """It would be reported as a line without power for good, as what was in use is never forgotten."""
    client = OddWhenWalked(lines((230, 0, 0), (230, 0, 0)))
    client.garbled = {f"{UPS}.3.3.1.3.2": odd}
    poller = SnmpPoller(Device(id="d", host="h", credential="c", profile="rfc1628-ups"), SHIPPED, client)
    await poller.open()
    assert volts(await polled(poller), "input") == {"L1": 230.0}
    client.garbled = {}
    client.values |= lines((0, 0, 0), (230, 0, 0))
    assert volts(await polled(poller), "input") == {"L1": 0.0}


@pytest.mark.parametrize(
    ("second", "is_used"), [({}, True), ({"V": None}, True), ({"V": b"?"}, True), ({"V": 0}, False), ({"V": 9}, False)]
)
async def test_a_cell_that_a_busy_card_does_not_answer_again_is_believed(
    second: dict[str, RawValue], *, is_used: bool
) -> None:
    asked: list[list[str]] = []
    cell = f"{UPS}.3.3.1.3.1"

    async def read_again(refs: Sequence[str]) -> dict[str, RawValue]:
        asked.append(list(refs))
        return dict.fromkeys([cell], second["V"]) if second else {}

    cells: dict[str, RawValue] = {cell: 230}
    planned = PlannedCells()
    for _ in range(2):  # a line that was in use before is not asked for again
        await planned.add_use(SHIPPED["rfc1628-ups"].loaded(), {"input": ["1"]}, cells, read_again)
    assert any(is_use_ref(ref) for ref in cells) is is_used
    assert asked == [[cell]]
