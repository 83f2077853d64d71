"""Unknown is not down, with a real broker: what /metrics and the page say while agent, broker or collector is gone."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiomqtt
import msgspec

from rackflow import Batch, Status, encode
from rackflow.process.mqtt import paho_client
from tests.collector.documents import batch, document, status
from tests.collector.running import Running, config_for, publish, publisher, running, topic_of, until
from tests.collector.store_contents import points
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import request


def observed(url: str) -> dict[str, str]:
    """By device: `1` up, `0` down, `?` not observed; and the causes with their counts, as `agent reason`."""
    found: dict[str, str] = {}
    lines = [line for line in request(f"{url}/metrics").text.splitlines() if not line.startswith("#")]
    samples = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in lines}
    for series, value in samples.items():
        labels = (
            {}
            if "{" not in series
            else dict(each.split("=") for each in series[:-1].split("{")[1].split(",") if each.count("=") == 1)
        )
        label = {name: text.strip('"') for name, text in labels.items()}
        if series.startswith("dcim_device_observed{"):
            is_up = samples.get(series.replace("_observed{", "_up{"))
            assert (is_up is None) == (value == "0"), series
            found[label["device"]] = is_up or "?"
        elif series.startswith("dcim_agent_unobserved_devices{") and value != "0":
            found[f"{label['agent']} {label['reason']}"] = value
        elif series.startswith("dcim_agent_up{"):
            found[label["agent"]] = value
    return found


async def shows(one: Running, expected: Mapping[str, str], *, never_red: bool = False) -> None:
    """Wait until /metrics shows exactly this. With `never_red` no device may be down in between."""

    def reached() -> bool:
        found = observed(one.url)
        assert not never_red or "0" not in [value for name, value in found.items() if name.startswith("a-")], found
        return found == dict(expected)

    await eventually(reached, f"{dict(expected)}")


async def page(one: Running, path: str = "/") -> str:
    return (await one.get(path)).text


def states(plain: str) -> list[str]:
    """The state of each device on the plain page; `/` has only the summary."""
    return re.findall(r'<section class="(?:up|down|unknown)"><h2><span class="state">(\w+)</span>', plain)


def by(agent: str, one: Batch | Status) -> Batch | Status:
    return msgspec.structs.replace(one, agent=agent)


@asynccontextmanager
async def agent(port: int, name: str, epoch: str = "01JD5Z") -> AsyncIterator[aiomqtt.Client]:
    """An agent that is online with device `a-NAME`, and whose end without a goodbye is its last will."""
    found = status(f"a-{name}", epoch=epoch)
    gone = msgspec.structs.replace(found, agent=name, status="offline")
    will = aiomqtt.Will(topic_of(gone), encode(gone), qos=1, retain=True)
    client = aiomqtt.Client(
        "127.0.0.1", port, identifier=name, protocol=aiomqtt.ProtocolVersion.V5, timeout=60, will=will
    )
    try:
        async with client:
            await publish(client, by(name, found))
            yield client
    except aiomqtt.MqttError:
        pass  # it was killed, or its broker was


async def polls(client: aiomqtt.Client, name: str, seq: int, *, epoch: str = "01JD5Z", up: bool = True) -> None:
    one = batch(f"a-{name}", seq=seq, error=None if up else "timeout", interval_s=10.0)
    await publish(client, msgspec.structs.replace(one, agent=name, epoch=epoch))


def kill(client: aiomqtt.Client) -> None:
    """End the connection as the kernel does for a process that is killed."""
    connection = paho_client(client).socket()
    assert isinstance(connection, socket.socket)
    connection.shutdown(socket.SHUT_RDWR)


async def test_a_killed_agent_leaves_its_devices_unknown_and_the_other_agents_alone(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Until it is back and has polled: grey on the page, never red, and never "0 alarms" in green."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(config_for(mosquitto.port, tmp_path)))
        await one.ready()
        first, second = [await stack.enter_async_context(agent(mosquitto.port, name)) for name in ("gw-3", "gw-4")]
        await polls(first, "gw-3", 1)
        await polls(second, "gw-4", 1, up=False)
        await shows(one, {"a-gw-3": "1", "a-gw-4": "0", "gw-3": "1", "gw-4": "1"})
        text = await page(one)
        assert 'class="verdict alarms">1 device down</span>' in text
        assert sorted(states(await page(one, "/plain"))) == ["down", "up"]
        await polls(second, "gw-4", 2)
        await shows(one, {"a-gw-3": "1", "a-gw-4": "1", "gw-3": "1", "gw-4": "1"})
        assert 'class="verdict ok">all 2 devices observed and up, no active alarm</span>' in await page(one)
        kill(first)
        await shows(
            one,
            {"a-gw-3": "?", "a-gw-4": "1", "gw-3": "0", "gw-4": "1", "gw-3 agent_offline": "1"},
            never_red=True,
        )
        text = await page(one)
        assert 'class="verdict unknown">1 of 2 devices not observed</span>' in text
        assert "<li>cas1: agent gw-3 is offline: 1 device not observed</li>" in text
        assert '<div class="tile unknown"><b>0</b><span>active alarms, 1 of 2 devices observed</span></div>' in text
        assert sorted(states(await page(one, "/plain"))) == ["unknown", "up"]
        assert "<title>? Rackflow" in text
        again = await stack.enter_async_context(agent(mosquitto.port, "gw-3", epoch="01JD60"))
        starting = {"a-gw-3": "?", "a-gw-4": "1", "gw-3": "1", "gw-4": "1", "gw-3 starting": "1"}
        await shows(one, starting, never_red=True)
        await polls(again, "gw-3", 1, epoch="01JD60")
        await shows(one, {"a-gw-3": "1", "a-gw-4": "1", "gw-3": "1", "gw-4": "1"}, never_red=True)


async def test_without_the_broker_everything_is_unknown_for_one_cause_and_comes_back(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(config_for(mosquitto.port, tmp_path)))
        await one.ready()
        async with agent(mosquitto.port, "gw-3") as first, agent(mosquitto.port, "gw-4") as second:
            await polls(first, "gw-3", 1)
            await polls(second, "gw-4", 1)
            await shows(one, {"a-gw-3": "1", "a-gw-4": "1", "gw-3": "1", "gw-4": "1"})
            await asyncio.to_thread(mosquitto.kill)
            await shows(one, {"a-gw-3": "?", "a-gw-4": "?", "gw-3 broker": "1", "gw-4 broker": "1"})
            text = await page(one)
            assert 'class="verdict unknown">2 of 2 devices not observed</span>' in text
            assert "<li>no connection to the broker: 2 devices not observed</li>" in text
            assert "<b>?</b><span>active alarms, 0 of 2 devices observed</span>" in text
            assert 'class="notices"' not in text
            assert not one.collector.stats().devices_down
        await asyncio.to_thread(mosquitto.start)
        async with agent(mosquitto.port, "gw-3") as first:
            await shows(
                one,
                {"a-gw-3": "?", "a-gw-4": "?", "gw-3": "1", "gw-4": "1", "gw-3 starting": "1", "gw-4 starting": "1"},
            )
            await polls(first, "gw-3", 2)
            await shows(one, {"a-gw-3": "1", "a-gw-4": "?", "gw-3": "1", "gw-4": "1", "gw-4 starting": "1"})


async def test_a_collector_that_starts_knows_devices_from_their_documents_and_nothing_about_them(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Not even that they are down, as long as no poll has arrived."""
    async with publisher(mosquitto.port) as client:
        await publish(client, status("cdu-07"), document())
        async with running(config_for(mosquitto.port, tmp_path)) as one:
            await shows(one, {"cdu-07": "?", "gw-3": "1", "gw-3 starting": "1"})
            text = await page(one)
            assert "waiting for the first poll by agent gw-3" in text
            assert 'class="verdict unknown"' in text
            await publish(client, batch())
            await shows(one, {"cdu-07": "1", "gw-3": "1"})
        async with running(config_for(mosquitto.port, tmp_path)) as one:
            await shows(one, {"cdu-07": "?", "gw-3": "1", "gw-3 starting": "1"})
            await publish(client, batch(seq=2))
            await shows(one, {"cdu-07": "1", "gw-3": "1"})


async def test_nothing_is_stored_for_a_device_that_nobody_observes(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """`up` in the store is what polls said: while there are none there is no point, neither 1 nor 0."""
    async with running(config_for(mosquitto.port, tmp_path)) as one, agent(mosquitto.port, "gw-3") as client:
        await one.ready()
        await polls(client, "gw-3", 1)
        await polls(client, "gw-3", 2, up=False)
        await until(lambda: one.collector.stats().points_stored == 4, "stored")
        kill(client)
        await shows(one, {"a-gw-3": "?", "gw-3": "0", "gw-3 agent_offline": "1"})
    fields = [line.split(" ")[1].split(",")[0] for line in points(tmp_path) if line.startswith("dcim_device,")]
    assert fields == ["up=1.0", "up=0.0"]
