"""The collector's sections `derive` and `carbon`: in go strict plain values, out come the settings of the derived figures."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from collector.derive.battery import PEUKERT, Battery
from collector.derive.engine import Settings
from collector.derive.ride_through import Thermal
from rackflow.config import Name, Secret, StrictModel

Positive = Annotated[float, Field(gt=0)]
Celsius = Annotated[float, Field(ge=0, le=150)]


class BatteryConfig(StrictModel):
    """A UPS's battery as its data sheet has it: seconds of runtime by watts of load."""

    runtimes: Annotated[dict[Positive, Positive], Field(min_length=1)]
    health: Annotated[float, Field(gt=0, le=1)] = 1.0
    peukert: Annotated[float, Field(ge=1, le=2)] = PEUKERT

    @model_validator(mode="after")
    def _falling(self) -> "BatteryConfig":
        times = [seconds for _, seconds in sorted(self.runtimes.items())]
        if any(later >= earlier for earlier, later in pairwise(times)):
            raise ValueError("runtimes must fall as the load grows; check the data sheet")
        return self


class ThermalConfig(StrictModel):
    """Limits that ride-through is counted to."""

    supply_limit_celsius: Celsius = Thermal().supply_limit_celsius
    chip_limit_celsius: Celsius = Thermal().chip_limit_celsius
    chip_rise_kelvin: Annotated[float, Field(ge=0, le=100)] = Thermal().chip_rise_kelvin
    chip_heat_capacity_seconds_per_kelvin: Positive = Thermal().chip_heat_capacity_seconds_per_kelvin
    chip_standing_ratio: Annotated[float, Field(ge=0, le=1)] = Thermal().chip_standing_ratio
    supply_volume_ratio: Annotated[float, Field(ge=0, le=1)] = Thermal().supply_volume_ratio


class DeriveConfig(StrictModel):
    """Figures across devices. `state` is the file of the books: energy and polls by the hour, for 400 days."""

    interval_s: Annotated[float, Field(ge=1, le=300)] = 5.0
    store: bool = True
    state: Path | None = None
    batteries: dict[Name, BatteryConfig] = {}
    pumps_required: dict[Name, Annotated[int, Field(ge=1, le=8)]] = {}
    thermal: ThermalConfig = ThermalConfig()

    def settings(self, residual_grams_per_kwh: float | None) -> Settings:
        """What the engine takes of it."""
        batteries = {
            ups: Battery(battery.runtimes, battery.health, battery.peukert) for ups, battery in self.batteries.items()
        }
        thermal = Thermal(**self.thermal.model_dump())
        return Settings(
            batteries=batteries,
            pumps_required=self.pumps_required,
            thermal=thermal,
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
