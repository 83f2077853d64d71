"""Makes site files of liquid-cooled halls in any size. `sites/ai-hall.yaml` is written from here."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import yaml

Data = dict[str, Any]
# Sizes typical of AI halls in 2025, chosen; not from one site.
FEEDS: Final = ("a", "b")
CDU_W: Final = 450_000
UPS_W: Final = 1_500_000
AIR_UNIT_W: Final = 200_000
RACKS_PER_ROW: Final = 8
RACKS_PER_ROOM: Final = 64
# Rack-scale systems put 80 to 90 % of their heat into liquid.
LIQUID_SHARE: Final = 0.85
# UPS capacity over the racks' power: losses on the way, and the cooling units that hang on the same panels.
UPS_MARGIN_PERCENT: Final = 108
# Cooling capacity of the air units over the air-cooled heat, before the redundant unit is added.
AIR_MARGIN: Final = 1.1
# Above this design power a rack gets four PDUs per feed instead of two: one on a 160 A breaker carries 92 kW (80 % continuous load,
# 240 V, three phases), so two carry 184 kW.
FOUR_PDUS_ABOVE_W: Final = 180_000
# Volumes of coolant, typical and chosen: 0.4 L per kilowatt of a row in its secondary loop; for the primary loops 2.5 L (warm water) and
# 1 L (chilled water) per kilowatt of the hall. Less coolant shortens the ride-through after a loss of pumps or cooling.
SECONDARY_M3_PER_W: Final = 0.4e-6
WARM_W_PER_M3: Final = 4e5
CHILLED_W_PER_M3: Final = 1e6
# When the UPSs' batteries were installed: a chosen day, which the collector shows as `dcim_ups_battery_installed_timestamp_seconds`.
INSTALLED: Final = date(2025, 9, 1)
# Runtime of a UPS's battery by load: the curve of a VRLA string, in whole ten seconds.
RUNTIMES_S: Final = {0.1: 5280, 0.25: 2040, 0.5: 920, 0.75: 570, 1.0: 410}
# The limits of the simulator's own physics (`simulator.world.loop`), written down as a site's data sheet would.
CHIPS: Final = {"chip_limit_celsius": 75, "chip_rise_kelvin": 17, "chip_heat_capacity_seconds_per_kelvin": 0.5}
# Yearly averages for the grid of Morocco, as published by Electricity Maps for 2024; the effect of a carbon-intensive grid shows in
# the figures.
MOROCCO: Final = {
    "zone": "MA",
    "carbon_grams_per_kwh": 619.71,
    "carbon_free_ratio": 0.216,
    "source": "electricity-maps-2024",
}


def ai_hall() -> Data:
    """32 racks, 24 of 132 kW and 8 of 250 kW, on direct liquid cooling; CDUs N+1 on each row's loop, power 2N."""
    return halls("ai-hall", {"hall-1": [132_000] * 24 + [250_000] * 8})


def campus(racks: int = 512) -> Data:
    """A campus of `racks` racks in halls of 64. Three rows in four have racks of 132 kW, the fourth racks of 250 kW.

    132 kW is about what rack-scale AI systems took in 2025; 250 kW stands for the generation after them.
    """
    rooms: dict[str, list[int]] = {}
    for number in range(racks):
        watts = 250_000 if number // RACKS_PER_ROW % 4 == 3 else 132_000  # noqa: PLR2004 - every fourth row
        rooms.setdefault(f"hall-{number // RACKS_PER_ROOM + 1}", []).append(watts)
    return halls("campus", rooms)


def halls(site: str, rooms: Mapping[str, list[int]]) -> Data:
    """Liquid-cooled halls; `rooms` gives the design power of the racks in each."""
    data: Data = {
        "site": site,
        "electrical": {"continuous_load_factor": 0.8, "volts": 240, "frequency_hertz": 60},
        "rooms": [],
        "rows": [],
        "racks": [],
        "feeds": [{"id": feed.upper(), "backup_start_s": 20} for feed in FEEDS],
        **{
            name: []
            for name in ("ups", "panels", "pdus", "loops", "cdus", "air_units", "meters", "monitors", "sensors")
        },
        "grid": dict(MOROCCO),
        "contracts": [{"id": "pv-park", "meter": "meter-pv"}],
    }
    for hall, watts in rooms.items():
        _add_hall(data, hall, watts)
    in_first_room = {"room": next(iter(rooms))}
    data["meters"] = [
        {"id": "meter-main", "role": "facility", **in_first_room},
        {
            "id": "meter-it",
            "role": "it",
            "category": 1,
            "measures": [ups["id"] for ups in data["ups"]],
            **in_first_room,
        },
        {"id": "meter-cooling", "role": "cooling", "measures": _cooling(data), **in_first_room},
        {"id": "meter-pv", "role": "pv"},
    ]
    return data


def _add_hall(data: Data, hall: str, watts: list[int]) -> None:
    power, chilled, warm = f"{hall}-power", f"{hall}-chw", f"{hall}-fws"
    data["rooms"] += [{"id": hall}, {"id": power}]
    modules = -(-sum(watts) * UPS_MARGIN_PERCENT // 100 // UPS_W) + 1  # N+1 on each feed
    for feed in FEEDS:
        names = [f"{hall}-ups-{feed}{number}" for number in range(1, modules + 1)]
        data["ups"] += [
            {"id": name, "from": [feed.upper()], "rated_power_w": UPS_W, "battery": _battery(), "room": power}
            for name in names
        ]
        data["panels"].append({"id": f"{hall}-main-{feed}", "from": names, "room": power})
    data["loops"] += [
        {"id": warm, "kind": "primary", "coolant": "water", "volume_m3": round(sum(watts) / WARM_W_PER_M3, 1)},
        {"id": chilled, "kind": "primary", "coolant": "water", "volume_m3": round(sum(watts) / CHILLED_W_PER_M3, 1)},
    ]
    for at in range(0, len(watts), RACKS_PER_ROW):
        _add_row(data, hall, f"{hall}-{chr(ord('a') + at // RACKS_PER_ROW)}", watts[at : at + RACKS_PER_ROW])
    air_w = sum(watts) * (1 - LIQUID_SHARE) * AIR_MARGIN
    for number in range(1, -(-int(air_w) // AIR_UNIT_W) + 2):  # N+1
        source = f"{hall}-main-{FEEDS[number % 2]}"
        unit = {"id": f"{hall}-crah-{number}", "rated_cooling_w": AIR_UNIT_W, "primary": chilled}
        data["air_units"].append(unit | {"from": [source], "room": hall})


def _add_row(data: Data, hall: str, row: str, watts: list[int]) -> None:
    data["rows"].append({"id": row, "room": hall})
    racks = {f"{row}{number}": power for number, power in enumerate(watts, 1)}
    for feed in FEEDS:
        data["panels"].append({"id": f"{row}-bus-{feed}", "from": [f"{hall}-main-{feed}"], "row": row})
    for rack, power in racks.items():
        count = 4 if power > FOUR_PDUS_ABOVE_W else 2
        section = {
            "id": rack,
            "row": row,
            "design_power_w": power,
            "liquid_share": LIQUID_SHARE,
            "pdus_per_feed": count,
            **CHIPS,
        }
        data["racks"].append(section)
        data["pdus"] += [
            {"id": f"pdu-{rack}-{feed}{number}", "rack": rack, "from": f"{row}-bus-{feed}", "breaker_a": 160}
            for feed in FEEDS
            for number in range(1, count + 1)
        ]
    _cool_row(data, hall, row, racks)


def _cool_row(data: Data, hall: str, row: str, racks: Mapping[str, int]) -> None:
    watts = sum(racks.values())
    required = -(-int(watts * LIQUID_SHARE) // CDU_W)
    loop = f"{row}-tcs"
    data["loops"].append(
        {
            "id": loop,
            "kind": "secondary",
            "coolant": "pg25",
            "volume_m3": round(watts * SECONDARY_M3_PER_W, 3),
            "racks": [*racks],
            "cdus_required": required,
            "max_supply_celsius": 45,
        }
    )
    buses = [f"{row}-bus-{feed}" for feed in FEEDS]
    for number in range(1, required + 2):
        unit = {"id": f"{row}-cdu-{number}", "primary": f"{hall}-fws", "secondary": loop, "rated_cooling_w": CDU_W}
        data["cdus"].append(unit | {"pumps_required": 2, "from": buses, "row": row})
    data["monitors"].append({"id": f"{row}-leak", "row": row})
    for position, feed, names in (
        ("inlet", "a", {"sensor": "1"}),
        ("outlet", "b", {"sensor": "1.1", "humidity_sensor": "1.2"}),
    ):
        for rack in racks:
            sensor = {"id": f"air-{rack}-{position}", "device": f"pdu-{rack}-{feed}1", **names}
            data["sensors"].append(sensor | {"rack": rack, "position": position})
    data["sensors"].append(
        {"id": f"{row}-rope", "device": f"{row}-leak", "sensor": "1.floor", "row": row, "measures": "leak"}
    )


def _battery() -> Data:
    return {"runtimes": {round(UPS_W * load): seconds for load, seconds in RUNTIMES_S.items()}, "installed": INSTALLED}


def _cooling(data: Data) -> list[str]:
    """Everything that serves cooling: CDUs, air units, and the plants of the primary loops."""
    plants = [loop["id"] for loop in data["loops"] if loop["kind"] == "primary"]
    return [unit["id"] for unit in (*data["cdus"], *data["air_units"])] + plants


def site_yaml(data: Data) -> str:
    """The text of a site file, one line for each entry."""
    lines = ["# Written by simulator/site/maker.py."]
    for section, value in data.items():
        if isinstance(value, list) and value:
            lines += [f"{section}:", *(f"  - {_flow(entry)}" for entry in value)]
        else:
            lines.append(f"{section}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: object) -> str:
    return (
        yaml.safe_dump(value, sort_keys=False, default_flow_style=True, width=10_000)
        .removesuffix("\n")
        .removesuffix("\n...")
    )
