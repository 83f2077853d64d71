"""Parameters of requests: what is taken, and what is refused with a text that says what is possible."""

import time
from datetime import UTC, datetime

import pytest

from collector.api.live import PartName
from collector.api.requests import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    MAX_SHOWN,
    MAX_TEXT,
    BadRequest,
    check_query,
    check_text,
    one_of,
    page_of,
    parts_of,
    since_of,
)


def test_a_parameter_that_does_not_exist_is_refused_with_those_that_do() -> None:
    check_query({"site": "t1"}, "site", "room")
    with pytest.raises(BadRequest, match="'rom' is no parameter here; there are site, room"):
        check_query({"site": "t1", "rom": "x"}, "site", "room")
    with pytest.raises(BadRequest, match="there are none"):
        check_query({"site": "t1"})
    with pytest.raises(BadRequest, match="site has control characters"):
        check_query({"site": "a\nb"}, "site")


@pytest.mark.parametrize("text", ["", "hall-1", "x" * MAX_TEXT, "Café", "a b", "~"])
def test_a_text_that_can_be_a_name_is_taken(text: str) -> None:
    check_text("room", text)


@pytest.mark.parametrize(
    "text", ["x" * (MAX_TEXT + 1), "a\x00", "a\nb", "ab\x1f", "a\x7f", "a\x85b", "a\u2028b", "a\u2029"]
)
def test_a_text_that_is_too_long_or_would_end_a_line_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"room has"):
        check_text("room", text)


@pytest.mark.parametrize(
    ("query", "limit", "cursor"),
    [
        ({}, DEFAULT_LIMIT, ""),
        ({"limit": "1"}, 1, ""),
        ({"limit": str(MAX_LIMIT), "cursor": "ups-1"}, MAX_LIMIT, "ups-1"),
    ],
)
def test_a_page_has_the_limit_that_is_asked_for(query: dict[str, str], limit: int, cursor: str) -> None:
    found = page_of(query)
    assert (found.limit, found.cursor) == (limit, cursor)


@pytest.mark.parametrize("text", ["0", "", "-1", "1.5", "ten", str(MAX_LIMIT + 1), "00001", "10000000000", "٣", "²"])
def test_a_limit_that_is_no_number_of_items_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=f"give a whole number from 1 to {MAX_LIMIT}"):
        page_of({"limit": text})


def test_one_of_few_values_is_taken_or_none() -> None:
    assert one_of({}, "state", ("up", "down")) == ""
    assert one_of({"state": "down"}, "state", ("up", "down")) == "down"
    for text in ("", "UP", "sideways"):
        with pytest.raises(BadRequest, match="give one of up, down"):
            one_of({"state": text}, "state", ("up", "down"))


@pytest.mark.parametrize(
    "text", ["2026-11-26T14:05:00Z", "2026-11-26t14:05:00z", "2026-11-26T14:05:00", "2026-11-26T15:05+01:00"]
)
def test_a_time_without_a_zone_is_utc_wherever_the_collector_stands(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "Asia/Kolkata")
            time.tzset()
            found = since_of({"since": text}, 5.0)
    finally:
        time.tzset()
    assert found == datetime(2026, 11, 26, 14, 5, tzinfo=UTC).timestamp()


def test_without_a_time_the_default_counts_and_what_is_none_is_refused() -> None:
    assert since_of({}, 5.0) == 5.0
    for text in ("", "yesterday", "2026-13-01"):
        with pytest.raises(BadRequest, match="is no time; write it as in 2026-11-26T14:05:00Z"):
            since_of({"since": text}, 5.0)


def test_parts_are_named_with_what_they_are_of() -> None:
    found = parts_of({"show": "site,floor,floor:hall-1,problems,,device:a:b"}, "t1")
    assert found == [
        PartName("t1", kind, of)
        for kind, of in (("site", ""), ("floor", ""), ("floor", "hall-1"), ("problems", ""), ("device", "a:b"))
    ]
    assert [each.shown for each in found] == ["site", "floor", "floor:hall-1", "problems", "device:a:b"]
    assert len(parts_of({"show": ",".join(["site"] * MAX_SHOWN)}, "t1")) == MAX_SHOWN


@pytest.mark.parametrize(
    ("show", "why"),
    [
        ("", "name what to show"),
        (",", "name what to show"),
        (",".join(["site"] * (MAX_SHOWN + 1)), f"at most {MAX_SHOWN} are possible"),
        ("roof", "'roof' is no part"),
        ("device", "'device' is no part"),
        ("device:", "'device:' is no part"),
        ("site:t2", "'site:t2' is no part"),
        ("site:", "'site:' is no part"),
    ],
)
def test_a_part_that_no_stream_has_is_refused(show: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        parts_of({"show": show}, "t1")
