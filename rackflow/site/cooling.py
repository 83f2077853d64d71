"""Sections of the site file for cooling: loops, CDUs and air units.

The docstrings of fields are also the field descriptions of the JSON schema and of docs/reference/site-file.md.
"""

from typing import Annotated, Literal

from pydantic import Field

from rackflow.process.config import Name
from rackflow.site.section import Celsius, Placed, Section, Watts

Coolant = Literal["water", "pg25"]
Failure = Literal["pumps", "primary_flow", "heat_rejection"]


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
    max_supply_celsius: Celsius | None = None
    """Highest temperature at which a secondary loop may supply its racks, degC; ride-through counts to it."""
    reservoir_m3: Annotated[float, Field(gt=0, le=100)] | None = None
    """Coolant that each of its reservoirs holds when full, m3: turns a falling level into coolant lost."""
    min_ride_through_s: dict[Failure, Annotated[float, Field(gt=0, le=86_400)]] = {}
    """Seconds that a secondary loop must last after a failure. Left out: without heat rejection, the longest `backup_start_s`."""


class Cdu(Placed):
    """A coolant distribution unit."""

    secondary: Name
    """The loop it supplies."""
    primary: Name | None = None
    """The loop that takes its heat; left out where the unit rejects heat to the air."""
    rated_cooling_w: Watts
    """Heat that it can remove, W."""
    pumps_required: Annotated[int, Field(ge=1, le=8)] | None = None
    """Pumps that must run at its rated heat; more than that are redundancy. Without it, what the unit itself says counts."""
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
