"""The capacity model: formulas over measured constants. Pure."""

import math
from dataclasses import dataclass

YEAR_S = 365 * 86400.0


@dataclass(frozen=True)
class Constants:
    """Measured on one core of the machine in RESULTS.md; the section of each is beside it."""

    agent_polls_per_cpu_s: float = 3800.0
    """A, 500 polls/s, readings as in a UPS: 20 objects."""
    readings_per_poll: float = 20.0
    message_bytes: float = 1500.0
    """A: a batch of 20 readings with its topic and MQTT's header."""
    collector_readings_per_cpu_s: float = 168_000.0
    """D, InfluxDB."""
    store_bytes_per_reading: float = 0.6
    """storage: VictoriaMetrics, after its merges."""
    devices_per_agent: int = 400
    """Not a limit of the program (`make campus` runs 3,076), but of what may go dark with one gateway: a room."""
    load: float = 0.5
    """Of a core that is planned for; the rest is for recovery and for what a machine does besides."""


@dataclass(frozen=True)
class Site:
    """`points` are series; each is read every `interval_s` on average, `per_device` of them belong to a device."""

    points: int
    interval_s: float = 10.0
    per_device: int = 30


@dataclass(frozen=True)
class Needs:
    """What a site needs at rest."""

    devices: int
    agents: int
    polls_per_s: float
    agent_cores: float
    megabytes_per_s: float
    readings_per_s: float
    collectors: int
    store_bytes_a_year: float


def needs(site: Site, constants: Constants) -> Needs:
    """At rest, with `load` of each core used."""
    readings_per_s = site.points / site.interval_s
    polls_per_s = readings_per_s / constants.readings_per_poll
    devices = math.ceil(site.points / site.per_device)
    return Needs(
        devices=devices,
        agents=math.ceil(devices / constants.devices_per_agent),
        polls_per_s=polls_per_s,
        agent_cores=polls_per_s / constants.agent_polls_per_cpu_s,
        megabytes_per_s=polls_per_s * constants.message_bytes / 1e6,
        readings_per_s=readings_per_s,
        collectors=math.ceil(readings_per_s / (constants.collector_readings_per_cpu_s * constants.load)),
        store_bytes_a_year=readings_per_s * YEAR_S * constants.store_bytes_per_reading,
    )


@dataclass(frozen=True)
class Outage:
    """The broker is away for `seconds`. `agents` publish `rate` messages a second each, and send old ones at `backlog_rate`.

    The collectors together store `capacity` messages a second.
    """

    agents: int
    rate: float
    backlog_rate: float
    capacity: float
    seconds: float


@dataclass(frozen=True)
class Recovery:
    """How long until everything is stored, and how late a live message is at worst."""

    drained_s: float
    live_delay_s: float


def recovery(outage: Outage) -> Recovery:
    """After the broker's return, if all agents reconnect at once; they take up to 30 s longer.

    What agents send beyond what collectors take waits in the broker, where live messages stand behind old ones. It grows while agents
    have a backlog: `rate x seconds / backlog_rate` seconds. Raises ValueError if the collectors cannot even keep up with live messages.
    """
    live = outage.agents * outage.rate
    if live >= outage.capacity:
        raise ValueError(f"{live:g} messages/s are more than the {outage.capacity:g}/s that can be stored")
    sending_s = outage.rate * outage.seconds / outage.backlog_rate
    growth = live + outage.agents * outage.backlog_rate - outage.capacity
    delay_s = max(0.0, growth) * sending_s / outage.capacity
    return Recovery(sending_s + delay_s, delay_s)


def gentle_backlog_rate(agents: int, rate: float, capacity: float) -> float:
    """The most that each agent may send of its backlog so that live messages never wait: the collectors' spare capacity, divided."""
    return (capacity - agents * rate) / agents
