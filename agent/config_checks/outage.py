"""Estimates how long a collector may be away before the outbox must drop messages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from agent.config import AgentConfig
from agent.profile import Profile
from rackflow.catalogue import POLL_SECONDS, PollClass, catalogue

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


Bound = Literal["size", "age", "disk"]
# A full disk takes no more. The agent then keeps its messages in memory, within the same limit, and loses them if it ends.
_AFTERWARDS: Final[Mapping[Bound, str]] = {
    "size": "then the oldest are dropped (outbox.limit_bytes)",
    "age": "then they expire (outbox.max_age_s)",
    "disk": "then its disk is full, and further ones are kept in memory only: make room, or choose another disk (outbox.path)",
}


@dataclass(frozen=True, slots=True)
class OutageEstimate:
    """What an outbox holds, and what ends it first."""

    hours: float
    messages_per_s: float
    bound: Bound
    message_bytes: float
    """Of a message, on average."""

    def __str__(self) -> str:
        why = _AFTERWARDS[self.bound]
        held = f"{self.hours:.1f} hours" if self.hours >= 1 else f"{self.hours * 60:.0f} minutes"
        # Three digits, as in 1.73 and 6,340: rounded by the first format, without an exponent by the second.
        rate = f"{float(f'{self.messages_per_s:.3g}'):,g}"
        return (
            f"outbox: about {rate} messages a second, of {self.message_bytes / 1000:.1f} kB each;"
            f" it holds {held} of them while no collector stores them, {why}"
        )


def estimate_outage(
    config: AgentConfig, profiles: Mapping[str, Profile], room_bytes: int | None = None
) -> OutageEstimate:
    """How many hours fit, from the intervals of what is polled and from how many series its families have.

    `room_bytes` is what an outbox on disk can have of its disk: what is free, and what it has already. None if that is not known.
    """
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
    bounds: dict[Bound, float] = {"size": outbox.used_limit_bytes / bytes_per_s}
    if outbox.mode == "disk":
        bounds["age"] = outbox.max_age_s
        if room_bytes is not None:
            bounds["disk"] = room_bytes / bytes_per_s
    first = min(bounds, key=bounds.__getitem__)
    return OutageEstimate(bounds[first] / HOUR_S, rate, first, bytes_per_s / rate)


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
