"""Counts and logs the datagrams that SNMPv3 checks refuse. No I/O but the log."""

import logging
from collections import Counter
from typing import Final

from agent.snmp.usm.check import Refusal

log = logging.getLogger(__name__)

# Devices that are counted by name; those beyond share `OTHERS`. It bounds the agent's batch: 50 devices times 10 reasons are 40 kB.
MAX_DEVICES: Final = 50
OTHERS: Final = "others"
# Least time between two log lines about one device, so that forged datagrams cannot fill the disk. The same as for a device's other
# repeated faults.
LOG_EVERY_S: Final = 60.0


class RefusedDatagrams:
    """Refused datagrams by device and reason. Shared by all clients of an agent."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._named: set[str] = set()
        self._logged_at: dict[str, float] = {}
        self._unlogged: Counter[str] = Counter()

    def count_unknown_sender(self, reason: Refusal, now: float) -> None:
        """Count a datagram from an address that belongs to no device."""
        self._named.add(OTHERS)
        self.count(OTHERS, reason, now)

    def count(self, device: str, reason: Refusal, now: float) -> None:
        """Count one datagram; `now` is monotonic seconds. Logs the first of a device, and later at most one line a minute."""
        name = device
        if device not in self._named:
            if len(self._named) < MAX_DEVICES:
                self._named.add(device)
            else:
                name = OTHERS
        self.counts[name, reason] += 1
        self._unlogged[name] += 1
        before = self._logged_at.get(name)
        if before is None or now - before >= LOG_EVERY_S:
            log.warning(
                "device=%s refused %d SNMPv3 datagrams that are not the device's verified answers, the last one: %s",
                device,
                self._unlogged.pop(name),
                reason,
            )
            self._logged_at[name] = now
