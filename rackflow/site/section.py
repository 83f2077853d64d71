"""Parts shared by the sections of a site file: the base model, places, and phases."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from rackflow.process.config import Name, StrictModel

Phase = Literal["L1", "L2", "L3"]


def _once(phases: list[Phase]) -> list[Phase]:
    if len(set(phases)) < len(phases):
        raise ValueError("names a phase twice; remove one of them")
    return phases


Phases = Annotated[list[Phase], Field(min_length=1, max_length=3), AfterValidator(_once)]
PHASES: tuple[Phase, ...] = ("L1", "L2", "L3")


class Section(StrictModel):
    """Base of the sections. The docstring under a field is its description in the schema and in the documentation."""

    model_config = ConfigDict(populate_by_name=False)


class Placed(Section):
    """A device and where it stands: in a rack, a row or a room, or nowhere in particular."""

    id: Name
    """The device's id, as in the agent's configuration."""
    room: Name | None = None
    """The room where it stands, if it does not stand in a row."""
    row: Name | None = None
    """The row where it stands, if it is not in a rack."""
    rack: Name | None = None
    """The rack that it is in."""
    agent: Name | None = None
    """The agent that polls it. Collectors refuse what any other agent says about it."""

    @model_validator(mode="after")
    def _one_place(self) -> "Placed":
        if sum(place is not None for place in (self.room, self.row, self.rack)) > 1:
            raise ValueError("has more than one place; give the rack, the row or the room, not several")
        return self


class Contact(Section):
    """A dry contact that is wired to an input of a device, such as the collective fault of a chiller."""

    device: Name
    """The monitor, PDU or other device whose input it is."""
    sensor: Name
    """Which of the device's inputs it is: the label `sensor` of its `dcim_env_contact_active`."""
