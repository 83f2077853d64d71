"""The waves of each site: first faults of one place each (`rows.py`), then those that take many devices at once.

A row, a room and an agent that lose what all of their devices have in common are one problem each, whatever follows from it.
"""

from collections.abc import Mapping
from typing import Final

from rackflow.site import parse_site
from simulator.site.cli import shipped_or_file
from tests.incidents.rows import AI_HALL, EDGE, HALL, HALL_SURVIVES, Order, Row, at, dark, fault


def dead(panel: str) -> tuple[Order, ...]:
    """A panel or busway without voltage."""
    return tuple(fault("phase_loss", panel, phase=phase) for phase in ("L1", "L2", "L3"))


def silent(*devices: str) -> tuple[Order, ...]:
    """A network that is gone: none of these devices answers."""
    return tuple(fault("timeout", device) for device in devices)


def devices_of(site: str) -> list[str]:
    """Every device that an agent polls at a shipped site."""
    found = parse_site(shipped_or_file(site)[1], site)
    return [*found.ups, *found.pdus, *found.cdus, *found.air_units, *found.meters, *found.monitors]


def row_lost(row: str) -> Row:
    """The busway of a row loses feed A."""
    return Row(
        f"busway of row {row} loses feed A",
        dead(f"{HALL}-{row}-bus-a"),
        (at("DcimRowFeedLost", row=f"{HALL}-{row}", feed="A"),),
        (HALL_SURVIVES,),
        dark(f"pdu-{HALL}-{row}1-a1"),
    )


HALL_ROWS: Final = [
    row_lost("a"),
    row_lost("b"),
    Row(
        "no UPS of feed A answers in the power room",
        silent(*(f"{HALL}-ups-a{number}" for number in range(1, 6))),
        (at("DcimRoomFeedLost", room=f"{HALL}-power", feed="A"),),
        (HALL_SURVIVES,),
        note="a switch of that room, or its supply: they look alike",
    ),
]
HALL_FEED: Final = [
    Row(
        "main panel of the hall loses feed A",
        dead(f"{HALL}-main-a"),
        (at("DcimFeedLost", feed="A"),),
        (HALL_SURVIVES,),
        dark(f"pdu-{HALL}-a1-a1"),
        note="the only hall of this feed: neither its rows nor its devices are reported beside it",
    ),
]
HALL_BLIND: Final = [
    Row(
        "the agent loses its network to all devices",
        silent(*devices_of("ai-hall")),
        (at("DcimAgentSeesNothing", agent="sim-agent"),),
        note="no feed, row, CDU or device is reported beside it",
    ),
]
WAVES: Final[Mapping[str, list[list[Row]]]] = {"edge": EDGE, "ai-hall": [*AI_HALL, HALL_ROWS, HALL_FEED, HALL_BLIND]}
