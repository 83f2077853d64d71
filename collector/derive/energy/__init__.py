"""Energy accounting: hours of meters, power usage effectiveness, carbon, water and reuse.

`accounting` plans what is counted as what; `own_power` plans the powers of this moment. `counters` decides which steps of a counter are
energy, within the ratings of `bounds`; `hourly` has the hours, and `records` what is kept of them over a restart. `statement` makes the
figures over windows of hours, with `balance` (grid, PV, generators), `carbon` (factors) and `coverage` (how far counters can be believed).
"""

from collector.derive.energy.accounting import (
    COUNTER_METRICS,
    KEPT_A_DAY,
    Accounts,
    air_units_fed_by,
    cdus_fed_by,
    it_ways,
    plan_accounts,
    site_power,
)
from collector.derive.energy.balance import SOURCES, balance_of
from collector.derive.energy.carbon import (
    KWH_J,
    Factor,
    Factors,
    carbon_free_j,
    location_based_g,
    market_based_g,
    read_answer,
    read_csv,
)
from collector.derive.energy.hourly import HOUR_S, Hour
from collector.derive.energy.own_power import plan_own_power
from collector.derive.energy.records import EnergyRecords, Head, SiteRecords

__all__ = [
    "COUNTER_METRICS",
    "HOUR_S",
    "KEPT_A_DAY",
    "KWH_J",
    "SOURCES",
    "Accounts",
    "EnergyRecords",
    "Factor",
    "Factors",
    "Head",
    "Hour",
    "SiteRecords",
    "air_units_fed_by",
    "balance_of",
    "carbon_free_j",
    "cdus_fed_by",
    "it_ways",
    "location_based_g",
    "market_based_g",
    "plan_accounts",
    "plan_own_power",
    "read_answer",
    "read_csv",
    "site_power",
]
