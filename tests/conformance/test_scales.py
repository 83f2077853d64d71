"""Devices of one family that disagree about tenths, signs or neutral rows: objects as either sends them, and what must come out."""

import pytest

from agent.lab.replay import replay_snmp
from agent.profile.load import load_profiles
from rackflow.recording.snmprec import Record

ATS, TOWER, ICT, ALERT_E, ALERT_S = (
    f"1.3.6.1.4.1.{branch}" for branch in ("534.10.2", "1718.3.2.2.1", "39145.10", "20916.1.10.1", "20916.1.12.1")
)


def ats(output: int, source: int) -> dict[str, int | bytes]:
    """A transfer switch whose first source feeds it."""
    return {
        f"{ATS}.2.4.0": 4,
        f"{ATS}.2.3.1.0": output,
        f"{ATS}.2.3.2.0": 0,
        f"{ATS}.2.2.1.2.1": source,
        f"{ATS}.3.2.1.3.1": 2,
    }


def infeed(row: int, name: bytes, line: bytes, load: int) -> dict[str, int | bytes]:
    """A row of infeedTable."""
    columns: dict[int, int | bytes] = {2: name, 21: line, 7: load, 5: 1, 6: 1}
    return {f"{TOWER}.{column}.1.{row}": value for column, value in columns.items()}


def room_alert(base: str, celsius: int) -> dict[str, int | bytes]:
    """A probe of temperature at its first port."""
    return {f"{base}.{2 if base == ALERT_E else '2.1'}.1.0": celsius}


CASES: list[tuple[str, dict[str, int | bytes], str, dict[str, float]]] = [
    ("eaton-ats", ats(2301, 2304), "dcim_ats_output_voltage", {"{phase=L1}": 230.1}),
    ("eaton-ats", ats(230, 231), "dcim_ats_output_voltage", {"{phase=L1}": 230.0}),
    ("eaton-ats", ats(230, 231), "dcim_ats_source_voltage", {"{phase=L1,source=a}": 231.0}),
    # Without output, tenths of a source are not taken for whole volts.
    ("eaton-ats", ats(0, 2304), "dcim_ats_source_voltage", {"{phase=L1,source=a}": 230.4}),
    (
        "servertech-sentry3",
        infeed(1, b"AA", b"L1", 610) | infeed(2, b"AB", b"L2", 620) | infeed(3, b"AN", b"N", 130),
        "dcim_pdu_input_current",
        {"{inlet=AA}": 6.1, "{inlet=AB}": 6.2},
    ),
    ("servertech-sentry3", infeed(3, b"AN", b"N", 130), "dcim_pdu_neutral_current", {"{inlet=AN}": 1.3}),
    (
        "ict-distribution",
        {f"{ICT}.6.0": b"-55.2", f"{ICT}.7.0": b"-3.1"},
        "dcim_pdu_input_voltage",
        {"{inlet=1}": 55.2},
    ),
    ("ict-distribution", {f"{ICT}.6.0": b"-55.2", f"{ICT}.7.0": b"-3.1"}, "dcim_pdu_input_current", {"{inlet=1}": 3.1}),
    ("ict-distribution", {f"{ICT}.6.0": b"54.1", f"{ICT}.7.0": b"3.1"}, "dcim_pdu_input_voltage", {"{inlet=1}": 54.1}),
    ("avtech-roomalert12", room_alert(ALERT_E, 2150), "dcim_env_temperature", {"{sensor=external1}": 21.5}),
    ("avtech-roomalert12", room_alert(ALERT_E, 22), "dcim_env_temperature", {"{sensor=external1}": 22.0}),
    ("avtech-roomalert12", room_alert(ALERT_S, 2150), "dcim_env_temperature", {"{sensor=external1}": 21.5}),
]


@pytest.mark.parametrize(("name", "objects", "metric", "expected"), CASES)
async def test_scales_and_signs_are_what_the_values_show(
    name: str, objects: dict[str, int | bytes], metric: str, expected: dict[str, float]
) -> None:
    records = sorted((Record(oid, "", value) for oid, value in objects.items()), key=lambda each: each.key)
    _, readings = await replay_snmp(records, load_profiles(), name, 1_790_000_000.0)
    read = {key[key.index("{") :]: value for key, value in readings.values.items() if key.startswith(metric)}
    assert read == pytest.approx(expected)
