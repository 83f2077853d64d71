"""Devices of a simulated site on the wire: the real agent recognises them and reads exactly what their instruments show, as rounded."""

import math
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml

from agent.config_file import load_agent_config
from agent.lab.read import read_device
from agent.poll.factory import PollerFactory
from agent.readings import Readings
from rackflow.errors import DeviceTimeout
from rackflow.site import load_site, parse_site
from simulator.site.maker import campus, site_yaml
from simulator.wire.fleet import Fleet, families
from simulator.world import World
from simulator.world.instruments import Instruments
from tests.agent.shipped import shipped_profiles
from tests.simulator.snmp.netsnmp import V2C, records

SITES = Path(__file__).resolve().parents[3] / "simulator" / "sites"


class Running:
    """A fleet that is served, and the agent beside it."""

    def __init__(self, fleet: Fleet, config: Path) -> None:
        self.fleet = fleet
        self.world = fleet.world
        self.config = config

    async def read(
        self, device: str, *, profile: str | None = None, port: int | None = None, timeout_s: float = 5.0
    ) -> Readings:
        config = load_agent_config(self.config)
        (found,) = (each for each in config.devices if each.id == device)
        found = found.model_copy(
            update={"timeout_s": timeout_s, "retries": 0, **({"profile": profile} if profile else {})}
        )
        found = found.model_copy(update={"port": port} if port else {})
        identified, readings, _ = await read_device(PollerFactory(shipped_profiles()), config, found, time.time())
        if profile:
            assert identified.profile == self.fleet.devices[device].family
        return readings


@asynccontextmanager
async def running(
    site: Path, folder: Path, only: Collection[str] = (), *, mixed: bool = False
) -> AsyncIterator[Running]:
    """With `only`, these devices alone: a hall's 160 PDUs take their time."""
    world = World(load_site(site), seed=1)
    world.advance(400)
    fleet = Fleet(world, Instruments(world), only=only, mixed=mixed)
    async with AsyncExitStack() as stack:
        await fleet.start(stack)
        config = folder / "agent.yaml"
        config.write_text(yaml.safe_dump(fleet.agent_config(str(site))), encoding="utf-8")
        yield Running(fleet, config)


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(SITES / "edge.yaml", tmp_path) as it:
        yield it


async def test_the_agent_reads_what_every_snmp_device_shows(edge: Running) -> None:
    assert await compared_readings(edge) > 500


async def test_a_mixed_campus_has_twelve_families_and_the_agent_reads_what_each_shows(tmp_path: Path) -> None:
    path = tmp_path / "campus.yaml"
    path.write_text(site_yaml(campus(racks=2)), encoding="utf-8")
    of_each = {family: device for device, family in families(load_site(path), mixed=True)}
    assert len(of_each) == 12
    assert len({family for _, family in families(load_site(path))}) == 7
    async with running(path, tmp_path, only=of_each.values(), mixed=True) as it:
        assert await compared_readings(it) > 150


async def compared_readings(site: Running) -> int:
    """Compares every reading of every SNMP device; returns how many."""
    compared = 0
    for device in site.fleet.devices.values():
        expected = site.fleet.expected(device.id)
        if not expected:
            continue
        readings = await site.read(device.id, profile="auto")
        found: dict[str, float | str] = {**readings.values, **readings.states}
        for series, value in expected.items():
            assert found[series] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-9)), device.id
        assert not readings.bad
        compared += len(expected)
    return compared


@pytest.mark.parametrize(
    "metric", ["dcim_ups_battery_runtime_seconds", "dcim_ups_output_frequency_hertz"], ids=["TimeTicks", "Gauge32"]
)
async def test_an_object_without_sign_whose_sensor_is_saturated_gives_no_number(tmp_path: Path, metric: str) -> None:
    """It must not look like 255 counts: a runtime of 2.55 s would be an alarm."""
    site = load_site(SITES / "edge.yaml")
    ups = next(device for device, family in families(site) if family == "apc-ups")
    async with running(SITES / "edge.yaml", tmp_path, only=[ups]) as it:
        it.fleet.instruments.distortions[ups] = [lambda readings, _: readings.update({metric: math.inf})]
        it.fleet.instruments.clear_cache()
        readings = await it.read(ups)
    assert metric not in readings.values
    assert metric in readings.bad


async def test_the_agent_reads_what_meters_show(edge: Running) -> None:
    for meter, section in edge.world.site.meters.items():
        shown = edge.fleet.instruments.read(meter)
        values = (await edge.read(meter)).values
        role = section.role
        for line in ("L1", "L2", "L3"):
            watts = shown[f"dcim_meter_phase_power_watts{{phase={line}}}"]
            assert values[f"dcim_meter_phase_power_watts{{phase={line},role={role}}}"] == pytest.approx(watts, rel=1e-6)
        assert values[f"dcim_meter_power_watts{{role={role}}}"] == pytest.approx(
            shown["dcim_meter_power_watts"], rel=1e-6
        )
        energy = values[f"dcim_meter_energy_joules_total{{direction=import,role={role}}}"]
        assert energy == int(edge.world.meters_j[meter] / 3600) * 3600


CDU_STEPS = {
    "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}": 0.1 / 60_000,
    "dcim_cdu_supply_temperature_celsius{loop=secondary}": 0.1,
    "dcim_cdu_return_temperature_celsius{loop=secondary}": 0.1,
    "dcim_cdu_supply_pressure_pascals{loop=secondary}": 100,
    "dcim_cdu_return_pressure_pascals{loop=secondary}": 100,
    "dcim_cdu_power_watts": 0.1,
    "dcim_cdu_ambient_temperature_celsius": 0.1,
    "dcim_cdu_pump_speed_rpm{pump=1}": 1,
    "dcim_cdu_flow_setpoint_cubic_meters_per_second{loop=secondary}": 0.1 / 60_000,
}


async def test_the_agent_reads_what_cdus_show(tmp_path: Path) -> None:
    cdus = [*load_site(SITES / "ai-hall.yaml").cdus]
    async with running(SITES / "ai-hall.yaml", tmp_path, only=cdus) as it:
        for cdu in cdus:
            shown, readings = it.fleet.instruments.read(cdu), await it.read(cdu)
            for series, step in CDU_STEPS.items():
                value = shown[series]
                assert isinstance(value, float)
                assert readings.values[series] == pytest.approx(round(value / step) * step, rel=1e-9)
            assert readings.states["dcim_cdu_pump_state{pump=3}"] == "standby"
            assert readings.states["dcim_cdu_reservoir_level_state{reservoir=main}"] == "ok"
            assert not readings.bad


async def test_hundreds_of_devices_are_served_from_one_process() -> None:
    world = World(parse_site(site_yaml(campus(128)), "campus"))
    fleet = Fleet(world, Instruments(world))
    async with AsyncExitStack() as stack:
        await fleet.start(stack)
        assert len(fleet.devices) > 700
        addresses = {(type(device.server), device.server.port) for device in fleet.devices.values()}
        assert len(addresses) == len(fleet.devices)
        last = fleet.devices["pdu-hall-2-h8-b4"]
        walked = await records("snmpbulkwalk", *V2C, f"127.0.0.1:{last.server.port}", ".1.3.6.1.4.1.13742.6.5")
        assert len(walked) > 30


async def test_what_has_no_power_does_not_answer(edge: Running) -> None:
    pdu = edge.world.network.pdus["pdu-a01-a"]
    pdu.breaker.tripped = True
    edge.world.advance(1)
    edge.fleet.follow_power()
    with pytest.raises(DeviceTimeout):
        await edge.read("pdu-a01-a", timeout_s=0.5)
    await edge.read("pdu-a01-b")
    pdu.breaker.reset()
    edge.world.advance(1)
    edge.fleet.follow_power()
    assert (await edge.read("pdu-a01-a")).values["dcim_pdu_input_power_watts{inlet=1}"] > 0
