"""Recordings: every kind of line, each fault with its place, round trip, and all recordings of real devices."""

import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.errors import ConfigError
from rackflow.snmprec import Record, dump_snmprec, parse_snmprec, read_snmprec

oids = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=8).map(lambda parts: ".".join(map(str, parts)))
float32 = st.floats(allow_nan=False, allow_infinity=False, width=32)
records = st.one_of(
    st.builds(Record, oids, st.sampled_from(["2", "65", "66", "67", "70"]), st.integers(0, 2**64 - 1)),
    st.builds(Record, oids, st.just("4"), st.binary(max_size=30)),
    st.builds(Record, oids, st.just("5"), st.none()),
    st.builds(Record, oids, st.just("6"), oids),
    st.builds(Record, oids, st.just("68"), float32),
)


@given(st.lists(records, min_size=1, max_size=10, unique_by=lambda record: record.oid))
def test_parse_is_the_inverse_of_dump(found: list[Record]) -> None:
    ordered = tuple(sorted(found, key=lambda record: tuple(map(int, record.oid.split(".")))))
    assert parse_snmprec(dump_snmprec(ordered), "r") == ordered


def test_every_kind_of_line() -> None:
    text = b"""1.3.6.1.10|4|a|b

# a remark
1.3.6.1.9|2|-5\r
1.3.6.1.2|4x|00ff
1.3.6.1.3|5|
1.3.6.1.4|6|1.3.6.1
1.3.6.1.5|64|10.0.0.1
1.3.6.1.6|64x|0a000001
1.3.6.1.7|70|18446744073709551615
1.3.6.1.8.1|4e|a\\x07|b
1.3.6.1.8|2:numeric|min=1,max=5,initial=3
"""
    values = [record.value for record in parse_snmprec(text, "r")]
    assert values == [b"\x00\xff", None, "1.3.6.1", "10.0.0.1", "10.0.0.1", 2**64 - 1, 3, b"a\x07|b", -5, b"a|b"]


def test_an_opaque_float() -> None:
    (record,) = parse_snmprec(b"1.3.6|68x|9f7804" + struct.pack(">f", 1.5).hex().encode(), "r")
    assert record.value == 1.5
    assert not math.isnan(1.5)


@pytest.mark.parametrize("line", [b"1.3.6", b"1.3.6|2", b"x|2|5", b"1|2|5", b"1.3.6|2|five", b"1.3.6|99|5", b"1.3.6|4x|0", b"1.3.-6|2|5"])
def test_a_faulty_line_is_named(line: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^r:2: .* is not OID\|tag\|value"):
        parse_snmprec(b"1.3.6.1|2|1\n" + line, "r")


def test_faulty_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_snmprec(tmp_path / "none.snmprec")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_snmprec(tmp_path)
    with pytest.raises(ConfigError, match="holds no records"):
        parse_snmprec(b"\n", "r")


def test_all_recordings_of_real_devices(captures: Path) -> None:
    paths = sorted((captures / "snmp").glob("*/*.snmprec"))
    assert len(paths) > 200
    for path in paths:
        assert read_snmprec(path)
