"""Fixtures of the agent's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.snmpd import Snmpd


@pytest.fixture
def snmpd(tmp_path: Path) -> Iterator[Snmpd]:
    """net-snmp's daemon."""
    with Snmpd(tmp_path / "snmpd").serving() as server:
        yield server
