"""/metrics keeps the catalogue's names and types, and promtool has nothing to say."""

import re
import subprocess
from collections import Counter
from itertools import count
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from collector.counters import POLL_BUCKETS_S, Counters
from collector.latest import CAUSES
from collector.latest.latest import Latest
from collector.ledger.watch import AgentAccount
from collector.problems import load_table
from collector.readings import SeriesKeys, resolve
from collector.readings.series_keys import OF_AGENTS, RESERVED
from collector.self_metrics import DeliveryFigures, SelfMetrics
from collector.web.exposition import LABEL_LIMIT, labels_text, render, render_steps
from collector.web.kept_page import KeptPage
from rackflow import Batch, Metric, catalogue, series_key
from rackflow.documents import Account, Coolant
from rackflow.outbox.seam import OutboxStats
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import run_through
from tests.collector.documents import FLOW, LABELS, PUMP, SUPPLY, agent_batch, document, now_ms, status
from tests.servers.process import find_program
from tests.turns import counting_calls


def full() -> Latest:
    """Holds a reading of every metric that a batch may carry, and everything the collector says itself."""
    latest = Latest(100_000)
    metrics = catalogue().values()
    skipped = RESERVED | {
        metric.name for metric in metrics if metric.measurement == "dcim_collector" or metric.derived == "collector"
    }
    usable = [metric for metric in metrics if metric.name not in skipped and metric.type != "histogram"]
    devices = [metric for metric in usable if metric.measurement not in OF_AGENTS and "device" not in metric.labels]
    ours = [metric for metric in usable if metric.measurement in OF_AGENTS]
    apply(latest, agent_batch({key_of(metric): 1.0 for metric in ours}))
    latest.apply_status(status("cdu-07"), 0.0)
    coolant = {"secondary": Coolant(fluid="pg25", additive="x", concentration="25 %")}
    described = document(vendor='A "quoted" \\ one\n')
    coolant = {"secondary": Coolant(fluid="pg25", additive="x", concentration="25 %")}
    latest.apply_document("cas1", msgspec.structs.replace(described, coolant=coolant))
    states = {key_of(metric): metric.states[0] for metric in devices if metric.states}
    apply(latest, one_batch({key_of(metric): value_of(metric) for metric in devices if not metric.states}, states))
    return latest


def value_of(metric: Metric) -> float:
    """A value that the metric may have; a broken number where it can."""
    return 1.5 if metric.plausible(1.5) else metric.ranges[0][0]


def key_of(metric: Metric) -> str:
    """A series of a metric with all its labels."""
    labels = {
        label: metric.label_values.get(label, ("1",))[0] for label in metric.labels if label not in ("agent", "feed")
    }
    return series_key(metric.name, labels)


def one_batch(values: dict[str, float], states: dict[str, str]) -> Batch:
    """A batch of the known device."""
    return Batch(
        agent="gw-3",
        epoch="e",
        seq=1,
        time=now_ms(),
        device="cdu-07",
        device_class="cdu",
        poll="safety",
        interval_s=1.0,
        duration_s=0.02,
        up=True,
        labels=LABELS | {"feed": "A"},
        values=values,
        states=states,
    )


def apply(latest: Latest, one: Batch) -> None:
    """Hand it over; nothing of it may be skipped."""
    readings = resolve(one, SeriesKeys())
    assert not readings.skipped
    assert latest.apply_batch("cas1", one, readings, 0.0, now_ms() / 1000) == "live"


SPOOL = OutboxStats(3, 4096, 65536, 1_700_000_000_000, {}, Account(kind="disk"), durable=True)
ACCOUNT = AgentAccount(10, 7, 2, 1, 1, Counter({"full": 1}))
WHO = ("cas1", "gw-3")
DELIVERY = DeliveryFigures(
    SPOOL,
    {WHO: ACCOUNT},
    {WHO: False},
    {"write": 0},
    is_store_available=True,
    is_ledger_durable=True,
    unheard={WHO: 1.0},
)


def page(latest: Latest) -> str:
    """/metrics as it is served."""
    text, series = render(latest, 1.0)
    return text + SelfMetrics(Counters(), latest, "127.0.0.1:1883", "file").render(series, DELIVERY)


def test_names_and_types_are_the_catalogue_s() -> None:
    """Every family with our prefix is in the catalogue with its type, help and no label that it does not have."""
    seen = set()
    for family in text_string_to_metric_families(page(full())):
        if not family.name.startswith("dcim_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        metric = catalogue()[name]
        seen.add(name)
        assert family.type == (metric.type if metric.type in ("counter", "histogram") else "gauge"), name
        assert family.documentation == metric.help
        allowed = {"site", "room", "row", "rack", "device", "feed", "le", *metric.labels}
        allowed |= {"agent"} if metric.measurement in OF_AGENTS else set()
        for sample in family.samples:
            assert sample.labels.keys() <= allowed | ({"state"} if metric.states else set()), name
            assert sample.timestamp is None
            has_device = "device" in sample.labels
            assert has_device == (not name.startswith(("dcim_agent_", "dcim_certificate_", "dcim_collector_"))), name
    missing = catalogue().keys() - seen
    of_collector = {metric.name for metric in catalogue().values() if metric.derived == "collector"}
    assert missing == {"dcim_topology_edge_info", "dcim_collector_store_probe"} | of_collector


def test_the_page_of_the_safety_class_has_its_metrics_as_the_whole_page_has_them() -> None:
    latest = full()
    names = load_table().safety_metrics()
    parts = run_through(KeptPage(latest, names).steps(1.0))
    text = "".join(text for _, text in parts)

    def of_class(text: str) -> list[str]:
        lines = (line for line in text.splitlines() if not line.startswith("#"))
        return [line for line in lines if line.partition("{")[0].partition(" ")[0] in names]

    own = SelfMetrics(Counters(), latest, "127.0.0.1:1883", "file").render_connection()
    assert of_class(text + own) == [line for line in (text + own).splitlines() if not line.startswith("#")]
    assert sorted(of_class(text + own)) == sorted(of_class(page(latest)))
    assert {line.partition("{")[0].partition(" ")[0] for line in of_class(text + own)} == names


def test_free_text_and_states_are_read_back_as_they_were() -> None:
    """Free text of an identity survives, and exactly one state of a set is 1."""
    families = {family.name: family for family in text_string_to_metric_families(page(full()))}
    [info] = families["dcim_device_info"].samples
    assert info.labels["vendor"] == 'A "quoted" \\ one\n'
    states = {sample.labels["state"]: sample.value for sample in families["dcim_cdu_pump_state"].samples}
    assert states == {"running": 1, "standby": 0, "stopped": 0, "failed": 0, "unknown": 0}


def test_series_are_unique() -> None:
    """Prometheus refuses a page that has a series twice."""
    samples = [line.rpartition(" ")[0] for line in page(full()).splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))


def test_promtool_finds_nothing() -> None:
    """`promtool check metrics` has no complaint."""
    promtool = find_program("promtool", "prometheus")
    text = page(full()).encode()
    found = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert (found.returncode, found.stdout + found.stderr) == (0, b"")


@given(st.text())
def test_any_label_value_is_read_back(vendor: str) -> None:
    """Escaping follows the text format."""
    latest = Latest(100)
    latest.apply_document("cas1", document(vendor=vendor))
    lines = [line for line in render(latest, 0.0)[0].split("\n") if line.startswith("dcim_device_info")]
    [line] = lines
    found = re.search(r'vendor="((?:[^"\\]|\\.)*)"', line)
    text = found.group(1) if found else ""
    unescaped = re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match.group(1), match.group(1)), text)
    assert unescaped == vendor


def test_a_series_that_was_rendered_before_takes_less_than_a_call() -> None:
    """Its text is kept: 10,000 series take some milliseconds."""
    latest = Latest(100_000)
    keys = SeriesKeys()
    for n in range(100):
        values = {f"dcim_pdu_outlet_power_watts{{outlet={outlet}}}": 1.0 * outlet for outlet in range(100)}
        one = msgspec.structs.replace(one_batch(values, {}), device=f"pdu-{n}")
        latest.apply_batch("cas1", one, resolve(one, keys), 0.0, now_ms() / 1000)
    for most_calls in (5.0, 0.5):  # measured: 3.0 and 0.2
        with counting_calls() as calls:
            before = calls()
            text, series = render(latest, 1.0)
            made = calls() - before
        assert series > 10_000
        assert text.count("\n") > 10_000
        assert made < most_calls * series


CDU = 'site="cas1",room="dh1",row="b",rack="b07",feed="A",device="cdu-07"'
PDU = 'site="cas1",device="pdu-1"'


def lines_of_agents() -> list[str]:
    """What is to be on the page of two agents, of which one has polled once over Modbus and one over an unknown protocol."""
    gw, other = 'site="cas1",agent="gw-3"', 'site="cas1",agent="gw-4"'
    duration = "dcim_agent_poll_duration_seconds"
    histograms: list[str] = []
    for own in (f'{gw},protocol="modbus"', other):
        bounds = [(str(bound), 0 if bound < 0.02 else 1) for bound in POLL_BUCKETS_S] + [("+Inf", 1)]
        histograms += [f'{duration}_bucket{{{own},le="{bound}"}} {count}' for bound, count in bounds]
        histograms += [f"{duration}_sum{{{own}}} 0.02", f"{duration}_count{{{own}}} 1"]
    return [
        f"dcim_agent_clock_offset_seconds{{{gw}}} -0.25",
        f"dcim_agent_clock_offset_seconds{{{other}}} -0.25",
        f'dcim_agent_info{{{gw},version="0.1.0",python="3.11",hostname="gw"}} 1',
        *histograms,
        *(f'dcim_agent_unobserved_devices{{{gw},reason="{cause}"}} 0' for cause in CAUSES),
        f"dcim_agent_up{{{gw}}} 1",
        f"dcim_agent_up{{{other}}} 1",
    ]


def lines_of_devices() -> list[str]:
    """What is to be on the page of two devices, of which one has an identity and has answered."""
    states = [(state, 1 if state == "tripped" else 0) for state in catalogue()["dcim_circuit_breaker_state"].states]
    breaker = f'dcim_circuit_breaker_state{{{CDU},circuit="1"'
    identity = 'vendor="Acme",model="L2L 100",serial="42",firmware="1.2",protocol="modbus",profile="aalc-rpu"'
    return [
        f'dcim_cdu_coolant_info{{{CDU},loop="secondary",fluid="pg25",additive="x",concentration="25 %"}} 1',
        f'dcim_cdu_supply_temperature_celsius{{{CDU},loop="secondary"}} 32.5',
        *(f'{breaker},state="{state}"}} {value}' for state, value in states),
        f'dcim_device_info{{{CDU},agent="gw-3",device_class="cdu",{identity}}} 1',
        f'dcim_device_info{{{PDU},agent="gw-4",device_class="pdu"}} 1',
        f"dcim_device_last_success_timestamp_seconds{{{CDU}}} 1700000000.5",
        f'dcim_device_observed{{{CDU},agent="gw-3"}} 1',
        f'dcim_device_observed{{{PDU},agent="gw-4"}} 1',
        f"dcim_device_poll_duration_seconds{{{CDU}}} 0.02",
        f"dcim_device_poll_duration_seconds{{{PDU}}} 0.02",
        f"dcim_device_rejected_readings{{{CDU}}} 1",
        f"dcim_device_rejected_readings{{{PDU}}} 1",
        f'dcim_device_up{{{CDU},agent="gw-3"}} 1',
        f'dcim_device_up{{{PDU},agent="gw-4"}} 0',
    ]


def test_a_page_is_as_expected_to_the_letter() -> None:
    """A device with an identity and one without, two agents, of which one has said nothing; what is 0 and what is absent."""
    latest = Latest(100_000)
    described = msgspec.structs.replace(
        document(), firmware="1.2", coolant={"secondary": Coolant(fluid="pg25", additive="x", concentration="25 %")}
    )
    latest.apply_document("cas1", described)
    latest.apply_status(status("cdu-07"), 0.0)
    polled = one_batch({SUPPLY: 32.5}, {"dcim_circuit_breaker_state{circuit=1}": "tripped"})
    one = msgspec.structs.replace(polled, time=1_700_000_000_500, interval_s=10.0, bad={FLOW: "range"})
    latest.apply_batch("cas1", one, resolve(one, SeriesKeys()), 0.0, 1_700_000_000.75)
    failed = msgspec.structs.replace(
        one,
        agent="gw-4",
        device="pdu-1",
        device_class="pdu",
        up=False,
        error="timeout",
        labels={},
        values={},
        states={},
    )
    latest.apply_batch("cas1", failed, resolve(failed, SeriesKeys()), 0.0, 1_700_000_000.75)
    expected = lines_of_agents() + lines_of_devices()
    text, series = render(latest, 29.9)
    assert [line for line in text.splitlines() if not line.startswith("#")] == expected
    assert series == len(expected)
    assert f"# HELP dcim_device_up {catalogue()['dcim_device_up'].help}\n# TYPE dcim_device_up gauge\n" in text
    # What tells of the last poll goes with it; that the device is there, and when it answered last, stays.
    left = [line for line in render(latest, 30.1)[0].splitlines() if line.startswith(("dcim_dev", "dcim_c"))]
    assert [line.partition("{")[0] for line in left] == [
        "dcim_cdu_coolant_info",
        "dcim_device_info",
        "dcim_device_info",
        "dcim_device_last_success_timestamp_seconds",
        "dcim_device_observed",
        "dcim_device_observed",
    ]
    assert all(line.endswith(" 0") for line in left[-2:])


def test_an_agent_that_is_gone_is_0_and_one_without_details_has_a_name_all_the_same() -> None:
    latest = Latest(100)
    gone = msgspec.structs.replace(status(online=False), version="", python="", hostname="")
    latest.apply_status(gone, 0.0)
    lines = [line for line in render(latest, 0.0)[0].splitlines() if not line.startswith("#")]
    counts = [f'dcim_agent_unobserved_devices{{site="cas1",agent="gw-3",reason="{cause}"}} 0' for cause in CAUSES]
    names = ['dcim_agent_info{site="cas1",agent="gw-3"} 1', *counts, 'dcim_agent_up{site="cas1",agent="gw-3"} 0']
    assert lines == names


def test_without_the_broker_agents_are_neither_up_nor_down_and_devices_name_that_cause() -> None:
    """Also of an agent that has sent no status yet."""
    latest = Latest(1000)
    latest.apply_status(msgspec.structs.replace(status(), agent="gw-4"), 0.0)
    apply(latest, one_batch({SUPPLY: 32.0}, {}))
    latest.note_disconnected(1.0)
    lines = render(latest, 1.0)[0].splitlines()
    assert not [line for line in lines if line.startswith("dcim_agent_up{")]
    assert 'dcim_agent_unobserved_devices{site="cas1",agent="gw-3",reason="broker"} 1' in lines
    assert 'dcim_agent_unobserved_devices{site="cas1",agent="gw-4",reason="broker"} 0' in lines


def test_a_device_that_cannot_be_rendered_costs_nobody_else_their_lines() -> None:
    latest, failures = Latest(1000), Failures()
    for device in ("cdu-1", "cdu-2", "cdu-3"):
        apply(latest, msgspec.structs.replace(one_batch({}, {PUMP: "running"}), device=device))
    latest.readings_of("cas1", "cdu-2")[PUMP].value = "no such state"
    shown = [line for line in render(latest, 1.0, failures=failures)[0].splitlines() if "dcim_cdu_pump_state{" in line]
    assert {device for device in ("cdu-1", "cdu-2", "cdu-3") if any(device in line for line in shown)} == {
        "cdu-1",
        "cdu-3",
    }
    assert failures.counts == {("metrics", "KeyError"): 1}


@pytest.mark.parametrize("length", [LABEL_LIMIT, LABEL_LIMIT + 1])
def test_an_identity_that_is_too_long_is_cut(length: int) -> None:
    assert labels_text(("serial", "x" * length), ("vendor", ""), ("model", "m")) == f'serial="{"x" * 256}",model="m"'


def test_a_text_is_not_cut_in_the_middle_of_an_escape() -> None:
    """A backslash at the end of a label would take the quotation mark behind it along, and the whole page could not be read."""
    assert labels_text(("serial", "x" * (LABEL_LIMIT - 1) + '"more')) == f'serial="{"x" * 255}\\""'


def test_an_agent_that_cannot_be_rendered_costs_nobody_else_their_lines() -> None:
    latest, failures = Latest(1000), Failures()
    for agent in ("gw-1", "gw-2", "gw-3"):
        version = cast("str", 7) if agent == "gw-2" else "1.0"
        latest.apply_status(msgspec.structs.replace(status(), agent=agent, version=version), 0.0)
    shown = [line for line in render(latest, 1.0, failures=failures)[0].splitlines() if "dcim_agent_info{" in line]
    assert [line.partition('agent="')[2][:4] for line in shown] == ["gw-1", "gw-3"]
    assert failures.counts == {("metrics", "TypeError"): 1}


def test_the_page_follows_whatever_its_lines_were_made_from() -> None:
    """Lines are kept between scrapes: values, states, labels, identity and the set of series may each change on their own."""
    latest, keys, seq = Latest(100), SeriesKeys(), count(1)

    def shows(
        values: dict[str, float], states: dict[str, str], labels: dict[str, str], device_class: str = "cdu"
    ) -> list[str]:
        one = msgspec.structs.replace(
            one_batch(values, states), seq=next(seq), labels=LABELS | labels, device_class=device_class
        )
        assert latest.apply_batch("cas1", one, resolve(one, keys), 0.0, now_ms() / 1000) == "live"
        text, series = render(latest, 1.0)
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert series == len(lines) == len(set(lines))
        return [line for line in lines if line.startswith(("dcim_cdu_", "dcim_device_info"))]

    def supply(rack: str, value: str) -> str:
        labels = f'site="cas1",room="dh1",row="b",rack="{rack}",device="cdu-07",loop="secondary"'
        return f"dcim_cdu_supply_temperature_celsius{{{labels}}} {value}"

    def pump(lines: list[str]) -> list[str]:
        return [line for line in lines if "pump_state" in line and line.endswith(" 1")]

    first = shows({SUPPLY: 32.0}, {PUMP: "running"}, {})
    assert supply("b07", "32.0") in first
    assert 'state="running"' in pump(first)[0]
    assert first == shows({SUPPLY: 32.0}, {PUMP: "running"}, {})
    assert supply("b07", "33.5") in shows({SUPPLY: 33.5}, {PUMP: "running"}, {})
    assert 'state="stopped"' in pump(shows({SUPPLY: 33.5}, {PUMP: "stopped"}, {}))[0]
    moved = shows({SUPPLY: 33.5}, {PUMP: "stopped"}, {"rack": "b08"})
    assert supply("b08", "33.5") in moved
    assert not [line for line in moved if 'rack="b07"' in line]
    more = shows({SUPPLY: 33.5, FLOW: 0.1}, {}, {"rack": "b08"})
    assert any(line.startswith("dcim_cdu_flow_") for line in more)
    latest.apply_document("cas1", document(model="L2L 200"))
    assert any('model="L2L 200"' in line for line in shows({SUPPLY: 33.5}, {}, {}))
    latest.apply_document("cas1", document(model="L2L 300"))
    described = shows({SUPPLY: 33.5}, {}, {})
    assert any('model="L2L 300"' in line and 'device_class="cdu"' in line for line in described)
    assert any('device_class="meter"' in line for line in shows({SUPPLY: 33.5}, {}, {}, "meter"))
    assert latest.remove_device("cas1", "gw-3", "cdu-07")
    assert not [line for line in shows({FLOW: 0.2}, {}, {}) if "supply" in line]


def test_the_ends_of_certificates_of_agents_and_of_the_collector_stand_together() -> None:
    latest, name = Latest(1000), "dcim_certificate_expiry_timestamp_seconds"
    apply(latest, agent_batch({series_key(name, {"component": "agent", "subject": "gw-3"}): 1.8e9}))
    own = {name: [f'{name}{{component="web",subject="c"}} 1.9e9\n']}
    parts, _ = run_through(render_steps(latest, 0.0, own=own))
    lines = [line for _, text in parts for line in text.splitlines() if name in line]
    assert [line[0] for line in lines[:2]] == ["#", "#"]
    assert [re.findall('component="([^"]*)"', line) for line in lines[2:]] == [["agent"], ["web"]]
