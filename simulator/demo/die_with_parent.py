"""Runs a module as `python -m` does, and ends it when the process that started it is gone, killed or not.

The child reads a pipe whose other end only the parent holds: the kernel closes it when the parent dies, which no signal handler
of a killed parent could do.
"""

import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

STOP_GRACE_S: Final = 12.0
"""How long an orderly end may take before it is cut short."""


def die_with_parent_command(module: str, *arguments: str) -> list[str]:
    """The command line; it is to be started with a pipe as standard input that is held open and never written to."""
    return [sys.executable, "-m", "simulator.demo.die_with_parent", module, *arguments]


def _watch() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_watch, name="leash", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
