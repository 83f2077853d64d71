"""What was learnt of a device when it was opened has a shelf life: it is asked again while the device runs on."""

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.poll.plan_age import REPLAN_AFTER_S
from agent.profile import SYS_UPTIME, parse_profile
from tests.agent.faulty_peers import tlv
from tests.agent.memory_peers import MemorySnmp
from tests.agent.poll.test_changed_devices import ROOT, changing, text
from tests.agent.snmp.snmp_clients import MakeClient


@pytest.mark.parametrize(("before", "after"), [("1.0", "1.1"), ("", "1.1")])
async def test_firmware_that_changes_without_a_restart_is_told_within_the_hour(
    client_of: MakeClient, before: str, after: str
) -> None:
    """A UPS is updated beside its card, which runs on; or a card that has just started does not know its UPS yet."""
    async with changing(client_of, changes={f"{ROOT}.9.3": text(before)}) as device:
        device.agent.objects[SYS_UPTIME] = tlv(0x43, b"\x01\x00\x00")
        assert (await device.polled("slow")).reopen == ""
        device.set("9.3", text(after))
        assert (
            await device.polled("slow", after_s=REPLAN_AFTER_S + 1)
        ).reopen == f"firmware was {before!r} and is {after!r}"
        assert (await device.poller.open()).identity.firmware == after
        assert (await device.polled("slow", after_s=REPLAN_AFTER_S + 1)).reopen == ""


async def test_identity_that_a_busy_card_leaves_out_for_once_is_no_change(client_of: MakeClient) -> None:
    async with changing(client_of, changes={f"{ROOT}.9.3": text("1.0")}) as device:
        device.agent.objects[SYS_UPTIME] = tlv(0x43, b"\x01\x00\x00")
        del device.agent.objects[f"{ROOT}.9.3"]
        assert (await device.polled("slow", after_s=REPLAN_AFTER_S + 1)).reopen == ""


TOLD = parse_profile(
    f"""
version: 1
profile: told
class: env
protocol: snmp
title: A device that tells its firmware in two places, and its model in an object that is polled too
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
identity: {{firmware: [{{oid: {ROOT}.5.0}}, {{oid: {ROOT}.6.0}}], model: [{{oid: {ROOT}.7.0}}]}}
points:
  - {{metric: dcim_env_relative_humidity_ratio, labels: {{sensor: a}}, oid: {ROOT}.2.0, unit: percent, poll: slow}}
  - {{metric: dcim_env_voltage_volts, labels: {{sensor: a}}, oid: {ROOT}.7.0, unit: volt, poll: slow}}
""",
    "told.yaml",
)


@pytest.mark.parametrize(
    ("before", "later"),
    [({"7.0": 12, "5.0": b"1.0"}, {"7.0": 12}), ({"7.1": 12, "5.0": b"1.0"}, {"7.1": 12, "5.0": b"1.0"})],
    ids=["left out by a busy card", "under another instance"],
)
async def test_identity_that_can_be_read_in_two_places_opens_no_device_each_hour(
    before: dict[str, int | bytes], later: dict[str, int | bytes]
) -> None:
    now_s, client = [0.0], MemorySnmp({})
    poller = SnmpPoller(
        Device(id="d", host="h", credential="c", profile="told"), {"told": TOLD}, client, lambda: now_s[0]
    )
    for cells in (before, later):
        client.values = {SYS_UPTIME: 100 + int(100 * now_s[0]), f"{ROOT}.2.0": 45, f"{ROOT}.6.0": b"B7"}
        client.values |= {f"{ROOT}.{at}": value for at, value in cells.items()}
        if not now_s[0]:
            assert (await poller.open()).identity.firmware == "1.0"
        assert (await poller.poll("slow", 0.0)).reopen == ""
        now_s[0] += REPLAN_AFTER_S + 1
    client.values[f"{ROOT}.6.0"] = b"B8"
    client.values[f"{ROOT}.5.0"] = b"2.0"
    assert (await poller.poll("slow", 0.0)).reopen == "firmware was '1.0' and is '2.0'"
