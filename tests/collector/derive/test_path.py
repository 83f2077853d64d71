"""Derived figures over a real broker: from a rack PDU's poll to /metrics, the store and the status page."""

import itertools
import time
from pathlib import Path

from rackflow import Batch
from tests.collector.derive.hall import HALL
from tests.collector.running import config_for, publish_to, publisher, running
from tests.collector.store_contents import points
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

PLACE = 'site="t1",room="hall",row="a",rack="a1"'

NUMBERS = itertools.count(1)


def poll(device: str, amperes: float) -> Batch:
    """One poll of a rack PDU with one phase."""
    current = "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}"
    return Batch(
        agent="gw",
        epoch="e",
        seq=next(NUMBERS),
        time=time.time_ns() // 1_000_000,
        device=device,
        device_class="pdu",
        poll="fast",
        interval_s=5.0,
        duration_s=0.1,
        up=True,
        labels={"site": "t1"},
        values={current: amperes, "dcim_pdu_input_power_watts{inlet=1}": amperes * 230},
    )


async def test_figures_reach_metrics_store_and_page(mosquitto: Mosquitto, tmp_path: Path) -> None:
    config = config_for(mosquitto.port, tmp_path, site_file=str(HALL), derive={"interval_s": 1})
    survives = f'dcim_rack_survives_feed_loss{{{PLACE},feed="A",phase="L2"}}'
    async with running(config) as collector, publisher(mosquitto.port) as client:
        await collector.ready()
        await publish_to("t1", client, poll("pdu-a1-a", 10.0))
        known = f'dcim_figure_known{{{PLACE},figure="rack_survives_feed_loss"}}'
        await eventually(lambda: collector.sample_now(known) == "0", "one PDU is not enough")
        page = (await collector.get("/")).text
        assert "pdu-a1-b pdu_phase_current_amperes{phase=L1}: not received" in page
        assert await collector.sample(survives) == ""
        await publish_to("t1", client, poll("pdu-a1-b", 12.0))
        await eventually(lambda: collector.sample_now(survives) == "1.0", "the rack survives")
        assert await collector.sample(known) == "1"
        await publish_to("t1", client, poll("pdu-a1-b", 20.0))
        await publish_to("t1", client, poll("pdu-a1-a", 10.0))  # read after the step: the load has not moved over
        await eventually(lambda: collector.sample_now(survives) == "0.0", "30 A are more than 0.8 * 32 A")
        head = "dcim_rack,agent=collector-under-test,feed=A,phase=L2,rack=a1,room=hall,row=a,site=t1 "
        await eventually(
            lambda: any(line.startswith(head) and "survives_feed_loss=0.0" in line for line in points(tmp_path)),
            "stored",
        )
