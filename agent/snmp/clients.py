"""Makes the SNMP client of each device, with the engine that is configured and can be trusted with its SNMP version."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from agent.snmp.seam import SnmpClient, SnmpTarget, SnmpUser
from agent.snmp.usm import PolledClocks, RefusedDatagrams, UsmKeys
from rackflow.process.resolve import Resolver

if TYPE_CHECKING:
    from agent.snmp.pysnmp import PysnmpEngines

log = logging.getLogger(__name__)

Engine = Literal["gufo", "pysnmp"]


def _fault_of_gufo() -> str:
    from agent.snmp.gufo_v3 import fault_of_gufo  # noqa: PLC0415 - as for `GufoClient`

    return fault_of_gufo()


class SnmpClients:
    """Makes clients that share keys, engines, look-ups of names, the count of refused datagrams and clocks. One for each event loop."""

    def __init__(self, fault_of_v3: Callable[[], str] | None = None, resolver: Resolver | None = None) -> None:
        self.resolver = resolver or Resolver()
        self.refused = RefusedDatagrams()
        self.clocks = PolledClocks()
        self.keys = UsmKeys()
        self._engines: PysnmpEngines | None = None
        self._fault_of_v3 = fault_of_v3
        self._fault: str | None = None

    def __call__(self, target: SnmpTarget, engine: Engine | None = None) -> SnmpClient:
        """A client for one device. For SNMPv3, gufo_snmp is used only if its answers can be verified; otherwise pysnmp is."""
        if engine == "pysnmp" or (isinstance(target.credential, SnmpUser) and self._gufo_is_unsafe()):
            return self._pysnmp_client(target)
        # Imported here, so that `engine: pysnmp` works where gufo_snmp has no wheel.
        from agent.snmp.gufo import GufoClient  # noqa: PLC0415

        return GufoClient(target, self.keys, self.refused, self.resolver, self.clocks)

    def _gufo_is_unsafe(self) -> bool:
        if self._fault is None:
            self._fault = (self._fault_of_v3 or _fault_of_gufo)()
            if self._fault:
                log.error("%s; SNMPv3 devices are polled as with `engine: pysnmp`, which takes more CPU", self._fault)
        return bool(self._fault)

    def _pysnmp_client(self, target: SnmpTarget) -> SnmpClient:
        # Imported here, because only users of the fallback engine should pay for the import: see agent/snmp/__init__.py.
        from agent.snmp.pysnmp import PysnmpClient, PysnmpEngines  # noqa: PLC0415

        if self._engines is None:
            self._engines = PysnmpEngines()
        return PysnmpClient(target, self._engines, self.refused, self.resolver, self.clocks)
