"""Keys that other tools use for what a site file has under another name, each with the key to use instead.

A key that is unknown here usually has its place in the file under another name. A list of those names helps more than the nearest
spelling: `crahs` is far from `air_units`, and `pumps` is not meant for `ups`.
"""

from collections.abc import Mapping
from typing import Final

SECTIONS: Mapping[str, str] = {
    "gensets": "generators",
    "genset": "generators",
    "diesel_generators": "generators",
    "backup_generators": "generators",
    "busbars": "busways",
    "bus_ducts": "busways",
    "busducts": "busways",
    "track_busways": "busways",
    "tap_offs": "power_shelves, each with its `from` and `breaker_a`",
    "tapoffs": "power_shelves, each with its `from` and `breaker_a`",
    "tap_off_boxes": "power_shelves, each with its `from` and `breaker_a`",
    "psus": "power_shelves",
    "shelves": "power_shelves",
    "rpdus": "pdus",
    "rack_pdus": "pdus",
    "power_strips": "pdus",
    "pdu": "pdus",
    "floor_pdus": "panels",
    "rpps": "panels",
    "switchboards": "panels",
    "switchgear": "panels",
    "distribution_boards": "panels",
    "power_panels": "panels",
    "breakers": "`breaker_a` of what the breaker stands in front of",
    "transformers": "feeds, one for each that may fail by itself",
    "utilities": "feeds, one for each that may fail by itself",
    "incomers": "feeds for the supplies, and meters of role facility for what they count",
    "mains": "feeds, one for each that may fail by itself",
    "utility": "feeds, one for each that may fail by itself",
    "power_feeds": "pdus, each with its `from` and `breaker_a`",
    "ats": "transfer_switches",
    "sts": "transfer_switches",
    "upses": "ups",
    "batteries": "`battery` of a UPS",
    "crahs": "air_units",
    "crah": "air_units",
    "cracs": "air_units",
    "crac": "air_units",
    "rdhx": "air_units",
    "rear_doors": "air_units",
    "in_row_coolers": "air_units",
    "fan_walls": "air_units",
    "cooling_units": "air_units, cdus or chillers",
    "cooling_towers": "dry_coolers",
    "drycoolers": "dry_coolers",
    "adiabatic_coolers": "dry_coolers",
    "free_coolers": "dry_coolers",
    "heat_pumps": "chillers",
    "pumps": "facility_pumps for those of a primary loop; those of a CDU are `pumps_required` of the CDU",
    "cooling_loops": "loops",
    "manifolds": "loops, with the racks that they supply",
    "cdu": "cdus",
    "leaks": "sensors with measures: leak",
    "leak_ropes": "sensors with measures: leak",
    "ropes": "sensors with measures: leak",
    "probes": "sensors",
    "energy_meters": "meters",
    "power_meters": "meters",
    "pv": "meters of role pv",
    "solar": "meters of role pv",
    "gateways": "the agent's configuration; a site file has no network",
    "devices": "one of the sections ups, panels, pdus, cdus, air_units, meters, monitors",
    "halls": "rooms",
    "data_halls": "rooms",
    "locations": "rooms",
    "zones": "rooms",
    "aisles": "rows",
    "cabinets": "racks",
    "redundancy_groups": "air_groups for air units; generators have `group`",
}
KEYS: Mapping[str, str] = {
    "fed_by": "from",
    "source": "from",
    "sources": "from",
    "supply": "from",
    "parent": "from",
    "panel": "from",
    "upstream": "from",
    "power_w": "design_power_w of a rack, rated_power_w of a UPS or generator",
    "power_kw": "design_power_w of a rack, rated_power_w of a UPS or generator, in W",
    "rated_kw": "rated_power_w or rated_cooling_w, in W",
    "rated_kva": "rated_power_w, in W",
    "design_power_kw": "design_power_w, in W",
    "rated_power_kw": "rated_power_w, in W",
    "rated_cooling_kw": "rated_cooling_w, in W",
    "cooling_capacity": "rated_cooling_w, in W",
    "capacity_w": "rated_power_w or rated_cooling_w",
    "capacity_kw": "rated_power_w or rated_cooling_w, in W",
    "breaker": "breaker_a",
    "amps": "breaker_a",
    "breaker_amps": "breaker_a",
    "fluid": "coolant",
    "glycol": "coolant, as in pg25",
    "volume_l": "volume_m3",
    "volume_liters": "volume_m3",
    "length": "length_m",
    "voltage": "volts",
    "line_to_line_volts": "volts, from line to neutral",
    "frequency": "frequency_hertz",
    "hz": "frequency_hertz",
    "name": "id",
    "location": "room, row or rack",
    "start_seconds": "start_s",
    "primary_loop": "primary",
    "secondary_loop": "secondary",
    "type": "the section it stands in, or `kind`, `role` or `measures`",
    "poles": "phases",
    "phase": "phases",
}

# How long a tank lasts follows from what is in it, and no device family of ours has a tank's meter: hours that were computed from the
# tank's size would be those of a tank that somebody filled this morning.
_FUEL: Final = "remove it: fuel is not watched, since no known device reads a tank; `rated_power_w` and `start_s` are what is judged"
NOT_KNOWN: Mapping[str, str] = dict.fromkeys(
    (
        "fuel",
        "fuel_l",
        "fuel_m3",
        "fuel_hours",
        "fuel_s",
        "fuel_tank",
        "fuel_tank_l",
        "tank",
        "tank_l",
        "tank_m3",
        "runtime_h",
        "autonomy_h",
    ),
    _FUEL,
)


def other_word(key: str, path: int) -> str | None:
    """The remedy for an unknown key below the keys of `path`; None if no other vocabulary here has the key."""
    if path > 1 and (why := NOT_KNOWN.get(key.lower())) is not None:
        return why
    words = SECTIONS if path == 1 else KEYS
    found = words.get(key.lower())
    return None if found is None else f"use {found}"
