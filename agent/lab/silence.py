"""Explains why a device may not answer: what to check, in the order of likelihood.

With SNMP, a wrong community looks the same as an unused address, because a device drops what it does not accept (RFC 3584, 5.2.1 and RFC
1157, 4.1). So all causes that look the same from here are listed, the most frequent first.
"""

from collections.abc import Sequence

from rackflow.errors import (
    DeviceAuthError,
    DeviceError,
    DeviceIgnoresUser,
    DeviceNotConnected,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
    ResolveError,
)

ADDRESS = "address: nothing may be there, or it is switched off; `ping` shows whether the host answers at all"
SNMP_SILENCE = (
    "community (v1, v2c): a device drops a request with a wrong one; it is case-sensitive, and --community or the credential gives it",
    "access list: many cards answer only to hosts that are listed on them; add this host's address",
    "version: v1 and v2c, or v3, may be switched off on the device; try the other one (`version` of a credential)",
    "firewall: UDP port {port} must be open from here to the device, and back",
    "port: the device may listen on another one (--port)",
    ADDRESS,
)
# The device is there and speaks SNMPv3. Which of these it is, it does not say.
IGNORED_USER = (
    "encryption: most devices drop what they cannot decrypt; check `priv` and `priv_key` of the credential",
    "user and authentication: some devices drop what others report as wrong; check `user`, `auth` and `auth_key`",
    "access list: the user may be allowed from some hosts only; add this host's address on the device",
    "time: a slow card takes seconds for its first encrypted answer; try a longer `timeout_s`",
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


def _reasons(error: DeviceTimeout, protocol: str, port: int | None) -> list[str]:
    looks = "looks the same for each of these reasons:"
    if isinstance(error, DeviceIgnoresUser):
        return [f"the device is there and speaks SNMPv3. This silence {looks}", *_listed(IGNORED_USER, port or 161)]
    is_connected = not isinstance(error, DeviceNotConnected)
    return [f"no answer {looks}", *(silence(protocol, port) if is_connected else _listed(NO_CONNECTION, port or 502))]


def explanation(error: DeviceError, protocol: str, port: int | None) -> str:
    """What to check after this error; empty if the error message says it already."""
    if isinstance(error, DeviceTimeout):
        return "\n".join(_reasons(error, protocol, port))
    # A name that nobody resolves was never looked for on any network; the error says what to check.
    if isinstance(error, DeviceUnreachable) and isinstance(error.__cause__, ResolveError):
        return ""
    if isinstance(error, DeviceUnreachable):
        where = f"TCP port {port or 502}" if protocol == "modbus" else f"UDP port {port or 161}"
        return f"the host or its network says that nothing can be reached there: check the address, and that {where} is in use"
    if isinstance(error, DeviceAuthError):
        # The error says which part is wrong where the device tells.
        return "the device answers, so address, port and firewall are right: compare the credential with the users and rights on the device"
    if isinstance(error, DeviceProtocolError) and error.code in NO_UNIT_BEHIND:
        return "the gateway answers, and no device behind it: check the unit (--unit), the device's power and its serial line"
    return ""
