"""Runs net-snmp's command line tools and returns the records that they print."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rackflow.recording.snmprec import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    TIMETICKS,
    Record,
)
from simulator.snmp.agent import SnmpDevice
from tests.servers.process import find_program

AUTH_KEY = "authauthauth"
PRIV_KEY = "privprivpriv"
V1 = ("-v1", "-c", "public")
V2C = ("-v2c", "-c", "public")
V3 = ("-v3", "-l", "authPriv", "-u", "ops", "-a", "SHA-256", "-A", AUTH_KEY, "-x", "AES", "-X", PRIV_KEY)
USER = f"ops:sha256:{AUTH_KEY}:aes128:{PRIV_KEY}"

_TAGS = {
    "INTEGER": INTEGER,
    "OID": OBJECT_IDENTIFIER,
    "IpAddress": IP_ADDRESS,
    "Counter32": COUNTER32,
    "Gauge32": GAUGE32,
    "Timeticks": TIMETICKS,
    "Counter64": COUNTER64,
}
_LINE = re.compile(
    r"^\.([\d.]+) = (?:([A-Za-z][\w-]*): ?)?(.*?)(?=\n\.\d[\d.]* = |\nEnd of MIB|\Z)", re.MULTILINE | re.DOTALL
)


@asynccontextmanager
async def serving(device: SnmpDevice) -> AsyncIterator[str]:
    """The address under which a device can be asked."""
    port = await device.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await device.stop()


async def run(program: str, *arguments: str, timeout_s: float = 30.0) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a tool; what it asks may be served by this very loop."""
    path = find_program(program, "snmp" if program.startswith("snmp") else program)
    process = await asyncio.create_subprocess_exec(
        path, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, out.decode("latin-1"), err.decode("latin-1")


async def records(program: str, *arguments: str) -> list[Record]:
    """What snmpget, snmpwalk or snmpbulkwalk prints, in its order. Fails where it fails."""
    status, out, err = await run(program, "-m", "", "-On", "-Oe", "-Ot", "-Ox", "-r1", "-t5", *arguments)
    assert status == 0, err
    return [
        _record(oid, kind, value) for oid, kind, value in _LINE.findall(out) if "past the end of the MIB" not in value
    ]


def _record(oid: str, kind: str, text: str) -> Record:
    if kind == "Hex-STRING":
        return Record(oid, OCTET_STRING, bytes.fromhex(text))
    if kind in {"OID", "IpAddress"}:
        return Record(oid, _TAGS[kind], text.removeprefix("."))
    if kind in _TAGS:
        return Record(oid, _TAGS[kind], int(text))
    if kind == "" and text == '""':
        return Record(oid, OCTET_STRING, b"")
    if kind == "" and text == "NULL":
        return Record(oid, NULL, None)
    assert kind == "", f"{oid} has a type that was not expected: {kind} {text}"
    return Record(oid, TIMETICKS, int(text))
