"""Which readings of a batch are usable, and the reason given for each that is not."""

import math
from collections.abc import Mapping

import msgspec
import pytest

from collector.readings import (
    Layout,
    Readings,
    Rows,
    Series,
    SeriesKeys,
    number_texts,
    resolve,
    series_bytes,
    without_implausible,
)
from collector.readings.layouts import (
    LAYOUT_PLACES,
    MAX_LAYOUTS_OF_DEVICE,
    MAX_PLACES,
    MAX_PLACES_OF_AGENT,
    KnownLayouts,
)
from collector.readings.series_keys import RESERVED
from rackflow.documents import Part
from tests.collector.documents import FLOW, PUMP, SUPPLY, agent_batch, batch

OWN = "dcim_agent_devices{state=up}"
OUTDOOR = "dcim_env_temperature_celsius{sensor=outdoor}"


def resolved(values: Mapping[str, float] | None = None, states: Mapping[str, str] | None = None) -> Readings:
    return resolve(batch(values=values or {}, states=states), SeriesKeys())


def test_usable_readings_are_written_with_key_and_labels_in_each_format() -> None:
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


def test_each_reading_that_is_left_out_is_counted_by_its_reason() -> None:
    found = resolved({"dcim_a": 1.0, "dcim_b": 1.0, "dcim_device_up": 1.0}, {PUMP: "x", "dcim_c": "y"})
    assert dict(found.skipped) == {"unknown_metric": 3, "reserved": 1, "state": 1}


def test_an_agent_tells_of_itself_and_of_nothing_else() -> None:
    found = resolve(agent_batch({OWN: 2.0, SUPPLY: 32.0}), SeriesKeys())
    assert [key for key, _, _ in found.values] == [OWN]
    assert dict(found.skipped) == {"type": 1}


LOOP = "dcim_cdu_supply_temperature_celsius{{loop={}}}"


def test_what_is_remembered_is_the_same_object_and_only_what_can_be_used_is() -> None:
    keys = SeriesKeys()
    assert keys.get(SUPPLY, "gw-3") is keys.get(SUPPLY, "gw-4")
    size_bytes = keys.size_bytes
    assert keys.get("made_up", "gw-3") == "unknown_metric"
    assert keys.get(f"{SUPPLY[:-1]},x=1}}", "gw-3") == "key"
    assert keys.size_bytes == size_bytes == series_bytes(SUPPLY)


def test_an_agent_that_makes_up_keys_displaces_its_own_and_nobody_else_s() -> None:
    """A quarter of the limit is the most that one agent brings in."""
    keys = SeriesKeys(limit_bytes=40 * series_bytes(LOOP.format("00000")))
    mine = keys.get(SUPPLY, "gw-3")
    for number in range(1000):
        assert isinstance(keys.get(LOOP.format(f"{number:05d}"), "stolen"), Series)
    assert keys.get(SUPPLY, "gw-3") is mine
    assert keys.size_bytes == series_bytes(SUPPLY) + 10 * series_bytes(LOOP.format("00000"))
    last = keys.get(LOOP.format("00999"), "stolen")
    assert keys.get(LOOP.format("00999"), "another") is last
    assert keys.get(LOOP.format("00000"), "stolen") == keys.get(LOOP.format("00000"), "stolen")


def test_agents_that_somebody_makes_up_do_not_add_up_either() -> None:
    keys = SeriesKeys(limit_bytes=40 * series_bytes(LOOP.format("00000")))
    mine = [keys.get(LOOP.format(f"{number:05d}"), "gw-3") for number in range(5)]
    for number in range(5, 1000):
        keys.get(LOOP.format(f"{number:05d}"), f"gw-{number % 7 + 10}")
        assert keys.size_bytes <= 40 * series_bytes(LOOP.format("00000"))
    assert [keys.get(LOOP.format(f"{number:05d}"), "gw-3") for number in range(5)] == mine


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dcim_ups_output_power_watts", 1e300),
        ("dcim_ups_output_power_watts", -1.0),
        ("dcim_ups_battery_charge_ratio", 5e-324),
        ("dcim_ups_battery_charge_ratio", 1.01),
        (SUPPLY, 1e9),
        (SUPPLY, -274.0),
    ],
)
def test_a_value_out_of_its_range_is_refused_alone_and_counts_as_bad(key: str, value: float) -> None:
    one = batch(values={key: value, FLOW: 0.001})
    found = resolve(one, SeriesKeys())
    assert [key for key, _, _ in found.values] == [FLOW]
    assert dict(found.skipped) == {"range": 1}
    cleaned = without_implausible(one, found)
    assert (cleaned.values, cleaned.bad) == ({FLOW: 0.001}, {key: "range"})


def test_a_value_out_of_its_range_counts_as_bad_in_every_part_of_a_poll() -> None:
    one = msgspec.structs.replace(batch(values={SUPPLY: 1e9}), part=Part(number=2, of=3, rejected=4))
    assert without_implausible(one, resolve(one, SeriesKeys())).rejected == 5


def test_a_reading_that_its_agent_rejected_is_left_out() -> None:
    one = msgspec.structs.replace(batch(values={}), bad={SUPPLY: "range"})
    assert resolve(one, SeriesKeys()).values == []


def test_what_was_found_for_a_family_of_batches_goes_with_the_first_of_its_keys() -> None:
    """Else series that were displaced would stay, beyond the limit of bytes, and come in without being counted as new keys."""
    keys = SeriesKeys(limit_bytes=4 * series_bytes(SUPPLY), new_keys=2)
    assert not resolve(batch(values={SUPPLY: 1.0}), keys).skipped
    assert not resolve(batch(values={SUPPLY: 2.0}), keys).skipped
    assert not resolve(
        batch(values={FLOW: 0.1}), keys
    ).skipped  # displaces the first: an agent has a quarter of the limit
    assert resolve(batch(values={SUPPLY: 3.0}), keys).skipped == {"series": 1}


def test_labels_that_churn_have_no_family_of_batches_found_again() -> None:
    """Those of workloads come to the limit after some weeks; from then on each new one displaces one, and no family that lacks it."""
    keys = SeriesKeys(limit_bytes=160 * series_bytes(LOOP.format("00000")))
    usual = batch(values={SUPPLY: 32.0, FLOW: 0.1}, states={PUMP: "running"})
    kept, _ = keys.layout(usual)
    first, _ = keys.layout(
        churning := msgspec.structs.replace(batch(values={LOOP.format("00000"): 20.0}), agent="jobs")
    )
    assert keys.layout(churning)[0] is first
    for number in range(1000):
        keys.layout(msgspec.structs.replace(batch(values={LOOP.format(f"{number:05d}"): 20.0}), agent="jobs"))
        assert keys.layout(usual)[0] is kept
    assert keys.layout(churning)[0] is not first
    assert len(keys._layouts.by_keys) <= 42  # noqa: SLF001 - those of the 40 keys that are remembered, and the usual one


def test_all_keys_of_a_family_of_batches_may_be_displaced_one_after_the_other() -> None:
    """The first takes what was found for the family along; the others have nothing left to take."""
    names = [LOOP.format(f"{number:05d}") for number in range(4)]
    keys = SeriesKeys(limit_bytes=8 * series_bytes(names[0]))
    pair = batch(values=dict.fromkeys(names[:2], 20.0))
    first, _ = keys.layout(pair)
    for name in names[2:]:
        assert isinstance(keys.get(name, pair.agent), Series), "an agent has a quarter of the limit: two keys"
    assert keys.layout(pair)[0] is not first


def test_values_and_states_are_checked_in_each_batch_of_a_family() -> None:
    keys = SeriesKeys()
    assert not resolve(batch(values={SUPPLY: 32.0, FLOW: 0.1}, states={PUMP: "running"}), keys).skipped
    odd = resolve(batch(values={SUPPLY: 3200.0, FLOW: 1e-40}, states={PUMP: "dancing"}), keys)
    assert (odd.values, odd.states, odd.skipped) == ([], [], {"range": 2, "state": 1})
    assert odd.implausible == (SUPPLY, FLOW)
    again = resolve(batch(values={SUPPLY: 33.0, FLOW: 0.0}, states={PUMP: "stopped"}), keys)
    assert [value for _, _, value in (*again.values, *again.states)] == [33.0, 0.0, "stopped"]


def test_one_agent_s_layouts_displace_its_own_only() -> None:
    """The same keys in ever another order would otherwise fill the room of all, 24 MB, and have everybody else's made again."""
    keys = SeriesKeys()
    usual = msgspec.structs.replace(batch(values={SUPPLY: 32.0}), agent="gw-usual")
    kept, _ = keys.layout(usual)
    names = [SUPPLY.replace("secondary", f"l{number}") for number in range(1000)]
    first = None
    for turn in range(3 * MAX_PLACES_OF_AGENT // len(names)):
        values = dict.fromkeys([*names[turn:], *names[:turn]], 20.0)
        layout, skipped = keys.layout(msgspec.structs.replace(batch(values=values), agent="gw-odd"))
        assert not skipped
        first = first or (values, layout)
    assert first is not None
    assert keys.layout(usual)[0] is kept
    assert keys.layout(msgspec.structs.replace(batch(values=first[0]), agent="gw-odd"))[0] is not first[1]


def test_layouts_of_more_agents_than_there_is_room_for_are_dropped_all_at_once_and_made_again() -> None:
    """Whatever was noted of them goes as well: it would be looked for when one of them is dropped, and stay in memory until then."""
    keys, layouts = SeriesKeys(), KnownLayouts()
    series = [each for name in range(1000) if isinstance(each := keys.get(LOOP.format(name)), Series)]

    def add(turns: range) -> list[Layout]:
        added = []
        for turn in turns:
            added.append(Layout.of([*series[turn:], *series[:turn]], (), of_agent=False))
            layouts.add(added[-1], f"gw-{turn // 20}")
        return added

    room = MAX_PLACES // (LAYOUT_PLACES + 1000)
    add(range(room))
    assert len(layouts.by_keys) == room
    kept = add(range(room, room + 3))
    assert [*layouts.by_keys.values()] == kept
    kept += add(range(room - 3))
    assert [*layouts.by_keys.values()] == kept
    layouts.drop_with(series[0].key)
    assert not layouts.by_keys
    # What is dropped takes no room, for which the others would have to go.
    other = Layout.of([each for key in (SUPPLY, FLOW) if isinstance(each := keys.get(key), Series)], (), of_agent=False)
    layouts.add(other, "gw-other")
    for _ in range(2):
        add(range(room - 1))
        assert len(layouts.by_keys) == room
        layouts.drop_with(series[0].key)
        assert [*layouts.by_keys.values()] == [other]


def test_a_device_whose_keys_change_with_every_poll_has_the_rows_of_a_few_layouts_only() -> None:
    rows = Rows[int]()
    for number in range(1, 4 * MAX_LAYOUTS_OF_DEVICE):
        layout = Layout.of((), (), of_agent=False)
        rows[layout] = [number]
        assert rows[layout] == [number]
        # All are dropped at the bound, rather than the oldest: a device has one for each poll class.
        assert len(rows) == (number - 1) % MAX_LAYOUTS_OF_DEVICE + 1


def test_numbers_are_written_with_all_their_digits_and_none_is_left_out() -> None:
    assert number_texts([]) == []
    assert number_texts([0.1, 2.0, 1e22, -3]) == ["0.1", "2.0", "1e22", "-3"]
    assert number_texts([0.1, math.nan, math.inf]) == ["0.1", "nan", "inf"]


@pytest.mark.parametrize(
    ("values", "states", "is_urgent"),
    [
        ({}, {PUMP: "running"}, True),
        ({FLOW: 0.1, OUTDOOR: 12.0}, {}, True),
        ({OUTDOOR: 12.0}, {}, False),
        ({}, {}, False),
    ],
)
def test_a_batch_is_urgent_if_one_of_its_readings_belongs_to_the_safety_class(
    values: dict[str, float], states: dict[str, str], *, is_urgent: bool
) -> None:
    """Also where a profile polls it in another class."""
    assert resolved(values, states).layout.is_urgent is is_urgent
