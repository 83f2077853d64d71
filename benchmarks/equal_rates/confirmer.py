"""A stand-in for a collector that stores at once: each second it reports which numbers have come, so that the outbox stays small.

A process of its own, so that its CPU time is not the agent's: `python -m benchmarks.equal_rates.confirmer PORT`.
"""

import re
import sys
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.equal_rates.device import AGENT, SITE
from rackflow.documents import Stored, encode

_NUMBER = re.compile(rb'"epoch":"([^"]+)","seq":(\d+)')


class Confirmer:
    """Which numbers of each epoch have come: all up to one, and a few beyond it."""

    def __init__(self) -> None:
        self._through: dict[str, int] = {}
        """The number up to which all have come, by epoch."""
        self._beyond: dict[str, set[int]] = {}
        """Numbers that came above it, while one in between is missing."""

    def on_message(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        """A batch or an event has come."""
        found = _NUMBER.search(message.payload)
        if found is None:
            return
        epoch, number = found[1].decode(), int(found[2])
        beyond = self._beyond.setdefault(epoch, set())
        beyond.add(number)
        through = self._through.get(epoch, 0)
        while through + 1 in beyond:
            through += 1
            beyond.discard(through)
        self._through[epoch] = through

    def report(self) -> Stored:
        """What a collector would report now."""
        durable = {epoch: [(1, through)] for epoch, through in dict(self._through).items() if through}
        return Stored(agent=AGENT, collector="bench", ledger="bench", time=time.time_ns() // 1_000_000, durable=durable)


def main() -> None:
    """Report once a second until it is ended."""
    confirmer = Confirmer()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = confirmer.on_message
    client.connect("127.0.0.1", int(sys.argv[1]))
    root = f"rackflow/v1/{SITE}/{AGENT}"
    client.subscribe([(f"{root}/batch/+", 1), (f"{root}/event/+", 1)])
    client.loop_start()
    while True:
        time.sleep(1.0)
        client.publish(f"{root}/stored/bench", encode(confirmer.report()), qos=1, retain=True)


if __name__ == "__main__":
    main()
