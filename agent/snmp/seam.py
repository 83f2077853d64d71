"""The interface between the poller and an SNMP engine: requests by OID, answers as plain Python values.

An object that the device does not have is left out of the answer; every other failure raises a `DeviceError`. An
engine must not confuse the two: the poller stops asking for an object that is absent at planning, so an object lost to a tooBig
answer would be missing for an hour. An answer with objects missing is split and asked again first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

SnmpValue = int | float | bytes | str | None
"""INTEGER, Counter, Gauge, TimeTicks: int. Opaque float: float. OCTET STRING: bytes. OID and IpAddress: str. NULL: None."""


class SnmpClient(Protocol):
    """One SNMP device. OIDs are dotted without a leading dot; one request is outstanding at a time."""

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """Values of the instances that the device has; absent ones (noSuchInstance, noSuchName) are left out.

        Splits the request itself when the device answers tooBig or with fewer objects than requested. Raises DeviceError.
        """

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """Every instance below `oid`, at most `limit`; GETBULK, or GETNEXT for v1. Raises DeviceError."""

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        """The first instance after `oid` anywhere in the device's tree, or None at the end of the tree. Raises DeviceError."""

    def set_max_varbinds(self, objects: int) -> None:
        """Ask for at most this many objects in one request from now on."""

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """Ask again for whatever the device has lately denied or lacked: it is opened or planned anew.

        `of_another`: it is another one, or has other firmware, so nothing that was found out about how it answers holds any more.
        """

    async def close(self) -> None:
        """Free the socket; the client is not used again."""


@dataclass(frozen=True, slots=True)
class SnmpCommunity:
    """Credentials of v1 and v2c."""

    version: Literal["1", "2c"]
    community: str = field(repr=False)


AuthProtocol: TypeAlias = Literal["", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
"""Authentication of SNMPv3; empty for none.

A further one also gets its name in `Credential` (`agent/config.py`), a class in `gufo_v3.py`, a constant in `pysnmp.py`, and the length of
its code in `usm/authentic.py`; for simulated devices, its name in `simulator/snmp/users.py` and a constant in `simulator/snmp/engine.py`.
"""
PrivProtocol: TypeAlias = Literal["", "des", "aes128", "aes192", "aes256"]
"""Privacy of SNMPv3; empty for none. A further one goes to the same places, but for its cipher, which is in `usm/privacy.py`."""


@dataclass(frozen=True, slots=True)
class SnmpUser:
    """Credentials of v3 (USM); empty `auth` means noAuth, empty `priv` noPriv. Keys are pass phrases (RFC 3414 A.2)."""

    user: str
    auth: AuthProtocol = ""
    auth_key: str = field(default="", repr=False)
    priv: PrivProtocol = ""
    priv_key: str = field(default="", repr=False)
    context: str = ""


@dataclass(frozen=True, slots=True)
class SnmpTarget:
    """Address, credential and request settings of one SNMP device. `timeout_s` is per try, `retries` the number of further tries."""

    device: str
    host: str
    port: int
    credential: SnmpCommunity | SnmpUser
    timeout_s: float = 2.0
    retries: int = 1
    # Chosen: 20 numbers of a vendor's tree make a message of about 500 bytes, near the 484 that RFC 3417, 3.2 obliges every device
    # to accept and far from the 1,472 that fit one Ethernet frame. A higher limit saves round trips, but a card that cannot take
    # it is only detected by its refusals; a profile raises or lowers the limit for its family.
    max_varbinds: int = 20
    max_repetitions: int = 20
