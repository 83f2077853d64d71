"""The device barrier as the commands use it: they print the error themselves, so its traceback is logged for `--log-level debug` only."""

import logging
from contextlib import AbstractContextManager

from agent.poll import DeviceBarrier
from rackflow.errors import ConfigError, ProfileError


def contained(device: str, operation: str) -> AbstractContextManager[None]:
    """A block in which whatever goes wrong is raised as a DeviceError, but for mistakes of the command's user."""
    return DeviceBarrier(device, "", level=logging.DEBUG, passing=(ConfigError, ProfileError)).contain(operation)
