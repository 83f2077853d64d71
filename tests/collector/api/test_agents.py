"""What the API says of agents."""

from collections import Counter
from dataclasses import replace

from collector.ledger.watch import AgentAccount
from rackflow import Status
from tests.collector.api.shown import Shown
from tests.collector.derive.hall import WALL_S, Agent, Readings


def with_agent(clock_s: float, **own: float) -> Shown:
    """An agent whose clock is that much ahead polls a UPS at 100 s and reports about itself at 105 s."""
    shown = Shown()
    gateway = Agent("gw", clock_s)
    shown.readings = Readings(shown.site, latest=shown.readings.latest, agents={"ups-b": gateway, "gw": gateway})
    status = Status(
        agent="gw",
        site=shown.site.id,
        status="online",
        epoch="e",
        devices=["ups-b"],
        started=1_790_000_000_250,
        refused={"batch/ups-b": "quota"},
        version="1.2.3",
        python="3.11",
        hostname="gateway-3",
    )
    shown.readings.latest.apply_status(status, 99.0)
    shown.readings.take("ups-b", {"ups_output_total_power_watts": 23_000.0}, 100.0, device_class="ups")
    shown.readings.take(
        "gw", {f"agent_spool_{name}": value for name, value in own.items()}, 105.0, device_class="agent"
    )
    return shown


def test_an_agent_has_its_state_its_backlog_and_its_account() -> None:
    """At 110 s its clock is 2 s ahead; the oldest of 40 messages that wait is from 90 s."""
    shown = with_agent(2.0, messages=40.0, oldest_timestamp_seconds=WALL_S + 90.0, durable=1.0)
    key = shown.site.id, "gw"
    account = AgentAccount(100, 90, 3, 5, 2, Counter(full=1))
    shown.around = replace(shown.around, accounts={key: account}, clones=frozenset({key}))
    assert shown.get("agents", 110.0)["items"] == {
        "gw": {
            "id": "gw",
            "state": "up",
            "version": "1.2.3",
            "hostname": "gateway-3",
            "python": "3.11",
            "started": "2026-09-21T14:13:20.250Z",
            "last_message": "2026-11-18T11:08:25.000Z",
            "devices": 1,
            "answering": 1,
            "unobserved": {},
            "lag_seconds": 0.0,
            "backlog_messages": 40.0,
            "backlog_seconds": 20,
            "outbox_durable": True,
            "clock_offset_seconds": 2.0,
            "is_cloned": True,
            "refused_topics": 1,
            "ledger": {
                "produced": 100,
                "stored": 90,
                "duplicates": 3,
                "in_flight": 5,
                "missing": 2,
                "dropped": {"full": 1},
            },
        }
    }


def test_agents_of_another_site_are_not_among_those_of_this_one() -> None:
    shown = with_agent(0.0)
    other = Status(
        agent="elsewhere", site="t2", status="online", epoch="e", version="1.2.3", python="3.11", hostname="gateway-4"
    )
    shown.readings.latest.apply_status(other, 99.0)
    assert [*shown.get("agents", 110.0)["items"]] == ["gw"]


def test_what_comes_late_lags_and_a_clock_that_is_behind_looks_the_same() -> None:
    agent = with_agent(-2.5).get("agents", 110.0)["items"]["gw"]
    assert (agent["lag_seconds"], agent["clock_offset_seconds"]) == (2.5, -2.5)


def test_an_agent_without_backlog_has_no_oldest_message() -> None:
    """It reports a time of 0."""
    agent = with_agent(0.0, messages=0.0, oldest_timestamp_seconds=0.0, durable=0.0).get("agents", 110.0)["items"]["gw"]
    assert (agent["backlog_messages"], agent["backlog_seconds"], agent["outbox_durable"]) == (0.0, 0.0, False)


def test_a_message_of_a_clock_that_is_ahead_waits_for_no_time_and_not_for_less() -> None:
    shown = with_agent(0.0, messages=1.0, oldest_timestamp_seconds=WALL_S + 500.0)
    assert shown.get("agents", 110.0)["items"]["gw"]["backlog_seconds"] == 0


def test_an_agent_of_another_site_that_runs_twice_makes_no_clone_of_its_namesake() -> None:
    shown = with_agent(0.0)
    shown.around = replace(shown.around, clones=frozenset({("t2", "gw")}))
    assert shown.get("agents", 110.0)["items"]["gw"]["is_cloned"] is False


def test_what_an_agent_said_of_itself_long_ago_is_unknown() -> None:
    shown = with_agent(0.0, messages=40.0, oldest_timestamp_seconds=WALL_S + 90.0, durable=1.0)
    assert shown.get("agents", 120.0)["items"]["gw"]["backlog_messages"] == 40.0
    agent = shown.get("agents", 300.0)["items"]["gw"]
    assert (agent["backlog_messages"], agent["backlog_seconds"], agent["outbox_durable"]) == (None, None, None)
    assert (agent["ledger"], agent["is_cloned"]) == (None, False)


def test_an_agent_of_whom_no_status_came_is_shown_with_what_is_known() -> None:
    """Nor is the ledger, which several collectors share."""
    shown = Shown()
    shown.readings.take("ups-b", {"ups_output_total_power_watts": 23_000.0}, 100.0, device_class="ups")
    shown.around = replace(shown.around, accounts=None)
    agent = shown.get("agents", 101.0)["items"]["gw"]
    assert (agent["version"], agent["hostname"], agent["python"], agent["started"]) == ("", "", "", None)
    assert (agent["devices"], agent["refused_topics"], agent["ledger"]) == (1, 0, None)


def test_an_agent_that_has_said_goodbye_is_down_and_its_devices_are_not_observed() -> None:
    shown = with_agent(0.0)
    goodbye = Status(
        agent="gw",
        site=shown.site.id,
        status="offline",
        epoch="e",
        version="1.2.3",
        python="3.11",
        hostname="gateway-3",
    )
    shown.readings.latest.apply_status(goodbye, 106.0)
    agent = shown.get("agents", 107.0)["items"]["gw"]
    assert (agent["state"], agent["devices"], agent["unobserved"]) == ("down", 1, {"agent_offline": 1})


def test_while_the_collector_has_no_broker_an_agent_is_neither_up_nor_down() -> None:
    shown = with_agent(0.0)
    assert shown.get("agents", 106.0)["items"]["gw"]["state"] == "up"
    shown.readings.latest.note_disconnected(106.0)
    assert shown.get("agents", 107.0)["items"]["gw"]["state"] == "unknown"


def test_the_ledger_has_the_agents_of_the_site() -> None:
    shown = with_agent(0.0)
    account = AgentAccount(100, 90, 3, 5, 2, Counter(full=1))
    shown.around = replace(shown.around, accounts={(shown.site.id, "gw"): account, ("elsewhere", "gw-9"): account})
    ledger = shown.get("ledger", 110.0)
    assert (ledger["known"], ledger["agents"].keys()) == (True, {"gw"})
    assert (ledger["agents"]["gw"]["stored"], ledger["agents"]["gw"]["missing"]) == (90, 2)
    shown.around = replace(shown.around, accounts=None)
    assert shown.get("ledger", 110.0) == {"site": shown.site.id, "known": False, "agents": {}}


def test_of_an_agents_devices_those_count_as_answering_that_are_observed_and_answer() -> None:
    """One is down, and one of another agent is none of its devices."""
    shown = with_agent(0.0)
    shown.readings.take("ups-a1", {"ups_output_source": "normal"}, 104.0, device_class="ups")
    shown.readings.take("ups-a2", {}, 104.0, device_class="ups", up=False)
    agent = shown.get("agents", 110.0)["items"]["gw"]
    assert (agent["devices"], agent["answering"], agent["unobserved"]) == (3, 2, {})
    counted = shown.get("site", 110.0)["devices"]
    assert counted["answering"] == agent["answering"]
    # Nothing was heard since: they are not observed, and none of them answers as far as anybody knows.
    later = shown.get("agents", 500.0)["items"]["gw"]
    assert (later["answering"], sum(later["unobserved"].values())) == (0, 3)
