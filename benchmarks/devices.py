"""A process of simulated devices: `python -m benchmarks.devices 48` serves the shipped recordings and prints its ports as JSON."""

import asyncio
import json
import sys
from importlib.resources import files

from rackflow.recording import parse_snmprec
from simulator.snmp import SnmpDevice

RECORDINGS = ("apc-ups", "apc-rpdu2", "rfc1628-ups")


async def serve(count: int) -> None:
    """Serve until the standard input closes."""
    folder = files("simulator").joinpath("recordings")
    records = [parse_snmprec(folder.joinpath(f"{name}.snmprec").read_bytes(), name) for name in RECORDINGS]
    ports = [await SnmpDevice(records[at % len(records)]).start() for at in range(count)]
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
