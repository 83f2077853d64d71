"""What must never reach a terminal, a log or a page raw: control characters, line breaks, marks that turn the direction of writing."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.escape import (
    escape_html,
    escape_label,
    escape_string,
    escape_tag,
    escape_unprintable,
    escape_unprintable_json,
    redact_urls,
)

ANY = st.text(st.characters())  # surrogates included


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Grüße 日本", "plain Grüße 日本"),
        ("\x1b[2Jclear", r"\x1b[2Jclear"),
        ("a\rb\nc\td\0", r"a\x0db\x0ac\x09d\x00"),
        ("\x9b31mred", r"\x9b31mred"),  # CSI as one C1 character
        ("gnp\u202efig", r"gnp\u202efig"),
        ("\u2066\u2069\u200f\u061c", r"\u2066\u2069\u200f\u061c"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028para\u2029", r"line\u2028para\u2029"),
        ("half\ud800", r"half\ud800"),
        ("tag\U000e0041", r"tag\U000e0041"),
    ],
)
def test_what_is_not_printable_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert escape_unprintable(text) == shown


@given(ANY)
def test_only_printable_characters_are_left(text: str) -> None:
    shown = escape_unprintable(text)
    assert shown.isprintable()
    assert not [each for each in shown if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert escape_html(text).isprintable()
    assert not set(escape_html(text)) & set("<>\"'")


@given(st.recursive(st.none() | ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner)))
def test_json_stays_the_same_document(document: object) -> None:
    text = escape_unprintable_json(json.dumps(document, ensure_ascii=False, indent=1))
    assert json.loads(text) == json.loads(json.dumps(document))
    assert text.replace("\n", "").isprintable()


@given(ANY)
def test_what_is_written_can_be_encoded(text: str) -> None:
    """Half a surrogate pair in one label would end the whole page of metrics."""
    for escape in (escape_tag, escape_string, escape_label, escape_html, escape_unprintable):
        assert escape(text).encode() is not None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@ss@h:1/x", "http://***@h:1/x"),
        ("url='https://h/x?auth-token=t&a=b'", "url='https://h/x?***'"),
        ("(mqtts://u:p@h) and http://h?x", "(mqtts://***@h) and http://h?***"),
        ("listening url=http://[::1]:9420", "listening url=http://[::1]:9420"),
        ("mail a@b.c, 10:20://", "mail a@b.c, 10:20://"),
    ],
)
def test_addresses_lose_credentials_and_queries(text: str, shown: str) -> None:
    assert redact_urls(text) == shown
