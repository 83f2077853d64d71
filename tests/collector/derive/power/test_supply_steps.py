"""Supplies from cycle to cycle, without a site: which devices keep their former values for how long, and which are without power."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from collector.derive.engine import STATED, Leaf, Plan, Reading, Values
from collector.derive.power.supplies import (
    DEAD,
    Cluster,
    Supplies,
    SupplyPlan,
    plan_supplies,
    slots_of_supplies,
)
from tests.collector.derive.hall import hall

POWER = "dcim_pdu_input_power_watts{inlet=1}"
VOLTAGE = "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}"
PHASES = ("dcim_pdu_phase_current_amperes{inlet=1,phase=L1}", "dcim_pdu_phase_current_amperes{inlet=1,phase=L2}")
SOURCE = "dcim_ups_output_source"
Feeds = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]


@dataclass(slots=True)
class Read:
    value: float | str
    expires_at: float
    life_s: float


class Rack:
    """One cluster of PDUs a, b and c, or of others; each has a power, a voltage and two phases."""

    def __init__(
        self,
        cluster: Cluster | None = None,
        feeds: Feeds | None = None,
        series: Sequence[str] = (POWER, VOLTAGE, *PHASES),
    ) -> None:
        everyone = ("a", "b", "c")
        plan = SupplyPlan((cluster or Cluster("rack", everyone, everyone, everyone),), feeds or {})
        names = dict.fromkeys([*plan.clusters[0].everyone, *(pdu for _, pdus in plan.feeds.values() for pdu in pdus)])
        keys = (*series, f"{STATED}{DEAD}")
        self.slots = {key: slot for slot, key in enumerate((name, key) for name in names for key in keys)}
        leaves = {name: tuple(Leaf(self.slots[name, key], name, key) for key in keys) for name in names}
        self.plan = Plan("cas1", leaves, (), (), tuple(leaf for each in leaves.values() for leaf in each), {})
        self.supplies = Supplies()
        self.supplies.slots = slots_of_supplies(plan, self.plan)
        self.latest: dict[str, dict[str, Reading]] = {}

    def read(self, at: float, life_s: float = 100.0, key: str = POWER, **watts: float | str) -> None:
        for name, value in watts.items():
            self.latest.setdefault(name, {})[key] = Read(value, at + life_s, life_s)

    def delayed(self, now: float, down: Sequence[str] = ()) -> set[str]:
        for _ in self.supplies.update_steps(lambda device: self.latest.get(device, {}), down, now):
            pass
        return set(self.supplies.delayed)


ALL = {"a", "b", "c"}


def test_a_load_that_grows_little_by_little_has_no_step() -> None:
    rack = Rack()
    rack.read(0.0, a=90.0, b=100.0, c=100.0)
    assert rack.delayed(1.0) == set()
    for now, watts in ((10.0, 120.0), (20.0, 150.0), (30.0, 190.0)):  # a quarter of the new value is none yet
        rack.read(now, a=watts)
        assert rack.delayed(now + 1.0) == set()
    rack.read(40.0, a=254.0)
    assert rack.delayed(41.0) == ALL


def test_after_a_step_each_that_answers_must_be_read_or_forty_seconds_must_pass() -> None:
    rack = Rack()
    rack.read(0.0, a=100.0, b=100.0, c=100.0)
    rack.delayed(1.0)
    rack.read(10.0, a=200.0)
    assert [rack.delayed(now) for now in (11.0, 49.9, 50.0, 51.0)] == [ALL, ALL, set(), set()]
    rack.read(60.0, a=400.0)
    assert rack.delayed(61.0) == ALL
    assert rack.delayed(62.0, down=["b", "c"]) == set()


def test_of_two_steps_at_once_the_later_one_is_waited_for() -> None:
    rack = Rack()
    rack.read(0.0, a=100.0, b=100.0, c=100.0)
    rack.delayed(1.0)
    rack.read(10.0, a=200.0)
    rack.read(12.0, c=100.0)
    rack.read(15.0, b=200.0)
    assert rack.delayed(16.0) == ALL
    rack.read(15.0, a=200.0, c=100.0)
    assert rack.delayed(17.0) == set()


def test_a_step_within_a_wait_begins_no_other_one_and_one_after_it_does() -> None:
    rack = Rack()
    rack.read(0.0, a=100.0, b=100.0, c=100.0)
    rack.delayed(1.0)
    rack.read(10.0, a=200.0)
    assert rack.delayed(11.0) == ALL
    rack.read(12.0, c=100.0)
    rack.read(15.0, b=200.0)
    assert [rack.delayed(now) for now in (16.0, 17.0)] == [set(), set()]
    rack.read(15.5, a=400.0)  # on its way when the others were released
    assert rack.delayed(18.0) == ALL


def test_who_is_silent_has_no_step_and_who_answers_again_has_one() -> None:
    rack = Rack()
    rack.read(5.0, b=100.0, c=100.0)
    rack.read(10.0, a=100.0)
    assert [rack.delayed(now, down=["a"]) for now in (11.0, 12.0, 13.0)] == [set(), set(), set()]
    rack.read(20.0, a=50.0)
    assert rack.delayed(21.0) == ALL


def test_a_reading_that_is_not_current_is_waited_for_no_more() -> None:
    rack = Rack()
    rack.read(0.0, b=100.0, c=100.0)
    rack.read(0.0, life_s=12.0, a=100.0)
    rack.delayed(1.0)
    rack.read(10.0, b=200.0, c=100.0)
    assert [rack.delayed(now) for now in (11.0, 12.0)] == [ALL, set()]


@pytest.mark.parametrize("grown", PHASES)
def test_a_device_carries_the_sum_of_its_phases_as_read_last(grown: str) -> None:
    rack = Rack()
    for key, amperes in ((grown, 2.0), (next(each for each in PHASES if each != grown), 10.0)):
        rack.read(0.0, key=key, a=amperes, b=10.0, c=10.0)
    rack.delayed(1.0)
    rack.read(10.0, key=grown, a=9.0)
    assert rack.delayed(11.0) == ALL


def test_a_reading_that_lives_longer_is_not_later() -> None:
    rack = Rack()
    rack.read(0.0, b=100.0, c=100.0)
    rack.read(0.0, life_s=30.0, a=100.0)
    rack.delayed(1.0)
    rack.read(10.0, life_s=30.0, a=200.0)
    assert rack.delayed(11.0) == ALL


def test_what_a_device_carries_is_kept_back_and_its_voltage_is_not() -> None:
    rack = Rack(Cluster("ups a", ("a",), ("a", "b"), ("a",)))
    rack.read(0.0, a=100.0, b=100.0)
    rack.delayed(1.0)
    rack.read(10.0, a=200.0)
    assert rack.delayed(11.0) == {"a"}
    before = Values(rack.plan)
    before.current = [1000.0 + slot for slot in range(len(rack.slots))]
    kept = {name: rack.slots["a", name] for name in (POWER, *PHASES)}
    expected = {slot: 1000.0 + slot for slot in kept.values()}
    expected |= {rack.slots[name, f"{STATED}{DEAD}"]: 0.0 for name in ("a", "b")}
    assert rack.supplies.values(before) == expected
    before.current[kept[POWER]] = None  # what was unknown cannot be kept
    del expected[kept[POWER]]
    assert rack.supplies.values(before) == expected


CARRIED = (
    POWER,
    *PHASES,
    "dcim_pdu_input_current_amperes{inlet=1}",
    "dcim_pdu_phase_power_watts{inlet=1,phase=L1}",
    "dcim_ups_output_power_watts{phase=L1}",
    "dcim_ups_output_total_power_watts",
    "dcim_meter_current_amperes{phase=L1,role=other}",
    "dcim_meter_power_watts{role=other}",
    "dcim_meter_phase_power_watts{phase=L1,role=other}",
)


@pytest.mark.parametrize("key", CARRIED)
def test_whatever_a_device_measures_of_its_load_steps_and_is_kept_back(key: str) -> None:
    """A rack PDU, a UPS, or the meter of a power shelf; many have one of these alone."""
    rack = Rack(series=(key,))
    rack.read(0.0, key=key, a=100.0, b=100.0, c=100.0)
    rack.delayed(1.0)
    rack.read(10.0, key=key, a=200.0)
    assert rack.delayed(11.0) == ALL
    before = Values(rack.plan)
    before.current = [100.0] * len(rack.slots)
    assert rack.supplies.values(before)[rack.slots["a", key]] == 100.0


@pytest.mark.parametrize("key", [*CARRIED, VOLTAGE, "dcim_meter_voltage_volts{phase=L1,role=other}"])
def test_whatever_a_dead_device_measured_of_its_supply_is_nothing(key: str) -> None:
    rack = Rack(feeds={"A": ((), ("x", "y"))}, series=(key,))
    rack.read(0.0, key=key, x=100.0, y=100.0)
    rack.delayed(1.0, down=["x", "y"])
    assert [rack.supplies.values(None)[rack.slots[name, key]] for name in ("x", "y")] == [0.0, 0.0]


def test_a_dead_device_has_neither_load_nor_voltage_though_its_cluster_waits() -> None:
    everyone = ("a", "b", "c", "d")
    rack = Rack(Cluster("rack", everyone, everyone, everyone), {"A": ((), ("a", "b")), "B": ((), ("c", "d"))})
    rack.read(0.0, a=100.0, b=100.0, c=100.0, d=100.0)
    rack.delayed(1.0)
    rack.read(10.0, c=200.0)
    assert rack.delayed(11.0, down=["a", "b"]) == set(everyone)
    before = Values(rack.plan)
    before.current = [7.0] * len(rack.slots)
    found = rack.supplies.values(before)
    for name, load, voltage, dead in (("a", 0.0, 0.0, 1.0), ("d", 7.0, None, 0.0)):
        values = [found.get(rack.slots[name, key]) for key in (POWER, *PHASES, VOLTAGE, f"{STATED}{DEAD}")]
        assert values == [load, load, load, voltage, dead]


def test_a_dead_device_that_shares_its_load_with_nobody_has_none() -> None:
    rack = Rack(feeds={"A": ((), ("x", "y"))})
    rack.read(0.0, x=100.0, y=100.0)
    rack.delayed(1.0, down=["x", "y"])
    found = rack.supplies.values(None)
    assert [found[rack.slots[name, POWER]] for name in ("x", "y")] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("pdus", "silent", "ups", "dead"),
    [
        ("abcd", "ab", {"u": "none"}, ""),  # one half is not more than a half
        ("abcd", "abc", {"u": "none"}, "abc"),
        ("abc", "ab", {"u": "none"}, "ab"),
        ("a", "a", {"u": "none"}, ""),  # one alone may have a broken network card
        ("ab", "ab", {"u": "none"}, "ab"),
        ("abc", "ab", {}, ""),  # without a UPS, all must be silent
        ("abc", "abc", {}, "abc"),
        ("abc", "abc", {"u": "none", "v": "normal"}, ""),  # one of its UPSs supplies
        ("abc", "abc", {"u": "none", "v": "bypass"}, ""),
        ("abc", "abc", {"u": "none", "v": "battery"}, ""),
        *(("abc", "abc", {"u": source}, "") for source in ("eco", "booster", "reducer", "other")),
        ("abc", "abcv", {"u": "none", "v": "normal"}, "abc"),  # that UPS is silent, too
        ("abc", "abc", {"u": "unknown"}, "abc"),
        ("abc", "abc", {"u": "expired"}, "abc"),
    ],
)
def test_silent_pdus_of_a_feed_are_dead_unless_it_can_be_the_network(
    pdus: str, silent: str, ups: dict[str, str], dead: str
) -> None:
    rack = Rack(feeds={"A": (tuple(ups), tuple(pdus)), "B": ((), ("x", "y", "z"))})
    for name, source in ups.items():
        life_s = 1.0 if source == "expired" else 100.0
        rack.read(0.0, life_s, SOURCE, **{name: "normal" if source == "expired" else source})
    rack.delayed(1.0, down=tuple(silent))
    assert rack.supplies.dead == set(dead)


def test_a_site_is_planned_by_its_racks_and_by_each_ups_with_the_pdus_of_the_other_feeds() -> None:
    """A rack on one feed has nobody to share with; a PDU of another feed beside a UPS may hand over to it."""
    found = plan_supplies(hall(("  - {id: pdu-a1-b, rack: a1, from: row-b, breaker_a: 32, phases: [L2]}\n", "")))
    a2_a, a2_b = ("pdu-a2-a1", "pdu-a2-a2"), ("pdu-a2-b1", "pdu-a2-b2")
    assert found.clusters == (
        Cluster("rack a2", (*a2_a, *a2_b), (*a2_a, *a2_b), (*a2_a, *a2_b)),
        Cluster("ups ups-a1", ("ups-a1",), ("ups-a1", *a2_b), ("ups-a1",)),
        Cluster("ups ups-a2", ("ups-a2",), ("ups-a2", *a2_b), ("ups-a2",)),
        Cluster("ups ups-b", ("ups-b",), ("ups-b", *a2_a), ("ups-b",)),
    )
    assert found.feeds == {"A": (("ups-a1", "ups-a2"), ("pdu-a1-a", *a2_a)), "B": (("ups-b",), a2_b)}


def test_a_ups_is_beside_the_pdus_of_all_its_racks() -> None:
    found = {each.name: each for each in plan_supplies(hall()).clusters}
    assert found["ups ups-b"].everyone == ("ups-b", "pdu-a1-a", "pdu-a2-a1", "pdu-a2-a2")
