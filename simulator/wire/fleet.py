"""All devices of a simulated site as servers on the network, and the agent's configuration that polls them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Any, Final, Literal

from rackflow.errors import ConfigError
from rackflow.site import PowerShelf, Site
from simulator.modbus import ModbusServer
from simulator.models import CDU_UNIT, METER_UNIT, cdu_registers, meter_registers
from simulator.snmp import SnmpDevice, SnmpUser
from simulator.wire.air import apc_airfm, liebert_crah
from simulator.wire.ats import apc_ats
from simulator.wire.cells import Cell, Layout, serial_number
from simulator.wire.modbus import CduFromReadings, MeterFromReadings
from simulator.wire.monitor import ste2, wld
from simulator.wire.pdu import apc_rpdu2, raritan_pdu2
from simulator.wire.sentry_enlogic_eaton import eaton_epdu, enlogic_pdu, servertech_sentry4
from simulator.wire.ups import apc_ups, eaton_xups, ups_mib
from simulator.world import World
from simulator.world.instruments import Instruments

Family = Literal[
    "apc-ups",
    "rfc1628-ups",
    "apc-ats",
    "apc-airfm",
    "apc-rpdu2",
    "raritan-pdu2",
    "hwgroup-ste",
    "hwgroup-wld",
    "aalc-rpu",
    "schneider-iem3000",
    "eaton-xups",
    "servertech-sentry4",
    "enlogic-pdu",
    "eaton-epdu",
    "liebert-crah",
]
# Rating up to which a UPS is simulated as an APC Smart-UPS, a series that ends at 20 kW; larger ones are three-phase UPSs that speak the
# standard UPS-MIB.
SMART_UPS_W: Final = 20_000.0
COMMUNITY: Final = "public"
# The ports that IANA has registered for SNMP and Modbus TCP.
SNMP_PORT: Final = 161
MODBUS_PORT: Final = 502


@dataclass(slots=True)
class SimulatedDevice:
    """One device on the network. Only SNMP devices have a `layout`."""

    id: str
    family: Family
    server: SnmpDevice | ModbusServer
    layout: Layout | None = None
    silenced: bool = False
    """Silent because of a fault. A device without power is silent as well, and must stay so when the fault ends."""

    @property
    def unit(self) -> int:
        """Modbus unit number."""
        return METER_UNIT if self.family == "schneider-iem3000" else CDU_UNIT


class Fleet:
    """All devices of a site that can be polled. A device without power does not answer."""

    def __init__(
        self,
        world: World,
        instruments: Instruments,
        host: str = "127.0.0.1",
        users: Sequence[SnmpUser] = (),
        only: Collection[str] = (),
        *,
        mixed: bool = False,
    ) -> None:
        """Build every device of the site, or those named by `only`; with `mixed` they are of more families."""
        self.world = world
        self.instruments = instruments
        self.host = host
        self.users = users
        self._shelves = {each.read_from: each for each in world.site.pdus.values() if each.read_from != each.id}
        self.devices: dict[str, SimulatedDevice] = {
            device: self._build(device, family)
            for device, family in families(world.site, mixed=mixed)
            if not only or device in only
        }

    async def start(
        self,
        stack: AsyncExitStack,
        first_port: int = 0,
        first_address: IPv4Address | None = None,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve every device; `stack` stops them. Raises OSError.

        Devices share an address and have ports from `first_port` on, or free ones. With `first_address` each has an address of its own
        from there on, and the protocol's usual port or `first_port`. `started` is called after each device.
        """
        for number, device in enumerate(self.devices.values()):
            if first_address is None:
                device.server.port = first_port + number if first_port else 0
            else:
                device.server.host = str(first_address + number)
                device.server.port = first_port or (SNMP_PORT if device.layout else MODBUS_PORT)
            await device.server.start()
            stack.push_async_callback(device.server.stop)
            started()

    def follow_power(self) -> None:
        """Silence devices without power, and let devices answer again once power is back. Must be called whenever time has passed."""
        for device in self.devices.values():
            device.server.mute = device.silenced or not self.powered(device.id)

    def powered(self, device: str) -> bool:
        """Whether the device's own electronics have power."""
        network = self.world.network
        if device in network.ups:
            # The battery also supplies the card: it reports an outage until the battery is empty.
            ups = network.ups[device]
            return max(ups.input_volts) > 0 or not ups.battery.empty
        if device in network.switches:
            return any(max(volts) > 0 for volts in network.switches[device].source_volts.values())
        if device in network.pdus:
            return any(network.pdus[device].live)
        if (shelf := self._shelves.get(device)) is not None:
            # The meter sits in the tap-off box, in front of the shelf's breaker.
            return max(network.volts_of(shelf.fed_by)) > 0
        return network.consumers[device].live if device in network.consumers else True

    def _build(self, device: str, family: Family) -> SimulatedDevice:
        serial = serial_number(device)
        if family == "aalc-rpu":
            cdu = CduFromReadings(self.instruments, device)
            registers = cdu_registers(cdu, serial, cdu.readings)
            return SimulatedDevice(device, family, ModbusServer({CDU_UNIT: registers}, self.host))
        if family == "schneider-iem3000":
            # The meter's serial number is a number.
            meter = MeterFromReadings(self.instruments, device)
            registers = meter_registers(meter, int(serial.removeprefix("SIM")), meter.readings)
            return SimulatedDevice(device, family, ModbusServer({METER_UNIT: registers}, self.host))
        layout = snmp_layout(self.world.site, device, family)
        server = SnmpDevice(layout.constants, communities=(COMMUNITY,), users=self.users, host=self.host, uptime=True)
        # Values are computed when they are polled, not in every step: most objects of thousands of devices are never asked for.
        for cell in (*layout.cells, *layout.unread_cells):
            server.set(cell.oid, partial(self._wire_value, cell, device), cell.tag)
        return SimulatedDevice(device, family, server, layout)

    def _wire_value(self, cell: Cell, device: str) -> int:
        return cell.wire_value(self.instruments.read(device))

    def expected(self, device: str) -> Mapping[str, float | str]:
        """The values that an agent should publish for the device, by series key, rounded as on the wire."""
        layout = self.devices[device].layout
        readings = self.instruments.read(device)
        cells = layout.cells if layout else ()
        # Of several cells with one key the last one stays, which has the finest resolution (`Layout`).
        found = {cell.published_as or cell.key: cell.reading(readings) for cell in cells}
        return {series: value for series, value in found.items() if value is not None}

    def agent_config(self, site_file: str, broker_port: int = 1883) -> dict[str, Any]:
        """An agent's configuration that polls every device of the fleet."""
        return {
            "agent": "sim-agent",
            "site_file": site_file,
            "broker": {"host": "127.0.0.1", "port": broker_port},
            "credentials": {"sim": {"version": "2c", "community": COMMUNITY}},
            "devices": [self._entry(device) for device in self.devices.values()],
        }

    def _entry(self, device: SimulatedDevice) -> dict[str, Any]:
        entry = {"id": device.id, "host": device.server.host, "port": device.server.port, "profile": device.family}
        if isinstance(device.server, ModbusServer):
            return entry | {"protocol": "modbus", "unit": device.unit}
        return entry | {"credential": "sim"}


def families(site: Site, *, mixed: bool = False) -> Iterator[tuple[str, Family]]:
    """The family of each device.

    PDUs are APC's on the first feed and Raritan's on others, so that every site has both. With `mixed` every other device of a
    kind is another maker's, as in a hall that has grown over years.
    """
    yield from _ups_families(site, mixed=mixed)
    yield from ((switch, "apc-ats") for switch in site.transfer_switches)
    yield from _pdu_families(site, mixed=mixed)
    yield from ((cdu, "aalc-rpu") for cdu in site.cdus)
    for number, unit in enumerate(site.air_units):
        yield unit, "liebert-crah" if mixed and number % 2 else "apc-airfm"
    yield from ((meter, "schneider-iem3000") for meter in site.meters)
    for monitor in site.monitors:
        measures = {sensor.measures for sensor in site.sensors_of_device(monitor)}
        if len(measures) > 1:
            raise ConfigError(
                f"monitor {monitor!r} has air sensors and leak cables; give each kind a monitor of its own"
            )
        if measures:
            yield monitor, "hwgroup-wld" if "leak" in measures else "hwgroup-ste"


def _ups_families(site: Site, *, mixed: bool) -> Iterator[tuple[str, Family]]:
    three_phase = 0
    for ups in site.ups.values():
        if ups.rated_power_w <= SMART_UPS_W:
            yield ups.id, "apc-ups"
        else:
            yield ups.id, "eaton-xups" if mixed and three_phase % 2 else "rfc1628-ups"
            three_phase += 1


def _pdu_families(site: Site, *, mixed: bool) -> Iterator[tuple[str, Family]]:
    first_feed = next(iter(site.feeds), "")
    # By rack, so that the PDUs of one rack and feed with sensors are all of the same make.
    rack_number = {rack: number for number, rack in enumerate(site.racks)}
    for pdu, section in site.pdus.items():
        if isinstance(section, PowerShelf):
            continue  # no family of devices is a power shelf: those of a simulated site are read from their meters
        is_other_make = mixed and rack_number.get(section.rack or "", 0) % 2
        if mixed and not site.sensors_of_device(pdu):
            yield pdu, "eaton-epdu"
        elif site.feed_of(pdu) == first_feed:
            yield pdu, "servertech-sentry4" if is_other_make else "apc-rpdu2"
        else:
            yield pdu, "enlogic-pdu" if is_other_make else "raritan-pdu2"


def snmp_layout(site: Site, device: str, family: Family) -> Layout:
    """The objects of a device that speaks SNMP."""
    return _LAYOUTS[family](site, device)


def _poles(site: Site, pdu: str) -> int:
    return len(site.pdus[pdu].phases)


def _ats(site: Site, device: str) -> Layout:
    switch = site.transfer_switches[device]
    return apc_ats(device, len(switch.a.phases), switch.preferred)


_LAYOUTS: Final[Mapping[Family, Callable[[Site, str], Layout]]] = {
    "apc-ups": lambda site, device: apc_ups(device, site.ups[device].rated_power_w),
    "rfc1628-ups": lambda _, device: ups_mib(device),
    "eaton-xups": lambda _, device: eaton_xups(device),
    "apc-ats": _ats,
    "apc-airfm": lambda _, device: apc_airfm(device),
    "liebert-crah": lambda _, device: liebert_crah(device),
    "hwgroup-ste": lambda site, device: ste2(device, site.sensors_of_device(device)),
    "hwgroup-wld": lambda site, device: wld(device, site.sensors_of_device(device)),
    "apc-rpdu2": lambda site, device: apc_rpdu2(
        device, _poles(site, device), site.pdus[device].breaker_a, site.sensors_of_device(device)
    ),
    "raritan-pdu2": lambda site, device: raritan_pdu2(device, _poles(site, device), site.sensors_of_device(device)),
    "servertech-sentry4": lambda site, device: servertech_sentry4(
        device, _poles(site, device), site.pdus[device].breaker_a, site.sensors_of_device(device)
    ),
    "enlogic-pdu": lambda site, device: enlogic_pdu(device, _poles(site, device), site.sensors_of_device(device)),
    "eaton-epdu": lambda site, device: eaton_epdu(device, _poles(site, device), site.pdus[device].breaker_a),
}
