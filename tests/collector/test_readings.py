"""Which readings of a batch are usable, and the reason told for each that is not."""

from collections.abc import Mapping

import msgspec
import pytest

from collector.readings import RESERVED, Readings, Series, SeriesKeys, resolve
from tests.collector.documents import FLOW, PUMP, SUPPLY, agent_batch, batch

OWN = "dcim_agent_devices{state=up}"


def resolved(values: Mapping[str, float] | None = None, states: Mapping[str, str] | None = None) -> Readings:
    return resolve(batch(values=values or {}, states=states), SeriesKeys())


def test_what_is_usable_is_told_by_its_key_with_its_labels_as_each_format_writes_them() -> None:
    found = resolved({SUPPLY: 32.0, FLOW: 0.1}, {PUMP: "running"})
    assert [(key, value) for key, _, value in found.values] == [(SUPPLY, 32.0), (FLOW, 0.1)]
    [(key, series, state)] = found.states
    assert (key, state) == (PUMP, "running")
    assert series.metric.name == "dcim_cdu_pump_state"
    assert (series.labels, series.tags, series.text) == ((("pump", "1"),), ",pump=1", ',pump="1"')
    assert not found.skipped


def test_labels_keep_the_order_of_the_key() -> None:
    [(_, series, _)] = resolved({"dcim_pdu_phase_current_amperes{inlet=2,phase=L1}": 1.0}).values
    assert (series.tags, series.text) == (",inlet=2,phase=L1", ',inlet="2",phase="L1"')


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("dcim_cdu_magic_watts", "unknown_metric"),
        ("dcim_cdu_flow_cubic_meters_per_second{loop=", "key"),
        ("dcim_cdu_flow_cubic_meters_per_second{pump=1}", "key"),
        ("dcim_cdu_flow_cubic_meters_per_second{loop=secondary,site=x}", "key"),
        ("dcim_agent_devices{agent=x,state=up}", "key"),
        ("dcim_site_interim_pue_ratio", "reserved"),
        ("dcim_agent_poll_duration_seconds{protocol=snmp}", "reserved"),
        ("dcim_collector_series", "reserved"),
        *((name, "reserved") for name in sorted(RESERVED)),
        (PUMP, "type"),
        (OWN, "type"),
    ],
)
def test_a_value_that_cannot_be_used_is_left_out_alone_with_its_reason(key: str, reason: str) -> None:
    found = resolved({key: 1.0, SUPPLY: 32.0})
    assert dict(found.skipped) == {reason: 1}
    assert [key for key, _, _ in found.values] == [SUPPLY]


@pytest.mark.parametrize(
    ("key", "state", "reason"),
    [
        (PUMP, "dancing", "state"),
        (PUMP, "", "state"),
        (SUPPLY, "running", "type"),
        ("dcim_cdu_magic_state", "running", "unknown_metric"),
        ("dcim_cdu_pump_state{pump=1,rack=x}", "running", "key"),
    ],
)
def test_a_state_that_cannot_be_used_is_left_out_alone_with_its_reason(key: str, state: str, reason: str) -> None:
    found = resolved(states={"dcim_cdu_pump_state{pump=2}": "failed", key: state})
    assert dict(found.skipped) == {reason: 1}
    assert [state for _, _, state in found.states] == ["failed"]


def test_reasons_are_counted_each_time() -> None:
    found = resolved({"dcim_a": 1.0, "dcim_b": 1.0, "dcim_device_up": 1.0}, {PUMP: "x", "dcim_c": "y"})
    assert dict(found.skipped) == {"unknown_metric": 3, "reserved": 1, "state": 1}


def test_an_agent_tells_of_itself_and_of_nothing_else() -> None:
    found = resolve(agent_batch({OWN: 2.0, SUPPLY: 32.0}), SeriesKeys())
    assert [key for key, _, _ in found.values] == [OWN]
    assert dict(found.skipped) == {"type": 1}


def test_keys_that_somebody_makes_up_do_not_add_up() -> None:
    """Beyond the limit the one that was remembered first is resolved anew; what is remembered is the same object."""
    keys = SeriesKeys(limit=2)
    first = keys.get(SUPPLY)
    assert isinstance(first, Series)
    assert keys.get(SUPPLY) is first
    assert keys.get("made_up") == "unknown_metric"
    assert keys.get(SUPPLY) is first
    keys.get(FLOW)
    assert keys.get(FLOW) is keys.get(FLOW)
    again = keys.get(SUPPLY)
    assert again is not first
    assert again == first


def test_bad_readings_are_no_readings() -> None:
    one = msgspec.structs.replace(batch(values={}), bad={SUPPLY: "range"})
    assert resolve(one, SeriesKeys()).values == []
