"""Recording Modbus devices: what is walked replays, is served and reads the same; holes, serial numbers, limits and rates."""

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from agent.cli import main
from agent.lab.walk_modbus import ModbusWalker, Span, parse_span, portions_of, redacted, spans_of
from agent.profile.schema import Profile
from rackflow.errors import ConfigError
from rackflow.recording.mbrec import Place, RegisterRecording, dump_mbrec, parse_mbrec, read_mbrec
from rackflow.register_tables import RegisterTable
from simulator.modbus.server import ModbusServer
from simulator.models.cdu import CduModel
from simulator.models.cdu_registers import cdu_registers
from simulator.models.meter import MeterModel, meter_registers
from simulator.models.registers import MappedRegisters, RecordedRegisters, RegisterSource, text
from tests.agent.modbus.modbus_peers import connected, target_of
from tests.agent.shipped import shipped_profiles
from tests.conformance.modbus_sunspec import sunspec_maps
from tests.servers.mbpoll import mbpoll


@asynccontextmanager
async def served(units: Mapping[int, RegisterSource]) -> AsyncIterator[ModbusServer]:
    server = ModbusServer(units)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def recorded(values: dict[Place, int]) -> dict[int, RegisterSource]:
    recording = RegisterRecording(values)
    return {unit: RecordedRegisters(recording, unit) for unit in recording.units}


def holding(first: int, values: list[int], unit: int = 1) -> dict[Place, int]:
    return {(unit, "holding", at): value for at, value in enumerate(values, first)}


async def command(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    status = await asyncio.to_thread(main, list(arguments))
    printed = capfd.readouterr()
    assert status == 0, printed.err
    return printed.out


@pytest.mark.parametrize(("profile", "unit"), [("aalc-rpu", 12), ("schneider-iem3000", 1), ("sunspec", 2)])
async def test_what_is_walked_replays_and_is_served_the_same(
    profile: str, unit: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chain = MappedRegisters(lambda: sunspec_maps()["sunspec"].registers, "holding")
    device = {12: cdu_registers(CduModel()), 1: meter_registers(MeterModel()), 2: chain}[unit]
    wanted = ("--profile", profile, "--unit", str(unit))
    path = tmp_path / "walked.mbrec"
    async with served({unit: device}) as server:
        port = str(server.port)
        live = ("read", "127.0.0.1", "--protocol", "modbus", "--port", port, *wanted, "--output", "json")
        first = json.loads(await command(capfd, *live))
        path.write_text(
            await command(capfd, "walk", "127.0.0.1", "--protocol", "modbus", "--port", port, *wanted, "--rate", "100")
        )
        same = (
            "walk",
            "127.0.0.1",
            "--protocol",
            "modbus",
            "--port",
            port,
            *wanted,
            "--rate",
            "100",
            "--output",
            "yaml",
        )
        registers = yaml.safe_load(await command(capfd, *same))
    found = {(each["unit"], each["table"], each["address"]): each["value"] for each in registers}
    assert found.keys() == read_mbrec(path).values.keys()
    replayed = json.loads(await command(capfd, "replay", str(path), *wanted, "--output", "json"))
    recording = read_mbrec(path)
    async with served({unit: RecordedRegisters(recording, unit)}) as server:
        port = str(server.port)
        again = json.loads(
            await command(
                capfd, "read", "127.0.0.1", "--protocol", "modbus", "--port", port, *wanted, "--output", "json"
            )
        )
        place = next(place for place in recording.values if place[1] == "holding" and recording.values[place])
        assert int(await asyncio.to_thread(mbpoll, server.port, place[0], place[2])) == recording.values[place]
    for name in ("values", "states", "bad"):
        assert replayed[name] == again[name] == first[name]
    assert len(first["values"]) > 10
    assert first["identity"]["serial"]
    assert first["identity"]["serial"] not in json.dumps([replayed, again])


async def test_holes_are_found_and_left_out() -> None:
    values = holding(10, [1, 2, 3]) | holding(40, [4]) | {(1, "coil", 3): 1, (1, "coil", 4): 0}
    async with served(recorded(values)) as server, connected(target_of(server.port)) as client:
        walker = ModbusWalker(client, 1, 100)
        spans = [Span("holding", 0, 64), Span("holding", 8, 4), parse_span("coil:3-4")]
        found = await walker.record(list(portions_of(spans, 32)))
        assert found == values
        assert walker.requests == server.requests < 2 * 66
        # An odd number of registers, of which only the last one is there.
        assert await walker.record([Span("holding", 38, 3)]) == holding(40, [4])


async def test_a_walk_shows_on_a_terminal_how_many_requests_are_left(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    master, slave = pty.openpty()
    spans = ["--registers", "holding:0-2", "--registers", "holding:100-102"]
    try:
        async with served(recorded(holding(0, [1, 2, 3]) | holding(100, [4, 5, 6]))) as server:
            with open(slave, "w", encoding="utf-8", closefd=False) as terminal:  # noqa: ASYNC230 - a descriptor
                monkeypatch.setattr(sys, "stderr", terminal)
                walk = ("walk", "127.0.0.1", "--protocol", "modbus", "--port", str(server.port), "--rate", "100")
                await command(capfd, *walk, *spans)
        shown = ""
        while "2/2" not in shown:  # a read gives what is there, which may be the first of several pictures
            shown += os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert "requests" in shown
    assert "2/2" in shown


async def test_a_device_is_asked_no_faster_and_for_no_more_than_it_takes() -> None:
    sizes: list[int] = []

    class Strict:
        def read(self, table: RegisterTable, address: int, count: int) -> list[int]:
            assert table == "holding"
            sizes.append(count)
            return [address] * count

    async with served({1: Strict()}) as server, connected(target_of(server.port)) as client:
        started = asyncio.get_running_loop().time()
        await ModbusWalker(client, 1, 20).record(list(portions_of([Span("holding", 0, 100)], 16)))
        assert asyncio.get_running_loop().time() - started >= 6 / 20
    assert sizes == [16, 16, 16, 16, 16, 16, 4]


def profile_of(name: str) -> Profile:
    return shipped_profiles()[name]


def test_serial_numbers_are_taken_out_and_numbers_stay() -> None:
    meter = profile_of("schneider-iem3000")
    values = (
        holding(129, [0x1234, 0x5678]) | holding(500, text("SN 4711-AB!", 6)[:5]) | holding(49, text("iEM3155", 20))
    )
    values |= holding(2999, [0x3132, 0x3334, 0x3536, 0x3738])  # currents that look like text
    clean = redacted(values, meter)
    assert (clean[1, "holding", 129], clean[1, "holding", 130]) == (0, 0)
    assert [clean[1, "holding", at] for at in range(500, 505)] == text("SN 0000-AB", 5)
    assert all(clean[place] == values[place] for place in (*holding(2999, [0] * 4), *holding(49, [0] * 20)))
    alone = redacted(holding(7, [0x3132, 0x3334, 0x3536]), None)
    assert alone == holding(7, [0x3132, 0x3334, 0x3536])


def test_a_profile_names_its_registers() -> None:
    spans = spans_of(profile_of("aalc-rpu"))
    assert Span("holding", 36864, 1) in spans
    assert Span("holding", 6616, 8) in spans


def test_a_recording_is_text() -> None:
    values = holding(0, [65535, 0], unit=7) | {(1, "input", 65535): 1, (1, "discrete", 2): 1}
    assert dump_mbrec(values, ["note"]) == "# note\n1|2|2|1\n1|4|65535|1\n7|3|0|65535\n7|3|1|0\n"
    assert parse_mbrec(dump_mbrec(values), "x").values == values
    assert parse_mbrec(2 * dump_mbrec(values), "x").values == values, "two recordings put together"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1|3|0", "not unit|function|address|value, four decimal numbers"),
        ("1|3|0|-1", "not unit|function|address|value, four decimal numbers"),
        ("1|3|0|oops", "not unit|function|address|value, four decimal numbers"),
        ("1|6|0|1", "function 6 does not read registers; known are 1, 2, 3 and 4"),
        ("256|3|0|1", "unit 256 is above 255"),
        ("1|3|65536|1", "address 65536 is above 65535"),
        ("1|3|0|65536", "value 65536 is above 65535"),
        ("1|1|0|2", "value 2 is above 1"),
        ("1|4|9|6", "this register is given twice with different values; remove one line"),
    ],
)
def test_a_line_that_is_wrong_is_named(line: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_mbrec(f"1|4|9|5\n{line}\n", "x.mbrec")
    assert str(caught.value) == f"x.mbrec:2: {fault}"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["walk", "h", "--protocol", "modbus"], "name --registers or a --profile"),
        (
            ["walk", "h", "--protocol", "modbus", "--profile", "apc-ups"],
            "a walk over Modbus needs a Modbus profile; 'apc-ups' speaks snmp",
        ),
        (["walk", "h", "--protocol", "modbus", "--registers", "all"], "'all' is not a range"),
        (["walk", "h", "--protocol", "modbus", "--registers", "9-3"], "'9-3' is not ascending"),
        (["walk", "h", "--protocol", "modbus", "--registers", "0-65535"], "65536 registers, more than 20000"),
        (["walk", "h", "--protocol", "modbus", "--registers", "1", "--rate", "1e4"], "--rate: 10000 is not between"),
    ],
)
def test_what_cannot_be_walked_is_said(arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 78
    assert fault in capsys.readouterr().err


def test_a_replay_names_profile_and_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "two.mbrec"
    path.write_text(dump_mbrec(holding(2999, [0, 0]) | holding(2999, [0, 0], unit=2)))
    assert main(["replay", str(path)]) == 78
    assert "needs the name of its Modbus profile" in capsys.readouterr().err
    assert main(["replay", str(path), "--profile", "schneider-iem3000"]) == 78
    assert "has the units [1, 2]; name one" in capsys.readouterr().err
    assert main(["replay", str(path), "--profile", "schneider-iem3000", "--unit", "3"]) == 78
    assert "3 is not in the recording; it has [1, 2]" in capsys.readouterr().err


def test_registers_of_conditional_points_are_walked_and_those_that_decide_about_them() -> None:
    walked = {span.address for span in spans_of(shipped_profiles()["generex-modbus"].loaded())}
    assert {98, 99, 101, 102, 105, 106} <= walked
