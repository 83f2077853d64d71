"""Compares devices that were found with those that are configured: which are new, which moved, which are gone.

Nothing here changes an entry that is there. A device is known by address, port and unit first, because that is what the agent
polls, and by its serial number second, which tells that it moved. No I/O; host names are resolved by the caller.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from agent.config import Device
from agent.lab.discover import Found
from rackflow.process.yaml_edit import Entry

Status = Literal["new", "known", "moved", "replaced", "duplicate", "unrecognised", "failed", "gone"]
DEFAULT_PORTS: Mapping[str, int] = {"snmp": 161, "modbus": 502}
# Placeholders that devices send if their serial number was never set. Two devices with the same placeholder are two devices.
NO_SERIALS = frozenset({"", "0", "n/a", "na", "none", "null", "unknown", "default", "not set", "notset", "serial", "-"})
# A serial number of more signs than this that are all the same is a placeholder. Chosen: a numbering that begins with 1 may get to 111.
SHORTEST_FILLED = 3
# Factory names, which are not used as ids: several devices with one such name would only differ by an appended number.
FACTORY_NAMES = frozenset(
    {
        "",
        "localhost",
        "localhost.localdomain",
        "unknown",
        "default",
        "snmp",
        "apc",
        "none",
        "ups",
        "pdu",
        "(none)",
        "n/a",
    }
)
# As long as a device id may be (`rackflow/documents.py`).
MAX_ID = 64
# A management card has two network ports at most. If more addresses report one serial number, it is a factory default.
MOST_ADDRESSES = 2

Endpoint = tuple[str, int, int | None]
"""Where a device answers: address, port, and the unit of a Modbus device."""


@dataclass(frozen=True, slots=True)
class Result:
    """One device, found or configured, and what to report about it. `id` is empty if it gets no entry."""

    status: Status
    id: str
    found: Found | None = None
    device: Device | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What was searched. `units` are the Modbus units that were tried."""

    protocol: Literal["snmp", "modbus"]
    addresses: Collection[str]
    port: int
    units: Collection[int] = ()
    units_named: bool = False
    """Whether the user named the units, so that all were tried; otherwise the usual ones were tried until one answered."""
    also_asked: Collection[str] = ()
    """Addresses of devices that seem to have moved, as their entries have them. They were asked to see whether these devices still answer
    there; nothing else that answers there is reported."""

    def has_asked(self, endpoint: Endpoint) -> bool:
        """Whether a device that answers there would have been found."""
        address, port, unit = endpoint
        asked = address in self.addresses or address in self.also_asked
        return asked and port == self.port and (unit is None or unit in self.units)


def reconcile(
    found: Sequence[Found],
    devices: Sequence[Device],
    resolved: Mapping[str, Collection[str]],
    search: Search,
    ids: Mapping[tuple[str, int | None], str] = MappingProxyType({}),
) -> list[Result]:
    """What to report about each device, in the order of addresses; devices that are gone come last.

    `resolved` has the addresses of each configured host name; a host that is not in it is an address itself. `ids` are the ids of new
    devices by address and unit; devices that are not in it are named after the name, class or serial number that they report.
    """
    found = _without_shared_serials(found)
    endpoints = {
        endpoint: device
        for device in devices
        if device.protocol == search.protocol
        for endpoint in _endpoints(device, resolved)
    }
    serials = _unique_serials(devices, search)
    answering = {_endpoint(each, search): each for each in found}
    names = _Names(found, {device.id for device in devices}, ids)
    results: list[Result] = []
    moved: set[str] = set()
    # The ids that were given to new devices, by class and serial number.
    seen: dict[tuple[str, str], str] = {}
    for each in sorted(found, key=lambda one: (_sort_key(one.address), one.unit or 0)):
        if each.address in search.also_asked:
            continue
        result = _result_of_known(each, endpoints, serials, answering, search)
        if result is None:
            same_serial = seen.get(_serial_key(each)) if _has_serial(each.identity.serial) else None
            if same_serial:
                note = f"has the serial number of {same_serial}: one device with two addresses? add it by hand if it is another one"
                result = Result("duplicate", "", each, note=note)
            else:
                result = Result("new", names.take(each), each)
                seen[_serial_key(each)] = result.id
        if result.status == "moved":
            moved.add(result.id)
        results.append(result)
    return [*results, *_gone(devices, resolved, search, set(answering), moved)]


def _without_shared_serials(found: Sequence[Found]) -> list[Found]:
    """The devices, with each serial number left out that more than MOST_ADDRESSES of them report, because it identifies none of them."""
    counts = Counter(map(_serial_key, found))
    return [
        replace(each, identity=replace(each.identity, serial=""))
        if counts[_serial_key(each)] > MOST_ADDRESSES
        else each
        for each in found
    ]


def _result_of_known(
    found: Found,
    endpoints: Mapping[Endpoint, Device],
    serials: Mapping[str, Device],
    answering: Mapping[Endpoint, Found],
    search: Search,
) -> Result | None:
    """What to report about a device that has an entry or cannot get one; None if it is new.

    `endpoints` has the configured devices by where they answer, `serials` by serial number, and `answering` what was found at each.
    """
    configured = endpoints.get(_endpoint(found, search))
    serial = found.identity.serial if _has_serial(found.identity.serial) else ""
    owner = serials.get(serial)
    if configured is None and (same := _other_unit(found, endpoints, search)):
        # Devices with built-in Modbus TCP answer to any unit number.
        note = (
            f"answers where {same.id} is configured with unit {same.unit}; add it by hand if it is a device of its own"
        )
        return Result(status="duplicate", id="", found=found, device=same, note=note)
    if owner is not None and owner is not configured and _may_be_same(owner, found):
        configured_endpoints = [endpoint for endpoint, device in endpoints.items() if device is owner]
        return _moved(found, owner, configured_endpoints, answering, search)
    if configured is not None:
        if configured.serial_number and serial and configured.serial_number != serial:
            note = (
                f"another device answers at its address: serial number {serial}, was {configured.serial_number};"
                " correct the entry"
            )
            return Result(status="replaced", id=configured.id, found=found, device=configured, note=note)
        return Result(status="known", id=configured.id, found=found, device=configured, note=found.error)
    if found.match is None:
        return Result(
            "failed" if found.error else "unrecognised",
            "",
            found,
            note=found.error or f"no profile fits: {found.description}",
        )
    return None


def _moved(
    found: Found,
    owner: Device,
    configured_endpoints: Sequence[Endpoint],
    answering: Mapping[Endpoint, Found],
    search: Search,
) -> Result:
    """What to report about a device with the serial number of the entry `owner`, which is configured at other endpoints."""
    serial, addresses = found.identity.serial, {address for address, _, _ in configured_endpoints}
    if any(each.identity.serial == serial for (address, _, _), each in answering.items() if address in addresses):
        note = f"has the serial number of {owner.id}, which answers at {owner.host}: one device with two addresses?"
        return Result(status="duplicate", id="", found=found, device=owner, note=note)
    note = f"is configured at {owner.host}; change its host to {found.address}"
    if not all(map(search.has_asked, configured_endpoints)):
        port = owner.port or DEFAULT_PORTS[owner.protocol]
        unit = f" unit {owner.unit}" if owner.protocol == "modbus" else ""
        note = f"{note} if nothing answers at {owner.host} port {port}{unit} any more: this search did not ask there"
    return Result(status="moved", id=owner.id, found=found, device=owner, note=note)


def addresses_left_to_ask(
    results: Sequence[Result], resolved: Mapping[str, Collection[str]], search: Search
) -> set[str]:
    """Addresses of entries whose devices seem to have moved, and that were not searched: the device may answer there as well."""
    return {
        address
        for result in results
        if result.status == "moved" and result.device is not None
        for address, port, _ in _endpoints(result.device, resolved)
        if port == search.port and address not in search.addresses
    }


def _may_be_same(device: Device, found: Found) -> bool:
    # Two vendors may give the same serial number.
    return found.match is None or device.profile in {"auto", found.match.profile.profile}


def _other_unit(found: Found, endpoints: Mapping[Endpoint, Device], search: Search) -> Device | None:
    """The device that is configured at the same address and port with another unit, unless the user has named the units."""
    if found.unit is not None and search.units_named:
        return None
    return next(
        (device for (address, port, _), device in endpoints.items() if (address, port) == (found.address, search.port)),
        None,
    )


def _gone(
    devices: Sequence[Device],
    resolved: Mapping[str, Collection[str]],
    search: Search,
    answering: Collection[Endpoint],
    moved: Collection[str],
) -> Iterator[Result]:
    """Enabled devices of which all addresses were searched, and that answered at none of them.

    Unless the user named units, the first one that answers ends the search of its address: nobody asked the others, and a device
    with Modbus TCP built in answers to any of them.
    """
    ended_early = set() if search.units_named else {address for address, _, unit in answering if unit is not None}
    for device in devices:
        endpoints = list(_endpoints(device, resolved)) if device.protocol == search.protocol and device.enabled else []
        if not endpoints or device.id in moved:
            continue
        addresses = [address for address, _, _ in endpoints]
        was_searched = all(each in search.addresses and each not in ended_early for each in addresses)
        has_answered = any(endpoint in answering for endpoint in endpoints)
        if was_searched and all(map(search.has_asked, endpoints)) and not has_answered:
            yield Result("gone", device.id, device=device, note=f"does not answer at {device.host}")


def entry_of(result: Result, search: Search) -> Entry:
    """The entry of a new device for `devices` in the agent's configuration."""
    found, match = result.found, result.found.match if result.found else None
    if found is None or match is None:
        raise ValueError(f"{result.status} devices have no entry")
    values: dict[str, str | int | bool] = {"id": result.id}
    if search.protocol != "snmp":
        values["protocol"] = search.protocol
    values["host"] = found.address
    if search.port != DEFAULT_PORTS[search.protocol]:
        values["port"] = search.port
    if search.protocol == "snmp":
        values["credential"] = found.credential
    elif found.unit is not None:
        values["unit"] = found.unit
    values["profile"] = match.profile.profile
    if _has_serial(found.identity.serial):
        values["serial_number"] = found.identity.serial
    who = " ".join(filter(None, (found.identity.vendor, found.identity.model))) or found.description
    return Entry(values, comment=f"{who or match.profile.title}; score {match.score}: {'; '.join(match.reasons)}")


class _Names:
    """Ids for new devices: the given one, or the name that a device has, or its class with its serial number or its address."""

    def __init__(self, found: Sequence[Found], taken: set[str], ids: Mapping[tuple[str, int | None], str]) -> None:
        self._ids = ids
        # Ids that the user's table gives to certain devices. They are not given to others, even if those devices were not found yet.
        self._reserved = set(ids.values())
        self._taken = taken
        self._full_names = Counter(each.name.casefold() for each in found)
        self._short_names = Counter(_short_name(each.name).casefold() for each in found)
        self._serials = Counter(each.identity.serial for each in found)

    def take(self, found: Found) -> str:
        given = self._ids.get((found.address, found.unit)) or self._ids.get((found.address, None))
        if given is not None and given not in self._taken:
            self._taken.add(given)
            return given
        wanted = self._wanted(found)
        name, number = wanted, 1
        while name in self._taken or name in self._reserved:
            number += 1
            name = f"{wanted[: MAX_ID - len(str(number)) - 1]}-{number}"
        self._taken.add(name)
        return name

    def _wanted(self, found: Found) -> str:
        device_class = found.match.profile.class_ if found.match else "device"
        for name, counts in ((_short_name(found.name), self._short_names), (found.name, self._full_names)):
            clean = _clean(name)
            # Of a name in Cyrillic only its number may be left, which says nothing.
            is_name = clean and (re.search("[A-Za-z]", clean) or not any(map(str.isalpha, name)))
            if is_name and name.casefold() not in FACTORY_NAMES and counts[name.casefold()] == 1:
                return clean
        serial = found.identity.serial
        if _has_serial(serial) and self._serials[serial] == 1 and (clean := _clean(serial)):
            return _clean(f"{device_class}-{clean}")
        unit = "" if found.unit is None else f"-{found.unit}"
        return _clean(f"{device_class}-{found.address}{unit}".replace(".", "-").replace(":", "-"))


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.:-]+", "-", name).strip("-.:")[:MAX_ID]


def _short_name(name: str) -> str:
    """A host name without its domain; an address stays whole."""
    return name if re.fullmatch(r"[0-9.]*", name) else name.partition(".")[0]


def _has_serial(serial: str) -> bool:
    signs = set(re.sub("[^a-z0-9]", "", serial.casefold()))
    # XXXXXXXX, ???????? and a memory that was never written (FFFFFFFF, or octets that are no text) are placeholders as well.
    is_filled = len(signs) == 1 and len(serial.strip()) > SHORTEST_FILLED
    return serial.strip().casefold() not in NO_SERIALS and bool(signs - {"0"}) and not is_filled


def _serial_key(found: Found) -> tuple[str, str]:
    # Two vendors may give the same number.
    return (found.match.profile.class_ if found.match else "", found.identity.serial)


def _unique_serials(devices: Sequence[Device], search: Search) -> dict[str, Device]:
    """The configured devices by serial number, without numbers that several entries have."""
    # Only among those of the protocol: a UPS that is polled over SNMP and over Modbus has an entry for each.
    found: dict[str, list[Device]] = {}
    for device in devices:
        if device.serial_number and device.protocol == search.protocol:
            found.setdefault(device.serial_number, []).append(device)
    return {serial: owners[0] for serial, owners in found.items() if len(owners) == 1}


def _endpoints(device: Device, resolved: Mapping[str, Collection[str]]) -> Iterator[Endpoint]:
    if device.host is None or device.transport == "serial":
        return
    port = device.port or DEFAULT_PORTS[device.protocol]
    unit = device.unit if device.protocol == "modbus" else None
    for address in resolved.get(device.host, (device.host,)):
        yield _same_spelling(address), port, unit


def _same_spelling(host: str) -> str:
    """An address in its canonical form, in which it can be compared; a host name as it is."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _endpoint(found: Found, search: Search) -> Endpoint:
    return found.address, search.port, found.unit


def _sort_key(address: str) -> tuple[int, int]:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return 0, 0  # the name of an entry that had no address at first, and was asked again (`also_asked`)
    return parsed.version, int(parsed)
