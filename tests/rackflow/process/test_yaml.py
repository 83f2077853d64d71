"""YAML files that are hostile, damaged, or no files at all: one line each, quickly, and nothing of their content in it."""

import os
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.errors import ConfigError
from rackflow.process.yaml import (
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_VALUES,
    SHALLOW,
    lines_of,
    load_yaml_file,
    load_yaml_text,
)

CANARY = "hunter2"
LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
)


def fault(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        load_yaml_text(text, "f.yaml")
    shown = "".join(traceback.format_exception(raised.value))
    assert CANARY not in shown
    assert str(raised.value).count("\n") == 0
    return str(raised.value)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 10_000, 1_000_000])
@pytest.mark.parametrize("form", ["[", "{a: ", "- ", "? "])
def test_a_file_that_is_nested_too_deep_is_one_line(form: str, levels: int) -> None:
    if levels == MAX_DEPTH + 1:
        # Small enough for Python, and of no use to anybody: read, and refused by whoever expects something else.
        levels = 2500
    assert fault(form * levels) == f"f.yaml:1: is nested more than {MAX_DEPTH} levels deep"


def test_a_file_nested_by_indentation_is_one_line() -> None:
    text = "\n".join(f"{' ' * n}a:" for n in range(3000))
    assert f"nested more than {MAX_DEPTH} levels deep" in fault(text)


def test_usual_depths_are_read() -> None:
    text = "[" * 40 + "]" * 40
    found = load_yaml_text(text, "f.yaml")
    for _ in range(39):
        [found] = found
    assert found == []


def test_a_file_of_thousands_of_entries_in_brackets_is_not_called_deep() -> None:
    """As each device of a large site stands on a line of its own: it is one level deep, however many there are."""
    text = "devices:\n" + "".join(f"  - {{id: d{number}, labels: {{rack: a1}}}}\n" for number in range(SHALLOW))
    assert len(load_yaml_text(text, "f")["devices"]) == SHALLOW
    assert len(load_yaml_text(f"[{'[1], ' * SHALLOW}]", "f")) == SHALLOW


def test_aliases_that_multiply_are_refused() -> None:
    """Nine levels of nine aliases each are 3.4 thousand million values."""
    assert fault(LAUGHS) == f"f.yaml: aliases make more than {MAX_VALUES} values of it"


def test_aliases_are_read_and_an_alias_inside_its_own_anchor_is_refused() -> None:
    assert load_yaml_text("a: &x [1, 2]\nb: *x\n", "f.yaml") == {"a": [1, 2], "b": [1, 2]}
    assert fault("a: &x [1, *x]\n") == "f.yaml:1: contains itself"


def test_too_many_values_are_refused() -> None:
    assert fault("[" + "1,\n" * (MAX_VALUES + 10) + "]").endswith(f"has more than {MAX_VALUES} values")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"password: !{CANARY} x", "tags are not supported; a text that begins with ! needs quotes"),
        (f"password: !!python/object:{CANARY} x", "tags are not supported"),
        (f"password: *{CANARY}", "found undefined alias"),
        (f"password: %{CANARY}", "found character that cannot start any token"),
        (f"password: @{CANARY}", "found character that cannot start any token"),
        (f"password: `{CANARY}", "found character that cannot start any token"),
        (f"password: '{CANARY}", "unexpected end of stream"),
        (f'password: "{CANARY}\\q"', "found unknown escape character"),
        (f"password: !!int {CANARY}", "is not a valid int; a text needs quotes"),
        (f"password: !!float {CANARY}", "is not a valid float"),
        (f"password: !!binary {CANARY}\xe9", "is not a valid binary"),
        (f"password: !!timestamp {CANARY}", "is not a valid timestamp; a text needs quotes"),
        (f"password: {'9' * 5000}", "is not a valid int"),
        (f"port: 0x{'f' * 4000}", "is not a valid int"),
        (f"volts: {'9' * 400}", "is not a valid int"),
        (f"<<: {{password: {CANARY}}}", "merge keys (<<) are not supported"),
        (f"password: {CANARY}: x", "mapping values are not allowed"),
        (f"a: 1\n{CANARY}", "could not find expected ':'"),
        (f"? [{CANARY}]\n: 1", "a key must be a plain value"),
        (f"--- {CANARY}\n--- {CANARY}", "has more than one document; keep one"),
        (f"a:\n\t- {CANARY}", "is indented with a tab; use spaces"),
        (f"a: b\npassword: {CANARY}\0", ":2: has a control character (U+0000); remove it"),
        (f"password: {CANARY}\x1b[2J", ":1: has a control character (U+001B); remove it"),
        (f"password: {CANARY}\ud800", "not valid YAML"),
        ("password: &a x\npassword: y", "key 'password' is given twice"),
        (f"%YAML 9.{CANARY}\n---\na: 1", ""),
    ],
)
def test_what_is_wrong_is_said_without_the_value(text: str, says: str) -> None:
    assert says in fault(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        # YAML 1.1 reads the unit 012 as ten and 1:30 as ninety: another device is polled, another time is waited.
        *[(text, text) for text in ("012", "0012", "-01", "1:30", "12:30:45", "1:30.5", "2026-10-01", "0b11", "0o17")],
        *[(text, text) for text in ("2026-10-01T08:00:00+01:00", "no", "NO", "on", "off", "yes", "y", "1e3", "1.2.3")],
        *[
            ("0", 0),
            ("-5", -5),
            ("+7", 7),
            ("1_000", 1000),
            ("0x1F", 31),
            ("1.5", 1.5),
            ("0.5", 0.5),
            ("1.0e+3", 1000.0),
        ],
        *[("true", True), ("False", False), ("~", None), (".inf", float("inf"))],
    ],
)
def test_a_plain_value_is_what_it_looks_like(written: str, read: object) -> None:
    found = load_yaml_text(f"a: {written}", "f.yaml")["a"]
    assert (type(found), found) == (type(read), read)


@pytest.mark.parametrize(
    "kind", ["int", "float", "bool", "null", "binary", "timestamp", "omap", "pairs", "set", "seq", "map"]
)
def test_a_tag_on_a_value_of_another_kind_is_one_line_or_the_value(kind: str) -> None:
    faults = []
    for value in (CANARY, "''", "'-'", "[1]", "{a: 1}", "'0x'"):
        try:
            load_yaml_text(f"password: !!{kind} {value}", "f.yaml")
        except ConfigError as error:
            faults += traceback.format_exception(error)
    assert CANARY not in "".join(faults)


@given(st.text())
def test_any_text_is_values_or_one_line(text: str) -> None:
    told = "f.yaml"
    try:
        load_yaml_text(text, "f.yaml")
    except ConfigError as error:
        told = str(error)
    assert told.startswith("f.yaml")
    assert "\n" not in told


def test_what_is_no_text_file_is_one_line(tmp_path: Path) -> None:
    pipe, binary, huge, loop = (tmp_path / name for name in ("pipe", "binary", "huge", "loop"))
    os.mkfifo(pipe)
    binary.write_bytes(b"\xff\xfe" + CANARY.encode())
    with huge.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    loop.symlink_to(loop)
    for path, says in (
        (pipe, "is not a regular file"),
        (tmp_path, "cannot be read: Is a directory"),
        (Path("/dev/zero"), "is not a regular file"),
        (binary, "byte 1 is not UTF-8"),
        (huge, f"has more than {MAX_FILE_BYTES} bytes"),
        (loop, "cannot be read"),
        (tmp_path / "no", "no such file"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (Path("a\0b"), "is not a path"),
    ):
        with pytest.raises(ConfigError) as raised:
            load_yaml_file(path)
        assert says in str(raised.value)
        assert CANARY not in "".join(traceback.format_exception(raised.value))


def test_the_line_of_an_entry_is_that_of_the_entry_itself_and_of_one_that_is_not_there_that_of_its_list() -> None:
    text = "site: t1\nracks:\n  - {id: a1}\n  - id: a2\n    row: a\n"
    paths = [("racks", 0), ("racks", 1), ("racks", 1, "row"), ("racks", 2), ("site",), ("feeds",)]
    assert lines_of(text, paths) == [3, 4, 5, 2, 1, 1]
