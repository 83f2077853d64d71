"""A page is rendered once a second at most, however many read it, and in slices."""

import asyncio
import gzip
import time
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.humanise import duration, number, quantity
from collector.web.shared import PieceKeeper, Shared, rendered
from rackflow import catalogue
from rackflow.process.slices import SLICE_S, in_slices
from tests.collector.web.serving import Content, ask, serving


async def test_a_hundred_readers_share_one_render() -> None:
    content = Content()
    async with serving(content, share_s=15) as served:
        answers = await asyncio.gather(*(ask(served.port) for _ in range(100)))
        assert {(status, body) for status, _, body in answers} == {(200, b"dcim_up 1\n")}
        assert content.renders == ["metrics"]


async def test_the_safety_class_is_a_page_of_its_own_and_there_is_no_other_class() -> None:
    content = Content()
    async with serving(content, share_s=15) as served:
        assert (await ask(served.port, "/metrics?class=safety"))[0] == 200
        assert content.renders == ["safety"]
        status, _, body = await ask(served.port, "/metrics?class=fast")
        assert (status, body) == (400, b"class: the only one is `safety`; leave it out for all metrics\n")
        assert content.renders == ["safety"]


async def test_the_safety_class_is_made_again_within_a_second_however_long_the_others_are_shared() -> None:
    content = Content()
    async with serving(content, share_s=15) as served, asyncio.timeout(10):
        while content.renders != ["safety", "safety"]:
            assert (await ask(served.port, "/metrics?class=safety"))[0] == 200


async def test_invented_names_render_no_page_of_their_own() -> None:
    content = Content()
    async with serving(content, share_s=15) as served:
        for name in ("", "x", "y%2Fz", "cas1%2Fpdu-1", "cas1%2Fpdu-1"):
            assert (await ask(served.port, f"/plain?outlets={name}"))[0] == 200
        assert content.renders == ["page ", "page cas1/pdu-1"]


async def test_what_takes_long_is_made_less_often() -> None:
    now, made = [0.0], []

    async def slow() -> int:
        now[0] += 2.0
        made.append(now[0])
        return len(made)

    shared = Shared(slow, 1.0, lambda: now[0])
    assert await shared.get() == 1
    now[0] += 7.9
    assert await shared.get() == 1
    now[0] += 0.1
    assert await shared.get() == 2


async def test_a_reader_that_leaves_takes_the_page_from_nobody() -> None:
    go_on = asyncio.Event()

    async def slow() -> str:
        await go_on.wait()
        return "page"

    shared = Shared(slow, 1.0)
    first, second = asyncio.ensure_future(shared.get()), asyncio.ensure_future(shared.get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    go_on.set()
    assert await second == "page"


async def test_rendering_lets_the_loop_do_other_work() -> None:
    """Twenty steps of half a slice: other work runs between them."""

    def steps() -> Generator[None, None, str]:
        for _ in range(20):
            until = time.perf_counter() + SLICE_S / 2
            while time.perf_counter() < until:
                pass
            yield
        return "done"

    turns = 0
    rendering = asyncio.ensure_future(in_slices(steps()))
    while not rendering.done():
        await asyncio.sleep(0)
        turns += 1
    assert rendering.result() == "done"
    assert turns >= 5


UNITS = sorted({metric.unit for metric in catalogue().values()})


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(UNITS))
def test_every_finite_number_has_a_short_form_in_every_unit(value: float, unit: str) -> None:
    for text in (quantity(value, unit), duration(value), number(value)):
        assert 0 < len(text) <= 48, text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.7e308, "watts", "1.7e+305 kW"),
        (1.7e308, "siemens_per_meter", "1.7e+308 siemens per meter"),
        (1e18, "seconds", "11,574,074,100,000 d"),
    ],
)
def test_huge_numbers_are_shown_as_powers_of_ten(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


async def test_a_page_is_compressed_once_and_only_for_those_who_ask_for_it() -> None:
    page = await rendered("dcim_up 1\n" * 1000)
    assert page.zipped is None
    first, second = await asyncio.gather(page.compressed(), page.compressed())
    assert first is second is await page.compressed()
    assert gzip.decompress(first) == page.plain == b"dcim_up 1\n" * 1000


async def test_what_is_the_same_in_the_next_page_is_not_compressed_again() -> None:
    keeper, up = PieceKeeper(), "dcim_up 1\n" * 1000
    first = await keeper.take([("up", up), ("power", "dcim_power 1.0\n")])
    before, _ = await first.compressed()
    second = await keeper.take([("up", up), ("power", "dcim_power 2.0\n"), ("new", "dcim_new 3.0\n")])
    after, *others = await second.compressed()
    assert after is before
    assert gzip.decompress(b"".join([after, *others])).decode() == f"{up}dcim_power 2.0\ndcim_new 3.0\n"
    third = await keeper.take([("power", "dcim_power 2.0\n")])
    assert b"".join(third.plain) == b"dcim_power 2.0\n"


async def test_half_a_character_in_the_text_of_one_device_takes_the_page_from_nobody() -> None:
    """JSON can have one, escaped, and UTF-8 cannot."""
    text = 'dcim_device_info{model="\ud83d"} 1\n'
    pieces = await PieceKeeper().take([("info", text), ("up", "dcim_device_up 1\n")])
    assert b"".join(pieces.plain) == b'dcim_device_info{model="?"} 1\ndcim_device_up 1\n'
    assert (await rendered(text)).plain == b'dcim_device_info{model="?"} 1\n'
