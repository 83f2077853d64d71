"""net-snmp's `snmptrap`, an independent sender of traps and informs."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from tests.servers.process import find_program

ENGINE = "0x80001f8804746573742d31"
"""Engine of the sender of v3."""


async def send_trap(
    folder: Path,
    port: int,
    oid: str,
    *objects: str,
    version: str = "2c",
    how: Sequence[str] = ("-c", "public"),
    inform: bool = False,
    host: str = "127.0.0.1",
) -> int:
    """Send one and return the exit status, which for an inform is 0 if it was confirmed. `objects` are OID, type and value in turn.

    `folder` is where net-snmp keeps its own state.
    """
    address = f"udp6:[{host}]:{port}" if ":" in host else f"udp:{host}:{port}"
    what = ["", oid, *objects] if version != "1" else [*oid.split(), "", *objects]
    options = ["-v", version, *how, *(["-Ci", "-r", "0", "-t", "1"] if inform else [])]
    process = await asyncio.create_subprocess_exec(
        find_program("snmptrap", "snmp"),
        *options,
        address,
        *what,
        env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder), "SNMPCONFPATH": str(folder), "MIBS": ""},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(30):
        return await process.wait()


def of_user(
    user: str,
    *,
    auth: str = "",
    auth_key: str = "",
    priv: str = "",
    priv_key: str = "",
    boots: int = 1,
    time: int = 100,
) -> list[str]:
    """Options for a user of v3, with net-snmp's names of the protocols, at the level of what is given."""
    level = "authPriv" if priv else "authNoPriv" if auth else "noAuthNoPriv"
    keys = [*(["-a", auth, "-A", auth_key] if auth else []), *(["-x", priv, "-X", priv_key] if priv else [])]
    return ["-e", ENGINE, "-Z", f"{boots},{time}", "-u", user, "-l", level, *keys]
