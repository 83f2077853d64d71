"""The power path: racks, feeds, panels, UPSs and transfer switches, now and after the loss of a feed."""

from collector.derive.power.feeds import plan_feeds
from collector.derive.power.racks import RackPower, plan_racks, rack_labels

__all__ = [
    "RackPower",
    "plan_feeds",
    "plan_racks",
    "rack_labels",
]
