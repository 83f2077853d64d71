"""What was learnt of a device when it was opened has a shelf life: it is asked again while the device runs on. Over the wire."""

import pytest

from agent.poll.plan_age import REPLAN_AFTER_S
from agent.profile import SYS_UPTIME
from tests.agent.faulty_peers import tlv
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
