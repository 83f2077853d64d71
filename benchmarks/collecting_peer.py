"""Measures Telegraf in the collector's place: the same messages from mosquitto into the same stores, beside the collector in one run.

It reads Rackflow's JSON and makes one point with 50 fields of a message, without asking what each reading is; line protocol with the points
that the collector stores, one for each outlet; and, as the least work, line protocol with one point of 50 fields. Its file is not synced to
disk, while the collector's is. A message counts once its points are in the file, or found by a query in the engine.
"""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from benchmarks import collecting
from benchmarks.collecting import OUTLETS, READINGS, SITE, WAIT_S, Feeder, measured_collector, unlimited_broker
from benchmarks.equal_rates.sides import TELEGRAF
from benchmarks.processes import cpu_seconds, process
from tests.servers.influxdb import InfluxDB
from tests.servers.waiting import wait_until

Form = Literal["JSON", "line protocol", "line protocol with one point"]
FORMS: tuple[Form, ...] = ("JSON", "line protocol", "line protocol with one point")
_AS_JSON = (
    'data_format = "json"\njson_time_key = "time"\njson_time_format = "unix_ms"\n'
    'tag_keys = ["agent", "device", "class", "poll", "labels_site", "labels_room", "labels_row", "labels_rack"]\n'
)
# A field that each point of a message has once.
_COUNTED: dict[Form, str] = {
    "JSON": "duration_s",
    "line protocol": "power_watts",
    "line protocol with one point": "power_watts_1",
}
_AS_LINES = 'data_format = "influx"\n'


class PeerFeeder(Feeder):
    """See `Feeder`. `count` returns how many messages are stored, because Telegraf does not say so."""

    def __init__(self, port: int, devices: int, form: Form, count: Callable[[], int]) -> None:
        self._form, self._count = form, count
        super().__init__(port, devices)

    def payload(self, agent: str, device: int) -> bytes:
        """See `Feeder.payload`."""
        if self._form == "JSON":
            return super().payload(agent, device)
        tags = f"dcim_pdu,agent={agent},device=pdu-{device},rack=b{device // 2},room=dh1,row=b,site={SITE}"
        time_ns, more = time.time_ns(), self.variant(device) / 1000
        readings = [(at, 100 * (1 + more) + at, 0.5 + at / 100 + more) for at in range(1, OUTLETS + 1)]
        if self._form == "line protocol with one point":
            fields = ",".join(
                f"power_watts_{at}={watts},current_amperes_{at}={amperes}" for at, watts, amperes in readings
            )
            return f"{tags} {fields} {time_ns}".encode()
        return "\n".join(
            f"{tags},outlet={at} power_watts={watts},current_amperes={amperes} {time_ns}"
            for at, watts, amperes in readings
        ).encode()

    def settle(self, within_s: float = WAIT_S) -> None:
        """See `Feeder.settle`."""
        sent = sum(self.sent.values())
        wait_until(lambda: self._count() == sent, f"{sent} messages are stored", within_s)


@contextlib.contextmanager
def _output(kind: str, folder: Path, form: Form) -> Iterator[tuple[str, Callable[[], int]]]:
    """Where Telegraf writes: that part of its configuration, and how many messages are there."""
    lines_of_one = OUTLETS if form == "line protocol" else 1
    if kind == "files":
        path = folder / "points"
        path.touch()
        with path.open("rb") as points:
            found = [0]

            def in_file() -> int:
                found[0] += points.read().count(b"\n")
                return found[0] // lines_of_one

            yield f'[[outputs.file]]\nfiles = ["{path}"]\ndata_format = "influx"\n', in_file
        return
    counted = f'SELECT COUNT("{_COUNTED[form]}") FROM /.*/'  # noqa: S608 - our own names
    with InfluxDB(folder / "engine").serving() as engine:

        def in_engine() -> int:
            return sum(int(row["count"] or 0) for row in engine.query(counted)) // lines_of_one

        config = (
            f'[[outputs.influxdb_v2]]\nurls = ["{engine.url}"]\norganization = "o"\nbucket = "rackflow"\ntoken = "t"\n'
        )
        yield config, in_engine


def storing(folder: Path, kind: str, form: Form, devices: int, messages: int) -> float:
    """Readings per CPU second of Telegraf, from the broker into the store, after each device was heard once."""
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(unlimited_broker(folder).serving())
        output, count = stack.enter_context(_output(kind, folder, form))
        config = folder / "telegraf.conf"
        config.write_text(
            '[agent]\ninterval = "1s"\nflush_interval = "1s"\nomit_hostname = true\n'
            "metric_batch_size = 5000\nmetric_buffer_limit = 1000000\n"
            f'{output}[[inputs.mqtt_consumer]]\nservers = ["tcp://127.0.0.1:{broker.port}"]\ntopics = ["rackflow/v1/+/+/batch/+"]\n'
            'qos = 1\npersistent_session = true\nclient_id = "telegraf"\ntopic_tag = ""\nmax_undelivered_messages = 20000\n'
            f"{_AS_JSON if form == 'JSON' else _AS_LINES}",
            encoding="utf-8",
        )
        log = folder / "telegraf.log"
        telegraf = stack.enter_context(process([os.environ[TELEGRAF], "--config", str(config)], log))
        wait_until(lambda: b"Connected" in log.read_bytes(), "Telegraf is connected", 30.0)
        feeder = PeerFeeder(broker.port, devices, form, count)
        stack.callback(feeder.close)
        feeder.send(devices)
        feeder.settle()
        cpu = cpu_seconds(telegraf.pid)
        feeder.send(messages)
        feeder.settle()
        return messages * READINGS / (cpu_seconds(telegraf.pid) - cpu)


def run(folder: Path, rounds: int, devices: int = 400, messages: int = 15_000) -> Iterator[str]:
    """The lines of the result, none without Telegraf: the collector and Telegraf in turn, and the ratio of each round."""
    if not os.environ.get(TELEGRAF):
        return
    for kind in ("files", "influxdb"):
        ours: list[float] = []
        theirs: dict[Form, list[float]] = {form: [] for form in FORMS}
        for at in range(rounds):
            with measured_collector(folder / f"{kind}-{at}", kind, devices=devices) as (collector, feeder):
                ours.append(collecting.storing(collector, feeder, messages))
            for form in FORMS:
                theirs[form].append(storing(folder / f"{kind}-{at}-{form}", kind, form, devices, messages))
        yield f"  {kind}, {devices} devices, in turn: the collector {statistics.median(ours):,.0f} readings per CPU second"
        for form, found in theirs.items():
            ratios = sorted(one / other for one, other in zip(ours, found, strict=True))
            yield (
                f"    Telegraf from {form}: {statistics.median(found):,.0f}; the collector does {statistics.median(ratios):.2f}"
                f" ({ratios[0]:.2f} to {ratios[-1]:.2f}) times as much"
            )
