"""Finding Modbus devices: recognised by their registers, described by themselves, gateways and silence included."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from pymodbus import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.cli import main
from agent.lab.discover import probe_modbus_address
from agent.modbus import ModbusLink, ModbusTarget
from agent.profile import load_profiles
from agent.profile.loading.load import parse_profile
from rackflow.errors import ProfileError
from simulator.modbus.server import ModbusServer
from simulator.models.meter import MeterModel, meter_registers
from simulator.models.registers import MappedRegisters, text
from tests.servers.loop_server import loop_server
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


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port as behind a firewall that drops packets: the queue of this socket is full, so the kernel answers no further SYN."""
    with socket.socket() as deaf, socket.socket() as one, socket.socket() as two:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        for waiting in (one, two):
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def test_a_connection_that_nobody_takes_is_no_wrong_unit(deaf: int, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--protocol", "modbus", "--profile", "aalc-rpu", "--port", str(deaf), "--timeout", "0.2"]
    assert main(["read", "127.0.0.1", *arguments]) == 1
    said = capsys.readouterr().err
    assert "no connection in 0.2 s" in said
    assert f"firewall: TCP port {deaf} must be open" in said
    assert "address: nothing may be there" in said
    assert "unit:" not in said


async def closes_for_what_it_lacks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A meter with register 0 and those of its manufacturer."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readexactly(6)
            unit, function, *rest = await reader.readexactly(int.from_bytes(head[4:]))
            if function != 3 or int.from_bytes(rest[:2]) not in (0, 69):  # Read Holding Registers
                break
            size = 2 * int.from_bytes(rest[2:])
            body = bytes((unit, function, size)) + b"Schneider Electric"[:size].ljust(size, b"\0")
            writer.write(head[:4] + len(body).to_bytes(2) + body)
    writer.close()


async def test_a_device_that_closes_the_connection_for_what_it_lacks_is_found() -> None:
    """Neither function 43 nor the registers of its model are there."""
    profiles = load_profiles()
    several = {name: profiles[name] for name in ("apc-smart-ups-modbus", "schneider-iem3000")}
    async with loop_server(closes_for_what_it_lacks) as number:
        link = ModbusLink(ModbusTarget("tcp", "127.0.0.1", number, timeout_s=5))
        [only] = await probe_modbus_address("127.0.0.1", several, link, [1], every=True)
    assert only.match is not None
    assert only.match.profile.profile == "schneider-iem3000"
    assert only.error.startswith("does not say who it is: ")


async def test_where_nobody_takes_a_connection_only_one_is_tried(deaf: int) -> None:
    """Whatever the number of units: otherwise a network behind a firewall would take hours."""
    link = ModbusLink(ModbusTarget("tcp", "127.0.0.1", deaf, timeout_s=0.2))
    started = asyncio.get_running_loop().time()
    assert await probe_modbus_address("127.0.0.1", {}, link, range(1, 248), every=True) == []
    assert asyncio.get_running_loop().time() - started < 99 / 2, "two tries of each unit would take 99 s"


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
