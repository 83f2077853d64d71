"""Two sides on a broker that takes the account's name for the client id, each with an account of its own for the lease."""

import asyncio
from pathlib import Path

from agent.config import AgentConfig
from agent.pair import LeaseKeeper
from rackflow.process.config import check_config
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

PASSWORDS = {"t1/gw-1": "p", "lease-a": "a", "lease-b": "b"}


def config_of(broker: dict[str, object], pair: dict[str, object]) -> AgentConfig:
    whole = {"agent": "gw-1", "labels": {"site": "t1"}, "broker": broker, "devices": [], "pair": pair}
    return check_config(whole, AgentConfig, "test")


def keeper_of(config: AgentConfig) -> LeaseKeeper:
    assert config.pair is not None
    return LeaseKeeper(config.lease_broker(), "t1", config.agent, config.pair.expires_s)


async def test_with_an_account_each_one_holds_the_lease_and_gives_it_to_the_other(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, passwords=PASSWORDS, extra=["use_username_as_clientid true"])
    with broker.serving():
        mine: dict[str, object] = {"port": broker.port, "username": "t1/gw-1", "password": "p"}
        one, other = (
            keeper_of(config_of(mine, {"username": f"lease-{at}", "password": at, "expires_s": 3})) for at in "ab"
        )
        async with other.keeping():
            async with one.keeping():
                await eventually(lambda: "holding" in (one.lease.state, other.lease.state), "one holds it")
                first, second = (one, other) if one.lease.state == "holding" else (other, one)
                await asyncio.wait_for(first.confirmed(), 10)
                assert second.lease.state == "standby"
            await asyncio.wait_for(other.held(), 10)
            await asyncio.wait_for(other.confirmed(), 10)


def test_without_an_account_of_its_own_the_lease_has_that_of_the_broker() -> None:
    config = config_of({"host": "b", "username": "u", "password": "p"}, {})
    assert config.lease_broker() == config.broker
