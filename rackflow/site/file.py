"""The site file's sections: in go plain values, out come frozen models. What holds between sections is proved in `check`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from rackflow.config import Name, StrictModel

Phase = Literal["L1", "L2", "L3"]
Coolant = Literal["water", "pg25"]
MeterRole = Literal["facility", "it", "cooling", "ups_in", "ups_out", "generator", "pv", "other"]
Position = Literal["inlet", "outlet", "ambient"]
Ratio = Annotated[float, Field(ge=0, le=1)]
Watts = Annotated[float, Field(gt=0, le=1e9)]
Amperes = Annotated[float, Field(gt=0, le=10_000)]
Sources = Annotated[list[Name], Field(min_length=1)]
PHASES: tuple[Phase, ...] = ("L1", "L2", "L3")


class Section(StrictModel):
    """Base of the sections: what stands under an attribute is its description in the schema and in the documentation."""

    model_config = ConfigDict(use_attribute_docstrings=True, populate_by_name=False)


class Electrical(Section):
    """What the whole site's supply has in common."""

    continuous_load_factor: Annotated[float, Field(gt=0, le=1)]
    """Part of a breaker's rating that may be used for hours: 0.8 under the NEC, 1.0 under IEC rules."""
    volts: Annotated[float, Field(gt=0, le=1000)] = 230.0
    """Line to neutral, V."""
    frequency_hertz: Literal[50, 60] = 50
    """Nominal frequency, Hz."""


class Room(Section):
    """A room of the site."""

    id: Name
    """Its name; the label `room`."""


class Row(Section):
    """A row of racks."""

    id: Name
    """Its name; the label `row`."""
    room: Name
    """The room it stands in."""


class Rack(Section):
    """A rack and what it was designed for."""

    id: Name
    """Its name; the label `rack`."""
    row: Name
    """The row it stands in."""
    design_power_w: Watts
    """Power it is designed for, W."""
    liquid_share: Ratio = 0.0
    """Part of its heat that goes into liquid at design power; the rest goes into the air."""
    pdus_per_feed: Annotated[int, Field(ge=1, le=8)] = 1
    """How many PDUs of one feed it has. Another number of PDUs is a fault in the file."""


class Placed(Section):
    """A device and where it stands: in a rack, a row or a room, or nowhere in particular."""

    id: Name
    """The device's id, as in the agent's configuration."""
    room: Name | None = None
    """Where it stands, if it is no part of a row."""
    row: Name | None = None
    """Where it stands, if it is no part of a rack."""
    rack: Name | None = None
    """The rack it is part of."""

    @model_validator(mode="after")
    def _one_place(self) -> "Placed":
        if sum(place is not None for place in (self.room, self.row, self.rack)) > 1:
            raise ValueError("has more than one place; give the rack, the row or the room, not several")
        return self


class Feed(Section):
    """A supply that may fail by itself: a transformer, a utility line."""

    id: Name
    """Its name; the label `feed`."""
    backup_start_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Seconds from the loss of mains until the backup generator carries the load; left out where there is none."""


class Ups(Placed):
    """A UPS, or one module of several in parallel."""

    fed_by: Sources = Field(alias="from")
    """The feed, or panels, that supply it."""
    rated_power_w: Watts
    """Power it can deliver, W."""


class Panel(Placed):
    """A distribution panel, a floor PDU or a busway."""

    fed_by: Sources = Field(alias="from")
    """The feed, UPSs or panels that supply it. UPSs in parallel are listed together."""
    breaker_a: Amperes | None = None
    """Rating of its main breaker per phase, A."""


class Pdu(Section):
    """A rack PDU, and the breaker in front of it."""

    id: Name
    """The device's id, as in the agent's configuration."""
    rack: Name
    """The rack it supplies and stands in."""
    fed_by: Name = Field(alias="from")
    """The panel, UPS or feed that supplies it."""
    breaker_a: Amperes
    """Rating of the breaker in front of it per phase, A."""
    phases: Annotated[list[Phase], Field(min_length=1, max_length=3)] = [*PHASES]
    """Phases of the supply it is connected to, in the supply's own order."""

    @model_validator(mode="after")
    def _phases_once(self) -> "Pdu":
        if len(set(self.phases)) < len(self.phases):
            raise ValueError("phases has one phase twice; remove it")
        return self


class Loop(Section):
    """A liquid loop: primary from the outdoor coolers to the CDUs, secondary from the CDUs to the racks."""

    id: Name
    """Its name."""
    kind: Literal["primary", "secondary"]
    """Primary: facility water. Secondary: technology cooling, through the racks."""
    coolant: Coolant
    """What is in it; pg25 is 25 % propylene glycol."""
    volume_m3: Annotated[float, Field(gt=0, le=1000)]
    """Coolant in pipes, exchangers and reservoir, m3."""
    racks: list[Name] = []
    """The racks that a secondary loop cools."""
    cdus_required: Annotated[int, Field(ge=1)] = 1
    """CDUs that must run to carry a secondary loop's design heat; more than that are redundancy."""


class Cdu(Placed):
    """A coolant distribution unit."""

    secondary: Name
    """The loop it supplies."""
    primary: Name | None = None
    """The loop that takes its heat; left out where the unit rejects heat to the air."""
    rated_cooling_w: Watts
    """Heat that it can remove, W."""
    fed_by: list[Name] = Field(default=[], alias="from")
    """The panels, UPSs, PDUs or feeds that supply its pumps; two for a dual supply."""


class AirUnit(Placed):
    """A unit that cools air: CRAH, CRAC, in-row cooler, rear door."""

    rated_cooling_w: Watts
    """Heat that it can remove, W."""
    primary: Name | None = None
    """The primary loop that takes its heat, if one does."""
    fed_by: list[Name] = Field(default=[], alias="from")
    """The panels, UPSs or feeds that supply it."""


class Meter(Placed):
    """A meter, and what part of the site's energy it counts."""

    role: MeterRole
    """What it counts. `facility` is all that the site takes in; `it` what the IT equipment takes."""
    measures: list[Name] = []
    """Feeds, devices, racks or loops whose energy passes through it; empty for `facility`: the whole site."""
    category: Literal[1, 2, 3] | None = None
    """Of a meter of role `it`: where it sits in the sense of ISO/IEC 30134-2. 1: UPS output, 2: PDU output, 3: IT input."""

    @model_validator(mode="after")
    def _category_of_it(self) -> "Meter":
        if self.role == "it" and self.category is None:
            raise ValueError(
                "a meter of role it needs category: 1 (UPS output), 2 (PDU output) or 3 (IT input); add it"
            )
        if self.role != "it" and self.category is not None:
            raise ValueError("category belongs to role it; remove it")
        return self


class Monitor(Placed):
    """A box of environment monitoring that sensors are plugged into."""


class Sensor(Placed):
    """An air sensor or a leak detector, on a device of its own or plugged into another one."""

    device: Name | None = None
    """The monitor, PDU, UPS or other device it is read from; left out where the sensor is a device of its own."""
    sensor: Name | None = None
    """Which of the device's sensors it is: the label `sensor` of its readings. Left out: all of the device's."""
    measures: Literal["air", "leak"] = "air"
    """Temperature and humidity of air, or liquid where none should be."""
    position: Position = "ambient"
    """Inlet: before a rack, on the cold side. Outlet: behind it. Ambient: elsewhere in the row or room."""

    @model_validator(mode="after")
    def _has_place(self) -> "Sensor":
        if self.room is None and self.row is None and self.rack is None:
            raise ValueError("has no place; give its rack, row or room")
        if self.position != "ambient" and self.rack is None:
            raise ValueError(f"position {self.position} is a place at a rack; give the rack, or position: ambient")
        return self


class Grid(Section):
    """The electricity grid, and factors to use where no live ones are received."""

    zone: Name
    """Electricity zone, as in MA, FR or US-CAL-CISO; the label `zone`."""
    carbon_grams_per_kwh: Annotated[float, Field(ge=0, le=1500)] | None = None
    """Average carbon intensity, g CO2e/kWh; every figure made from it is marked as estimated."""
    carbon_basis: Literal["lifecycle", "direct"] = "lifecycle"
    """What the intensity includes."""
    carbon_free_ratio: Ratio | None = None
    """Average part of the grid's energy that is free of carbon."""
    source: Name | None = None
    """Who published the factors; the label `source`."""

    @model_validator(mode="after")
    def _sourced(self) -> "Grid":
        if (self.carbon_grams_per_kwh is not None or self.carbon_free_ratio is not None) and self.source is None:
            raise ValueError("factors need a source; say who published them")
        return self


class Contract(Section):
    """Carbon-free energy that the site has contracted: metered, or as a profile over the hours of a day."""

    id: Name
    """Its name; the label `contract`."""
    meter: Name | None = None
    """The meter of role `pv` or `other` that counts it."""
    hourly_w: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=24, max_length=24)] | None = None
    """Mean power of each hour of a day in UTC, W."""

    @model_validator(mode="after")
    def _one_source(self) -> "Contract":
        if (self.meter is None) == (self.hourly_w is None):
            raise ValueError("give either the meter that counts it or hourly_w, 24 mean powers")
        return self


class SiteFile(Section):
    """The whole file."""

    site: Name
    """The site's name; the label `site`."""
    electrical: Electrical
    """What the whole site's supply has in common."""
    rooms: list[Room]
    """The rooms."""
    rows: list[Row]
    """The rows of racks."""
    racks: list[Rack]
    """The racks."""
    feeds: list[Feed]
    """Supplies that may fail one without the other, usually A and B."""
    ups: list[Ups] = []
    """Uninterruptible power supplies."""
    panels: list[Panel] = []
    """Distribution between UPSs and rack PDUs."""
    pdus: list[Pdu] = []
    """Rack PDUs."""
    loops: list[Loop] = []
    """Liquid loops."""
    cdus: list[Cdu] = []
    """Coolant distribution units."""
    air_units: list[AirUnit] = []
    """Units that cool air."""
    meters: list[Meter] = []
    """Energy meters."""
    monitors: list[Monitor] = []
    """Boxes that sensors are plugged into."""
    sensors: list[Sensor] = []
    """Air sensors and leak detectors."""
    grid: Grid | None = None
    """The electricity grid."""
    contracts: list[Contract] = []
    """Contracted carbon-free energy."""
