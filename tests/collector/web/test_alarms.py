"""What an operator must see first, in words: every state and flag that is an alarm, and that nothing else is one."""

import pytest

from collector.latest import Latest
from collector.web.alarms import alarms_of
from rackflow import catalogue
from tests.collector.polls import NOW_S, Agent

STATES = {
    ("dcim_ups_output_source", "battery"): "on battery",
    ("dcim_ups_output_source", "bypass"): "on bypass",
    ("dcim_ups_output_source", "none"): "no output",
    ("dcim_ups_battery_state", "low"): "battery low",
    ("dcim_ups_battery_state", "depleted"): "battery depleted",
    ("dcim_ups_battery_state", "fault"): "battery fault",
    ("dcim_pdu_load_state{inlet=1}", "near_overload"): "near overload (1)",
    ("dcim_pdu_load_state{inlet=1}", "overload"): "overload (1)",
    ("dcim_circuit_breaker_state{circuit=3}", "tripped"): "breaker tripped (3)",
    ("dcim_cdu_pump_state{pump=2}", "failed"): "pump failed (2)",
    ("dcim_cdu_reservoir_level_state", "low"): "reservoir low",
    ("dcim_cdu_reservoir_level_state", "critical"): "reservoir critical",
    ("dcim_device_state", "failed"): "device failed",
    ("dcim_device_state", "degraded"): "device degraded",
}
FLAGS = {
    "dcim_leak_detected{sensor=1,zone=north}": "leak (1 north)",
    "dcim_cdu_leak_detected{detector=tray}": "leak (tray)",
    "dcim_rack_leak_detected{detector=tray}": "leak (tray)",
    "dcim_leak_sensor_fault{sensor=1}": "leak sensor fault (1)",
    "dcim_cdu_leak_sensor_fault{detector=tray}": "leak sensor fault (tray)",
    "dcim_rack_leak_sensor_fault{detector=tray}": "leak sensor fault (tray)",
    "dcim_ups_battery_replace_required": "replace battery",
    "dcim_pdu_breaker_tripped{bank=1}": "breaker tripped (1)",
    "dcim_device_alarm_active": "alarm",
}


def alarms(after_s: float = 0.0, **readings: dict[str, float] | dict[str, str]) -> list[str]:
    latest = Latest(1000)
    agent = Agent(latest)
    one = agent.made(0.0, values=readings.get("values", {}), states=readings.get("states", {}))  # type: ignore[arg-type]
    assert agent.arrives(one, 0.0) == "live"
    [device] = latest.devices()
    assert len(device.series) == len(one.values) + len(one.states)
    return alarms_of(device, NOW_S + after_s)


@pytest.mark.parametrize(("key", "state"), STATES)
def test_a_state_that_is_an_alarm_is_reported_with_its_place(key: str, state: str) -> None:
    assert alarms(states={key: state}) == [STATES[key, state]]


def test_no_other_state_is_an_alarm() -> None:
    keys = {key for key, _ in STATES}
    others = [(key, state) for key in keys for state in catalogue()[key.partition("{")[0]].states]
    for key, state in others:
        assert bool(alarms(states={key: state})) is ((key, state) in STATES), (key, state)


@pytest.mark.parametrize("key", FLAGS)
def test_a_raised_flag_is_reported_with_its_place(key: str) -> None:
    assert alarms(values={key: 1.0}) == [FLAGS[key]]
    assert alarms(values={key: 0.0}) == []


def test_alarms_are_sorted_each_reported_once_and_gone_with_their_reading() -> None:
    values = {"dcim_cdu_leak_detected{detector=tray}": 1.0, "dcim_rack_leak_detected{detector=tray}": 1.0}
    values |= {"dcim_device_alarm_active": 1.0, "dcim_cdu_power_watts": 5.0}
    assert alarms(29.9, values=values) == ["alarm", "leak (tray)"]
    assert alarms(30.0, values=values) == []
