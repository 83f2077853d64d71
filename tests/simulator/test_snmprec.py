"""The parser of recordings: what it reads, what it refuses and where, and that writing and reading are inverse."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.errors import ConfigError
from rackflow.recording.snmprec import OPAQUE_FLOAT, RANGES, Record, dump_snmprec, parse_snmprec, read_snmprec
from simulator.live import RECORDINGS


def _dotted(arcs: list[int]) -> str:
    return ".".join(map(str, arcs))


ARC = st.integers(0, 2**32 - 1)
OID = st.builds(_dotted, st.lists(ARC, min_size=2, max_size=14))


# Made once: a strategy that depends on a drawn OID is built again for each, which took most of the test's time.
RECORD = st.one_of(
    *(st.builds(Record, OID, st.just(tag), st.integers(*limits)) for tag, limits in RANGES.items()),
    st.builds(Record, OID, st.just("68"), st.floats(width=32, allow_nan=False)),
    # As a double of net-snmp, or anything else inside an Opaque.
    st.builds(
        Record, OID, st.just("68"), st.binary(max_size=40).filter(lambda octets: not octets.startswith(OPAQUE_FLOAT))
    ),
    st.builds(Record, OID, st.just("64"), st.ip_addresses(v=4).map(str)),
    st.builds(Record, OID, st.just("4"), st.binary(max_size=40)),
    st.builds(Record, OID, st.just("6"), OID),
    st.builds(Record, OID, st.just("5"), st.none()),
)


@given(st.lists(RECORD, min_size=1, max_size=8, unique_by=lambda record: record.oid))
def test_what_is_written_is_read_back_in_the_order_of_a_walk(records: list[Record]) -> None:
    assert parse_snmprec(dump_snmprec(records), "memory") == tuple(sorted(records, key=lambda record: record.key))


def test_of_an_octet_string_only_printable_ascii_stands_as_it_is() -> None:
    """A file with a DEL in it is one that an editor or a terminal alters."""
    written = [(b" ", b"4| "), (b"~", b"4|~"), (b"\x1f", b"4x|1f"), (b"\x7f", b"4x|7f"), (b"a\x80", b"4x|6180")]
    for value, text in written:
        assert dump_snmprec([Record("1.3.6", "4", value)]) == b"1.3.6|" + text + b"\n"


@given(st.binary(max_size=200))
def test_any_content_is_read_or_refused_with_its_place(content: bytes) -> None:
    try:
        parse_snmprec(content, "memory")
    except ConfigError as error:
        assert str(error).startswith("memory:")  # noqa: PT017 - an error is one of two right answers


def test_every_type_and_notation_is_read() -> None:
    lines = [
        b"1.3.6.1.10.1|2|-5",
        b".1.3.6.1.9.1|4|a|b\xe4",
        b"1.3.6.1.9.2|4x|00fF",
        b"1.3.6.1.9.3|4e|\\x07\\n;",
        b"1.3.6.1.9.4|5|",
        b"1.3.6.1.9.5|6|.1.3.6.1.4.1",
        b"1.3.6.1.9.6|64|192.0.2.1",
        b"1.3.6.1.9.7|64x|C0000202",
        b"1.3.6.1.9.8|68x|9f780441480000",
        b"1.3.6.1.9.8.1|68x|9f7908406cc33333333333",
        b"1.3.6.1.9.8.2|68x|9f78",
        b"1.3.6.1.9.9|70|18446744073709551615",
        b"1.3.6.1.9.10|4:writecache|value=Port 1",
        b"1.3.6.1.9.11|2:numeric|min=1, max=2, initial=2, wrap=1",
        b"1.3.6.1.9.12|64|<private>",
        b"",
        b"# comment",
    ]
    read = parse_snmprec(b"\r\n".join(lines), "memory")
    assert [(record.oid, record.tag, record.value) for record in read] == [
        ("1.3.6.1.9.1", "4", b"a|b\xe4"),
        ("1.3.6.1.9.2", "4", b"\x00\xff"),
        ("1.3.6.1.9.3", "4", b"\x07\n;"),
        ("1.3.6.1.9.4", "5", None),
        ("1.3.6.1.9.5", "6", "1.3.6.1.4.1"),
        ("1.3.6.1.9.6", "64", "192.0.2.1"),
        ("1.3.6.1.9.7", "64", "192.0.2.2"),
        ("1.3.6.1.9.8", "68", 12.5),
        ("1.3.6.1.9.8.1", "68", bytes.fromhex("9f7908406cc33333333333")),
        ("1.3.6.1.9.8.2", "68", b"\x9fx"),
        ("1.3.6.1.9.9", "70", 2**64 - 1),
        ("1.3.6.1.9.10", "4", b"Port 1"),
        ("1.3.6.1.9.11", "2", 2),
        ("1.3.6.1.9.12", "64", "0.0.0.0"),  # noqa: S104 - what stands for an address that was removed
        ("1.3.6.1.10.1", "2", -5),
    ]


def test_the_last_value_of_an_oid_counts() -> None:
    assert parse_snmprec(b"1.3.6|2|1\n1.3.6|2|2\n", "memory") == (Record("1.3.6", "2", 2),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"1.3.6.1|2", "not OID|tag|value"),
        (b"1.3.x|2|5", "'1.3.x' is not a numeric OID of two arcs or more"),
        (b"1.4294967296|2|5", "an arc of the OID 1.4294967296 is above 4294967295"),
        (b"1.3.6.1|9|5", "the tag '9' is not known"),
        (b"1.3.6.1|2|five", "'five' is not a decimal number"),
        (b"1.3.6.1|2|1_0", "'1_0' is not a decimal number"),
        (b"1.3.6.1|2|", "'' is not a decimal number"),
        (b"1.3.6.1|4e|C:\\q", r"'C:\\q' has an escape that is not known"),
        (b"1.3.6.1|65|-1", "-1 is outside 0..4294967295"),
        (b"1.3.6.1|2x|05", "the tag 2 holds a decimal number, not octets"),
        (b"1.3.6.1|4x|0g", "'0g' is not hexadecimal"),
        (b"1.3.6.1|5|0", "NULL has no value, not '0'"),
        (b"1.3.6.1|6|none", "'none' is not a numeric OID"),
        (b"1.3.6.1|64|1.2.3", "'1.2.3' is not an IPv4 address"),
        (b"1.3.6.1|64x|0102", "2 octets, not the 4 of an IPv4 address"),
        (b"1.3.6.1|2:numeric|min=1", "the variation 'numeric' has no value= or initial="),
    ],
)
def test_a_bad_line_is_refused_with_file_line_and_reason(line: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "device.snmprec"
    file.write_bytes(b"1.3.6.1.2|2|1\n" + line + b"\n")
    with pytest.raises(ConfigError) as refused:
        read_snmprec(file)
    assert str(refused.value).startswith(f"{file}:2: {message}")


def test_a_missing_and_an_empty_recording_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_snmprec(tmp_path / "missing.snmprec")
    (tmp_path / "empty.snmprec").write_bytes(b"\n\n")
    with pytest.raises(ConfigError, match="the recording has no records"):
        read_snmprec(tmp_path / "empty.snmprec")


@pytest.mark.parametrize("file", sorted(RECORDINGS.glob("*.snmprec")), ids=lambda file: file.stem)
def test_recordings_that_are_shipped_are_in_order_and_have_a_system_group(file: Path) -> None:
    records = read_snmprec(file)
    assert dump_snmprec(records) == file.read_bytes()
    assert {f"1.3.6.1.2.1.1.{at}.0" for at in range(1, 8)} <= {record.oid for record in records}


def test_every_capture_is_read(captures: Path) -> None:
    files = sorted((captures / "snmp").rglob("*.snmprec"))
    assert len(files) >= 200
    for file in files:
        records = read_snmprec(file)
        assert parse_snmprec(dump_snmprec(records), str(file)) == records
