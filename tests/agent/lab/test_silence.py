"""What to check where a device does not answer: what the error says already is not said again, and each port is that of its protocol."""

import pytest

from agent.lab.silence import ADDRESS, explanation, silence
from rackflow.errors import (
    DeviceError,
    DeviceNotConnected,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
    ResolveError,
)


def error_of(kind: type[DeviceError], code: int = 0) -> DeviceError:
    error = kind("why", device="d", operation="read")
    if isinstance(error, DeviceProtocolError):
        error.code = code
    return error


@pytest.mark.parametrize(
    ("protocol", "port", "line"),
    [
        ("snmp", None, "UDP port 161 must"),
        ("snmp", 1161, "UDP port 1161 must"),
        ("modbus", None, "TCP port 502 must"),
        ("modbus", 1502, "TCP port 1502 must"),
    ],
)
def test_a_firewall_is_asked_about_the_port_that_was_used(protocol: str, port: int | None, line: str) -> None:
    (firewall,) = (each for each in silence(protocol, port) if "firewall" in each)
    assert line in firewall
    assert line.removesuffix(" must") in explanation(error_of(DeviceUnreachable), protocol, port)


def test_without_a_connection_unit_and_registers_are_not_the_reason() -> None:
    silent, apart = (explanation(error_of(each), "modbus", 1502) for each in (DeviceTimeout, DeviceNotConnected))
    assert ("unit: " in silent, "unit: " in apart) == (True, False)
    assert all(ADDRESS in each and "TCP port 1502" in each for each in (silent, apart))


def test_a_name_that_nobody_resolves_was_looked_for_on_no_network() -> None:
    error = error_of(DeviceUnreachable)
    error.__cause__ = ResolveError("ups-1.example.org: not known")
    assert explanation(error, "snmp", None) == ""


@pytest.mark.parametrize(("code", "is_gateway"), [(10, True), (11, True), (6, False), (2, False), (0, False)])
def test_a_gateway_without_the_unit_is_told_from_a_unit_that_refuses(code: int, *, is_gateway: bool) -> None:
    said = explanation(error_of(DeviceProtocolError, code), "modbus", None)
    assert said.startswith("the gateway answers, and no device behind it") is is_gateway
    assert bool(said) is is_gateway
