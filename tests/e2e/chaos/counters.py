"""An agent that polls 20 counters of one net-snmp daemon at a given rate, and a profile for them."""

from pathlib import Path

import yaml

# 7 is not used (RFC 1213).
LEAVES = (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
OIDS = [f"1.3.6.1.2.1.11.{leaf}.0" for leaf in LEAVES]
"""Counters of the SNMP group (RFC 1213): every net-snmp agent has them."""

PROFILE = "bench"
AGENT = "bench-agent"
SITE = "bench"


def write_profile(folder: Path) -> Path:
    """A profile that takes each counter for an outlet's energy; returns the folder of profiles."""
    profiles = folder / "profiles"
    profiles.mkdir(exist_ok=True)
    points = [
        {
            "metric": "dcim_pdu_outlet_energy_joules_total",
            "oid": oid,
            "unit": "joule",
            "labels": {"outlet": str(at)},
            "poll": "fast",
        }
        for at, oid in enumerate(OIDS)
    ]
    data = {
        "version": 1,
        "profile": PROFILE,
        "class": "pdu",
        "protocol": "snmp",
        "title": "20 counters of net-snmp",
        "source": "RFC 1213",
        "evidence": "unverified",
        "recognise": {"probes": [OIDS[0]]},
        "points": points,
    }
    (profiles / f"{PROFILE}.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return profiles


def write_agent(
    folder: Path, broker_port: int, snmp_port: int, devices: int, interval_s: float, *, on_disk: bool = False
) -> Path:
    """An agent that polls the 20 objects `devices / interval_s` times a second, its outbox on disk or in memory."""
    kind = "disk" if on_disk else "memory"
    data = {
        "agent": AGENT,
        "labels": {"site": SITE, "room": "r", "row": "a"},
        "broker": {"port": broker_port},
        "outbox": {"mode": kind} | ({"path": str(folder / "outbox.db")} if on_disk else {}),
        "credentials": {"lab": {"version": "2c", "community": "public"}},
        "profiles": str(write_profile(folder)),
        # The agent's own report is of class normal; the device's uptime is of class slow.
        "intervals": {"fast": interval_s, "normal": 1.0, "slow": 3600},
        "devices": [
            {
                "id": f"d{at:04}",
                "host": "127.0.0.1",
                "port": snmp_port,
                "credential": "lab",
                "profile": PROFILE,
                "outlets": True,  # its objects stand for those of outlets
            }
            for at in range(devices)
        ],
    }
    path = folder / f"agent-{kind}.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path
