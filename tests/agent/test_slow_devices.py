"""Devices that answer, but not within their interval: they are polled as often as they can be, and are not reported as down."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from agent.config import AgentConfig
from agent.context import AgentContext
from agent.loop import DeviceLoop
from agent.poll import PollerFactory
from agent.profile import parse_profile
from agent.self_metrics import Counters
from rackflow import Batch, decode
from rackflow.catalogue import PollClass
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.config import check_config
from tests.agent.faulty_peers import FaultyAgent, FaultyModbus, integer
from tests.agent.poll.faulty_units import Unit
from tests.jumping import turning

INTERVAL_S = 0.3
TREE = "1.3.6.1.4.1.99999"
CARD = f"""
version: 1
profile: card
class: ups
protocol: snmp
title: A UPS with a slow card
source: a manual
evidence: unverified
recognise: {{subtrees: [{TREE}]}}
points:
  - {{metric: dcim_ups_battery_temperature_celsius, oid: {TREE}.1.0, unit: celsius, poll: safety}}
  - {{metric: dcim_ups_battery_charge_ratio, oid: {TREE}.2.0, unit: percent, poll: safety}}
  - {{metric: dcim_ups_battery_voltage_volts, oid: {TREE}.3.0, unit: volt, poll: safety}}
"""
PROFILES = {
    "wired": parse_profile(
        """
version: 1
profile: wired
class: cdu
protocol: modbus
title: A unit on a line
source: a manual
evidence: unverified
points:
  - {metric: dcim_cdu_leak_detected, labels: {detector: internal}, register: 4, bit: 0}
""",
        "wired.yaml",
    ),
    "card": parse_profile(
        CARD,
        "card.yaml",
    ),
}
PROFILES["card-and-more"] = parse_profile(
    CARD.replace("profile: card", "profile: card-and-more").replace("volt, poll: safety", "volt, poll: slow"),
    "card-and-more.yaml",
)


@dataclass
class SlowAgent(FaultyAgent):
    """Answers each request after so many seconds."""

    delay_s: float = 0.0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one request, later."""
        asyncio.get_running_loop().call_later(self.delay_s, super().datagram_received, data, addr)


async def polled(
    devices: Sequence[dict[str, object]], polls: int, intervals: Mapping[PollClass, float] | None = None
) -> tuple[list[Batch], Counters]:
    """Polls these devices every INTERVAL_S until each of them has as many batches. Returns these, and what was counted.

    Time goes by the turns of the loop, in which the devices answer, too: that a busy machine is late must make none of them late.
    """
    whole = {
        "agent": "gw-1",
        "labels": {"site": "t1"},
        "credentials": {"c": {"community": "public"}},
        "devices": list(devices),
    }
    config = check_config(whole, AgentConfig, "test")
    counters, outbox = Counters(), MemoryOutbox("E", 1 << 20)
    context = AgentContext(
        site="t1",
        agent="gw-1",
        epoch="E",
        outbox=outbox,
        counters=counters,
        announce=lambda _: None,
        clock=asyncio.get_running_loop().time,
    )
    factory = PollerFactory(PROFILES)
    loops = [
        DeviceLoop(each, {"site": "t1"}, intervals or {"safety": INTERVAL_S}, factory(config, each), context)
        for each in config.devices
    ]
    tasks = [asyncio.ensure_future(each.run()) for each in loops]
    batches: list[Batch] = []
    try:
        async with turning(0.002, turns=5), asyncio.timeout(600):
            while min(Counter(each.device for each in batches)[device.id] for device in config.devices) < polls:
                message = await outbox.take()
                if message.topic.split("/")[4] == "batch":
                    batches.append(decode(message.payload, Batch))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return batches, counters


async def test_units_on_a_line_that_is_too_slow_for_their_interval_are_all_polled_in_turn() -> None:
    """Eight units on one line that takes 0.06 s for each answer: 0.48 s for all of them, of an interval of 0.3 s."""
    unit = Unit({4: 1})
    async with FaultyModbus(lambda frame: [0.06, *unit.reply(frame)]).serving() as line:
        unit_of_line = {"protocol": "modbus", "host": "127.0.0.1", "port": line.port, "profile": "wired"}
        units: list[dict[str, object]] = [unit_of_line | {"id": f"cdu-{at}", "unit": at} for at in range(1, 9)]
        batches, counters = await polled(units, 5)
    assert {each.error for each in batches} == {None}
    assert {value for each in batches for value in each.values.values()} == {1.0}
    assert counters.overruns > 0
    # Receivers are told that the next one comes later than configured.
    assert max(each.interval_s for each in batches) > 1.2 * INTERVAL_S


async def test_a_card_that_needs_longer_than_its_interval_for_all_requests_of_a_poll_is_polled_late() -> None:
    """Three requests of one object, each answered after 0.15 s: 0.45 s of an interval of 0.3 s."""
    objects = {f"{TREE}.{at}.0": integer(40 + at) for at in (1, 2, 3)}
    async with SlowAgent(objects, delay_s=0.15).serving() as card:
        ups = {"id": "ups-1", "host": "127.0.0.1", "port": card.port, "credential": "c", "max_varbinds": 1}
        batches, counters = await polled([ups | {"profile": "card"}], 4)
    assert {each.error for each in batches} == {None}
    assert all(each.values["dcim_ups_battery_voltage_volts"] == 43.0 for each in batches)
    assert counters.overruns > 0


@pytest.mark.parametrize("slow", [True, False], ids=["and a class that is polled seldom", "and nothing else"])
async def test_a_card_that_answers_within_its_timeout_and_later_than_its_interval_is_read(slow: bool) -> None:  # noqa: FBT001
    """What a UPS says each second of its mains must be read although its card takes 1.9 s; here both are shorter."""
    objects = {f"{TREE}.{at}.0": integer(40 + at) for at in (1, 2, 3)}
    async with SlowAgent(objects, delay_s=2 * INTERVAL_S).serving() as card:
        ups = {"id": "ups-1", "host": "127.0.0.1", "port": card.port, "credential": "c"}
        profile = "card-and-more" if slow else "card"
        batches, _ = await polled([ups | {"profile": profile}], 6, {"safety": INTERVAL_S, "slow": 60.0})
    safety = [each for each in batches if each.poll == "safety"]
    # That it is slow is only known once it has answered something after a poll that was ended too early.
    assert {each.error for each in safety[3:]} == {None}
    assert all(len(each.values) >= 2 for each in safety[3:])
