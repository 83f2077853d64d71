"""A server with the part of NetBox's REST API that an import uses: pages, tokens, and the objects of two small sites.

The objects have the shape that NetBox 4 documents (https://netboxlabs.com/docs/netbox/, REST API) with the cooling models of 4.7;
what an import does not read is left out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Objects = dict[str, list[dict[str, Any]]]
COOLING = ("cooling-sources", "cooling-feeds", "cooling-intakes", "cooling-outflows")


def brief(each: dict[str, Any]) -> dict[str, Any]:
    """How an object is named inside another one."""
    return {"id": each["id"], "url": f"/api/{each['id']}/", "display": each["name"], "name": each["name"]}


def choice(value: str) -> dict[str, str]:
    """A value of a choice."""
    return {"value": value, "label": value.title()}


def hall() -> Objects:
    """Two racks of row a on panels PP-A and PP-B, one of them cooled by two CDUs; and a rack of another site."""
    site = {"id": 1, "name": "Casablanca", "slug": "casablanca"}
    other = {"id": 2, "name": "Rabat", "slug": "rabat"}
    room: dict[str, Any] = {"id": 10, "name": "Hall 1", "site": brief(site), "parent": None}
    row = {"id": 11, "name": "Row A", "site": brief(site), "parent": brief(room)}
    racks: list[dict[str, Any]] = [
        {
            "id": 20 + number,
            "name": f"A{number}",
            "site": brief(site),
            "location": brief(row),
            "status": choice("active"),
        }
        for number in (1, 2)
    ]
    racks[0]["custom_fields"] = {"design_power_w": 17000, "owner_team": "ai"}
    racks.append({"id": 29, "name": "A9", "site": brief(site), "location": brief(row), "status": choice("planned")})
    racks.append({"id": 30, "name": "R1", "site": brief(other), "location": None, "status": choice("active")})
    panels: list[dict[str, Any]] = [
        {"id": 40 + at, "name": f"PP-{feed}", "site": brief(site), "location": brief(room)}
        for at, feed in enumerate("AB")
    ]
    feeds: list[dict[str, Any]] = []
    devices: list[dict[str, Any]] = []
    ports: list[dict[str, Any]] = []
    for rack in racks[:2]:
        for panel, kind in zip(panels, ("primary", "redundant"), strict=True):
            key = len(feeds) + 50
            feeds.append(
                {
                    "id": key,
                    "name": f"{rack['name']} {panel['name']}",
                    "power_panel": brief(panel),
                    "rack": brief(rack),
                    "type": choice(kind),
                    "phase": choice("three-phase" if rack["name"] == "A1" else "single-phase"),
                    "amperage": 32,
                }
            )
            devices.append(device(key + 50, f"PDU {rack['name']}{panel['name'][-1]}", "rack-pdu", site, rack))
            ports.append(cabled(key + 100, devices[-1], "dcim.powerfeed", feeds[-1]))
    cdus = [device(200 + number, f"CDU-{number}", "cdu", site, racks[1]) for number in (1, 2)]
    server = device(210, "gpu-1", "server", site, racks[1])
    objects: Objects = {
        "sites": [site, other],
        "locations": [room, row],
        "racks": racks,
        "power-panels": panels,
        "power-feeds": feeds,
        "devices": [*devices, *cdus, server],
        "power-ports": ports,
        "power-outlets": [],
    }
    return objects | _cooling(site, racks, cdus, server)


def device(key: int, name: str, role: str, site: dict[str, Any], rack: dict[str, Any]) -> dict[str, Any]:
    """A device in a rack."""
    return {
        "id": key,
        "name": name,
        "role": {"id": 1, "name": role.title(), "slug": role},
        "site": brief(site),
        "location": None,
        "rack": brief(rack),
        "status": choice("active"),
        "custom_fields": {},
    }


def cabled(key: int, owner: dict[str, Any], kind: str, end: dict[str, Any]) -> dict[str, Any]:
    """A power port with a cable to something."""
    return {
        "id": key,
        "name": "inlet",
        "device": brief(owner),
        "connected_endpoints": [brief(end) | ({"device": brief(end["device"])} if "device" in end else {})],
        "connected_endpoints_type": kind,
    }


def _cooling(
    site: dict[str, Any], racks: list[dict[str, Any]], cdus: list[dict[str, Any]], server: dict[str, Any]
) -> Objects:
    chiller = {
        "id": 300,
        "name": "Chiller 1",
        "site": brief(site),
        "type": choice("chiller"),
        "fluid_type": choice("water"),
        "cooling_capacity": "800.00",
    }
    crah = {
        "id": 301,
        "name": "CRAH 1",
        "site": brief(site),
        "type": choice("crah"),
        "fluid_type": None,
        "cooling_capacity": "60.50",
    }
    outflows = [{"id": 310 + at, "name": "out", "device": brief(cdu)} for at, cdu in enumerate(cdus)]
    return {
        "cooling-sources": [chiller, crah],
        "cooling-feeds": [{"id": 320, "name": "FWS A2", "cooling_source": brief(chiller), "rack": brief(racks[1])}],
        "cooling-intakes": [
            {
                "id": 330 + at,
                "name": f"in-{at}",
                "device": brief(server),
                "cooling_outflow": brief(outflow) | {"device": outflow["device"]},
            }
            for at, outflow in enumerate(outflows)
        ],
        "cooling-outflows": outflows,
    }


class NetBox:
    """Serves objects. `token` is the whole header that it wants, `page` the most objects of one answer, `asked` what was asked for."""

    def __init__(self, objects: Objects, token: str = "", page: int = 2) -> None:
        self.objects = objects
        self.token = token
        self.page = page
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """One page of an endpoint."""
        name = request.match_info["name"]
        self.asked.append(request.path_qs)
        if self.token and request.headers.get("Authorization") != self.token:
            return web.json_response({"detail": "Invalid token"}, status=403)
        if name not in self.objects:
            return web.json_response({"detail": "Not found."}, status=404)
        query = request.query
        found = [
            each
            for each in self.objects[name]
            if ("slug" not in query or each.get("slug") == query["slug"])
            and ("site_id" not in query or "site" not in each or str(each["site"]["id"]) == query["site_id"])
        ]
        at = int(query.get("offset", "0"))
        page = found[at : at + min(self.page, int(query["limit"]))]
        # A NetBox behind a proxy names itself as it is called inside.
        more = "http://netbox.internal/api/next" if at + len(page) < len(found) else None
        return web.json_response({"count": len(found), "next": more, "previous": None, "results": page})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["NetBox"]:
        """Serve on a free port."""
        app = web.Application()
        app.router.add_get("/api/dcim/{name}/", self.answer)
        app.router.add_get("/moved/{rest:.*}", self._moved)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _moved(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("/api/dcim/sites/?limit=500")
