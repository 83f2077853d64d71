"""Which of two families wins, and why: probes, refusals, sysObjectID, words and priorities, on small profiles."""

import pytest

from agent.profile import parse_profile
from agent.profile.normalising.cells import RawValue
from agent.profile.recognise import (
    SYS_DESCR,
    SYS_OBJECT_ID,
    families_named_by_identity,
    matches,
    probe_oids,
    probe_roots,
    probe_rounds,
)
from agent.profile.schema import Profile

A, B, C = "1.3.6.1.4.1.11.1.0", "1.3.6.1.4.1.22.1.0", "1.3.6.1.4.1.33"


def family(name: str, rules: str, protocol: str = "snmp") -> Profile:
    place = "oid: 1.3.9.1.0" if protocol == "snmp" else "register: 1"
    return parse_profile(
        f"""
version: 1
profile: {name}
class: pdu
protocol: {protocol}
title: A device
source: a manual
evidence: unverified
recognise: {{{rules}}}
points: [{{metric: dcim_pdu_input_power_watts, {place}, unit: watt}}]
""",
        f"{name}.yaml",
    )


def found(profiles: list[Profile], answers: dict[str, RawValue]) -> list[tuple[str, int]]:
    return [(match.profile.profile, match.score) for match in matches(profiles, answers)]


PROBED = family("probed", f"probes: [{A}, {B}], sysobjectid: [1.3.6.1.4.1.11, 1.3.6.1.4.1.11.5], sysdescr: [Power]")
TREE = family("tree", f"subtrees: [{C}], priority: -5")
NAMED = family("named", "sysobjectid: [1.3.6.1.4.1.44], sysdescr: [acme, pdu]")
PICKY = family("picky", f"probes: [{A}], refuse: [{B}], priority: 2")
WIRED = family("wired", "", "modbus")
ALL = [PROBED, TREE, NAMED, PICKY, WIRED]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({A: 1}, [("picky", 42), ("probed", 40)]),
        ({A: 0}, [("picky", 42), ("probed", 40)]),
        ({A: None}, []),
        ({B: 1}, [("probed", 40)]),
        ({A: 1, B: 1}, [("probed", 40)]),
        ({A: 1, B: None}, [("picky", 42), ("probed", 40)]),
        ({f"{C}.*": 1}, [("tree", 35)]),
        # Ten for sysObjectID and one for each dot of its longest prefix; eight for a word.
        ({B: 1, SYS_OBJECT_ID: "1.3.6.1.4.1.11.7"}, [("probed", 56)]),
        ({B: 1, SYS_OBJECT_ID: "1.3.6.1.4.1.11.5.1"}, [("probed", 57)]),
        ({B: 1, SYS_OBJECT_ID: "1.3.6.1.4.1.11"}, [("probed", 56)]),
        ({B: 1, SYS_OBJECT_ID: "1.3.6.1.4.1.111"}, [("probed", 40)]),
        ({B: 1, SYS_OBJECT_ID: b"1.3.6.1.4.1.11"}, [("probed", 40)]),
        ({B: 1, SYS_DESCR: b"POWER unit"}, [("probed", 48)]),
        ({B: 1, SYS_DESCR: "power unit"}, [("probed", 40)]),
        ({SYS_OBJECT_ID: "1.3.6.1.4.1.11.5", SYS_DESCR: b"Power"}, []),
        ({SYS_OBJECT_ID: "1.3.6.1.4.1.44.1", SYS_DESCR: b"an ACME PDU"}, [("named", 24)]),
        ({SYS_OBJECT_ID: "1.3.6.1.4.1.44.1", SYS_DESCR: b"something"}, []),
        ({SYS_DESCR: b"an ACME PDU"}, []),
    ],
)
def test_what_answers_decides_and_names_add_to_it(
    answers: dict[str, RawValue], expected: list[tuple[str, int]]
) -> None:
    assert found(ALL, answers) == expected


def test_families_that_fit_equally_well_come_by_name() -> None:
    twins = [family(name, f"probes: [{A}]") for name in ("b", "a")]
    assert found(twins, {A: 1}) == [("a", 40), ("b", 40)]


def test_a_match_says_why() -> None:
    answers: dict[str, RawValue] = {B: 1, SYS_OBJECT_ID: "1.3.6.1.4.1.11.5.1", SYS_DESCR: b"power"}
    (match,) = matches([PROBED], answers)
    assert match.reasons == (f"answers {B}", "sysObjectID below 1.3.6.1.4.1.11.5", "sysDescr says 'Power'")


def test_what_is_asked_and_where_it_stands() -> None:
    assert probe_oids(ALL) == [SYS_DESCR, SYS_OBJECT_ID, A, B]
    assert probe_roots(ALL) == [(1, 3, 6, 1, 4, 1, 11, 1), (1, 3, 6, 1, 4, 1, 22, 1), (1, 3, 6, 1, 4, 1, 33)]


def test_families_that_the_device_names_are_probed_first() -> None:
    last = family("last", "subtrees: [1.3.6.1.2.1], sysobjectid: [1.3.6.1.4.1.44], priority: -1")
    profiles = [*ALL, last]
    named = {SYS_OBJECT_ID: "1.3.6.1.4.1.44.1"}
    assert [[each.profile for each in group] for group in probe_rounds(profiles, named)] == [
        ["named"],
        ["probed", "tree", "picky", "last"],
    ]
    assert [len(group) for group in probe_rounds(profiles, {})] == [5]


def test_families_that_a_silent_device_is_suspected_of() -> None:
    broad = family("broad", f"probes: [{A}], sysobjectid: [1.3.6.1.4.1.44]")
    close = family("close", f"probes: [{A}], sysobjectid: [1.3.6.1.4.1.44.1]")
    said = family("said", f"probes: [{A}], sysobjectid: [1.3.6.1.4.1.44], sysdescr: [acme]")
    unsaid = family("unsaid", f"probes: [{A}], sysobjectid: [1.3.6.1.4.1.44.1], sysdescr: [other]")
    answers: dict[str, RawValue] = {SYS_OBJECT_ID: "1.3.6.1.4.1.44.1.9", SYS_DESCR: b"ACME"}
    order = [each.profile for each in families_named_by_identity([unsaid, broad, close, said, PROBED, WIRED], answers)]
    assert order == ["close", "broad", "said", "unsaid"]
