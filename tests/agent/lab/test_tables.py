"""One table names the devices that `discover` finds, and completes the site file that is drafted of them."""

import re
from pathlib import Path

import pytest
import yaml

from agent.cli import main
from agent.lab.discover import Found
from agent.lab.reconcile import Search, reconcile
from agent.lab.tables import read_ids
from agent.profile import Match, load_profiles
from rackflow.errors import ConfigError
from rackflow.site import load_site
from simulator.site.maker import campus

TABLE = (
    "id;host;unit;section;from\ntap-a1;192.0.2.7;1;;\ntap-a2;192.0.2.7;2;;\ncdu-1;192.0.2.8;;;\nbus-a;;;busways;ups-a\n"
)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_names_devices_by_address_and_unit_and_its_other_rows_are_no_devices(tmp_path: Path) -> None:
    assert read_ids(written(tmp_path / "ids.csv", TABLE)) == {
        ("192.0.2.7", 1): "tap-a1",
        ("192.0.2.7", 2): "tap-a2",
        ("192.0.2.8", None): "cdu-1",
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("id,rack\nx,r\n", r":1: has no column host"),
        ("id,host\nx,cas1-ups\n", r":2: 'cas1-ups' does not appear to be an IPv4 or IPv6 address; host is an address"),
        ("id,host,unit\nx,192.0.2.1,one\n", r":2: invalid literal.*unit a number"),
        ("id,host\n,192.0.2.1\n", r":2: 192.0.2.1 has no id"),
        ("id,host\nx,192.0.2.1\ny,192.0.2.1\n", r":3: 192.0.2.1 is x and y; give each its own row"),
        ("id,host\nx,192.0.2.1\nx,192.0.2.2\n", r":3: id x has two addresses; ids must be unique"),
        ("id,host\nx,\n", "no row has a host"),
    ],
)
def test_a_table_that_cannot_name_devices_is_one_line(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=fault):
        read_ids(written(tmp_path / "ids.csv", text))


def found(address: str, unit: int, name: str = "") -> Found:
    profile = load_profiles(lazy=True)["schneider-iem3000"]
    return Found(address, Match(profile, 40, ("holding 69",)), "", unit=unit, name=name)


def test_a_new_device_gets_the_id_that_the_table_keeps_for_it_and_no_other_device_does() -> None:
    ids = {("192.0.2.7", 1): "tap-a1", ("192.0.2.8", None): "main", ("192.0.2.99", None): "spare"}
    search = Search("modbus", ["192.0.2.7", "192.0.2.8", "192.0.2.9"], 502, {1, 2})
    answering = [found("192.0.2.7", 1), found("192.0.2.7", 2), found("192.0.2.8", 1), found("192.0.2.9", 1, "spare")]
    assert [each.id for each in reconcile(answering, [], {}, search, ids)] == [
        "tap-a1",
        "meter-192-0-2-7-2",
        "main",
        "spare-2",
    ]


def test_a_campus_goes_from_its_devices_to_a_site_with_feeds_and_loops_in_two_drafts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What docs/tutorial/site.md does after two searches: the first draft says how the second is complete."""
    hall = campus(racks=32)
    kinds = {"ups": "rfc1628-ups", "pdus": "raritan-pdu2", "cdus": "aalc-rpu", "meters": "schneider-iem3000"}
    devices = [
        {"id": each["id"], "host": "192.0.2.1", "port": 1000 + at, "profile": profile}
        | ({"protocol": "modbus"} if section in {"cdus", "meters"} else {"credential": "c"})
        for section, profile in kinds.items()
        for at, each in enumerate(hall[section])
    ]
    config = {"agent": "a", "labels": {"site": "campus"}, "credentials": {"c": {"community": "x"}}, "devices": devices}
    agent = written(tmp_path / "agent.yaml", yaml.safe_dump(config))
    assert main(["site", "draft", "--config", str(agent), "--rules", "nec"]) == 0
    said = capsys.readouterr().err
    names = re.findall(r"--names '([^']+)'", said)
    keys = sorted(re.findall(r"^fill in (\S+)", said, re.MULTILINE))
    assert (len(names), len(devices)) == (2, 188)
    assert said.rindex("--names '") < said.index("fill in "), "what need not be filled in comes first"
    assert "pdus.rack=VALUE" not in said, "no site has all of its PDUs in one rack"
    assert keys == [
        *("cdus.rated_cooling_w", "cdus.secondary", "electrical.volts:", "meters.role"),
        *("pdus.breaker_a", "pdus.from", "pdus.rack", "ups.from", "ups.rated_power_w"),
    ]
    # What no name tells: the panels between UPSs and rack PDUs.
    panels = [f"main-{feed},{' '.join(u['id'] for u in hall['ups'] if u['from'] == [feed])}" for feed in "AB"]
    table = written(tmp_path / "panels.csv", "id,from,section\n" + "".join(f"{each},panels\n" for each in panels))
    values = [
        *("electrical.volts=240", "ups.rated_power_w=1.5 MW", "pdus.breaker_a=160", "pdus.from=main-{feed}"),
        *("racks.design_power_w=132 kW", "racks.liquid_share=0.85", "racks.loop=tcs", "cdus.secondary=tcs"),
        *("cdus.rated_cooling_w=450 kW", "loops.coolant=pg25", "loops.volume_m3=1700 L", "meters.role=other"),
    ]
    options = [*(f"--names={each}" for each in names), *(f"--set={each}" for each in values)]
    assert main(["site", "draft", "--config", str(agent), "--csv", str(table), "--rules", "nec", *options]) == 0
    printed = capsys.readouterr()
    assert "the site file is complete" in printed.err
    site = load_site(written(tmp_path / "site.yaml", printed.out))
    assert len(site.racks) == 32
    assert all(site.feeds_of(rack) == ("A", "B") and site.loop_of(rack) == site.loops["tcs"] for rack in site.racks)
    assert site.path("hall-1-a1", "A").ups == tuple(each["id"] for each in hall["ups"] if each["from"] == ["A"])


@pytest.mark.parametrize(("options", "name"), [([], "campus"), (["--site=north"], "north")])
def test_a_draft_has_the_name_that_is_given_or_that_of_the_configuration(
    options: list[str], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pdu = {"id": "pdu-a1-a", "host": "192.0.2.1", "profile": "raritan-pdu2", "credential": "c"}
    config = {"agent": "a", "labels": {"site": "campus"}, "credentials": {"c": {"community": "x"}}, "devices": [pdu]}
    agent = written(tmp_path / "agent.yaml", yaml.safe_dump(config))
    assert main(["site", "draft", "--config", str(agent), "--rules", "nec", *options]) == 0
    assert f"\nsite: {name}\n" in f"\n{capsys.readouterr().out}"
