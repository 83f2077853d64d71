"""Faults between a device and who asks it: the real agent meets them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rackflow.errors import DeviceTimeout, DeviceUnreachable
from simulator.snmp.agent import SnmpDevice
from simulator.wire.faults import WireFaults
from simulator.world.faults import Fault
from tests.simulator.wire.test_fleet import SITES, Running, running


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[tuple[Running, WireFaults]]:
    async with running(SITES / "edge.yaml", tmp_path, only=("pdu-a01-a", "ups-a", "meter-it")) as it:
        yield it, WireFaults(it.fleet)


async def test_a_silent_device_times_out(wire: tuple[Running, WireFaults]) -> None:
    it, faults = wire
    for target in ("pdu-a01-a", "meter-it"):
        fault = Fault(fault="timeout", target=target)
        await faults.begin(fault)
        with pytest.raises(DeviceTimeout):
            await it.read(target, timeout_s=0.5)
        await faults.end(fault)
        assert (await it.read(target)).values


async def test_a_slow_device_answers_late_and_then_too_late(wire: tuple[Running, WireFaults]) -> None:
    it, faults = wire
    for target in ("pdu-a01-a", "meter-it"):
        await faults.begin(Fault(fault="slow", target=target, value=0.05))
        assert (await it.read(target)).values
        await faults.begin(Fault(fault="slow", target=target, value=2.0))
        with pytest.raises(DeviceTimeout):
            await it.read(target, timeout_s=0.5)


async def test_a_reboot_starts_time_and_boots_again(wire: tuple[Running, WireFaults]) -> None:
    it, faults = wire
    server = it.fleet.devices["ups-a"].server
    assert isinstance(server, SnmpDevice)
    boots = server.boots
    fault = Fault(fault="reboot", target="ups-a", for_s=20)
    await faults.begin(fault)
    with pytest.raises(DeviceTimeout):
        await it.read("ups-a", timeout_s=0.5)
    await faults.end(fault)
    assert server.boots == boots + 1
    assert (await it.read("ups-a")).values
    await faults.begin(Fault(fault="reboot", target="meter-it"))
    assert (await it.read("meter-it")).values


async def test_a_lying_table_does_not_hold_the_agent_for_ever(
    wire: tuple[Running, WireFaults], caplog: pytest.LogCaptureFixture
) -> None:
    it, faults = wire
    fault = Fault(fault="lying_table", target="pdu-a01-a")
    await faults.begin(fault)
    lied = (await it.read("pdu-a01-a")).values
    assert "goes in circles" in caplog.text
    await faults.end(fault)
    caplog.clear()
    assert (await it.read("pdu-a01-a")).values.keys() == lied.keys()
    assert "goes in circles" not in caplog.text


async def test_a_device_that_has_moved_is_dead_at_its_old_address(wire: tuple[Running, WireFaults]) -> None:
    it, faults = wire
    for target in ("pdu-a01-a", "meter-it"):
        before = it.fleet.devices[target].server.port
        await faults.begin(Fault(fault="address_change", target=target))
        assert it.fleet.devices[target].server.port != before
        with pytest.raises((DeviceTimeout, DeviceUnreachable)):
            await it.read(target, timeout_s=0.5)
        assert (await it.read(target, port=it.fleet.devices[target].server.port)).values
