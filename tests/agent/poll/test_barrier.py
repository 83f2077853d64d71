"""The barrier around a device: what nobody foresaw becomes that device's failure; what ends a task or the process passes."""

import asyncio
import logging

import pytest

from agent.poll import DeviceBarrier
from agent.self_metrics import MAX_EXCEPTIONS, Counters, own_values
from rackflow.errors import ConfigError, DeviceError, DeviceInternalError, DeviceTimeout
from rackflow.outbox.memory import MemoryOutbox


class Panic(BaseException):
    """Like PyO3's PanicException, which is no Exception."""


class Speechless(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


def name_of(fault: BaseException) -> str:
    return type(fault).__name__


@pytest.mark.parametrize(
    "fault",
    [
        ValueError("odd"),
        OverflowError(),
        RecursionError(),
        MemoryError(),
        StopIteration(),
        StopAsyncIteration(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"),
        ConfigError("not here"),
        Speechless(),
        Panic("panicked"),
        ExceptionGroup("several", [ValueError("odd")]),
    ],
    ids=name_of,
)
async def test_whatever_goes_wrong_is_the_devices_internal_error(fault: BaseException) -> None:
    counters = Counters()
    with pytest.raises(DeviceInternalError) as caught, DeviceBarrier("ups-1", "snmp", counters).contain("poll fast"):
        raise fault
    assert caught.value.__cause__ is fault
    assert (caught.value.kind, caught.value.device, caught.value.operation) == ("internal", "ups-1", "poll fast")
    assert type(fault).__name__ in str(caught.value)
    assert counters.internal_errors == {("snmp", type(fault).__name__): 1}


@pytest.mark.parametrize(
    "passing",
    [
        KeyboardInterrupt(),
        SystemExit(3),
        DeviceTimeout("no answer"),
        BaseExceptionGroup("several", [ValueError("odd"), KeyboardInterrupt()]),
    ],
    ids=name_of,
)
async def test_what_is_meant_passes_as_it_is(passing: BaseException) -> None:
    counters = Counters()
    with pytest.raises(type(passing)) as caught, DeviceBarrier("ups-1", "snmp", counters).contain("open"):
        raise passing
    assert caught.value is passing
    assert counters.internal_errors == {}


async def test_a_task_that_is_cancelled_inside_ends_as_cancelled() -> None:
    entered = asyncio.Event()

    async def poll() -> None:
        with DeviceBarrier("ups-1", "snmp").contain("poll"):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(poll())
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_cancellation_that_nobody_asked_for_does_not_end_the_polling() -> None:
    inner = asyncio.get_running_loop().create_future()
    inner.cancel()
    with pytest.raises(DeviceInternalError, match="CancelledError"), DeviceBarrier("ups-1", "snmp").contain("poll"):
        await inner


async def test_the_traceback_is_logged_once_a_minute_with_what_was_left_out(caplog: pytest.LogCaptureFixture) -> None:
    clock_s = 1000.0
    barrier = DeviceBarrier("ups-1", "snmp", clock=lambda: clock_s)
    for step_s in (0.0, 1.0, 58.9, 0.1, 30.0, 30.0):
        clock_s += step_s
        with pytest.raises(DeviceInternalError), barrier.contain("poll fast"):
            raise ValueError("odd")
    assert [(record.levelno, record.name) for record in caplog.records] == [(logging.ERROR, "agent.poll.barrier")] * 3
    assert all(record.exc_info and record.exc_info[0] is ValueError for record in caplog.records)
    said = [record.getMessage() for record in caplog.records]
    assert [text.rpartition("unlogged_before=")[2] for text in said] == ["0", "2", "1"]
    assert all("device=ups-1 operation=poll fast" in text for text in said)


async def test_a_long_or_unprintable_text_is_cut_and_cleaned() -> None:
    with pytest.raises(DeviceError) as caught, DeviceBarrier("d", "snmp").contain("poll"):
        raise ValueError("\x1b[2J\u202e\n" + "9" * 64_000)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 300


def test_the_counters_of_exceptions_are_published_by_class_and_bounded() -> None:
    counters = Counters()
    for number in range(MAX_EXCEPTIONS + 5):
        counters.count_internal_error("snmp", f"Odd{number}")
    counters.count_internal_error("snmp", "Odd0")
    values = own_values(counters, MemoryOutbox("E", 1 << 20).stats(), {})
    found = {key: value for key, value in values.items() if key.startswith("dcim_agent_internal_errors_total")}
    assert found["dcim_agent_internal_errors_total{exception=Odd0,protocol=snmp}"] == 2
    assert found["dcim_agent_internal_errors_total{exception=other,protocol=snmp}"] == 5
    assert len(found) == MAX_EXCEPTIONS + 1
