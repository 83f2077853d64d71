"""Carbon factors from a real HTTP server and from a file that changes."""

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from collector.derive.carbon_source import CarbonSource
from collector.derive.config import CarbonConfig
from rackflow.process.bulkhead import Failures
from tests.collector.running import until

ANSWER = {"carbonIntensity": 512, "datetime": "2026-11-23T10:00:00Z", "isEstimated": True, "fossilFreePercentage": 25}
HOUR = 1_795_428_000 // 3600


@asynccontextmanager
async def serving(answers: list[web.Response], seen: list[str]) -> AsyncIterator[str]:
    """A server that gives these answers in turn, and notes the tokens it is sent."""

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("auth-token", ""))
        return answers.pop(0)

    async with serving_by(answer) as url:
        yield url


@asynccontextmanager
async def serving_by(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """A server that answers so."""
    app = web.Application()
    app.router.add_get("/v3/carbon", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v3/carbon"
    finally:
        await runner.cleanup()


async def test_an_answer_gives_a_factor_and_a_failure_none() -> None:
    seen: list[str] = []
    bad = [web.Response(status=503), web.Response(text="{}"), web.Response(text="[]"), web.Response(text="no json")]
    answers = [web.json_response(ANSWER), *bad, web.json_response(ANSWER)]
    async with serving(answers, seen) as url:
        source = CarbonSource(CarbonConfig(url=url, token=SecretStr("t0ken"), timeout_s=5))
        found = await source.latest()
        assert (found[HOUR].grams_per_kwh, found[HOUR].carbon_free_ratio, found[HOUR].estimated) == (512.0, 0.25, True)
        for _ in bad:
            assert await source.latest() == {}
            assert source.fault is not None
        assert (await source.latest()).keys() == {HOUR}
        assert source.fault is None
    assert set(seen) == {"t0ken"}
    assert await source.latest() == {}
    assert source.fault is not None


async def test_a_file_is_read_again_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "factors.csv"
    source = CarbonSource(CarbonConfig(path=path))
    assert await source.latest() == {}
    path.write_text("time,grams_per_kwh\n2026-11-23T10:00:00Z,500\n", encoding="utf-8")
    assert (await source.latest())[HOUR].grams_per_kwh == 500.0
    assert await source.latest() == {}
    path.write_text("time,grams_per_kwh\n2026-11-23T10:00:00Z,400\n", encoding="utf-8")
    os.utime(path, (1, 1))
    assert (await source.latest())[HOUR].grams_per_kwh == 400.0


async def test_a_file_that_excel_has_saved_is_read(tmp_path: Path) -> None:
    """With a byte order mark, which would be a part of the name of its first column."""
    path = tmp_path / "factors.csv"
    path.write_text("time,grams_per_kwh\n2026-11-23T10:00:00Z,500\n", encoding="utf-8-sig", newline="\r\n")
    source = CarbonSource(CarbonConfig(path=path))
    assert (await source.latest())[HOUR].grams_per_kwh == 500.0


async def test_a_file_that_hangs_ends_at_its_time_limit_and_costs_one_thread(tmp_path: Path) -> None:
    """A pipe that nobody writes to stands for a network file system whose server is gone."""
    pipe = tmp_path / "factors.csv"
    os.mkfifo(pipe)
    source, failures = CarbonSource(CarbonConfig(path=pipe, timeout_s=0.05)), Failures("carbon")
    for _ in range(3):
        assert await source.latest(failures) == {}
    readers = [each for each in threading.enumerate() if each.name == "carbon-file"]
    assert len(readers) == 1
    assert failures.counts == {("carbon", "TimeoutError"): 3}
    assert failures.failing() == {"carbon": True}
    pipe.write_text("time,grams_per_kwh\n2026-11-23T10:00:00Z,500\n", encoding="utf-8")  # the server is back
    await until(lambda: not readers[0].is_alive(), "the thread has ended")


async def test_a_source_fails_until_it_answers_also_while_it_is_asked_again() -> None:
    """Otherwise it would seem to work every quarter of an hour, and no alert would find an hour in which it failed."""
    asked, may_answer = asyncio.Event(), asyncio.Event()
    answers = iter([web.Response(status=503)])

    async def answer(_: web.Request) -> web.Response:
        if (first := next(answers, None)) is not None:
            return first
        asked.set()
        await may_answer.wait()
        return web.json_response(ANSWER)

    found: list[Mapping[int, object]] = []
    # Longer than a part counts as failing passes between any two looks at the clock.
    failures = Failures("carbon", clock=count(0, 400).__next__)
    async with serving_by(answer) as url:
        config = CarbonConfig(url=url).model_copy(update={"interval_s": 0.01, "timeout_s": 1e6})
        watching = asyncio.create_task(CarbonSource(config).watch(found.append, failures))
        try:
            await asked.wait()
            assert failures.counts.total() == 1
            assert failures.failing() == {"carbon": True}
            may_answer.set()
            await until(lambda: len(found) > 1, "it has answered")
            assert failures.failing() == {"carbon": False}
        finally:
            may_answer.set()
            watching.cancel()


@pytest.mark.parametrize("grams", ["nan", "inf", "-1", "1e300", "x"])
async def test_a_factor_that_cannot_be_is_refused(tmp_path: Path, grams: str) -> None:
    """One NaN in a counter of emissions would stay in it for ever."""
    path = tmp_path / "factors.csv"
    path.write_text(f"time,grams_per_kwh\n2026-11-23T10:00:00Z,{grams}\n", encoding="utf-8")
    source = CarbonSource(CarbonConfig(path=path))
    assert await source.latest() == {}
    assert "factors.csv:2" in str(source.fault)
    answer = {**ANSWER, "carbonIntensity": float(grams) if grams != "x" else grams}
    async with serving([web.Response(text=json.dumps(answer))], []) as url:
        source = CarbonSource(CarbonConfig(url=url))
        assert await source.latest() == {}
    assert source.fault is not None


async def test_odd_answers_and_files_are_faults_of_the_source(tmp_path: Path) -> None:
    path = tmp_path / "factors.csv"
    path.write_bytes(b"time,grams_per_kwh\n" + b'"' + b"x" * 200_000)
    source = CarbonSource(CarbonConfig(path=path))
    assert await source.latest() == {}
    assert source.fault is not None
    odd = [b"[" * 100_000, b"x" * 1_000_001, b"\xff", json.dumps({**ANSWER, "fossilFreePercentage": 101}).encode()]
    async with serving([web.Response(body=each) for each in odd], []) as url:
        source = CarbonSource(CarbonConfig(url=url))
        for _ in odd:
            assert await source.latest() == {}
            assert source.fault is not None
