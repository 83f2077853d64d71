"""Estimates how long a collector may be away before the outbox must drop messages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.config import AgentConfig
from agent.profile import Profile
from rackflow.catalogue import POLL_SECONDS, PollClass, catalogue
from rackflow.outbox import DISK_LIMIT_BYTES, MEMORY_LIMIT_BYTES

# A batch of a device whose family is not known yet, on average over the families in tests/conformance (docs/how-to/size.md). On disk,
# groups under 16 kB are compressed (rackflow/outbox/segment.py), and then more hours fit than this says; larger groups are not, and an
# outbox in memory never is.
MESSAGE_BYTES: Final = 1000
# For a device whose family is known: bytes of every batch (topic, names, labels of its place), and bytes of a series beside its key.
ENVELOPE_BYTES: Final = 350
SERIES_BYTES: Final = 12
# Rows of a table, which only the device knows: outlets of a rack PDU; and phases, banks, inputs and sensors, of which there are a few.
OUTLET_ROWS, OTHER_ROWS = 24, 3
# A label's value that comes from the device or the row: its length counts.
VALUE: Final = "L1-2"
# The agent's own report: 60 series.
OWN_BYTES: Final = 3500
# Poll classes assumed for a device that is recognised only when it is polled: nearly all families have these, and few have `safety`.
UNKNOWN_CLASSES: Final[tuple[PollClass, ...]] = ("fast", "normal", "slow", "inventory")
HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class OutageEstimate:
    """What an outbox holds. `by_age` says that messages expire before they fill it."""

    hours: float
    messages_per_s: float
    by_age: bool
    message_bytes: float
    """Of a message, on average."""

    def __str__(self) -> str:
        why = (
            "then they expire (outbox.max_age_s)" if self.by_age else "then the oldest are dropped (outbox.limit_bytes)"
        )
        held = f"{self.hours:.1f} hours" if self.hours >= 1 else f"{self.hours * 60:.0f} minutes"
        # Three digits, as in 1.73 and 6,340: rounded by the first format, without an exponent by the second.
        rate = f"{float(f'{self.messages_per_s:.3g}'):,g}"
        return (
            f"outbox: about {rate} messages a second, of {self.message_bytes / 1000:.1f} kB each;"
            f" it holds {held} of them while no collector stores them, {why}"
        )


def estimate_outage(config: AgentConfig, profiles: Mapping[str, Profile]) -> OutageEstimate:
    """How many hours fit, from the intervals of what is polled and from how many series its families have."""
    rate = 1 / (POLL_SECONDS | config.intervals)["normal"]  # the agent's own report
    bytes_per_s = rate * OWN_BYTES
    for device in config.devices:
        if device.enabled:
            seconds = config.intervals_of(device)
            profile = profiles.get(device.profile)
            sizes = (
                sizes_of(profile, outlets=device.outlets) if profile else dict.fromkeys(UNKNOWN_CLASSES, MESSAGE_BYTES)
            )
            rate += sum(1 / seconds[each] for each in sizes)
            bytes_per_s += sum(size / seconds[each] for each, size in sizes.items())
    outbox = config.outbox
    limit = outbox.limit_bytes or (DISK_LIMIT_BYTES if outbox.mode == "disk" else MEMORY_LIMIT_BYTES)
    full_s = limit / bytes_per_s
    by_age = outbox.mode == "disk" and outbox.max_age_s < full_s
    return OutageEstimate((outbox.max_age_s if by_age else full_s) / HOUR_S, rate, by_age, bytes_per_s / rate)


def sizes_of(profile: Profile, *, outlets: bool) -> dict[PollClass, int]:
    """Bytes of a batch of each poll class that a device of this family may have."""
    profile = profile.loaded()
    # By series: several points may give the same one, of which a device has one.
    series: dict[tuple[str, str], tuple[PollClass, int]] = {}
    points = [(point, point.labels, False) for point in profile.points]
    points += [(point, {**table.labels, **point.labels}, True) for table in profile.tables for point in table.points]
    for point, labels, is_row in points:
        if "outlet" in labels and not outlets:
            continue
        rows = 1 if not is_row else OUTLET_ROWS if "outlet" in labels else OTHER_ROWS
        texts = [f"{label}={value if isinstance(value, str) else VALUE}" for label, value in sorted(labels.items())]
        key = point.metric, ",".join(texts)
        size = rows * (len(point.metric) + sum(len(each) + 1 for each in texts) + SERIES_BYTES)
        series.setdefault(key, (point.poll or catalogue()[point.metric].poll, size))
    sizes: dict[PollClass, int] = {}
    for poll, size in series.values():
        sizes[poll] = sizes.get(poll, ENVELOPE_BYTES) + size
    return sizes
