"""Reads everything that a live SNMP device has, as a recording. What is private in it is taken out by `redact_snmp.py`."""

from collections.abc import Callable

from agent.snmp import RefusedDatagrams, SnmpTarget, SnmpValue
from agent.snmp.pysnmp import PysnmpClient
from rackflow.recording import OPAQUE, OPAQUE_FLOAT, Record

# mib-2 and enterprises. The rest of a device's tree is about the SNMP engine itself.
ROOTS = ("1.3.6.1.2.1", "1.3.6.1.4.1")
# Tag numbers of the .snmprec format by the name of pysnmp's class.
_TAGS = {
    "Integer": "2",
    "Integer32": "2",
    "OctetString": "4",
    "Null": "5",
    "ObjectIdentifier": "6",
    "ObjectIdentity": "6",
    "IpAddress": "64",
    "Counter32": "65",
    "Gauge32": "66",
    "Unsigned32": "66",
    "TimeTicks": "67",
    "Opaque": "68",
    "Counter64": "70",
}


class Walker(PysnmpClient):
    """Walks a device and keeps the ASN.1 type of each value, which a recording needs and gufo_snmp does not provide."""

    def __init__(
        self, target: SnmpTarget, refused: RefusedDatagrams | None = None, done: Callable[[], None] = lambda: None
    ) -> None:
        """`done` is called for each object."""
        super().__init__(target, refused=refused)
        self._done = done
        self._tags: dict[str, str] = {}

    def _plain(self, name: object, value: object) -> SnmpValue | object:  # type: ignore[override]
        # endOfMibView comes under the name of the last instance and has no tag: it must not overwrite that instance's type.
        tag = _TAGS.get(type(value).__name__)
        if tag is not None:
            self._tags[str(name)] = tag
            self._done()
        plain = super()._plain(name, value)
        # A recording writes numbers inside an Opaque as floats of 32 bits. A double is more exact, and may be larger than any of these.
        is_double = tag == OPAQUE and isinstance(plain, float) and not bytes(value).startswith(OPAQUE_FLOAT)  # type: ignore[call-overload]
        return bytes(value) if is_double else plain  # type: ignore[call-overload]

    async def records(self, root: str, limit: int) -> list[Record]:
        """All instances below `root`. Raises DeviceError."""
        found = await self.walk(root, limit)
        return [Record(oid, self._tags[oid], value) for oid, value in found.items()]
