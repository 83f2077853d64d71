"""The type of a coolant in configurations, the agent's and the site file's."""

import re
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

from rackflow.fluids import COOLANT_PATTERN, fluid_hint, fluid_of


def _coolant(value: object) -> object:
    # `PG25` and `PG 25 %` can mean one thing only.
    text = re.sub(r"[\s%_-]", "", value.lower()) if isinstance(value, str) else value
    if not isinstance(text, str) or fluid_of(text) is None:
        raise ValueError(f"is no coolant that is known; {fluid_hint(value)}")
    return text


Coolant = Annotated[str, StringConstraints(pattern=COOLANT_PATTERN), BeforeValidator(_coolant)]
"""`water`, or a glycol by kind and percent by mass, as `pg25`."""
