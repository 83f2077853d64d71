"""A simulated hall, polled and stored by the real programs, in a real Prometheus, InfluxDB and VictoriaMetrics.

Everything but the databases is stopped once they hold what the boards show; queries are then made for that moment. A day of
hourly records is there from the start, as it is for a collector that was started again.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from aiohttp import web

from collector.derive import HOUR_S, Hour, SiteRecords
from collector.records import RecordsFile
from collector.records.file import Snapshot
from rackflow.process.config import check_config
from rackflow.recording.snmprec import read_snmprec
from rackflow.site import parse_site
from simulator.site.cli import shipped_or_file
from simulator.site.simulation import Simulation
from simulator.snmp.agent import SnmpDevice
from simulator.world.faults import Fault
from tests.boards.catalogue_page import SITE as CATALOGUE
from tests.boards.catalogue_page import page
from tests.servers.influxdb import InfluxDB, Row
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.prometheus import Prometheus
from tests.servers.promql import Sample
from tests.servers.victoriametrics import VictoriaMetrics
from tests.servers.waiting import eventually
from tests.servers.web import answers, request
from tests.truth.two_sided import PROFILE, PROFILES, show_both_sides

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "deploy" / "prometheus" / "rules" / "dcim.rules.yml"
SITE: Final = Path(__file__).with_name("site.yaml")
JOB: Final = "dcim-collector"
QUICK: Final = {"safety": 1.0, "fast": 1.0, "normal": 1.0, "slow": 2.0, "inventory": 5.0}
RECORDED_HOURS: Final = 25
# What an hour of the small hall comes to, J by quantity.
OF_AN_HOUR: Final = {
    "facility:meter-main": 3.0e8,
    "it:meter-it": 2.4e8,
    "cooling:meter-cooling": 0.4e8,
    "racks:tcs": 2.0e8,
    "pumps:tcs": 0.1e8,
}
# So that there is something to list: a device that does not answer, and a CDU without pumps, which is critical.
FAULTS: Final = (
    {"fault": "timeout", "target": "env-1"},
    {"fault": "all_pumps_failure", "target": "cdu-2"},
)
# Not those of the page made of the catalogue, which are there from the first scrape on.
OWN: Final = f'{{site!="{CATALOGUE}"}}'
# The last to come: each is there only after several polls, cycles or scrapes.
AWAITED: Final = (
    f"dcim_site_interim_pue_ratio{OWN}",
    f"dcim_rack_feed_loss_load_ratio{OWN}",
    f"dcim_cdu_dew_point_margin_celsius{OWN}",
    f"dcim_collector_ledger_produced_messages{OWN}",
    f"dcim_pdu_outlet_power_watts{OWN}",
    f"rate(dcim_agent_polls_total{OWN}[10s])",
    # A rule looks at the seconds 0, 15, 30 and 45 of a minute, and a quick machine is done before the first of them.
    f'count_over_time(up{{job="{JOB}"}}[10m:15s])',
)
# A moment after scrapes that succeeded, since one that takes too long on a busy machine makes every series stale; and one at which the
# figures are known that a pump's stop withdraws for a while.
STEADY: Final = " and on () ".join(
    (
        f'count(up{{job="{JOB}"}} == 1) == 2',
        f"max(dcim_loop_ride_through_seconds{OWN})",
        f"max(dcim_loop_heat_watts{OWN})",
        f"max(dcim_site_interim_pue_ratio{OWN})",
    )
)
AWAITED_OF_FAULTS: Final = (
    f"dcim_site_survives_feed_loss{OWN}",
    'ALERTS{alertstate="firing", severity="critical", site="boards"}',
    f"dcim_device_up{OWN} == 0",
    # A device that has been silent for ten seconds.
    f"device:dcim_silent_on:info{OWN}",
)


@dataclass(slots=True)
class Hall:
    """The databases, and the moment (seconds since 1970) at which they have everything."""

    prometheus: Prometheus
    influxdb: InfluxDB
    victoria_metrics: VictoriaMetrics
    at_s: float = 0.0

    def now(self, expression: str) -> list[Sample]:
        """The instant vector at that moment."""
        return self.prometheus.query(expression, self.at_s)

    def past(self, expression: str, source: str) -> list[dict[str, str]]:
        """Labels of the series that a chart of the last minute would show."""
        base = self.prometheus.url
        if source == "victoriametrics":
            self.victoria_metrics.flush()
            base = self.victoria_metrics.url
        span = {"start": f"{self.at_s - 60:.3f}", "end": f"{self.at_s:.3f}", "step": "5"}
        answer = request(f"{base}/api/v1/query_range", {"query": expression, **span})
        assert answer.status == 200, f"{expression}: {answer.text}"
        document: Any = answer.json()
        return [dict(result["metric"]) for result in document["data"]["result"]]

    def rows(self, statement: str) -> list[Row]:
        """Rows of an InfluxQL statement."""
        return self.influxdb.query(statement)


def fill(folder: Path, stack: ExitStack, site: str = str(SITE), absent: Collection[str] = ()) -> Hall:
    """Run the site until the databases have everything. `stack` ends them.

    Metrics that are `absent` from every simulated device are scraped from a page made of the catalogue, as a site of its own.
    """
    listen, other = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    prometheus = Prometheus(folder / "prometheus", [listen, other], rule_files=[RULES], job=JOB)
    hall = Hall(
        stack.enter_context(prometheus.serving()),
        stack.enter_context(InfluxDB(folder / "influxdb").serving()),
        stack.enter_context(VictoriaMetrics(folder / "victoria-metrics").serving()),
    )
    hall.at_s = asyncio.run(_run(folder, hall, listen, site, (other, absent)))
    return hall


async def _run(folder: Path, hall: Hall, listen: str, site: str, others: tuple[str, Collection[str]]) -> float:
    text = shipped_or_file(site)[1]
    described = parse_site(text, "site.yaml")
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    simulation = Simulation(described, seed=1)
    simulation.world.advance(200.0)
    two_sided = show_both_sides(simulation)
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "mosquitto").serving())
        await simulation.start(stack)
        ticking = asyncio.create_task(simulation.run(), name="simulation")
        stack.callback(ticking.cancel)
        await _serve_catalogue(stack, *others)
        await _start_collectors(stack, folder, hall, listen, (described.id, broker.port))
        agent = simulation.fleet.agent_config("site.yaml", broker.port)
        for device in agent["devices"]:
            device["profile"] = PROFILE if device["id"] in two_sided else device["profile"]
        agent["devices"].append(await _recorded_pdu(stack))
        # A whole hall is polled as at a site, since nothing could poll it all in a second.
        intervals = QUICK if site == str(SITE) else {"inventory": 20.0}
        _start(stack, folder, "agent", "agent", agent | {"profiles": str(PROFILES), "intervals": intervals})
        await eventually(partial(hall.prometheus.query, f"dcim_rack_power_watts{OWN}"), "figures in Prometheus")
        if site == str(SITE):
            for fault in FAULTS:
                await simulation.begin(check_config(dict(fault), Fault, "fault"))
        await _stored(hall, [*AWAITED, *AWAITED_OF_FAULTS] if site == str(SITE) else AWAITED)
        (steady,) = await eventually(partial(hall.prometheus.query, STEADY), "a moment with everything")
        return steady.time_s


async def _start_collectors(
    stack: AsyncExitStack, folder: Path, hall: Hall, listen: str, site_and_port: tuple[str, int]
) -> None:
    """One for each store; the first is the one that Prometheus scrapes."""
    site, port = site_and_port
    influxdb = {"kind": "influxdb", "url": hall.influxdb.url, "bucket": hall.influxdb.database}
    victoria = {"kind": "influxdb", "url": hall.victoria_metrics.url, "bucket": "any", "dialect": "victoriametrics"}
    stores = {listen: influxdb, f"127.0.0.1:{free_port()}": victoria}
    for number, (address, store) in enumerate(stores.items()):
        records = folder / f"records-{number}.db"
        _record_hours(records, site)
        config = {
            "broker": {"port": port},
            "client_id": f"collector-{number}",
            "store": store,
            "dead_letter": str(folder / f"dead-{number}.jsonl"),
            "listen": address,
            "site_file": str(folder / "site.yaml"),
            "derive": {"interval_s": 1.0, "state": str(records)},
        }
        _start(stack, folder, f"collector-{number}", "collector", config)
    _write_yesterday(hall.influxdb)
    for address in stores:
        await eventually(partial(answers, f"http://{address}/readyz"), "the collector is ready")


async def _stored(hall: Hall, awaited: Collection[str]) -> None:
    """Wait until each database has what comes last."""
    for expression in awaited:
        await eventually(partial(hall.prometheus.query, expression), expression)
    stored = 'SELECT last("interim_pue_ratio") FROM "dcim_site"'
    await eventually(partial(hall.influxdb.query, stored), stored)
    for expression in ("dcim_site_interim_pue_ratio", "dcim_rack_feed_loss_load_ratio", "dcim_env_temperature_celsius"):
        await eventually(partial(hall.victoria_metrics.query, expression), f"{expression} in VictoriaMetrics")


async def _serve_catalogue(stack: AsyncExitStack, listen: str, absent: Collection[str]) -> None:
    """The page of metrics that nothing simulated has; its counters grow with each scrape."""
    scrapes = 0

    async def metrics(_: web.Request) -> web.Response:
        nonlocal scrapes
        scrapes += 1
        return web.Response(text=page(scrapes, absent))

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    host, port = listen.split(":")
    await web.TCPSite(runner, host, int(port)).start()


async def _recorded_pdu(stack: AsyncExitStack) -> dict[str, object]:
    """A PDU with banks and outlets, which the simulator's have not: a recording that it ships. Returns its entry of the agent."""
    device = SnmpDevice(read_snmprec(ROOT / "simulator" / "recordings" / "apc-rpdu2.snmprec"))
    port = await device.start()
    stack.push_async_callback(device.stop)
    labels = {"room": "hall", "row": "a", "rack": "a03"}
    return {"id": "pdu-a03", "host": "127.0.0.1", "port": port, "credential": "sim", "outlets": True, "labels": labels}


def _write_yesterday(influxdb: InfluxDB) -> None:
    """Counters of two past hours: what a counter grew by in an hour needs more than the minute for which the site runs."""
    tags = "dcim_meter,site=boards,room=plant,device=meter-main,role=facility,direction=import"
    now_s = int(time.time())
    lines = [f"{tags} energy_joules_total={3e8 * (4 - back)} {now_s - back * 3600}" for back in (3, 2)]
    answer = request(
        f"{influxdb.url}/api/v2/write", {"bucket": influxdb.database, "precision": "s"}, body="\n".join(lines).encode()
    )
    assert answer.status == 204, answer.text


def _start(stack: AsyncExitStack, folder: Path, name: str, module: str, config: dict[str, Any]) -> None:
    """A program with its configuration, until the stack ends."""
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    log = stack.enter_context((folder / f"{name}.log").open("ab"))
    command = [sys.executable, "-m", module, "run", str(file)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)


def _record_hours(path: Path, site: str) -> None:
    """The records of a collector that has run for a day."""
    present = int(time.time() // HOUR_S)
    hour = {
        "amount": OF_AN_HOUR,
        "covered_s": dict.fromkeys(OF_AN_HOUR, HOUR_S),
        "terms": {
            "quantities": ["cooling:meter-cooling", "facility:meter-main", "it:meter-it"],
            "category": "1",
            "profile_j": 3.24e7,
            "residual": None,
            "factor": {
                "grams_per_kwh": 619.71,
                "carbon_free_ratio": 0.216,
                "estimated": True,
                "source": "electricity-maps-2024",
                "basis": "lifecycle",
            },
        },
    }
    hours = {present - back: msgspec.convert(hour, Hour) for back in range(1, RECORDED_HOURS + 1)}
    file = RecordsFile(path)
    file.save(Snapshot({site: SiteRecords(hours=hours)}, {}, {}))
    file.close(ended=True)
