"""Devices of one family that differ in tenths, signs or neutral rows: the objects that each variant sends, and the expected readings."""

import pytest

from agent.lab.replay import replay_snmp
from rackflow.recording.snmprec import OBJECT_IDENTIFIER, Record
from tests.agent.shipped import shipped_profiles

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

EASY, AMPERES = "1.3.6.1.4.1.318.1.1.30", "dcim_pdu_phase_current"


def easy(size: int | None, rows: tuple[tuple[int, int, int], ...]) -> dict[str, int | bytes]:
    """Phases of APC Easy PDUs: unit, phase and hundredths of an ampere."""
    found: dict[str, int | bytes] = {} if size is None else {f"{EASY}.3.0": size}
    for row, values in enumerate(rows, 1):
        found |= {f"{EASY}.4.2.1.{column}.{row}": value for column, value in zip((2, 3, 5), values, strict=True)}
    return found


CASES += [
    # A unit of one phase with rows for three, then one of three, then a chain of three units of one phase.
    ("apc-epdu", easy(1, ((1, 1, 353), (1, 2, 0), (1, 3, 0))), AMPERES, {"{phase=L1}": 3.53}),
    (
        "apc-epdu",
        easy(3, ((1, 1, 353), (1, 2, 0), (1, 3, 120))),
        AMPERES,
        {"{phase=L1}": 3.53, "{phase=L2}": 0.0, "{phase=L3}": 1.2},
    ),
    (
        "apc-epdu",
        easy(3, ((1, 1, 353), (2, 1, 210), (3, 1, 120))),
        AMPERES,
        {"{phase=L1}": 3.53, "{inlet=2,phase=L1}": 2.1, "{inlet=3,phase=L1}": 1.2},
    ),
    (
        "apc-epdu",
        {f"{EASY}.2.1.1.12.1": 49_988, f"{EASY}.2.1.1.7.1": 785},
        "dcim_pdu_input_freq",
        {"{inlet=1}": 49.988},
    ),
]
UPS, XUPS, RIELLO = "1.3.6.1.2.1.33.1", "1.3.6.1.4.1.534.1", "1.3.6.1.4.1.5491.10.1"


def lines(base: str, mains: tuple[int, ...], output: tuple[int, ...]) -> dict[str, int | bytes]:
    """Voltages of an input and an output table, from line 1 on."""
    columns = ((f"{base}.3.3.1.3", mains), (f"{base}.4.4.1.2", output))
    return {f"{column}.{line}": volts for column, table in columns for line, volts in enumerate(table, 1)}


ONE_PHASE = lines(UPS, (242, 0, 0), (231, 0, 0)) | {f"{UPS}.3.2.0": 1, f"{UPS}.4.3.0": 1}
MAINS, OUTPUT, BATTERY = "dcim_ups_input_voltage", "dcim_ups_output_voltage", "dcim_ups_battery_voltage"
CASES += [
    ("rfc1628-ups", {f"{UPS}.2.5.0": 273}, BATTERY, {"": 27.3}),
    # Read as tenths it would be 2.7 V, which no battery has.
    ("rfc1628-ups", {f"{UPS}.2.5.0": 27}, BATTERY, {"": 27.0}),
    # Nearly empty rather than 96 V.
    ("rfc1628-ups", {f"{UPS}.2.5.0": 96}, BATTERY, {}),
    ("rfc1628-ups", {f"{UPS}.2.7.0": 23}, "dcim_ups_battery_temperature", {"": 23.0}),
    ("rfc1628-ups", {f"{UPS}.2.7.0": 231}, "dcim_ups_battery_temperature", {"": 23.1}),
    ("rfc1628-ups", {f"{UPS}.2.7.0": 0}, "dcim_ups_battery_temperature", {}),
    # Lines beyond the number of lines are not there, and have no 0 V.
    ("rfc1628-ups", ONE_PHASE, MAINS, {"{phase=L1}": 242.0}),
    ("rfc1628-ups", ONE_PHASE, OUTPUT, {"{phase=L1}": 231.0}),
    # A line that has lost its mains has.
    (
        "rfc1628-ups",
        lines(UPS, (232, 0, 231), (230, 231, 230)),
        MAINS,
        {"{phase=L1}": 232.0, "{phase=L2}": 0.0, "{phase=L3}": 231.0},
    ),
    # Three lines in, one out.
    ("rfc1628-ups", lines(UPS, (232, 232, 231), (230, 0, 0)) | {f"{UPS}.4.3.0": 1}, OUTPUT, {"{phase=L1}": 230.0}),
    ("riello-netman", lines(RIELLO, (242, 0, 0), (231, 0, 0)) | {f"{RIELLO}.3.2.0": 1}, MAINS, {"{phase=L1}": 242.0}),
    # One line, numbered 0.
    ("rfc1628-ups", {f"{UPS}.3.3.1.3.0": 229, f"{UPS}.4.4.1.2.0": 230}, MAINS, {"{phase=L1}": 229.0}),
]

DELTA = "1.3.6.1.4.1.2254.2.4"
SPLIT: dict[str, int | bytes] = {
    f"{DELTA}.4.1.0": 2,
    f"{DELTA}.4.3.0": 1190,
    f"{DELTA}.4.6.0": 1210,
    f"{DELTA}.4.9.0": 0,
}
CASES += [
    # Two lines of a split phase.
    ("delta-ups", SPLIT, MAINS, {"{phase=L1}": 119.0, "{phase=L2}": 121.0}),
    ("delta-ups", {f"{DELTA}.10.1.0": 24, f"{DELTA}.10.2.0": 0}, "dcim_env", {"{sensor=probe}": 24.0}),
]
DESCRIPTIONS: list[tuple[str, str, dict[str, str]]] = [
    ("rfc1628-ups", f"{UPS}.6.2.1.2.7", {f"{UPS}.6.3.2": "on_battery,severity=warning"}),
    (
        "eaton-xups",
        f"{XUPS}.7.2.1.2.12",
        {f"{XUPS}.7.3": "on_battery,severity=warning", f"{XUPS}.7.51": "output_not_protected,severity=critical"},
    ),
    ("riello-netman", f"{RIELLO}.6.2.1.2.4", {f"{RIELLO}.6.3.11": "shutdown_imminent,severity=critical"}),
]


@pytest.mark.parametrize(
    ("name", "oid", "described", "alarm"),
    [(name, oid, *each) for name, oid, words in DESCRIPTIONS for each in words.items()],
)
async def test_a_row_of_a_table_of_alarms_is_that_alarm(name: str, oid: str, described: str, alarm: str) -> None:
    records = [Record(oid, OBJECT_IDENTIFIER, described)]
    _, readings = await replay_snmp(records, shipped_profiles(), name, 1_790_000_000.0)
    read = {key: value for key, value in readings.values.items() if key.startswith("dcim_device_alarm_active")}
    assert read == {f"dcim_device_alarm_active{{alarm={alarm}}}": 1.0}


@pytest.mark.parametrize(("name", "objects", "metric", "expected"), CASES)
async def test_scales_and_signs_are_what_the_values_show(
    name: str, objects: dict[str, int | bytes], metric: str, expected: dict[str, float]
) -> None:
    records = sorted((Record(oid, "", value) for oid, value in objects.items()), key=lambda each: each.key)
    _, readings = await replay_snmp(records, shipped_profiles(), name, 1_790_000_000.0)
    read = {"".join(key.partition("{")[1:]): value for key, value in readings.values.items() if key.startswith(metric)}
    assert read == pytest.approx(expected)
