"""Unusual values that a device can send for an object: each SNMP type at and beyond the ends of its range."""

import math

from hypothesis import strategies as st

from agent.readings import Readings
from agent.snmp.seam import SnmpValue
from rackflow.series import parse_series_key

NAN, INF = float("nan"), float("inf")
ODD: tuple[SnmpValue, ...] = (
    # NULL, and an empty one of each type that has a length
    None,
    b"",
    "",
    # INTEGER, Counter, Gauge, TimeTicks and what a broken library makes of longer ones
    0,
    -1,
    2**31 - 1,
    -(2**31),
    2**32 - 1,
    3_000_000,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    10**400,
    -(10**400),
    10**5000,
    True,
    # Opaque floats
    NAN,
    INF,
    -INF,
    -0.0,
    -0.5,
    1.5,
    5e-324,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    # Texts that Python reads as numbers, or nearly
    b"nan",
    b"-inf",
    b"Infinity",
    b"1e400",
    b"-1e-400",
    b"1e308",
    b"1e999999999",
    b"2147483647",
    b"9" * 400,
    b"-" + b"9" * 5000,
    b"1_000",
    b"0x10",
    b" 12 ",
    b"inf V",
    b"1e999 kW",
    b"9" * 400 + b" %",
    "\u0663\u0664".encode(),
    # Texts that are none
    b"\x00",
    b"\xff\xfe\xc0\x80",
    bytes(range(256)),
    "\u202e\x1b[31m\u00b0C".encode(),
    b"\xed\xb3\xbf",
    b"=,{}\"'\\\n\r\t",
    b"9" * 65_000,
    b"a" * 65_000,
    b" " * 65_000,
    b"\xff" * 65_000,
    b"1 " * 32_000,
    b"S/N:" + b" " * 64_000,
    # OBJECT IDENTIFIER and IpAddress
    "0.0",
    "1.3.6.1.4.1.99999",
    "1.3" + ".4294967295" * 126,
    "1.3." + "9" * 400,
    "1.3" + ".1" * 10_000,
    "255.255.255.255",
)

odd_values = st.one_of(
    st.sampled_from(ODD),
    st.none(),
    st.integers(),
    st.floats(),
    st.binary(max_size=300),
    st.binary(min_size=1, max_size=8).map(lambda octets: octets * 8000),
    st.from_regex(rb"\A *[+-]?[0-9]{0,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{0,12})?[ a-zA-Z%]{0,6}\Z"),
    st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=128).map(lambda arcs: ".".join(map(str, arcs))),
)
"""Any value that a client may give for an object."""


def shown(value: SnmpValue) -> str:
    """A name for a test's parameter."""
    if isinstance(value, bytes | str) and len(value) > 24:
        return f"{value[:12]!r} and so on, {len(value)} long"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"
    return repr(value)


def check(readings: Readings) -> None:
    """Assert what every batch promises, whatever its device sent."""
    assert all(map(math.isfinite, readings.values.values()))
    for key in [*readings.values, *readings.states, *readings.bad]:
        parse_series_key(key)
    assert not readings.values.keys() & readings.bad.keys()
