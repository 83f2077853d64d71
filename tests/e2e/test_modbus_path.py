"""Modbus devices polled over real sockets: what the poller reads is what the models are, and what mbpoll reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.config import AgentConfig
from agent.lab.replay import read_all
from agent.poll.factory import PollerFactory
from agent.readings import Readings
from rackflow.process.config import check_config
from simulator.modbus.server import ModbusServer
from simulator.models.cdu import CduModel
from simulator.models.cdu_registers import cdu_registers
from simulator.models.meter import MeterModel, meter_registers
from tests.agent.shipped import shipped_profiles
from tests.servers.mbpoll import mbpoll


@asynccontextmanager
async def gateway(cdu: CduModel, meter: MeterModel) -> AsyncIterator[int]:
    """Both devices behind one port."""
    server = ModbusServer({12: cdu_registers(cdu), 1: meter_registers(meter)})
    port = await server.start()
    try:
        yield port
    finally:
        await server.stop()


async def poll(port: int, name: str) -> Readings:
    config = check_config(
        {
            "agent": "a",
            "labels": {"site": "s"},
            "devices": [
                {
                    "id": "cdu",
                    "host": "127.0.0.1",
                    "port": port,
                    "protocol": "modbus",
                    "profile": "aalc-rpu",
                    "unit": 12,
                },
                {
                    "id": "meter",
                    "host": "127.0.0.1",
                    "port": port,
                    "protocol": "modbus",
                    "profile": "schneider-iem3000",
                    "role": "facility",
                },
            ],
        },
        AgentConfig,
        "test",
    )
    device = next(device for device in config.devices if device.id == name)
    poller = PollerFactory(shipped_profiles())(config, device)
    try:
        return (await read_all(poller, 0.0))[1]
    finally:
        await poller.close()


async def test_a_cooling_unit_read_over_the_wire_is_its_model() -> None:
    cdu = CduModel(seed=3)
    for _ in range(120):
        cdu.advance(1.0)
    async with gateway(cdu, MeterModel(seed=1)) as port:
        readings = await poll(port, "cdu")
        assert readings.values["dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"] * 60_000 == pytest.approx(
            cdu.flow_lpm, abs=0.06
        )
        assert readings.values["dcim_cdu_supply_temperature_celsius{loop=secondary}"] == pytest.approx(
            cdu.supply_c, abs=0.06
        )
        assert readings.values["dcim_cdu_return_temperature_celsius{loop=secondary}"] == pytest.approx(
            cdu.return_c, abs=0.06
        )
        assert readings.states["dcim_cdu_pump_state{pump=1}"] == "running"
        assert readings.bad == {}
        cdu.leak("rack-pan")
        cdu.fail_pump(1)
        readings = await poll(port, "cdu")
        assert readings.values["dcim_cdu_leak_detected{detector=rack-pan}"] == 1.0
        assert readings.states["dcim_cdu_pump_state{pump=1}"] == "failed"
        assert readings.values["dcim_device_alarm_active{alarm=pump,severity=critical}"] == 1.0


async def test_a_meter_read_over_the_wire_is_its_model_and_what_mbpoll_reads() -> None:

    meter = MeterModel(seed=5)
    meter.advance(60.0)
    async with gateway(CduModel(seed=1), meter) as port:
        values = (await poll(port, "meter")).values
        assert values["dcim_meter_power_watts{role=facility}"] == pytest.approx(meter.total_kw * 1000, rel=1e-5)
        assert values["dcim_meter_energy_joules_total{direction=import,role=facility}"] == pytest.approx(
            meter.energy_wh * 3600, abs=3600
        )
        assert values["dcim_meter_voltage_volts{phase=L2,role=facility}"] == pytest.approx(meter.phase_v[1], rel=1e-5)
        kilowatts = float(await asyncio.to_thread(mbpoll, port, 1, 3059, "4:float", "-B"))
        assert kilowatts * 1000 == pytest.approx(values["dcim_meter_power_watts{role=facility}"], rel=1e-4)
        flow = float(await asyncio.to_thread(mbpoll, port, 12, 36864, "4"))
        assert flow > 100
