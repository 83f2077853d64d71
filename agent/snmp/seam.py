"""What the poller needs of an SNMP engine: requests by OID, answers as plain values.

An object that the device does not have is missing from an answer; everything else that goes wrong is a `DeviceError`.
Engines must tell the two apart: an answer that lacks what was asked is split and asked again before an object counts as absent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

SnmpValue = int | float | bytes | str | None
"""INTEGER, Counter, Gauge, TimeTicks: int. Opaque float: float. OCTET STRING: bytes. OID and IpAddress: str. NULL: None."""


class SnmpClient(Protocol):
    """One SNMP device. OIDs are dotted without a leading dot; one request is outstanding at a time."""

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """Instances that the device has; those it has not (noSuchInstance, noSuchName) are left out.

        Splits on its own when the device answers tooBig or less than was asked. Raises DeviceError.
        """

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """Every instance below `oid`, at most `limit`; GETBULK, or GETNEXT for v1. Raises DeviceError."""

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        """The first instance behind `oid` in the whole of the device's tree; None where nothing comes. Raises DeviceError."""

    def set_max_varbinds(self, objects: int) -> None:
        """Ask for at most so many objects at a time from now on."""

    async def close(self) -> None:
        """Free the socket; the client is not used again."""


@dataclass(frozen=True, slots=True)
class SnmpCommunity:
    """Credentials of v1 and v2c."""

    version: Literal["1", "2c"]
    community: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SnmpUser:
    """Credentials of v3 (USM); empty `auth` means noAuth, empty `priv` noPriv. Keys are pass phrases (RFC 3414 A.2)."""

    user: str
    auth: Literal["", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"] = ""
    auth_key: str = field(default="", repr=False)
    priv: Literal["", "des", "aes128", "aes192", "aes256"] = ""
    priv_key: str = field(default="", repr=False)
    context: str = ""


@dataclass(frozen=True, slots=True)
class SnmpTarget:
    """Where and how to ask one SNMP device. `timeout_s` is per request, `retries` are further tries of it."""

    device: str
    host: str
    port: int
    credential: SnmpCommunity | SnmpUser
    timeout_s: float = 2.0
    retries: int = 1
    max_varbinds: int = 20
    max_repetitions: int = 20
