"""Fuzzes the collector: a whole process behind a real mosquitto gets documents and topics that are wrong in every way.

A healthy agent publishes beside them. After each example its reading must be on `/metrics`, and the process must not have logged a
traceback.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
import yaml
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from rackflow import encode
from rackflow.catalogue import catalogue
from tests.collector.derive.campus import CAMPUS, campus
from tests.collector.documents import PUMP, batch, document, event, status
from tests.collector.running import topic_of
from tests.fuzz.answers import Damage
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_thread import leave
from tests.servers.ports import free_port
from tests.servers.program import Program
from tests.servers.waiting import wait_until
from tests.servers.web import answers, request

Message = tuple[str, bytes]
METRICS = [metric for metric in catalogue().values() if metric.type != "info"]
HEALTHY = "dcim_cdu_supply_temperature_celsius{"
LEAVES: tuple[Any, ...] = (
    *(0, -1, 1, 2**31, 2**53, 2**63 - 1, -(2**63), 2**64, 10**400, 0.0, -0.0, 5e-324, 1.7e308, -1.7e308, 1e300, None),
    *(
        True,
        False,
        "",
        " ",
        "\x00",
        "\x1b[2J",
        "\u202e",
        "a" * 70_000,
        "e\u0301" * 100,
        "../../etc/passwd",
        "$share/x",
        "+/#",
    ),
    *("{}", 'a="b"', "dcim_ups_battery_charge_ratio", "dcim_ups_battery_charge_ratio{", "\ud83d\ude00", "nan", "inf"),
    *([], {}, [[]], [{"epoch": "x", "first": 1, "last": 2**62}], {"a": {}}, ["x"] * 3000),
)
KEYS = (
    *("schema", "agent", "device", "epoch", "seq", "time", "class", "poll", "interval_s", "duration_s", "up", "error"),
    *(
        "labels",
        "values",
        "states",
        "bad",
        "site",
        "status",
        "devices",
        "account",
        "kind",
        "series",
        "coolant",
        "extra",
    ),
)
SERIES = (
    *(
        "dcim_cdu_supply_temperature_celsius{loop=secondary}",
        "dcim_ups_battery_charge_ratio",
        "dcim_cdu_pump_state{pump=1}",
    ),
    *(
        "dcim_pdu_inlet_power_watts{inlet=1}",
        "dcim_nothing",
        "dcim_ups_load_ratio{phase=L1",
        "x" * 5000,
        "",
        "{}",
        "a{b=c}",
    ),
)


def valid() -> dict[str, Any]:
    """One valid document of each kind, taken apart, by topic."""
    made = (batch(), event(PUMP, "running", "failed"), document(), status("cdu-07"))
    return {topic_of(each): json.loads(encode(each)) for each in made}


leaf = st.one_of(
    st.sampled_from(LEAVES),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=80),
    st.dictionaries(st.sampled_from(SERIES), st.sampled_from(LEAVES), max_size=5),
    st.dictionaries(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False), max_size=20),
)
levels = st.sampled_from(
    [
        "rackflow",
        "v1",
        "v2",
        "cas1",
        "gw-3",
        "gw-4",
        "batch",
        "event",
        "device",
        "status",
        "stored",
        "cdu-07",
        "x",
        "é",
        "a b",
    ]
)
topics = st.one_of(st.sampled_from(list(valid())), st.lists(levels, min_size=1, max_size=7).map("/".join))


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A topic and a payload: a valid document with some fields replaced, removed or added, perhaps with its bytes damaged."""
    topic, fields = draw(st.sampled_from(list(valid().items())))
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(KEYS))
        if draw(st.integers(0, 4)) == 0:
            fields.pop(key, None)
        else:
            fields[key] = draw(leaf)
    payload = json.dumps(fields, allow_nan=False).encode("utf-8", "surrogatepass")
    kind = draw(st.integers(0, 9))
    if kind == 0:
        damage = Damage(draw(st.integers(0, 2**32)), draw(st.integers(1, 5)), draw(st.booleans()), b"")
        payload = damage(payload)[0]
    elif kind == 1:
        payload = draw(st.sampled_from([b"", b"null", b"[" * 100_000, b"{" * 5000, b'"\xff"', b"0" * 600_000, b"NaN"]))
    if draw(st.integers(0, 3)) == 0:
        topic = draw(topics)
    return topic, payload


SITE = campus()
LABEL_VALUES = ("1", "2", "L1", "L2", "L3", "primary", "secondary", "a", "b", "supply", "return", "battery", "total")


@st.composite
def campus_polls(draw: st.DrawFn) -> Message:
    """A poll of a device of the site file that obeys the contract, with values at and beyond the ends of their ranges."""
    device = draw(st.sampled_from(sorted(SITE.devices)))
    made = batch(
        device, seq=draw(st.integers(1, 2**40)), interval_s=draw(st.sampled_from([0.1, 1.0, 60.0])), error=None
    )
    fields = json.loads(encode(made))
    fields |= {"agent": "gw-north", "labels": {"site": SITE.id}, "values": {}, "states": {}}
    for metric in draw(st.lists(st.sampled_from(METRICS), min_size=1, max_size=12)):
        labels = ",".join(
            f"{label}={draw(st.sampled_from(metric.label_values.get(label) or LABEL_VALUES))}"
            for label in sorted(metric.labels)
            if draw(st.integers(0, 9))
        )
        series = f"{metric.name}{{{labels}}}" if labels else metric.name
        fields["class"] = metric.name.split("_")[1]
        if metric.states:
            fields["states"][series] = draw(st.sampled_from([*metric.states, "odd"]))
        else:
            ends = [end for span in metric.ranges for end in span] or [0.0]
            fields["values"][series] = draw(
                st.one_of(
                    st.sampled_from(ends),
                    st.sampled_from([0.0, -0.0, 5e-324, 1e-300, 1e300, -1e300, 1.7e308]),
                    st.floats(min(ends), max(*ends, 1.0)),
                )
            )
    return f"rackflow/v1/{SITE.id}/gw-north/batch/{device}", json.dumps(fields).encode()


class Collector:
    """A collector process with a file store, a broker, and a client that publishes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._broker = Mosquitto(folder / "mosquitto")
        self._web = f"127.0.0.1:{free_port()}"
        self._log = folder / "collector.log"
        self._seq = 0
        self.sent = 0

    def __enter__(self) -> Self:
        self._broker.start()
        settings = {
            "broker": {"port": self._broker.port},
            "client_id": "fuzzed",
            "store": {"kind": "file", "path": str(self._folder / "points")},
            "ledger": str(self._folder / "ledger.db"),
            "dead_letter": str(self._folder / "dead.jsonl"),
            "listen": self._web,
            "http": {"share_s": 0},
            "site_file": str(CAMPUS),
        }
        file = self._folder / "collector.yaml"
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        self._process = Program("collector", file)
        self._process.start()
        wait_until(lambda: answers(f"http://{self._web}/readyz"), "the collector is ready")
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="fuzzer", protocol=paho.MQTTv5)
        self._client.max_inflight_messages_set(200)
        self._client.connect("127.0.0.1", self._broker.port)
        self._client.loop_start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        leave(self._client)
        self._process.stop()
        self._broker.stop()

    def survives(self, hostile: Sequence[Message]) -> None:
        """Publish, then a healthy reading. Raises AssertionError unless that reading appears and nothing was logged as a fault."""
        for topic, payload in hostile:
            self._publish(topic, payload)
        self._seq += 1
        expected = 20.0 + self._seq % 1000 / 100
        healthy = batch(
            "cdu-healthy", seq=self._seq, values={"dcim_cdu_supply_temperature_celsius{loop=secondary}": expected}
        )
        self._publish(
            "rackflow/v1/cas1/gw-healthy/batch/cdu-healthy", encode(healthy).replace(b'"gw-3"', b'"gw-healthy"')
        )
        wait_until(lambda: self._shows(expected), f"the healthy device's {expected} is on /metrics")
        self.sent += len(hostile) + 1
        assert b"Traceback" not in (log := self._log.read_bytes()), log[log.index(b"Traceback") :][:3000].decode()

    def _publish(self, topic: str, payload: bytes) -> None:
        sent = self._client.publish(topic, payload, qos=1, retain=topic.endswith("status") or "/device/" in topic)
        sent.wait_for_publish(10)

    def _shows(self, expected: float) -> bool:
        assert self._process.running, f"the collector ended: {self._log.read_text(encoding='utf-8')[-3000:]}"
        lines = request(f"http://{self._web}/metrics").text.splitlines()
        ours = [line for line in lines if line.startswith(HEALTHY) and 'device="cdu-healthy"' in line]
        return any(abs(float(line.rpartition(" ")[2]) - expected) < 1e-9 for line in ours)
