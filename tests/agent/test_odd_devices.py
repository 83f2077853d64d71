"""A whole agent beside devices that send odd values or meet a fault of the agent: each costs its own readings, nobody else's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from agent.config import AgentConfig, Device
from agent.poll import DevicePoller, PollerFactory
from agent.profile import SYS_OBJECT_ID, SYS_UPTIME, parse_profile
from agent.readings import Identified, Identity, Readings
from rackflow.catalogue import PollClass
from tests.agent.faulty_peers import FaultyAgent, FaultyModbus, integer, oid_octets, tlv
from tests.agent.modbus.modbus_peers import answer
from tests.agent.running import Listener, config_for, listening, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

ROOT = "1.3.6.1.4.1.99999"
HEAD = """
version: 1
class: pdu
title: A device
source: a manual
evidence: unverified
"""
PROFILES = {
    "snmp-odd": f"""{HEAD}
profile: snmp-odd
protocol: snmp
recognise: {{probes: [{ROOT}.2.0]}}
points:
  - {{metric: dcim_pdu_input_power_watts, oid: {ROOT}.2.0, unit: watt}}
  - {{metric: dcim_device_alarm_active, labels: {{severity: warning}}, oid: {ROOT}.3.0, bits: {{0: {{alarm: overload}}}}}}
tables:
  - name: phases
    rows: {ROOT}.1.1
    labels: {{inlet: '1', phase: {{column: {ROOT}.1.2, map: {{1: L1, 2: L2, 3: L3}}}}}}
    points:
      - {{metric: dcim_pdu_phase_voltage_volts, oid: {ROOT}.1.1, unit: volt, decimals: {ROOT}.1.3}}
      - {{metric: dcim_pdu_phase_current_amperes, oid: {ROOT}.1.1, unit: ampere, varscale: {ROOT}.1.4}}
""",
    "modbus-odd": f"""{HEAD}
profile: modbus-odd
protocol: modbus
points:
  - {{metric: dcim_pdu_input_power_watts, register: 0, type: float32, unit: watt}}
  - {{metric: dcim_pdu_input_current_amperes, register: 2, unit: ampere, scale: 0.1}}
""",
}
POWER, CURRENT = "dcim_pdu_input_power_watts", "dcim_pdu_input_current_amperes"
ALARM = "dcim_device_alarm_active{alarm=overload,severity=warning}"
VOLTS, AMPERES = "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}", "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}"
ALL = {POWER, ALARM, VOLTS, AMPERES}
OBJECTS = {
    SYS_OBJECT_ID: oid_octets(f"{ROOT}.1"),
    SYS_UPTIME: tlv(0x43, b"\x05"),
    f"{ROOT}.1.1.1": integer(230),
    f"{ROOT}.1.2.1": integer(1),
    f"{ROOT}.1.3.1": integer(0),
    f"{ROOT}.1.4.1": integer(-10),
    f"{ROOT}.2.0": integer(900),
    f"{ROOT}.3.0": integer(1),
}


def opaque(number: bytes) -> bytes:
    """net-snmp's Opaque float."""
    return tlv(0x44, b"\x9fx\x04" + number)


INFINITY, NAN, MINUS_HALF = opaque(b"\x7f\x80\0\0"), opaque(b"\x7f\xc0\0\0"), opaque(b"\xbf\0\0\0")
# By device: the odd objects, and the readings that must be lost by them.
ODD: dict[str, tuple[dict[str, bytes], set[str]]] = {
    "uptime-inf": ({SYS_UPTIME: tlv(4, b"inf")}, set()),
    "uptime-nan": ({SYS_UPTIME: tlv(4, b"nan")}, set()),
    "bits-inf": ({f"{ROOT}.3.0": INFINITY}, {ALARM}),
    "bits-nan-text": ({f"{ROOT}.3.0": tlv(4, b"nan")}, {ALARM}),
    "decimals-inf": ({f"{ROOT}.1.3.1": INFINITY}, {VOLTS}),
    "decimals-huge": ({f"{ROOT}.1.3.1": integer(2**31 - 1)}, {VOLTS}),
    "decimals-3-million": ({f"{ROOT}.1.3.1": integer(-3_000_000)}, {VOLTS}),
    "scale-inf": ({f"{ROOT}.1.4.1": tlv(4, b"inf")}, {AMPERES}),
    "scale-half": ({f"{ROOT}.1.4.1": MINUS_HALF}, {AMPERES}),
    "label-nan": ({f"{ROOT}.1.2.1": NAN}, {VOLTS, AMPERES}),
    "label-nan-text": ({f"{ROOT}.1.2.1": tlv(4, b"nan")}, {VOLTS, AMPERES}),
    "power-digits": ({f"{ROOT}.2.0": tlv(4, b"9" * 400)}, {POWER}),
}
INTERVAL_S = 0.5


class Broken:
    """A poller with a mistake in it."""

    def __init__(self, *, opens: bool) -> None:
        self._opens = opens

    async def open(self) -> Identified:
        if not self._opens:
            raise LookupError("opening")
        return Identified("broken", "pdu", Identity(), frozenset({"fast"}))

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        raise ZeroDivisionError(poll_class, now)

    async def close(self) -> None:
        raise ValueError("closing")


def registers(*words: int) -> FaultyModbus:
    """A Modbus device that has these registers."""

    def reply(frame: bytes) -> list[bytes | float | None]:
        first, count = int.from_bytes(frame[8:10], "big"), int.from_bytes(frame[10:12], "big")
        return [answer(frame, *words[first : first + count])]

    return FaultyModbus(reply)


@asynccontextmanager
async def site() -> AsyncIterator[list[dict[str, object]]]:
    """The devices' entries in the configuration."""
    snmp = {name: (FaultyAgent(OBJECTS | objects), "snmp-odd") for name, (objects, _) in ODD.items()}
    snmp["healthy"] = FaultyAgent(dict(OBJECTS)), "auto"
    snmp["empty-sysobjectid"] = FaultyAgent(OBJECTS | {SYS_OBJECT_ID: tlv(6, b"")}), "auto"
    modbus = {"modbus-healthy": registers(0x4461, 0, 40), "modbus-nan": registers(0x7FC0, 0, 0xFFFF)}
    async with AsyncExitStack() as stack:
        entries: list[dict[str, object]] = []
        for name, (agent, profile) in snmp.items():
            await stack.enter_async_context(agent.serving())
            entries.append({"id": name, "port": agent.port, "credential": "c", "profile": profile})
        for name, server in modbus.items():
            await stack.enter_async_context(server.serving())
            entries.append({"id": name, "port": server.port, "protocol": "modbus", "profile": "modbus-odd"})
        entries += [{"id": name, "credential": "c", "profile": "snmp-odd"} for name in ("broken-open", "broken-poll")]
        yield [{"host": "127.0.0.1", "timeout_s": 1.0, **entry} for entry in entries]


def failures(listener: Listener, name: str) -> set[str | None]:
    return {batch.error for batch in listener.batches(name)}


async def test_each_odd_device_costs_its_own_readings_and_the_others_are_polled_on(mosquitto: Mosquitto) -> None:
    factory = PollerFactory({name: parse_profile(text, f"{name}.yaml") for name, text in PROFILES.items()})

    def make(config: AgentConfig, device: Device) -> DevicePoller:
        broken = device.id.startswith("broken")
        return Broken(opens=device.id == "broken-poll") if broken else factory(config, device)

    intervals = dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), INTERVAL_S)
    async with site() as entries, listening(mosquitto) as listener:
        names = [str(entry["id"]) for entry in entries]
        config = config_for(mosquitto, devices=entries, intervals=intervals, credentials={"c": {"community": "public"}})
        async with running(config, make):
            await eventually(lambda: all(len(listener.batches(name)) >= 3 for name in names), "polls of all", 60)
            healthy = ("healthy", "modbus-healthy")
            before = {name: len(listener.batches(name)) for name in healthy}
            await eventually(lambda: all(len(listener.batches(name)) > before[name] + 4 for name in healthy), "polls")
            await eventually(lambda: len(listener.batches("gw-1")) >= 2, "the agent's own figures")
    for name in ("healthy", "modbus-healthy", "modbus-nan", *ODD):
        assert failures(listener, name) == {None}, name
    for name, (_, lost) in ODD.items():
        assert {key for batch in listener.batches(name) for key in batch.values if key in ALL} == ALL - lost, name
    assert {key for batch in listener.batches("modbus-nan") for key in batch.bad} == {POWER, CURRENT}
    assert failures(listener, "empty-sysobjectid") == {None}
    assert failures(listener, "broken-open") == failures(listener, "broken-poll") == {"internal"}
    assert {event.device for event in listener.events()} >= {"broken-open", "broken-poll"}
    own = listener.batches("gw-1")[-1].values
    assert own["dcim_agent_internal_errors_total{exception=ZeroDivisionError,protocol=snmp}"] >= 3
    assert own["dcim_agent_internal_errors_total{exception=LookupError,protocol=snmp}"] >= 1
    assert own["dcim_agent_poll_failures_total{protocol=snmp,reason=internal}"] >= 4


async def test_decimals_that_cannot_be_are_listed_as_bad(mosquitto: Mosquitto) -> None:
    factory = PollerFactory({"snmp-odd": parse_profile(PROFILES["snmp-odd"], "snmp-odd.yaml")})
    intervals = dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), INTERVAL_S)
    objects = OBJECTS | {f"{ROOT}.1.3.1": integer(2**31 - 1), f"{ROOT}.1.4.1": tlv(4, b"nan")}
    async with FaultyAgent(objects).serving() as agent, listening(mosquitto) as listener:
        entry = {"id": "odd", "host": "127.0.0.1", "port": agent.port, "credential": "c", "profile": "snmp-odd"}
        config = config_for(mosquitto, devices=[entry], intervals=intervals, credentials={"c": {"community": "public"}})
        async with running(config, factory):
            await eventually(lambda: len(listener.batches("odd")) >= 4, "polls")
    bad = {key: reason for batch in listener.batches("odd") for key, reason in batch.bad.items()}
    assert bad == {VOLTS: "decode", AMPERES: "decode"}
