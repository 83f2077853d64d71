"""The tree of errors."""

import inspect

import rackflow.errors
from rackflow.errors import DeviceError, DeviceTimeout, RackflowError


def test_all_errors_have_one_root() -> None:
    found = [
        member for _, member in inspect.getmembers(rackflow.errors, inspect.isclass) if issubclass(member, Exception)
    ]
    assert len(found) > 8
    assert all(issubclass(member, RackflowError) for member in found)


def test_a_timeout_is_a_timeout_to_everybody() -> None:
    error = DeviceTimeout("no answer in 2 s", device="ups-1", operation="get")
    assert isinstance(error, TimeoutError)
    assert isinstance(error, DeviceError)
    assert str(error) == "ups-1 get: no answer in 2 s"
    assert error.kind == "timeout"
