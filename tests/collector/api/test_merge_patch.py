"""Merge patches: what is sent is enough to know the new document, and no more than what changed."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.api.merge_patch import apply_patch, merge_patch, merge_patch_steps
from rackflow.process.slices import run_through

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(0, 1) | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abcdef"), VALUES, max_size=6)


def test_only_what_changed_is_sent() -> None:
    """The example of RFC 7386, and a number within a mapping by id."""
    before = {"title": "Goodbye!", "author": {"name": "John", "family": "Doe"}, "tags": ["a", "b"], "content": "x"}
    after = {"title": "Hello!", "author": {"name": "John"}, "tags": ["a"], "content": "x", "phone": "+01"}
    assert merge_patch(before, after) == {"title": "Hello!", "author": {"family": None}, "tags": ["a"], "phone": "+01"}
    racks = {"racks": {"a1": {"power_watts": 1.0, "problem": None}, "a2": {"power_watts": 2.0}}}
    later = {"racks": {"a1": {"power_watts": 1.5, "problem": None}, "a2": {"power_watts": 2.0}}}
    assert merge_patch(racks, later) == {"racks": {"a1": {"power_watts": 1.5}}}


def test_what_became_unknown_is_sent_as_null() -> None:
    """A receiver takes a member that is null, or that it lacks, for unknown."""
    assert merge_patch({"watts": 5.0}, {"watts": None}) == {"watts": None}
    assert merge_patch({"watts": None}, {"watts": None}) == {}
    assert merge_patch({"watts": None}, {}) == {}
    for before, after in (({"rack": {"watts": None}}, {"rack": {}}), ({"rack": {}}, {"rack": {}})):
        assert merge_patch(before, after) == run_through(merge_patch_steps(before, after)) == {}


def test_of_thousands_of_racks_all_changes_are_sent_whichever_slice_they_are_in() -> None:
    racks = {f"a{number}": {"watts": float(number)} for number in range(1000)}
    changed = {name: {"watts": -1.0} for name in ("a0", "a199", "a200", "a555", "a999")}
    after = {name: rack for name, rack in (racks | changed).items() if name != "a700"} | {"b1": {"watts": 5.0}}
    patch = {"racks": changed | {"a700": None, "b1": {"watts": 5.0}}}
    assert run_through(merge_patch_steps({"racks": racks}, {"racks": after})) == patch


@given(before=DOCUMENTS, after=DOCUMENTS)
def test_a_receiver_with_the_patch_knows_the_new_document(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Whatever the two documents are, apart from members that are null, which a receiver need not have."""
    assert _without_nulls(apply_patch(before, merge_patch(before, after))) == _without_nulls(after)


@given(before=DOCUMENTS, after=DOCUMENTS)
def test_a_patch_made_in_slices_is_the_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Slices only give others a turn."""
    assert run_through(merge_patch_steps(before, after)) == merge_patch(before, after)


@given(document=DOCUMENTS)
def test_a_document_that_did_not_change_is_not_sent(document: dict[str, Any]) -> None:
    """An empty patch is no event."""
    assert merge_patch(document, document) == {}


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return value
