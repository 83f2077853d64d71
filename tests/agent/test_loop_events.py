"""Events of one device: when it is down, when it answers again, and each change of a state."""

import pytest

from agent.loop import MAX_STATE_EVENTS
from agent.readings import Identified, Identity, Readings
from rackflow import Event
from rackflow.errors import DeviceTimeout, DeviceUnreachable
from tests.agent.device_life import BATTERY, IDENTIFIED, LABELS, NORMAL, SOURCE, ScriptedDevice, living


async def test_down_is_reported_once_with_the_third_failure_and_up_once_with_the_first_success() -> None:
    script = ScriptedDevice([NORMAL, *[DeviceTimeout(f"no answer {at}") for at in range(1, 4)], NORMAL])
    script.opens = [IDENTIFIED, DeviceUnreachable("refused"), DeviceUnreachable("refused"), IDENTIFIED]
    async with living(script) as life:
        await life.hear(8)
    down = ["up", "timeout", "timeout", "timeout", "down", "unreachable", "unreachable"]
    assert life.course() == [*down, "up", "up", "up"]
    events = [each for each in life.said if isinstance(each, Event)]
    assert [each.kind for each in events] == ["down", "up"]
    assert (events[0].text, events[0].device_class, events[0].labels) == ("no answer 3", "ups", LABELS)
    assert (events[0].series, events[0].old, events[0].new, events[1].text) == ("", "", "", "")
    assert (events[0].time, events[0].epoch, events[0].agent) == (1_800_000_000_123, "E", "gw-1")
    assert script.asked[:7] == ["open", "safety", "safety", "safety", "safety", "open", "open"]


async def test_two_failures_are_no_edge() -> None:
    lost = DeviceTimeout("no answer")
    async with living(ScriptedDevice([NORMAL, lost, lost, NORMAL, lost, lost, NORMAL])) as life:
        await life.hear(7)
    assert life.course()[:7] == ["up", "timeout", "timeout", "up", "timeout", "timeout", "up"]
    assert life.events() == []


@pytest.mark.parametrize(("text", "published"), [("x" * 500, "x" * 200), ("no \x1b[2J\nanswer", "no [2Janswer")])
async def test_a_text_of_any_length_fits_an_event_without_control_characters(text: str, published: str) -> None:
    async with living(ScriptedDevice([NORMAL], [DeviceTimeout(text)])) as life:
        await life.hear(4)
    (down,) = (each for each in life.said if isinstance(each, Event))
    assert down.text == published


async def test_each_change_of_a_state_is_reported_once_with_what_it_was() -> None:
    states: list[dict[str, str]] = [
        {SOURCE: "normal"},
        {SOURCE: "normal"},
        {SOURCE: "battery", BATTERY: "low"},  # a state that is new is no change
        {SOURCE: "battery", BATTERY: "low"},
        {BATTERY: "normal"},
        {SOURCE: "normal", BATTERY: "normal"},  # changed while it was away
        {SOURCE: "bypass", BATTERY: "low"},
    ]
    async with living(ScriptedDevice([Readings(states=each) for each in states])) as life:
        await life.hear(9)
    assert life.events() == [
        ("state", SOURCE, "normal", "battery"),
        ("state", BATTERY, "low", "normal"),
        ("state", SOURCE, "battery", "normal"),
        ("state", SOURCE, "normal", "bypass"),
        ("state", BATTERY, "normal", "low"),
    ]
    assert life.course()[:5] == ["up", "up", "up", "state", "up"]


async def test_a_change_across_an_outage_is_reported() -> None:
    lost = DeviceTimeout("no answer")
    script = ScriptedDevice([NORMAL, lost, lost, lost, Readings(states={SOURCE: "battery"})])
    async with living(script) as life:
        await life.hear(6)
    assert life.course()[:8] == ["up", "timeout", "timeout", "timeout", "down", "up", "up", "state"]
    assert life.events()[-1] == ("state", SOURCE, "normal", "battery")


async def test_states_of_one_poll_class_are_no_news_for_another() -> None:
    both = Identified("memory", "ups", Identity(), frozenset({"safety", "fast"}))
    fast, safety = Readings(states={BATTERY: "low"}), Readings(states={SOURCE: "normal"})
    script = ScriptedDevice([safety, fast, safety], [both])
    async with living(script, {"safety": 0.02, "fast": 3600.0}) as life:
        await life.hear(5)
    assert script.asked[:4] == ["open", "safety", "fast", "safety"]
    assert [batch.poll for batch in life.batches()[:3]] == ["safety", "fast", "safety"]
    assert [batch.interval_s for batch in life.batches()[:3]] == [0.02, 3600.0, 0.02]
    assert life.events() == []


async def test_a_device_whose_states_are_noise_reports_a_bounded_number_of_changes_a_poll() -> None:
    def states(state: str) -> Readings:
        return Readings(states={f"dcim_pdu_outlet_state{{outlet={at}}}": state for at in range(1000)})

    async with living(ScriptedDevice([states("on"), states("off"), NORMAL])) as life:
        await life.hear(3)
    assert len(life.events()) == MAX_STATE_EVENTS
    assert life.counters.events_dropped == 1000 - MAX_STATE_EVENTS
    assert life.batches()[1].states == states("off").states
