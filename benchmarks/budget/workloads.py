"""Fixed pieces of work without a network: poll a recorded device, take and write its messages, render /metrics, look for problems."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from agent.config import Device
from agent.context import AgentContext
from agent.lab.replay import RecordingClient
from agent.poll import SnmpPoller
from agent.profile import load_profiles
from agent.reporter import Attempt, Reporter
from agent.self_metrics import Counters
from collector.budgets import AgentBudget, Budgets
from collector.problems import Monitor, load_table
from collector.receive import Delivery
from collector.web.exposition import render
from rackflow.catalogue import POLL_SECONDS
from rackflow.documents import Batch, encode
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.bulkhead import Failures
from rackflow.recording import read_snmprec
from tests.collector.inlet import Inlet
from tests.collector.polls import WALL_S

RECORDINGS = Path(__file__).resolve().parents[2] / "simulator" / "recordings"
FAMILY = "rfc1628-ups"
# So often that each workload takes some hundred million instructions: what varies from run to run (a few thousand) does not show then.
# committed.yaml holds for these numbers; `make budget ARGS=--write` after a change.
POLLS = 600
BATCHES = 300
READINGS = 50
DEVICES = 100
SCRAPES = 4
EVALUATIONS = 20
# Five of a UPS: problems are evaluated by metric, so few readings of many devices are the usual case.
UPS_READINGS = (
    "dcim_ups_battery_temperature_celsius",
    *(f"dcim_env_temperature_celsius{{sensor={at}}}" for at in range(4)),
)

Work = Callable[[], None]


@contextmanager
def poll() -> Iterator[Work]:
    """Polls of a recorded UPS, from its answers to a numbered message in the outbox."""
    records = read_snmprec(RECORDINGS / f"{FAMILY}.snmprec")
    device = Device(id="ups-1", host="127.0.0.1", credential="lab", profile=FAMILY)
    poller = SnmpPoller(device, load_profiles(), RecordingClient(records), clock=lambda: 100.0)
    context = AgentContext(
        site="bench",
        agent="gw",
        epoch="E",
        outbox=MemoryOutbox("E", 1 << 30),
        counters=Counters(),
        announce=lambda _: None,
        wall=lambda: WALL_S,
    )
    reporter = Reporter(context, "ups-1", {"site": "bench", "rack": "a01"}, "ups")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(poller.open())

    async def work() -> None:
        for at in range(POLLS):
            readings = await poller.poll("fast", WALL_S + at)
            reporter.batch(Attempt("fast", POLL_SECONDS["fast"], 0.01), readings)

    yield lambda: loop.run_until_complete(work())
    loop.close()


def _batch(device: int, seq: int, readings: int = READINGS) -> Batch:
    return Batch(
        agent="gw",
        epoch="E",
        seq=seq,
        time=int(WALL_S * 1000) + seq,
        device=f"pdu-{device}",
        device_class="pdu",
        poll="fast",
        interval_s=5.0,
        duration_s=0.031,
        up=True,
        labels={"site": "bench", "room": "dh1", "row": "b", "rack": f"k{device}"},
        values={f"dcim_pdu_outlet_power_watts{{outlet={at}}}": 100.25 + at + seq for at in range(readings)},
    )


def _take(inlet: Inlet, batch: Batch) -> None:
    payload = encode(batch)
    delivery = Delivery(
        topic=f"rackflow/v1/bench/gw/batch/{batch.device}",
        payload=payload,
        size_bytes=len(payload),
        qos=1,
        mid=1,
        connection=1,
        mono_s=1000.0,
        wall_s=WALL_S,
    )
    if not inlet.ingest.process(delivery).lines:
        raise RuntimeError(f"a message of the workload was refused: {inlet.failures()}")
    if inlet.failures():
        raise RuntimeError(f"readings of the workload were refused: {inlet.failures()}")


def _inlet(folder: Path) -> Inlet:
    """An inlet whose budgets refuse nothing of these workloads."""
    return Inlet(folder, budgets=Budgets(AgentBudget(1000, 100_000, 1 << 28), agents=10, sites=3), series_limit=100_000)


@contextmanager
def store() -> Iterator[Work]:
    """Messages of a rack PDU, from the payload to lines for the store, with the latest values updated."""
    with tempfile.TemporaryDirectory() as folder:
        inlet = _inlet(Path(folder))
        _take(inlet, _batch(0, 1))
        batches = [_batch(0, seq) for seq in range(2, BATCHES + 2)]

        def work() -> None:
            for batch in batches:
                _take(inlet, batch)

        yield work


@contextmanager
def scrape() -> Iterator[Work]:
    """Scrapes of 2,000 series between which all have changed."""
    with tempfile.TemporaryDirectory() as folder:
        inlet = _inlet(Path(folder))
        for device in range(DEVICES):
            _take(inlet, _batch(device, device + 1, 20))

        def work() -> None:
            for at in range(SCRAPES):
                for device in range(DEVICES):
                    _take(inlet, _batch(device, DEVICES * (at + 2) + device, 20))
                text, _ = render(inlet.latest, 1001.0)
                text.encode()

        yield work


@contextmanager
def problems() -> Iterator[Work]:
    """Looks for problems among UPSs whose readings have changed far from each limit, as nearly all do."""
    with tempfile.TemporaryDirectory() as folder:
        inlet = _inlet(Path(folder))
        for device in range(DEVICES):
            _take(inlet, msgspec.structs.replace(_batch(device, device + 1), values=dict.fromkeys(UPS_READINGS, 20.0)))
        monitor = Monitor(
            table=load_table(),
            latest=inlet.latest,
            figures=lambda _: {},
            own=lambda: (),
            failures=Failures(),
            clock=lambda: 1001.0,
            wall=lambda: WALL_S,
        )

        def work() -> None:
            for at in range(EVALUATIONS):
                for device in inlet.latest.devices():
                    for held in device.series.values():
                        held.value = 20.0 + at / 10
                monitor.evaluate()

        yield work


WORKLOADS: Mapping[str, Callable[[], AbstractContextManager[Work]]] = {
    "poll": poll,
    "store": store,
    "scrape": scrape,
    "problems": problems,
}
"""Each is a context manager: it prepares what it needs, and yields the function that is measured."""
