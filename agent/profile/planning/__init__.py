"""Plans the polling of a device: from its profile, its rows and some of its cells to series and the requests for them.

A plan is made in this order:

| module | what |
|---|---|
| `planning_cells` | the cells that must be read first: those of labels, conditions, units and scales |
| `in_use` | which lines and parts were ever in use, so that an outage changes no plan |
| `row_identity` | which row of a table is which part of the device |
| `rows` | a row's labels, conditions, units and scales out of its cells |
| `decoders` | how each number of a row is read; `sentinels`: which raw numbers mean "no reading" |
| `planner` | goes through all points and rows with the modules above |
| `builder` | collects the series, and makes the requests of each poll class |
| `plan` | the result |
| `trim` | removes from it what the device's first answers have shown it to lack |
| `cache` | gives devices with the same rows and cells one plan |
"""

from agent.profile.planning.builder import MAX_SERIES
from agent.profile.planning.cache import Family, PlanCache
from agent.profile.planning.in_use import Use, is_measuring, is_use_ref, note_use_steps, shows_another_scale
from agent.profile.planning.plan import ClassPlan, Plan, PlannedCell, refs_of
from agent.profile.planning.planner import plan_device, plan_steps
from agent.profile.planning.planning_cells import (
    AMBIGUOUS,
    columns_beside,
    entry_of,
    planning_columns,
    planning_instances,
    planning_registers,
    watched_registers,
)
from agent.profile.planning.trim import trim_steps

__all__ = [
    "AMBIGUOUS",
    "MAX_SERIES",
    "ClassPlan",
    "Family",
    "Plan",
    "PlanCache",
    "PlannedCell",
    "Use",
    "columns_beside",
    "entry_of",
    "is_measuring",
    "is_use_ref",
    "note_use_steps",
    "plan_device",
    "plan_steps",
    "planning_columns",
    "planning_instances",
    "planning_registers",
    "refs_of",
    "shows_another_scale",
    "trim_steps",
    "watched_registers",
]
