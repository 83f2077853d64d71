"""The JSON API over HTTP: entity tags, refusals, and what it costs to be asked."""

import asyncio
import gzip
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from collector.api import ROUTES, Api, openapi_document
from collector.api.requests import MAX_TEXT
from collector.problems import Ended
from collector.web.api import API_PART
from tests.collector.api.shown import Shown, powered
from tests.collector.web.serving import Content, ask, serving


def hall_content() -> Content:
    """A site whose devices all answer. Its clock is the test's, so that every reading is old by now, and none is observed."""
    shown = Shown()
    powered(shown)
    return Content(api=shown.api)


PATHS = {
    "devices/{id}": "devices/cdu-1",
    "totals/{total}": "totals/pue",
    "figures/{metric}": "figures/dcim_rack_power_watts?rack=a1",
}


def path_of(route: str) -> str:
    """An address of a route that has a document."""
    return f"/api/v1/{PATHS.get(route, route)}"


async def test_every_document_is_as_the_openapi_document_says() -> None:
    """Checked with JSON Schema, for every address that there is."""
    description = openapi_document()
    async with serving(hall_content()) as served:
        for route in ROUTES:
            status, headers, body = await ask(served.port, path_of(route.path))
            if route.path == "figures/{metric}":
                assert status == 404  # its figures have expired long ago
                continue
            assert (status, headers["Content-Type"]) == (200, "application/json"), route.path
            operation = description["paths"][f"/api/v1/{route.path}"]["get"]
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            Draft202012Validator({**schema, "components": description["components"]}).validate(json.loads(body))
        for path in ("/sd", "/api/v1/sd"):
            assert json.loads((await ask(served.port, path))[2])[0]["targets"] == ["127.0.0.1"]
        assert not served.failures.counts


def test_the_reference_lists_every_address() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert [route.path for route in ROUTES if f"`{route.path}" not in text] == []


async def test_a_client_that_has_the_document_gets_not_modified() -> None:
    """A weak tag: the moment at which the document was made does not count."""
    async with serving(hall_content()) as served:
        for path in ("/api/v1/problems", "/api/v1/devices", "/api/v1/openapi.json", "/api/v1/sd"):
            _, headers, body = await ask(served.port, path)
            assert headers["ETag"].startswith('W/"')
            for named in (headers["ETag"], f'"x", {headers["ETag"]}', headers["ETag"].removeprefix("W/"), "*"):
                status, again, empty = await ask(served.port, path, {"If-None-Match": named})
                assert (status, again["ETag"], empty) == (304, headers["ETag"], b""), path
            assert (await ask(served.port, path, {"If-None-Match": 'W/"other"'}))[2][:10] == body[:10]


async def test_a_tag_is_of_everything_but_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.api.api.SCENE_S", 0.0)
    shown = Shown()
    powered(shown)
    async with serving(Content(api=shown.api)) as served:
        answers = [await ask(served.port, "/api/v1/problems") for _ in range(5)]
        assert len({json.loads(body)["time"] for _, _, body in answers}) > 1
        assert len({headers["ETag"] for _, headers, _ in answers}) == 1
        path = "/api/v1/devices/pdu-a1-a"
        _, before, _ = await ask(served.port, path)
        shown.readings.currents("pdu-a1-a", 11.0, now=110.0)
        status, after, _ = await ask(served.port, path, {"If-None-Match": before["ETag"]})
        assert (status, after["ETag"] != before["ETag"]) == (200, True)


async def test_each_of_several_requests_within_a_second_gets_the_document_that_it_asked_for() -> None:
    async with serving(hall_content(), share_s=15) as served:
        for name in ("cdu-1", "pdu-a1-a", "cdu-1"):
            found = json.loads((await ask(served.port, f"/api/v1/devices?q={name}"))[2])
            assert [each["id"] for each in found["items"]] == [name]
            assert json.loads((await ask(served.port, f"/api/v1/devices/{name}"))[2])["id"] == name


async def test_a_client_that_names_a_site_gets_no_problem_of_another_site() -> None:
    shown = Shown()
    powered(shown)
    for site in ("t1", "t2"):
        shown.problem("DcimSmoke", site=site, device=f"box-{site}", sensor="1")
        shown.problem("DcimLeakDetected", site=site, device=f"box-{site}", detector="pan")
        shown.ended("DcimLeakDetected", 110.0, site=site, device=f"box-{site}", detector="pan")
    async with serving(Content(api=shown.api)) as served:
        for path, where in (("problems", "problems"), ("problems/history", "items")):
            for query, sites in (("", {"t1", "t2"}), ("?site=t1", {"t1"})):
                found = json.loads((await ask(served.port, f"/api/v1/{path}{query}"))[2])[where]
                assert {each["labels"]["site"] for each in found} == sites, path


async def test_the_pages_of_a_list_are_each_device_once_and_the_last_one_says_so() -> None:
    async with serving(hall_content()) as served:

        async def page(query: str) -> tuple[list[str], str | None, int]:
            found = json.loads((await ask(served.port, f"/api/v1/devices?{query}"))[2])
            return [each["id"] for each in found["items"]], found["next"], found["total"]

        everything, none, total = await page("limit=1000")
        assert (none, total, len(everything) > 10) == (None, len(everything), True)
        assert await page(f"limit={total}") == (everything, None, total)
        listed, cursor = list[str](), none or ""
        for _ in range(total):
            some, following, counted = await page(f"limit=4&cursor={cursor}")
            assert counted == total
            listed += some
            if following is None:
                break
            cursor = following
        assert listed == everything
        plant, _, _ = await page("room=plant")
        assert "meter-main" in plant
        assert "cdu-1" not in plant


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/v1/devices?limit=0", 400, "from 1 to 1000"),
        ("/api/v1/devices?limit=1001", 400, "from 1 to 1000"),
        ("/api/v1/devices?limit=1e3", 400, "whole number"),
        ("/api/v1/devices?lmit=10", 400, "no parameter here"),
        ("/api/v1/devices/cdu-1?id=cdu-2", 400, "no parameter here"),
        ("/api/v1/series?cursor=x", 400, "what `next`"),
        ("/api/v1/problems/history?since=yesterday", 400, "2026-11-26T14:05:00Z"),
        (f"/api/v1/devices?q={'x' * (MAX_TEXT + 1)}", 400, "at most 512"),
        ("/api/v1/devices?q=%00", 400, "control characters"),
        ("/api/v1/devices/a%0Ab", 400, "control characters"),
        ("/api/v1/site?site=nowhere", 404, "no such site; there are t1"),
        ("/api/v1/floor?room=nowhere", 404, "no such room; there are hall, plant"),
        ("/api/v1/devices/nobody", 404, "no such device"),
        ("/api/v1/series?device=nobody", 404, "no such device"),
        ("/api/v1/figures/nothing", 404, "no such figure"),
        ("/api/v1/events", 400, "name what to show"),
        ("/api/v1/events?show=everything", 400, "no part"),
        ("/api/v1/events?show=site&site=nowhere", 404, "no such site"),
        ("/api/v1/events?show=" + ",".join(f"device:d{at}" for at in range(13)), 400, "at most 12"),
    ],
)
async def test_the_error_for_an_invalid_request_says_what_would_be_valid(path: str, status: int, words: str) -> None:
    """As JSON, and never as an empty result that looks like good news."""
    async with serving(hall_content()) as served:
        found, headers, body = await ask(served.port, path)
        assert (found, headers["Content-Type"]) == (status, "application/json")
        assert words in json.loads(body)["error"]
        assert not served.failures.counts


async def test_markup_in_a_name_stays_text() -> None:
    """JSON only, with a type that no browser sniffs, and a policy under which nothing runs."""
    async with serving(hall_content()) as served:
        _, headers, body = await ask(served.port, "/api/v1/devices?q=%3Cscript%3E")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'"
        assert json.loads(body)["items"] == []


async def test_a_large_document_is_compressed_for_who_takes_it() -> None:
    """The description of the API is 40 kB."""
    async with serving() as served:
        _, headers, body = await ask(served.port, "/api/v1/openapi.json", {"Accept-Encoding": "gzip"})
        assert headers["Content-Encoding"] == "gzip"
        assert len(body) < 12_000
        assert json.loads(gzip.decompress(body))["openapi"] == "3.1.0"
        for taken in ("GZIP", "br, gzip;q=0.5", "deflate , gzip; q=1.0"):
            _, headers, _ = await ask(served.port, "/api/v1/openapi.json", {"Accept-Encoding": taken})
            assert headers.get("Content-Encoding") == "gzip", taken
        for refused in ("gzip;q=0", "gzip; q=0.000, br", "identity"):
            _, headers, body = await ask(served.port, "/api/v1/openapi.json", {"Accept-Encoding": refused})
            assert "Content-Encoding" not in headers
            assert json.loads(body)["openapi"] == "3.1.0"


async def test_all_who_ask_within_a_second_share_one_document() -> None:
    """A hundred browsers cost no more than one."""
    content = hall_content()
    made = []
    around = content.api.sources.around

    def counted() -> object:
        made.append(1)
        return around()

    object.__setattr__(content.api.sources, "around", counted)
    async with serving(content, share_s=15) as served:
        answers = await asyncio.gather(*(ask(served.port, "/api/v1/ledger") for _ in range(20)))
        assert {status for status, _, _ in answers} == {200}
    assert len(made) == 1


async def test_a_document_that_fails_is_that_document_alone() -> None:
    """It is counted, says nothing of what failed, and the others are served."""
    content = hall_content()

    def fails() -> object:
        raise ZeroDivisionError

    object.__setattr__(content.api.sources, "around", fails)
    async with serving(content) as served:
        status, _, body = await ask(served.port, "/api/v1/agents")
        assert (status, b"Zero" in body) == (500, False)
        assert served.failures.counts[API_PART, "ZeroDivisionError"] == 1
        assert (await ask(served.port, "/api/v1/devices"))[0] == 200


async def test_before_anything_is_heard_every_document_is_there_and_empty() -> None:
    """A collector without a site file that has just started."""
    async with serving() as served:
        for route in ROUTES:
            status, _, body = await ask(served.port, path_of(route.path))
            # A total is there, and not known.
            named = "{" in route.path and route.path != "totals/{total}"
            assert status == (404 if named else 200), (route.path, body)
        site = json.loads((await ask(served.port, "/api/v1/site"))[2])
        assert (site["sites"], site["devices"]["known"], site["totals"]["it_power_watts"]) == ([], 0, None)


async def test_requests_for_different_documents_take_half_of_the_loops_time_at_most() -> None:
    """Three documents of 0.2 s each: after each of the first two there is a pause of as long."""
    asked: list[float] = []

    def take_long(since_s: float, _: float) -> list[Ended]:
        asked.append(since_s)
        time.sleep(0.2)  # what a document of a large site costs
        return []

    content = Content(api=Api(replace(hall_content().api.sources, ended=take_long)))
    async with serving(content) as served:
        began = time.monotonic()
        path = "/api/v1/problems/history?since=2026-11-{}T00:00:00Z"
        answers = await asyncio.gather(*(ask(served.port, path.format(day)) for day in (24, 25, 26)))
        assert [status for status, _, _ in answers] == [200] * 3
        assert (len(asked), time.monotonic() - began >= 1.0) == (3, True)


async def test_a_head_request_for_a_document_returns_its_length_and_tag_and_no_body() -> None:
    async with serving(hall_content()) as served:
        _, headers, body = await ask(served.port, "/api/v1/devices", {"Accept-Encoding": "identity"})
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"HEAD /api/v1/devices HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(30):
            head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert (head[:15], rest) == (b"HTTP/1.1 200 OK", b"")
        assert f"content-length: {len(body)}" in head.decode().lower()
        assert headers["ETag"] in head.decode()
