"""Every recording of a real device: recognised as what it is, and read as another project reads it, or with a reason why not."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.profile.recognise import families_named_by_identity, matches
from rackflow.catalogue import catalogue
from rackflow.recording.snmprec import read_snmprec
from rackflow.series import parse_series_key
from tests.agent.shipped import shipped_profiles
from tests.conformance.compare import FOLDERS, Result, compare, load_reasons
from tests.servers.captures import require_captures

REASONS = load_reasons()
LEAST_SHARE = 0.95
"""Read, of all measurements that the other project reads and whose quantity the catalogue covers; recordings not recognised count."""
NOT_RECOGNISED = frozenset(
    {
        # Nothing but a system group is recorded of the device that its profile expects.
        "pdu/dpi",
        "env/rittal-cmc-iii-pu_iot-interface",
    }
)
"""Known gaps, by name. Remove an entry here when its gap is closed."""
MISFILED = {
    "ups/liebert": "its own identity table says MPH, a rack PDU",
    "ups/tripplite-poweralert": "the card answers as an automatic transfer switch",
    "ups/centreon_apc-ups-sensors": "holds the sensors of a UPS and nothing of the UPS itself",
    "ups/netagent2_2": "a temperature and humidity sensor named after the UPS that it hangs beside",
}
CLASSES = {
    "ups": {"ups"},
    "pdu": {"pdu"},
    "ats": {"ats"},
    "cooling": {"crah", "cdu", "rdhx"},
    "meter": {"meter", "panel"},
    "env": {"env"},
}


def compared(folders: Sequence[str]) -> list[Result]:
    root = require_captures() / "snmp"
    paths = [path for folder in folders for path in sorted((root / folder).glob("*.snmprec"))]

    async def all_of_them() -> list[Result]:
        return [await compare(path, REASONS) for path in paths]

    return asyncio.run(all_of_them())


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """All recordings of the folders that are compared."""
    return compared(FOLDERS)


def test_every_recording_is_recognised_as_its_class(results: list[Result]) -> None:
    profiles = shipped_profiles()
    assert len(results) > 130
    unknown = {result.name for result in results if not result.profile}
    assert unknown == NOT_RECOGNISED
    for result in results:
        if result.profile and result.name not in MISFILED:
            assert profiles[result.profile].class_ in CLASSES[result.name.partition("/")[0]], result.name


def test_sensors_are_read_as_another_project_reads_them(results: list[Result]) -> None:
    measured = sum(result.measured for result in results)
    worst = Counter({result.name: len(result.missed) + len(result.unread) for result in results}).most_common(10)
    assert measured > 2000
    assert sum(result.read for result in results) / measured >= LEAST_SHARE, worst


def test_every_sensor_that_is_not_read_has_a_reason(results: list[Result]) -> None:
    missed = {result.name: result.missed for result in results if result.profile and result.missed}
    assert not missed


def test_readings_are_plausible_and_labelled_as_the_catalogue_allows(results: list[Result]) -> None:
    for result in results:
        for key, value in result.readings.values.items():
            metric, labels = parse_series_key(key)
            assert catalogue()[metric].plausible(value), f"{result.name}: {key} = {value}"
            assert set(labels) <= set(catalogue()[metric].labels), f"{result.name}: {key}"


def test_a_profile_that_claims_a_recorded_device_has_a_recording(results: list[Result]) -> None:
    others = compared(("dc-power",))
    read = {result.profile for result in [*results, *others] if result.readings.values}
    claimed = {name for name, profile in shipped_profiles().items() if profile.evidence == "recorded device"}
    assert claimed <= read, sorted(claimed - read)
    for result in others:
        for key, value in result.readings.values.items():
            assert catalogue()[parse_series_key(key)[0]].plausible(value), f"{result.name}: {key} = {value}"


def test_every_reason_is_for_a_sensor_that_is_not_read(results: list[Result]) -> None:
    """A reason that no sensor needs any more must be removed from its file."""
    used = {result.name: (result.excused, result.unread) for result in results}
    for name, reasons in REASONS.excuses.items():
        assert reasons.items() <= used[name][0].items(), name
    for name, reasons in REASONS.unread.items():
        assert reasons.items() <= used[name][1].items(), name


def test_a_name_alone_is_not_trusted_and_never_takes_a_pdu_for_a_ups(captures: Path) -> None:
    profiles = list(shipped_profiles().values())
    paths = sorted((captures / "snmp" / "identify-only").glob("*.snmprec"))
    assert len(paths) > 70
    for path in paths:
        answers = {record.oid: record.value for record in read_snmprec(path)}
        assert not matches(profiles, answers), path.stem
        likely = families_named_by_identity(profiles, answers)
        if likely and "ups" in path.stem:
            assert likely[0].class_ == "ups", path.stem
        if likely and "pdu" in path.stem:
            # A Geist rack PDU shares its sysObjectID with the vendor's environment monitors.
            assert likely[0].class_ in {"pdu", "env"}, path.stem
