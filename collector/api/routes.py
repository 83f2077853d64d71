"""Every address of the API: its parameters, its document, and what makes it. The server and the OpenAPI document both follow this table."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from collector.api.agents import agents_document
from collector.api.api import Api
from collector.api.detail import (
    DeviceDocument,
    FigureDocument,
    FigureList,
    LedgerDocument,
    PastProblems,
    SeriesList,
    TotalDocument,
)
from collector.api.documents import AgentsDocument, DeviceList, Document, FloorDocument, SiteDocument
from collector.api.explained import (
    figure_document,
    figure_named,
    figures_steps,
    ledger_document,
    series_steps,
)
from collector.api.listing import STATES, Wanted, device_list
from collector.api.past import past_steps
from collector.api.problem_list import ApiProblems, problems_steps
from collector.api.requests import (
    DEFAULT_LIMIT,
    LABELS,
    MAX_LIMIT,
    MAX_TEXT,
    NO_CONTROL,
    NotThere,
    labels_of,
    one_of,
    page_of,
    since_of,
)
from collector.api.scene import Scene
from collector.api.totals import TOTALS
from collector.problems import KEEP_S

Query = Mapping[str, str]
Steps = Generator[None, None, Document]
TEXT: dict[str, Any] = {"type": "string", "maxLength": MAX_TEXT, "pattern": NO_CONTROL}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query, with its JSON schema."""

    name: str
    help: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One address below /api/v1/; `{name}` in it is a part of the path."""

    path: str
    help: str
    document: type[Document]
    make: Callable[[Api, Scene, Query], Steps]
    parameters: tuple[Parameter, ...] = ()
    takes_labels: bool = False
    """Whether any label may be a parameter."""


SITE = Parameter("site", "Name of the site; the first one when left out.", TEXT)
LIMIT = Parameter(
    "limit",
    f"Most items of one page; {DEFAULT_LIMIT} when left out.",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
)
CURSOR = Parameter("cursor", "The page after: `next` of the page before.", TEXT)
NUMBERED = Parameter(CURSOR.name, CURSOR.help, {"type": "string", "pattern": "^([0-9]{1,9})?$"})
READING = Parameter(
    CURSOR.name, CURSOR.help, {"type": "string", "maxLength": MAX_TEXT, "pattern": "^([!-~]+ [!-~]+)?$"}
)


def _site(api: Api, scene: Scene, _: Query) -> Steps:
    return api.site_steps(scene)


def _total(api: Api, scene: Scene, query: Query) -> Steps:
    yield
    name = next((each for each in TOTALS if each == query["total"]), None)
    if name is None:
        raise NotThere(f"no such total; there are {', '.join(TOTALS)}")
    return api.total(scene, name)


def _floor(api: Api, scene: Scene, query: Query) -> Steps:
    return api.floor_steps(scene, query.get("room", ""))


def _problems(api: Api, scene: Scene, query: Query) -> Steps:
    sources = api.sources
    found = yield from problems_steps(scene, sources.table, sources.runbook_base, everywhere="site" not in query)
    return ApiProblems(schema=1, time=round(scene.wall_s * 1000), is_complete=scene.is_complete, problems=found)


def _past(api: Api, scene: Scene, query: Query) -> Steps:
    since_s = max(since_of(query, 0.0), scene.wall_s - KEEP_S)
    page, everywhere = page_of(query), "site" not in query
    yield
    # After a restart, problems are known before any site is heard of.
    ended = api.sources.ended(since_s, scene.wall_s)
    return (yield from past_steps(scene, api.sources.table, ended, since_s, page, everywhere=everywhere))


def _devices(_: Api, scene: Scene, query: Query) -> Steps:
    wanted = Wanted(
        text=query.get("q", ""),
        agent=query.get("agent", ""),
        rack=query.get("rack", ""),
        room=query.get("room", ""),
        state=one_of(query, "state", STATES),
    )
    return device_list(scene, wanted, page_of(query))


def _device(api: Api, scene: Scene, query: Query) -> Steps:
    yield
    return api.device(scene, query["id"], with_sparks=True)


def _series(api: Api, scene: Scene, query: Query) -> Steps:
    distrusted = api.sources.distrusted(scene.site)
    return series_steps(scene, query.get("metric", ""), query.get("device", ""), page_of(query), distrusted)


def _figures(_: Api, scene: Scene, query: Query) -> Steps:
    return figures_steps(scene, query.get("metric", ""), labels_of(query), page_of(query))


def _figure(api: Api, scene: Scene, query: Query) -> Steps:
    labels = {name: text for name, text in query.items() if name != "metric"}
    figure = figure_named(scene, query["metric"], labels)
    yield
    explanation = yield from api.sources.explain(scene.site, query["metric"], dict(figure.output.labels))
    return figure_document(scene, figure, explanation)


def _agents(api: Api, scene: Scene, _: Query) -> Steps:
    yield
    return agents_document(scene, api.sources.around())


def _ledger(api: Api, scene: Scene, _: Query) -> Steps:
    yield
    return ledger_document(scene, api.sources.around())


ROUTES: tuple[Route, ...] = (
    Route(
        "site", "The site in numbers, and what it survives, for how long, and how far to trust it.", SiteDocument, _site
    ),
    Route("totals/{total}", "A total of the site with the readings that it is computed from.", TotalDocument, _total),
    Route(
        "floor",
        "What stands where, and how it is.",
        FloorDocument,
        _floor,
        (Parameter("room", "One room; all of them when left out.", TEXT),),
    ),
    Route("problems", "What is wrong now, of all sites unless one is named.", ApiProblems, _problems),
    Route(
        "problems/history",
        "What was wrong in the last 24 hours, of all sites unless one is named.",
        PastProblems,
        _past,
        (
            Parameter(
                "since",
                "Leave out what ended before, as in 2026-11-26T14:05:00Z.",
                {"type": "string", "format": "date-time"},
            ),
            LIMIT,
            NUMBERED,
        ),
    ),
    Route(
        "devices",
        "Devices, those of the site file that were never heard of included.",
        DeviceList,
        _devices,
        (
            Parameter("q", "Part of id, class, vendor or model.", TEXT),
            Parameter("agent", "Of one agent.", TEXT),
            Parameter("rack", "In one rack.", TEXT),
            Parameter("room", "In one room.", TEXT),
            Parameter(
                "state",
                "`unknown` are those that nobody observes.",
                {"type": "string", "enum": [*STATES]},
            ),
            LIMIT,
            CURSOR,
        ),
    ),
    Route("devices/{id}", "One device with all of its readings.", DeviceDocument, _device),
    Route(
        "series",
        "Readings by device.",
        SeriesList,
        _series,
        (
            Parameter("metric", "Of one metric.", TEXT),
            Parameter("device", "Of one device.", TEXT),
            LIMIT,
            READING,
        ),
    ),
    Route(
        "figures",
        "Derived figures, unknown ones included.",
        FigureList,
        _figures,
        (
            Parameter("metric", "Of one metric.", TEXT),
            Parameter(
                "labels",
                "Of those with all of these labels, as in `feed=A,rack=b07`.",
                {"type": "string", "maxLength": MAX_TEXT, "pattern": LABELS},
            ),
            LIMIT,
            NUMBERED,
        ),
    ),
    Route(
        "figures/{metric}",
        "One figure with its formula and the readings that it rests on. As many labels as tell it from others are parameters.",
        FigureDocument,
        _figure,
        takes_labels=True,
    ),
    Route("agents", "Agents: lag, backlog, clock, version, and what the ledger says.", AgentsDocument, _agents),
    Route("ledger", "The account of each agent's messages.", LedgerDocument, _ledger),
)
