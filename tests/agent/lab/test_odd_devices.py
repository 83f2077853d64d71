"""Commands beside odd devices: each ends with a line that says what is wrong, goes on with what else there is, and shows no traceback."""

import asyncio
import contextlib
import logging
import math
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import pytest

from agent.cli import main
from agent.config import AgentConfig, Device
from agent.lab.discover import Found, discover
from agent.lab.draft import draft
from agent.lab.output import Output, render
from agent.lab.read import read_device
from agent.lab.redact_snmp import redacted
from agent.lab.replay import RecordingClient, read_all, replay_snmp
from agent.modbus import ModbusLink, ModbusTarget
from agent.profile import SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME
from agent.readings import Identified, Readings
from rackflow.catalogue import PollClass
from rackflow.errors import DeviceInternalError, DeviceProtocolError, DeviceTimeout
from rackflow.process.config import check_config
from rackflow.recording import OCTET_STRING, OPAQUE, Record, dump_snmprec, parse_snmprec
from tests.agent.faulty_peers import FaultyAgent, FaultyModbus, integer, oid_octets, tlv
from tests.agent.odd_values import ODD
from tests.agent.shipped import shipped_profiles

if TYPE_CHECKING:
    from agent.poll import PollerFactory

UPS = "1.3.6.1.2.1.33.1"
PROFILE = shipped_profiles()["rfc1628-ups"]
OBJECTS = {
    SYS_DESCR: tlv(4, b"Odd\x1b[2J \xe2\x80\xaeUPS\r\nof two lines"),
    SYS_OBJECT_ID: oid_octets("1.3.6.1.4.1.99999.1"),
    SYS_UPTIME: tlv(0x43, b"\x05"),
    f"{UPS}.2.4.0": integer(97),
    f"{UPS}.4.1.0": integer(3),
}


class Broken:
    """A poller with a mistake in it."""

    closed = False

    async def open(self) -> Identified:
        raise ZeroDivisionError("odd")

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        raise AssertionError(poll_class, now)

    async def close(self) -> None:
        self.closed = True


async def run(*arguments: object) -> int:
    """The exit status of a command, which runs a loop of its own in a thread, so that devices of this loop can answer."""
    return await asyncio.to_thread(main, [str(each) for each in arguments])


async def test_discover_goes_on_whatever_one_address_does() -> None:
    async def probe(address: str) -> Sequence[Found]:
        if address == "b":
            raise ZeroDivisionError("odd")
        return [Found(address, None, "fine")]

    found = {each.address: each async for each in discover(["a", "b", "c"], probe, 1000.0)}
    assert {each.description for address, each in found.items() if address != "b"} == {"fine"}
    assert found["b"].error == "b discover: fault of the agent: ZeroDivisionError: odd"
    assert len(found) == 3


async def test_a_poller_with_a_mistake_is_one_line_and_a_traceback_for_who_asks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DeviceInternalError, match="ZeroDivisionError: odd"):
        await read_all(Broken(), 1e9)
    (record,) = caplog.records
    assert (record.levelno, bool(record.exc_info)) == (logging.DEBUG, True)
    broken = Broken()
    device = Device(id="ups-1", host="h", credential="c")
    config = check_config({"agent": "a", "labels": {"site": "s"}, "devices": []}, AgentConfig, "test")
    factory = cast("PollerFactory", lambda *_, **__: broken)
    with pytest.raises(DeviceInternalError):
        await read_device(factory, config, device, 1e9)
    assert broken.closed


async def test_an_odd_device_is_found_read_and_walked_without_a_traceback(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    odd = {f"{UPS}.2.{at}.0": value for at, value in enumerate(ODD_OBJECTS, 1)}
    async with FaultyAgent(OBJECTS | odd).serving() as agent:
        assert await run("discover", "127.0.0.1/32", "--port", agent.port) == 0
        out, err = capfdbinary.readouterr()
        assert b"rfc1628-ups" in out
        assert "Odd[2J UPS of two lines" in out.decode()
        assert await run("read", "127.0.0.1", "--port", agent.port, "--profile", "rfc1628-ups") == 0
        assert b"dcim_ups_output_source" in capfdbinary.readouterr().out
        assert await run("walk", "127.0.0.1", "--port", agent.port) == 0
        out, err = capfdbinary.readouterr()
        assert len(parse_snmprec(out, "walked")) == len(agent.objects)
        assert b"Traceback" not in err


async def test_a_double_is_walked_and_replayed_as_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A recording's float of 32 bits is 230.10000610351562, and ends at 3.4e38."""
    doubles = {f"{UPS}.2.5.0": 230.1, f"{UPS}.2.6.0": 1e300}
    odd = {oid: tlv(0x44, b"\x9fy\x08" + struct.pack(">d", number)) for oid, number in doubles.items()}
    async with FaultyAgent(OBJECTS | odd).serving() as agent:
        assert await run("walk", "127.0.0.1", "--port", agent.port) == 0
    walked = parse_snmprec(capfdbinary.readouterr().out, "walked")
    assert await RecordingClient(walked).get(list(doubles)) == doubles


# Each of these is passed on by both engines.
ODD_OBJECTS = (
    tlv(4, b"9" * 3000),
    tlv(4, b"\xff\xfe\xc0" * 100),
    tlv(4, b"nan"),
    tlv(0x44, b"\x9fx\x04\x7f\x80\x00\x00"),
    tlv(0x44, b"\x9fx\x04\x7f\xc0\x00\x00"),
    tlv(6, b"\x2b" + b"\x01" * 127),
    b"\x04\x00",
)


@pytest.mark.parametrize("command", ["discover", "read", "walk"])
async def test_a_device_with_a_value_that_cannot_be_decoded_is_read_all_the_same(
    command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with FaultyAgent(OBJECTS | {SYS_OBJECT_ID: tlv(6, b"")}).serving() as agent:
        address = "127.0.0.1/32" if command == "discover" else "127.0.0.1"
        more = [] if command == "read" else ["--timeout", "5"]
        status = await run(command, address, "--port", agent.port, *more)
    out, err = capfd.readouterr()
    assert status == 0
    assert "Traceback" not in out + err
    assert ("1.3.6.1.2.1.33" if command == "walk" else "rfc1628-ups") in out


JUNK = (
    *(b"", b"\x00", b"\x03", b"\x03\xff", b"\x83", b"\x2b\x0e", b"\x2b\x0e\x01\x81\x00\x00\xff"),
    *(b"\x2b\x0e\x01\x01\x00\x00\x01\x00\xf0a", b"\x2b" + b"\xff" * 200, b"\x03" + b"\xff" * 250),
)


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: junk[:8].hex() or "nothing")
async def test_an_odd_modbus_answer_is_an_error_of_that_device(junk: bytes) -> None:
    def reply(frame: bytes) -> list[bytes | float | None]:
        return [frame[:4] + (len(junk) + 1).to_bytes(2, "big") + frame[6:7] + junk]

    async with FaultyModbus(reply).serving() as server:
        client = ModbusLink(ModbusTarget("tcp", "127.0.0.1", server.port, timeout_s=0.1))
        with contextlib.suppress(DeviceProtocolError, DeviceTimeout):
            assert len(await client.describe(1)) < 300
        with pytest.raises((DeviceProtocolError, DeviceTimeout)):
            await client.read(1, "holding", 0, 2)
        await client.close()


def odd_recordings() -> Iterator[list[Record]]:
    for value in ODD:
        if isinstance(value, float | bytes) and not (isinstance(value, float) and 1e38 < abs(value) < math.inf):
            kind = OPAQUE if isinstance(value, float) else OCTET_STRING
            yield [Record(oid, kind, value) for oid in (SYS_DESCR, SYS_UPTIME, f"{UPS}.2.4.0", f"{UPS}.4.1.0")]


async def test_recordings_of_odd_values_are_replayed_and_shown() -> None:
    for records in odd_recordings():
        again = parse_snmprec(dump_snmprec(records), "odd")
        identified, readings = await replay_snmp(again, {"rfc1628-ups": PROFILE}, "rfc1628-ups", 1e9)
        for output in get_args(Output):
            text = render(identified, readings, output)
            assert "nan" not in text
            assert "inf" not in text
        assert draft(again, "odd", "ups")


def test_a_recording_of_odd_values_is_replayed_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.snmprec"
    path.write_bytes(
        b"1.3.6.1.2.1.1.2.0|6|0.0\n1.3.6.1.2.1.1.3.0|4|inf\n1.3.6.1.2.1.33.1.4.1.0|4|nan\n1.3.6.1.2.1.33.1.2.4.0|2|9\n"
    )
    assert main(["replay", str(path)]) == 0
    assert "rejected: decode" in capsys.readouterr().out


def test_a_credential_that_cannot_be_used_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(
        "agent: a\nlabels: {site: s}\ncredentials: {c: {version: '3', user: u, context: x}}\ndevices: []\n",
        encoding="utf-8",
    )
    assert main(["discover", "127.0.0.1/32", "--config", str(path)]) == 78
    assert "SNMP contexts need `engine: pysnmp`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", [b"a" * 65_000, b"a@" * 32_000, b"1." * 32_000, b"SN: " * 16_000, b" " * 65_000, b"aa:" * 20_000]
)
def test_taking_out_what_is_private_takes_time_in_proportion_to_a_text(text: bytes) -> None:
    started = time.process_time()
    list(redacted([Record("1.3.6.1.4.1.99999.1", OCTET_STRING, text)], ["AS1234567890"]))
    # Measured: 5 ms. A search that begins anew at each octet takes many seconds.
    assert time.process_time() - started < 1.0
