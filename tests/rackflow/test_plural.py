"""Numbers with their nouns in messages."""

import pytest

from rackflow.plural import count_of, first_of


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "warning", "0 warnings"),
        (1, "warning", "1 warning"),
        (3076, "device", "3,076 devices"),
        (2, "more entry", "2 more entries"),
        (2, "address", "2 addresses"),
        (2, "survey day", "2 survey days"),
    ],
)
def test_a_noun_follows_its_number(number: int, noun: str, text: str) -> None:
    assert count_of(number, noun) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [((), ""), (("a",), "a"), (("a", "b"), "a, b"), (("a", "b", "c"), "a, b and 1 more")],
)
def test_a_long_list_ends_with_how_many_are_not_shown(names: tuple[str, ...], text: str) -> None:
    assert first_of(names, 2) == text
