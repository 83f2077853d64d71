"""The site file as strict models. What must hold between sections is in `check`.

The docstrings of fields are also the field descriptions of the JSON schema and of docs/reference/site-file.md.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from rackflow.process.config import Name
from rackflow.site.cooling import AirGroup, AirUnit, Cdu, Chiller, DryCooler, FacilityPump, Loop
from rackflow.site.power import Busway, Curve, Feed, Generator, Panel, Pdu, PowerShelf, TransferSwitch, Ups
from rackflow.site.quantity import Celsius, LineToNeutralVolts, Meters, Ratio, Watts
from rackflow.site.section import Placed, Section
from rackflow.zones import zone_of

MeterRole = Literal["facility", "it", "cooling", "ups_in", "ups_out", "generator", "pv", "other"]
Position = Literal["inlet", "outlet", "ambient"]


class Electrical(Section):
    """What the whole site's supply has in common."""

    continuous_load_factor: Annotated[float, Field(gt=0, le=1)]
    """Share of a breaker's rating that may be used continuously: 0.8 under the NEC, 1.0 under IEC rules."""
    volts: LineToNeutralVolts = 230.0
    """Line to neutral, V: 230 where 400 V are between two lines, 240 for 415 V, 277 for 480 V, 120 for 208 V."""
    frequency_hertz: Literal[50, 60] = 50
    """Nominal frequency, Hz."""
    breaker_curve: Curve = "C"
    """How breakers trip that have no `breaker_curve` of their own: class B, C or D of IEC 60898-1, or a curve."""


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


_Count = Annotated[int, Field(ge=1, le=8)]


def _shape(value: object) -> str:
    return "union-feeds" if isinstance(value, dict) else "union-number"


# Told apart by its shape, so that a wrong number gets one message and not one for each form.
PduCounts = Annotated[
    Annotated[_Count, Tag("union-number")] | Annotated[dict[Name, _Count], Tag("union-feeds")], Discriminator(_shape)
]


class Rack(Section):
    """A rack and what it was designed for."""

    id: Name
    """Its name; the label `rack`."""
    row: Name
    """The row it stands in."""
    design_power_w: Watts
    """Power it is designed for, W."""
    liquid_share: Ratio = 0.0
    """Share of its heat that goes into liquid at design power; the rest goes into the air."""
    pdus_per_feed: PduCounts = 1
    """How many PDUs, or power shelves, it has on each feed, or on each by name, as in `{A: 2, B: 1}`. A different number of entries is an
    error in this file."""
    chip_limit_celsius: Celsius | None = None
    """Temperature at which its liquid-cooled chips throttle, degC: ride-through without pumps is the time until it is reached."""
    chip_rise_kelvin: Annotated[float, Field(ge=0, le=100)] | None = None
    """How much hotter its chips are than the coolant supplied to them, at design power and flow, K."""
    chip_heat_capacity_seconds_per_kelvin: Annotated[float, Field(gt=0, le=100)] | None = None
    """Heat capacity of its chips and cold plates per watt of design power into liquid, J/K per W."""

    @model_validator(mode="after")
    def _chips_in_liquid(self) -> "Rack":
        given = [
            name for name in type(self).model_fields if name.startswith("chip_") and getattr(self, name) is not None
        ]
        if given and not self.liquid_share:
            raise ValueError(f"{given[0]} needs liquid_share; remove it, or add liquid_share")
        return self

    def pdus_on(self, feed: str) -> int:
        """How many PDUs, or power shelves, the file says that it has on a feed it is supplied by."""
        return self.pdus_per_feed.get(feed, 0) if isinstance(self.pdus_per_feed, dict) else self.pdus_per_feed


class Meter(Placed):
    """A meter, and what part of the site's energy it counts."""

    role: MeterRole
    """What it counts: `facility` is the energy of the whole site, `it` that of the IT equipment."""
    measures: list[Name] = []
    """Feeds, devices, racks or loops whose energy passes through it; empty for `facility`: the whole site."""
    incomer: bool = False
    """For a meter of role `facility` without `measures`: it is one of several incomers, which are added up. Otherwise a single such meter
    counts the whole site, and a second one is an error."""
    behind: Name | None = None
    """For a meter of role `pv` or `generator`: the `facility` meter that does not count this energy, because it is generated behind it. It
    is used on site or exported through that meter, and counts as part of the site's energy."""
    category: Literal[1, 2, 3] | None = None
    """For a meter of role `it`: its PUE category by ISO/IEC 30134-2. 1: UPS output, 2: PDU output, 3: IT equipment input."""

    @model_validator(mode="after")
    def _category_of_it(self) -> "Meter":
        # PUE is only comparable between sites if it says where the IT energy was measured (ISO/IEC 30134-2, categories 1 to 3).
        if self.role == "it" and self.category is None:
            raise ValueError(
                "a meter of role it needs category: 1 (UPS output), 2 (PDU output) or 3 (IT input); add it"
            )
        if self.role != "it" and self.category is not None:
            raise ValueError("only a meter of role it has a category; remove it")
        if self.incomer and (self.role != "facility" or self.measures):
            raise ValueError("incomer is for a meter of role facility without measures; remove one of them")
        if self.behind is not None and self.role not in {"pv", "generator"}:
            raise ValueError("behind is for a meter of role pv or generator; remove it, or correct the role")
        return self


class Monitor(Placed):
    """An environment monitor: a device that sensors are plugged into."""


class Sensor(Placed):
    """An air sensor or a leak detector, on a device of its own or plugged into another one."""

    device: Name | None = None
    """The monitor, PDU, UPS or other device it is read from; left out where the sensor is a device of its own."""
    sensor: Name | None = None
    """Which of the device's sensors it is: the label `sensor` of its readings. Left out: all of the device's."""
    humidity_sensor: Name | None = None
    """If the device reports the humidity of the same air as a separate sensor: that sensor's label `sensor`. The dew point is then
    calculated from both."""
    measures: Literal["air", "leak"] = "air"
    """`air`: temperature and humidity of air. `leak`: liquid where there should be none."""
    length_m: Meters | None = None
    """For a leak rope: its length, m."""
    loop: Name | None = None
    """For a leak detector: the loop whose pipes it lies along."""
    under: Name | None = None
    """For a leak detector: the CDU, air unit, chiller, dry cooler or facility pump that it lies under."""
    position: Position = "ambient"
    """Inlet: before a rack, on the cold side. Outlet: behind it. Ambient: elsewhere in the row or room."""

    @model_validator(mode="after")
    def _has_place(self) -> "Sensor":
        # Other devices may stand nowhere in particular; a sensor's reading means nothing without its place.
        about_leaks = [name for name in ("length_m", "loop", "under") if getattr(self, name) is not None]
        if about_leaks and self.measures != "leak":
            raise ValueError(f"{about_leaks[0]} is for a leak detector; add measures: leak, or remove it")
        if all(each is None for each in (self.room, self.row, self.rack, self.loop, self.under)):
            more = ", or the loop or unit it belongs to (loop, under)" if self.measures == "leak" else ""
            raise ValueError(f"has no place; give its rack, row or room{more}")
        if self.position != "ambient" and self.rack is None:
            raise ValueError(f"position {self.position} needs a rack; give the rack, or position: ambient")
        if self.humidity_sensor is not None and (self.sensor is None or self.measures != "air"):
            raise ValueError(
                "humidity_sensor needs the temperature sensor that it is paired with; name it as sensor, or remove it"
            )
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
    """Average share of the grid's energy that is carbon-free."""
    source: Name | None = None
    """Who published the factors; the label `source`."""

    @model_validator(mode="after")
    def _sourced(self) -> "Grid":
        # Figures made from them are published with the label `source`, as reports on emissions require.
        if (self.carbon_grams_per_kwh is not None or self.carbon_free_ratio is not None) and self.source is None:
            raise ValueError("the factors have no source; say who published them")
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
        # With both, the same energy would count twice; with neither, it could not be checked.
        if (self.meter is None) == (self.hourly_w is None):
            raise ValueError("needs either meter (which counts it) or hourly_w (24 mean powers); give one of them")
        return self


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


class SiteFile(Section):
    """The whole file."""

    site: Name
    """The site's name; the label `site`."""
    timezone: Annotated[str, AfterValidator(_known_zone)] | None = None
    """Time zone of the site, as Africa/Casablanca: the page shows times in it, and the days of a report are its days. When left out, the
    page has the zone of the collector's machine and a report UTC."""
    electrical: Electrical
    """What the whole site's supply has in common."""
    rooms: list[Room]
    """The rooms."""
    rows: list[Row]
    """The rows of racks."""
    racks: list[Rack]
    """The racks."""
    feeds: list[Feed]
    """Supplies that can fail independently of each other, usually A and B."""
    generators: list[Generator] = []
    """Backup generators. Their fuel has no key, because no known device reads a tank."""
    ups: list[Ups] = []
    """Uninterruptible power supplies."""
    panels: list[Panel] = []
    """Distribution between UPSs and rack PDUs."""
    busways: list[Busway] = []
    """Busways, which supply racks through tap-off boxes."""
    transfer_switches: list[TransferSwitch] = []
    """Automatic or static transfer switches in front of rack PDUs. PDUs behind one do not count for `pdus_per_feed`."""
    pdus: list[Pdu] = []
    """Rack PDUs."""
    power_shelves: list[PowerShelf] = []
    """Power shelves of racks that have no rack PDU."""
    loops: list[Loop] = []
    """Liquid loops."""
    cdus: list[Cdu] = []
    """Coolant distribution units."""
    air_units: list[AirUnit] = []
    """Units that cool air."""
    air_groups: list[AirGroup] = []
    """Groups of air units that stand in for each other."""
    chillers: list[Chiller] = []
    """Chillers of primary loops."""
    dry_coolers: list[DryCooler] = []
    """Dry coolers, adiabatic coolers and cooling towers of primary loops."""
    facility_pumps: list[FacilityPump] = []
    """Pumps of primary loops."""
    meters: list[Meter] = []
    """Energy meters."""
    monitors: list[Monitor] = []
    """Environment monitors: devices that sensors are plugged into."""
    sensors: list[Sensor] = []
    """Air sensors and leak detectors."""
    grid: Grid | None = None
    """The electricity grid."""
    contracts: list[Contract] = []
    """Contracted carbon-free energy."""
