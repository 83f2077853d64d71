"""Line protocol can be read back, whatever the values; states differ by dialect; a failed poll says only that."""

import re

from hypothesis import given
from hypothesis import strategies as st

from collector.readings import SeriesKeys, resolve
from collector.store.lines import Dialect, base_tags, batch_lines, event_lines
from rackflow import Batch, Event, catalogue, series_key
from rackflow.escape import escape_string, escape_tag
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
    one = batch(values={SUPPLY: 32.0, FLOW: 0.0025, "dcim_cdu_power_watts": 1e22}, states={PUMP: "running"}, time_ms=7)
    assert lines_of(one) == [
        f"dcim_cdu,{HEAD},loop=secondary supply_temperature_celsius=32.0,flow_cubic_meters_per_second=0.0025 7",
        f"dcim_cdu,{HEAD} power_watts=1e+22 7",
        f'dcim_cdu,{HEAD},pump=1 pump_state="running" 7',
        f"dcim_device,{HEAD} up=1.0,poll_duration_seconds=0.031,rejected_readings=0.0 7",
    ]


def test_victoriametrics_gets_one_series_per_state() -> None:
    """A string would be dropped there."""
    lines = lines_of(batch(values={}, states={PUMP: "standby"}, time_ms=7), "victoriametrics")
    assert f"dcim_cdu,{HEAD},pump=1,state=standby pump_state=1.0 7" in lines
    assert f"dcim_cdu,{HEAD},pump=1,state=running pump_state=0.0 7" in lines
    assert len(lines) == len(catalogue()["dcim_cdu_pump_state"].states) + 1


def test_failed_poll_and_agent() -> None:
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
    assert found == values
