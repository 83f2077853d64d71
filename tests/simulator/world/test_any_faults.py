"""Any faults at any time, one upon the other: energy is kept, every reading is a number in its range, and all can be mended."""

from random import Random

import pytest

from rackflow.catalogue import catalogue
from rackflow.series import parse_series_key
from simulator.world.breaker import Breaker
from simulator.world.faults import WORLD_FAULTS, Fault
from tests.simulator.faulty import Site

EXTREMES = {"valve_stuck": (0.0, 1.0), "battery_failing": (0.01, 0.5), "air_in_loop": (0.01, 0.24)}


def any_fault(site: Site, chance: Random) -> Fault:
    """A fault of power or cooling that something in the site can have."""
    kinds = [kind for kind in sorted(WORLD_FAULTS) if WORLD_FAULTS[kind].targets(site.world)]
    kind = chance.choice(kinds)
    target = chance.choice(sorted(WORLD_FAULTS[kind].targets(site.world)))
    more: dict[str, object] = {}
    if kind == "phase_loss":
        more = {"phase": chance.choice(["L1", "L2", "L3"])}
    if kind == "pump_failure":
        more = {"pump": chance.choice([1, 2, 3])}
    if kind in EXTREMES:
        more = {"value": chance.uniform(*EXTREMES[kind])}
    return Fault.model_validate({"fault": kind, "target": target, **more})


def faults_of_readings(site: Site) -> list[str]:
    """Readings that are no finite number in the range of their metric."""
    found = []
    for device in site.world.site.devices:
        for series, value in site.instruments.read(device).items():
            metric = catalogue().get(parse_series_key(series)[0])
            # A dead line has 0 Hz, which agents leave out as absent.
            is_dead = metric is not None and metric.unit == "hertz" and value == 0
            if isinstance(value, float) and metric is not None and not metric.plausible(value) and not is_dead:
                found.append(f"{device} {series} {value}")
    return found


# A hall takes twenty times as long as the small site, and has the same kinds of parts.
@pytest.mark.parametrize(
    ("name", "seed"), [*(("edge", seed) for seed in range(9)), *(("ai-hall", seed) for seed in range(3))]
)
def test_whatever_faults_come_and_go_energy_is_balanced_and_the_site_recovers(name: str, seed: int) -> None:
    site, chance = Site(name), Random(seed)  # noqa: S311 - the same faults in every run
    begun = []
    for _ in range(12):
        begun.append(any_fault(site, chance))
        site.faults.begin(begun[-1])
        site.world.advance(chance.choice([1, 7, 40, 90]))
        assert site.balanced(), begun
        assert not faults_of_readings(site), begun
        if chance.random() < 0.3:
            site.faults.end(begun.pop(chance.randrange(len(begun))))
    for fault in begun:
        site.faults.end(fault)
    for breaker in WORLD_FAULTS["breaker_trip"].targets(site.world).values():
        assert isinstance(breaker, Breaker)
        breaker.reset()  # which may have tripped of what the faults did
    site.world.advance(900)
    assert site.all_served()
    assert site.balanced()
    assert {ups.mode for ups in site.world.network.ups.values()} == {"normal"}
