"""The power path: racks, feeds, panels, UPSs and transfer switches, now and after the loss of a feed."""

from collector.derive.power.feeds import group_name, plan_feeds, ups_groups
from collector.derive.power.racks import RackPower, plan_racks, rack_labels

__all__ = [
    "RackPower",
    "group_name",
    "plan_feeds",
    "plan_racks",
    "rack_labels",
    "ups_groups",
]
