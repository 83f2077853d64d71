"""Measures derived figures: CPU time of one cycle over the latest readings of a site with thousands of devices."""

import time
from collections.abc import Iterator

from collector.derive import LatestFigures, Settings, SiteFigures
from collector.latest import Latest
from collector.readings import SeriesKeys, resolve
from rackflow import Batch
from rackflow.site import Site, parse_site

# A row has UPSs of its own and two coolant loops. Chosen, as liquid-cooled halls are built.
RACKS_PER_ROW = 20
RACKS_PER_LOOP = 10
# An arbitrary moment in 2026.
WALL_S = 1_795_000_000.0


def site_text(racks: int) -> str:
    """A site of `racks` racks with two PDUs each, a UPS and a panel for each feed of a row, two CDUs a loop."""
    rows = range(-(-racks // RACKS_PER_ROW))
    loops = range(-(-racks // RACKS_PER_LOOP))
    lines = ["site: bench", "electrical: {continuous_load_factor: 0.8}", "rooms: [{id: hall}]", "rows:"]
    lines += [f"  - {{id: r{row}, room: hall}}" for row in rows]
    lines += ["racks:"]
    for rack in range(racks):
        lines.append(f"  - {{id: k{rack}, row: r{rack // RACKS_PER_ROW}, design_power_w: 40000, liquid_share: 0.8}}")
    lines += ["feeds: [{id: A}, {id: B}]", "ups:"]
    lines += [f"  - {{id: ups-{row}-{f}, from: [{f}], rated_power_w: 1000000}}" for row in rows for f in "AB"]
    lines += ["panels:"]
    lines += [f"  - {{id: p-{row}-{f}, from: [ups-{row}-{f}], breaker_a: 2000}}" for row in rows for f in "AB"]
    lines += ["pdus:"]
    for rack in range(racks):
        row = rack // RACKS_PER_ROW
        lines += [f"  - {{id: pdu-{rack}-{f}, rack: k{rack}, from: p-{row}-{f}, breaker_a: 63}}" for f in "AB"]
    lines += ["loops:", "  - {id: fws, kind: primary, coolant: water, volume_m3: 50}"]
    for loop in loops:
        members = range(loop * RACKS_PER_LOOP, min(racks, (loop + 1) * RACKS_PER_LOOP))
        named = ", ".join(f"k{rack}" for rack in members)
        lines.append(f"  - {{id: l{loop}, kind: secondary, coolant: pg25, volume_m3: 1, racks: [{named}]}}")
    lines += ["cdus:"]
    for loop in loops:
        lines += [
            f"  - {{id: cdu-{loop}-{at}, primary: fws, secondary: l{loop}, rated_cooling_w: 500000}}" for at in "12"
        ]
    lines += ["meters: [{id: main, role: facility}]"]
    return "\n".join(lines) + "\n"


def batches(site: Site, time_s: float) -> Iterator[Batch]:
    """One poll of every device."""
    values: dict[str, tuple[str, dict[str, float], dict[str, str]]] = {}
    for pdu in site.pdus:
        amperes = {f"dcim_pdu_phase_current_amperes{{inlet=1,phase=L{at}}}": 20.0 + at for at in (1, 2, 3)}
        volts = {f"dcim_pdu_phase_voltage_volts{{inlet=1,phase=L{at}}}": 230.0 for at in (1, 2, 3)}
        values[pdu] = "pdu", amperes | volts | {"dcim_pdu_input_power_watts{inlet=1}": 15_180.0}, {}
    for ups in site.ups:
        numbers = {"dcim_ups_output_total_power_watts": 3e5, "dcim_ups_battery_runtime_seconds": 600.0}
        values[ups] = "ups", numbers | {"dcim_ups_battery_charge_ratio": 1.0}, {}
    for cdu in site.cdus:
        numbers = {f"dcim_cdu_heat_removed_watts{{loop={loop}}}": 1.2e5 for loop in ("primary", "secondary")}
        numbers |= {f"dcim_cdu_flow_cubic_meters_per_second{{loop={loop}}}": 3e-3 for loop in ("primary", "secondary")}
        numbers |= {f"dcim_cdu_supply_temperature_celsius{{loop={loop}}}": 30.0 for loop in ("primary", "secondary")}
        numbers |= {"dcim_cdu_dew_point_celsius": 12.0, "dcim_cdu_pumps_required": 1.0, "dcim_cdu_power_watts": 3e3}
        numbers |= {"dcim_cdu_filter_differential_pressure_pascals{filter=1}": 2e4}
        values[cdu] = "cdu", numbers, {f"dcim_cdu_pump_state{{pump={at}}}": "running" for at in (1, 2)}
    for seq, (device, (device_class, numbers, states)) in enumerate(values.items(), 1):
        yield Batch(
            agent="gw",
            epoch="e",
            seq=seq,
            time=int(time_s * 1000),
            device=device,
            device_class=device_class,
            poll="fast",
            interval_s=10.0,
            duration_s=0.1,
            up=True,
            labels={"site": site.id},
            values=numbers,
            states=states,
        )


def run(devices: int, rounds: int) -> list[str]:
    """CPU of planning, of a cycle, and of its lines, the median of `rounds`."""
    site = parse_site(site_text(devices * 10 // 23), "bench.yaml")
    latest, keys = Latest(10_000_000), SeriesKeys(2**40, 2**40)
    for batch in batches(site, WALL_S):
        latest.apply_batch(site.id, batch, resolve(batch, keys), 100.0, WALL_S)
    engine, board = SiteFigures(site.id, site, Settings()), LatestFigures(5.0)
    started = time.process_time()
    engine.plan(latest, 100.0)
    planning_s = time.process_time() - started
    cycles, lines_s, count, known, points = [], [], 0, 0, 0
    for at in range(rounds):
        started = time.process_time()
        figures = engine.cycle(latest, 101.0 + at, WALL_S + 1 + at)
        cycles.append(time.process_time() - started)
        started = time.process_time()
        board.put(site.id, figures, 101.0 + at)
        points = len(board.lines(figures, "bench", 1))
        lines_s.append(time.process_time() - started)
        count, known = len(figures), sum(figure.value is not None for figure in figures)
    middle = rounds // 2
    total = len(site.pdus) + len(site.ups) + len(site.cdus)
    cost = f"one cycle {sorted(cycles)[middle] * 1000:.0f} ms CPU, its {points} points {sorted(lines_s)[middle] * 1000:.0f} ms"
    return [
        f"derived figures, {total} devices, {len(site.racks)} racks, {count} figures, {known} known, median of {rounds}:",
        f"  {cost}; planning, once per change of the site, {planning_s * 1000:.0f} ms",
    ]
