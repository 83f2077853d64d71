""""""

from collector.derive.energy.accounting import Accounts, plan_accounts
from collector.derive.energy.carbon import Factor, Factors, read_answer, read_csv
from collector.derive.energy.hourly import HOUR_S, Hour
from collector.derive.energy.records import EnergyRecords, Head, SiteRecords

__all__ = [
    "Accounts",
    "EnergyRecords",
    "Factor",
    "Factors",
    "HOUR_S",
    "Head",
    "Hour",
    "SiteRecords",
    "plan_accounts",
    "read_answer",
    "read_csv",
]
