"""Two agents that run under one name are told from one that was started again."""

import asyncio
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.receive.clones import MAX_AGENTS, REMEMBERED_S, Clones
from rackflow import encode
from tests.collector.documents import status
from tests.collector.ingest_rig import IngestRig
from tests.collector.polls import hello
from tests.collector.running import config_for, ledger_locked, publish, publisher, running, topic_of
from tests.servers.mosquitto import Mosquitto

GW3 = ("cas1", "gw-3")


def hear(clones: Clones, epochs: str, now: float = 0.0, site: str = "cas1", agent: str = "gw-3") -> bool:
    """Hear of an agent's epochs, one after the other; whether it is a clone then."""
    for epoch in epochs:
        clones.update(hello(agent, epoch=epoch, site=site), now)
    return (site, agent) in clones.current(now)


def test_an_epoch_that_comes_back_is_a_second_process_and_a_restart_is_none() -> None:
    assert not hear(Clones(), "AAB")
    assert not hear(Clones(), "ABBB"), "an agent says hello again whenever it is connected again"
    assert hear(Clones(), "ABA")
    assert hear(Clones(), "ABCA"), "three of them, or one that restarts meanwhile"


def test_the_log_says_on_which_hosts_an_agent_runs_twice(caplog: pytest.LogCaptureFixture) -> None:
    clones = Clones()
    for epoch, host in (("A", "one"), ("B", "two"), ("A", "one")):
        clones.update(msgspec.structs.replace(hello("gw-3", epoch=epoch), hostname=host), 0.0)
    assert [record.getMessage() for record in caplog.records] == [
        "agent=gw-3 site=cas1 runs twice: on host two, and on host one; stop one or give it another name"
    ]


def test_an_epoch_five_restarts_ago_is_no_second_process() -> None:
    clones = Clones()
    assert not hear(clones, "ABCDE")
    assert not hear(clones, "A")
    assert hear(clones, "C")


def test_the_end_of_an_earlier_process_is_no_second_one() -> None:
    clones = Clones()
    hear(clones, "AB")
    clones.update(hello("gw-3", online=False, epoch="A"), 0.0)
    assert clones.states(0.0) == {GW3: False}


def test_a_clone_is_shown_until_a_quarter_of_an_hour_after_it_was_noticed_last() -> None:
    clones = Clones()
    assert hear(clones, "ABA")
    assert hear(clones, "B", REMEMBERED_S - 1)
    assert clones.current(REMEMBERED_S) == {GW3}
    assert clones.current(2 * REMEMBERED_S - 1) == set()


def test_a_second_process_that_comes_back_a_day_later_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    """While it goes on it is logged once: the two take turns every few seconds."""
    clones = Clones()
    hear(clones, "ABABAB")
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    hear(clones, "A", 86_400.0)
    assert [each.levelname for each in caplog.records] == ["ERROR", "ERROR"]


def test_an_agent_of_the_same_name_at_another_site_is_another_one() -> None:
    clones = Clones()
    hear(clones, "AB")
    assert not hear(clones, "A", site="cas2")
    assert not hear(clones, "C")
    assert clones.states(0.0) == {GW3: False, ("cas2", "gw-3"): False}


def test_nothing_stays_of_an_agent_that_is_gone_for_good() -> None:
    clones = Clones()
    hear(clones, "ABA")
    clones.forget(*GW3)
    assert (clones.current(0.0), clones.states(0.0)) == (set(), {})
    assert not hear(clones, "B")


def test_a_namesake_at_another_site_is_not_forgotten_with_it() -> None:
    clones = Clones()
    for site in ("cas1", "cas2"):
        hear(clones, "ABA", site=site)
    clones.forget(*GW3)
    assert clones.current(0.0) == {("cas2", "gw-3")}


def test_of_too_many_agents_the_one_that_was_silent_for_longest_is_forgotten() -> None:
    clones = Clones()
    hear(clones, "ABA")
    hear(clones, "ABA", agent="old")
    for number in range(MAX_AGENTS - 2):
        hear(clones, "A", agent=f"made-up-{number}")
    assert hear(clones, "A")
    hear(clones, "A", agent="one-too-many")
    assert len(clones.states(0.0)) == MAX_AGENTS
    assert clones.current(0.0) == {GW3}


def test_a_status_that_the_broker_sends_once_more_is_no_second_process(tmp_path: Path) -> None:
    """As it does on a new connection with what was not acknowledged, in whichever order."""
    rig = IngestRig(tmp_path)
    with closing(rig.letters):
        for epoch, again, is_clone in (
            ("A", False, False),
            ("B", False, False),
            ("A", True, False),
            ("A", False, True),
        ):
            one = hello("gw-3", epoch=epoch)
            rig.process(topic_of(one, "cas1"), encode(one), again=again)
            assert rig.clones.states(1000.0) == {GW3: is_clone}


async def test_statuses_that_a_restarted_broker_sends_again_are_no_second_process(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """An agent was restarted, and the broker too, before its two latest were acknowledged."""
    config = config_for(mosquitto.port, tmp_path)
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        with ledger_locked(config.ledger_path):
            await publish(client, status(epoch="01JD5A"), status(epoch="01JD5B"))
            received = "dcim_collector_messages_received_total"
            await one.reaches(received, lambda count: count == 2)
            await asyncio.to_thread(mosquitto.restart)
            await one.reaches(received, lambda count: count >= 4)
        assert await one.sample('dcim_collector_agent_clones{agent="gw-3",site="cas1"}') == "0.0"


def test_an_agent_that_an_operator_forgets_is_no_longer_said_to_run_twice(tmp_path: Path) -> None:
    rig = IngestRig(tmp_path)
    with closing(rig.letters):
        for epoch in "ABA":
            one = hello("gw-3", epoch=epoch)
            rig.process(topic_of(one, "cas1"), encode(one))
        assert rig.clones.states(1000.0) == {GW3: True}
        rig.process(topic_of(hello("gw-3"), "cas1"), b"")
        assert rig.clones.states(1000.0) == {}


def test_a_clone_of_before_a_restart_of_the_collector_is_shown_until_it_would_have_been_without() -> None:
    clones = Clones()
    clones.restore(*GW3, 100.0)
    assert GW3 in clones.current(100.0 + REMEMBERED_S - 1.0)
    assert GW3 not in clones.current(100.0 + REMEMBERED_S)
