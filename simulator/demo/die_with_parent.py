"""Runs a module as `python -m` does, and ends it when its parent process is gone, even if that was killed.

The child reads a pipe whose other end only the parent holds. The kernel closes it when the parent dies, even by SIGKILL, which no
handler in the parent could catch. A pipe is used rather than prctl(PR_SET_PDEATHSIG), because it works on every system. Without
this module, agents and collectors were found running long after their demo had been killed.
"""

import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

# How long an orderly stop may take before the process is ended at once; as long as the demo itself waits for its children.
STOP_GRACE_S: Final = 12.0


def die_with_parent_command(module: str, *arguments: str) -> list[str]:
    """The command line. Start it with a pipe as standard input, keep that open, and never write to it."""
    return [sys.executable, "-m", "simulator.demo.die_with_parent", module, *arguments]


def _watch() -> None:
    # An empty read is the end of the pipe: the parent is gone. SIGTERM lets the module stop in order, as if a person had asked.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    # A thread, not a task: the module may have any loop or none, and a hung loop must not outlive its parent either.
    threading.Thread(target=_watch, name="watch-parent", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
