"""The collector's sections `derive` and `carbon`: in go strict plain values, out come the settings of the derived figures."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from collector.derive.liquid import Thermal
from collector.derive.site_figures import Settings
from rackflow.process.config import Name, Secret, StrictModel
from rackflow.site import Battery
from rackflow.site.section import Celsius

Positive = Annotated[float, Field(gt=0)]


class ThermalConfig(StrictModel):
    """Limits that ride-through is counted to, for all loops and racks; what is left out is taken from the site file."""

    supply_limit_celsius: Celsius | None = None
    chip_limit_celsius: Celsius | None = None
    chip_rise_kelvin: Annotated[float, Field(ge=0, le=100)] | None = None
    chip_heat_capacity_seconds_per_kelvin: Positive | None = None
    chip_standing_ratio: Annotated[float, Field(ge=0, le=1)] = Thermal().chip_standing_ratio
    supply_volume_ratio: Annotated[float, Field(ge=0, le=1)] = Thermal().supply_volume_ratio


class DeriveConfig(StrictModel):
    """Figures across devices. `state` is the file of the books: energy and polls by the hour, for 400 days.

    `batteries`, `pumps_required` and `thermal` go before what the site file says of the same.
    """

    interval_s: Annotated[float, Field(ge=1, le=300)] = 5.0
    store: bool = True
    state: Path | None = None
    batteries: dict[Name, Battery] = {}
    pumps_required: dict[Name, Annotated[int, Field(ge=1, le=8)]] = {}
    thermal: ThermalConfig = ThermalConfig()

    def settings(self, residual_grams_per_kwh: float | None) -> Settings:
        """What the engine takes of it."""
        return Settings(
            batteries=self.batteries,
            pumps_required=self.pumps_required,
            thermal=Thermal(**self.thermal.model_dump()),
            residual_grams_per_kwh=residual_grams_per_kwh,
        )


class CarbonConfig(StrictModel):
    """Where the grid's hourly factors come from: a CSV file, or an HTTP source; else the site file's yearly ones."""

    path: Path | None = None
    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+")] | None = None
    token: Secret | None = None
    token_header: str = "auth-token"  # noqa: S105 - the name of a header
    interval_s: Annotated[float, Field(ge=60, le=86400)] = 900.0
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    basis: Literal["lifecycle", "direct"] = "lifecycle"
    residual_grams_per_kwh: Annotated[float, Field(ge=0, le=1500)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "CarbonConfig":
        if (self.path is None) == (self.url is None):
            raise ValueError("give either path, a CSV file, or url, an HTTP source")
        return self
