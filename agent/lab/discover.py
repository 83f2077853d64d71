"""Finds devices in ranges of addresses, at a bounded rate, and recognises them.

Only the given ranges, credentials and units are tried, because unexpected requests raise alarms on a management network.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from agent.lab.contained import contained
from agent.modbus import GATEWAY, ModbusLink
from agent.poll import (
    identify_modbus,
    identify_snmp,
    printable,
    recognise_device,
    recognise_unit,
)
from agent.profile import SYS_DESCR, Match, Profile, plain_text
from agent.readings import Identity
from agent.snmp import SnmpClient
from rackflow.errors import (
    ConfigError,
    DeviceAuthError,
    DeviceError,
    DeviceIgnoresUser,
    DeviceNotConnected,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
)

# A /16, which takes more than half an hour; a larger range is most likely a typing error.
MAX_ADDRESSES = 65_536
# Addresses probed at the same time, each with a socket. Most addresses of a range are unused, and an unused one takes 2 s over SNMP
# (1 s and one retry), so this also limits a search to 32 addresses a second. Chosen value.
MAX_PARALLEL = 64
SYS_NAME = "1.3.6.1.2.1.1.5.0"
NO_IDENTITY = Identity()


@dataclass(frozen=True, slots=True)
class Found:
    """One device that answered: its best matching profile or None, and its identity; or the error that it answered with."""

    address: str
    match: Match | None
    description: str
    error: str = ""
    unit: int | None = None
    identity: Identity = NO_IDENTITY
    name: str = ""
    """The name that its administrator gave it (sysName)."""
    credential: str = ""
    """Name of the SNMP credential that it answered to."""


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
ProbeAddress = Callable[[str], Awaitable[Sequence[Found]]]
"""A function that finds the devices at one address; it returns an empty sequence if nothing answers."""


def addresses_of(ranges: Sequence[str]) -> list[str]:
    """Every host address of the ranges, each once. A range is a network, one address, or `first-last`, where last may be a number.

    Raises ConfigError for an invalid range or too many addresses.
    """
    found: dict[str, None] = {}
    for text in ranges:
        try:
            low, high = _ends(text)
        except ValueError as error:
            raise ConfigError(
                f"{text!r} is not a range of addresses: {error}; write it like 192.0.2.0/24 or 192.0.2.10-50"
            ) from error
        size = int(high) - int(low) + 1
        if size + len(found) > MAX_ADDRESSES:
            raise ConfigError(f"{text}: more than {MAX_ADDRESSES} addresses; name smaller ranges")
        found |= dict.fromkeys(str(low + offset) for offset in range(size))
    return list(found)


def _ends(text: str) -> tuple[Address, Address]:
    """The first and the last address of a range. Raises ValueError."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not dash:
        network = ipaddress.ip_network(text, strict=False)
        low, high = network.network_address, network.broadcast_address
        # Network and broadcast address of an IPv4 network are no hosts; networks of one or two addresses have neither.
        inner = int(isinstance(network, ipaddress.IPv4Network) and network.num_addresses > 2)  # noqa: PLR2004 - as said above
        return low + inner, high - inner
    low = ipaddress.ip_address(first)
    if last.isdecimal():
        # 192.0.2.10-50: after the hyphen there is only the last part of the address.
        last = f"{first.rpartition('.')[0]}.{last}"
    high = ipaddress.ip_address(last)
    if low.version != high.version or int(high) < int(low):
        raise ValueError(f"{high} does not come after {low}")
    return low, high


async def discover(
    addresses: Sequence[str], probe: ProbeAddress, rate: float, tried: Callable[[], None] = lambda: None
) -> AsyncIterator[Found]:
    """Yield devices as they answer. At most `rate` addresses are tried per second; silent addresses are not reported.

    `tried` is called after each address, whether anything answered there or not.
    """
    answers: asyncio.Queue[Sequence[Found]] = asyncio.Queue(maxsize=MAX_PARALLEL)
    slots = asyncio.Semaphore(MAX_PARALLEL)

    async def ask(address: str) -> None:
        found: Sequence[Found]
        try:
            with contained(address, "discover"):
                found = await probe(address)
        except DeviceError as error:
            # A failure at one address must not end the search of the others.
            found = [Found(address, None, "", str(error))]
        finally:
            slots.release()
        # Put after the release: a slow reader of the results must not hold up the search.
        await answers.put(found)

    async def begin() -> None:
        async with asyncio.TaskGroup() as group:
            for address in addresses:
                await slots.acquire()
                group.create_task(ask(address), name=f"discover {address}")
                await asyncio.sleep(1.0 / rate)

    async with asyncio.TaskGroup() as group:
        group.create_task(begin(), name="discover")
        for _ in addresses:
            answer = await answers.get()
            tried()
            for found in answer:
                yield found


async def probe_snmp_address(
    address: str, profiles: Mapping[str, Profile], clients: Mapping[str, Callable[[], SnmpClient]]
) -> list[Found]:
    """The SNMP device at one address. `clients` makes a client for each credential; they are tried in order.

    A wrong community and an unused address look the same (no answer), so the next credential is tried. Only SNMPv3 reports a wrong
    credential, or at least its engine to any; if no other credential fits, that is the result.
    """
    refusals: list[Found] = []
    for name, make in clients.items():
        client = make()
        try:
            return [await _snmp_device(address, profiles, client, name)]
        except (DeviceAuthError, DeviceIgnoresUser) as error:
            refusals.append(Found(address, None, "", f"credential {name!r}: {error}"))
        except DeviceTimeout:
            continue
        except DeviceUnreachable:
            # An ICMP error says that nothing listens there, so other credentials need not be tried.
            break
        except DeviceError as error:
            return [Found(address, None, "", str(error), credential=name)]
        finally:
            await client.close()
    return refusals[:1]


async def _snmp_device(address: str, profiles: Mapping[str, Profile], client: SnmpClient, credential: str) -> Found:
    found, answers = await recognise_device(client, list(profiles.values()))
    # Blanks before printable(), which would join the words of two lines.
    description = printable(" ".join(plain_text(answers.get(SYS_DESCR)).split()))
    match = found[0] if found else None
    identity, name = NO_IDENTITY, ""
    try:
        name = printable((await client.get([SYS_NAME])).get(SYS_NAME))
        if match:
            identity = await identify_snmp(client, match.profile.loaded())
    except DeviceError as error:
        # The device has answered, so it is reported with what is known so far, and with the error.
        return Found(address, match, description, f"does not say who it is: {error}", name=name, credential=credential)
    return Found(address, match, description, identity=identity, name=name, credential=credential)


async def probe_modbus_address(
    address: str, profiles: Mapping[str, Profile], client: ModbusLink, units: Sequence[int], *, every: bool
) -> list[Found]:
    """The Modbus units that answer at one address. Closes `client`.

    With `every`, all given units are tried; otherwise the first that answers ends the search, because many devices answer
    to any unit number and would be listed several times.
    """
    found: list[Found] = []
    try:
        for unit in units:
            try:
                match, description = await recognise_unit(client, unit, list(profiles.values()))
            except DeviceNotConnected:
                # Where a firewall drops packets, each unit of each address would cost its time. A gateway that was reached is only busy.
                if unit == units[0]:
                    break
                continue
            except DeviceTimeout:
                continue
            except DeviceProtocolError as error:
                if error.code in GATEWAY:
                    continue
                found.append(Found(address=address, match=None, description="", error=str(error), unit=unit))
            else:
                identity, why = await _unit_identity(client, unit, match)
                found.append(Found(address, match, printable(description), why, unit=unit, identity=identity))
            if not every:
                break
    except DeviceUnreachable:
        pass
    finally:
        await client.close()
    return found


async def _unit_identity(client: ModbusLink, unit: int, match: Match | None) -> tuple[Identity, str]:
    """Who the unit says it is, and why that is not known."""
    if match is None:
        return NO_IDENTITY, ""
    try:
        return await identify_modbus(partial(client.read, unit), match.profile.loaded()), ""
    except DeviceTimeout:
        return NO_IDENTITY, ""
    except DeviceError as error:
        # Some devices close the connection when they are asked for a register that they lack. It was recognised, so it is reported.
        return NO_IDENTITY, f"does not say who it is: {error}"
