"""How a running simulation keeps up with real time, and with several faults at once."""

from typing import Any

import pytest

from simulator.site import Simulation, shipped_or_file
from simulator.site.simulation import in_whole_steps
from simulator.world.faults import Fault

POINT = "dcim_env_temperature_celsius{sensor=1}"


@pytest.mark.parametrize(
    ("due_s", "computed_s"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (1.2, 1.0), (15.0, 15.0), (15.3, 15.0)]
)
def test_a_tick_computes_whole_steps_or_a_part_of_one(due_s: float, computed_s: float) -> None:
    assert in_whole_steps(due_s) == computed_s


@pytest.fixture
def demo() -> Simulation:
    return Simulation(shipped_or_file("demo")[0], seed=1)


async def end(simulation: Simulation, number: int) -> None:
    await simulation.execute({"order": "clear", "number": number})


async def test_a_fault_that_goes_on_is_not_mended_by_the_end_of_another_one_of_its_target(demo: Simulation) -> None:
    """As keys 3 and 4 of the demo: a pump of cdu-1, and all of them."""
    pump = await demo.begin(Fault(fault="pump_failure", target="cdu-1", pump=2))
    all_pumps = await demo.begin(Fault(fault="all_pumps_failure", target="cdu-1"))
    leak = await demo.begin(Fault(fault="leak", target="b-loop", value=2))
    burst = await demo.begin(Fault(fault="burst", target="b-loop", value=60))
    await end(demo, all_pumps.number)
    await end(demo, leak.number)
    assert demo.world.cdus["cdu-1"].failed_pumps == {2}
    assert demo.world.loops["b-loop"].leak_m3_s == pytest.approx(60 / 60_000)
    await end(demo, pump.number)
    await end(demo, burst.number)
    assert demo.world.cdus["cdu-1"].failed_pumps == set()
    assert demo.world.loops["b-loop"].leak_m3_s == 0


async def test_a_device_stays_silent_until_the_last_of_its_silences_has_ended(demo: Simulation) -> None:
    device = demo.fleet.devices["pdu-b3-b"]
    numbers = [
        (await demo.begin(Fault(fault="timeout", target="pdu-b3-b", for_s=for_s))).number for for_s in (None, 600.0)
    ]
    boots = device.server.boots  # type: ignore[union-attr]  # it speaks SNMP
    numbers.append((await demo.begin(Fault(fault="reboot", target="pdu-b3-b", for_s=600.0))).number)
    for number in numbers:
        assert device.server.mute
        await end(demo, number)
    assert not device.server.mute
    assert device.server.boots == boots + 1, "it has booted once"  # type: ignore[union-attr]  # as above


@pytest.mark.parametrize("more", [{"fault": "sensor_stuck"}, {"fault": "sensor_drift", "value": 0.5}])
async def test_the_same_fault_of_a_sensor_begun_twice_ends_twice(demo: Simulation, more: dict[str, Any]) -> None:
    true = demo.instruments.read_without_faults("pdu-a3-a")[POINT]
    fault = Fault(target="pdu-a3-a", point=POINT, for_s=3.0, **more)
    await demo.begin(fault)
    await demo.advance(2.0)
    await demo.begin(fault)
    await demo.advance(6.0)
    assert demo.timeline.active == {}
    assert demo.instruments.distortions["pdu-a3-a"] == []
    assert demo.instruments.read("pdu-a3-a")[POINT] == pytest.approx(true, abs=1.0)
