"""Finds devices in ranges of addresses, at a bounded rate, and recognises them.

Nothing is guessed: only the given ranges, credentials and units are tried, because on a management network unexpected requests
raise alarms.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.lab.contained import contained
from agent.modbus import PymodbusClient
from agent.poll import GATEWAY_EXCEPTIONS, printable, recognise_device, recognise_unit
from agent.profile import SYS_DESCR, Match, Profile, plain_text
from agent.snmp import SnmpClient
from rackflow.errors import ConfigError, DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable

# A /16, which takes more than half an hour; a larger range is most likely a typing error.
MAX_ADDRESSES = 65_536
# Addresses probed at the same time, each with a socket. Most addresses of a range are unused, and an unused one takes 2 s over SNMP
# (1 s and one retry), so this also limits a search to 32 addresses a second. Chosen value.
MAX_PARALLEL = 64


@dataclass(frozen=True, slots=True)
class Found:
    """One device that answered: its best match or None, and its own description; or the error that it answered with."""

    address: str
    match: Match | None
    description: str
    error: str = ""
    unit: int | None = None


ProbeAddress = Callable[[str], Awaitable[Sequence[Found]]]
"""Finds the devices at one address; an empty sequence if nothing answers."""


def addresses_of(ranges: Sequence[str]) -> list[str]:
    """Every host address of the ranges, each once. Raises ConfigError for an invalid range or too many addresses."""
    found: dict[str, None] = {}
    for text in ranges:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError as error:
            raise ConfigError(f"{text!r} is not a range of addresses: {error}; write it like 192.0.2.0/24") from error
        if network.num_addresses + len(found) > MAX_ADDRESSES:
            raise ConfigError(f"{text}: more than {MAX_ADDRESSES} addresses; name smaller ranges")
        hosts = network.hosts() if network.num_addresses > 1 else iter([network.network_address])
        found |= dict.fromkeys(str(host) for host in hosts)
    return list(found)


async def discover(addresses: Sequence[str], probe: ProbeAddress, rate: float) -> AsyncIterator[Found]:
    """Yield devices as they answer. At most `rate` addresses are tried per second; silent addresses are not reported."""
    answers: asyncio.Queue[Sequence[Found]] = asyncio.Queue(maxsize=MAX_PARALLEL)
    slots = asyncio.Semaphore(MAX_PARALLEL)

    async def ask(address: str) -> None:
        found: Sequence[Found]
        try:
            with contained(address, "discover"):
                found = await probe(address)
        except DeviceError as error:
            # Whatever one address does, the others are searched.
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
            for found in await answers.get():
                yield found


async def probe_snmp_address(address: str, profiles: Mapping[str, Profile], client: SnmpClient) -> list[Found]:
    """The SNMP device at one address. Closes `client`."""
    everything = list(profiles.values())
    try:
        found, answers = await recognise_device(client, everything)
    except (DeviceTimeout, DeviceUnreachable):
        return []
    except DeviceError as error:
        return [Found(address, None, "", str(error))]
    finally:
        await client.close()
    # Blanks before printable(), which would join the words of two lines.
    description = printable(" ".join(plain_text(answers.get(SYS_DESCR)).split()))
    return [Found(address, found[0] if found else None, description[:80])]


async def probe_modbus_address(
    address: str, profiles: Mapping[str, Profile], client: PymodbusClient, units: Sequence[int], *, every: bool
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
            except DeviceTimeout:
                continue
            except DeviceProtocolError as error:
                if error.code in GATEWAY_EXCEPTIONS:
                    continue
                found.append(Found(address, None, "", str(error), unit))
            else:
                found.append(Found(address, match, printable(description)[:80], unit=unit))
            if not every:
                break
    except DeviceUnreachable:
        pass
    finally:
        await client.close()
    return found
