"""The sections `derive` and `carbon` of the collector's configuration.

Attribute docstrings and defaults are shown in the reference of the configuration; after a change, generate it again.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from collector.derive.liquid import Thermal
from collector.derive.site_plan import Settings
from rackflow.process.config import Name, Secret, StrictModel, Url
from rackflow.process.paths import FilePath, OwnFile
from rackflow.site import Battery
from rackflow.site.quantity import Celsius

MAX_INTERVAL_S = 30.0
Positive = Annotated[float, Field(gt=0)]


class ThermalConfig(StrictModel):
    """Limits that ride-through counts down to, for all loops and racks. What is left out comes from the site file."""

    supply_limit_celsius: Celsius | None = None
    """Highest supply temperature; 45 when neither this nor the site file says."""
    chip_limit_celsius: Celsius | None = None
    """Highest chip temperature; 90 when neither this nor the site file says."""
    chip_rise_kelvin: Annotated[float, Field(ge=0, le=100)] | None = None
    """Chip above coolant temperature at full load; 15 when neither this nor the site file says."""
    chip_heat_capacity_seconds_per_kelvin: Positive | None = None
    """Heat capacity of chips and cold plates per watt of design power, in J/K per W; 0.393 when neither this nor the site file says."""
    chip_standing_ratio: Annotated[float, Field(ge=0, le=1)] = Thermal().chip_standing_ratio
    """Share of the chips' heat that standing coolant still takes up."""
    supply_volume_ratio: Annotated[float, Field(ge=0, le=1)] = Thermal().supply_volume_ratio
    """Share of a loop's coolant on the supply side, between CDU and racks."""


class DeriveConfig(StrictModel):
    """Figures across devices."""

    # As often as the `fast` class is polled: more often would compute the same again. At most 30 s: energy, heat capture, demand and level
    # of breakers are made from values of which none is a minute apart from the next, and a cycle takes seconds at a large site. Longer
    # gaps were no remedy: a load that dips every 20 to 60 s is not known from one value in a minute.
    interval_s: Annotated[float, Field(ge=1, le=MAX_INTERVAL_S)] = 5.0
    """Seconds between two calculations. With more than half a minute, figures over minutes would never be known."""
    store: bool = True
    """Also write figures to the store."""
    state: OwnFile | None = None
    """File of hourly records of energy and polls, kept 400 days; beside `dead_letter` when left out."""
    batteries: dict[Name, Battery] = {}
    """Battery data by UPS; takes precedence over the site file."""
    pumps_required: dict[Name, Annotated[int, Field(ge=1, le=8)]] = {}
    """Pumps that each CDU needs; takes precedence over the site file."""
    thermal: ThermalConfig = ThermalConfig()
    """Thermal limits; take precedence over the site file."""

    def settings(self, residual_grams_per_kwh: float | None) -> Settings:
        """This section as the settings of the figures engine."""
        return Settings(
            batteries=self.batteries,
            pumps_required=self.pumps_required,
            thermal=Thermal(**self.thermal.model_dump()),
            residual_grams_per_kwh=residual_grams_per_kwh,
        )


class CarbonConfig(StrictModel):
    """Hourly carbon factors of the grid; without this section the yearly factor of the site file is used."""

    path: FilePath | None = None
    """CSV file with the columns `time` and `grams_per_kwh`; relative to the folder of this file."""
    url: Url | None = None
    """HTTP source that answers like Electricity Maps."""
    token: Secret | None = None
    """Token for the source. `env:NAME`, `file:PATH` and `credential:NAME` say where it is."""
    token_header: str = "auth-token"  # noqa: S105 - the name of a header
    """HTTP header that carries the token."""
    # Factors change by the hour; a quarter of an hour finds a new one early in its hour without straining the service.
    interval_s: Annotated[float, Field(ge=60, le=86400)] = 900.0
    """Seconds between two requests."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Seconds to wait for an answer."""
    basis: Literal["lifecycle", "direct"] = "lifecycle"
    """Whether factors count the whole life cycle or direct emissions."""
    residual_grams_per_kwh: Annotated[float, Field(ge=0, le=1500)] | None = None
    """Residual mix, for what contracts do not cover (GHG Protocol Scope 2, market-based)."""

    @model_validator(mode="after")
    def _one_source(self) -> "CarbonConfig":
        if (self.path is None) == (self.url is None):
            raise ValueError("give either path, a CSV file, or url, an HTTP source")
        return self
