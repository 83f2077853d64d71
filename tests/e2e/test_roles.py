"""Members of a shared subscription store, a watcher shows: together they lose nothing while the members are restarted under load."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest

from collector.config import CollectorConfig
from rackflow import ConfigError, encode
from rackflow.outbox.memory import MemoryOutbox
from tests.agent.publish.test_publish import batch
from tests.collector.documents import now_ms
from tests.collector.running import config_for, running
from tests.collector.store_contents import points
from tests.e2e.test_several_collectors import TOPIC, agent
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import Listening
from tests.servers.waiting import eventually

PER_STEP = 20
SCALE = 1_000_000


def config_of(server: Listening, folder: Path, name: str) -> CollectorConfig:
    if name == "watcher":
        return config_for(server.port, folder / name, client_id=name, role="watch")
    return config_for(server.port, folder / name, client_id=name, role="store", shared=True)


def message(seq: int) -> bytes:
    """A reading that says the message's number."""
    values = {"dcim_ups_battery_charge_ratio": seq / SCALE}
    return encode(msgspec.structs.replace(batch(seq, ""), time=now_ms(), values=values, states={}))


def numbers(folder: Path, *names: str) -> set[int]:
    """Those in the stores of these members."""
    text = "\n".join(line for name in names for line in points(folder / name))
    return {round(float(value) * SCALE) for value in re.findall(r"battery_charge_ratio=([0-9.e-]+)", text)}


async def load(outbox: MemoryOutbox, over: asyncio.Event) -> int:
    """Messages as fast as the members take them, until `over`; returns how many."""
    last = 0
    while not over.is_set():
        for _ in range(PER_STEP):
            last = outbox.put(TOPIC, message, now_ms=now_ms())
        await eventually(lambda: outbox.stats().messages < 10 * PER_STEP, "the members keep up")
    return last


async def test_members_are_restarted_in_turn_under_load_and_nothing_is_lost(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    configs = {name: config_of(mosquitto, tmp_path, name) for name in ("a", "b", "watcher")}
    over = asyncio.Event()
    async with running(configs["watcher"]) as watcher, agent(mosquitto) as outbox, running(configs["a"]) as steady:
        await watcher.ready()
        await steady.ready()
        # Before a collector has spoken, an agent takes the broker's word.
        outbox.put(TOPIC, message, now_ms=now_ms())
        await eventually(lambda: outbox.stats().reports_required, "a collector has reported")
        loading = asyncio.create_task(load(outbox, over))
        for _ in range(2):
            async with running(configs["b"]) as member:
                await member.ready()
                await eventually(lambda: member.collector.stats().messages_received > PER_STEP, "it has a share")
        over.set()
        produced = await loading
        # What was on its way to the member that left comes again ten seconds after a later message is stored. An agent always has one.
        while outbox.stats().messages:
            produced = outbox.put(TOPIC, message, now_ms=now_ms())
            await eventually(lambda: outbox.stats().messages < 1 + PER_STEP * 10, "the members keep up")
            await asyncio.sleep(0.5)
        assert produced > 3 * PER_STEP
        assert steady.collector.stats().series_exposed == 0
        await eventually(lambda: watcher.collector.stats().devices_up == ("t1/d",), "the watcher shows the device")
        assert "dcim_collector_ledger_missing_messages" not in (await steady.get("/metrics")).text
    assert numbers(tmp_path, "a", "b") == set(range(1, produced + 1))
    assert numbers(tmp_path, "watcher") == set()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"role": "store"}, "role: store is for members of a shared subscription; add shared: true"),
        ({"role": "watch", "shared": True}, "role: watch needs every message of its sites; remove shared: true"),
    ],
)
def test_a_role_that_does_not_fit_is_refused_with_the_remedy(
    tmp_path: Path, given: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        config_for(1883, tmp_path, None, **given)
