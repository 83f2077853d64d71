"""Makes the site file of a hall without rack PDUs: power shelves on busways, generators, two facility loops, PV behind an incomer.

`sites/busway-hall.yaml` is written from here. Halls for racks of 130 kW and more are usually built like this; `maker.py` makes halls with
rack PDUs.
"""

from typing import Final

from simulator.site.maker import CHIPS, LIQUID_SHARE, MOROCCO, RUNTIMES_S, Data

# Sizes chosen so that at design load every kind of redundancy is there once: one unit of a kind may fail, two may not.
RACKS: Final = 8
RACK_W: Final = 132_000
# Two on each feed; two of 72 kW carry the rack when the other feed is lost.
SHELF_W: Final = 72_000
SHELVES_PER_FEED: Final = 2
UPS_W: Final = 600_000
UPS_PER_FEED: Final = 3
GENERATOR_W: Final = 900_000
CDU_W: Final = 450_000
DRY_COOLER_W: Final = 500_000
CHILLER_W: Final = 250_000
AIR_UNIT_W: Final = 120_000
# Length of the leak sensing rope along the pipes of eight racks, there and back.
ROPE_M: Final = 25
FEEDS: Final = ("a", "b")
WARM_LOOPS: Final = ("fws-a", "fws-b")


def busway_hall() -> Data:
    """One row of eight racks of 132 kW; power 2N, UPSs, generators, CDUs, dry coolers, pumps and air units N+1."""
    data: Data = {
        "site": "busway-hall",
        "electrical": {"continuous_load_factor": 0.8, "volts": 240, "frequency_hertz": 60},
        "rooms": [{"id": "hall"}, {"id": "power"}, {"id": "plant"}],
        "rows": [{"id": "row-a", "room": "hall"}],
        **_power(),
        **_racks(),
        **_liquid(),
        **_air(),
    }
    data["meters"] = _meters(data)
    data |= _sensors(data)
    data["grid"] = dict(MOROCCO)
    return data


def _power() -> Data:
    battery = {"runtimes": {round(UPS_W * load): seconds for load, seconds in RUNTIMES_S.items()}}
    ups = {feed: [f"ups-{feed}{number}" for number in range(1, UPS_PER_FEED + 1)] for feed in FEEDS}
    return {
        "feeds": [{"id": feed.upper()} for feed in FEEDS],
        "generators": [
            {"id": f"gen-{number}", "feeds": ["A", "B"], "rated_power_w": GENERATOR_W, "start_s": 12, "room": "plant"}
            for number in (1, 2, 3)
        ],
        "ups": [
            {"id": name, "from": [feed.upper()], "rated_power_w": UPS_W, "battery": battery, "room": "power"}
            for feed in FEEDS
            for name in ups[feed]
        ],
        "panels": [{"id": f"main-{feed}", "from": ups[feed], "room": "power"} for feed in FEEDS],
        "busways": [
            {"id": f"bus-{feed}", "from": [f"main-{feed}"], "breaker_a": 2500, "rated_a": 2000, "row": "row-a"}
            for feed in FEEDS
        ],
    }


def _rack_ids() -> list[str]:
    return [f"a{number}" for number in range(1, RACKS + 1)]


def _racks() -> Data:
    rack = {"row": "row-a", "design_power_w": RACK_W, "liquid_share": LIQUID_SHARE, "pdus_per_feed": SHELVES_PER_FEED}
    shelf = {"breaker_a": 125, "rated_power_w": SHELF_W}
    return {
        "racks": [{"id": name, **rack, **CHIPS} for name in _rack_ids()],
        "power_shelves": [
            {"id": f"shelf-{name}-{feed}{number}", "rack": name, "from": f"bus-{feed}", **shelf}
            for name in _rack_ids()
            for feed in FEEDS
            for number in range(1, SHELVES_PER_FEED + 1)
        ],
    }


def _liquid() -> Data:
    primary = {"kind": "primary", "coolant": "pg30"}
    sources = ["bus-a", "bus-b"]
    pumps = [(loop, number) for loop in (*WARM_LOOPS, "chw") for number in (1, 2)]
    return {
        "loops": [
            *({"id": loop, **primary, "volume_m3": 4.0} for loop in WARM_LOOPS),
            {"id": "chw", "kind": "primary", "coolant": "water", "volume_m3": 1.5},
            {
                "id": "tcs",
                "kind": "secondary",
                "coolant": "pg25",
                "volume_m3": 0.42,
                "racks": _rack_ids(),
                "cdus_required": 2,
                "max_supply_celsius": 45,
            },
        ],
        "cdus": [
            {
                "id": f"cdu-{number}",
                "primary": [*WARM_LOOPS] if number % 2 else [*reversed(WARM_LOOPS)],
                "secondary": "tcs",
                "rated_cooling_w": CDU_W,
                "pumps_required": 2,
                "from": sources,
                "row": "row-a",
            }
            for number in (1, 2, 3)
        ],
        "chillers": [
            {"id": f"chiller-{number}", "loop": "chw", "rated_cooling_w": CHILLER_W, "from": [feed], "room": "plant"}
            for number, feed in enumerate("AB", 1)
        ],
        "dry_coolers": [
            {"id": f"dry-{loop[-1]}{number}", "loop": loop, "rated_cooling_w": DRY_COOLER_W, "from": ["AB"[number % 2]]}
            for loop in WARM_LOOPS
            for number in (1, 2, 3)
        ],
        "facility_pumps": [
            {"id": f"pump-{loop}-{number}", "loop": loop, "from": ["AB"[number % 2]], "room": "plant"}
            for loop, number in pumps
        ],
    }


def _air() -> Data:
    unit = {"rated_cooling_w": AIR_UNIT_W, "primary": "chw", "room": "hall", "group": "hall"}
    return {
        "air_units": [{"id": f"crah-{number}", **unit, "from": [f"main-{FEEDS[number % 2]}"]} for number in (1, 2, 3)],
        "air_groups": [{"id": "hall", "required": 2}],
    }


def _meters(data: Data) -> list[Data]:
    plant = ("cdus", "air_units", "chillers", "dry_coolers", "facility_pumps")
    cooling = [each["id"] for section in plant for each in data[section]]
    return [
        *({"id": f"incomer-{number}", "role": "facility", "incomer": True, "room": "power"} for number in (1, 2)),
        {"id": "meter-pv", "role": "pv", "behind": "incomer-1"},
        *(
            {"id": f"meter-{each['id']}", "role": "generator", "behind": "incomer-1", "measures": [each["id"]]}
            for each in data["generators"]
        ),
        {"id": "meter-it", "role": "it", "category": 1, "measures": [each["id"] for each in data["ups"]]},
        {"id": "meter-cooling", "role": "cooling", "measures": cooling},
        *(
            {"id": f"meter-{each['id']}", "role": "cooling", "measures": [each["id"]], "room": "plant"}
            for each in data["facility_pumps"]
        ),
        *(
            {"id": f"tap-{each['id'].removeprefix('shelf-')}", "role": "other", "measures": [each["id"]]}
            for each in data["power_shelves"]
        ),
    ]


def _sensors(data: Data) -> Data:
    # Without rack PDUs nothing in a rack has sockets for sensors: one monitor serves the row.
    air = [
        {
            "id": f"air-{name}",
            "device": "row-a-air",
            "sensor": f"{2 * at + 1}.{name}",
            "humidity_sensor": f"{2 * at + 2}.{name}-rh",
            "rack": name,
            "position": "inlet",
        }
        for at, name in enumerate(_rack_ids())
    ]
    rope = {"id": "rope-tcs", "device": "row-a-leak", "sensor": "1.pipes", "measures": "leak", "loop": "tcs"}
    trays = [
        {"id": f"tray-{cdu['id']}", "device": "row-a-leak", "sensor": f"{at}.{cdu['id']}", "measures": "leak"}
        | {"under": cdu["id"]}
        for at, cdu in enumerate(data["cdus"], 2)
    ]
    return {
        "monitors": [{"id": "row-a-air", "row": "row-a"}, {"id": "row-a-leak", "row": "row-a"}],
        "sensors": [*air, rope | {"length_m": ROPE_M}, *trays],
    }
