"""What a profile says of its numbers must be what catalogue and protocol have: each fault is refused, and what is right is taken."""

import pytest

from agent.profile.loading.load import parse_profile
from rackflow.errors import ProfileError

SNMP = """
version: 1
profile: one
class: {of}
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {recognise}
points:
  - {point}
"""
MODBUS = SNMP.replace("protocol: snmp", "protocol: modbus").replace("recognise: {recognise}\n", "")
PROBE = "{probes: [1.3.6.1.4.1.9.1.0]}"
OID = "oid: 1.3.6.1.4.1.9.1.0"
AGAIN = "{oid: 1.3.6.1.4.1.9.2.0, unit: watt}"


def faults(point: str, of: str = "pdu", recognise: str = PROBE, text: str = SNMP) -> str:
    """What is said of this point; empty if it is taken."""
    try:
        parse_profile(text.format(point=point, of=of, recognise=recognise), "one.yaml")
    except ProfileError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("point", "of", "fault"),
    [
        (f"{{metric: dcim_ups_battery_state, {OID}, words: {{OK: normal}}}}", "ups", ""),
        (f"{{metric: dcim_ups_battery_state, {OID}, words: {{OK: fine}}}}", "ups", "states ['fine'] are not among"),
        (
            f"{{metric: dcim_env_voltage_volts, labels: {{sensor: a}}, {OID}, unit: volt, scale: 0.1}}",
            "env",
            "scaled voltage needs `expect`",
        ),
        (
            f"{{metric: dcim_env_voltage_volts, labels: {{sensor: a}}, {OID}, unit: volt, scale: 0.1, expect: [40, 60]}}",
            "env",
            "",
        ),
        (f"{{metric: dcim_agent_polls_total, {OID}}}", "pdu", "is what Rackflow says by itself"),
        (f"{{metric: dcim_device_up, {OID}}}", "pdu", "is what Rackflow says by itself"),
        (
            f"{{metric: dcim_pdu_input_power_watts, {OID}, unit: watt, fallback: [{AGAIN}, {AGAIN}]}}",
            "pdu",
            "fallback 2 is never reached",
        ),
    ],
)
def test_a_point_means_what_its_metric_can(point: str, of: str, fault: str) -> None:
    said = faults(point, of)
    assert fault in said if fault else said == ""


def test_a_management_card_alone_is_no_family() -> None:
    """The same card is in devices of every kind."""
    point = f"{{metric: dcim_pdu_input_power_watts, {OID}, unit: watt}}"
    for recognise in ("{sysobjectid: [1.3.6.1.4.1.9.1]}", "{sysdescr: [ACME]}"):
        assert "needs a probe or a subtree, or else both sysobjectid and sysdescr" in faults(point, recognise=recognise)
    assert faults(point, recognise="{sysobjectid: [1.3.6.1.4.1.9.1], sysdescr: [ACME]}") == ""


@pytest.mark.parametrize(
    ("register", "kind", "fault"), [(65535, "uint16", False), (65534, "uint32", False), (65535, "uint32", True)]
)
def test_the_last_register_is_one(register: int, kind: str, *, fault: bool) -> None:
    said = faults(
        f"{{metric: dcim_pdu_input_power_watts, register: {register}, type: {kind}, unit: watt}}", text=MODBUS
    )
    assert ("end behind 65535" in said) == fault == bool(said)


def test_labels_from_an_index_are_those_of_the_metric() -> None:
    table = (
        "{metric: dcim_pdu_input_power_watts, %s, unit: watt}\ntables:\n  - name: t\n    rows: 1.3.6.1.4.1.9.2.1\n"
        "    labels: {phase: {index: 1, map: {1: %s}}}\n    points:\n"
        "      - {metric: dcim_pdu_phase_voltage_volts, oid: 1.3.6.1.4.1.9.2.3, unit: volt}"
    )
    assert faults(table % (OID, "L1")) == ""
    assert "label phase: ['L9'] are not among" in faults(table % (OID, "L9"))


@pytest.mark.parametrize(
    ("bits", "fault"),
    [
        ("{0: {alarm: a, severity: warning}, 1: {alarm: b, severity: warning}}", ""),
        ("{0: {alarm: a, severity: warning}, 1: {alarm: b}}", "needs the label severity"),
        ("{0: {alarm: a, severity: warning}, 1: {alarm: b, severity: bad}}", "label severity: ['bad'] are not among"),
        ("{0: {alarm: a, severity: warning}, 1: {alarm: a, severity: warning}}", "another point has the same labels"),
    ],
)
def test_each_bit_is_a_series_of_its_own(bits: str, fault: str) -> None:
    said = faults(f"{{metric: dcim_device_alarm_active, register: 7, bits: {bits}}}", text=MODBUS)
    assert fault in said if fault else said == ""
    # Of two points only the bits may tell them apart.
    other = "{metric: dcim_device_alarm_active, register: 8, bits: {0: {alarm: c, severity: warning}}}"
    if not fault:
        both = f"{{metric: dcim_device_alarm_active, register: 7, bits: {bits}}}\n  - {other}"
        assert faults(both, text=MODBUS) == ""


@pytest.mark.parametrize(("number", "fault"), [("1", False), ("7", True)])
def test_a_case_is_a_number_that_the_metric_may_have(number: str, *, fault: bool) -> None:
    cases = f"[{{register: 7, in: [1], is: {number}}}, {{is: 0}}]"
    said = faults(f"{{metric: dcim_ats_redundant, cases: {cases}}}", of="ats", text=MODBUS)
    assert ("is outside of the metric's range" in said) == fault == bool(said)


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("identity: {serial: [{register: 65535, words: 1}]}", ""),
        ("identity: {serial: [{register: 65535, words: 4}]}", "identity.serial: register 65535: its 4 registers end"),
    ],
)
def test_the_identity_is_in_registers_that_there_are(head: str, fault: str) -> None:
    point = "{metric: dcim_pdu_input_power_watts, register: 1, unit: watt}"
    said = faults(point, text=MODBUS.replace("points:", f"{head.replace('{', '{{').replace('}', '}}')}\npoints:"))
    assert fault in said if fault else said == ""


@pytest.mark.parametrize(
    ("numbers", "fault"), [("", "changes while the device works"), (", numbers: {1: 0.5, 2: 1.0}", "")]
)
def test_a_condition_may_rest_on_a_cell_of_codes_but_not_on_a_measured_number(numbers: str, fault: str) -> None:
    ratio = f"{{metric: dcim_ups_output_total_load_ratio, register: 7{numbers or ', unit: ratio'}}}"
    other = "{metric: dcim_ups_battery_charge_ratio, register: 8, unit: ratio, when: {register: 7, in: [1, 2]}}"
    said = faults(f"{ratio}\n  - {other}", of="ups", text=MODBUS)
    assert fault in said if fault else said == ""


@pytest.mark.parametrize(("most", "fault"), [(500, ""), (501, "points: 5010 with repetitions, more than 5000; split")])
def test_a_profile_has_a_bounded_number_of_points(most: int, fault: str) -> None:
    """Each point takes memory in each agent that has such a device, and repetitions make many of a few lines."""
    points = [
        f"{{metric: dcim_pdu_outlet_power_watts, register: {at * most}, unit: watt, step: 1,"
        f" repeat: {{outlet: [{', '.join(f'o{at}-{number}' for number in range(most))}]}}}}"
        for at in range(10)
    ]
    said = faults("\n  - ".join(points), text=MODBUS)
    assert fault in said if fault else said == ""
