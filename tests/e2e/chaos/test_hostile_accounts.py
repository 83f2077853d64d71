"""The quick form of what one account can cost: all attacks one after another on one collector, beside a healthy agent."""

import itertools
import threading
from pathlib import Path

from tests.e2e.chaos.hostile_accounts import ATTACKS, publish
from tests.e2e.chaos.hostile_trial import (
    DEVICES,
    MOST_MEMORY_BYTES,
    MOST_SCRAPE,
    SERIES_LIMIT,
    Healthy,
    collector,
    complete,
    devices_up,
    resident_peak_bytes,
    samples,
    stored,
)
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import wait_until

MESSAGES = 150
"""Of each attack; the largest make 60 MB."""
RECEIVED = "dcim_collector_messages_received_total"


def test_whatever_an_account_sends_costs_so_much_and_the_healthy_agent_loses_nothing(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", extra=("max_queued_bytes 0",))
    with broker.serving(), collector(broker.port, tmp_path) as (process, url):
        healthy = Healthy(broker.port)
        thread = threading.Thread(target=healthy.run, name="healthy")
        thread.start()
        try:
            wait_until(lambda: stored(samples(url)) > DEVICES, "the healthy agent is stored")
            before, memory_bytes = samples(url), resident_peak_bytes(process.pid)
            sent = sum(publish(broker.port, itertools.islice(attack(), MESSAGES), 60.0) for attack in ATTACKS.values())
            assert sent == MESSAGES * len(ATTACKS)
            # The largest of the oversized messages the broker keeps to itself.
            came = before[RECEIVED] + sent - MESSAGES // 10
            wait_until(lambda: samples(url)[RECEIVED] > came, "all of it was received", 60)
        finally:
            healthy.stop.set()
            thread.join()
        after = wait_until(lambda: complete(url, healthy.sent), "all of the healthy agent's messages are stored", 60)
        assert after
        assert devices_up(after) == DEVICES
        assert resident_peak_bytes(process.pid) - memory_bytes < MOST_MEMORY_BYTES
        # Of all attacks together twice what one may have: new series are admitted by time, and a busy machine takes longer.
        assert len(after) - len(before) < 2 * SERIES_LIMIT * MOST_SCRAPE
        assert any(name.startswith("dcim_device_contested") and 'device="cdu-1"' in name for name in after)
