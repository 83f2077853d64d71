"""Sections of the site file for cooling: loops, CDUs, air units and the facility's plant.

The docstrings of fields are also the field descriptions of the JSON schema and of docs/reference/site-file.md.
"""

from typing import Annotated, Literal

from pydantic import Field

from rackflow.coolant import Coolant
from rackflow.process.config import Name
from rackflow.site.quantity import Celsius, CubicMeters, Watts
from rackflow.site.section import Contact, Placed, Section

# Two: the A and the B loop of a facility. A third connection to facility water exists on no CDU.
Primaries = Name | Annotated[list[Name], Field(min_length=1, max_length=2)]
Failure = Literal["pumps", "primary_flow", "heat_rejection"]


class Loop(Section):
    """A liquid loop: primary from the outdoor coolers to the CDUs, secondary from the CDUs to the racks."""

    id: Name
    """Its name."""
    kind: Literal["primary", "secondary"]
    """Primary: facility water. Secondary: technology cooling, through the racks."""
    coolant: Coolant
    """Its coolant: `water`, or a glycol with its percentage by mass (10 to 60). `pg25` is 25 % propylene glycol, `eg40` 40 % ethylene
    glycol."""
    volume_m3: CubicMeters
    """Coolant in pipes, exchangers and reservoir, m3."""
    racks: list[Name] = []
    """The racks that a secondary loop cools."""
    cdus_required: Annotated[int, Field(ge=1)] = 1
    """CDUs that must run to carry a secondary loop's design heat; more than that are redundancy."""
    max_supply_celsius: Celsius | None = None
    """Highest temperature at which a secondary loop may supply its racks, degC: ride-through is the time until it is reached."""
    reservoir_m3: Annotated[float, Field(gt=0, le=100)] | None = None
    """Coolant in each of its reservoirs when full, m3. The coolant lost is calculated from it when the level falls."""
    chillers_required: Annotated[int, Field(ge=1, le=100)] | None = None
    """Chillers that must run to carry a primary loop's design heat; left out: all but one."""
    dry_coolers_required: Annotated[int, Field(ge=1, le=100)] | None = None
    """Dry coolers that must run to carry a primary loop's design heat; left out: all but one."""
    facility_pumps_required: Annotated[int, Field(ge=1, le=100)] | None = None
    """Pumps that must run to move a primary loop's water; left out: all but one."""
    min_ride_through_s: dict[Failure, Annotated[float, Field(gt=0, le=86_400)]] = {}
    """Seconds that a secondary loop must last after each kind of failure. Left out: for `heat_rejection` the longest `backup_start_s`, for
    the others no requirement."""


class Cdu(Placed):
    """A coolant distribution unit."""

    secondary: Name
    """The loop it supplies."""
    primary: Primaries | None = None
    """The loop that takes its heat, or both loops if it is connected to two; left out if the unit rejects its heat to the air."""
    rated_cooling_w: Watts
    """Heat that it can remove, W."""
    pumps_required: Annotated[int, Field(ge=1, le=8)] | None = None
    """Pumps that must run at its rated heat; more than that are redundancy. Left out: the number that the unit reports."""
    fed_by: list[Name] = Field(default=[], alias="from")
    """The panels, UPSs, PDUs or feeds that supply its pumps; two for a dual supply."""

    @property
    def primaries(self) -> tuple[str, ...]:
        """The loops that may take its heat, the usual one first."""
        if self.primary is None:
            return ()
        return (self.primary,) if isinstance(self.primary, str) else tuple(self.primary)


class AirUnit(Placed):
    """A unit that cools air: CRAH, CRAC, in-row cooler, rear door."""

    rated_cooling_w: Watts
    """Heat that it can remove, W."""
    primary: Name | None = None
    """The primary loop that takes its heat, if one does."""
    fed_by: list[Name] = Field(default=[], alias="from")
    """The panels, UPSs or feeds that supply it."""
    group: Name | None = None
    """The group of `air_groups` that it belongs to, whose units replace each other."""


class AirGroup(Section):
    """Air units that can replace each other: those of a room, or of a part of it."""

    id: Name
    """Its name."""
    required: Annotated[int, Field(ge=1, le=1000)]
    """Units that must run to carry the design heat; more than that are redundancy."""


class Plant(Placed):
    """Base of the equipment that rejects a primary loop's heat or moves its water."""

    loop: Name
    """The primary loop that it serves."""
    fed_by: list[Name] = Field(default=[], alias="from")
    """The panels, UPSs or feeds that supply it."""
    fault: Contact | None = None
    """The contact that is active while it reports a fault."""


class Chiller(Plant):
    """A chiller, by compressors; its condenser is part of it."""

    rated_cooling_w: Watts
    """Heat that it can remove from the loop at the design outdoor conditions, W."""


class DryCooler(Plant):
    """A dry cooler, an adiabatic cooler or a cooling tower: rejects heat by air alone, or by air and water."""

    rated_cooling_w: Watts
    """Heat that it can reject at the design outdoor conditions, W."""


class FacilityPump(Plant):
    """A pump of a primary loop, outside of chillers and CDUs."""
