"""A file of variables gives a command the values that systemd gives the service."""

import ctypes
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow import ConfigError
from rackflow.process.env_file import variables_of

# systemd.exec(5), EnvironmentFile=; each is what systemd 252 makes of it.
EXAMPLES = [
    ("A=it's", "it's"),
    ('A=ab"cd"ef', 'ab"cd"ef'),
    ("A=foo 'bar'", "foo 'bar'"),
    ('A="x"y  z ', "xy  z"),
    ("A=\"x\" 'y'", "xy"),
    ("A=  '  x '  ", "  x "),
    (r'A="a\$b\`c\"d\\e\f"', r'a$b`c"d\e\f'),
    (r"A='a\b'", r"a\b"),
    (r"A='a\$b\\c'", r"a\$b\\c"),
    (r"A=a\b", "ab"),
    ("A=a\\\nb", "ab"),
    ('A="a\\\nb"', "ab"),
    ('A="two\nlines"', "two\nlines"),
    ("A=a\\ ", "a "),
    ("A=a #b", "a #b"),
    ("A = x\r", "x"),
    ("A==b", "=b"),
    ("A=of before\nA=", ""),
]


@pytest.mark.parametrize(("text", "value"), EXAMPLES)
def test_a_value_is_what_systemd_reads(text: str, value: str) -> None:
    assert dict(variables_of(f"# a comment; B=1\n{text}\n; C=2\n", "agent.env")) == {"A": value}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('A="hunter2\nB=1\n', "agent.env:1: A: has a quotation mark that is not closed; close or remove it"),
        ("A='one\ntwo'\nhunter2", "agent.env:3: is not NAME=VALUE"),
        ("export A=hunter2", "agent.env:1: is not NAME=VALUE"),
        ("A=1\nB=hunter2\0", "agent.env:2: B: has a NUL character, which no environment takes; remove it"),
        (
            "\ufeffA=hunter2",
            "agent.env:1: begins with a byte order mark, which systemd does not know; save it without one",
        ),
    ],
)
def test_what_systemd_would_leave_out_or_misread_is_named_and_not_shown(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        dict(variables_of(text, "agent.env"))
    assert str(error.value) == says


@pytest.fixture(scope="module")
def systemd() -> ctypes.CDLL:
    """The reader of systemd: `load_env_file` of its library, which is no public interface."""
    found = sorted(Path("/usr/lib").glob("**/systemd/libsystemd-shared-*.so"))
    if not found:
        pytest.skip("systemd's library is not installed")
    library = ctypes.CDLL(str(found[-1]))
    if not hasattr(library, "load_env_file"):
        pytest.skip("this version of systemd does not export its reader")
    return library


def read_by(systemd: ctypes.CDLL, file: Path) -> dict[str, str]:
    lines = ctypes.pointer(ctypes.c_char_p())
    assert systemd.load_env_file(None, str(file).encode(), ctypes.byref(lines)) >= 0
    found: dict[str, str] = {}
    for at in count():
        if lines[at] is None:
            break
        name, _, value = lines[at].decode().partition("=")
        found[name] = value
    return found


@given(
    value=st.lists(st.sampled_from([*"AB=\"'\\ \t\r\n$`#;é", "\n", "\nB="]), max_size=24).map("".join),
)
def test_no_value_is_read_otherwise_than_by_systemd(
    value: str, systemd: ctypes.CDLL, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = f"A={value}\n"
    try:
        found = dict(variables_of(text, "agent.env"))
    except ConfigError:
        return  # told instead of left out
    file = tmp_path_factory.getbasetemp() / "systemd.env"
    file.write_bytes(text.encode())
    # Until version 254, a backslash at the end of a comment made the next line one, too.
    if not any(line.lstrip()[:1] in {"#", ";"} and line.endswith("\\") for line in text.splitlines()):
        assert found == read_by(systemd, file)


def test_systemd_gives_a_service_no_variable_of_a_line_behind_a_byte_order_mark(
    systemd: ctypes.CDLL, tmp_path: Path
) -> None:
    file = tmp_path / "agent.env"
    file.write_text("A=1\nB=2\n", encoding="utf-8-sig")
    assert "A" not in read_by(systemd, file)
