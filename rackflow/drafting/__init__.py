"""Drafts site files: `draft` from labels and tables, `netbox` from the inventory that `netbox_source` reads.

`netbox_names` names objects that NetBox has no unique name for; `hints` finds what a draft probably lacks.

Apart from `rackflow.site`, because agents and collectors read site files and never draft one.
"""

from rackflow.drafting.draft import (
    ELECTRICAL,
    GRID,
    MODELS,
    RULES,
    SECTION_OF_CLASS,
    Draft,
    Given,
    draft_site,
    draft_text,
)
from rackflow.drafting.hints import loop_hints, name_hints, place_hints, supply_hints
from rackflow.drafting.netbox import translate
from rackflow.drafting.netbox_source import read_netbox

__all__ = [
    "ELECTRICAL",
    "GRID",
    "MODELS",
    "RULES",
    "SECTION_OF_CLASS",
    "Draft",
    "Given",
    "draft_site",
    "draft_text",
    "loop_hints",
    "name_hints",
    "place_hints",
    "read_netbox",
    "supply_hints",
    "translate",
]
