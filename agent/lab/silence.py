"""Explains why a device may not answer: what to check, in the order of likelihood.

With SNMP, a wrong community looks the same as an unused address, because a device drops what it does not accept (RFC 3584, 5.2.1 and RFC
1157, 4.1). So all causes that look the same from here are listed, the most frequent first.
"""

from collections.abc import Sequence

from rackflow.errors import (
    DeviceAuthError,
    DeviceError,
    DeviceNotConnected,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
    ResolveError,
)

ADDRESS = "address: nothing may be there, or it is switched off; `ping` shows whether the host answers at all"
SNMP_SILENCE = (
    "community: a device drops a request with a wrong one; it is case-sensitive, and --community or the credential gives it",
    "access list: many cards answer only to hosts that are listed on them; add this host's address",
    "version: v1 and v2c, or v3, may be switched off on the device; try the other one (`version` of a credential)",
    "firewall: UDP port {port} must be open from here to the device, and back",
    "port: the device may listen on another one (--port)",
    ADDRESS,
)
# The connection was not made, so unit, community and registers are not the reason.
NO_CONNECTION = (
    ADDRESS,
    "firewall: TCP port {port} must be open from here to the device; one that drops packets looks like this",
    "connections: a device whose few connections are taken may not answer further ones; end other programs that read it",
)
MODBUS_SILENCE = (
    "unit: a device or gateway answers only to its own unit number (--unit)",
    "connections: many devices accept only one or two at a time; end other programs that read it",
    "access list: some devices answer only to hosts that are listed on them; add this host's address",
    "firewall: TCP port {port} must be open from here to the device",
    "port: the device may listen on another one (--port)",
    ADDRESS,
)
# Exceptions of a gateway whose device does not answer (Modbus Application Protocol V1.1b3, section 7).
NO_UNIT_BEHIND = frozenset({10, 11})


def silence(protocol: str, port: int | None) -> list[str]:
    """What to check if one device does not answer, the most likely cause first."""
    lines, usual = (MODBUS_SILENCE, 502) if protocol == "modbus" else (SNMP_SILENCE, 161)
    return _listed(lines, port or usual)


def _listed(lines: Sequence[str], port: int) -> list[str]:
    return [f"  {line.format(port=port)}" for line in lines]


def silence_of_search(protocol: str, port: int | None) -> str:
    """What to check if nothing answered in a whole search, the most likely cause first."""
    return "\n".join(["nothing answered. Silence looks the same for each of these reasons:", *silence(protocol, port)])


def explanation(error: DeviceError, protocol: str, port: int | None) -> str:
    """What to check after this error; empty if the error message says it already."""
    if isinstance(error, DeviceTimeout):
        is_connected = not isinstance(error, DeviceNotConnected)
        lines = silence(protocol, port) if is_connected else _listed(NO_CONNECTION, port or 502)
        return "\n".join(["no answer looks the same for each of these reasons:", *lines])
    # A name that nobody resolves was never looked for on any network; the error says what to check.
    if isinstance(error, DeviceUnreachable) and isinstance(error.__cause__, ResolveError):
        return ""
    if isinstance(error, DeviceUnreachable):
        where = f"TCP port {port or 502}" if protocol == "modbus" else f"UDP port {port or 161}"
        return f"the host or its network says that nothing can be reached there: check the address, and that {where} is in use"
    if isinstance(error, DeviceAuthError):
        return "the device answers and refuses the credential: check user, protocols and pass phrases, and its clock after a restart"
    if isinstance(error, DeviceProtocolError) and error.code in NO_UNIT_BEHIND:
        return "the gateway answers, and no device behind it: check the unit (--unit), the device's power and its serial line"
    return ""
