"""What a profile can say beyond a fixed scale: each feature on a small profile of its own, planned and normalised."""

from collections.abc import Sequence

import pytest

from agent.config import Device
from agent.lab.replay import read_all
from agent.poll.snmp import SnmpPoller
from agent.profile.loading.load import parse_profile
from agent.profile.normalising.quantity import leading_number, quantity
from agent.profile.recognise import oid_parts
from agent.readings import Readings
from agent.snmp.seam import SnmpValue
from rackflow.catalogue import catalogue
from rackflow.errors import ProfileError

ROOT = "1.3.6.1.4.1.99999"
HEAD = f"""
version: 1
profile: feature
class: pdu
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
"""
TABLE = HEAD + f"tables:\n  - name: sensors\n    rows: {ROOT}.1.9\n    labels: {{outlet: {{index: -1}}}}\n    points:\n"
PHASE = (
    f"tables:\n  - name: phases\n    rows: {ROOT}.1.9\n"
    "    labels: {inlet: '1', phase: {index: 1, map: {1: L1, 2: L2}}}\n    points:\n"
)


class Memory:
    """A device in memory."""

    def __init__(self, values: dict[str, SnmpValue]) -> None:
        self.values = {f"{ROOT}.{oid}": value for oid, value in values.items()}

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        return {oid: self.values[oid] for oid in oids if oid in self.values}

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        below = [(name, value) for name, value in self.values.items() if name.startswith(f"{oid}.")]
        return dict(below[:limit])

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        behind = [(name, value) for name, value in self.values.items() if oid_parts(name) > oid_parts(oid)]
        return min(behind, key=lambda each: oid_parts(each[0]), default=None)

    def set_max_varbinds(self, objects: int) -> None:
        """Memory has no limit."""

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """Memory denies nothing."""

    async def close(self) -> None:
        self.values = {}


async def read(text: str, values: dict[str, SnmpValue], **bases: str) -> Readings:
    parsed = {name: parse_profile(base, f"{name}.yaml") for name, base in bases.items()}
    profile = parse_profile(text, "feature.yaml", parsed)
    poller = SnmpPoller(Device(id="d", host="h", credential="c", outlets=True), {"feature": profile}, Memory(values))
    return (await read_all(poller, 1e9))[1]


def point(metric: str, rest: str, column: str = "1.9") -> str:
    return f"      - {{metric: {metric}, oid: {ROOT}.{column}, {rest}}}\n"


WATTS, VOLTS, ENV = "dcim_pdu_outlet_power_watts", "dcim_pdu_outlet_voltage_volts", "dcim_env_temperature_celsius"


async def test_a_cell_of_the_row_gives_the_decimals_of_another_one() -> None:
    text = TABLE + point(VOLTS, f"unit: volt, decimals: {ROOT}.1.5")
    readings = await read(text, {"1.9.1": 2301, "1.5.1": 1, "1.9.2": 23012, "1.5.2": 2, "1.9.3": 230})
    assert readings.values == {f"{VOLTS}{{outlet=1}}": 230.1, f"{VOLTS}{{outlet=2}}": 230.12}


async def test_a_scale_that_divides_when_it_is_negative() -> None:
    text = TABLE + point(VOLTS, f"unit: volt, varscale: {ROOT}.1.5")
    readings = await read(text, {"1.9.1": 23010, "1.5.1": -100, "1.9.2": 23, "1.5.2": 10, "1.9.3": 230, "1.5.3": 0})
    assert [readings.values[f"{VOLTS}{{outlet={at}}}"] for at in (1, 2, 3)] == [230.1, 230.0, 230.0]


async def test_a_scale_that_a_column_gives_as_divisor() -> None:
    text = TABLE + point(VOLTS, f"unit: volt, divisor: {ROOT}.1.5")
    readings = await read(text, {"1.9.1": 2301, "1.5.1": 10, "1.9.2": 230, "1.5.2": 1, "1.9.3": 230, "1.5.3": 0})
    assert readings.values == {f"{VOLTS}{{outlet=1}}": 230.1, f"{VOLTS}{{outlet=2}}": 230.0}
    assert readings.bad == {f"{VOLTS}{{outlet=3}}": "decode"}


async def test_a_scale_that_a_column_gives_as_a_power_of_ten() -> None:
    text = TABLE + point(VOLTS, f"unit: volt, exponent: {ROOT}.1.5")
    cells: dict[str, SnmpValue] = {
        "1.9.1": 23010,
        "1.5.1": -2,
        "1.9.2": 23,
        "1.5.2": 1,
        "1.9.3": 230,
        "1.5.3": 0,
        "1.9.4": 1,
        "1.5.4": 2**31 - 1,
    }
    readings = await read(text, cells)
    assert readings.values == {f"{VOLTS}{{outlet={at}}}": 230.0 + (at == 1) / 10 for at in (1, 2, 3)}
    assert readings.bad == {f"{VOLTS}{{outlet=4}}": "decode"}


async def test_the_unit_by_a_cell_or_an_instance() -> None:
    text = (
        HEAD
        + "tables:\n  - name: sensors\n"
        + (f"    rows: {ROOT}.1.9\n    labels: {{sensor: {{index: 1}}}}\n    points:\n")
        + point(ENV, f"unit_by: {{column: {ROOT}.1.5, map: {{7: celsius, degF: fahrenheit}}}}, scale: 0.1")
    )
    readings = await read(text, {"1.9.1": 250, "1.5.1": 7, "1.9.2": 770, "1.5.2": b"DegF", "1.9.3": 5, "1.5.3": 99})
    assert readings.values == {f"{ENV}{{sensor=1}}": 25.0, f"{ENV}{{sensor=2}}": pytest.approx(25.0)}


async def test_rows_of_one_table_become_different_metrics() -> None:
    text = (
        TABLE
        + point(WATTS, f"unit: watt, when: {{column: {ROOT}.1.4, in: [5]}}")
        + point(VOLTS, f"unit: volt, when: {{column: {ROOT}.1.4, contains: [volt]}}")
    )
    readings = await read(
        text, {"1.9.1": 100, "1.4.1": 5, "1.9.2": 230, "1.4.2": b"RMS Voltage", "1.9.3": 1, "1.4.3": 9}
    )
    assert readings.values == {f"{WATTS}{{outlet=1}}": 100.0, f"{VOLTS}{{outlet=2}}": 230.0}


async def test_a_cell_that_is_not_there_decides_against_but_for_optional_conditions() -> None:
    text = (
        TABLE
        + point(WATTS, f"unit: watt, when: {{column: {ROOT}.1.4, in: [5], optional: true}}")
        + point(VOLTS, f"unit: volt, when: {{column: {ROOT}.1.4, in: [5]}}")
    )
    readings = await read(text, {"1.9.1": 100, "1.4.1": 5, "1.9.2": 200, "1.9.3": 300, "1.4.3": 6})
    assert readings.values == {f"{WATTS}{{outlet=1}}": 100, f"{WATTS}{{outlet=2}}": 200, f"{VOLTS}{{outlet=1}}": 100}


async def test_a_part_of_the_index_decides_and_labels_are_joined() -> None:
    text = HEAD + (
        f"tables:\n  - name: sensors\n    rows: {ROOT}.1.9\n"
        "    labels: {outlet: {join: [{index: 1}, {index: 2}]}}\n    points:\n"
    )
    text += point(WATTS, "unit: watt, when: {index: 3, in: [5]}") + point(
        VOLTS, "unit: volt, when: {index: -1, in: [4]}"
    )
    readings = await read(text, {"1.9.1.7.5": 100, "1.9.1.7.4": 230, "1.9.2.1.8": 3})
    assert readings.values == {f"{WATTS}{{outlet=1.7}}": 100.0, f"{VOLTS}{{outlet=1.7}}": 230.0}


async def test_a_number_in_a_text_is_read_with_the_unit_of_the_text_or_of_the_profile() -> None:
    text = TABLE + point(VOLTS, "text: quantity") + point(WATTS, "unit: watt, text: number", "1.8")
    values: dict[str, SnmpValue] = {
        "1.9.1": b"232.6V",
        "1.8.1": b"61 watts",
        "1.9.2": b"0.2 kV?",
        "1.9.3": b"-",
        "1.9.4": b"5 A",
    }
    readings = await read(text, values)
    assert readings.values == {f"{VOLTS}{{outlet=1}}": 232.6, f"{WATTS}{{outlet=1}}": 61.0}
    assert readings.bad == {f"{VOLTS}{{outlet={at}}}": "decode" for at in (2, 3, 4)}


async def test_flags_in_text_count_from_its_first_character() -> None:
    flags = "text: flags, labels: {alarm: {join: [%s, {index: 1}]}, severity: warning}"
    rows = "".join(
        point("dcim_device_alarm_active", f"bit: {bit}, {flags % name}") for name, bit in (("a", 0), ("b", 3))
    )
    text = f"{HEAD}tables:\n  - name: t\n    rows: {ROOT}.1.9\n    points:\n{rows}"
    # 64 digits are no number, a shorter text lacks the later flags, and a number is no text.
    values: dict[str, SnmpValue] = {
        "1.9.1": b"1000" + b"0" * 60,
        "1.9.2": b"0001\0",
        "1.9.3": b"01",
        "1.9.4": b"UNKNOWN",
        "1.9.5": 1000,
        "1.9.6": b"",
        "1.9.7": b"1" * 64,
    }
    readings = await read(text, values)
    key = "dcim_device_alarm_active{{alarm={}.{},severity=warning}}"
    told = {("a", 1): 1.0, ("b", 1): 0.0, ("a", 2): 0.0, ("b", 2): 1.0, ("a", 3): 0.0}
    assert readings.values == {key.format(*at): value for at, value in told.items()}
    why = {4: "decode", 5: "decode", 6: "decode", 7: "sentinel"}
    assert readings.bad == {key.format(name, row): reason for row, reason in why.items() for name in "ab"}


async def test_words_stand_for_states_and_flags_in_upper_or_lower_case() -> None:
    text = TABLE + point("dcim_pdu_outlet_on", "words: {'on': 1, 'off': 0}")
    readings = await read(text, {"1.9.1": b"On", "1.9.2": b" OFF\x00", "1.9.3": b"maybe"})
    assert readings.values == {"dcim_pdu_outlet_on{outlet=1}": 1.0, "dcim_pdu_outlet_on{outlet=2}": 0.0}
    assert readings.bad == {"dcim_pdu_outlet_on{outlet=3}": "decode"}
    states = HEAD + f"points:\n  - {{metric: dcim_ups_output_source, oid: {ROOT}.2.0, words: {{Line mode: normal}}}}\n"
    assert (await read(states, {"2.0": b"line mode"})).states == {"dcim_ups_output_source": "normal"}


async def test_of_two_scales_the_one_that_gives_an_expected_value_counts() -> None:
    fallback = f"fallback: [{{oid: {ROOT}.1.9, unit: volt, scale: 0.1, expect: [80, 500]}}]"
    text = TABLE + point(VOLTS, f"unit: volt, expect: [80, 500], {fallback}")
    readings = await read(text, {"1.9.1": 231, "1.9.2": 2310, "1.9.3": 7})
    assert readings.values == {f"{VOLTS}{{outlet=1}}": 231.0, f"{VOLTS}{{outlet=2}}": 231.0}
    assert readings.bad == {f"{VOLTS}{{outlet=3}}": "range"}


async def test_a_sign_that_means_lead_or_lag() -> None:
    metric = "dcim_pdu_outlet_power_factor_ratio"
    readings = await read(TABLE + point(metric, "unit: ratio, scale: 0.01, absolute: true"), {"1.9.1": -95})
    assert readings.values == {f"{metric}{{outlet=1}}": 0.95}


async def test_a_row_with_an_empty_cell_counts_as_does_one_without_the_cell() -> None:
    text = TABLE + point(VOLTS, f"unit: volt, when: {{column: {ROOT}.1.4, without: [spare, test]}}")
    readings = await read(text, {"1.9.1": 230, "1.4.1": b"Spare 1", "1.9.2": 231, "1.4.2": b"Rack", "1.9.3": 232})
    assert readings.values == {f"{VOLTS}{{outlet=2}}": 231.0, f"{VOLTS}{{outlet=3}}": 232.0}


@pytest.mark.parametrize(
    ("cells", "values"),
    [({"1.9.1": 230}, [230.0]), ({"1.9.1": 230, "1.7.1": 1}, [230.0]), ({"1.9.1": 230, "1.7.1": 2}, [])],
)
async def test_an_optional_gate_counts_where_the_device_has_it(
    cells: dict[str, SnmpValue], values: list[float]
) -> None:
    text = TABLE + point(VOLTS, f"unit: volt, gate: {{column: {ROOT}.1.7, in: [1], optional: true}}")
    assert list((await read(text, cells)).values.values()) == values


async def test_rows_of_several_columns_are_joined() -> None:
    text = TABLE.replace(f"rows: {ROOT}.1.9", f"rows: [{ROOT}.1.9, {ROOT}.1.8]")
    text += point(VOLTS, "unit: volt") + point(WATTS, "unit: watt", "1.8")
    readings = await read(text, {"1.9.1": 230, "1.8.2": 50})
    assert readings.values == {f"{VOLTS}{{outlet=1}}": 230.0, f"{WATTS}{{outlet=2}}": 50.0}


async def test_two_rows_for_one_series_are_told_and_what_overrides_a_base_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    volts, key = "dcim_pdu_phase_voltage_volts", "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}"
    own, other = (PHASE + point(volts, "unit: volt", column) for column in ("1.9", "1.8"))
    readings = await read(HEAD + own.replace("2: L2", "2: L1"), {"1.9.1": 230, "1.9.2": 231})
    assert readings.values == {key: 230.0}
    (told,) = (each for each in caplog.messages if "the first is used" in each)
    assert key in told
    caplog.clear()
    base = (HEAD + other).replace("profile: feature", "profile: base")
    readings = await read(HEAD + "extends: base\n" + own, {"1.9.1": 230, "1.8.1": 231}, base=base)
    assert readings.values == {key: 230.0}
    assert [each for each in caplog.messages if "the first is used" in each] == []


async def test_a_family_that_extends_another_wins_and_keeps_the_rest() -> None:
    base = (
        HEAD
        + PHASE
        + point("dcim_pdu_phase_voltage_volts", "unit: volt")
        + point("dcim_pdu_phase_current_amperes", "unit: ampere, scale: 0.1, absent: [-1]", "1.8")
    ).replace("profile: feature", "profile: base")
    own = HEAD + "extends: base\n" + PHASE + point("dcim_pdu_phase_voltage_volts", "unit: volt, scale: 0.1")
    readings = await read(own, {"1.9.1": 2310, "1.8.1": 15, "1.9.2": 2320, "1.8.2": -1}, base=base)
    assert readings.values == {
        "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 231.0,
        "dcim_pdu_phase_voltage_volts{inlet=1,phase=L2}": 232.0,
        "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 1.5,
    }
    assert readings.bad == {"dcim_pdu_phase_current_amperes{inlet=1,phase=L2}": "sentinel"}


async def test_the_sentinels_of_a_base_leave_its_cases_alone() -> None:
    alarm = "dcim_device_alarm_active"
    cases = (
        f"cases: [{{column: {ROOT}.1.9, between: [[0, 9]], is: 0}}, {{column: {ROOT}.1.9, between: [[10, 99]], is: 1}}]"
    )
    table = f"tables:\n  - name: probe\n    rows: {ROOT}.1.9\n    labels: {{alarm: {{index: 1}}, severity: warning}}\n    points:\n"
    base = HEAD + "absent: [-1]\n" + table + f"      - {{metric: {alarm}, {cases}}}\n"
    own = HEAD + "extends: base\n" + PHASE + point("dcim_pdu_phase_voltage_volts", "unit: volt", "1.8")
    readings = await read(own, {"1.9.4": 12, "1.9.5": 3}, base=base.replace("profile: feature", "profile: base"))
    assert readings.values == {
        f"{alarm}{{alarm=4,severity=warning}}": 1.0,
        f"{alarm}{{alarm=5,severity=warning}}": 0.0,
    }


AMPERES = "dcim_pdu_phase_current_amperes"


@pytest.mark.parametrize(
    ("firmware", "amperes"),
    [({"5.0": b"1.0"}, [15.0, 1.6]), ({"5.0": b"2.0"}, [1.5, 1.6]), ({"5.1": b"1.0", "5.2": b"2.0"}, [None, 1.6])],
    ids=["whole", "tenths", "of two cards"],
)
async def test_a_base_does_not_read_what_its_family_may_read_with_another_scale(
    firmware: dict[str, SnmpValue], amperes: list[float | None]
) -> None:
    """Whole amperes with old firmware, which of two cards has. The line whose kind only the base reads is not concerned."""
    base = (
        HEAD + PHASE + point(AMPERES, "unit: ampere, scale: 0.1") + point("dcim_pdu_phase_voltage_volts", "unit: volt")
    )
    old = f'when: [{{oid: {ROOT}.5.0, contains: ["1."]}}, {{column: {ROOT}.1.7, in: [1]}}]'
    own = HEAD + "extends: base\n" + PHASE + point(AMPERES, f"unit: ampere, {old}")
    cells: dict[str, SnmpValue] = {"1.9.1": 15, "1.9.2": 16, "1.7.1": 1, "1.7.2": 2}
    readings = await read(own, cells | firmware, base=base.replace("profile: feature", "profile: base"))
    assert [readings.values.get(f"{AMPERES}{{inlet=1,phase={line}}}") for line in ("L1", "L2")] == amperes
    left_out = readings.about.get("dcim_device_series{reason=instances,state=left_out}", 0.0)
    assert left_out == amperes.count(None)
    assert readings.values["dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}"] == 15.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "extends: nobody\n" + PHASE + point(VOLTS, "unit: volt"), "extends: 'nobody' is unknown"),
        (TABLE + point(VOLTS, f"unit_by: {{column: {ROOT}.1.5, map: {{1: ampere}}}}"), "'ampere' gives 'amperes'"),
        (TABLE + point(VOLTS, f"unit_by: {{column: {ROOT}.1.5, map: {{1: furlong}}}}"), "is not a known unit"),
        (TABLE + point(VOLTS, "unit: volt, when: {index: 1}"), "needs one of in, contains, without and between"),
        (TABLE + point(VOLTS, "unit: volt, when: {in: [1]}"), "needs one of column, oid, register and index"),
        (TABLE + point(VOLTS, "words: {'on': high}"), "must stand for numbers"),
        (
            TABLE.replace("outlet", "sensor") + point("dcim_env_voltage_volts", "unit: volt, scale: 0.01"),
            "scaled voltage needs `expect`",
        ),
        (TABLE + point(VOLTS, "unit: volt, high: 4"), "high belongs to Modbus"),
        (TABLE + point("dcim_pdu_outlet_on", "text: quantity"), "text: quantity knows no unit"),
        (TABLE + point("dcim_pdu_outlet_on", "text: flags, numbers: {0: 0, 1: 1}"), "text: flags needs bit or bits"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        parse_profile(text, "p.yaml")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("232.6V", (232.6, "volt")),
        ("0.061kW", (0.061, "kilowatt")),
        ("23,4 °C", (23.4, "celsius")),
        ("77 deg.F", (77.0, "fahrenheit")),
        ("45 %RH", (45.0, "percent")),
        ("12.5 l/min", (12.5, "liter_per_minute")),
        ("-", None),
        ("n/a", None),
        ("12", None),
        ("12 parsecs", None),
    ],
)
def test_a_quantity_is_read_as_devices_write_it(text: str, found: tuple[float, str] | None) -> None:
    assert quantity(text) == found


def test_a_leading_number_is_taken_as_it_is() -> None:
    assert leading_number("85.5 %") == 85.5
    assert leading_number("about 5") is None
    assert leading_number("5 or so") is None
    assert catalogue()[VOLTS].unit == "volts"
