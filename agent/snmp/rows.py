"""The rows that a walk has found so far, and whether it goes on. No I/O."""

import logging
from typing import Final, NamedTuple

from agent.snmp.seam import SnmpValue
from rackflow.errors import DeviceProtocolError

log = logging.getLogger(__name__)

# Most octets of text that one walk may return. Recordings of whole devices have some 100 kB. Without a limit, a device that fills every row
# with 64 kB would take as much memory as it can send before the deadline. Chosen value.
MAX_WALK_BYTES: Final = 16_000_000


class RowsSoFar:
    """The rows that a walk has found so far. `repetitions` is the number of rows that one request asks for."""

    def __init__(self, device: str, oid: str, repetitions: int) -> None:
        self.rows: dict[str, SnmpValue] = {}
        self._device = device
        self._oid = oid
        self._repetitions = repetitions
        self._size = self._repeated = 0

    def add(self, row: str, value: SnmpValue) -> bool:
        """Add a row. Returns whether the walk is to continue. Raises DeviceProtocolError if the walk becomes too large.

        Rows need not ascend: some agents sort their rows as text (1, 10, 2) and continue from whichever row they are asked for. A row
        may also come twice in one answer. The walk is going in circles only when as many rows in succession are already known as one
        request asks for.
        """
        if row in self.rows:
            self._repeated += 1
            if self._repeated < self._repetitions:
                return True
            log.warning("device=%s walk of %s goes in circles: it returned to row %s", self._device, self._oid, row)
            return False
        self._repeated = 0
        self.rows[row] = value
        self._size += len(value) if isinstance(value, bytes | str) else 0
        if self._size > MAX_WALK_BYTES:
            text = f"sends more than {MAX_WALK_BYTES // 1_000_000} MB below {self._oid}"
            raise DeviceProtocolError(text, device=self._device, operation="snmp")
        return True


class WalkedRows(NamedTuple):
    """What a walk has found. It `is_incomplete` if the device could not answer for as many rows at once as it was asked for.

    It `is_stuck` if the device came back to a row that was found before. It `is_denied` if a request was, or may have been: perhaps only
    what stands behind the table is.
    """

    walk: RowsSoFar
    is_incomplete: bool
    is_stuck: bool = False
    is_denied: bool = False
