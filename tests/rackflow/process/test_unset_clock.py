"""Which times a clock can only have if it was never set."""

from datetime import UTC, datetime

import pytest

from rackflow.process.unset_clock import date_of, is_unset


@pytest.mark.parametrize(
    ("says", "unset"),
    [
        ("1970-01-01T00:00:05", True),
        ("2018-03-14T09:00:00", True),  # as the firmware was built
        ("2019-12-31T23:59:59", True),
        ("2020-01-01T00:00:00", False),
        ("2026-11-28T18:00:00", False),
    ],
)
def test_a_clock_before_2020_was_never_set(says: str, *, unset: bool) -> None:
    wall_s = datetime.fromisoformat(says).replace(tzinfo=UTC).timestamp()
    assert is_unset(wall_s) == unset
    assert date_of(wall_s) == says[:10]
