"""A trap becomes an event and has its device polled at once; what comes from elsewhere changes nothing."""

import asyncio
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiomqtt
import pytest

from agent.config import AgentConfig
from agent.doctor import examine
from agent.readings import Identified, Readings
from agent.run import Agent
from agent.schedule import TRAP_POLLS_S, TRAP_POLLS_TIMES
from agent.snmp import SnmpClients
from agent.snmp.traps import TrapRefusal
from agent.traps import MAX_EVENTS, TrapReceiver
from rackflow import Status, encode
from rackflow.catalogue import PollClass
from rackflow.errors import ConfigError, DeviceTimeout
from rackflow.process.resolve import Resolver
from tests.agent.device_life import IDENTIFIED, NORMAL, ScriptedDevice, living
from tests.agent.running import Devices, Listener, MemoryDevice, config_for, listening, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.snmptrap import of_user, send_trap
from tests.servers.waiting import eventually

ON_BATTERY = "1.3.6.1.2.1.33.2.1"
# A trap of v2c with community secret-1: sysUpTime.0, and coldStart.
COLD_START = bytes.fromhex(
    "304202010104087365637265742d31a7330201010201000201003028300d"
    "06082b060102010103004301073017060a2b06010603010104010006092b0601060301010501"
)
SOLE = {"id": "ups-1", "host": "127.0.0.1", "credential": "c"}
SELDOM: dict[str, object] = {"intervals": {"safety": 60, "normal": 0.5}}


def devices_at(broker: Mosquitto, traps: object = None, **hosts: str) -> AgentConfig:
    """An agent that polls these devices once a minute, and receives traps."""
    entries = [{"id": each.replace("_", "-"), "host": host, "credential": "c"} for each, host in hosts.items()]
    wanted = {"listen": "127.0.0.1:0"} if traps is None else traps
    return config_for(broker, **{**SELDOM, "devices": entries, "traps": wanted})


async def port_of(agent: Agent) -> int:
    await eventually(lambda: agent.traps is not None and agent.traps.port, "the port is open")
    assert agent.traps is not None
    assert agent.traps.port is not None
    return agent.traps.port


def own(heard: Listener, key: str) -> float | None:
    """The latest value of one of the agent's own metrics; None before its first report."""
    reports = heard.batches("gw-1")
    return reports[-1].values.get(key) if reports else None


async def send(folder: Path, port: int, text: str = "on battery", community: str = "secret-1") -> None:
    await send_trap(folder, port, ON_BATTERY, "1.3.6.1.2.1.33.1.1.5.0", "s", text, how=["-c", community])


async def test_a_trap_becomes_an_event_and_polls_its_device_at_once(mosquitto: Mosquitto, tmp_path: Path) -> None:
    config = devices_at(mosquitto, ups_1="127.0.0.1", ups_2="127.0.0.2")
    async with listening(mosquitto) as heard, running(config, Devices()) as agent:
        await eventually(lambda: heard.batches("ups-1") and heard.batches("ups-2"), "the first polls")
        await send(tmp_path, await port_of(agent))
        await eventually(lambda: len(heard.batches("ups-1")) == 2, "a poll within the minute")
        (event,) = heard.events("ups-1")
        assert (event.kind, event.text) == ("trap", "upsTrapOnBattery (1.3.6.1.2.1.33.2.1): on battery")
        assert event.device_class == "ups"
        await eventually(lambda: own(heard, "dcim_agent_traps_total") == 1, "counted")
        assert own(heard, "dcim_agent_traps_listening") == 1
        assert len(heard.batches("ups-2")) == 1, "the other device was left alone"


async def test_refused_traps_are_counted_and_poll_nothing(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = "dcim_agent_traps_refused_total{reason=credential}"
    config = devices_at(mosquitto, ups_1="127.0.0.1")
    async with listening(mosquitto) as heard, running(config, Devices()) as agent:
        await eventually(lambda: heard.batches("ups-1"), "the first poll")
        port = await port_of(agent)
        for _ in range(3):
            await send(tmp_path, port, community="wrong")
        await eventually(lambda: own(heard, key) == 3, key)
        assert len(heard.batches("ups-1")) == 1
        assert not heard.events("ups-1")
        (line,) = [each.getMessage() for each in caplog.records if "refused 1 trap," in each.getMessage()]
        assert line.endswith(
            "from 127.0.0.1: its community or user is neither that of the device nor one of traps.credentials"
        )


async def test_a_credential_for_traps_is_taken_from_every_device(mosquitto: Mosquitto, tmp_path: Path) -> None:
    user = {"version": "3", "user": "trapper", "auth": "sha256", "auth_key": "authauthauth", "context": "for polls"}
    config = config_for(
        mosquitto,
        **{
            **SELDOM,
            "credentials": {"c": {"community": "secret-1"}, "t": {"community": "traps"}, "v3": user},
            "devices": [{"id": "ups-1", "host": "localhost", "credential": "c"}],
            "traps": {"listen": "[::]:0", "credentials": ["t", "v3"]},
        },
    )
    async with listening(mosquitto) as heard, running(config, Devices()) as agent:
        port = await port_of(agent)
        # The name of the device is looked up after the port is open, and a trap that comes before is nobody's.
        async with asyncio.timeout(60):
            while not heard.events("ups-1"):
                await send(tmp_path, port, community="traps")
        how = of_user("trapper", auth="SHA-256", auth_key="authauthauth")
        await send_trap(tmp_path, port, "1.3.6.1.6.3.1.1.5.1", version="3", how=how)
        # Events of the traps before it may still come.
        cold_start = "coldStart (1.3.6.1.6.3.1.1.5.1)"
        await eventually(lambda: cold_start in [each.text for each in heard.events("ups-1")], "the trap of the user")


async def test_a_reload_begins_moves_and_ends_receiving(mosquitto: Mosquitto, tmp_path: Path) -> None:
    configs = [devices_at(mosquitto, ups_1="127.0.0.1")]
    without = config_for(mosquitto, "ups-1", **SELDOM)
    async with listening(mosquitto) as heard, running(without, Devices(), lambda: configs[-1]) as agent:
        await eventually(lambda: heard.batches("gw-1"), "its first report")
        assert "dcim_agent_traps_total" not in heard.batches("gw-1")[-1].values
        agent.reload()
        await port_of(agent)
        other = free_port()
        configs.append(devices_at(mosquitto, {"listen": f"127.0.0.1:{other}"}, ups_9="127.0.0.1"))
        agent.reload()
        await eventually(lambda: agent.traps is not None and agent.traps.port == other, "the other port")
        await send(tmp_path, other)
        await eventually(lambda: heard.events("ups-9"), "a trap of the new device")
        configs.append(without)
        agent.reload()
        await eventually(lambda: agent.traps is not None and agent.traps.port is None, "closed")


async def test_an_agent_that_has_ended_has_left_its_port_to_the_next_one(mosquitto: Mosquitto) -> None:
    async with running(devices_at(mosquitto, ups_1="127.0.0.1"), Devices()) as agent:
        port = await port_of(agent)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))


async def test_a_trap_of_a_device_that_a_reload_is_just_replacing_is_an_event(mosquitto: Mosquitto) -> None:
    @dataclass
    class SlowToClose(MemoryDevice):
        closing: asyncio.Event = field(default_factory=asyncio.Event)
        may_close: asyncio.Event = field(default_factory=asyncio.Event)

        async def close(self) -> None:
            self.closing.set()
            await self.may_close.wait()

    before = devices_at(mosquitto, ups_1="127.0.0.1")
    after = config_for(
        mosquitto,
        **{**before.model_dump(include={"traps", "intervals"}), "devices": [{**SOLE, "labels": {"rack": "r9"}}]},
    )
    ups = SlowToClose()
    async with listening(mosquitto) as heard, running(before, Devices(ups_1=ups), lambda: after) as agent:
        port = await port_of(agent)
        await eventually(lambda: heard.batches("ups-1"), "the first poll")
        agent.reload()
        await eventually(ups.closing.is_set, "its task ends")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            device.bind(("127.0.0.1", 0))
            device.sendto(COLD_START, ("127.0.0.1", port))
        await eventually(
            lambda: agent.traps and agent.traps.values()["dcim_agent_traps_total"] == 1, "the trap is read"
        )
        ups.may_close.set()
        await eventually(lambda: heard.events("ups-1"), "its event")
        assert [each.kind for each in heard.events("ups-1")] == ["trap"]
        await eventually(
            lambda: heard.batches("ups-1")[-1].labels.get("rack") == "r9", "it is polled as the new configuration says"
        )


async def test_a_port_that_cannot_be_opened_costs_the_traps_and_nothing_else(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = devices_at(mosquitto, {"listen": listen}, ups_1="127.0.0.1")
        async with listening(mosquitto) as heard, running(config, Devices()):
            await eventually(lambda: own(heard, "dcim_agent_traps_listening") == 0, "it says so")
            await eventually(lambda: heard.batches("ups-1"), "a poll")
            assert heard.batches("ups-1")[0].up
    assert f"traps.listen: {listen}: Address already in use" in caplog.text


async def test_a_port_that_becomes_free_is_opened(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.traps.LOOK_AGAIN_S", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        config = devices_at(mosquitto, {"listen": f"127.0.0.1:{port}"}, ups_1="127.0.0.1")
        receiver = TrapReceiver(config, lambda *_: None)
        receiver.start()
        await asyncio.sleep(0)
        assert receiver.port is None
    await eventually(lambda: receiver.port == port, "opened")
    # Taken again, by another program that a reload made room for.
    receiver.set_config(devices_at(mosquitto, {"listen": "127.0.0.1:0"}, ups_1="127.0.0.1"))
    await eventually(lambda: receiver.port not in (None, port), "another port")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        receiver.set_config(config)
        await eventually(lambda: receiver.port is None, "taken")
        await eventually(lambda: caplog.text.count("no traps until it can be opened") == 2, "once each time")
    await receiver.stop(5)
    assert receiver.port is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))  # it is closed


async def test_traps_of_every_address_of_a_name_are_the_devices(mosquitto: Mosquitto) -> None:
    told: list[str] = []
    clients = SnmpClients(resolver=Resolver(lambda _: ["192.0.2.7", "127.0.0.1"]))
    receiver = TrapReceiver(
        devices_at(mosquitto, ups_1="ups-1.example"), lambda device, *_: told.append(device), clients
    )
    receiver.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))

        def is_told() -> bool:
            if receiver.port:
                device.sendto(COLD_START, ("127.0.0.1", receiver.port))
            return bool(told)

        await eventually(is_told, "a trap from its second address, once the name is known", timeout_s=30)
    await receiver.stop(5)
    assert set(told) == {"ups-1"}


async def test_a_fault_while_a_trap_is_handled_ends_with_it(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = []

    def tell(device: str, text: str, becomes_event: bool) -> None:  # noqa: FBT001 - the receiver's signature
        told.append((device, text, becomes_event))
        if len(told) == 1:
            raise RuntimeError("a fault")

    receiver = TrapReceiver(devices_at(mosquitto, ups_1="127.0.0.1"), tell)
    receiver.start()
    await eventually(lambda: receiver.port, "open")
    assert receiver.port
    await send(tmp_path, receiver.port, "one")
    await send(tmp_path, receiver.port, "two")
    await eventually(lambda: len(told) == 2, "the second trap")
    await receiver.stop(5)
    assert told[1] == ("ups-1", "upsTrapOnBattery (1.3.6.1.2.1.33.2.1): two", True)
    assert "part=traps failed" in caplog.text


async def test_a_device_that_sends_without_end_is_polled_and_makes_few_events(mosquitto: Mosquitto) -> None:
    told: list[bool] = []
    now = 1000.0
    receiver = TrapReceiver(
        devices_at(mosquitto, ups_1="127.0.0.1"), lambda _, __, tells: told.append(tells), clock=lambda: now
    )
    receiver.start()
    await eventually(lambda: receiver.port, "open")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        for _ in range(3 * MAX_EVENTS):
            device.sendto(COLD_START, ("127.0.0.1", receiver.port or 0))
    await eventually(lambda: len(told) == 3 * MAX_EVENTS, "all of them")
    assert told == [True] * 10 + [False] * 20
    values = receiver.values()
    assert values["dcim_agent_traps_total"] == 3 * MAX_EVENTS
    assert values["dcim_agent_traps_refused_total{reason=limit}"] == 2 * MAX_EVENTS
    now += 6.1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.sendto(COLD_START, ("127.0.0.1", receiver.port or 0))
        device.sendto(COLD_START, ("127.0.0.1", receiver.port or 0))
    await eventually(lambda: len(told) == 3 * MAX_EVENTS + 2, "two more")
    assert told[-2:] == [True, False]
    # A reload allows no more; a long time allows ten in a row again.
    receiver.set_config(devices_at(mosquitto, ups_1="127.0.0.1", ups_2="127.0.0.2"))
    await eventually(lambda: receiver._senders.judge(COLD_START, "127.0.0.2", now) != TrapRefusal.SENDER, "it is used")  # noqa: SLF001 - ends with what it knows
    now += 5.9
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.sendto(COLD_START, ("127.0.0.1", receiver.port or 0))
        await eventually(lambda: len(told) == 3 * MAX_EVENTS + 3, "one more")
        assert told[-1] is False
        now += 3600
        for _ in range(12):
            device.sendto(COLD_START, ("127.0.0.1", receiver.port or 0))
        await eventually(lambda: len(told) == 3 * MAX_EVENTS + 15, "twelve more")
    assert told[-12:] == [True] * 10 + [False] * 2
    await receiver.stop(5)


async def test_a_trap_during_an_attempt_that_fails_is_another_attempt_at_once() -> None:
    """A device that starts sends coldStart before it answers; the attempt that is under way may have begun too early."""
    asked, trapped = asyncio.Event(), asyncio.Event()

    class Starting(ScriptedDevice):
        async def open(self) -> Identified:
            self.asked.append("open")
            if len(self.asked) < 4:
                raise DeviceTimeout("no answer", device="ups-1", operation="open")
            if len(self.asked) == 4:
                asked.set()
                await trapped.wait()
                raise DeviceTimeout("no answer", device="ups-1", operation="open")
            return IDENTIFIED

    # Without traps there is a minute between two attempts, longer than `hear` waits.
    async with living(Starting([NORMAL]), {"safety": 60.0}) as life:
        for attempt in range(1, 4):
            await life.hear(attempt)
            life.loop.receive_trap("again", becomes_event=False)
        await asyncio.wait_for(asked.wait(), 30)
        # The trap before was less than a second ago, so this one waits for its turn, and the attempt with it.
        life.loop.receive_trap("coldStart", becomes_event=False)
        await asyncio.sleep(1.5 * TRAP_POLLS_S)
        trapped.set()
        await life.hear(5)
        assert life.course()[-2:] == ["timeout", "up"]


async def test_an_inform_that_is_sent_again_is_one_event(mosquitto: Mosquitto) -> None:
    told: list[str] = []
    receiver = TrapReceiver(devices_at(mosquitto, ups_1="127.0.0.1"), lambda _, text, __: told.append(text))
    receiver.start()
    await eventually(lambda: receiver.port, "open")
    inform = COLD_START.replace(b"secret-1\xa7", b"secret-1\xa6")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.connect(("127.0.0.1", receiver.port or 0))
        device.settimeout(0)
        for _ in range(3):
            device.send(inform)
            async with asyncio.timeout(30):
                assert await asyncio.get_running_loop().sock_recv(device, 1000), "confirmed each time"
    assert told == ["coldStart (1.3.6.1.6.3.1.1.5.1)"]
    values = receiver.values()
    assert values["dcim_agent_traps_total"] == 1
    assert values["dcim_agent_traps_refused_total{reason=repeated}"] == 2
    await receiver.stop(5)


async def test_a_burst_of_traps_is_one_poll_at_once_and_one_after_it() -> None:
    script = ScriptedDevice([NORMAL])
    async with living(script, {"safety": 60.0}) as life:
        await life.hear(1)
        begins = asyncio.get_running_loop().time()
        for number in range(5):
            life.loop.receive_trap(f"trap {number}", becomes_event=True)
        await life.hear(3)
        assert life.course()[-2:] == ["up", "up"]
        assert asyncio.get_running_loop().time() - begins >= TRAP_POLLS_S
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5 * TRAP_POLLS_S):
                await life.hear(4)
        assert life.course() == ["up", *["trap"] * 5, "up", "up"]


async def test_a_slow_card_that_sends_without_end_has_pauses_between_its_polls() -> None:
    begun: list[float] = []

    class SlowCard(ScriptedDevice):
        async def poll(self, poll_class: PollClass, now: float) -> Readings:
            begun.append(asyncio.get_running_loop().time())
            await asyncio.sleep(TRAP_POLLS_S)
            return await super().poll(poll_class, now)

    clock = asyncio.get_running_loop().time
    async with living(SlowCard([NORMAL]), {"safety": 60.0}, clock=clock) as life:
        await life.hear(1)
        for polls in (2, 3):
            life.loop.receive_trap("again", becomes_event=False)
            await life.hear(polls)
    assert begun[2] - begun[1] > 0.9 * TRAP_POLLS_TIMES * TRAP_POLLS_S


async def test_a_trap_of_a_device_that_is_down_is_an_attempt_at_once() -> None:
    fault = DeviceTimeout("no answer", device="ups-1", operation="open")
    # Without traps there is a minute between two attempts, longer than `hear` waits.
    script = ScriptedDevice([NORMAL], opens=[fault, fault, fault, IDENTIFIED])
    async with living(script, {"safety": 60.0}) as life:
        for attempt in range(1, 4):
            await life.hear(attempt)
            life.loop.receive_trap("coldStart", becomes_event=False)
        await life.hear(4)
        assert life.course() == ["timeout", "timeout", "timeout", "down", "up"]


async def test_a_trap_of_a_device_that_stays_down_is_one_attempt() -> None:
    fault = DeviceTimeout("no answer", device="ups-1", operation="open")
    async with living(ScriptedDevice([NORMAL], opens=[fault]), {"safety": 60.0}) as life:
        await life.hear(1)
        life.loop.receive_trap("coldStart", becomes_event=False)
        await life.hear(2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5 * TRAP_POLLS_S):
                await life.hear(3)


@pytest.mark.parametrize(
    ("status", "hostname", "told"),
    [
        ("online", socket.gethostname(), ("ok", "as it is while this agent runs")),
        ("offline", socket.gethostname(), ("failed", "in use by another program: this agent does not run")),
        ("online", "a-container", ("warning", "whether by this agent is not known")),
    ],
)
async def test_doctor_says_whether_this_agent_has_the_port(
    status: Literal["online", "offline"],
    hostname: str,
    told: tuple[str, str],
    mosquitto: Mosquitto,
    tmp_path: Path,
) -> None:
    """A trap daemon of another program on the port was `ok`, as if the agent had it."""
    known = Status(agent="gw-1", site="t1", status=status, epoch="E1", hostname=hostname, started=1795460000000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.publish("rackflow/v1/t1/gw-1/status", encode(known), qos=1, retain=True)
            path = tmp_path / "agent.yaml"
            lines = ("agent: gw-1", "labels: {site: t1}", "devices: []", f"broker: {{port: {mosquitto.port}}}")
            path.write_text("\n".join([*lines, f'traps: {{listen: "{listen}"}}']), encoding="utf-8")
            (found,) = [each for each in await examine(path, devices=False) if each.check == "traps"]
            await client.publish("rackflow/v1/t1/gw-1/status", b"", qos=1, retain=True)
    assert (found.status, told[1] in found.found) == (told[0], True), found


async def test_doctor_tries_the_port(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        cases = {
            f"127.0.0.1:{free_port()}": ("ok", "can be opened"),
            f"127.0.0.1:{taken.getsockname()[1]}": ("warning", "whether by this agent is not known"),
            "192.0.2.1:1162": ("failed", "Cannot assign requested address"),
        }
        for listen, (status, text) in cases.items():
            path = tmp_path / "agent.yaml"
            lines = ("agent: gw-1", "labels: {site: t1}", "devices: []", f"broker: {{port: {mosquitto.port}}}")
            path.write_text("\n".join([*lines, f'traps: {{listen: "{listen}"}}']), encoding="utf-8")
            (found,) = [each for each in await examine(path, devices=False) if each.check == "traps"]
            assert (found.status, text in found.found) == (status, True), found


@pytest.mark.parametrize(
    ("traps", "fault"),
    [
        ({"listen": "162"}, "must be host:port, for example 0.0.0.0:162"),
        ({"listen": ":162"}, "for all addresses of this machine write 0.0.0.0:162"),
        ({"listen": "gateway.example:162"}, "must begin with an address of this machine, not a name"),
        ({"listen": "::1:162"}, "needs brackets around an IPv6 address; write '[::1]:162'"),
        ({"credentials": ["d"]}, "'d' is no entry of credentials, known are: c; correct the name"),
        ({"port": 162}, "port"),
    ],
)
def test_what_is_wrong_with_the_section_is_named(mosquitto: Mosquitto, traps: object, fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        devices_at(mosquitto, traps, ups_1="127.0.0.1")
    assert fault in str(raised.value)
    assert "traps" in str(raised.value)
