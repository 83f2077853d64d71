"""Every group of SNMP objects that a shipped profile reads is documented: its source, or that of the point, names the branch."""

import re
from collections.abc import Iterator

import pytest

from agent.profile import Profile
from tests.agent.shipped import shipped_profiles

# Standard MIBs, which sources name without their branch. The group `system` says which device it is, and gives no reading.
STANDARD = {
    "1.3.6.1.2.1.1": re.compile(""),
    "1.3.6.1.2.1.33": re.compile("UPS-MIB|RFC 1628"),
    "1.3.6.1.2.1.47": re.compile("ENTITY-MIB|RFC 6933"),
    "1.3.6.1.2.1.99": re.compile("ENTITY-SENSOR-MIB|RFC 3433"),
}


def read_oids(value: object, source: str) -> Iterator[tuple[str, str]]:
    """Each object and column that a part of a profile reads, with the source that applies to it."""
    if isinstance(value, list):
        for each in value:
            yield from read_oids(each, source)
    elif isinstance(value, dict):
        source = f"{source} {value['source']}" if value.get("source") else source
        for name, each in value.items():
            if name in {"oid", "column"} and isinstance(each, str):
                yield each, source
            else:
                yield from read_oids(each, source)


def is_named(oid: str, source: str) -> bool:
    """Whether a source names a branch above the object: as a whole, by its last numbers, or as a standard MIB."""
    branches = re.findall(r"(?<![\d.])\d+(?:\.\d+)+", source)
    return any(f".{branch}." in f".{oid}." for branch in branches) or any(
        f"{oid}.".startswith(f"{branch}.") and names.search(source) for branch, names in STANDARD.items()
    )


def sources(profile: Profile) -> str:
    """What a profile and the one it extends name as their sources."""
    base = shipped_profiles().get(profile.extends or "")
    return profile.source if base is None else f"{profile.source}, {sources(base)}"


def undocumented(profile: Profile) -> list[str]:
    parts = profile.model_dump(mode="json", include={"points", "tables"})
    return sorted({oid for oid, source in read_oids(parts, sources(profile)) if not is_named(oid, source)})


def test_each_object_is_below_a_branch_that_a_source_names() -> None:
    snmp = [each for each in shipped_profiles().values() if each.protocol == "snmp"]
    assert len(snmp) > 150
    assert {each.profile: found for each in snmp if (found := undocumented(each))} == {}


@pytest.mark.parametrize(
    ("oid", "source"),
    [
        ("1.3.6.1.4.1.318.1.1.12.1", "branch rPDU (1.3.6.1.4.1.318.1.1.12)"),
        ("1.3.6.1.4.1.850.101.1.0", "branches 850.100 and 850.101"),
        ("1.3.6.1.2.1.33.1.2.1.0", "CPQPOWER-MIB, beside UPS-MIB"),
    ],
)
def test_a_branch_is_named_as_a_whole_by_its_last_numbers_or_by_a_standard(oid: str, source: str) -> None:
    assert is_named(oid, source)


@pytest.mark.parametrize(
    ("oid", "source"),
    [
        ("1.3.6.1.4.1.318.1.1.120.1", "branch rPDU (1.3.6.1.4.1.318.1.1.12)"),
        ("1.3.6.1.2.1.33.1.2.1.0", "CPQPOWER-MIB, branch ups (1.3.6.1.4.1.232.165.3)"),
    ],
)
def test_another_branch_is_not_named(oid: str, source: str) -> None:
    assert not is_named(oid, source)
