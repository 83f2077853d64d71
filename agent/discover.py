"""Discovery: in go ranges that the user names and a rate, out come the devices that answer and what they are taken for."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.family import Profile
from agent.probe import recognise_device
from agent.recognise import SYS_DESCR, Match
from agent.seams import SnmpClient
from rackflow.errors import ConfigError, DeviceError, DeviceTimeout, DeviceUnreachable

MOST_ADDRESSES = 65_536
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Found:
    """One address that answered: the best match, or None with what it says of itself; or the error it answered with."""

    address: str
    match: Match | None
    description: str
    error: str = ""


def addresses_of(ranges: Sequence[str]) -> list[str]:
    """Every host address of the ranges, each once. Raises ConfigError where a range is none, or all are too many."""
    found: dict[str, None] = {}
    for text in ranges:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError as error:
            raise ConfigError(f"{text!r} is not a range of addresses: {error}; write it like 192.0.2.0/24") from error
        if network.num_addresses + len(found) > MOST_ADDRESSES:
            raise ConfigError(f"{text}: more than {MOST_ADDRESSES} addresses; name smaller ranges")
        hosts = network.hosts() if network.num_addresses > 1 else iter([network.network_address])
        found |= dict.fromkeys(str(host) for host in hosts)
    return list(found)


async def discover(
    addresses: Sequence[str], profiles: Mapping[str, Profile], client_of: Callable[[str], SnmpClient], rate: float
) -> AsyncIterator[Found]:
    """Devices as they answer; at most `rate` addresses are begun a second. Silence is not reported."""
    answers: asyncio.Queue[Found | None] = asyncio.Queue(maxsize=AT_ONCE)
    slots = asyncio.Semaphore(AT_ONCE)

    async def ask(address: str) -> None:
        try:
            found = await look_at(address, profiles, client_of(address))
        finally:
            slots.release()
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
            found = await answers.get()
            if found is not None:
                yield found


async def look_at(address: str, profiles: Mapping[str, Profile], client: SnmpClient) -> Found | None:
    """What stands at one address; None where nobody answers."""
    everything = list(profiles.values())
    try:
        found, answers = await recognise_device(client, everything)
    except (DeviceTimeout, DeviceUnreachable):
        return None
    except DeviceError as error:
        return Found(address, None, "", str(error))
    finally:
        await client.close()
    text = answers.get(SYS_DESCR)
    description = text.decode("utf-8", "replace") if isinstance(text, bytes) else ""
    return Found(address, found[0] if found else None, " ".join(description.split())[:80])
