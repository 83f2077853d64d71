"""Agents of two sites share their names: what one gives up says nothing of the other's devices."""

import pytest

from collector.budgets import Budgets
from collector.receive.owners import Owners
from tests.collector.ingest_rig import BATCH, BUDGETS
from tests.collector.polls import hello
from tests.collector.receive.test_owners import NOW_MS, admitted, of


def test_an_agent_that_is_retired_gives_up_all_of_its_devices_and_its_namesake_at_another_site_none() -> None:
    owners = Owners(BUDGETS)
    devices = ("cdu-07", "cdu-08", "cdu-09")
    for site in ("cas1", "cas2"):
        for device in devices:
            assert admitted(owners, of("gw-3", BATCH, device=device), site=site) == "claimed"
    owners.release_agent("cas1", "gw-3", NOW_MS)
    assert [admitted(owners, of("gw-4", BATCH, device=device)) for device in devices] == ["claimed"] * 3
    assert [admitted(owners, of("gw-4", BATCH, device=device), site="cas2") for device in devices] == ["owner"] * 3


def test_what_an_agent_polls_no_more_is_given_up_at_its_own_site_only() -> None:
    owners = Owners(BUDGETS)
    for site in ("cas1", "cas2"):
        assert admitted(owners, BATCH, site=site) == "claimed"
    admitted(owners, hello("gw-3"))
    assert (owners.devices_of("cas1", "gw-3"), owners.devices_of("cas2", "gw-3")) == ([], ["cdu-07"])


def test_each_of_the_two_limits_is_logged_once_with_the_key_that_raises_it(caplog: pytest.LogCaptureFixture) -> None:
    """An error for each message of a thousand made-up agents would fill the disk, and the second limit is reached by somebody else."""
    owners = Owners(Budgets(BUDGETS.common, agents=2, sites=1))
    for number in range(3):
        for name, site in ((f"gw-{number}", "cas1"), (f"gw-{number}", f"made-up-{number}")):
            admitted(owners, hello(name, site=site), site=site)
    assert [each.getMessage().partition(" at this")[0] for each in caplog.records] == [
        "1 site known already; made-up-0 is refused",
        "2 agents known already; gw-2 is refused",
    ]
    assert [
        each.getMessage().endswith(key)
        for each, key in zip(caplog.records, ("`sites`", "`budgets.agents`"), strict=True)
    ] == [True] * 2
