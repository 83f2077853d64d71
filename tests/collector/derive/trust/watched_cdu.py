"""One CDU and what its sensors show, one sensor at a time: what is not shown cannot be named, so each fault stands alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collector.derive.trust.suspects import CduWatch

HOUR_S = 3600.0
MINUTE_S = 60.0
FLOW = "flow_cubic_meters_per_second{loop=secondary}"
PRIMARY_FLOW = "flow_cubic_meters_per_second{loop=primary}"
SUPPLY = "supply_temperature_celsius{loop=secondary}"
HEAT = "heat_removed_watts{loop=secondary}"
PRIMARY_HEAT = "heat_removed_watts{loop=primary}"
DELTA = "delta_temperature_celsius{loop=secondary}"
PRIMARY_DELTA = "delta_temperature_celsius{loop=primary}"
PUMP = "pump_state{pump=1}"
SPEED = "pump_speed_ratio{pump=1}"


@dataclass
class Shown:
    """A reading that holds for `life_s` after it was taken."""

    value: float | str
    expires_at: float
    life_s: float = 30.0


class Unit:
    """A CDU that is looked at whenever it shows something. Names are without `dcim_cdu_`."""

    def __init__(self) -> None:
        self.watch = CduWatch()
        self._held: dict[str, Shown] = {}

    def again(self, now: float, power_w: float | None = None) -> dict[str, str]:
        """It is polled once more, and shows what it showed."""
        return self.take(now, {key.removeprefix("dcim_cdu_"): each.value for key, each in self._held.items()}, power_w)

    def show(self, now: float, power_w: float | None = None) -> dict[str, str]:
        """Who is named at `now`, where nothing new came."""
        self.watch.update(self._held, now, power_w)
        return dict(self.watch.named)

    def take(self, now: float, values: Mapping[str, float | str], power_w: float | None = None) -> dict[str, str]:
        """Take these readings, and say who is named."""
        self._held.update({f"dcim_cdu_{key}": Shown(value, now + 30.0) for key, value in values.items()})
        return self.show(now, power_w)

    @property
    def distrusted(self) -> dict[str, str]:
        """Series that no figure may use."""
        return {key.removeprefix("dcim_cdu_"): reason for key, reason in self.watch.suspects.items()}


def follow(loop: str = "secondary") -> list[str]:
    """What the agent computes from the sensors of a loop."""
    return [
        f"heat_removed_watts{{loop={loop}}}",
        f"flow_per_heat_cubic_meters_per_joule{{loop={loop}}}",
        "heat_imbalance_ratio",
    ]


def seconds(first: float, last: float, step: float = 10.0) -> Iterable[float]:
    """From the first to the last, both with."""
    count = round((last - first) / step)
    return [first + step * at for at in range(count + 1)]
