"""Which of a configuration's settings a running agent can change, and what each device's polling depends on. Pure."""

from dataclasses import dataclass

from agent.config import AgentConfig, Credential, Device
from agent.poll import units_beside, units_by_place
from agent.profile import Families
from rackflow.catalogue import PollClass
from rackflow.errors import ConfigError


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Everything the polling of one device depends on. A reload restarts only devices whose settings differ.

    Secrets compare by value, so a changed password restarts the devices that use it.
    """

    device: Device
    labels: dict[str, str]
    intervals: dict[PollClass, float]
    credential: Credential | None
    engine: str | None
    profile: str
    """Hash of the profile's content; for a device that is recognised when it is polled, of all profiles."""
    beside: frozenset[int] = frozenset()
    """The other units behind the same SNMP agent: their rows are not this one's, also while its own are gone."""


def enabled_devices(config: AgentConfig, families: Families | None = None) -> dict[str, DeviceSettings]:
    """The enabled devices by id."""
    contents = (
        {name: families.content_hash(name) for name in {each.profile for each in config.devices}} if families else {}
    )
    units = units_by_place(config)
    return {
        device.id: DeviceSettings(
            device=device,
            labels=config.labels_of(device),
            intervals=config.intervals_of(device),
            credential=config.credentials.get(device.credential or ""),
            engine=config.engine,
            profile=contents.get(device.profile, ""),
            beside=units_beside(device, units),
        )
        for device in config.devices
        if device.enabled
    }


def most_polls_per_s(config: AgentConfig) -> float:
    """Polls a second if every device had every poll class."""
    return sum(1 / each for device in config.devices if device.enabled for each in config.intervals_of(device).values())


def check_reloadable(before: AgentConfig, config: AgentConfig) -> None:
    """Raises ConfigError if `config` changes what cannot change while the process runs."""
    # Names are part of every topic and message number, the outbox is open, the lease is kept, and the watchdog has its file.
    fixed = {
        "agent": config.agent == before.agent,
        "labels.site": config.labels.site == before.labels.site,
        "outbox": config.outbox == before.outbox,
        "pair": config.pair == before.pair,
        "health_file": config.health_file == before.health_file,
    }
    if changed := [key for key, same in fixed.items() if not same]:
        raise ConfigError(f"{', '.join(changed)}: cannot change while the agent runs; restart the agent")
