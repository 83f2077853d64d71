"""Line protocol can be read back, whatever the values; states differ by dialect; a failed poll says only that."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.readings import SeriesKeys, resolve
from collector.store.lines import Dialect, base_tags, batch_lines, event_lines, original_time_line
from rackflow import Batch, Event, catalogue, encode, series_key
from rackflow.escape import escape_label, escape_string, escape_tag
from tests.collector.documents import FLOW, LABELS, PUMP, SUPPLY, agent_batch, batch

TAGS = base_tags("cas1", "gw-3", "cdu-07", LABELS)
HEAD = "agent=gw-3,device=cdu-07,rack=b07,room=dh1,row=b,site=cas1"


def lines_of(one: Batch, dialect: Dialect = "influxdb") -> list[str]:
    """All points of a batch."""
    return batch_lines(one, base_tags("cas1", one.agent, one.device, one.labels), resolve(one, SeriesKeys()), dialect)


def split_unescaped(text: str, separator: str) -> list[str]:
    """Split where the separator is not escaped."""
    return re.split(rf"(?<!\\){separator}", text)


def unescape(text: str) -> str:
    """The inverse of escaping a tag value."""
    return re.sub(r"\\([,= ])", r"\1", text)


def test_fields_with_the_same_tags_share_a_point() -> None:
    """Two readings of one loop are one line, floats always with a point, and the device says how it is."""
    one = batch(
        values={SUPPLY: 32.0, FLOW: 0.0025, "dcim_cdu_energy_joules_total": 1e17}, states={PUMP: "running"}, time_ms=7
    )
    assert lines_of(one) == [
        f"dcim_cdu,{HEAD},loop=secondary supply_temperature_celsius=32.0,flow_cubic_meters_per_second=0.0025 7",
        f"dcim_cdu,{HEAD} energy_joules_total=1e17 7",
        f'dcim_cdu,{HEAD},pump=1 pump_state="running" 7',
        f"dcim_device,{HEAD} up=1.0,poll_duration_seconds=0.031,rejected_readings=0.0 7",
    ]


def test_victoriametrics_gets_one_series_per_state() -> None:
    """A string would be dropped there."""
    lines = lines_of(batch(values={}, states={PUMP: "standby"}, time_ms=7), "victoriametrics")
    assert f"dcim_cdu,{HEAD},pump=1,state=standby pump_state=1.0 7" in lines
    assert f"dcim_cdu,{HEAD},pump=1,state=running pump_state=0.0 7" in lines
    assert len(lines) == len(catalogue()["dcim_cdu_pump_state"].states) + 1


def test_a_failed_poll_has_no_readings_and_what_an_agent_says_of_itself_no_device() -> None:
    """A failed poll has no readings to store; what an agent says of itself has no device."""
    assert lines_of(batch(values={}, error="timeout", time_ms=7)) == [
        f"dcim_device,{HEAD} up=0.0,poll_duration_seconds=0.031,rejected_readings=0.0 7",
    ]
    one = agent_batch({"dcim_agent_devices{state=up}": 2.0})
    assert lines_of(one) == [f"dcim_agent,agent=gw-3,site=cas1,state=up devices=2.0 {one.time}"]


def test_two_edges_of_one_poll_are_two_points() -> None:
    """The series is part of an event's tags."""
    event = Event(
        agent="gw-3",
        epoch="e",
        seq=3,
        time=7,
        device="cdu-07",
        device_class="cdu",
        kind="state",
        labels=LABELS,
        series=PUMP,
        old="running",
        new='fa"iled\n',
    )
    fields = 'kind="state",old="running",new="fa\\"iled ",text="",seq=3.0'
    assert event_lines(event, TAGS, SeriesKeys()) == [f"dcim_event,{HEAD},pump=1,metric=dcim_cdu_pump_state {fields} 7"]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.text())
def test_escaping_is_read_back(tags: list[str], field: str) -> None:
    """Whatever the text, a reader finds as many tags and fields as were written, and their values."""
    head = "m" + "".join(f",t{n}={escape_tag(value)}" for n, value in enumerate(tags))
    line = f'{head} f="{escape_string(field)}" 7'
    series = split_unescaped(line, " ")[0]
    fields, _, time = line.removeprefix(f"{series} ").rpartition(" ")
    assert "\n" not in line
    assert time == "7"
    expected = [re.sub(r"[\x00-\x1f\x7f\\]", "_", value) for value in tags]
    found = [unescape(split_unescaped(pair, "=")[1]) for pair in split_unescaped(series, ",")[1:]]
    assert found == expected
    text = re.sub(r"\\(.)", r"\1", fields.removeprefix('f="').removesuffix('"'))
    assert text == field.replace("\r", " ").replace("\n", " ")


NUMBERS = [metric for metric in catalogue().values() if metric.type in ("gauge", "counter") and metric.section == "UPS"]


@given(
    st.dictionaries(
        st.sampled_from(NUMBERS).flatmap(
            lambda metric: st.fixed_dictionaries(
                {label: st.sampled_from(["L1", "a.b", "x:/+-"]) for label in metric.labels}
            ).map(
                lambda labels: series_key(metric.name, labels),
            ),
        ),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
)
def test_every_value_is_there_once(values: dict[str, float]) -> None:
    """Reading the lines back gives exactly the readings that went in."""
    found: dict[str, float] = {}
    for line in lines_of(batch(values=values)):
        series, fields, _ = line.split(" ")
        measurement, *tags = series.split(",")
        base = {"site", "room", "row", "rack", "device", "agent", "feed"}
        labels = dict(tag.split("=", 1) for tag in tags)
        own = {label: value for label, value in labels.items() if label not in base}
        for field in fields.split(","):
            name, value = field.split("=")
            if measurement != "dcim_device":
                found[series_key(f"{measurement}_{name}", own)] = float(value)
    assert found == {key: value for key, value in values.items() if catalogue()[key.partition("{")[0]].plausible(value)}


@pytest.mark.parametrize(
    ("text", "tag", "field", "label"),
    [
        ("plain", "plain", "plain", "plain"),
        ("a b", r"a\ b", "a b", "a b"),
        ("a,b", r"a\,b", "a,b", "a,b"),
        ("a=b", r"a\=b", "a=b", "a=b"),
        ('a"b', 'a"b', r"a\"b", r"a\"b"),
        ("a\\b", "a_b", r"a\\b", r"a\\b"),
        ("a\nb", "a_b", "a b", r"a\nb"),
        ("a\rb", "a_b", "a b", "a\rb"),
        ("a\tb", "a_b", "a\tb", "a\tb"),
        ("a\x7fb", "a_b", "a\x7fb", "a\x7fb"),
        ("ü", "ü", "ü", "ü"),
    ],
)
def test_each_character_that_means_something_is_escaped_as_its_place_asks(
    text: str, tag: str, field: str, label: str
) -> None:
    """A tag value and a string field of line protocol, and a label of Prometheus."""
    assert (escape_tag(text), escape_string(text), escape_label(text)) == (tag, field, label)


def test_tags_are_sorted_and_the_topic_decides_on_site_agent_and_device() -> None:
    """Engines index sorted tags fastest. What a label says of the device is not believed, and an empty label is no tag."""
    labels = {"site": "elsewhere", "device": "other", "row": "b", "rack": "b 7", "feed": "", "comment": "x"}
    assert base_tags("cas1", "gw-3", "cdu-07", labels) == r",agent=gw-3,device=cdu-07,rack=b\ 7,row=b,site=cas1"
    assert base_tags("cas1", "gw-3", "gw-3", {"device": "other"}) == ",agent=gw-3,site=cas1"
    found = base_tags("s", "a", "d", {"feed": "A", "rack": "k", "row": "r", "room": "m"})
    assert found == ",agent=a,device=d,feed=A,rack=k,room=m,row=r,site=s"


def test_points_of_equally_named_devices_of_two_sites_are_distinguished() -> None:
    one = batch(values={SUPPLY: 1.0}, time_ms=7)
    resolved = resolve(one, SeriesKeys())
    here, there = (
        batch_lines(one, base_tags(site, "gw-3", "cdu-07", {}), resolved, "influxdb") for site in ("t1", "t2")
    )
    assert here == [line.replace("site=t2", "site=t1") for line in there]
    assert not set(here) & set(there)


@pytest.mark.parametrize(
    ("value", "written"),
    [(1.0, "1.0"), (0.0, "0.0"), (1e17, "1e17"), (1e-7, "1e-7"), (0.1 + 0.2, "0.30000000000000004")],
)
def test_a_number_is_written_as_a_float_to_the_last_digit(value: float, written: str) -> None:
    """An integer in the first point of a field would fix its type, and the engine refuse what comes after it."""
    one = msgspec.json.decode(encode(batch(values={"dcim_cdu_energy_joules_total": value}, time_ms=7)), type=Batch)
    assert f"energy_joules_total={written} 7" in lines_of(one)[0]


def test_a_negative_number_keeps_its_sign() -> None:
    one = batch(values={"dcim_cdu_ambient_temperature_celsius": -0.5}, time_ms=7)
    assert "ambient_temperature_celsius=-0.5 7" in lines_of(one)[0]


def test_a_whole_number_from_json_becomes_a_float() -> None:
    one = msgspec.json.decode(encode(batch(values={SUPPLY: 32.0}, time_ms=7)).replace(b"32.0", b"32"), type=Batch)
    assert "supply_temperature_celsius=32.0 7" in lines_of(one)[0]


def test_a_device_s_own_point_tells_how_its_poll_went() -> None:
    bad = {SUPPLY: "range", FLOW: "range"}
    one = msgspec.structs.replace(batch(values={}, time_ms=7), bad=bad, duration_s=2.0)
    assert lines_of(one) == [f"dcim_device,{HEAD} up=1.0,poll_duration_seconds=2.0,rejected_readings=2.0 7"]


def test_states_of_victoriametrics_are_all_there_and_one_is_1() -> None:
    """Two pumps at once, beside values: which point has which tags."""
    states = {PUMP: "failed", "dcim_cdu_pump_state{pump=2}": "running"}
    lines = lines_of(batch(values={SUPPLY: 32.0}, states=states, time_ms=7), "victoriametrics")
    expected = {f"dcim_cdu,{HEAD},loop=secondary supply_temperature_celsius=32.0 7"}
    for pump, current in (("1", "failed"), ("2", "running")):
        for state in catalogue()["dcim_cdu_pump_state"].states:
            value = "1.0" if state == current else "0.0"
            expected.add(f"dcim_cdu,{HEAD},pump={pump},state={state} pump_state={value} 7")
    expected.add(f"dcim_device,{HEAD} up=1.0,poll_duration_seconds=0.031,rejected_readings=0.0 7")
    assert set(lines) == expected
    assert len(lines) == len(expected)


def test_the_points_of_all_dialects_carry_no_string_but_states_of_influxdb() -> None:
    one = batch(values={SUPPLY: 32.0}, states={PUMP: "running"}, time_ms=7)
    assert [line for line in lines_of(one, "victoriametrics") if '"' in line] == []
    assert [line for line in lines_of(one) if '"' in line] == [f'dcim_cdu,{HEAD},pump=1 pump_state="running" 7']


def test_an_event_without_a_series_and_one_of_a_series_that_nobody_knows() -> None:
    event = Event(
        agent="gw-3",
        epoch="e",
        seq=9,
        time=7,
        device="cdu-07",
        device_class="cdu",
        kind="down",
        labels=LABELS,
        text="timeout",
    )
    expected = f'dcim_event,{HEAD} kind="down",old="",new="",text="timeout",seq=9.0 7'
    assert event_lines(event, TAGS, SeriesKeys()) == [expected]
    unknown = msgspec.structs.replace(event, series="dcim_magic{x=1}")
    assert event_lines(unknown, TAGS, SeriesKeys()) == [expected]


def test_the_original_time_of_a_message_is_stored_in_seconds_beside_its_substitute() -> None:
    assert original_time_line(TAGS, 5_250, 7) == f"dcim_device,{HEAD} original_timestamp_seconds=5.25 7"


@pytest.mark.parametrize("dialect", ["influxdb", "victoriametrics"])
def test_devices_of_one_family_have_lines_of_their_own(dialect: Dialect) -> None:
    """The lines of a family are prepared once: with each message come its own tags, time, values and states."""
    keys = SeriesKeys()
    one = batch(values={SUPPLY: 32.0}, states={PUMP: "running"}, time_ms=7)
    other = batch("cdu-08", values={SUPPLY: 33.5}, states={PUMP: "stopped"}, time_ms=8, error="timeout")
    for each in (one, other, one):
        tags = base_tags("cas1", each.agent, each.device, each.labels)
        assert batch_lines(each, tags, resolve(each, keys), dialect) == lines_of(each, dialect)
        assert all(tags in line and line.endswith(f" {each.time}") for line in lines_of(each, dialect))
    assert resolve(one, keys).layout is resolve(other, keys).layout


def test_an_agent_s_report_without_readings_has_no_points() -> None:
    assert lines_of(agent_batch({})) == []
