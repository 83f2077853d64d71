"""Measures what verifying SNMPv3 answers costs: GETs of 20 objects per CPU second, SHA-256 and AES-128, with the check and without it."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import uvloop
from gufo.snmp import Aes128Key, Sha256Key, User
from gufo.snmp.aio import SnmpSession

from agent.snmp.gufo_v3 import VerifiedSessions
from agent.snmp.pysnmp import PysnmpClient
from agent.snmp.seam import SnmpTarget, SnmpUser
from agent.snmp.usm import RefusedDatagrams, UsmKeys
from tests.servers.snmpd import AUTH_KEY, PRIV_KEY, Snmpd

USER = SnmpUser("sha256", "sha256", AUTH_KEY, "aes128", PRIV_KEY)
# Of the group snmp (RFC 3418), because every daemon has them.
OIDS = [f"1.3.6.1.2.1.11.{number}.0" for number in (*range(1, 7), *range(8, 22))]
# Devices that are asked at the same time, as an agent does. With one, half of the time goes into waking up.
DEVICES = 20

Get = Callable[[list[str]], Awaitable[Mapping[str, object]]]


async def rate(gets: Sequence[Get], seconds: float) -> float:
    """GETs per second of this process's CPU time."""

    async def ask(get: Get) -> int:
        done = 0
        while time.monotonic() < until_s:
            assert len(await get(OIDS)) == len(OIDS)
            done += 1
        return done

    cpu_s, until_s = time.process_time(), time.monotonic() + seconds
    done = sum(await asyncio.gather(*map(ask, gets)))
    return done / (time.process_time() - cpu_s)


async def measure(port: int, rounds: int, seconds: float) -> list[str]:
    """Alternate all three; the lines of the result."""
    target = SnmpTarget("bench", "127.0.0.1", port, USER, timeout_s=60.0)
    key, private = Sha256Key(AUTH_KEY.encode()), Aes128Key(PRIV_KEY.encode())
    user = User(USER.user, auth_key=key, priv_key=private)
    bare = [SnmpSession("127.0.0.1", port, user=user, timeout=60.0) for _ in range(DEVICES)]
    keys, refused = UsmKeys(), RefusedDatagrams()
    checked = [await VerifiedSessions(target, USER, keys, refused).open(target.host) for _ in range(DEVICES)]
    fallback = PysnmpClient(target)
    gets: dict[str, list[Get]] = {
        "gufo_snmp alone": [session.get_many for session in bare],
        "with the check": [session.get_many for session in checked],
        "pysnmp": [fallback.get],
    }
    rates: dict[str, list[float]] = {name: [] for name in gets}
    for _ in range(rounds):
        # gufo_snmp's own session would be refused for its time after 150 s.
        for session in bare:
            await session.refresh()
        for name, each in gets.items():
            rates[name].append(await rate(each, seconds / len(gets)))
    for one in checked:
        one.close()
    await fallback.close()
    medians = {name: statistics.median(found) for name, found in rates.items()}
    cost_us = 1e6 / medians["with the check"] - 1e6 / medians["gufo_snmp alone"]
    return [
        f"SNMPv3 GETs of 20 objects per CPU second, SHA-256 and AES-128, {DEVICES} sessions, {rounds} rounds:",
        *(
            f"  {name:16} median {medians[name]:7.0f}  (of {', '.join(f'{each:.0f}' for each in found)})"
            for name, found in rates.items()
        ),
        f"  the check costs {cost_us:.1f} us a GET",
    ]


def run(folder: Path, rounds: int, seconds: float) -> list[str]:
    """The lines of the result."""
    with Snmpd(folder / "snmpd-v3").serving() as server:
        return uvloop.run(measure(server.port, rounds, seconds))
