"""Several agents and sites at one collector: what one says of its own devices touches nobody else's."""

import msgspec
import pytest

from collector.latest import Latest
from collector.latest.shelf_life import shelf_life_s
from tests.collector.documents import FLOW, SUPPLY, document
from tests.collector.polls import NOW_S, Agent, hello, labels_of, samples, shown, up, wall_ms


def test_a_status_forgets_only_what_its_own_agent_no_longer_polls() -> None:
    """Two agents at one site, and one of the same name at another site."""
    latest = Latest(1000)
    for agent, devices in ((Agent(latest), "abc"), (Agent(latest, "gw-4"), "xy"), (Agent(latest, site="cas2"), "ab")):
        for device in devices:
            agent.polls(0.0, device=device)
    latest.apply_status(hello("gw-3", "a", "c"), NOW_S)
    assert sorted(up(latest, 1.0)) == [
        "cas1/a gw-3",
        "cas1/c gw-3",
        "cas1/x gw-4",
        "cas1/y gw-4",
        "cas2/a gw-3",
        "cas2/b gw-3",
    ]
    latest.apply_status(hello("gw-4", "y"), NOW_S)
    assert sorted(shown(latest, 1.0)) == ["cas1/a", "cas1/c", "cas1/y", "cas2/a", "cas2/b"]
    latest.apply_status(hello("gw-3", site="cas2"), NOW_S)
    assert sorted(shown(latest, 1.0)) == ["cas1/a", "cas1/c", "cas1/y"]


def test_of_an_agent_that_goes_only_its_own_devices_are_unknown_and_none_is_forgotten() -> None:
    latest = Latest(1000)
    one, other, elsewhere = Agent(latest), Agent(latest, "gw-4"), Agent(latest, site="cas2")
    for agent, device in ((one, "a"), (other, "x"), (elsewhere, "a")):
        latest.apply_status(hello(agent.name, device, site=agent.site), NOW_S)
        agent.polls(0.0, device=device)
    latest.apply_status(hello("gw-3", online=False), NOW_S)
    assert up(latest, 1.0) == {"cas1/a gw-3": "?", "cas1/x gw-4": "1", "cas2/a gw-3": "1"}
    latest.apply_status(hello("gw-3", online=False), NOW_S)
    assert up(latest, 1.0)["cas1/a gw-3"] == "?"
    latest.apply_status(hello("gw-3", "a"), NOW_S + 1.0)
    assert up(latest, 1.0)["cas1/a gw-3"] == "?"
    one.polls(1.0, device="a")
    assert up(latest, 1.0) == {"cas1/a gw-3": "1", "cas1/x gw-4": "1", "cas2/a gw-3": "1"}


def test_the_will_of_an_earlier_epoch_does_not_change_the_present_one() -> None:
    """A broker may deliver it after the hello; without a hello before, it is all there is to believe."""
    latest = Latest(1000)
    agent = Agent(latest, epoch="new")
    latest.apply_status(hello("gw-3", online=False, epoch="old"), NOW_S)
    agent.polls(0.0)
    assert up(latest, 0.0) == {"cas1/cdu-07 gw-3": "?"}
    latest.apply_status(hello("gw-3", "cdu-07", epoch="new"), NOW_S + 0.5)
    latest.apply_status(hello("gw-3", online=False, epoch="old"), NOW_S)
    assert up(latest, 0.0) == {"cas1/cdu-07 gw-3": "?"}
    agent.polls(1.0)
    assert up(latest, 0.0) == {"cas1/cdu-07 gw-3": "1"}
    assert samples(latest, 0.0)['dcim_agent_up{site="cas1",agent="gw-3"}'] == "1"
    latest.apply_status(hello("gw-3", online=False, epoch="new"), NOW_S)
    assert up(latest, 0.0) == {"cas1/cdu-07 gw-3": "?"}


def test_a_device_that_moves_to_another_agent_is_the_other_one_s_from_its_first_poll_on() -> None:
    """Whether it may move is decided before (collector.receive.owners). The agent that had it neither removes it nor takes it down."""
    latest = Latest(1000)
    one, other = Agent(latest), Agent(latest, "gw-4")
    latest.apply_status(hello("gw-3", "cdu-07"), NOW_S)
    one.polls(0.0, 1.0)
    other.polls(1.0, 2.0)
    assert (shown(latest, 1.0), up(latest, 1.0)) == ({"cas1/cdu-07": "2.0"}, {"cas1/cdu-07 gw-4": "1"})
    latest.apply_status(hello("gw-3"), NOW_S)
    latest.remove_device("cas1", "gw-3", "cdu-07")
    latest.apply_status(hello("gw-3", online=False), NOW_S)
    assert (shown(latest, 1.0), up(latest, 1.0)) == ({"cas1/cdu-07": "2.0"}, {"cas1/cdu-07 gw-4": "1"})
    latest.apply_status(hello("gw-4"), NOW_S)
    assert up(latest, 2.0) == {}


def test_of_two_epochs_that_no_status_names_the_one_with_the_later_time_is_shown() -> None:
    """An agent's status may come behind its first polls, or never where the broker lost it."""
    latest = Latest(1000)
    one, before, after = Agent(latest, epoch="b"), Agent(latest, epoch="a", clock_s=-60.0), Agent(latest, epoch="c")
    one.polls(0.0, 1.0)
    before.polls(1.0, 2.0)
    assert shown(latest, 1.0) == {"cas1/cdu-07": "1.0"}
    after.polls(2.0, 3.0)
    assert shown(latest, 2.0) == {"cas1/cdu-07": "3.0"}


@pytest.mark.parametrize("clock_s", [-20.0, 0.0, 3600.0])
def test_nothing_of_the_former_agent_stays_with_a_device_that_moved_whatever_the_clocks_say(clock_s: float) -> None:
    """Its readings, its numbers and its times say nothing about those of the other one."""
    latest = Latest(1000)
    one, other = Agent(latest, clock_s=clock_s), Agent(latest, "gw-4", seq=-5)
    one.arrives(one.made(0.0, values={SUPPLY: 1.0, FLOW: 0.1}), 0.0)
    size = latest.size
    other.arrives(other.made(1.0, values={SUPPLY: 2.0}), 1.0)
    assert (shown(latest, 1.0), up(latest, 1.0)) == ({"cas1/cdu-07": "2.0"}, {"cas1/cdu-07 gw-4": "1"})
    assert latest.size == size - 1


def test_an_identity_follows_its_device_to_another_agent_unless_it_is_older() -> None:
    """A broker may deliver retained documents in any order."""
    latest = Latest(1000)

    def described(agent: str, model: str, after_s: float, device_class: str = "cdu") -> None:
        one = msgspec.structs.replace(
            document(model=model), agent=agent, time=wall_ms(after_s), device_class=device_class, labels={"row": model}
        )
        assert latest.apply_document("cas1", one)

    def info() -> tuple[str, str]:
        [line] = [series for series in samples(latest, 0.0) if series.startswith("dcim_device_info")]
        labels = labels_of(line)
        assert labels["row"] == labels["model"]
        return labels["agent"], f"{labels['model']} {labels['device_class']}"

    described("gw-3", "new", 10.0)
    assert info() == ("gw-3", "new cdu")
    described("gw-3", "old", 9.0, "pdu")
    assert info() == ("gw-3", "new cdu")
    described("gw-3", "same", 10.0, "crah")
    assert info() == ("gw-3", "same crah")
    described("gw-3", "newer", 11.0)
    assert info() == ("gw-3", "newer cdu")
    described("gw-4", "moved", 1.0, "pdu")
    assert info() == ("gw-4", "moved pdu")


def test_two_sites_whose_devices_share_names_are_not_mixed_up() -> None:
    latest = Latest(1000)
    here, there = Agent(latest), Agent(latest, site="cas2")
    here.polls(0.0, 1.0)
    there.polls(1.0, 2.0)
    assert shown(latest, 1.0) == {"cas1/cdu-07": "1.0", "cas2/cdu-07": "2.0"}
    assert [device.site for device in latest.devices_of("cas1")] == ["cas1"]
    assert [device.site for device in latest.devices_of("cas2")] == ["cas2"]
    assert [reading.value for reading in latest.readings_of("cas2", "cdu-07").values()] == [2.0]
    assert latest.readings_of("cas3", "cdu-07") == {}
    latest.apply_document("cas2", document(model="there"))
    assert {device.site: device.document for device in latest.devices()}["cas1"] is None
    latest.remove_device("cas1", "gw-3", "cdu-07")
    latest.remove_device("cas3", "gw-3", "cdu-07")
    assert shown(latest, 1.0) == {"cas2/cdu-07": "2.0"}


def test_devices_and_agents_are_listed_by_site_and_name() -> None:
    latest = Latest(1000)
    for site, agent, device in (("b", "g", "y"), ("b", "f", "x"), ("a", "h", "z")):
        Agent(latest, agent, site=site).polls(0.0, device=device)
    assert [(each.site, each.device) for each in latest.devices()] == [("a", "z"), ("b", "x"), ("b", "y")]
    assert [(each.site, each.agent) for each in latest.agents()] == [("a", "h"), ("b", "f"), ("b", "g")]


def test_an_agent_that_is_removed_takes_its_own_metrics_and_its_devices_along() -> None:
    latest = Latest(1000)
    agent, other = Agent(latest), Agent(latest, "gw-4")
    for each in (agent, other):
        own = each.made(0.0, device=each.name, device_class="agent", values={"dcim_agent_devices{state=up}": 3.0})
        each.arrives(own, 0.0)
        latest.apply_status(hello(each.name, f"cdu-{each.name}"), NOW_S)
        each.polls(0.0, device=f"cdu-{each.name}")
    before = latest.size
    latest.remove_agent("cas1", "gw-3")
    latest.remove_agent("cas1", "nobody")
    found = samples(latest, 1.0)
    assert 'dcim_agent_devices{site="cas1",agent="gw-3",state="up"}' not in found
    assert found['dcim_agent_devices{site="cas1",agent="gw-4",state="up"}'] == "3.0"
    assert 'dcim_agent_up{site="cas1",agent="gw-3"}' not in found
    assert up(latest, 1.0) == {"cas1/cdu-gw-4 gw-4": "1"}
    assert latest.size == before / 2


def test_an_agent_that_is_removed_takes_nothing_of_its_namesake_at_another_site_along() -> None:
    latest = Latest(1000)
    for site in ("cas1", "cas2"):
        latest.apply_status(hello("gw-3", "cdu-07", site=site), NOW_S)
        Agent(latest, site=site).polls(0.0)
    assert latest.remove_agent("cas1", "gw-3")
    assert up(latest, 1.0) == {"cas2/cdu-07 gw-3": "1"}
    assert [each.site for each in latest.agents()] == ["cas2"]


def test_what_an_agent_says_of_itself_expires_like_any_reading() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    own = agent.made(0.0, device="gw-3", device_class="agent", values={"dcim_agent_devices{state=up}": 3.0})
    agent.arrives(own, 0.0)
    series = 'dcim_agent_devices{site="cas1",agent="gw-3",state="up"}'
    assert series in samples(latest, 29.9)
    assert series not in samples(latest, 30.0)
    assert latest.size == 0


@pytest.mark.parametrize(
    ("interval_s", "life_s"),
    [(0.5, 30.0), (10.0, 30.0), (10.1, 30.3), (60.0, 180.0), (201_600.0, 604_800.0), (1e9, 604_800.0)],
)
def test_a_reading_is_current_for_three_intervals_at_least_half_a_minute_at_most_a_week(
    interval_s: float, life_s: float
) -> None:
    assert shelf_life_s(interval_s) == pytest.approx(life_s)
    latest = Latest(1000)
    agent = Agent(latest)
    agent.arrives(agent.made(0.0, poll=("safety", interval_s)), 0.0)
    [reading] = latest.readings_of("cas1", "cdu-07").values()
    assert reading.expires_at - NOW_S == pytest.approx(life_s)
    assert reading.life_s == pytest.approx(life_s)
