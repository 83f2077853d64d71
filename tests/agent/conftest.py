"""Fixtures of the agent's tests: net-snmp daemons, and clients of both SNMP engines."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from agent.snmp.gufo import GufoClient
from agent.snmp.pysnmp import PysnmpClient, PysnmpEngines
from agent.snmp.seam import SnmpClient, SnmpTarget
from agent.snmp.usm import RefusedDatagrams
from tests.agent.faulty_peers import GET, integer, oid_octets, tlv
from tests.agent.snmp.snmp_clients import MakeClient
from tests.jumping import LOOPS
from tests.servers import snmpd as plain

BASE = "1.3.6.1.4.1.8072.9999"
VALUES = {
    f"{BASE}.1.0": ("integer", "42", 42),
    f"{BASE}.2.0": ("octet_str", "hello", b"hello"),
    f"{BASE}.3.0": ("object_id", "1.3.6.1.4.1", "1.3.6.1.4.1"),
    f"{BASE}.4.0": ("counter", "4294967295", 4294967295),
    f"{BASE}.5.0": ("integer", "-5", -5),
    f"{BASE}.6.0": ("timeticks", "100", 100),
    f"{BASE}.7.0": ("uinteger", "7", 7),
}
"""By OID: type and text in the daemon's configuration, and the value that a client must return."""


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A loop whose clock these tests can set forward."""
    return LOOPS


class Snmpd(plain.Snmpd):
    """v1 and v2c as `public`, v3 with the users below, and `VALUES`. Engine id and boots survive a restart."""

    def command(self) -> list[str]:
        """See `Server.command`."""
        lines = [
            f"[snmp] persistentDir {self.folder}/state",
            # Otherwise it parses all MIB files that it finds, and fills the log with complaints.
            "[snmp] mibs :",
            "[snmpd]",
            f"agentAddress udp:127.0.0.1:{self.port}",
            "rocommunity public 127.0.0.1",
            "createUser plain",
            "createUser md5des MD5 authauth1 DES privpriv1",
            "createUser sha256aes SHA-256 authauth1 AES privpriv1",
            "createUser sha512aes256 SHA-512 authauth1 AES-256 privpriv1",
            "createUser sha1aes256 SHA authauth1 AES-256 privpriv1",
            "createUser sha384 SHA-384 authauth1",
            "rouser plain noauth",
            "rouser md5des priv",
            "rouser sha256aes priv",
            "rouser sha512aes256 priv",
            "rouser sha1aes256 priv",
            "rouser sha384 auth",
            *(f"override {oid} {kind} {text}" for oid, (kind, text, _) in VALUES.items()),
        ]
        config = self.folder / "snmpd.conf"
        config.write_text("\n".join([*lines, ""]), encoding="utf-8")
        self.state.parent.mkdir(exist_ok=True)
        self.state.touch()
        return ["-f", "-Lo", "-C", "-c", f"{config},{self.state}", "-I", "-smux"]

    @property
    def state(self) -> Path:
        """The file in which it keeps engine id, engine boots and keys over restarts."""
        return self.folder / "state" / "snmpd.conf"

    def ready(self) -> bool:
        """See `Server.ready`."""
        pdu = integer(1) + integer(0) + integer(0) + tlv(0x30, tlv(0x30, oid_octets(f"{BASE}.1.0") + b"\x05\x00"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.5)
            try:
                probe.connect(("127.0.0.1", self.port))
                probe.send(tlv(0x30, integer(1) + tlv(4, b"public") + tlv(GET, pdu)))
                return bool(probe.recv(2000))
            except OSError:
                return False


@pytest.fixture
def snmpd(tmp_path: Path) -> Iterator[plain.Snmpd]:
    """net-snmp's daemon."""
    with plain.Snmpd(tmp_path / "snmpd").serving() as server:
        yield server


@pytest.fixture(scope="module")
def shared_snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    """A daemon with `VALUES` that the tests of one module share; they leave it running."""
    with Snmpd(tmp_path_factory.mktemp("snmpd")).serving() as server:
        yield server


@pytest.fixture
def own_snmpd(tmp_path: Path) -> Iterator[Snmpd]:
    """A daemon with `VALUES` that one test may stop and restart."""
    with Snmpd(tmp_path / "snmpd").serving() as server:
        yield server


@pytest.fixture(params=["gufo", "pysnmp"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the engine under test."""
    return str(request.param)


@pytest.fixture
def refused() -> RefusedDatagrams:
    """What the clients of `client_of` have refused."""
    return RefusedDatagrams()


@pytest.fixture
async def client_of(engine: str, refused: RefusedDatagrams) -> AsyncIterator[MakeClient]:
    """Makes clients of the engine, and closes them."""
    engines = PysnmpEngines()
    made: list[SnmpClient] = []

    def make(target: SnmpTarget) -> SnmpClient:
        made.append(
            GufoClient(target, refused=refused) if engine == "gufo" else PysnmpClient(target, engines, refused=refused)
        )
        return made[-1]

    yield make
    for client in made:
        await client.close()
    await asyncio.sleep(0)  # pysnmp's tasks end one turn after they are cancelled
