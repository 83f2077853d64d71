"""Doors, leaks and dry contacts of recorded monitors, counted by what their state columns say in the vendor's own words."""

from collections import Counter

import pytest

from agent.lab.replay import replay_snmp
from rackflow.recording.snmprec import INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Record, read_snmprec
from rackflow.series import parse_series_key
from tests.agent.shipped import shipped_profiles
from tests.servers.captures import require_captures

CONTACT, LEAK, FAULT = "dcim_env_contact_active", "dcim_leak_detected", "dcim_leak_sensor_fault"
KINDS = {CONTACT, LEAK, FAULT}

SEEN: dict[str, dict[tuple[str, str, float], int]] = {
    # 48 inputs have no status; the five that are wired are normal.
    "akcp_serverprobe8": {(CONTACT, "dry_contact", 0): 5},
    # Three dry contacts closed, one digital input open.
    "algcom-sm_sm9s": {(CONTACT, "dry_contact", 1): 3, (CONTACT, "dry_contact", 0): 1},
    # Switches 1 and 2 of 16 are on.
    "avtech_roomalert32s": {(CONTACT, "dry_contact", 1): 2, (CONTACT, "dry_contact", 0): 14},
    "avtech_roomalert4e": {(CONTACT, "dry_contact", 0): 1},
    "gude-esb_7214-12": {(CONTACT, "dry_contact", 0): 1},
    # Its sensor "Flood" has the unit 5 and is normal.
    "hwg-ste2": {(CONTACT, "dry_contact", 0): 2, (LEAK, "", 0): 1},
    # One cable is dry, three are disconnected and say nothing about water.
    "hwg-wld_wld2": {(LEAK, "", 0): 1, (FAULT, "", 0): 1, (FAULT, "", 1): 3},
    # One input is normal, four are not connected.
    "nti_e5d": {(CONTACT, "dry_contact", 0): 1},
    "nti_micro": {(CONTACT, "dry_contact", 0): 2},
    # Seven doors closed, that of the unit itself inactive; a dry leak sensor; inputs with the manual openers of seven racks.
    "rittal-cmc-iii-pu_cmciii-pu": {
        (CONTACT, "door", 0): 7,
        (CONTACT, "dry_contact", 0): 24,
        (CONTACT, "dry_contact", 1): 7,
        (LEAK, "", 0): 1,
        (FAULT, "", 0): 1,
    },
    "rittal-cmc-iii-pu_compact": {(CONTACT, "door", 0): 1, (CONTACT, "dry_contact", 0): 2},
    # DRY.
    "serverscheck": {(LEAK, "", 0): 1},
}


@pytest.mark.parametrize("name", SEEN)
async def test_contacts_are_read_as_the_device_names_them(name: str) -> None:
    path = require_captures() / "snmp" / "env" / f"{name}.snmprec"
    _, readings = await replay_snmp(read_snmprec(path), shipped_profiles(), "auto", 1_790_000_000.0)
    found: Counter[tuple[str, str, float]] = Counter()
    for key, value in readings.values.items():
        metric, labels = parse_series_key(key)
        if metric in KINDS:
            found[metric, labels.get("kind", ""), value] += 1
    assert found == SEEN[name]


WATER = "1.3.6.1.4.1.3699.1.1.10.1.5.1.1"


@pytest.mark.parametrize(
    ("status", "leak", "fault"),
    [(0, None, None), (1, 0, 0), (2, 1, 0), (3, 1, 0), (4, 1, 0), (5, 1, 0), (6, None, 1)],
)
async def test_a_dismissed_leak_is_a_leak_and_a_lost_cable_a_fault(
    status: int, leak: int | None, fault: int | None
) -> None:
    columns = ((2, INTEGER, 9), (3, OCTET_STRING, b"floor"), (7, INTEGER, 0), (10, INTEGER, status))
    records = [
        Record("1.3.6.1.2.1.1.2.0", OBJECT_IDENTIFIER, "1.3.6.1.4.1.3699.1.1.10"),
        *(Record(f"{WATER}.{column}.1", tag, value) for column, tag, value in columns),
    ]
    _, readings = await replay_snmp(records, shipped_profiles(), "nti-enviromux-5d", 1_790_000_000.0)
    found = {parse_series_key(key)[0]: value for key, value in readings.values.items()}
    assert (found.get(LEAK), found.get(FAULT)) == (leak, fault)
