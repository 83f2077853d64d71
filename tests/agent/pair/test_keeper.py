"""Two sides on a broker that takes the account's name for the client id, each with an account of its own for the lease."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest
from pydantic import SecretStr

from agent.config import AgentConfig
from agent.pair import LeaseKeeper
from agent.pair import keeper as keeper_module
from agent.pair.keeper import lease_clock, remedy_of_lease
from rackflow.documents import LeaseDocument, decode, encode
from rackflow.process.broker import Broker
from rackflow.process.config import check_config
from rackflow.process.doctor import check_echo
from tests.agent.running import Devices, config_for, listening, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import PATIENCE_S, eventually

LEASE = "rackflow/v1/t1/gw-1/lease"
EXPIRES_S = 2.0
"""Shorter than a configuration may have it, so that tests wait less."""
PASSWORDS = {"t1/gw-1": "p", "lease-a": "a", "lease-b": "b", "reader": "r"}


def config_of(broker: dict[str, object], pair: dict[str, object]) -> AgentConfig:
    whole = {"agent": "gw-1", "labels": {"site": "t1"}, "broker": broker, "devices": [], "pair": pair}
    return check_config(whole, AgentConfig, "test")


def keeper_of(config: AgentConfig) -> LeaseKeeper:
    assert config.pair is not None
    return LeaseKeeper(config.lease_broker(), "t1", config.agent, config.pair.expires_s)


def test_the_account_to_check_is_that_of_the_pair() -> None:
    assert "check the account in `pair`" in remedy_of_lease("[code:135] Not authorized")


def test_a_fault_that_lasts_is_logged_once_and_again_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "agent.pair")
    keeper = LeaseKeeper(Broker(), "t1", "gw-1", 10.0)
    for fault in ("refused", "refused", "away", "refused", "", "", "refused"):
        keeper._set_fault(fault)  # noqa: SLF001 - as each attempt to connect
    told = [each.getMessage().partition("lease=standby ")[2] for each in caplog.records]
    assert told == ["refused", "away", "the lease works again", "refused"]
    assert keeper.fault == "refused"


def test_the_lease_is_timed_by_a_clock_that_goes_on_while_the_machine_is_suspended() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= lease_clock() <= time.clock_gettime(time.CLOCK_BOOTTIME)


async def test_with_an_account_each_one_holds_the_lease_and_gives_it_to_the_other(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path, passwords=PASSWORDS, extra=["use_username_as_clientid true"])
    with broker.serving():
        mine: dict[str, object] = {"port": broker.port, "username": "t1/gw-1", "password": "p"}
        # The second one would claim a lease that was not given back only after a minute.
        one, other = (
            keeper_of(config_of(mine, {"username": f"lease-{at}", "password": at, "expires_s": expires_s}))
            for at, expires_s in (("a", 3), ("b", 60))
        )
        async with other.keeping():
            async with one.keeping():
                await asyncio.wait_for(one.confirmed(), PATIENCE_S)
                assert other.lease.state == "standby"
            await asyncio.wait_for(other.held(), PATIENCE_S)
            await asyncio.wait_for(other.confirmed(), PATIENCE_S)


async def test_two_sides_with_one_account_are_told_that_each_needs_its_own(tmp_path: Path) -> None:
    """Mosquitto 2.0.11 gives no reason when it ends a connection because of another one."""
    broker = Mosquitto(tmp_path, passwords=PASSWORDS, extra=["use_username_as_clientid true"])
    with broker.serving():
        one, other = side(broker, "a"), side(broker, "a")
        async with one.keeping(), other.keeping():
            await eventually(
                lambda: any(
                    "an account of its own for the lease (pair.username)" in each.fault for each in (one, other)
                ),
                "the remedy",
            )


async def test_a_holder_whose_broker_is_away_does_not_call_its_lease_confirmed(mosquitto: Mosquitto) -> None:
    keeper = keeper_of(config_of({"port": mosquitto.port}, {"expires_s": 3}))
    async with keeper.keeping():
        await asyncio.wait_for(keeper.held(), PATIENCE_S)
        await asyncio.wait_for(keeper.confirmed(), PATIENCE_S)
        assert keeper.values()["dcim_agent_pair_lease_confirmed"] == 1
        mosquitto.stop()
        await eventually(lambda: keeper.values()["dcim_agent_pair_lease_confirmed"] == 0, "no message came back")
        assert keeper.lease.state == "holding"
        # Before it publishes again it must be confirmed from then on: an earlier confirmation does not count.
        waiting = asyncio.create_task(keeper.confirmed(), name="confirmed")
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_side_whose_broker_is_away_says_what_to_check_and_tries_again(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keeper_of(config_of({"port": mosquitto.port}, {}))
    mosquitto.stop()
    async with keeper.keeping():
        await eventually(lambda: "check broker.host and broker.port, and that the broker runs" in keeper.fault, "it")
        mosquitto.start()
        await eventually(lambda: not keeper.fault, "it has connected again, and hears itself")
    # Its supervisor would begin it again after a fault of its own as well, but later each time.
    assert [each.getMessage() for each in caplog.records if each.exc_info] == []


def test_without_an_account_of_its_own_the_lease_has_that_of_the_broker() -> None:
    config = config_of({"host": "b", "username": "u", "password": "p"}, {})
    assert config.lease_broker() == config.broker


def access(file: Path, *lines: str) -> None:
    """An access list of mosquitto: what each account may do with the lease."""
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@contextlib.contextmanager
def guarded(folder: Path, *lines: str) -> Iterator[tuple[Mosquitto, Path]]:
    """A broker with an access list."""
    rules = folder / "acl"
    access(rules, *lines)
    broker = Mosquitto(folder / "broker", passwords=PASSWORDS, extra=[f"acl_file {rules}"])
    with broker.serving():
        yield broker, rules


def side(broker: Mosquitto, at: str) -> LeaseKeeper:
    mine: dict[str, object] = {"port": broker.port, "username": f"lease-{at}", "password": at}
    return LeaseKeeper(config_of(mine, {}).broker, "t1", "gw-1", EXPIRES_S)


BOTH = ["user lease-a", f"topic readwrite {LEASE}", "user lease-b", f"topic readwrite {LEASE}"]


@pytest.mark.parametrize(("right", "word"), [("read", "refuses"), ("write", "does not deliver")])
async def test_a_side_without_its_rights_says_so_disturbs_nobody_and_stands_by_once_it_has_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, right: str, word: str
) -> None:
    caplog.set_level(logging.INFO, "agent.pair.keeper")
    with guarded(tmp_path, *BOTH[:3], f"topic {right} {LEASE}") as (broker, rules):
        well, refused = side(broker, "a"), side(broker, "b")
        async with well.keeping(), refused.keeping():
            await asyncio.wait_for(well.held(), PATIENCE_S)
            await eventually(lambda: word in refused.fault, "it knows why")
            assert "allow this account to read" in refused.fault
            assert LEASE in refused.fault
            assert refused.fault in caplog.text
            assert (refused.lease.state, well.lease.state) == ("standby", "holding")
            for _ in range(2):
                await asyncio.wait_for(well.confirmed(), PATIENCE_S)
            assert "the lease works again" not in caplog.text, "what it hears of the other one says nothing of its own"
            access(rules, *BOTH)
            broker.reload()
            await eventually(lambda: well.values()["dcim_agent_pair_standbys"] == 1, "it stands by")
            await eventually(lambda: not refused.fault, "nothing is wrong any more")
            assert well.values()["dcim_agent_pair_lease_confirmed"] == 1
            assert (refused.lease.state, well.lease.state) == ("standby", "holding")


async def test_where_nobody_may_write_the_lease_nobody_claims_it_and_doctor_names_the_topic(tmp_path: Path) -> None:
    with guarded(tmp_path, *BOTH[:3], f"topic read {LEASE}") as (broker, _):
        alone = side(broker, "b")
        async with alone.keeping():
            await eventually(lambda: "refuses" in alone.fault, "it knows why")
            assert alone.lease.state == "standby"
            mine: dict[str, object] = {"port": broker.port, "username": "lease-b", "password": "b", "timeout_s": 1}
            (found,) = await check_echo(config_of(mine, {}).broker, LEASE)
            assert (found.status, LEASE in found.found, LEASE in found.remedy) == ("failed", True, True)
            (found,) = await check_echo(config_of(mine | {"username": "lease-a", "password": "a"}, {}).broker, LEASE)
            assert found.status == "ok"


@pytest.mark.parametrize(
    ("right", "status", "what"),
    [
        ("readwrite", "ok", f"the account may read and write {LEASE}"),
        ("read", "failed", f"the account may not write {LEASE}: Not authorized"),
        ("write", "failed", f"what the account writes to {LEASE} does not come back"),
    ],
)
async def test_doctor_says_which_right_of_the_lease_is_missing_and_leaves_the_lease_as_it_is(
    tmp_path: Path, right: str, status: str, what: str
) -> None:
    """Subscriptions are granted in any case. The lease that is retained is of a pair that runs."""
    with guarded(tmp_path, *BOTH[:3], f"topic {right} {LEASE}") as (broker, _):
        holder = {"hostname": "127.0.0.1", "port": broker.port, "username": "lease-a", "password": "a"}
        async with aiomqtt.Client(**holder) as client:  # type: ignore[arg-type]
            await client.publish(LEASE, b"held", qos=1, retain=True)
        mine: dict[str, object] = {"port": broker.port, "username": "lease-b", "password": "b", "timeout_s": 1}
        [found] = await check_echo(config_of(mine, {}).broker, LEASE)
        assert (found.status, found.found) == (status, what)
        async with aiomqtt.Client(**holder) as client, asyncio.timeout(PATIENCE_S):  # type: ignore[arg-type]
            await client.subscribe(LEASE)
            assert (await anext(aiter(client.messages))).payload == b"held"


async def test_what_strangers_do_to_the_retained_lease_does_not_end_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent.pair.keeper")
    with guarded(tmp_path, *BOTH) as (broker, _):
        holder, standby = side(broker, "a"), side(broker, "b")
        async with holder.keeping():
            await asyncio.wait_for(holder.held(), PATIENCE_S)
            async with (
                standby.keeping(),
                aiomqtt.Client("127.0.0.1", broker.port, username="lease-a", password="a") as stranger,
            ):
                await eventually(lambda: holder.lease.standbys(lease_clock()) == 1, "the other one stands by")
                forged = b'{"agent":"gw-1","holder":"x","standby":"x","hostname":"h","time":1}'
                for payload in (
                    b"",
                    b"\xff",
                    b"[" * 5000,
                    b'{"agent":"gw-2","holder":"x","hostname":"h","time":1}',
                    forged,
                ):
                    await stranger.publish(LEASE, payload, qos=1, retain=True)
                await asyncio.wait_for(holder.confirmed(), PATIENCE_S)
                await eventually(lambda: holder.lease.standbys(lease_clock()) == 2, "even the forged standby is heard")
                assert (holder.lease.state, standby.lease.state) == ("holding", "standby")
                assert standby.lease.holder == holder.lease.me
                assert "was=holding" not in caplog.text, "not for a moment"


async def test_two_copies_of_a_running_machine_take_names_of_their_own_and_one_holds_the_lease(tmp_path: Path) -> None:
    with guarded(tmp_path, *BOTH) as (broker, _):
        one, copy = side(broker, "a"), side(broker, "b")
        name = copy.lease.me = one.lease.me
        async with one.keeping(), copy.keeping():
            await eventually(lambda: one.lease.me != copy.lease.me, "they have heard each other")
            await eventually(lambda: {one.lease.state, copy.lease.state} == {"holding", "standby"}, "one holds it")
            assert [each.lease.me for each in (one, copy)] != [name, name]


async def test_the_broker_retains_the_holders_message_and_not_the_standbys(tmp_path: Path) -> None:
    with guarded(tmp_path, *BOTH) as (broker, _):
        holder, standby = side(broker, "a"), side(broker, "b")
        async with holder.keeping():
            await asyncio.wait_for(holder.held(), PATIENCE_S)
            async with standby.keeping():
                await eventually(lambda: holder.lease.standbys(lease_clock()) == 1, "the other one stands by")
                async with aiomqtt.Client("127.0.0.1", broker.port, username="lease-a", password="a") as reader:
                    await reader.subscribe(LEASE)
                    retained = decode(bytes((await anext(reader.messages)).payload), LeaseDocument)
                    assert (retained.holder, retained.standby) == (holder.lease.me, "")


async def test_a_standby_that_stops_does_not_give_back_the_lease_of_the_holder(tmp_path: Path) -> None:
    """A third side would take it at once, and both would publish for a moment."""
    with guarded(tmp_path, *BOTH) as (broker, _):
        holder, standby = side(broker, "a"), side(broker, "b")
        async with holder.keeping():
            await asyncio.wait_for(holder.held(), PATIENCE_S)
            async with standby.keeping():
                await eventually(lambda: holder.lease.standbys(lease_clock()) == 1, "the other one stands by")
            await asyncio.wait_for(holder.confirmed(), PATIENCE_S)
            assert holder.lease.freed_s == float("-inf"), "nobody has given it back"


async def test_a_lease_that_was_given_back_is_not_renewed_again_while_the_broker_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side, which takes it at once, would find that it has a holder, and wait for one that is gone."""
    monkeypatch.setattr(keeper_module, "RELEASE_S", 120.0)
    with guarded(tmp_path, *BOTH) as (broker, _):
        keeper = side(broker, "a")
        async with aiomqtt.Client("127.0.0.1", broker.port, username="lease-b", password="b", timeout=60) as other:
            await other.subscribe(LEASE)
            keeping = keeper.keeping()
            await keeping.__aenter__()
            await asyncio.wait_for(keeper.confirmed(), PATIENCE_S)
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                before = set(keeper.lease._sent_marks)  # noqa: SLF001 - what it has sent
                ending = asyncio.create_task(keeping.__aexit__(None, None, None))
                await eventually(
                    lambda: len(set(keeper.lease._sent_marks) - before) == 2,  # noqa: SLF001 - as above
                    "it has given it back, and sent once more what it sends each second",
                )
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            await asyncio.wait_for(ending, PATIENCE_S)  # when the broker has it, and not only after the longest wait
            last = LeaseDocument(agent="gw-1", holder="", standby="last", hostname="h", time=1)
            await other.publish(LEASE, encode(last), qos=1)
            holders = list[str]()
            async with asyncio.timeout(PATIENCE_S):
                async for message in other.messages:
                    document = decode(bytes(message.payload), LeaseDocument)
                    if document.standby == "last":
                        break
                    if not document.standby:
                        holders.append(document.holder)
        assert holders[-1] == "", "the last word on who holds it"


async def test_after_a_reload_with_another_broker_the_lease_is_kept_there(tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "two"
    for each in folders:
        each.mkdir()
    with guarded(folders[0], *BOTH) as (one, _), guarded(folders[1], *BOTH) as (two, _):
        keeper = side(one, "a")
        async with keeper.keeping():
            await asyncio.wait_for(keeper.held(), PATIENCE_S)
            mine: dict[str, object] = {"port": two.port, "username": "lease-a", "password": "a"}
            keeper.set_broker(config_of(mine, {}).broker)
            async with (
                asyncio.timeout(PATIENCE_S),
                aiomqtt.Client("127.0.0.1", two.port, username="lease-b", password="b") as reader,
            ):
                await reader.subscribe(LEASE)
                found = decode(bytes((await anext(aiter(reader.messages))).payload), LeaseDocument)
            assert found.holder == keeper.lease.me


async def test_a_side_that_has_just_come_says_that_it_stands_by(tmp_path: Path) -> None:
    with guarded(tmp_path, *BOTH) as (broker, _):
        async with aiomqtt.Client("127.0.0.1", broker.port, username="lease-a", password="a", timeout=60) as client:
            await client.subscribe(LEASE)
            async with side(broker, "b").keeping():
                first = await anext(aiter(client.messages))
        document = decode(bytes(first.payload), LeaseDocument)
        assert (document.holder, document.standby != "") == ("", True)


HAND_OVER_S = 0.5
"""In place of a minute."""


def handing_over(broker: Mosquitto, at: str) -> LeaseKeeper:
    """Whoever has handed over claims again after twice the expiry; on a busy machine the other side needs seconds for its claim."""
    mine: dict[str, object] = {"port": broker.port, "username": f"lease-{at}", "password": at}
    return LeaseKeeper(config_of(mine, {}).broker, "t1", "gw-1", EXPIRES_S, HAND_OVER_S)


@pytest.mark.parametrize("is_denied", [True, False])
async def test_a_holder_whose_batches_are_refused_hands_over_and_both_sides_count_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, is_denied: bool
) -> None:
    """Its lease works, and so do its status and its events: only the rule for batches is missing."""
    allowed = [f"topic write rackflow/v1/t1/gw-1/{each}" for each in ("status", "event/+", "device/+")]
    more = [] if is_denied else ["topic write rackflow/v1/t1/gw-1/batch/+"]
    rules = [*BOTH, "user t1/gw-1", *allowed, *more, "user reader", "topic read rackflow/v1/#"]
    with guarded(tmp_path, *rules) as (broker, _):
        one, other = handing_over(broker, "a"), handing_over(broker, "b")
        account = Broker(port=broker.port, timeout_s=2, username="t1/gw-1", password=SecretStr("p"))
        config = config_for(broker, "ups-1").model_copy(update={"broker": account})
        async with one.keeping(), listening(broker, "reader", "r"):
            await asyncio.wait_for(one.held(), PATIENCE_S)
            async with other.keeping(), running(config, Devices()) as agent:
                await eventually(lambda: one.values()["dcim_agent_pair_standbys"] == 1, "the other one stands by")
                lost = asyncio.create_task(one.lost(agent.publisher.progress), name="lost")
                if is_denied:
                    await asyncio.wait_for(lost, PATIENCE_S)
                    await asyncio.wait_for(other.held(), PATIENCE_S)
                    assert one.lease.state == "standby"
                    assert "lease=handed over" in caplog.text
                    counts = [each.values()["dcim_agent_pair_handovers_total"] for each in (one, other)]
                    assert counts == [1, 1]
                else:
                    await eventually(lambda: agent.publisher.progress()[0] > 5, "batches are taken")
                    assert one.lease.state == "holding"
                    assert not lost.done()
                    lost.cancel()
                    await asyncio.wait([lost])


async def test_a_holder_that_cannot_publish_keeps_its_lease_while_nobody_stands_by(tmp_path: Path) -> None:
    """It would stop to poll for some seconds, and nobody would poll in its place."""
    with guarded(tmp_path, *BOTH) as (broker, _):
        alone = handing_over(broker, "a")
        async with alone.keeping():
            await asyncio.wait_for(alone.held(), PATIENCE_S)
            lost = asyncio.create_task(alone.lost(lambda: (0, 3600.0)), name="lost")
            for _ in range(3):
                await asyncio.wait_for(alone.confirmed(), PATIENCE_S)
            assert not lost.done()
            assert alone.values()["dcim_agent_pair_handovers_total"] == 0
            lost.cancel()
            await asyncio.wait([lost])


async def test_after_an_outage_of_the_broker_batches_have_their_time_before_the_lease_is_handed_over(
    tmp_path: Path,
) -> None:
    """They have waited for two hours, but no broker was there: the connection of the lease is seconds old."""
    with guarded(tmp_path, *BOTH) as (broker, _):
        mine: dict[str, object] = {"port": broker.port, "username": "lease-a", "password": "a"}
        one = LeaseKeeper(config_of(mine, {}).broker, "t1", "gw-1", EXPIRES_S, 3600.0)
        async with one.keeping():
            await asyncio.wait_for(one.held(), PATIENCE_S)
            async with side(broker, "b").keeping():
                await eventually(lambda: one.values()["dcim_agent_pair_standbys"] == 1, "the other one stands by")
                lost = asyncio.create_task(one.lost(lambda: (0, 7200.0)), name="lost")
                for _ in range(3):
                    await asyncio.wait_for(one.confirmed(), PATIENCE_S)
                assert not lost.done()
                assert one.values()["dcim_agent_pair_handovers_total"] == 0
                lost.cancel()
                await asyncio.wait([lost])
