"""Carbon factors from a real HTTP server and from a file that changes."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from collector.derive.carbon_source import CarbonSource
from collector.derive.config import CarbonConfig

ANSWER = {"carbonIntensity": 512, "datetime": "2026-11-23T10:00:00Z", "isEstimated": True, "fossilFreePercentage": 25}
HOUR = 1_795_428_000 // 3600


@asynccontextmanager
async def serving(answers: list[web.Response], seen: list[str]) -> AsyncIterator[str]:
    """A server that gives these answers in turn, and notes the tokens it is sent."""

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("auth-token", ""))
        return answers.pop(0)

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
