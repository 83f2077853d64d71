"""A walk over Modbus keeps to what a device can take, and leaves out only what the device does not have."""

import asyncio
import itertools
import time
from pathlib import Path

import pytest

from agent.cli import main
from agent.lab.walk_modbus import ModbusWalker, Span, parse_span, portions_of, redacted, spans_of
from agent.profile import parse_profile
from rackflow.errors import ConfigError, DeviceError
from rackflow.recording import Place, RegisterTable
from rackflow.recording.mbrec import parse_mbrec
from simulator.modbus.server import ModbusServer
from simulator.models.registers import text
from tests.agent.faulty_peers import FaultyModbus
from tests.agent.modbus.modbus_peers import answer, connected, target_of
from tests.servers.ports import free_port

PROFILE = """version: 1
profile: slow-meter
class: meter
protocol: modbus
title: A meter that takes little at a time
source: made up
evidence: unverified
identity:
  vendor: [{text: Acme}]
  model: [{register: 40, words: 2}]
  serial: [{register: 20, words: 4, table: input}]
  firmware: [{register: 30, words: 2}]
modbus: {table: holding, unit: 7, max_registers: 4, pause_s: 0.05}
points:
  - {metric: dcim_meter_frequency_hertz, register: 1, unit: hertz, labels: {role: {device: role, default: other}}}
"""


def refusal(frame: bytes, code: int) -> bytes:
    """The exception with which a unit refuses a request."""
    return frame[:4] + b"\x00\x03" + frame[6:7] + bytes([frame[7] | 0x80, code])


class Slow:
    """A unit with a register everywhere. Notes what it is asked for, and when."""

    def __init__(self) -> None:
        self.asked: list[tuple[RegisterTable, int, int]] = []
        self.at_s: list[float] = []

    def read(self, table: RegisterTable, address: int, count: int) -> list[int]:
        self.asked.append((table, address, count))
        self.at_s.append(time.monotonic())
        return [0x3132] * count


async def test_a_walk_with_a_profile_keeps_to_its_unit_its_largest_request_and_its_pause(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slow-meter.yaml").write_text(PROFILE, encoding="utf-8")
    slow = Slow()
    server = ModbusServer({7: slow})
    await server.start()
    arguments = ["walk", "127.0.0.1", "--protocol", "modbus", "--port", str(server.port), "--timeout", "5"]
    arguments += ["--profile", "slow-meter", "--profiles", str(tmp_path), "--registers", "holding:0-9", "--rate", "100"]
    try:
        assert await asyncio.to_thread(main, arguments) == 0
    finally:
        await server.stop()
    printed = capfd.readouterr()
    spans = [(0, 4), (4, 4), (8, 2), (30, 2), (40, 2)]
    assert slow.asked == [*(("holding", at, count) for at, count in spans), ("input", 20, 4)]
    # Counted from an answer, so that the time between two requests is longer. The rate alone would be 0.01 s.
    assert all(after - before >= 0.04 for before, after in itertools.pairwise(slow.at_s))
    walked = parse_mbrec(printed.out, "walked").values
    assert {place[0] for place in walked} == {7}
    # The serial number of the profile is taken out, and the other texts that it reads are what they were.
    assert [walked[7, "input", at] for at in range(20, 24)] == [0] * 4
    assert [walked[7, "holding", at] for at in (30, 31, 40, 41)] == [0x3132] * 4
    assert "18 registers in 6 requests, 12 redacted" in printed.err


async def test_several_units_are_in_one_recording(capfd: pytest.CaptureFixture[str]) -> None:
    server = ModbusServer({1: Slow(), 2: Slow()})
    await server.start()
    arguments = ["walk", "127.0.0.1", "--protocol", "modbus", "--port", str(server.port), "--timeout", "5"]
    try:
        arguments += ["--unit", "1", "--unit", "2", "--registers", "input:5", "--rate", "100"]
        assert await asyncio.to_thread(main, arguments) == 0
    finally:
        await server.stop()
    printed = capfd.readouterr()
    assert printed.out.splitlines()[1:] == [f"{unit}|4|5|{0x3132}" for unit in (1, 2)]
    assert "2 registers in 2 requests" in printed.err


@pytest.mark.parametrize(("code", "requests"), [(1, 1), (2, 7), (3, 7), (4, 7)])
async def test_registers_that_a_device_refuses_are_left_out_and_a_table_that_it_lacks_is_not_halved(
    code: int, requests: int
) -> None:
    async with FaultyModbus(lambda frame: [refusal(frame, code)]).serving() as peer:
        async with connected(target_of(peer.port)) as client:
            walker = ModbusWalker(client, 1, 100)
            assert await walker.record([Span("holding", 0, 4)]) == {}
        assert (walker.requests, len(peer.frames)) == (requests, requests)


@pytest.mark.parametrize("code", [5, 6, 10, 11])
async def test_a_device_that_is_busy_or_behind_a_gateway_that_fails_gets_no_recording_with_holes(code: int) -> None:
    """It would be taken for the device's own registers."""

    def reply(frame: bytes) -> list[bytes | float | None]:
        return [refusal(frame, code)] if frame[9] else [answer(frame, 1, 2)]

    async with FaultyModbus(reply).serving() as peer, connected(target_of(peer.port)) as client:
        with pytest.raises(DeviceError):
            await ModbusWalker(client, 1, 100).record([Span("holding", 0, 2), Span("holding", 2, 2)])


def test_ranges_end_with_the_last_address() -> None:
    assert parse_span("input:65535") == Span("input", 65535, 1)
    for wrong in ("65536", "holding:65530-65536", "coils:1", "1-", "-1", ""):
        with pytest.raises(ConfigError, match="--registers: "):
            parse_span(wrong)


def test_a_request_is_of_one_table_and_of_no_more_than_fits() -> None:
    wanted = [Span("input", 3, 2), Span("holding", 1, 2), Span("holding", 2, 3), Span("holding", 8, 1)]
    assert list(portions_of([*wanted, Span("coil", 0, 1)], 3)) == [
        Span("coil", 0, 1),
        Span("holding", 1, 3), Span("holding", 4, 1), Span("holding", 8, 1), Span("input", 3, 2)
    ]  # fmt: skip


def test_the_identity_of_a_profile_is_walked() -> None:
    spans = spans_of(parse_profile(PROFILE, "slow-meter.yaml"))
    assert {Span("holding", 40, 2), Span("input", 20, 4), Span("holding", 30, 2)} <= set(spans)


def test_digits_of_a_text_that_no_profile_reads_are_taken_out_up_to_its_end() -> None:
    serial = text("AB1234567", 5)
    values: dict[Place, int] = {(1, "input", at): word for at, word in enumerate(serial, 65531)}
    assert [redacted(values, None)[place] for place in values] == text("AB0000000", 5)
    swapped = {place: word >> 8 | (word & 0xFF) << 8 for place, word in values.items()}
    assert redacted(swapped, None)[1, "input", 65535] == 0x0030
    # Alone it is a number.
    assert redacted({(1, "input", 65535): 0x3700}, None) == {(1, "input", 65535): 0x3700}


def test_texts_end_with_their_unit_and_bits_are_none() -> None:
    """Three printable registers in one unit and one in the next are numbers, as far as anybody can tell."""
    digits: dict[Place, int] = dict.fromkeys([(1, "holding", 9), (2, "holding", 10), (2, "holding", 11)], 0x3132)
    digits |= {(2, "holding", 12): 0x3132}
    assert redacted(digits, None) == digits
    assert redacted(digits | {(2, "holding", 13): 0x3132}, None)[2, "holding", 10] == 0x3030


@pytest.mark.parametrize("unit", ["256", "-1"])
def test_a_unit_that_is_none_is_not_walked(unit: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["walk", "127.0.0.1", "--protocol", "modbus", "--port", str(free_port()), "--registers", "1"]
    assert main([*arguments, f"--unit={unit}"]) == 78
    assert f"--unit: {unit} is not between 0 and 255" in capsys.readouterr().err


def test_a_rate_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["walk", "127.0.0.1", "--protocol", "modbus", "--registers", "1", "--rate", "0"]) == 78
    assert "--rate: 0 is not between 0 and 100" in capsys.readouterr().err
