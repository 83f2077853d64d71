"""The series limit and its books: what counts how much, what is refused, and that all of it is given back."""

import msgspec
import pytest

from collector.latest import DEVICE_COST, Latest
from rackflow import catalogue
from tests.at_once import at_once
from tests.collector.documents import FLOW, PUMP, SUPPLY, batch, document
from tests.collector.polls import NOW_S, WALL_S, Agent, hello, samples, shown, up, wall_ms

STATES = len(catalogue()["dcim_cdu_pump_state"].states)


def test_a_device_costs_what_it_always_has_a_reading_one_and_a_state_as_many_as_there_are() -> None:
    """What is counted is what /metrics has."""
    latest = Latest(1000)
    agent = Agent(latest)
    agent.arrives(agent.made(0.0, values={SUPPLY: 32.0, FLOW: 0.1}, states={PUMP: "running"}), 0.0)
    assert latest.size == DEVICE_COST + 2 + STATES
    of_device = [series for series in samples(latest, 0.0) if 'device="cdu-07"' in series]
    assert len(of_device) == latest.size
    # The same readings again cost nothing.
    agent.arrives(agent.made(1.0, values={SUPPLY: 33.0, FLOW: 0.1}, states={PUMP: "stopped"}), 1.0)
    assert latest.size == DEVICE_COST + 2 + STATES


@pytest.mark.parametrize("by", ["expiry", "removal", "status"])
def test_states_that_are_gone_give_back_their_series(by: str) -> None:
    latest = Latest(DEVICE_COST + STATES + 1)
    agent = Agent(latest)

    def fill(after_s: float) -> None:
        agent.arrives(agent.made(after_s, states={PUMP: "running"}), after_s)
        assert latest.size == latest.limit
        assert latest.refused == 0
        assert len([series for series in samples(latest, after_s) if 'device="cdu-07"' in series]) == latest.limit

    fill(0.0)
    match by:
        case "expiry":
            at_once(latest.expire_steps)(NOW_S + 29.9)
            assert latest.size == latest.limit
            at_once(latest.expire_steps)(NOW_S + 30.0)
            assert latest.size == DEVICE_COST
        case "removal":
            latest.remove_device("cas1", "gw-3", "cdu-07")
            assert latest.size == 0
        case _:
            latest.apply_status(hello("gw-3"), NOW_S)
            assert latest.size == 0
    fill(60.0)


@pytest.mark.parametrize(("room", "refused"), [(0, 1), (STATES - 1, 1), (STATES, 0)])
def test_a_state_needs_room_for_all_of_its_series(room: int, refused: int) -> None:
    latest = Latest(DEVICE_COST + 1 + room)
    agent = Agent(latest)
    agent.arrives(agent.made(0.0, states={PUMP: "running"}), 0.0)
    assert latest.refused == refused
    assert (PUMP in latest.readings_of("cas1", "cdu-07")) is (not refused)
    assert SUPPLY in latest.readings_of("cas1", "cdu-07")


def test_what_finds_no_room_does_not_keep_out_what_does() -> None:
    latest = Latest(DEVICE_COST + 1)
    agent = Agent(latest)
    agent.arrives(agent.made(0.0, values={}), 0.0)
    agent.arrives(agent.made(1.0, values={SUPPLY: 1.0, FLOW: 0.1}), 1.0)
    assert (latest.size, latest.refused) == (DEVICE_COST + 1, 1)
    agent.arrives(agent.made(2.0, values={FLOW: 0.1, SUPPLY: 2.0}), 2.0)
    assert shown(latest, 2.0) == {"cas1/cdu-07": "2.0"}
    assert latest.refused == 2


def test_readings_beside_those_that_find_no_room_keep_their_own_values() -> None:
    """Of five readings the second and the fourth are known; what is left out between them moves no value to another series."""
    keys = [f"dcim_cdu_supply_temperature_celsius{{loop={name}}}" for name in "abcde"]
    latest = Latest(DEVICE_COST + 2)
    agent = Agent(latest)
    agent.arrives(agent.made(0.0, values={keys[1]: 11.0, keys[3]: 13.0}), 0.0)
    agent.arrives(agent.made(1.0, values={key: 20.0 + at for at, key in enumerate(keys)}), 1.0)
    found = {key: latest_value.value for key, latest_value in latest.readings_of("cas1", "cdu-07").items()}
    assert found == {keys[1]: 21.0, keys[3]: 23.0}


@pytest.mark.parametrize(("limit", "is_taken"), [(2 * DEVICE_COST + 1, True), (2 * DEVICE_COST, False)])
def test_a_new_device_needs_room_for_what_it_always_has(limit: int, is_taken: bool) -> None:  # noqa: FBT001 - the answer
    latest = Latest(limit)
    agent = Agent(latest)
    agent.polls(0.0)
    assert latest.apply_document("cas1", document("another")) is is_taken
    verdict = agent.polls(0.0, device="another")
    assert verdict == ("live" if is_taken else "refused")
    assert ("cas1/another gw-3" in up(latest, 0.0)) is is_taken
    assert latest.refused == (1 if is_taken else 2)  # the other one's reading, or the device twice


def test_agents_that_somebody_makes_up_are_refused_beyond_the_limit() -> None:
    """Those known go on."""
    latest = Latest(DEVICE_COST + 2)
    agents = [Agent(latest, f"gw-{n}") for n in range(latest.limit)]
    for agent in agents:
        assert latest.apply_status(hello(agent.name), NOW_S)
    assert latest.refused == 0
    assert not latest.apply_status(hello("made-up"), NOW_S)
    assert Agent(latest, "made-up").polls(0.0) == "refused"
    assert latest.refused == 2
    assert agents[0].polls(0.0) == "live"
    assert [each.agent for each in latest.agents()] == sorted(agent.name for agent in agents)
    latest.remove_agent("cas1", "gw-1")
    assert latest.apply_status(hello("made-up"), NOW_S)


def test_a_document_of_an_agent_beyond_the_limit_is_refused() -> None:
    latest = Latest(DEVICE_COST)
    for n in range(latest.limit):
        latest.apply_status(hello(f"other-{n}"), NOW_S)
    assert not latest.apply_document("cas1", document())
    assert (latest.size, list(latest.devices())) == (0, [])


def test_changes_are_counted_where_a_device_or_a_series_comes_and_where_a_device_goes_or_moves() -> None:
    """The derived figures and the floor are planned again because of it."""
    latest = Latest(1000)
    agent = Agent(latest)

    before = latest.changes

    def grows_by(count: int) -> None:
        nonlocal before
        assert latest.changes == before + count
        before = latest.changes

    agent.polls(0.0)
    grows_by(2)
    agent.polls(1.0)
    grows_by(0)
    agent.arrives(agent.made(2.0, values={SUPPLY: 1.0, FLOW: 0.1}), 2.0)
    grows_by(1)
    latest.apply_document("cas1", document())  # it says where the device stands
    grows_by(1)
    latest.apply_document("cas1", document())
    grows_by(0)
    agent.arrives(msgspec.structs.replace(agent.made(3.0), labels=document().labels), 3.0)
    grows_by(0)
    moved = {**document().labels, "rack": "b08"}
    agent.arrives(msgspec.structs.replace(agent.made(4.0), labels=moved), 4.0)
    grows_by(1)
    agent.arrives(msgspec.structs.replace(agent.made(5.0), labels=moved, device_class="pdu"), 5.0)
    grows_by(1)
    latest.apply_document("cas1", document("another"))
    grows_by(1)
    # Its first poll has other labels than its document.
    agent.arrives(msgspec.structs.replace(agent.made(6.0, device="another", values={}), labels=moved), 6.0)
    grows_by(1)
    latest.remove_device("cas1", "gw-4", "another")
    grows_by(0)
    latest.remove_device("cas1", "gw-3", "another")
    grows_by(1)


def test_a_poll_that_comes_twice_is_in_no_count_twice() -> None:
    """Nor is one that is only stored; the durations of polls are counted by protocol."""
    latest = Latest(1000)
    agent = Agent(latest)
    one = agent.made(0.0)
    assert agent.arrives(one, 0.0) == "live"
    latest.apply_document("cas1", document())
    assert agent.arrives(one, 1.0) == "duplicate"
    agent.polls(2.0)
    assert agent.arrives(agent.made(-100.0), 3.0) == "stale"
    found = samples(latest, 3.0)
    base = 'site="cas1",agent="gw-3"'
    assert found[f"dcim_agent_poll_duration_seconds_count{{{base}}}"] == "1"
    assert found[f'dcim_agent_poll_duration_seconds_count{{{base},protocol="modbus"}}'] == "1"
    [known] = latest.agents()
    assert known.last_message_s == WALL_S + 3.0


def test_a_device_tells_since_when_it_is_as_it_is_and_when_it_last_answered() -> None:
    latest = Latest(1000)

    def polled(after_s: float, *, error: bool) -> tuple[int, int | None, str | None, int]:
        one = batch(time_ms=wall_ms(after_s), seq=int(after_s) + 1, error="timeout" if error else None)
        Agent(latest).arrives(one, after_s)
        [device] = latest.devices()
        return device.since_ms, device.last_success_ms, device.error, device.rejected

    assert polled(0.0, error=True) == (wall_ms(0.0), None, "timeout", 0)
    assert polled(1.0, error=True) == (wall_ms(0.0), None, "timeout", 0)
    assert polled(2.0, error=False) == (wall_ms(2.0), wall_ms(2.0), None, 0)
    assert polled(3.0, error=False) == (wall_ms(2.0), wall_ms(3.0), None, 0)
    assert polled(4.0, error=True) == (wall_ms(4.0), wall_ms(3.0), "timeout", 0)


def test_a_series_that_expired_takes_its_place_again_with_the_next_poll_of_its_family() -> None:
    """Places in a batch are remembered by device; they go with the series."""
    latest = Latest(100)
    agent = Agent(latest)
    before = latest.size
    for after_s in (0.0, 1.0, 100.0, 101.0):
        at_once(latest.expire_steps)(NOW_S + after_s)
        assert agent.polls(after_s, 30.0 + after_s / 50) == "live"
        assert shown(latest, after_s) == {"cas1/cdu-07": f"{30.0 + after_s / 50}"}
        assert latest.size == before + DEVICE_COST + 1
    at_once(latest.expire_steps)(NOW_S + 200.0)
    assert shown(latest, 200.0) == {}
    assert latest.size == before + DEVICE_COST


def test_a_reading_expires_by_its_latest_poll_even_if_an_earlier_one_allowed_longer() -> None:
    latest = Latest(100)
    agent = Agent(latest)
    agent.arrives(agent.made(0.0, poll=("slow", 60.0)), 0.0)
    at_once(latest.expire_steps)(NOW_S + 1.0)
    agent.arrives(agent.made(2.0, poll=("safety", 1.0)), 2.0)
    at_once(latest.expire_steps)(NOW_S + 31.9)
    assert shown(latest, 31.9) != {}
    at_once(latest.expire_steps)(NOW_S + 32.0)
    assert shown(latest, 32.0) == {}


def test_devices_that_come_and_go_are_not_remembered_for_ever_by_what_nobody_takes() -> None:
    """Problems are evaluated outside of the flow; while that stands still, memory must not grow with each name."""
    latest = Latest(DEVICE_COST + 1)
    agent = Agent(latest)
    for number in range(10 * latest.limit):
        assert agent.polls(0.0, device=f"cdu-{number}") == "live"
        latest.remove_device("cas1", "gw-3", f"cdu-{number}")
    assert len(latest.touched) == latest.limit
    assert len(latest.urgent) <= latest.limit
