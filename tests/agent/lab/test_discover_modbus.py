"""Finding Modbus devices: recognised by their registers, described by themselves, gateways and silence included."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from pymodbus import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.cli import main
from agent.profile.load import parse_profile
from rackflow.errors import ProfileError
from simulator.modbus.server import ModbusServer
from simulator.models.meter import MeterModel, meter_registers
from simulator.models.registers import MappedRegisters, text
from tests.servers.ports import free_port

IDENTITY = {0: "Acme", 1: "FP-7", 2: "2.1"}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """On one port: a meter at 127.0.0.2, a gateway with unit 7 at 127.0.0.3, one that says who it is to whatever unit at 127.0.0.4."""
    meter = ModbusServer({1: meter_registers(MeterModel())}, "127.0.0.2")
    number = await meter.start()
    model = dict(enumerate(text("Smart-UPS 750", 16), 532))
    gateway = ModbusServer({7: MappedRegisters(lambda: model)}, "127.0.0.3", number)
    await gateway.start()
    device = SimDevice(255, simdata=[SimData(0, values=[1, 2, 3], datatype=DataType.REGISTERS)])
    identity = ModbusDeviceIdentification(IDENTITY)  # type: ignore[no-untyped-call]
    stranger = ModbusTcpServer([device], address=("127.0.0.4", number), identity=identity)
    await stranger.serve_forever(background=True)
    try:
        yield number
    finally:
        await meter.stop()
        await gateway.stop()
        await stranger.shutdown()  # type: ignore[no-untyped-call]


async def found(capfd: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """What discovery prints. On a busy machine an answer may take a second; nobody is silent unless a test says so."""
    options = ["discover", "127.0.0.0/29", "--protocol", "modbus", "--timeout", "5", "--rate", "200", *arguments]
    assert await asyncio.to_thread(main, options) == 0
    return sorted(capfd.readouterr().out.splitlines())


async def test_devices_are_found_at_the_usual_units(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    lines = await found(capfd, "--port", str(port))
    assert len(lines) == 2
    assert lines[0].split()[:5] == ["127.0.0.2", "unit", "1", "schneider-iem3000", "meter"]
    assert "serial 240100001  [score 40: holding 69 says 'Schneider']" in lines[0]
    assert lines[1].split()[:4] == ["127.0.0.4", "unit", "1", "(unknown)"]
    assert "Acme FP-7 2.1" in lines[1]


async def test_units_that_are_named_are_all_tried(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    lines = await found(capfd, "--port", str(port), "--unit", "1", "--unit", "7")
    assert [line.split()[:4] for line in lines] == [
        ["127.0.0.2", "unit", "1", "schneider-iem3000"],
        ["127.0.0.3", "unit", "7", "apc-smart-ups-modbus"],
        ["127.0.0.4", "unit", "1", "(unknown)"],
        ["127.0.0.4", "unit", "7", "(unknown)"],
    ]


def test_a_connection_that_nobody_takes_is_no_wrong_unit(capsys: pytest.CaptureFixture[str]) -> None:
    """As behind a firewall that drops packets: the queue of this socket is full, so the kernel answers no further SYN."""
    with socket.socket() as deaf, socket.socket() as one, socket.socket() as two:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        for waiting in (one, two):
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", port))
        arguments = ["--protocol", "modbus", "--profile", "aalc-rpu", "--port", str(port), "--timeout", "0.2"]
        assert main(["read", "127.0.0.1", *arguments]) == 1
    said = capsys.readouterr().err
    assert "no connection in 0.2 s" in said
    assert f"firewall: TCP port {port} must be open" in said
    assert "address: nothing may be there" in said
    assert "unit:" not in said


async def test_a_mute_device_and_an_empty_network_are_silence(capfd: pytest.CaptureFixture[str]) -> None:
    mute = ModbusServer({1: meter_registers(MeterModel())}, "127.0.0.2")
    mute.mute = True
    number = await mute.start()
    try:
        assert await found(capfd, "--port", str(number), "--unit", "1", "--timeout", "1") == []
    finally:
        await mute.stop()
    assert await found(capfd, "--port", str(free_port())) == []


def test_a_unit_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["discover", "192.0.2.0/30", "--protocol", "modbus", "--unit", "256"]) == 78
    assert "--unit: 256 is not between 0 and 255" in capsys.readouterr().err


HEAD = "version: 1\nprofile: p\nclass: meter\nprotocol: {}\ntitle: t\nsource: s\nevidence: unverified\nrecognise: {}\n"
POINT = "points:\n  - {metric: dcim_meter_frequency_hertz, register: 1, unit: hertz, labels: {role: {device: role, default: other}}}\n"


@pytest.mark.parametrize(
    ("protocol", "recognise", "fault"),
    [
        ("modbus", "{registers: [{register: 3}]}", "needs either in or contains"),
        ("modbus", "{registers: [{register: 3, in: [1], contains: [a]}]}", "needs either in or contains"),
        ("snmp", "{probes: [1.3.6.1], registers: [{register: 3, in: [1]}]}", "registers belong to Modbus"),
    ],
)
def test_a_probe_that_cannot_be_is_refused(protocol: str, recognise: str, fault: str) -> None:
    with pytest.raises(ProfileError, match=rf"p.yaml:8: .*{fault}"):
        parse_profile(HEAD.format(protocol, recognise) + POINT, "p.yaml")
