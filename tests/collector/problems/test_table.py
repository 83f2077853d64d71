"""The table: what is refused, and what it must cover."""

import re
from importlib.resources import files

import pytest

from agent.poll.series_count import NEEDED_FOR_SAFETY
from collector.problems.causes import clears_s
from collector.problems.sentence import parse_sentence
from collector.problems.table import load_table, parse_table
from rackflow import ContractError
from rackflow.catalogue import catalogue
from tests.servers.captures import REPOSITORY

PROFILES = REPOSITORY / "agent" / "profiles"
HEAD = """\
version: 1
records: {}
normal_states: {}
problems:
  DcimX:
    group: g
    summary: It is.
    severity: warning
    subsystem: power
"""


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("    description: a\n", "no condition"),
        ("    description: a\n    when: [{metric: dcim_ups_nonsense}]\n", "no such metric"),
        ("    description: a\n    when: [{metric: dcim_ups_output_source, states: [burning]}]\n", "no such state"),
        ("    description: a\n    when: [{metric: dcim_ups_output_source}]\n", "name the `states`"),
        ("    description: a\n    when: [{metric: dcim_ups_battery_charge_ratio, above: 1, below: 2}]\n", "is enough"),
        (
            "    description: a\n    when: [{metric: dcim_ups_input_voltage_volts, where: {outlet: ['1']}}]\n",
            "no such label",
        ),
        (
            "    description: a\n    when: [{metric: dcim_ups_input_voltage_volts, where: {phase: [L4]}}]\n",
            "not among L1",
        ),
        (
            "    description: a\n    when: [{metric: dcim_pdu_input_power_watts, above: {metric: dcim_pdu_input_rated_current_amperes}}]\n",
            "its limit dcim_pdu_input_rated_current_amperes in amperes",
        ),
        ("    description: 'a {outlet}'\n    when: [{metric: dcim_device_up, equals: 0}]\n", "no condition has such"),
        ("    description: 'a {value:.9f}'\n    when: [{metric: dcim_device_up, equals: 0}]\n", "format is"),
        ("    description: 'a [b'\n    when: [{metric: dcim_device_up, equals: 0}]\n", "brackets"),
        ("    description: a\n    when: [{metric: dcim_device_up, equal: 0}]\n", "unknown field"),
        (
            "    description: a\n    when: [{metric: dcim_device_up, equals: 0}]\n    causes: {DcimY: [site]}\n",
            "no such problem",
        ),
        (
            "    description: a\n    when: [{metric: dcim_device_up, equals: 0}]\n    hold_s: 9\n    within_s: 9\n",
            "longer than hold_s",
        ),
    ],
)
def test_a_row_that_cannot_be_right_is_refused_with_its_reason(row: str, why: str) -> None:
    with pytest.raises(ContractError, match="problems") as refused:
        parse_table(HEAD + row)
    assert why in str(refused.value)


def test_every_state_of_the_catalogue_is_normal_or_a_problem() -> None:
    table = load_table()
    reported = {
        (condition.metric, state)
        for problem in table.problems.values()
        for condition in problem.conditions()
        for state in condition.states
    }
    missing = [
        f"{metric.name} {state}"
        for metric in catalogue().values()
        for state in metric.states
        if state not in table.normal_states.get(metric.name, ()) and (metric.name, state) not in reported
    ]
    assert missing == []


def test_no_state_is_both_normal_and_a_problem_of_its_own() -> None:
    table = load_table()
    both = [
        f"{problem.name}: {condition.metric} {state}"
        for problem in table.problems.values()
        for condition in problem.when
        if not condition.also  # beside another state it may well be one
        for state in condition.states
        if state in table.normal_states.get(condition.metric, ())
    ]
    assert both == []


def test_words_name_what_is_there_and_leave_out_what_is_not() -> None:
    words = parse_sentence("PDU {device}[ in rack {rack}]: [phase {phase}|all phases] at {value:%}")
    assert (
        words.render({"device": "p", "rack": "a01", "phase": "L1"}, 0.96875) == "PDU p in rack a01: phase L1 at 96.88%"
    )
    assert words.render({"device": "p"}, 1.0) == "PDU p: all phases at 100%"
    assert words.template() == (
        "PDU {{ $labels.device }}{{ if $labels.rack }} in rack {{ $labels.rack }}{{ end }}: "
        "{{ if $labels.phase }}phase {{ $labels.phase }}{{ else }}all phases{{ end }} at {{ $value | humanizePercentage }}"
    )


def test_a_cause_outlasts_every_consequence_of_it() -> None:
    """So that neither its end nor theirs pages for what it explained. Prometheus keeps it firing for as long."""
    problems = load_table().problems
    explained = [(problems[cause], each) for each in problems.values() for cause in each.causes]
    assert explained
    for cause, each in explained:
        assert cause.keep_s + cause.linger_s >= each.keep_s + each.linger_s + 15.0, (cause.name, each.name)


def test_what_a_problem_explains_holds_back_its_end_for_less_than_five_minutes() -> None:
    """UPSs back on mains for ten minutes are not on battery, however long a consequence is kept from coming and going."""
    late = {each.name: each.linger_s for each in load_table().problems.values() if each.linger_s >= 300.0}
    assert late == {}


# Read by conditions of the safety class, and polled more slowly all the same. Limits and modes change by hand; whether a device answers is
# known from every poll, and what is on no device is not polled. A PDU whose inlet has no voltage is dark itself, but for a few with a
# supply of their own: its three voltages each second would be most of an agent's requests. So would the breakers of the rack PDUs of a
# campus: with them it settled in 147 s instead of 70 (`make campus`), and what is behind a tripped one is dark already.
POLLED_SLOWER = {
    "dcim_cdu_flow_setpoint_cubic_meters_per_second",
    "dcim_cdu_control_mode",
    "dcim_device_info",
    "dcim_device_up",
    "dcim_device_observed",
    "dcim_agent_up",
    "dcim_collector_mqtt_connected",
    "dcim_collector_behind",
    "dcim_pdu_phase_voltage_volts",
    "dcim_pdu_breaker_tripped",
}


def test_what_the_safety_class_rests_on_is_polled_with_it() -> None:
    """Two seconds from a device to Alertmanager: a poll of five would be more than that alone."""
    table = load_table()
    asked = [
        (catalogue()[condition.metric], {label: values[0] for label, values in condition.where.items()})
        for problem in table.problems.values()
        if problem.is_safety
        for condition in problem.conditions()
        if condition.metric
    ]
    slower = {metric.name for metric, labels in asked if metric.poll_class(labels) != "safety"}
    assert slower <= POLLED_SLOWER


def test_what_a_device_says_itself_waits_for_the_problem_that_says_it_better() -> None:
    """Told sooner, one fault would be two messages: the device's word, and what Rackflow makes of its readings."""
    problems = load_table().problems
    words = {"dcim_device_alarm_active", "dcim_device_alarms", "dcim_device_state"}
    said = [each for each in problems.values() if words & {condition.metric for condition in each.when}]
    assert len(said) >= 6
    for each in said:
        for cause, labels in each.causes.items():
            if "device" in labels:
                assert each.hold_s >= problems[cause].hold_s + 10.0, (each.name, cause)


def test_pumps_that_all_stand_are_reported_before_what_follows_from_them() -> None:
    """Told sooner, low flow or a failed pump would call somebody for the wrong thing, seconds before the right one."""
    problems = load_table().problems
    for name in ("DcimCduFlowLow", "DcimCduPumpFailed"):
        assert "DcimCduAllPumpsStopped" in problems[name].causes
        assert problems[name].hold_s >= problems["DcimCduAllPumpsStopped"].hold_s + 5.0, name


def test_every_critical_alarm_is_in_one_problem() -> None:
    """Those that another problem may explain have rows of their own; the last row has all the others."""
    problems = load_table().problems
    named = [
        alarm
        for name in ("DcimCduAlarmCritical", "DcimPowerAlarmCritical")
        for condition in problems[name].when
        for alarm in condition.where["alarm"]
    ]
    (others,) = problems["DcimDeviceAlarmCritical"].when
    assert sorted(named) == sorted(others.where_not["alarm"])
    assert len(set(named)) == len(named)
    for name in ("DcimCduAlarmCritical", "DcimPowerAlarmCritical"):
        (condition,) = problems[name].when
        explained = {alarm for values in problems[name].cause_where.values() for alarm in values.get("alarm", ())}
        assert explained == set(condition.where["alarm"])


def test_a_warning_does_not_hide_a_critical_problem() -> None:
    """A problem with a cause is notified to nobody, so that who is woken by critical ones only would not hear of it.

    The exceptions say the same as their cause: a UPS on battery has no mains, and a pump that failed is reported by its unit.
    """
    problems = load_table().problems
    rank = {"critical": 0, "warning": 1, "info": 2}
    hidden = {
        (each.name, cause)
        for each in problems.values()
        for cause in each.causes
        if rank[each.severity] < rank[problems[cause].severity]
    }
    assert hidden == {
        ("DcimPhaseDead", "DcimUpsOnBattery"),
        ("DcimCduAlarmCritical", "DcimCduPumpFailed"),
        ("DcimPowerAlarmCritical", "DcimUpsOnBattery"),
    }
    pump = problems["DcimCduAlarmCritical"].cause_where["DcimCduPumpFailed"]["alarm"]
    assert all(alarm.startswith("pump") for alarm in pump)
    mains = problems["DcimPowerAlarmCritical"].cause_where["DcimUpsOnBattery"]["alarm"]
    assert set(mains) == {
        "grid_failure",
        "mains",
        "power_fail",
        "ac_failure",
        "grid_lost",
        "input_lost",
        "mains_failure",
    }


def test_every_critical_alarm_of_a_profile_about_lost_mains_is_explained_by_them() -> None:
    """Else each device that has one calls once more than the lost mains do."""
    of_mains = re.compile(r"\balarm: ((?:ac|grid|input|line|mains|power|utility)_(?:fail|failure|failed|lost|loss))\b")
    lines = [line for path in PROFILES.glob("*.yaml") for line in path.read_text(encoding="utf-8").splitlines()]
    named = {found[1] for line in lines if "severity: critical" in line and (found := of_mains.search(line))}
    explained = load_table().problems["DcimPowerAlarmCritical"].cause_where
    assert len(named) >= 4, "else this looks at nothing"
    for cause in ("DcimFeedLost", "DcimMainsLost", "DcimUpsOnBattery"):
        assert named <= set(explained[cause]["alarm"]), cause


def test_what_a_ups_on_battery_explains_of_it_is_explained_once_its_battery_is_empty() -> None:
    """It is on battery no more then, and its lost input would be a call for each phase, beside that its output is off."""
    explained = {
        problem.name: problem.cause_where.get("DcimUpsOnBattery", {}).get("alarm", ())
        for problem in load_table().problems.values()
        if problem.causes.get("DcimUpsOnBattery") == ("site", "device")
    }
    assert {"DcimPhaseDead", "DcimPowerAlarmCritical"} <= explained.keys()
    for name, alarms in explained.items():
        problem = load_table().problems[name]
        assert problem.causes.get("DcimUpsOutputOff") == ("site", "device"), name
        assert set(alarms) <= set(problem.cause_where.get("DcimUpsOutputOff", {}).get("alarm", alarms)), name


@pytest.mark.parametrize("other", ["DcimFeedLost", "DcimAgentDown", "DcimNone"])
def test_a_problem_waits_only_for_a_cause_whose_agents_are_seen_to_go_dark(other: str) -> None:
    text = files("collector.problems").joinpath("problems.yaml").read_text(encoding="utf-8")
    wrong = text.replace("waits_for: DcimAgentSeesNothing", f"waits_for: {other}", 1)
    with pytest.raises(ContractError, match=f"DcimRoomFeedLost: waits_for: {other}: is not one of its causes"):
        parse_table(wrong)


def test_problems_that_cause_each_other_are_refused() -> None:
    row = "    description: a\n    when: [{metric: dcim_ups_test_result, states: [failed]}]\n    causes: {DcimY: [site]}\n"
    other = HEAD.partition("  DcimX:")[2].replace("problems:", "")
    text = f"{HEAD}{row}  DcimY:{other}{row.replace('DcimY', 'DcimX')}"
    with pytest.raises(ContractError, match="its own cause"):
        parse_table(text)


@pytest.mark.parametrize(
    ("problem", "cause", "lasts_s"),
    [
        # A UPS whose network card lost power with the mains counts as on battery until it is asked again. One answer ends two problems of
        # one device.
        ("DcimUpsOnBattery", "DcimMainsLost", 75.0),
        ("DcimUpsOnBattery", "DcimUpsOnBatteryProlonged", 30.0),
        ("DcimUpsOutputOff", "DcimFeedLost", 75.0),
        ("DcimDeviceUnreachable", "DcimFeedLost", 75.0),
        ("DcimDevicesNotObserved", "DcimAgentDown", 75.0),
        # What is found in readings that still come ends with the next of them.
        ("DcimGeneratorOnLoad", "DcimGeneratorOverload", 30.0),
        ("DcimMainsLostProlonged", "DcimGeneratorDidNotStart", 30.0),
        ("DcimMainsLost", "DcimFeedLost", 15.0),
        ("DcimCduFlowLow", "DcimCduAllPumpsStopped", 15.0),
    ],
)
def test_a_problem_may_outlast_its_cause_until_its_device_is_asked_again(
    problem: str, cause: str, lasts_s: float
) -> None:
    assert clears_s(load_table().problems[problem], cause) == lasts_s


# What is about a rack or a feed itself has its name in any case.
OF_A_PLACE = ("DcimRack", "DcimShelf", "DcimGenerator", "DcimFeedLossNotSurvived")


def test_a_device_of_which_no_place_is_known_leaves_no_gap_in_its_sentence() -> None:
    """Without a site file it was `UPS ups-1 at cas1/, feed , is on battery`."""
    problems = load_table().problems
    for name, problem in problems.items():
        if name.startswith(OF_A_PLACE):
            continue
        of_group = {*(problem.share.by if problem.share else ())}
        known = of_group | {*problem.words.labels} - {"room", "row", "rack", "feed"}
        text = problem.words.render(dict.fromkeys(known, "x"), 1.0)
        assert not re.search(r"  | [,.:]|/[ ,:.]|, feed ?[,:]", text), (name, text)
    words, own = problems["DcimDeviceUnreachable"].words, {"device": "u", "site": "s", "agent": "g"}
    assert words.render(own, 0.0).startswith("Device u at s, polled by g, has")
    assert words.render(own | {"room": "r", "rack": "k"}, 0.0).startswith("Device u at s/r rack k, polled by g, has")


def test_agents_count_what_safety_alerts_ask_about() -> None:
    """Else one of these could be missing, and `DcimDeviceGivesLess` would not say so."""
    asked = [catalogue()[name] for name in load_table().safety_metrics() if name in catalogue()]
    polled = [each.name for each in asked if each.poll == "safety" or each.urgent]
    assert {name for name in polled if not name.endswith("_leak_detected")} == NEEDED_FOR_SAFETY
