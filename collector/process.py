"""Runs a collector as a process: signals, watchdog, service manager, and settings of the interpreter."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable

from collector.config import CollectorConfig
from collector.run import Collector
from rackflow.process.gc_pauses import bound_gc_pauses
from rackflow.process.hang_up import let_hang_up_come
from rackflow.process.notify import started_by
from rackflow.process.stopping import StopDeadline
from rackflow.process.threads import DetachedThreads
from rackflow.process.watchdog import Watchdog

log = logging.getLogger(__name__)
# How long a thread that computes (plans of figures, gzip) may keep the interpreter's lock when the loop wants it. With Python's 5 ms
# each turn of the loop took that much longer while a site of 5,000 devices was planned, and one that started a thread 15 ms.
SWITCH_S = 0.0005


async def run(
    config: CollectorConfig,
    *,
    on_listening: Callable[[str], None] | None = None,
    deadline: StopDeadline | None = None,
) -> None:
    """Run a collector until SIGTERM or SIGINT. SIGHUP is logged and changes nothing.

    `deadline` is started by the signal that stops the collector: it is for a process that ends with this call.
    """
    manager = started_by()
    collector = Collector(config)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(DetachedThreads())
    watchdog = Watchdog(lambda: collector.standstill(time.monotonic()), manager)
    end_bound = bound_gc_pauses()
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)

    def stop() -> None:
        collector.stop()
        manager.stopping()
        if deadline is not None:
            deadline.start()

    def started() -> None:
        # Only now: a large ledger is checked on the loop while it is opened, which may take longer than the watchdog allows.
        watchdog.start()
        manager.ready()

    def hang_up() -> None:
        # It reloads an agent, so it is sent to collectors, too, by people and by logrotate. By itself it would end the process without
        # a last flush, and systemd would not start it again: to `Restart=on-failure` this is a clean end (systemd.service(5)).
        log.warning("SIGHUP does not reload a collector; restart it to apply a changed configuration")

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: hang_up}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    let_hang_up_come()
    try:
        await collector.run(on_listening, started)
        log.info("stopped client=%s", config.client_id)
    finally:
        watchdog.stop()
        end_bound()
        sys.setswitchinterval(switch_s)
        for number in handlers:
            loop.remove_signal_handler(number)
