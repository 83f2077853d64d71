"""A site with three feeds and a consistent set of its latest readings: the values of all devices agree with each other.

All currents are at 230 V. What a UPS delivers is what hangs from it: rack PDUs, where each transfer switch stands, and pumps.
Two agents poll it: `gw-north`, and `gw-south`, whose clock is an hour behind, which has whatever stands in room south.
"""

from collections.abc import Mapping
from pathlib import Path

from collector.derive.site_plan import Settings
from collector.latest import Latest
from rackflow.site import Site, parse_site
from tests.collector.derive.hall import Agent, Readings, hall, site_text

CAMPUS = Path(__file__).parent / "campus.yaml"

NORTH = Agent("gw-north")
SOUTH = Agent("gw-south", clock_s=-3600.0)

CURRENTS: Mapping[str, tuple[float, ...]] = {
    "pdu-n1-a": (12, 12, 12),
    "pdu-n1-b": (9, 9, 9),
    "pdu-n1-c": (6, 6, 6),
    "pdu-n2-a": (20, 22, 18),
    "pdu-n2-b": (24, 20, 16),
    "pdu-n3-b": (8,),
    "pdu-n3-c": (6,),
    "pdu-s1-a": (10, 12, 14),
    "pdu-s1-c": (15, 15, 15),
    "pdu-s2-a": (18, 18, 18),
    "pdu-s2-b": (14, 14, 14),
    "pdu-o1": (10,),
    "pdu-o2": (5, 6, 7),
    "pdu-o3": (8,),
}
"""A, by phase of the PDU."""
SELECTED: Mapping[str, str] = {"sts-ab": "a", "sts-bc": "a", "sts-ca": "b"}
"""Where each transfer switch takes its load from: A, B, and A."""
PUMPS_W: Mapping[str, float] = {"cdu-1": 2_000, "cdu-2": 1_000, "cdu-3": 1_200, "cdu-4": 1_500, "cdu-5": 500}
"""cdu-1 takes half of it from each of row-a and row-b; that of cdu-2 is in what pdu-n2-b measures."""
HEAT_W: Mapping[str, float] = {"cdu-1": 13_280, "cdu-2": 8_000, "cdu-3": 9_315, "cdu-4": 10_000, "cdu-5": 6_560}
"""Into secondary loops: 0.8 of n2 without the pumps in it, 0.5 of s1, 0.75 of s2."""
SUPPLY_C: Mapping[str, float] = {"cdu-1": 30, "cdu-2": 32, "cdu-3": 28, "cdu-4": 35, "cdu-5": 34}
"""Of secondary loops; coolant returns 6 K warmer."""
UPS_W: Mapping[str, tuple[float, float]] = {
    "ups-a1": (31_450, 29_950),
    "ups-a2": (18_970, 17_970),
    "ups-b": (40_150, 38_150),
    "ups-c": (18_070, 17_070),
}
"""In and out. (186 + 10 + 8) A and half of cdu-1 from A; 155 A, cdu-4 and the other half from B; 69 A and cdu-3 from C."""
FACILITY_W: Mapping[str, float] = {"meter-ab": 115_570, "meter-c": 28_070}
"""UPS inputs, 25 kW at mech-b with cdu-5 in it, and 10 kW of outdoor coolers on C."""
PV_W = (0.0,) * 6 + (10e3, 40e3, 80e3, 120e3, 160e3, 190e3, 200e3, 190e3, 160e3, 120e3, 80e3, 40e3) + (0.0,) * 6
"""By hour of the day, UTC: from 10 to 15 o'clock more than the site takes in."""
DEW_POINT_C: Mapping[tuple[str, str], float] = {("box-1", "1"): 12.0, ("box-1", "2"): 15.0, ("box-2", "1"): 10.0}
AIR_C = 24.0
"""Before the racks, at each of these sensors."""


def campus(*replaced: tuple[str, str]) -> Site:
    """The site of campus.yaml, with parts of its text replaced."""
    return parse_site(site_text(CAMPUS, *replaced), "campus.yaml")


def agents_of(site: Site) -> dict[str, Agent]:
    """Who polls which device: `gw-south` has room south."""
    return {device: SOUTH if site.place(device).get("room") == "south" else NORTH for device in site.devices}


def campus_readings(
    site: Site | None = None, settings: Settings | None = None, *, latest: Latest | None = None, now: float = 100.0
) -> Readings:
    """A collector that has just heard every device of the campus, and has known both agents for a while."""
    site = site or campus()
    readings = Readings(site, settings, latest=latest, agents=agents_of(site))
    settle(readings, now)
    poll_campus(readings, now)
    return readings


def settle(readings: Readings, now: float) -> None:
    """Two polls of one device of the agent that is behind: only after 15 s of steady delay is its clock known to be off."""
    readings.expected = "stale"
    for before_s in (20.0, 10.0):
        late = {"meter_power_watts": FACILITY_W["meter-c"]}
        readings.take("meter-c", late, now - before_s, device_class="meter")
    readings.expected = "live"


def poll_campus(readings: Readings, now: float = 100.0, *, hour: int = 12) -> None:
    """One poll of every device; `hour` is that of PV_W."""
    for pdu, amperes in CURRENTS.items():
        readings.currents(pdu, *amperes, now=now)
    for switch, selected in SELECTED.items():
        usable = {f"ats_source_usable{{source={source}}}": 1.0 for source in "ab"}
        readings.take(switch, {"ats_selected_source": selected, **usable}, now, device_class="ats")
    for ups in UPS_W:
        readings.take(ups, ups_values(ups), now, device_class="ups")
    for cdu in HEAT_W:
        readings.take(cdu, cdu_values(cdu), now, device_class="cdu")
    for meter, watts in {**FACILITY_W, "meter-pv": PV_W[hour]}.items():
        readings.take(meter, {"meter_power_watts": watts}, now, device_class="meter")
    for device in ("box-1", "box-2"):
        points = {sensor: celsius for (box, sensor), celsius in DEW_POINT_C.items() if box == device}
        values = {f"env_dew_point_celsius{{sensor={sensor}}}": celsius for sensor, celsius in points.items()}
        values |= {f"env_temperature_celsius{{sensor={sensor}}}": AIR_C for sensor in points}
        readings.take(device, values, now, device_class="env")
    readings.take("rope-1", {"leak_detected": 0.0}, now, device_class="leak")


def ups_values(ups: str) -> dict[str, float | str]:
    """What a UPS says: fully charged, and more hopeful of its battery than any data sheet."""
    taken_w, given_w = UPS_W[ups]
    return {
        "ups_input_total_power_watts": taken_w,
        "ups_output_total_power_watts": given_w,
        "ups_battery_charge_ratio": 1.0,
        "ups_battery_runtime_seconds": 5_000.0,
        "ups_output_source": "normal",
    }


def cdu_values(cdu: str) -> dict[str, float | str]:
    """What a CDU says: two pumps, one of which it needs; its primary side carries 2 % more than the secondary."""
    return {
        "cdu_pump_state{pump=1}": "running",
        "cdu_pump_state{pump=2}": "standby",
        "cdu_pumps_required": 1.0,
        "cdu_power_watts": PUMPS_W[cdu],
        "cdu_heat_removed_watts{loop=secondary}": HEAT_W[cdu],
        "cdu_heat_removed_watts{loop=primary}": HEAT_W[cdu] * 1.02,
        "cdu_supply_temperature_celsius{loop=secondary}": SUPPLY_C[cdu],
        "cdu_return_temperature_celsius{loop=secondary}": SUPPLY_C[cdu] + 6.0,
    }


def two_sites(now: float = 100.0) -> tuple[Readings, Readings]:
    """The hall (t1) and the campus (t2) at one collector. `ups-b` and `cdu-1` are at both, and are not the same devices."""
    latest = Latest(1_000_000)
    small = Readings(hall(), latest=latest)
    small.currents("pdu-a1-a", 10.0, now=now)
    small.currents("pdu-a1-b", 12.0, now=now)
    small.take("ups-b", {"ups_output_total_power_watts": 55_000.0}, now, device_class="ups")
    heat = {f"cdu_heat_removed_watts{{loop={loop}}}": 60_000.0 for loop in ("primary", "secondary")}
    small.take("cdu-1", heat, now, device_class="cdu")
    return small, campus_readings(latest=latest, now=now)
