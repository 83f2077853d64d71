"""net-snmp's daemon for tests: SNMP v1, v2c and v3 on one loopback port that stays the same over restarts."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.process import Server, find_program

AUTH_KEY = "authauthauth"
PRIV_KEY = "privprivpriv"
LOCATION = "beside the racks"


class Snmpd(Server):
    """An agent with community `public` and the users `sha256` (authPriv, AES), `sha1` (authNoPriv) and `plain` (noAuth)."""

    program = "snmpd"
    package = "snmpd"

    def __init__(self, folder: Path, extra: Sequence[str] = ()) -> None:
        """`extra` are further lines of configuration, as `override OID TYPE VALUE`."""
        super().__init__(folder)
        self._extra = tuple(extra)

    def command(self) -> list[str]:
        """See `Server.command`. A restart is a reboot: engineBoots goes up."""
        config = self.folder / "snmpd.conf"
        config.write_text(
            f"rocommunity public\n"
            f'createUser sha256 SHA-256 "{AUTH_KEY}" AES "{PRIV_KEY}"\n'
            f'createUser sha1 SHA "{AUTH_KEY}"\n'
            f"createUser plain\n"
            f"rouser sha256 priv\nrouser sha1 auth\nrouser plain noauth\n"
            f"sysLocation {LOCATION}\n"
            + "".join(f"{line}\n" for line in self._extra)
            + f"[snmp] persistentDir {self.folder}\n",
            encoding="utf-8",
        )
        if not self.port:
            self.port = free_port()
        return ["-f", "-Lo", "-C", "-c", str(config), f"udp:127.0.0.1:{self.port}"]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return self._get("1.3.6.1.2.1.1.3.0").returncode == 0

    def packets(self) -> int:
        """How many it has received (snmpInPkts, RFC 1213), this request included."""
        return int(self._get("1.3.6.1.2.1.11.1.0").stdout)

    def _get(self, oid: str) -> subprocess.CompletedProcess[bytes]:
        program = find_program("snmpget", "snmp")
        how = ["-v2c", "-c", "public", "-Oqv", "-t", "0.3", "-r", "0"]
        return subprocess.run(
            [program, *how, f"127.0.0.1:{self.port}", oid], capture_output=True, timeout=30, check=False
        )
