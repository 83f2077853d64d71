"""Row H: whether cost grows with size alone: polls, devices, messages and scrapes at 1, 4 and 16 times the size of the smallest.

The figures are CPU for each poll, device, reading or line: the same number in each column is linear growth.
"""

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks import collecting, many_devices
from benchmarks.equal_rates.compare import measure
from benchmarks.equal_rates.device import SNMPD
from benchmarks.equal_rates.sides import Place, Rackflow
from tests.servers.mosquitto import Mosquitto
from tests.servers.snmpd import Snmpd

TIMES = (1, 4, 16)
# The smallest sizes. Sixteen times these are the sizes of rows A, C, D and of its scrape.
POLLS_PER_S = 125
DEVICES = 312
COLLECTED = 312
SCRAPED = 125
# As many as row D sends.
MESSAGES = 15_000


def run(folder: Path, seconds: float) -> Iterator[str]:
    """The lines of the table."""
    yield f"| what, and its size at 1 x | {' | '.join(f'{times} x' for times in TIMES)} | 16 x / 1 x |"
    yield f"|---|{'---|' * (len(TIMES) + 1)}"
    yield _line(
        f"A: CPU us a poll of 20 objects, {POLLS_PER_S} polls/s",
        lambda times: _poll_us(folder / f"polls-{times}", seconds, POLLS_PER_S * times),
    )
    yield _line(
        f"C: CPU ms a second for 1,000 devices of 30 readings every 10 s, {DEVICES} devices",
        lambda times: (
            1e6 * many_devices.cpu_share(folder / f"devices-{times}", 2 * seconds, DEVICES * times) / (DEVICES * times)
        ),
    )
    yield _line(
        f"D: CPU us for 50 readings into files, {COLLECTED} devices",
        lambda times: _message_us(folder / f"messages-{times}", COLLECTED * times),
    )
    yield _line(
        f"E: CPU us a scraped device of 50 new readings, {SCRAPED} devices",
        lambda times: _scraped_us(folder / f"scrape-{times}", SCRAPED * times, rounds=max(1, 6 // times)),
    )


def _line(name: str, measured: Callable[[int], float]) -> str:
    found = [measured(times) for times in TIMES]
    return f"| {name} | {' | '.join(f'{each:.0f}' for each in found)} | {found[-1] / found[0]:.2f} |"


def _poll_us(folder: Path, seconds: float, polls_per_s: int) -> float:
    folder.mkdir()
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "mosquitto").serving())
        snmpd = stack.enter_context(Snmpd(folder / "snmpd", SNMPD).serving())
        found = measure(Rackflow(Place(folder, broker.port, snmpd.port), polls_per_s), seconds)
        return 1e6 * found.cpu_s / found.polls


def _message_us(folder: Path, devices: int) -> float:
    with collecting.measured_collector(folder, "files", devices=devices) as (collector, feeder):
        return 1e6 * collecting.READINGS / collecting.storing(collector, feeder, MESSAGES)


def _scraped_us(folder: Path, devices: int, rounds: int) -> float:
    """The median of some rounds: a small page takes 2 ms, of which CPU times show little."""
    with collecting.measured_collector(folder, "files", devices=devices) as (collector, feeder):
        spent_ms = [
            collecting.scraping(collector, feeder, "/metrics", is_gzip=False, has_new_values=True)
            for _ in range(rounds)
        ]
        return 1000 * statistics.median(spent_ms) / devices
