"""Answers instead of raw numbers: in go the latest readings and the site file, out come figures of racks, loops, feeds and sites."""

from collector.derive.carbon_source import CarbonSource
from collector.derive.config import CarbonConfig, DeriveConfig
from collector.derive.deriver import Deriver
from collector.derive.energy import HOUR_S, Head, Hour, SiteRecords
from collector.derive.engine import Figure
from collector.derive.latest_figures import LatestFigures
from collector.derive.site_figures import Settings, SiteFigures

__all__ = [
    "CarbonConfig",
    "CarbonSource",
    "DeriveConfig",
    "Deriver",
    "Figure",
    "HOUR_S",
    "Head",
    "Hour",
    "LatestFigures",
    "Settings",
    "SiteFigures",
    "SiteRecords",
]
