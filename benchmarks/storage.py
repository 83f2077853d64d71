"""Measures what a reading takes on the store's disk: a day of two hundred series of a rack PDU and a coolant unit, in VictoriaMetrics."""

import random
from collections.abc import Iterator
from pathlib import Path

from tests.servers.victoriametrics import VictoriaMetrics
from tests.servers.waiting import wait_until
from tests.servers.web import request

# Two hundred series for a day at the default interval: enough for the store to merge its parts.
SERIES = 200
INTERVAL_S = 10
DAY_S = 86_400
# Readings of half an hour go into one request: 36,000 lines.
CHUNK_S = 1800
# An arbitrary moment in 2026.
START_S = 1_795_000_000


def _lines(draw: random.Random, values: list[float], from_s: int) -> Iterator[str]:
    """Half an hour: powers that wander by watts, temperatures by tenths, and a counter for each third series."""
    for at_s in range(from_s, from_s + CHUNK_S, INTERVAL_S):
        for series in range(SERIES):
            kind = series % 3
            if kind == 0:
                values[series] = round(values[series] + draw.gauss(0, 15))
                field = "outlet_power_watts"
            elif kind == 1:
                values[series] = round(values[series] + draw.gauss(0, 0.05), 1)
                field = "inlet_temperature_celsius"
            else:
                values[series] = round(values[series] + abs(draw.gauss(4000, 200)), -2)
                field = "outlet_energy_joules_total"
            yield f"dcim_pdu,device=p{series},site=bench {field}={values[series]} {at_s * 1000}"


def _total(server: VictoriaMetrics, metric: str) -> int:
    text = request(f"{server.url}/metrics").text
    return sum(int(float(line.rpartition(" ")[2])) for line in text.splitlines() if line.startswith(metric))


def run(folder: Path) -> Iterator[str]:
    """The line of the result."""
    with VictoriaMetrics(folder / "storage").serving() as server:
        draw, values = random.Random(1), [1000.0] * SERIES  # noqa: S311 - readings, the same each time
        for from_s in range(START_S, START_S + DAY_S, CHUNK_S):
            body = "\n".join(_lines(draw, values, from_s)).encode()
            answer = request(f"{server.url}/api/v2/write", {"precision": "ms"}, body=body)
            if answer.status >= 300:  # noqa: PLR2004 - an HTTP status
                raise RuntimeError(f"the store answered {answer.status}: {answer.text[:200]}")
        server.flush()
        readings = SERIES * DAY_S // INTERVAL_S
        # Readings go to disk within seconds, and parts are merged then.
        wait_until(lambda: not _total(server, 'vm_rows{type="storage/inmemory"'), "all readings are on disk", 60)
        request(f"{server.url}/internal/force_merge")
        wait_until(lambda: not _total(server, "vm_active_force_merges"), "the parts are merged", 60)
        rows, stored = _total(server, 'vm_rows{type="storage/'), _total(server, "vm_data_size_bytes")
    if rows != readings:
        raise RuntimeError(f"the store has {rows} of {readings} readings")
    yield (
        f"{readings} readings of {SERIES} series take {stored / 1e6:.1f} MB in VictoriaMetrics, index included: "
        f"{stored / readings:.2f} bytes each"
    )
