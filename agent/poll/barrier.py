"""The barrier around each device: an unexpected exception becomes a failed poll of that device, of kind `internal`.

This is the only place on the path of a poll that catches every exception; all other code catches only the errors it expects. A device can
send anything, and a bug in handling it must not end the agent, which polls hundreds of other devices. Cancellation and exceptions that end
the process are not caught.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.poll.identity import printable
from agent.self_metrics import Counters
from rackflow.errors import DeviceError, DeviceInternalError, RackflowError

log = logging.getLogger(__name__)
# A device that is polled each second would fill the log with the same traceback. Chosen value.
LOG_EVERY_S = 60.0
# Longest text of an exception that is kept. An exception that quotes what it could not handle may be very long. Chosen value.
MAX_CHARACTERS = 200
PASSING = (KeyboardInterrupt, SystemExit, GeneratorExit)


class DeviceBarrier:
    """The barrier of one device. Faults are counted, and logged with their traceback at most once a minute.

    `level` is the level of that log record; commands, which print the error themselves, use a lower one than the agent. Exceptions of the
    classes `passing` say nothing about the device and leave the block unchanged.
    """

    def __init__(
        self,
        device: str,
        protocol: str,
        counters: Counters | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        level: int = logging.ERROR,
        passing: tuple[type[RackflowError], ...] = (),
    ) -> None:
        self._device = device
        self._protocol = protocol
        self._counters = counters or Counters()
        self._clock = clock
        self._level = level
        self._passing: tuple[type[BaseException], ...] = (DeviceError, *PASSING, *passing)
        self._logged_at: float | None = None
        self._unlogged = 0

    @contextmanager
    def contain(self, operation: str) -> Iterator[None]:
        """Turn any exception of the block into a DeviceInternalError; a DeviceError is passed on unchanged."""
        try:
            yield
        except self._passing:
            raise
        except asyncio.CancelledError as error:
            if _being_cancelled():
                raise
            # This task was not cancelled: a library let the cancellation of an inner task escape. If it were passed on, polling of this
            # device would end for good, without a log line.
            raise self._fault(error, operation) from error
        except BaseException as error:
            # An exception group may contain an exception that ends the process beside ordinary ones.
            if isinstance(error, BaseExceptionGroup) and error.subgroup(PASSING):
                raise
            raise self._fault(error, operation) from error

    def _fault(self, error: BaseException, operation: str) -> DeviceInternalError:
        name = type(error).__name__
        self._counters.count_internal_error(self._protocol, name)
        now = self._clock()
        if self._logged_at is None or now - self._logged_at >= LOG_EVERY_S:
            log.log(
                self._level,
                "device=%s operation=%s fault of the agent while it handled this device; the poll counts as failed, "
                "other devices are not affected; please report it with the traceback error=%s unlogged_before=%d",
                self._device,
                operation,
                name,
                self._unlogged,
                exc_info=error,
            )
            self._logged_at, self._unlogged = now, 0
        else:
            self._unlogged += 1
        # Not str(error): an exception of a library may fail to describe itself, too.
        text = printable("".join(traceback.format_exception_only(error))[:MAX_CHARACTERS])
        return DeviceInternalError(f"fault of the agent: {text}", device=self._device, operation=operation)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
