"""What a former owner had read of a device that it gave up; who may claim the devices of an agent that is retired or gone."""

from pathlib import Path

from collector.receive.owners import RELEASED_MS, SILENT_MS, Owners
from tests.collector.ingest_rig import BATCH, BUDGETS
from tests.collector.receive.test_owners import NOW_MS, admitted, of, opened


def test_what_a_long_silent_owner_had_read_of_a_device_is_history_for_a_day_after_it_gave_it_up() -> None:
    owners, given_up_ms = Owners(BUDGETS), NOW_MS + 2 * RELEASED_MS
    assert admitted(owners, BATCH) == "claimed"
    owners.release("cas1", "gw-3", "cdu-07", given_up_ms)
    for after_ms, verdict in ((60_000, "history"), (RELEASED_MS, "history"), (RELEASED_MS + 1, "claimed")):
        owners.sweep(given_up_ms + after_ms)
        assert admitted(owners, of("gw-3", BATCH, time=NOW_MS + 1), given_up_ms + after_ms) == verdict


def test_all_devices_of_an_agent_that_is_retired_may_be_claimed_by_others() -> None:
    owners = Owners(BUDGETS)
    devices = ("cdu-07", "pdu-1", "ups-1")
    for device in devices:
        admitted(owners, of("gw-3", BATCH, device=device))
    owners.release_agent("cas1", "gw-3", NOW_MS)
    assert [admitted(owners, of("gw-4", BATCH, device=device)) for device in devices] == ["claimed"] * 3


async def test_a_restart_does_not_restart_the_month_of_silence(tmp_path: Path) -> None:
    """Else a collector that is restarted once a month would keep every name for ever, until there is no room for another agent."""
    owners, file = opened(tmp_path)
    admitted(owners, BATCH)
    await file.close()
    later_ms = NOW_MS + SILENT_MS + 1
    owners, file = opened(tmp_path, at_ms=later_ms)
    owners.sweep(later_ms)
    assert (owners.knows("cas1", "gw-3"), owners.devices_of("cas1", "gw-3")) == (False, [])
    await file.close()


def test_the_devices_of_an_agent_that_is_gone_are_anybodys_after_a_month_however_many_others_are_heard() -> None:
    """Also where one of them has its name, at another site."""
    owners, later_ms = Owners(BUDGETS), NOW_MS + SILENT_MS + 1
    admitted(owners, BATCH)
    for agent, site in (("gw-4", "cas1"), ("gw-3", "cas2")):
        admitted(owners, of(agent, BATCH, device="pdu-1"), later_ms, site)
    owners.sweep(later_ms)
    assert admitted(owners, of("gw-4", BATCH), later_ms) == "claimed"


async def test_a_device_that_is_named_for_another_agent_after_a_month_of_silence_keeps_what_the_former_one_read(
    tmp_path: Path,
) -> None:
    """Its owner was away for long and delivers its backlog now."""
    owners, file = opened(tmp_path)
    admitted(owners, BATCH)
    await file.close()
    later_ms = NOW_MS + SILENT_MS + 1
    owners, file = opened(tmp_path, {("cas1", "cdu-07"): "gw-4"}, later_ms)
    owners.sweep(later_ms)
    assert admitted(owners, of("gw-3", BATCH, time=NOW_MS + 60_000), later_ms) == "history"
    await file.close()


async def test_agents_of_an_earlier_version_without_owners_are_still_admitted_after_a_restart(tmp_path: Path) -> None:
    """Else names that somebody makes up could take their places before they have sent anything."""
    owners, file = opened(tmp_path)
    owners.seed([("cas1", "gw-3", "cdu-07")], NOW_MS)
    await file.close()
    owners, file = opened(tmp_path)
    assert owners.knows("cas1", "gw-3")
    await file.close()
