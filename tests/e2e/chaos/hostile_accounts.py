"""What an account in foreign hands can publish: one function per kind of attack, each an endless stream of messages.

Run as a process (`python -m tests.e2e.chaos.hostile_accounts PORT ATTACK SECONDS`) it publishes one of them as fast as the
broker takes it, and prints how many messages it sent. All but `many_agents` and `many_sites` keep to the topics of one agent,
which is all that access lists leave to a stolen account (deploy/mosquitto).
"""

import argparse
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from rackflow.documents import MAX_PAYLOAD_BYTES
from tests.servers.mqtt_thread import leave

SITE, THIEF, VICTIM = "cas1", "gw-stolen", "gw-healthy"
VICTIM_DEVICE = "cdu-1"
WINDOW = 500
"""Messages under way at once. QoS 1: the broker confirms each of them."""
DAY_MS = 86_400_000
LONG = "Ω" * 255
TEMPERATURE = "dcim_cdu_supply_temperature_celsius"


class Message(NamedTuple):
    """One message to publish."""

    topic: str
    payload: bytes
    retain: bool = False


Attack = Callable[[], Iterator[Message]]


def now_ms() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


def _topic(kind: str, device: str = "", agent: str = THIEF, site: str = SITE) -> str:
    return f"rackflow/v1/{site}/{agent}/{kind}" + (f"/{device}" if device else "")


def _json(data: Mapping[str, object]) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def batch(seq: object, device: str, agent: str = THIEF, site: str = SITE, **fields: object) -> Message:
    """A batch that obeys the contract, except in `fields`."""
    data = {
        "schema": 1,
        "agent": agent,
        "epoch": "01JD5Z",
        "seq": seq,
        "time": now_ms(),
        "device": device,
        "class": "cdu",
        "poll": "safety",
        "interval_s": 1.0,
        "duration_s": 0.01,
        "up": True,
        "labels": {"site": site},
        "values": {f"{TEMPERATURE}{{loop=secondary}}": 32.0},
    }
    return Message(_topic("batch", device, agent, site), _json(data | fields))


def document(device: str, agent: str = THIEF, site: str = SITE, **fields: object) -> Message:
    """A retained device document that obeys the contract, except in `fields`."""
    data = {
        "schema": 1,
        "agent": agent,
        "device": device,
        "class": "cdu",
        "time": now_ms(),
        "labels": {"site": site},
    }
    return Message(_topic("device", device, agent, site), _json(data | fields), retain=True)


def status(*devices: str, agent: str = THIEF, site: str = SITE, **fields: object) -> Message:
    """A retained status that obeys the contract, except in `fields`."""
    data = {"schema": 1, "agent": agent, "site": site, "status": "online", "epoch": "01JD5Z", "devices": list(devices)}
    return Message(_topic("status", "", agent, site), _json(data | fields), retain=True)


def devices_without_end() -> Iterator[Message]:
    """A new device with every message, each described with texts as long as they may be."""
    text = dict.fromkeys(("vendor", "model", "serial", "firmware"), LONG)
    loops = {f"{number:064d}": dict.fromkeys(("fluid", "additive", "concentration"), "Ω" * 64) for number in range(4)}
    labels = {"site": SITE} | {f"label{number:059d}": "x" * 64 for number in range(31)}
    for seq in itertools.count(1):
        device = f"made-up-{seq:050d}"
        yield document(device, **text, coolant=loops, labels=labels)
        yield batch(seq, device)


def series_without_end() -> Iterator[Message]:
    """New label values in every batch, as many as a message holds."""
    numbers = itertools.count()
    for seq in itertools.count(1):
        keys = [f"{TEMPERATURE}{{loop={next(numbers):064d}}}" for _ in range(4000)]
        yield batch(seq, "cdu-x", values=dict.fromkeys(keys, 20.0))


def layouts_without_end() -> Iterator[Message]:
    """The same series in ever another order, so that each batch has a layout of its own."""
    keys = [f"{TEMPERATURE}{{loop={number:064d}}}" for number in range(4000)]
    for seq in itertools.count(1):
        yield batch(seq, "cdu-x", values=dict.fromkeys([*keys[seq % 4000 :], *keys[: seq % 4000]], 20.0))


def keys_without_meaning() -> Iterator[Message]:
    """Metrics and labels that nobody knows, and keys that are none."""
    numbers = itertools.count()
    for seq in itertools.count(1):
        values = {f"dcim_made_up_{next(numbers)}{{a=b}}": 1.0 for _ in range(1000)}
        values |= {f"{TEMPERATURE}{{loop=secondary,x{next(numbers)}=y}}": 1.0 for _ in range(1000)}
        values |= {f"{'{' * 500}{next(numbers)}": 1.0 for _ in range(100)}
        labels = {"site": SITE, f"l{seq}": str(seq)}
        yield batch(seq, "cdu-x", values=values, labels=labels)


def largest_messages() -> Iterator[Message]:
    """Messages of the largest size, that are refused only after they were parsed, or not at all."""
    filling = "x" * (MAX_PAYLOAD_BYTES - 1000)
    devices = [f"{number:064d}" for number in range(7000)]
    for seq in itertools.count(1):
        yield batch(seq, "cdu-x", unknown_field=filling)
        yield document("cdu-x", unknown_field=filling)
        yield document("cdu-x", vendor=filling)
        yield status(*devices)


def oversized_messages() -> Iterator[Message]:
    """Messages that are larger than the contract allows, and than the collector lets the broker send."""
    for seq in itertools.count(1):
        yield Message(_topic("batch", "cdu-x"), b"x" * (MAX_PAYLOAD_BYTES + seq))
        if seq % 10 == 0:
            yield Message(_topic("batch", "cdu-x"), b"x" * 8_000_000)


def numbers_that_jump() -> Iterator[Message]:
    """A new epoch or a far number with every message."""
    for seq in itertools.count(1):
        yield batch(1 + seq * 512, "cdu-x")
        yield batch(1, "cdu-x", epoch=f"E{seq}")


def accounts_without_end() -> Iterator[Message]:
    """Statuses with as many ranges as they may have, each for another epoch."""
    for number in itertools.count(1):
        epoch = f"E{number % 2000}"
        yield batch(1, "cdu-x", epoch=epoch)
        ranges = [{"epoch": epoch, "first": at, "last": at, "reason": f"r{at}"} for at in range(2, 1000, 2)]
        account = {"kind": "disk", "held": ranges, "dropped": ranges}
        yield status("cdu-x", account=account)


def another_s_device() -> Iterator[Message]:
    """Word about a device of the healthy agent, from a clock far ahead; and its documents, written and cleared."""
    ahead_ms = now_ms() + 500_000
    for seq in itertools.count(1):
        labels = {"site": SITE}
        yield batch(seq * 2, VICTIM_DEVICE, time=ahead_ms + seq, values={f"{TEMPERATURE}{{loop=secondary}}": 99.0})
        event = {"agent": THIEF, "epoch": "01JD5Z", "seq": seq * 2 + 1, "time": ahead_ms, "device": VICTIM_DEVICE}
        event |= {"class": "cdu", "kind": "down", "labels": labels}
        yield Message(_topic("event", VICTIM_DEVICE), _json(event))
        yield document(VICTIM_DEVICE, time=ahead_ms, model="stolen")
        yield Message(_topic("device", VICTIM_DEVICE), b"", retain=True)


def extreme_numbers() -> Iterator[Message]:
    """The largest and the smallest numbers that JSON can say, wherever a number may be."""
    metrics = [f"{TEMPERATURE}{{loop=secondary}}", "dcim_ups_battery_charge_ratio", "dcim_ups_output_power_watts"]
    for seq in itertools.count(1):
        for value in (1e308, -1e308, 5e-324, -5e-324, 1e300, 0.0):
            yield batch(seq * 100, "ups-x", values=dict.fromkeys(metrics, value), **{"class": "ups"})
        for interval_s in (1e9, 1e308, 5e-324, 0, -1):
            yield batch(seq * 100 + 1, "ups-x", interval_s=interval_s)
            yield document("ups-x", intervals={"safety": interval_s, "inventory": interval_s})
        yield batch(seq * 100 + 2, "ups-x", duration_s=1e308)
        yield batch(seq * 100 + 3, "ups-x", time=2**63)
        yield batch(seq * 100 + 4, "ups-x", time=9_223_372_036_854)
        yield batch(2**53, "ups-x")
        yield status("ups-x", started=10**4000)


def old_polls() -> Iterator[Message]:
    """Polls of 400 days, of a meter: late readings, poll counts of every hour."""
    for seq in itertools.count(1):
        time_ms = now_ms() - (seq * 3_600_000) % (390 * DAY_MS)
        values = {f"dcim_meter_energy_joules_total{{role=it,x={number}}}": 1.0 for number in range(40)}
        values["dcim_meter_energy_joules_total{role=it}"] = float(seq)
        yield batch(seq, f"meter-{seq % 500}", time=time_ms, values=values, **{"class": "meter"})


def devices_that_come_and_go() -> Iterator[Message]:
    """Devices that are given up again at once, so that the next one has room."""
    for seq in itertools.count(1):
        device = f"passing-{seq}"
        yield batch(seq, device)
        yield document(device)
        yield Message(_topic("device", device), b"", retain=True)
        if seq % 100 == 0:
            yield status()


def rubbish() -> Iterator[Message]:
    """Messages that are no documents, 60 kB each, which the dead-letter file would keep whole."""
    for number in itertools.count():
        yield Message(_topic("batch", f"cdu-{number}"), b"\xff" * 60_000)
        yield Message(_topic("event", f"cdu-{number}"), b"[" * 60_000)


def many_agents() -> Iterator[Message]:
    """A new agent with every message; only a broker without access lists lets this through."""
    for number in itertools.count():
        agent = f"made-up-{number}"
        yield status("cdu-x", agent=agent)
        yield document(f"cdu-{number}", agent=agent)
        yield batch(1, f"cdu-{number}", agent=agent)


def many_sites() -> Iterator[Message]:
    """A new site with every message; only a broker without access lists lets this through."""
    for number in itertools.count():
        site = f"made-up-{number}"
        yield status("cdu-x", site=site)
        yield batch(1, "cdu-x", site=site)


ATTACKS: Mapping[str, Attack] = {
    each.__name__: each
    for each in (
        another_s_device,
        devices_without_end,
        series_without_end,
        layouts_without_end,
        keys_without_meaning,
        largest_messages,
        oversized_messages,
        numbers_that_jump,
        accounts_without_end,
        extreme_numbers,
        old_polls,
        devices_that_come_and_go,
        rubbish,
        many_agents,
        many_sites,
    )
}


def publish(port: int, messages: Iterator[Message], seconds: float, client_id: str = THIEF) -> int:
    """Publish for a time, as fast as the broker confirms; returns how many messages were sent."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
    window = threading.Semaphore(WINDOW)
    client.on_publish = lambda *_: window.release()
    client.max_inflight_messages_set(WINDOW)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = 0
    until = time.monotonic() + seconds
    try:
        for message in messages:
            if time.monotonic() > until:
                break
            if not window.acquire(timeout=10):
                break
            client.publish(message.topic, message.payload, 1, message.retain)
            sent += 1
    finally:
        leave(client)
    return sent


def main() -> None:
    """Publish one attack, and print how many messages were sent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("attack", choices=sorted(ATTACKS))
    parser.add_argument("seconds", type=float)
    arguments = parser.parse_args()
    sys.stdout.write(f"{publish(arguments.port, ATTACKS[arguments.attack](), arguments.seconds)}\n")


if __name__ == "__main__":
    main()
