"""Unknown is not down: whether a device is observed, and if not, the one cause of it."""

import msgspec
import pytest

from collector.latest import CAUSES, Latest, words_of
from tests.collector.documents import document
from tests.collector.polls import NOW_S, Agent, hello, samples, up


def causes(latest: Latest, after_s: float, agent: str = "gw-3") -> dict[str, int]:
    """How many devices of an agent are not observed, by cause; and `agent_up`, which is left out while nobody can tell."""
    found = samples(latest, after_s)
    who = f'site="cas1",agent="{agent}"'
    counts = {each: int(found[f'dcim_agent_unobserved_devices{{{who},reason="{each}"}}']) for each in CAUSES}
    is_up = found.get(f"dcim_agent_up{{{who}}}")
    return {each: count for each, count in counts.items() if count} | (
        {} if is_up is None else {"agent_up": int(is_up)}
    )


def connected(at_s: float = 0.0) -> Latest:
    """A collector that has just started and connected."""
    latest = Latest(1000)
    latest.note_disconnected(NOW_S + at_s - 1.0)
    latest.note_connected(NOW_S + at_s)
    return latest


def failed(agent: Agent, after_s: float, *, pause_s: float = 1.0, duration_s: float = 0.02, device: str = "a") -> None:
    """A poll that the device did not answer."""
    one = agent.made(after_s, device=device, values={}, poll=("safety", pause_s))
    agent.arrives(msgspec.structs.replace(one, up=False, error="timeout", duration_s=duration_s), after_s)


def test_without_the_broker_every_device_is_unknown_for_one_cause() -> None:
    latest = connected()
    one, other = Agent(latest), Agent(latest, "gw-4")
    for agent, devices in ((one, "abc"), (other, "x")):
        latest.apply_status(hello(agent.name, *devices), NOW_S)
        for device in devices:
            agent.polls(1.0, device=device)
    failed(one, 2.0, device="c")
    assert sorted(up(latest, 3.0).values()) == ["0", "1", "1", "1"]
    latest.note_disconnected(NOW_S + 4.0)
    assert set(up(latest, 4.0).values()) == {"?"}
    assert (causes(latest, 4.0), causes(latest, 4.0, "gw-4")) == ({"broker": 3}, {"broker": 1})
    latest.note_disconnected(NOW_S + 9.0)  # an attempt that failed
    latest.note_connected(NOW_S + 10.0)
    # Nothing that was said before counts as long as its agent has not spoken: it may have died meanwhile.
    assert set(up(latest, 10.0).values()) == {"?"}
    assert causes(latest, 10.0) == {"starting": 3, "agent_up": 1}
    one.polls(11.0, device="a")
    # A device that is down may not be asked again for a minute: what its agent said last still holds.
    assert up(latest, 11.0) == {"cas1/a gw-3": "1", "cas1/b gw-3": "1", "cas1/c gw-3": "0", "cas1/x gw-4": "?"}
    assert causes(latest, 11.0, "gw-4") == {"starting": 1, "agent_up": 1}


def test_messages_that_waited_here_when_the_broker_went_make_no_device_observed() -> None:
    """They are handled after its end, and what they say may be over."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a"), NOW_S)
    agent.polls(1.0, device="a")
    latest.note_disconnected(NOW_S + 2.0)
    agent.polls(2.5, device="a")
    assert set(up(latest, 3.0).values()) == {"?"}
    assert causes(latest, 3.0) == {"broker": 1}


def test_an_agent_without_messages_while_the_collector_is_behind_is_not_called_silent() -> None:
    """What they said may wait at the broker. Each device gets one shelf life from the last sign of it, then its silence counts."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a", "b"), NOW_S)
    for device in "ab":
        agent.polls(1.0, device=device)
    latest.note_behind(NOW_S + 30.0)
    assert set(up(latest, 30.0).values()) == {"1"}  # what is fresh still holds
    assert causes(latest, 45.0) == {"collector": 2, "agent_up": 1}
    agent.polls(46.0, device="a")
    assert causes(latest, 46.0) == {"collector": 1, "agent_up": 1}
    assert (latest.is_behind(NOW_S + 59.9), latest.is_behind(NOW_S + 60.0)) == (True, False)
    assert causes(latest, 61.0) == {"device_silent": 1, "agent_up": 1}
    assert causes(latest, 80.0) == {"agent_silent": 2, "agent_up": 0}


def test_nor_is_one_called_silent_that_reports_about_itself() -> None:
    """Every ten seconds, so that it would count as silent after thirty."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.polls(1.0, device="a")
    agent.arrives(agent.made(1.0, device="gw-3", values={}, poll=("fast", 10.0), device_class="agent"), 1.0)
    latest.note_behind(NOW_S + 30.0)
    assert causes(latest, 45.0) == {"collector": 1, "agent_up": 1}
    assert causes(latest, 60.0) == {"agent_silent": 1, "agent_up": 0}


def test_an_agent_that_reports_about_itself_once_a_minute_is_silent_after_three() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3"), NOW_S)
    agent.arrives(agent.made(1.0, device="gw-3", values={}, poll=("normal", 60.0), device_class="agent"), 1.0)
    assert causes(latest, 180.9) == {"agent_up": 1}
    assert causes(latest, 181.0) == {"agent_up": 0}


def test_an_agent_that_says_goodbye_is_offline_however_far_behind_the_collector_is() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.polls(1.0, device="a")
    latest.note_behind(NOW_S + 2.0)
    latest.apply_status(msgspec.structs.replace(hello("gw-3", "a"), status="offline"), NOW_S + 3.0)
    assert causes(latest, 3.0) == {"agent_offline": 1, "agent_up": 0}


def test_after_a_long_break_only_what_is_polled_again_is_observed() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a", "b"), NOW_S)
    for device in "ab":
        agent.polls(1.0, device=device)
    latest.note_disconnected(NOW_S + 2.0)
    latest.note_connected(NOW_S + 40.0)
    agent.polls(41.0, device="a")
    assert up(latest, 41.0) == {"cas1/a gw-3": "1", "cas1/b gw-3": "?"}
    assert causes(latest, 69.9) == {"starting": 1, "agent_up": 1}
    agent.polls(70.0, device="a")
    assert causes(latest, 70.0) == {"device_silent": 1, "agent_up": 1}


def test_an_agent_that_lost_the_broker_for_a_moment_is_believed_when_it_speaks_again() -> None:
    """Its process went on, so what it said before still holds; the will came from the broker."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a", "b"), NOW_S)
    agent.polls(1.0, device="a")
    failed(agent, 1.0, device="b", pause_s=60.0)
    latest.apply_status(hello("gw-3", online=False), NOW_S + 2.0)
    latest.apply_status(hello("gw-3", "a", "b"), NOW_S + 3.0)
    assert up(latest, 3.0) == {"cas1/a gw-3": "?", "cas1/b gw-3": "?"}
    agent.polls(4.0, device="a")
    assert up(latest, 4.0) == {"cas1/a gw-3": "1", "cas1/b gw-3": "0"}


def test_what_waited_in_a_queue_while_the_connection_was_lost_says_nothing_about_now() -> None:
    """Its readings are shown until they expire; that the device is up is not."""
    latest = connected()
    agent = Agent(latest)
    waiting = agent.made(1.0)
    latest.note_disconnected(NOW_S + 2.0)
    assert agent.arrives(waiting, 1.5) == "live"
    latest.note_connected(NOW_S + 3.0)
    assert up(latest, 3.0) == {"cas1/cdu-07 gw-3": "?"}
    agent.polls(4.0)
    assert up(latest, 4.0) == {"cas1/cdu-07 gw-3": "1"}


def test_a_collector_just_started_calls_nobody_silent_for_three_intervals() -> None:
    """Retained documents and statuses alone do not make a device up or down, and a broker may have lost the will of an agent."""
    latest = connected()
    slow = msgspec.structs.replace(document("slow"), intervals={"slow": 60.0})
    for each in (document("fast"), slow):
        latest.apply_document("cas1", each)
    latest.apply_status(hello("gw-3", "fast", "slow", "never-described"), NOW_S)
    assert up(latest, 29.9) == {"cas1/fast gw-3": "?", "cas1/slow gw-3": "?"}
    assert causes(latest, 29.9) == {"starting": 2, "agent_up": 1}
    assert causes(latest, 30.0) == {"starting": 1, "device_silent": 1, "agent_up": 1}
    assert causes(latest, 179.9) == {"starting": 1, "device_silent": 1, "agent_up": 1}
    assert causes(latest, 180.0) == {"agent_silent": 2, "agent_up": 0}
    Agent(latest).polls(181.0, device="slow")
    assert causes(latest, 181.0) == {"device_silent": 1, "agent_up": 1}


def test_an_agent_that_is_back_is_believed_once_it_polls_and_nothing_is_red_before() -> None:
    """Its last words before it died may have been that it reaches nothing any more."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.polls(1.0, device="a")
    failed(agent, 2.0, pause_s=60.0)
    assert up(latest, 2.0) == {"cas1/a gw-3": "0"}
    latest.apply_status(hello("gw-3", online=False), NOW_S + 3.0)
    assert (up(latest, 3.0), causes(latest, 3.0)) == ({"cas1/a gw-3": "?"}, {"agent_offline": 1, "agent_up": 0})
    latest.apply_status(hello("gw-3", "a", epoch="f"), NOW_S + 5.0)
    assert (up(latest, 5.0), causes(latest, 5.0)) == ({"cas1/a gw-3": "?"}, {"starting": 1, "agent_up": 1})
    Agent(latest, epoch="f").polls(6.0, device="a")
    assert (up(latest, 6.0), causes(latest, 6.0)) == ({"cas1/a gw-3": "1"}, {"agent_up": 1})


def test_a_restart_without_a_will_voids_old_messages_too_unless_new_ones_came_first() -> None:
    latest = connected()
    agent, restarted = Agent(latest), Agent(latest, epoch="f")
    latest.apply_status(hello("gw-3", "a", "b"), NOW_S)
    agent.polls(0.0, device="b")
    agent.polls(15.0, device="a")  # fresh until 45 s
    restarted.polls(31.0, device="b")
    latest.apply_status(hello("gw-3", "a", "b", epoch="f"), NOW_S + 31.0)
    assert up(latest, 31.0) == {"cas1/a gw-3": "?", "cas1/b gw-3": "1"}
    # The broker repeats a retained status, and agents send theirs with every account: nothing starts over.
    latest.apply_status(hello("gw-3", "a", "b", epoch="f"), NOW_S + 32.0)
    assert up(latest, 32.0) == {"cas1/a gw-3": "?", "cas1/b gw-3": "1"}


def test_a_message_that_overtakes_the_end_of_its_agent_does_not_count_as_current() -> None:
    """Behind a shared subscription a batch may come after the will of its agent."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    latest.apply_status(hello("gw-3", online=False), NOW_S + 1.0)
    agent.polls(1.1, device="a")
    latest.apply_status(hello("gw-3", "a"), NOW_S + 2.0)
    assert up(latest, 2.0) == {"cas1/a gw-3": "?"}


def test_an_agent_that_hangs_is_one_cause_and_a_device_it_no_longer_mentions_another() -> None:
    latest = connected()
    agent, other = Agent(latest), Agent(latest, "gw-4")
    for each, devices in ((agent, "ab"), (other, "x")):
        latest.apply_status(hello(each.name, *devices), NOW_S)

    def report(after_s: float) -> None:
        own = agent.made(after_s, device="gw-3", device_class="agent", values={}, poll=("normal", 10.0))
        agent.arrives(own, after_s)

    for after_s in range(0, 60, 10):
        report(float(after_s))
        other.polls(float(after_s), device="x")
        agent.polls(float(after_s), device="a")
        if after_s < 20:
            agent.polls(float(after_s), device="b")
    assert up(latest, 50.0) == {"cas1/a gw-3": "1", "cas1/b gw-3": "?", "cas1/x gw-4": "1"}
    assert causes(latest, 50.0) == {"device_silent": 1, "agent_up": 1}
    # A device polled every minute is still fresh when its agent has hung for half a minute.
    agent.arrives(agent.made(50.0, device="b", poll=("slow", 60.0)), 50.0)
    assert causes(latest, 79.9) == {"agent_up": 1}
    assert causes(latest, 80.0) == {"agent_silent": 1, "agent_up": 0}
    assert up(latest, 80.0) == {"cas1/a gw-3": "?", "cas1/b gw-3": "1", "cas1/x gw-4": "?"}
    report(81.0)
    assert causes(latest, 81.0) == {"device_silent": 1, "agent_up": 1}


@pytest.mark.parametrize(
    ("pause_s", "duration_s", "down_for_s"),
    [
        (1.0, 0.02, 30.0),
        (60.0, 6.0, 198.0),
        (5.0, 30.0, 105.0),
        (3600.0, 0.0, 180.0),  # a failed hourly poll of a device that is not given up yet
        (60.0, 1e9, 270.0),
    ],
)
def test_a_device_that_does_not_answer_is_down_between_the_attempts_that_its_agent_announces(
    pause_s: float, duration_s: float, down_for_s: float
) -> None:
    """Neither up nor unknown in between, and not for ever if the agent then hangs."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.arrives(agent.made(0.0, device="a", poll=("normal", 10.0)), 0.0)
    failed(agent, 1.0, pause_s=pause_s, duration_s=duration_s)
    assert up(latest, 1.0 + down_for_s - 0.1) == {"cas1/a gw-3": "0"}
    assert up(latest, 1.0 + down_for_s) == {"cas1/a gw-3": "?"}
    agent.polls(300.0, device="a")
    assert (up(latest, 329.9), up(latest, 330.0)) == ({"cas1/a gw-3": "1"}, {"cas1/a gw-3": "?"})


def test_a_document_of_an_agent_that_is_gone_for_good_is_a_silent_agent() -> None:
    """Until somebody has it forgotten."""
    latest = connected()
    latest.apply_document("cas1", document())
    assert causes(latest, 29.9) == {"starting": 1}
    assert causes(latest, 30.0) == {"agent_silent": 1, "agent_up": 0}
    assert latest.remove_agent("cas1", "gw-3")
    assert not latest.remove_agent("cas1", "gw-3")
    assert samples(latest, 30.0) == {}


def test_the_readings_of_an_unknown_device_stay_until_they_expire() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "cdu-07"), NOW_S)
    agent.polls(0.0)
    latest.apply_status(hello("gw-3", online=False), NOW_S + 1.0)
    series = 'dcim_cdu_supply_temperature_celsius{site="cas1",device="cdu-07",loop="secondary"}'
    assert samples(latest, 29.9)[series] == "32.0"
    assert series not in samples(latest, 30.0)
    assert samples(latest, 30.0)['dcim_device_info{site="cas1",device="cdu-07",agent="gw-3",device_class="cdu"}'] == "1"


def test_a_device_that_the_restarted_agent_has_not_polled_is_neither_up_nor_down() -> None:
    """Its last answer was to the process before, half a second ago."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a", "b"), NOW_S)
    for device in "ab":
        agent.polls(1.0, device=device)
    latest.apply_status(hello("gw-3", "a", "b", epoch="f"), NOW_S + 1.2)
    again = Agent(latest, epoch="f")
    again.polls(1.5, device="a")
    a, b = latest.devices()
    assert (latest.up(a, NOW_S + 1.5), latest.up(b, NOW_S + 1.5)) == (True, None)


def test_a_device_polled_once_a_minute_is_not_called_silent_until_three_minutes_after_the_collector_was_behind() -> (
    None
):
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a", "fast"), NOW_S)
    agent.arrives(agent.made(1.0, device="a", poll=("slow", 60.0)), 1.0)
    latest.note_behind(NOW_S + 130.0)
    agent.polls(200.0, device="fast")
    assert causes(latest, 200.0) == {"collector": 1, "agent_up": 1}
    agent.polls(310.0, device="fast")
    assert causes(latest, 310.0) == {"device_silent": 1, "agent_up": 1}


def test_no_agent_is_called_silent_for_what_it_could_not_say_while_the_collector_was_away() -> None:
    """Nor one that reports about itself: after a broken connection, too, it has three of its intervals."""
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.arrives(agent.made(1.0, device="gw-3", values={}, poll=("fast", 10.0), device_class="agent"), 1.0)
    latest.note_disconnected(NOW_S + 2.0)
    latest.note_connected(NOW_S + 100.0)
    assert samples(latest, 129.9)['dcim_agent_up{site="cas1",agent="gw-3"}'] == "1"
    assert samples(latest, 130.0)['dcim_agent_up{site="cas1",agent="gw-3"}'] == "0"


def test_an_agent_that_was_off_for_an_hour_is_not_called_silent_when_it_is_back() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.arrives(agent.made(1.0, device="gw-3", values={}, poll=("fast", 10.0), device_class="agent"), 1.0)
    latest.apply_status(hello("gw-3", online=False), NOW_S + 2.0)
    latest.apply_status(hello("gw-3", "a", epoch="f"), NOW_S + 3600.0)
    assert samples(latest, 3600.0)['dcim_agent_up{site="cas1",agent="gw-3"}'] == "1"
    assert samples(latest, 3629.9)['dcim_agent_up{site="cas1",agent="gw-3"}'] == "1"
    assert samples(latest, 3630.0)['dcim_agent_up{site="cas1",agent="gw-3"}'] == "0"


def test_a_connection_that_is_noted_again_as_open_does_not_start_over() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a", "b"), NOW_S)
    for after_s in (1.0, 40.0):
        agent.polls(after_s, device="a")
    latest.note_connected(NOW_S + 39.0)
    latest.apply_document("cas1", document("b"))
    assert causes(latest, 41.0) == {"device_silent": 1, "agent_up": 1}


def test_the_first_status_of_an_agent_does_not_void_what_it_said_before() -> None:
    """A collector that has just started may receive a poll before the retained status of its agent."""
    latest = connected()
    Agent(latest).polls(1.0, device="a")
    latest.apply_status(hello("gw-3", "a"), NOW_S + 2.0)
    assert up(latest, 2.0) == {"cas1/a gw-3": "1"}


def test_after_a_restart_within_a_minute_of_silence_the_first_poll_is_still_to_come() -> None:
    """The agent was replaced by another process, and nothing said that the one before had ended."""
    latest = connected()
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    Agent(latest).polls(1.0, device="a")
    latest.apply_status(hello("gw-3", "a", epoch="f"), NOW_S + 100.0)
    assert causes(latest, 100.0) == {"starting": 1, "agent_up": 1}
    assert causes(latest, 130.0) == {"agent_silent": 1, "agent_up": 0}


def test_a_device_whose_interval_was_raised_counts_as_observed_for_three_of_the_new_ones() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.arrives(agent.made(1.0, device="a", poll=("fast", 10.0)), 1.0)
    assert up(latest, 1.0) == {"cas1/a gw-3": "1"}
    agent.arrives(agent.made(11.0, device="a", poll=("fast", 60.0)), 11.0)
    assert up(latest, 190.9) == {"cas1/a gw-3": "1"}
    assert up(latest, 191.0) == {"cas1/a gw-3": "?"}


def test_a_class_that_is_switched_off_does_not_say_how_long_the_first_poll_may_take() -> None:
    """An interval of 0 says that the class is not polled."""
    latest = connected()
    latest.apply_document("cas1", msgspec.structs.replace(document("a"), intervals={"fast": 0.0, "slow": 60.0}))
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    assert causes(latest, 179.9) == {"starting": 1, "agent_up": 1}


def test_an_agent_whose_only_device_is_polled_rarely_is_not_called_silent_between_two_polls() -> None:
    latest = connected()
    agent = Agent(latest)
    agent.arrives(agent.made(1.0, device="a", poll=("slow", 60.0)), 1.0)
    is_up = 'dcim_agent_up{site="cas1",agent="gw-3"}'
    assert samples(latest, 50.0)[is_up] == samples(latest, 100.0)[is_up] == "1", "its status has not come yet"
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    for after_s in (50.0, 100.0, 180.0):
        assert causes(latest, after_s) == {"agent_up": 1}
    assert causes(latest, 181.0) == {"agent_silent": 1, "agent_up": 0}


def test_a_device_that_comes_and_goes_after_the_first_look_is_counted_as_long_as_it_is_there() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a", "b"), NOW_S)
    agent.polls(1.0, device="a")
    assert causes(latest, 1.0) == {"agent_up": 1}
    agent.polls(2.0, device="b")
    agent.polls(40.0, device="a")
    assert causes(latest, 40.0) == {"device_silent": 1, "agent_up": 1}
    assert latest.remove_device("cas1", "gw-3", "b")
    assert causes(latest, 40.0) == {"agent_up": 1}


def test_the_restart_of_one_agent_voids_nothing_that_another_one_said() -> None:
    latest = connected()
    agents = Agent(latest), Agent(latest, "gw-4", epoch="x")
    for agent, device in zip(agents, "ab", strict=True):
        latest.apply_status(hello(agent.name, device, epoch=agent.epoch), NOW_S)
        agent.polls(1.0, device=device)
    latest.apply_status(hello("gw-3", "a", epoch="f"), NOW_S + 2.0)
    assert up(latest, 2.0) == {"cas1/a gw-3": "?", "cas1/b gw-4": "1"}


def test_a_device_that_answered_until_now_is_down_for_as_long_as_its_agent_pauses() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.polls(1.0, device="a")
    failed(agent, 2.0, device="a", pause_s=60.0)
    assert up(latest, 2.0) == up(latest, 150.0) == {"cas1/a gw-3": "0"}
    agent.polls(151.0, device="a")
    assert up(latest, 180.9) == {"cas1/a gw-3": "1"}
    assert up(latest, 181.1) == {"cas1/a gw-3": "?"}


def test_how_often_a_device_is_polled_says_its_polls_and_not_its_description() -> None:
    latest = connected()
    latest.apply_document("cas1", msgspec.structs.replace(document("a"), intervals={"safety": 60.0}))
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    agent.polls(1.0, device="a")
    assert up(latest, 31.0) == {"cas1/a gw-3": "?"}


def test_a_device_that_was_described_anew_has_three_of_its_new_intervals_for_its_first_poll() -> None:
    """Its agent was told to poll it less often before it had polled it at all."""
    latest = connected()
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    for seconds in (1.0, 60.0):
        latest.apply_document("cas1", msgspec.structs.replace(document("a"), intervals={"normal": seconds}))
        assert causes(latest, 29.9) == {"starting": 1, "agent_up": 1}
    assert causes(latest, 179.9)["starting"] == 1
    assert "starting" not in causes(latest, 180.0)


def test_an_old_status_that_comes_again_makes_no_device_of_the_new_process_unknown() -> None:
    """The new process has polled before its own status came, and the broker sends the retained one on each connection."""
    latest = connected()
    latest.apply_status(hello("gw-3", "a", epoch="old"), NOW_S)
    agent = Agent(latest, epoch="new")
    agent.polls(1.0, device="a")
    latest.apply_status(hello("gw-3", "a", epoch="old"), NOW_S + 2.0)
    assert up(latest, 3.0) == {"cas1/a gw-3": "1"}


def test_a_device_that_fails_slowly_is_down_until_its_next_attempt_though_its_interval_stays_the_same() -> None:
    latest = connected()
    agent = Agent(latest)
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    failed(agent, 1.0, pause_s=60.0, duration_s=0.0)
    assert up(latest, 2.0) == {"cas1/a gw-3": "0"}
    failed(agent, 3.0, pause_s=60.0, duration_s=30.0)
    assert up(latest, 272.9) == {"cas1/a gw-3": "0"}
    assert up(latest, 273.0) == {"cas1/a gw-3": "?"}


def test_each_cause_is_named_in_words_on_the_page_and_in_figures_that_are_unknown_for_it() -> None:
    assert {cause: words_of(cause, "gw-3") for cause in CAUSES} == {
        "broker": "no connection to the broker",
        "agent_offline": "agent gw-3 is offline",
        "starting": "waiting for the first poll by agent gw-3",
        "collector": "the collector does not keep up with what comes",
        "agent_silent": "agent gw-3 is silent",
        "device_silent": "agent gw-3 says nothing about it",
    }
