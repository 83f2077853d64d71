"""The JSON API: what is known of a site, as documents for the page and for other programs. Read-only.

`documents.py` has the shapes, `scene.py` what is looked up once for all of them, `live.py` what streams carry. No I/O: times are
arguments, and long work comes in slices. `collector/web` serves it.
"""

from collector.api.agents import agents_document
from collector.api.api import Api, Sources, check_room
from collector.api.documents import Document, Faulty
from collector.api.floor import floor_steps
from collector.api.listing import Wanted, device_list
from collector.api.live import Live, Part, PartName
from collector.api.merge_patch import apply_patch, merge_patch
from collector.api.overview import Surroundings
from collector.api.problem_list import ApiProblems, problems_steps
from collector.api.requests import BadRequest, NotThere, check_query, check_text, page_of, parts_of, since_of
from collector.api.scene import Scene

__all__ = [
    "Api",
    "ApiProblems",
    "BadRequest",
    "Document",
    "Faulty",
    "Live",
    "NotThere",
    "Part",
    "PartName",
    "Scene",
    "Sources",
    "Surroundings",
    "Wanted",
    "agents_document",
    "apply_patch",
    "check_query",
    "check_room",
    "check_text",
    "device_list",
    "floor_steps",
    "merge_patch",
    "page_of",
    "parts_of",
    "problems_steps",
    "since_of",
]
