"""Only what somebody has ended at Alertmanager is left out: not what it lost when it was started anew, nor what nobody repeated."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec

from collector.problems.ended_elsewhere import EndedElsewhere
from collector.problems.push import CLOCKS_AGREE_S, LIFE_S, PAUSES_S, REPEAT_S, TIMEOUT_S, certain_s
from collector.problems.push import Alertmanager as PushTarget
from collector.problems.report import describe
from collector.problems.tracker import Evidence, TrackedProblem
from tests.collector.problems.test_push_faults import smoke
from tests.servers.alertmanager import Alertmanager


@dataclass(slots=True)
class Asking:
    """A collector that sees nothing any more, of whose problems Alertmanager has been told."""

    manager: Alertmanager
    session: aiohttp.ClientSession
    ahead_s: float = 0.0
    one: TrackedProblem = field(default_factory=lambda: smoke("a"))
    ended: EndedElsewhere = field(init=False)

    def __post_init__(self) -> None:
        self.one.evidence = Evidence.SILENT
        self.ended = EndedElsewhere(self.url, certain_s, lambda: time.time() + self.ahead_s)

    @property
    def url(self) -> str:
        return f"{self.manager.url}/api/v2/alerts"

    async def tell(self) -> None:
        body = PushTarget(self.url).body([(self.one, describe(self.one, 0, ""))], time.time())
        async with self.session.post(self.url, data=body, headers={"Content-Type": "application/json"}) as answer:
            answer.raise_for_status()
        self.ended.note_accepted(self.one.key)

    async def end(self) -> None:
        """As another collector does."""
        over = msgspec.json.encode([{"labels": self.one.alert_labels(), "endsAt": "2026-01-01T00:00:00Z"}])
        async with self.session.post(self.url, data=over, headers={"Content-Type": "application/json"}) as answer:
            answer.raise_for_status()

    async def is_left_out(self) -> bool:
        await self.ended.update(self.session, [self.one], ())
        return self.ended.is_left_out(self.one)


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[Asking]:
    manager = Alertmanager(folder / "alertmanager")
    with manager.serving():
        async with aiohttp.ClientSession() as session:
            one = Asking(manager, session)
            assert not await one.is_left_out(), "it is told for the first time"
            await one.tell()
            yield one


async def test_what_another_collector_has_ended_is_left_out(tmp_path: Path) -> None:
    async with asking(tmp_path) as one:
        assert not await one.is_left_out()
        await one.end()
        assert await one.is_left_out()


async def test_an_alertmanager_that_was_started_anew_is_told_what_it_has_lost(tmp_path: Path) -> None:
    """It keeps no alerts over a restart. Nobody has ended them, and without a cause its consequences would page."""
    async with asking(tmp_path) as one:
        one.manager.stop()
        one.manager.start()
        assert not await one.is_left_out()
        await one.tell()
        assert not await one.is_left_out()
        await one.end()
        assert await one.is_left_out(), "and after that as before"


async def test_what_ended_because_the_collectors_host_was_asleep_is_told_again(tmp_path: Path) -> None:
    """Its monotonic clock stood still meanwhile."""
    async with asking(tmp_path) as one:
        await one.end()
        one.ahead_s = LIFE_S
        assert not await one.is_left_out()


def test_it_is_asked_only_while_it_has_its_alerts_for_certain() -> None:
    """It is told the end by a clock that may be behind, up to TIMEOUT_S before it has accepted that, and answers as slowly."""
    assert REPEAT_S + PAUSES_S[-1] + TIMEOUT_S < certain_s() <= LIFE_S - CLOCKS_AGREE_S - 2 * TIMEOUT_S
