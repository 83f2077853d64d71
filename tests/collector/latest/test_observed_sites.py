"""Which devices are observed where agents of two sites share their names, and where an agent had gone before the broker went."""

from tests.collector.latest.test_observed import causes, connected
from tests.collector.polls import NOW_S, Agent, hello, up


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


def test_without_the_broker_an_agent_that_said_goodbye_before_is_unknown_for_the_broker_as_well() -> None:
    """It may have come back meanwhile: nobody is to be sent to a machine that may run."""
    latest = connected()
    latest.apply_status(hello("gw-3", "a"), NOW_S)
    Agent(latest).polls(1.0, device="a")
    latest.apply_status(hello("gw-3", online=False), NOW_S + 2.0)
    assert causes(latest, 2.0) == {"agent_offline": 1, "agent_up": 0}
    latest.note_disconnected(NOW_S + 3.0)
    assert causes(latest, 3.0) == {"broker": 1}


def test_what_is_asked_about_one_site_says_nothing_of_another() -> None:
    latest = connected()
    for site in ("cas1", "cas2"):
        Agent(latest, site=site).polls(1.0, device="a")
    found = latest.observe(NOW_S + 100.0, "cas1")
    assert found.causes == {("cas1", "a"): "agent_silent"}
    assert (set(found.agents_up), set(found.counts)) == ({("cas1", "gw-3")}, {("cas1", "gw-3")})
