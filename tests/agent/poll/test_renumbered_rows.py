"""Modules that are pulled or come while a device is polled, and rows that are renumbered by that: no value under another module's name."""

from collections.abc import Sequence

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.profile import SYS_UPTIME, parse_profile
from agent.readings import Readings
from agent.snmp.seam import SnmpValue
from rackflow.errors import DeviceProtocolError, DeviceTimeout
from tests.agent.memory_peers import MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
PROFILE = parse_profile(
    f"""
version: 1
profile: modular
class: pdu
protocol: snmp
title: A device with modules
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
tables:
  - name: banks
    rows: {ROOT}.1.2
    labels: {{bank: {{column: {ROOT}.1.1}}}}
    points: [{{metric: dcim_pdu_bank_current_amperes, oid: {ROOT}.1.2, unit: ampere, poll: fast}}]
""",
    "modular.yaml",
)
MODULES = {"A": 3, "B": 5, "C": 7}


def amperes(**modules: int) -> dict[str, float]:
    return {f"dcim_pdu_bank_current_amperes{{bank={name}}}": float(value) for name, value in modules.items()}


class Bench:
    """A device in memory, its poller, and a clock that is turned by hand."""

    def __init__(self, client: MemorySnmp | None = None) -> None:
        self.clock_s = 1000.0
        self.client = client or MemorySnmp({})
        device = Device(id="d", host="h", credential="c", profile="modular")
        self.poller = SnmpPoller(device, {"modular": PROFILE}, self.client, lambda: self.clock_s)

    def fit(self, **modules: int) -> None:
        """The modules stand in this order, without gaps."""
        found: dict[str, SnmpValue] = {SYS_UPTIME: 100_000}
        for row, (name, value) in enumerate(modules.items(), 1):
            found |= {f"{ROOT}.1.1.{row}": name.encode(), f"{ROOT}.1.2.{row}": value}
        self.client.values = found

    async def polled(self, after_s: float = 11.0) -> Readings:
        self.clock_s += after_s
        return await self.poller.poll("fast", 5000.0)

    async def lose_a_poll(self) -> None:
        """One poll without an answer, which is too few for the device to be down and opened anew."""
        self.client.failure = DeviceTimeout("no answer", device="d", operation="snmp")
        with pytest.raises(DeviceTimeout):
            await self.polled()
        self.client.failure = None


async def test_a_module_that_is_pulled_gives_no_other_one_its_name() -> None:
    bench = Bench()
    bench.fit(**MODULES)
    await bench.poller.open()
    assert (await bench.polled()).values == amperes(**MODULES)
    bench.fit(B=5, C=7)
    readings = await bench.polled()
    assert readings.values == {}
    assert set(readings.bad) == set(amperes(A=3, B=5))
    assert "has changed" in readings.reopen
    await bench.poller.open()
    assert (await bench.polled()).values == amperes(B=5, C=7)


async def test_a_module_that_is_put_in_before_the_others_gets_none_of_their_names() -> None:
    """More objects answer than at the poll before: the place of a module that had been pulled is taken by one of the others."""
    bench = Bench()
    bench.fit(**MODULES)
    await bench.poller.open()
    bench.fit(A=3, B=5)
    assert (await bench.polled()).values == amperes(A=3, B=5)
    bench.fit(C=7, A=3, B=5)
    readings = await bench.polled()
    assert readings.values == {}
    assert "has changed" in readings.reopen


async def test_the_last_module_that_is_pulled_costs_one_more_request_and_its_own_reading() -> None:
    bench = Bench()
    bench.fit(**MODULES)
    await bench.poller.open()
    await bench.polled()
    bench.fit(A=3, B=5)
    bench.client.asked.clear()
    readings = await bench.polled()
    assert (readings.values, readings.bad, readings.reopen) == (amperes(A=3, B=5), {}, "")
    assert (await bench.polled()).values == amperes(A=3, B=5)
    assert len(bench.client.asked) == 3


async def test_what_the_slow_poll_reads_is_not_asked_for_again() -> None:
    bench = Bench()
    bench.fit(**MODULES)
    await bench.poller.open()
    await bench.poller.poll("slow", 5000.0)
    del bench.client.values[SYS_UPTIME]
    bench.client.asked.clear()
    bench.clock_s += 60.0
    await bench.poller.poll("slow", 5000.0)
    assert len(bench.client.asked) == 1


async def test_rows_that_cannot_be_named_anew_give_no_readings() -> None:
    class Slow(MemorySnmp):
        is_slow = False

        async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
            if self.is_slow and not any(oid.startswith(f"{ROOT}.1.2.") for oid in oids):
                raise DeviceTimeout("no answer", device="d", operation="get")
            return await super().get(oids)

    client = Slow({})
    bench = Bench(client)
    bench.fit(**MODULES)
    await bench.poller.open()
    await bench.polled()
    bench.fit(B=5, C=7)
    client.is_slow = True
    # Names are asked for every ten seconds; in between nobody knows them either.
    for after_s in (11.0, 1.0, 1.0, 11.0, 1.0):
        readings = await bench.polled(after_s)
        assert readings.values == {}
        assert set(readings.bad.values()) == {"replanning"}
    client.is_slow = False
    assert "has changed" in (await bench.polled()).reopen


async def test_rows_that_come_and_go_at_every_poll_are_named_every_ten_seconds() -> None:
    bench = Bench()
    bench.fit(**MODULES)
    await bench.poller.open()
    await bench.polled()
    bench.client.asked.clear()
    for poll in range(20):
        bench.fit(**(MODULES if poll % 2 else {"A": 3, "B": 5}))
        bench.clock_s += 1.0
        await bench.poller.poll("fast", 5000.0)
    assert len(bench.client.asked) == 20 + 2


async def test_rows_that_a_short_restart_has_renumbered_give_no_reading_under_another_name() -> None:
    """One poll fails meanwhile, which is too few for the device to be down and opened anew."""
    bench = Bench()
    bench.fit(**MODULES)
    await bench.poller.open()
    assert (await bench.polled()).values == amperes(**MODULES)
    await bench.lose_a_poll()
    bench.fit(B=5, A=3, C=7)
    bench.client.values[SYS_UPTIME] = 300
    found = await bench.polled()
    assert (found.values, sorted(found.bad.values())) == (amperes(C=7), ["replanning", "replanning"])
    assert found.reopen == "has rebooted"
    await bench.poller.open()
    assert (await bench.polled()).values == amperes(**MODULES)


async def test_a_poll_that_was_lost_costs_one_more_object_in_the_next_and_no_request() -> None:
    bench = Bench()
    bench.fit(**MODULES)
    await bench.poller.open()
    await bench.polled()
    await bench.lose_a_poll()
    for asks_for_uptime in (True, False):
        bench.client.values[SYS_UPTIME] = 100_000 + round((bench.clock_s + 11.0 - 1000.0) * 100)
        bench.client.asked.clear()
        found = await bench.polled()
        assert (found.values, found.reopen) == (amperes(**MODULES), "")
        assert [SYS_UPTIME in each for each in bench.client.asked] == [asks_for_uptime]


async def test_a_device_that_tells_no_uptime_is_not_asked_for_it_after_a_failed_poll() -> None:
    """Over SNMPv1 the whole request would be refused, and be halved until the object is found."""
    bench = Bench()
    bench.fit(**MODULES)
    del bench.client.values[SYS_UPTIME]
    await bench.poller.open()
    await bench.polled()
    await bench.lose_a_poll()
    bench.client.asked.clear()
    assert (await bench.polled()).values == amperes(**MODULES)
    assert not any(SYS_UPTIME in each for each in bench.client.asked)


class Restarting(MemorySnmp):
    """Restarts with another order of its modules as soon as a column was walked."""

    def __init__(self, bench: "Bench", column: str) -> None:
        super().__init__({})
        self.bench = bench
        self.column = column

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        found = await super().walk(oid, limit)
        if oid == self.column:
            self.column = ""
            self.bench.fit(C=7, A=3)
            self.values[SYS_UPTIME] = 500
        return found


@pytest.mark.parametrize("column", [f"{ROOT}.1.1", f"{ROOT}.1.2"])
async def test_a_device_that_restarts_between_two_walks_of_its_planning_is_planned_anew(column: str) -> None:
    bench = Bench()
    bench.client = Restarting(bench, column)
    device = Device(id="d", host="h", credential="c", profile="modular")
    bench.poller = SnmpPoller(device, {"modular": PROFILE}, bench.client, lambda: bench.clock_s)
    bench.fit(**MODULES)
    with pytest.raises(DeviceProtocolError, match="restarted while it was planned"):
        await bench.poller.open()
    await bench.poller.open()
    assert (await bench.polled()).values.items() >= amperes(C=7, A=3).items()
