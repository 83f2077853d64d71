"""The JSON API: what is known of a site, as documents for the page and for other programs. Read-only.

No I/O: times are arguments, and long work comes in slices. `collector/web` serves it. `api` makes every document, from a `scene`: what is
looked up once for all documents of a site.

* Addresses and shapes: `routes` has every address, `requests` reads their parameters, `documents` has the shapes, `openapi` describes both;
  `numbers` writes times and numbers.
* A site: `overview`, with its `totals`, `powers` and `answers` (survival, time left, trust; `blame` says what decides on survival).
  `layout` says where everything stands, `floor` draws it. `agents` has the agents.
* One device, reading or figure: `detail`, with `device`, `explained` and, for lists, `listing`. `sparks` has the last hours of every
  number.
* Problems: `problem_list` has the present ones, `past` those of the last day.
* Streams: `live` has what they carry at this moment, `merge_patch` only the changes.
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
