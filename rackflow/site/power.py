"""Sections of the site file for the power path, from the feeds to the rack PDUs.

The docstrings of fields are also the field descriptions of the JSON schema and of docs/reference/site-file.md.
"""

from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rackflow.process.config import Name
from rackflow.site.quantity import Amperes, Watts
from rackflow.site.section import PHASES, Contact, Phases, Placed, Section

Sources = Annotated[list[Name], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0)]
# Exponent of the runtime over the load where the data sheet gives one runtime only. VRLA batteries have 1.1 to 1.3; the middle errs
# by at most 7 % at half load.
PEUKERT = 1.2


class BreakerCurve(Section):
    """How a breaker trips that has no class B, C or D: a moulded-case breaker, or one of UL 489."""

    holds: Annotated[float, Field(ge=1, le=1.3)] = 1.13
    """Current that it carries for hours without tripping, as a multiple of its rating: 1.13 for IEC 60898-1, 1.05 for IEC 60947-2,
    1.0 for UL 489."""
    # IEC 60898-1, table 7: at 2.55 times its rating a cold breaker of up to 32 A trips after 1 to 60 s. With one body that trips at
    # 1.13 times, that is a time constant of 5 to 274 s; 120 s makes it 26 s. A shorter one follows peaks more closely, and errs on the
    # safe side for loads that rise, so this holds for larger breakers, too, which may take twice as long.
    time_constant_s: Annotated[float, Field(ge=5, le=3600)] = 120.0
    """Thermal time constant, s: after this time its temperature has made 63 % of the way to its final value."""
    magnetic: Annotated[float, Field(ge=2, le=50)] = 5.0
    """Current above which it may trip at once, as a multiple of its rating: 3 for class B, 5 for C, 10 for D."""

    @classmethod
    def usual(cls) -> "BreakerCurve":
        """The curve of class C, the usual one for equipment with power supplies."""
        return CURVES["C"]


# The lower limit of the magnetic release (IEC 60898-1, table 2). The thermal release is the same for all three.
CURVES = {
    "B": BreakerCurve(magnetic=3.0),
    "C": BreakerCurve(magnetic=5.0),
    "D": BreakerCurve(magnetic=10.0),
}
Curve = Literal["B", "C", "D"] | BreakerCurve


class Feed(Section):
    """A supply that can fail independently of the others: a transformer, a utility line."""

    id: Name
    """Its name; the label `feed`."""
    backup_start_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Seconds from the loss of mains until the backup generator carries the load; left out where there is none, or where the
    feed's generators have `start_s`."""


class Generator(Placed):
    """A backup generator. Its fuel has no key: no known device family reads a tank, and hours from a tank's size alone would be a guess."""

    feeds: Annotated[list[Name], Field(min_length=1)]
    """The feeds that it carries when their mains are lost."""
    rated_power_w: Watts
    """Power it can deliver for hours (prime or data-centre continuous rating of ISO 8528-1), W."""
    start_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Seconds from the loss of mains until it carries load. A feed's `backup_start_s` follows from its slowest generator."""
    group: Name | None = None
    """Name of the group that it runs in parallel with. Left out: generators with the same feeds are one group."""
    required: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many of its group must run to carry the design load; the others are redundancy. Left out: all but one (N+1)."""
    fault: Contact | None = None
    """The contact that is active while it reports a fault, or is not ready to start."""


class Battery(Section):
    """A UPS's battery, with the values of its data sheet."""

    runtimes: Annotated[dict[Positive, Positive], Field(min_length=1)]
    """Runtime in seconds when new and fully charged, by load in watts: at least one pair, better several from low to high load."""
    peukert: Annotated[float, Field(ge=1, le=2)] = PEUKERT
    """Peukert exponent of the runtime over the load, used if `runtimes` has only one pair."""
    health: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of its capacity that is left, from its last discharge test; used if the UPS does not report it."""
    installed: date | None = None
    """When it was installed, as in 2024-03-01; shown if the UPS does not report it."""

    @model_validator(mode="after")
    def _falling(self) -> "Battery":
        # A runtime that grows with the load is a mistake in the file (columns swapped, minutes for seconds). It would make the predicted
        # runtime too long, which is the dangerous direction.
        times = [seconds for _, seconds in sorted(self.runtimes.items())]
        if any(later >= earlier for earlier, later in pairwise(times)):
            raise ValueError("runtimes must fall as the load grows; check the data sheet")
        return self


class Ups(Placed):
    """A UPS, or one module of several in parallel."""

    fed_by: Sources = Field(alias="from")
    """The feed, or panels, that supply it."""
    rated_power_w: Watts
    """Power it can deliver, W."""
    battery: Battery | None = None
    """Its battery. Left out: the runtime is the one that the UPS reports."""


class Panel(Placed):
    """A distribution panel or a floor PDU."""

    fed_by: Sources = Field(alias="from")
    """The feed, UPSs or panels that supply it. UPSs in parallel are listed together."""
    breaker_a: Amperes | None = None
    """Rating of its main breaker per phase, A."""
    breaker_curve: Curve | None = None
    """How that breaker trips; left out: as `electrical` says."""


class Busway(Panel):
    """A busway over a row of racks, with tap-off boxes; `breaker_a` is that of its end feed."""

    rated_a: Amperes | None = None
    """Rating of its bars per phase, A. It takes the place of `breaker_a` if that is higher or left out."""


class SwitchInput(Section):
    """One of a transfer switch's two inputs, and the breaker in front of it."""

    fed_by: Name = Field(alias="from")
    """The panel, UPS or feed that supplies it."""
    breaker_a: Amperes
    """Rating of the breaker in front of it per phase, A."""
    breaker_curve: Curve | None = None
    """How that breaker trips; left out: as `electrical` says."""
    phases: Phases = [*PHASES]
    """Phases of the supply that it is connected to: the first becomes L1 of the switch's output, the second L2, the third L3."""


class TransferSwitch(Placed):
    """An automatic or static transfer switch before rack PDUs of equipment with one power cord: its load is on either input."""

    a: SwitchInput
    """Source A."""
    b: SwitchInput
    """Source B, from another feed than source A."""
    preferred: Literal["a", "b"] = "a"
    """The source that it uses while both are within tolerance."""

    @property
    def inputs(self) -> dict[str, SwitchInput]:
        """By the label `source` of its readings."""
        return {"a": self.a, "b": self.b}

    @property
    def fed_by(self) -> list[str]:
        """What supplies both inputs."""
        return [self.a.fed_by, self.b.fed_by]

    @model_validator(mode="after")
    def _alike(self) -> "TransferSwitch":
        if len(self.a.phases) != len(self.b.phases):
            raise ValueError("has inputs on different numbers of phases; give both inputs the same number")
        return self


class Pdu(Section):
    """A rack PDU, and the breaker in front of it."""

    id: Name
    """The device's id, as in the agent's configuration."""
    rack: Name
    """The rack it supplies and stands in."""
    fed_by: Name = Field(alias="from")
    """The panel, UPS, feed or transfer switch that supplies it."""
    agent: Name | None = None
    """The agent that polls it. Collectors refuse what any other agent says about it."""
    breaker_a: Amperes
    """Rating of the breaker in front of it per phase, A."""
    breaker_curve: Curve | None = None
    """How that breaker trips; left out: as `electrical` says."""
    phases: Phases = [*PHASES]
    """Phases of the supply it is connected to, in the supply's own order; those of a transfer switch are counted from L1."""

    @property
    def read_from(self) -> str:
        """The device that measures what it carries."""
        return self.id


class PowerShelf(Pdu):
    """A power shelf: power supplies for the whole rack on a bus bar of direct current, fed from a busway without a rack PDU."""

    fed_by: Name = Field(alias="from")
    """The busway, panel, UPS or feed that supplies it."""
    breaker_a: Amperes
    """Rating of the breaker in its tap-off box per phase, A."""
    rated_power_w: Watts | None = None
    """Power that its power supplies can deliver together, W; the shelves of a rack share its load."""
    meter: Name | None = None
    """The meter that measures it, such as the one in its tap-off box. Left out: the meter whose `measures` lists only this shelf; if
    there is none, the shelf itself is polled."""

    @property
    def read_from(self) -> str:
        """The device that measures what it carries."""
        return self.meter or self.id
