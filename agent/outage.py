"""Estimates how long a collector may be away before the outbox must drop messages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.config import AgentConfig
from agent.profile import Profile
from rackflow.catalogue import POLL_SECONDS, PollClass, catalogue
from rackflow.outbox import DISK_LIMIT_BYTES, MEMORY_LIMIT_BYTES

# A batch as the outbox holds it, on average over the families in tests/conformance (docs/how-to/size.md): a poll of a UPS has 600
# bytes, one of a rack PDU with outlets 20 kB. On disk, groups under 16 kB are compressed (rackflow/outbox/segment.py), and then more hours
# fit than this says; larger groups are not, and an outbox in memory never is. For a site whose polls are longer than the average the
# figure is too high, by so much as they are longer.
MESSAGE_BYTES: Final = 1000
# What a device is taken for that is recognised only when it is polled: nearly all families have these, and few have `safety`.
UNKNOWN_CLASSES: Final[tuple[PollClass, ...]] = ("fast", "normal", "slow", "inventory")
HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class OutageEstimate:
    """What an outbox holds. `by_age` says that messages expire before they fill it."""

    hours: float
    messages_per_s: float
    by_age: bool

    def __str__(self) -> str:
        why = (
            "then they expire (outbox.max_age_s)" if self.by_age else "then the oldest are dropped (outbox.limit_bytes)"
        )
        return (
            f"outbox: about {self.messages_per_s:.1f} messages of {MESSAGE_BYTES / 1000:g} kB a second;"
            f" {self.hours:.1f} hours without a collector fit, {why}"
        )


def estimate_outage(config: AgentConfig, profiles: Mapping[str, Profile]) -> OutageEstimate:
    """How many hours fit, from the intervals of what is polled."""
    rate = 1 / (POLL_SECONDS | config.intervals)["normal"]  # the agent's own report
    for device in config.devices:
        if device.enabled:
            seconds = config.intervals_of(device)
            profile = profiles.get(device.profile)
            rate += sum(1 / seconds[each] for each in (classes_of(profile) if profile else UNKNOWN_CLASSES))
    outbox = config.outbox
    limit = outbox.limit_bytes or (DISK_LIMIT_BYTES if outbox.mode == "disk" else MEMORY_LIMIT_BYTES)
    full_s = limit / MESSAGE_BYTES / rate
    by_age = outbox.mode == "disk" and outbox.max_age_s < full_s
    return OutageEstimate((outbox.max_age_s if by_age else full_s) / HOUR_S, rate, by_age)


def classes_of(profile: Profile) -> frozenset[PollClass]:
    """The poll classes that a device of this family may have."""
    profile = profile.loaded()
    points = [*profile.points, *(point for table in profile.tables for point in table.points)]
    return frozenset(point.poll or catalogue()[point.metric].poll for point in points)
