"""The device barrier for commands: they print the error themselves, so its traceback is logged only with `--log-level debug`."""

import logging
from contextlib import AbstractContextManager

from agent.poll import DeviceBarrier
from rackflow.errors import ConfigError, ProfileError


def contained(device: str, operation: str) -> AbstractContextManager[None]:
    """A block in which every exception becomes a DeviceError, except for those that report a mistake of the command's user."""
    return DeviceBarrier(device, "", level=logging.DEBUG, passing=(ConfigError, ProfileError)).contain(operation)
