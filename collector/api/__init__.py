"""The JSON API: what is known of a site, as documents for the page and for other programs. Read-only.

`routes.py` has every address, `documents.py` and `detail.py` their shapes, `scene.py` what is looked up once for all of them, `live.py`
what streams carry. No I/O: times are arguments, and long work comes in slices. `collector/web` serves it.
"""

from collector.api.api import Api, Sources
from collector.api.detail import TargetGroup
from collector.api.documents import Document, Faulty
from collector.api.live import Live, Part, PartName
from collector.api.merge_patch import apply_patch, merge_patch
from collector.api.openapi import openapi_document
from collector.api.overview import Surroundings, never_heard
from collector.api.problem_list import ApiProblems
from collector.api.requests import Ambiguous, BadRequest, NotThere, check_query, parts_of
from collector.api.routes import ROUTES, Route

__all__ = [
    "ROUTES",
    "Ambiguous",
    "Api",
    "ApiProblems",
    "BadRequest",
    "Document",
    "Faulty",
    "Live",
    "NotThere",
    "Part",
    "PartName",
    "Route",
    "Sources",
    "Surroundings",
    "TargetGroup",
    "apply_patch",
    "check_query",
    "merge_patch",
    "never_heard",
    "openapi_document",
    "parts_of",
]
