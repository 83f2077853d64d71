"""A whole agent among devices that misbehave: each one's batches say what is wrong with it, and nobody else notices."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from agent.poll.factory import PollerFactory
from agent.profile.loading.load import parse_profile
from tests.agent.faulty_peers import NULL, SNMP_FAULTS, FaultyAgent, FaultyModbus
from tests.agent.modbus.modbus_peers import MODBUS_FAULTS, answer
from tests.agent.running import Listener, config_for, listening, running
from tests.agent.snmp.snmp_clients import TREE, table
from tests.servers.mosquitto import Mosquitto
from tests.servers.snmpd import Snmpd
from tests.servers.waiting import eventually

INTERVAL_S = 1.5
HEAD = """
version: 1
class: pdu
title: Two outlets
source: a manual
evidence: unverified
"""
POINT = "  - {{metric: dcim_pdu_outlet_power_watts, labels: {{outlet: '{row}'}}, {place}, unit: watt}}\n"
ROWS = range(1, 7)
PROFILES = {
    "snmp-pdu": f"{HEAD}profile: snmp-pdu\nprotocol: snmp\nrecognise: {{probes: [{TREE}.1.1]}}\npoints:\n"
    + "".join(POINT.format(row=row, place=f"oid: {TREE}.1.{row}") for row in ROWS),
    "modbus-pdu": f"{HEAD}profile: modbus-pdu\nprotocol: modbus\npoints:\n"
    + "".join(POINT.format(row=row, place=f"register: {row - 1}") for row in (1, 2)),
}


def outlets(values: dict[str, float]) -> list[float]:
    return [values[key] for key in sorted(values) if key.startswith("dcim_pdu_outlet_power_watts{")]


class Rack:
    """One healthy device of each protocol, and one for each fault, healthy until told otherwise."""

    def __init__(self) -> None:
        self.snmp = {f"snmp-{name.replace(' ', '-')}": FaultyAgent(table(6)) for name in ("healthy", *SNMP_FAULTS)}
        self.modbus = {f"modbus-{name.replace(' ', '-')}": FaultyModbus(good) for name in ("healthy", *MODBUS_FAULTS)}
        self.names = [*self.snmp, *self.modbus]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[list[dict[str, object]]]:
        """The devices' entries in the configuration."""
        async with AsyncExitStack() as stack:
            entries: list[dict[str, object]] = []
            for name, agent in self.snmp.items():
                await stack.enter_async_context(agent.serving())
                entries.append({"id": name, "port": agent.port, "credential": "c"})
            for name, server in self.modbus.items():
                await stack.enter_async_context(server.serving())
                entries.append({"id": name, "port": server.port, "protocol": "modbus", "profile": "modbus-pdu"})
            yield [{"host": "127.0.0.1", "timeout_s": 1.0, "retries": 0, "outlets": True, **entry} for entry in entries]

    def fail(self) -> dict[str, str]:
        """From now on each has its fault. Returns what its batches must say."""
        for name, (behaviour, _) in SNMP_FAULTS.items():
            self.snmp[f"snmp-{name.replace(' ', '-')}"].behaviour = behaviour
        for name, (reply, _, _) in MODBUS_FAULTS.items():
            self.modbus[f"modbus-{name.replace(' ', '-')}"].reply = reply
        said = {f"snmp-{name}": kind.kind for name, (_, kind) in SNMP_FAULTS.items()}
        # A unit that gives fewer registers than it is asked for is read in smaller parts, and loses nothing.
        said |= {
            f"modbus-{name}": kind.kind for name, (_, kind, _) in MODBUS_FAULTS.items() if name != "fewer registers"
        }
        return {name.replace(" ", "-"): kind for name, kind in said.items()}

    def heal(self) -> None:
        for agent in self.snmp.values():
            agent.behaviour = None
        for server in self.modbus.values():
            server.reply = good


def good(frame: bytes) -> list[bytes | float | None]:
    """Register n holds n + 1."""
    first, count = int.from_bytes(frame[8:10], "big"), int.from_bytes(frame[10:12], "big")
    return [answer(frame, *range(first + 1, first + 1 + count))]


def latest_is(listener: Listener, name: str, *, up: bool) -> bool:
    batches = listener.batches(name)
    return bool(batches) and batches[-1].up is up


async def test_a_fault_is_reported_by_its_device_and_noticed_by_no_other(mosquitto: Mosquitto) -> None:
    rack = Rack()
    factory = PollerFactory({name: parse_profile(text, f"{name}.yaml") for name, text in PROFILES.items()})
    intervals = dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), INTERVAL_S)
    async with rack.serving() as entries, listening(mosquitto) as listener:
        config = config_for(mosquitto, devices=entries, intervals=intervals, credentials={"c": {"community": "public"}})
        async with running(config, factory):
            await eventually(lambda: all(latest_is(listener, name, up=True) for name in rack.names), "all up", 60)
            expected = rack.fail()
            await eventually(lambda: all(latest_is(listener, name, up=False) for name in expected), "faults", 60)
            for name, kind in expected.items():
                first = next(batch for batch in listener.batches(name) if not batch.up)
                assert (first.error, first.values) == (kind, {}), name
            await eventually(lambda: {each.device for each in listener.events()} == set(expected), "down", 60)
            healthy = ("snmp-healthy", "modbus-healthy", "modbus-fewer-registers")
            before = {name: len(listener.batches(name)) for name in healthy}
            await eventually(lambda: all(len(listener.batches(name)) > before[name] + 3 for name in healthy), "polls")
            assert all(batch.up for name in healthy for batch in listener.batches(name))
            rack.heal()
            await eventually(lambda: all(latest_is(listener, name, up=True) for name in rack.names), "all back", 90)
    assert outlets(listener.batches("snmp-silence")[-1].values) == [1, 2, 3, 4, 5, 6]
    assert outlets(listener.batches("modbus-silence")[-1].values) == [1, 2]


async def test_what_a_device_lacks_or_cannot_say_costs_that_reading_only(mosquitto: Mosquitto, tmp_path: Path) -> None:
    objects = table(6) | {f"{TREE}.1.4": NULL}
    del objects[f"{TREE}.1.3"]
    with Snmpd(tmp_path / "snmpd").serving() as daemon:
        odd, little = FaultyAgent(objects), FaultyAgent(table(6), max_binds=2)
        async with odd.serving(), little.serving(), listening(mosquitto) as listener:
            credentials = {
                "c": {"community": "public"},
                "wrong": {"community": "sesame"},
                "key": {"version": "3", "user": "sha1", "auth": "sha1", "auth_key": "a-wrong-key-of-some-length"},
            }
            ports = {"odd": (odd.port, "c"), "little": (little.port, "c")}
            ports |= {"community": (daemon.port, "wrong"), "key": (daemon.port, "key")}
            entries = [
                {"id": name, "host": "127.0.0.1", "port": port, "credential": credential, "retries": 0, "outlets": True}
                for name, (port, credential) in ports.items()
            ]
            intervals = dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), INTERVAL_S)
            config = config_for(mosquitto, devices=entries, intervals=intervals, credentials=credentials)
            factory = PollerFactory({"snmp-pdu": parse_profile(PROFILES["snmp-pdu"], "snmp-pdu.yaml")})
            async with running(config, factory):
                await eventually(lambda: all(listener.batches(name) for name in ports), "a batch of each", 60)
        first = {name: listener.batches(name)[0] for name in ports}
        assert outlets(first["odd"].values) == [1, 2, 5, 6]
        assert first["odd"].bad == {"dcim_pdu_outlet_power_watts{outlet=4}": "null"}
        assert outlets(first["little"].values) == [1, 2, 3, 4, 5, 6]
        assert (first["community"].error, first["key"].error) == ("timeout", "auth")
