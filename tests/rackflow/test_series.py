"""Series keys: building and taking apart are each other's inverse, and nothing else is a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.errors import ContractError
from rackflow.series import clean_label, metric_of, parse_series_key, series_key

labels = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_.:/+-]{1,64}", fullmatch=True),
    max_size=6,
)
metrics = st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True)


@given(metrics, labels)
def test_parse_is_the_inverse_of_build(metric: str, given_labels: dict[str, str]) -> None:
    assert parse_series_key(series_key(metric, given_labels)) == (metric, given_labels)
    assert metric_of(series_key(metric, given_labels)) == metric


@given(st.text(max_size=60))
def test_parse_takes_keys_or_says_no(text: str) -> None:
    try:
        metric, found = parse_series_key(text)
    except ContractError as error:
        refused = error.reason
    else:
        refused = ""
        assert series_key(metric, found) == text
    assert refused in {"", "key"}


@given(st.text())
def test_any_text_becomes_a_label_value(text: str) -> None:
    value = clean_label(text)
    assert parse_series_key(series_key("m", {"a": value})) == ("m", {"a": value})


def test_labels_are_sorted() -> None:
    assert series_key("dcim_x_y", {"phase": "L1", "inlet": "1"}) == "dcim_x_y{inlet=1,phase=L1}"


@pytest.mark.parametrize(
    "key", ["", "M", "m{}", "m{a=1", "m{a}", "m{a=}", "m{b=1,a=2}", "m{a=1,a=2}", "m{a=x y}", "m{a=1}x", "m" * 200]
)
def test_what_is_not_a_key_is_refused(key: str) -> None:
    with pytest.raises(ContractError, match="key"):
        parse_series_key(key)


def test_names_and_values_up_to_their_longest() -> None:
    key = series_key("m" * 128, {"a" * 64: "v" * 64})
    assert parse_series_key(key) == ("m" * 128, {"a" * 64: "v" * 64})
    for metric, label, value in (("m" * 129, "a", "v"), ("m", "a" * 65, "v"), ("m", "a", "v" * 65), ("m", "a", "")):
        with pytest.raises(ContractError, match="key"):
            series_key(metric, {label: value})


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("L1-N", "L1-N"),
        (" rack 7 ", "rack_7"),
        ("a,b=c{d}", "a_b_c_d_"),
        ("", "_"),
        ("  ", "_"),
        ("x" * 65, "x" * 64),
        ("1.2:/+-_", "1.2:/+-_"),
        ("caf\u00e9", "caf_"),
    ],
)
def test_a_text_becomes_a_label_value_with_an_underscore_for_what_that_cannot_have(text: str, label: str) -> None:
    assert clean_label(text) == label
