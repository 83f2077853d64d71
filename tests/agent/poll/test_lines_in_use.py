"""When a line that only its voltage shows counts as fitted."""

import pytest

from tests.agent.poll.test_outage import DARK, Bench, lines, volts


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
