"""Row B: Modbus, 500 units of 30 registers once a second, beside pymodbus with a minimal publisher and, where there is one, Telegraf."""

import os
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.equal_rates import modbus_unit
from benchmarks.equal_rates.compare import Window, measure
from benchmarks.equal_rates.device import device_ids
from benchmarks.equal_rates.modbus_unit import PROFILE, REGISTERS, address
from benchmarks.equal_rates.sides import TELEGRAF, Place, Rackflow, Raw, Side, Telegraf
from benchmarks.processes import serving
from tests.servers.mosquitto import Mosquitto

DEVICES = 500


class RackflowOverModbus(Rackflow):
    """The agent at its defaults, outbox on disk."""

    def profiles_and_devices(self) -> dict[str, object]:
        """See `Rackflow.profiles_and_devices`."""
        shared = {"protocol": "modbus", "port": self.place.device_port, "profile": PROFILE}
        devices = [{"id": name, "host": address(at), **shared} for at, name in enumerate(device_ids(self.devices))]
        return {"profiles": str(modbus_unit.write_profile(self.place.folder)), "devices": devices}


class RawModbus(Raw):
    """The usual Modbus library, with a minimal publisher."""

    name = "pymodbus and a minimal publisher"
    module = "benchmarks.equal_rates.raw_modbus"


class TelegrafOverModbus(Telegraf):
    """Telegraf with a field for each register."""

    name = "Telegraf"
    values = REGISTERS

    def inputs(self) -> str:
        """See `Telegraf.inputs`."""
        fields = "\n".join(
            f'  {{name = "v{at}", byte_order = "AB", data_type = "UINT16", scale = 1.0, address = [{at}]}},'
            for at in range(REGISTERS)
        )
        return "".join(
            f'[[inputs.modbus]]\nname = "{name}"\ncollection_jitter = "900ms"\nslave_id = 1\ntimeout = "2s"\n'
            f'controller = "tcp://{address(at)}:{self.place.device_port}"\nholding_registers = [\n{fields}\n]\n'
            for at, name in enumerate(device_ids(self.devices))
        )


def sides() -> list[type[Side]]:
    """Those that can run here."""
    return [RackflowOverModbus, RawModbus, *([TelegrafOverModbus] if os.environ.get(TELEGRAF) else [])]


def run(folder: Path, rounds: int, seconds: float, devices: int = DEVICES) -> Iterator[str]:
    """The lines of the table."""
    yield "| poller | polls/s done, failed | % of a core, median (all) | CPU s to the second poll | Rackflow / this |"
    yield "|---|---|---|---|---|"
    windows: dict[str, list[Window]] = {each.name: [] for each in sides()}
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "modbus-mosquitto").serving())
        place = Place(folder, broker.port, stack.enter_context(serving(modbus_unit.__name__, devices)))
        for _ in range(rounds):
            for kind in sides():
                windows[kind.name].append(measure(kind(place, devices), seconds))
    ours = windows[RackflowOverModbus.name]
    for name, found in windows.items():
        shares = [each.cpu_s / each.seconds * 100 for each in found]
        done = statistics.median(each.polls / each.seconds for each in found)
        ratios = [a.per_cpu_s / b.per_cpu_s for a, b in zip(ours, found, strict=True) if b.per_cpu_s]
        yield (
            f"| {name} | {done:.0f}, {sum(each.failures for each in found):.0f} "
            f"| {statistics.median(shares):.1f} ({', '.join(f'{each:.1f}' for each in shares)}) "
            f"| {statistics.median(each.start_cpu_s for each in found):.2f} "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )
