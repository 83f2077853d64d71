"""`doctor` says who uses this agent's name at the broker. Two agents that take turns: `tests/e2e/test_one_name_twice.py`."""

import asyncio
import socket
import time
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from pydantic import SecretStr

from agent.name_in_use import WATCH_S, NameInUse
from rackflow import Status, encode
from rackflow.process.broker import Broker
from rackflow.process.doctor import Finding, check_broker
from tests.agent.running import Devices, config_for, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

HERE = "gw-host"
STATUS = Status(agent="gw-1", site="t1", status="online", epoch="E1", hostname=HERE, started=1795460000000)


async def looked_at(mosquitto: Mosquitto, here: str, *, is_pair: bool = False) -> Finding:
    """What `doctor` says on the host `here`."""
    broker = config_for(mosquitto).broker
    usage = NameInUse("t1", "gw-1", is_pair=is_pair, here=here)
    assert [each.status for each in await check_broker(broker, listener=usage.listener())] == ["ok"]
    # Nobody waits for a second agent where there is no reason to.
    async with asyncio.timeout(WATCH_S):
        return await usage.examine(broker, has_run=False)


async def test_an_agent_that_runs_on_another_host_is_named_with_host_and_start(mosquitto: Mosquitto) -> None:
    async with running(config_for(mosquitto, "ups-1"), Devices()) as agent:
        await eventually(lambda: agent.publisher.fault is None, "it is connected")
        found = await looked_at(mosquitto, "new-host")
        own = await looked_at(mosquitto, socket.gethostname())
        pair = await looked_at(mosquitto, "new-host", is_pair=True)
    assert found.status == "warning"
    assert f"gw-1@t1 runs on host {socket.gethostname()} (started 2" in found.found
    assert found.found.endswith("and this is host new-host")
    assert "another name (`agent`)" in found.remedy
    assert (own.status, pair.status) == ("ok", "ok")
    gone = await looked_at(mosquitto, "new-host")
    assert (gone.status, "is not connected; it last ran on host" in gone.found) == ("ok", True)


def heard(*statuses: Status) -> NameInUse:
    usage = NameInUse("t1", "gw-1", here=HERE)
    for each in statuses:
        usage.received(encode(each))
    return usage


async def test_both_of_two_agents_that_take_turns_are_named_with_host_and_start(mosquitto: Mosquitto) -> None:
    other = msgspec.structs.replace(STATUS, epoch="E2", hostname="lab", started=1795463600000)
    broker, usage = config_for(mosquitto).broker, NameInUse("t1", "gw-1", here=HERE)
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as agents:
        taken_over = msgspec.structs.replace(STATUS, taken_over=time.time_ns() // 1_000_000)
        await agents.publish(usage.topic, encode(taken_over), qos=1, retain=True)
        await check_broker(broker, listener=usage.listener())
        await agents.publish(usage.topic, encode(other), qos=1, retain=True)  # its turn
        async with asyncio.timeout(WATCH_S):  # not as long as for one that does not come
            found = await usage.examine(broker, has_run=True)
    assert found.status == "failed"
    assert found.found == (
        f"gw-1@t1 runs twice: on host {HERE} (started 2026-11-23T18:53:20Z), and on host lab (started 2026-11-23T19:53:20Z)"
    )
    assert "give it another name" in found.remedy


@pytest.mark.parametrize(
    ("hostname", "ago_s", "is_in_doubt"),
    [(HERE, 20, True), (HERE, 86_400, False), (HERE, None, False), ("lab", 86_400, True), ("lab", None, False)],
)
def test_one_watches_only_where_another_client_came_again_and_again(
    hostname: str, ago_s: int | None, *, is_in_doubt: bool
) -> None:
    """The time is that of the agent's clock, which says nothing on another host."""
    now_ms = time.time_ns() // 1_000_000
    taken_over = 0 if ago_s is None else now_ms - 1000 * ago_s
    usage = heard(msgspec.structs.replace(STATUS, hostname=hostname, taken_over=taken_over))
    assert usage.is_in_doubt(now_ms) == is_in_doubt
    found = usage.finding(has_run=True)
    assert ("another client takes the place of" in found.found) == is_in_doubt


def test_a_status_that_an_account_may_not_read_is_missed_only_where_the_agent_has_run() -> None:
    assert heard().finding(has_run=False).status == "ok"
    found = heard().finding(has_run=True)
    assert (found.status, "let the account read rackflow/v1/t1/gw-1/status" in found.remedy) == ("warning", True)


def test_only_a_status_of_a_running_agent_is_enough_to_stop_listening() -> None:
    usage = heard()
    assert not usage.received(encode(msgspec.structs.replace(STATUS, status="offline")))
    assert usage.received(encode(STATUS))


@pytest.mark.parametrize(
    ("status", "hostname", "has_come_back", "runs_here", "found"),
    [
        ("online", HERE, False, True, "runs on host gw-host"),
        ("online", "lab", False, None, "runs on host lab"),
        ("offline", HERE, False, False, "is not connected; it last ran on host gw-host"),
        ("offline", "lab", False, False, "is not connected; it last ran on host lab"),
        # Its will, and then it ended this connection.
        ("offline", HERE, True, True, "runs on host gw-host"),
        ("offline", "lab", True, None, "runs on host lab"),
    ],
)
def test_whether_it_runs_on_this_host(
    status: str, hostname: str, *, has_come_back: bool, runs_here: bool | None, found: str
) -> None:
    usage = heard(msgspec.convert(msgspec.to_builtins(STATUS) | {"status": status, "hostname": hostname}, Status))
    if has_come_back:
        usage.listener().hung_up()
    assert usage.runs_here() is runs_here
    assert found in usage.finding(has_run=True).found
    assert heard().runs_here() is None


def test_a_status_that_is_none_is_as_if_nothing_came() -> None:
    usage = heard()
    assert not usage.received(b"{}")
    assert usage.finding(has_run=False).found == "not used so far"


async def test_an_agent_whose_place_the_doctor_takes_for_a_moment_is_said_to_run(tmp_path: Path) -> None:
    """As with deploy/mosquitto: one account is one client, so the agent's will is what the broker retains when `doctor` looks."""
    server = Mosquitto(tmp_path, passwords={"t1/gw-1": "p"}, extra=["use_username_as_clientid true"])
    with server.serving():
        account = Broker(port=server.port, username="t1/gw-1", password=SecretStr("p"), timeout_s=2)
        config = config_for(server, "ups-1").model_copy(update={"broker": account})
        async with running(config, Devices()) as agent:
            await eventually(lambda: agent.publisher.fault is None, "it is connected")
            usage = NameInUse("t1", "gw-1")
            await check_broker(account, listener=usage.listener())
            found = await usage.examine(account, has_run=True)
    assert found.status == "ok"
    assert found.found.startswith(f"gw-1@t1 runs on host {socket.gethostname()} (started ")
