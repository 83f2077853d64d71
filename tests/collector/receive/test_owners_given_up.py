"""What a former owner had read of a device that it gave up."""

from collector.receive.owners import RELEASED_MS, Owners
from tests.collector.inlet import BATCH, BUDGETS
from tests.collector.receive.test_owners import NOW_MS, admitted, of


def test_what_a_long_silent_owner_had_read_of_a_device_is_history_for_a_day_after_it_gave_it_up() -> None:
    owners, given_up_ms = Owners(BUDGETS), NOW_MS + 2 * RELEASED_MS
    assert admitted(owners, BATCH) == "claimed"
    owners.release("cas1", "gw-3", "cdu-07", given_up_ms)
    for after_ms, verdict in ((60_000, "history"), (RELEASED_MS, "history"), (RELEASED_MS + 1, "claimed")):
        owners.sweep(given_up_ms + after_ms)
        assert admitted(owners, of("gw-3", BATCH, time=NOW_MS + 1), given_up_ms + after_ms) == verdict
