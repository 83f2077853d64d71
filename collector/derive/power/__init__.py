"""The power path: racks, feeds, panels, UPSs and transfer switches, now and after the loss of a feed."""

from collector.derive.power.breakers import plan_breakers
from collector.derive.power.counts import plan_counts
from collector.derive.power.feeds import plan_feeds
from collector.derive.power.racks import RackPower, plan_racks, rack_labels
from collector.derive.power.supplies import Supplies, SupplyPlan, plan_supplies

__all__ = [
    "RackPower",
    "Supplies",
    "SupplyPlan",
    "plan_breakers",
    "plan_counts",
    "plan_feeds",
    "plan_racks",
    "plan_supplies",
    "rack_labels",
]
