"""Agents beside each other, at one site and as namesakes at two: what one of them says or does makes no device of another unknown."""

from tests.collector.latest.test_observed import connected
from tests.collector.polls import NOW_S, Agent, hello, up


def test_the_restart_of_one_agent_voids_nothing_that_another_one_said() -> None:
    latest = connected()
    agents = Agent(latest), Agent(latest, "gw-4", epoch="x")
    for agent, device in zip(agents, "ab", strict=True):
        latest.apply_status(hello(agent.name, device, epoch=agent.epoch), NOW_S)
        agent.polls(1.0, device=device)
    latest.apply_status(hello("gw-3", "a", epoch="f"), NOW_S + 2.0)
    assert up(latest, 2.0) == {"cas1/a gw-3": "?", "cas1/b gw-4": "1"}


def test_the_restart_of_an_agent_voids_nothing_of_its_namesake_at_another_site() -> None:
    latest = connected()
    for site in ("cas1", "cas2"):
        latest.apply_status(hello("gw-3", "a", site=site), NOW_S)
        Agent(latest, site=site).polls(1.0, device="a")
    latest.apply_status(hello("gw-3", "a", epoch="f"), NOW_S + 2.0)
    assert up(latest, 2.0) == {"cas1/a gw-3": "?", "cas2/a gw-3": "1"}


def test_devices_are_counted_at_their_own_of_two_agents_of_one_name() -> None:
    latest = connected()
    for site, devices in (("cas1", "abc"), ("cas2", "ab")):
        latest.apply_status(hello("gw-3", *devices, site=site), NOW_S)
        for device in devices:
            Agent(latest, site=site).polls(1.0, device=device)
    for site, devices in (("cas1", "c"), ("cas2", "b")):
        Agent(latest, site=site, seq=1).polls(60.0, device=devices)
    counts = latest.observe(NOW_S + 60.0).counts
    assert counts == {("cas1", "gw-3"): {"device_silent": 2}, ("cas2", "gw-3"): {"device_silent": 1}}


def test_what_is_asked_about_one_site_says_nothing_of_another() -> None:
    latest = connected()
    for site in ("cas1", "cas2"):
        Agent(latest, site=site).polls(1.0, device="a")
    found = latest.observe(NOW_S + 100.0, "cas1")
    assert found.causes == {("cas1", "a"): "agent_silent"}
    assert (set(found.agents_up), set(found.counts)) == ({("cas1", "gw-3")}, {("cas1", "gw-3")})
