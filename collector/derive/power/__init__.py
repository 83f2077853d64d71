"""The power path: racks, feeds, panels, UPSs, transfer switches and generators, now and after the loss of a feed.

`pdus` has what a rack PDU carries. `racks` and `switches` (transfer switches) stand on it, and on these `feeds` (UPSs, panels and feeds;
`battery` models their autonomy) and `breakers` (`breaker_load` models one). `generators` has backup generators. `supplies` decides which
supplies are dead, before anything is computed. `redundancy` says what is left of units that stand in for each other; `liquid` uses it as
well. `contacts` has faults reported by a dry contact, `counts` what happened within an hour.
"""

from collector.derive.power.breakers import plan_breakers
from collector.derive.power.contacts import plan_fault
from collector.derive.power.counts import plan_counts
from collector.derive.power.feeds import plan_feeds, ups_groups
from collector.derive.power.generators import metered_w, plan_generators
from collector.derive.power.racks import MIN_VOLTAGE_SHARE, RackPower, plan_racks, rack_labels
from collector.derive.power.redundancy import able_of, able_share, firm, group_name, redundant
from collector.derive.power.supplies import Supplies, SupplyPlan, SupplySlots, plan_supplies, slots_of_supplies

__all__ = [
    "MIN_VOLTAGE_SHARE",
    "RackPower",
    "Supplies",
    "SupplyPlan",
    "SupplySlots",
    "able_of",
    "able_share",
    "firm",
    "group_name",
    "metered_w",
    "plan_breakers",
    "plan_counts",
    "plan_fault",
    "plan_feeds",
    "plan_generators",
    "plan_racks",
    "plan_supplies",
    "rack_labels",
    "redundant",
    "slots_of_supplies",
    "ups_groups",
]
