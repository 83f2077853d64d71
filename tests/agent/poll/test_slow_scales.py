"""A slow card with a scale for each of many numbers: it has confirmed them all at last."""

import asyncio
from collections.abc import Sequence

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.poll.snmp import SCALES_AT_ONCE
from agent.profile import SYS_UPTIME
from agent.snmp.seam import SnmpValue
from tests.agent.memory_peers import MemorySnmp
from tests.agent.poll.test_changed_devices import ROOT, scaled


async def test_a_slow_card_confirms_some_scales_with_each_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a silence all scales are read, which takes such a card longer than a poll may: at last it must have given them all."""

    class OneRequestAPoll(MemorySnmp):
        scales = 0

        async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
            if is_slow and oids[0].startswith(f"{ROOT}.1.4."):
                self.scales += 1
                if self.scales % 2 == 0:
                    await asyncio.get_running_loop().create_future()
            return await super().get(oids)

    is_slow = False
    monkeypatch.setattr("agent.poll.snmp.PLANNING_SHARE", 0.04)
    rows = range(1, 3 * SCALES_AT_ONCE + 1)
    cells: dict[str, SnmpValue] = {
        f"{ROOT}.1.{column}.{row}": value for row in rows for column, value in ((1, 241), (4, 1))
    }
    client = OneRequestAPoll({SYS_UPTIME: 5, **cells})
    poller = SnmpPoller(Device(id="d", host="h", credential="c", profile="sensing"), {"sensing": scaled(1)}, client)
    await poller.open()
    await poller.open()  # it was silent, and keeps its plan
    is_slow = True
    read = [len((await poller.poll("fast", 5000.0)).values) for _ in range(3)]
    assert read == [each * SCALES_AT_ONCE for each in (1, 2, 3)]
