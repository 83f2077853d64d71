"""Answers instead of raw numbers: figures of racks, loops, feeds and sites from the latest readings and the site file.

A figure whose inputs are stale, suspect or absent is unknown and says what is missing; it is never a guess.

* Figures: the packages `power`, `liquid` and `energy`, and the modules `environment` (air at racks) and `limits` (those of the site file).
  Their `plan_...` functions plan what the package `engine` computes. `trust` finds sensors that cannot be trusted.
* One site: `site_plan` calls all of these functions, `known_devices` decides when there must be a new plan, `site_figures` computes the
  plan in each cycle, and `cycle_state` remembers from cycle to cycle what `trust` finds, and what `trends` has learned of filters and
  racks.
* All sites: `deriver` runs the cycles, `latest_figures` has their result, `explain` says what a figure is computed from.
* `config` has the sections of the configuration; `carbon_source` reads hourly factors of the grid, the only I/O here.
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
from collector.derive.power import MIN_VOLTAGE_SHARE, group_name, ups_groups
from collector.derive.site_figures import SiteFigures
from collector.derive.site_plan import Settings

__all__ = [
    "CARBON_PART",
    "HOUR_S",
    "KWH_J",
    "MIN_VOLTAGE_SHARE",
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
