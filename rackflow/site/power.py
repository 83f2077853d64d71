"""The site file's sections of the power path, from the feeds to the rack PDUs: in go plain values, out come frozen models."""

from datetime import date
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from rackflow.config import Name
from rackflow.site.section import PHASES, Amperes, Phase, Placed, Section, Watts

Sources = Annotated[list[Name], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0)]
PEUKERT = 1.2
"""Exponent where the data sheet gives one runtime only; VRLA batteries have 1.1 to 1.3."""


class Feed(Section):
    """A supply that may fail by itself: a transformer, a utility line."""

    id: Name
    """Its name; the label `feed`."""
    backup_start_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Seconds from the loss of mains until the backup generator carries the load; left out where there is none."""


class Battery(Section):
    """A UPS's battery as its data sheet has it."""

    runtimes: Annotated[dict[Positive, Positive], Field(min_length=1)]
    """Seconds that it lasts when new and full, by watts of load; at least one pair, better several from low to high load."""
    peukert: Annotated[float, Field(ge=1, le=2)] = PEUKERT
    """Exponent of the runtime over the load, used where `runtimes` has one pair only."""
    health: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Part of its capacity that is left, from its last discharge test; used where the UPS says none itself."""
    installed: date | None = None
    """When it was installed, as in 2024-03-01; shown where the UPS does not say it itself."""

    @model_validator(mode="after")
    def _falling(self) -> "Battery":
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
    """Its battery; without it, autonomy is what the UPS itself claims."""


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
