"""Answers instead of raw numbers: figures of racks, loops, feeds and sites from the latest readings and the site file.

A figure whose inputs are stale, suspect or absent is unknown and says what is missing; it is never a guess.
`power`, `liquid`, `energy` and `trust` define the figures, `engine` computes them, `site_figures` combines them for one site.
"""

from collector.derive.carbon_source import PART as CARBON_PART
from collector.derive.carbon_source import CarbonSource
from collector.derive.config import CarbonConfig, DeriveConfig
from collector.derive.deriver import Deriver
from collector.derive.energy import (
    HOUR_S,
    KWH_J,
    SOURCES,
    EnergyRecords,
    Head,
    Hour,
    SiteRecords,
    air_units_fed_by,
    balance_of,
    carbon_free_j,
    cdus_fed_by,
    it_ways,
    location_based_g,
    market_based_g,
)
from collector.derive.engine import PART, Figure, Input, Inputs
from collector.derive.explain import Explanation
from collector.derive.latest_figures import LatestFigures
from collector.derive.limits import SiteLimit, site_limits
from collector.derive.liquid import Thermal
from collector.derive.power import group_name, ups_groups
from collector.derive.site_figures import SiteFigures
from collector.derive.site_plan import Settings

__all__ = [
    "CARBON_PART",
    "HOUR_S",
    "KWH_J",
    "PART",
    "SOURCES",
    "CarbonConfig",
    "CarbonSource",
    "DeriveConfig",
    "Deriver",
    "EnergyRecords",
    "Explanation",
    "Figure",
    "Head",
    "Hour",
    "Input",
    "Inputs",
    "LatestFigures",
    "Settings",
    "SiteFigures",
    "SiteLimit",
    "SiteRecords",
    "Thermal",
    "air_units_fed_by",
    "balance_of",
    "carbon_free_j",
    "cdus_fed_by",
    "group_name",
    "it_ways",
    "location_based_g",
    "market_based_g",
    "site_limits",
    "ups_groups",
]
