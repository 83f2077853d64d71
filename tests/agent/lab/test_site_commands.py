"""`site draft`, `site import` and `site check`: from an agent's devices, tables and NetBox to a site file."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from agent.cli import main
from rackflow.site import load_site
from tests.servers.netbox import COOLING, NetBox, cabled, device, hall

AGENT = """
agent: gw-1
labels: {site: casablanca}
credentials: {c: {community: public}}
devices:
  - {id: pdu-a1-a, host: 192.0.2.1, credential: c, profile: apc-rpdu2}
  - {id: pdu-a1-b, host: 192.0.2.2, credential: c, profile: apc-rpdu2}
  - {id: ups-1, host: 192.0.2.3, credential: c, profile: apc-ups, labels: {room: plant, feed: A}}
  - {id: main, host: 192.0.2.4, protocol: modbus, profile: schneider-iem3000, role: facility}
  - {id: valve, host: 192.0.2.5, protocol: modbus, profile: belimo-energy-valve}
"""
NAMES = "pdu-(?P<rack>[a-z][0-9]+)-(?P<feed>[ab])"
SETS = ["--set", "racks.design_power_w=17000", "--set", "pdus.breaker_a=32", "--set", "ups.rated_power_w=100000"]


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(AGENT, encoding="utf-8")
    return path


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def run(*arguments: object, expected: int = 0) -> None:
    assert main(["site", *map(str, arguments)]) == expected


def test_a_site_file_follows_from_an_agents_devices(
    agent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("draft", "--config", agent, "--names", NAMES, "--rules", "iec", *SETS)
    printed = capsys.readouterr()
    path = written(tmp_path / "site.yaml", printed.out)
    site = load_site(path)
    assert site.feeds_of("a1") == ("A", "B")
    assert site.place("ups-1") == {"room": "plant"}
    assert site.meters["main"].role == "facility"
    assert "the site file is complete" in printed.err
    assert "left out: valve" in printed.err
    run("check", path)
    assert capsys.readouterr().out == f"{path}: ok; 1 rack, 2 feeds, 0 panels, 0 loops, 4 devices\n"


def test_a_draft_does_not_depend_on_the_site_file_that_it_replaces(
    agent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shell has emptied `site.yaml` before the command reads the configuration that names it."""
    run("draft", "--config", agent, "--names", NAMES, "--rules", "iec", *SETS)
    first = capsys.readouterr().out
    written(tmp_path / "site.yaml", "")
    agent.write_text(AGENT + "site_file: site.yaml\n", encoding="utf-8")
    run("draft", "--config", agent, "--names", NAMES, "--rules", "iec", *SETS)
    assert capsys.readouterr().out == first
    (tmp_path / "site.yaml").unlink()
    run("draft", "--config", agent, "--names", NAMES, "--rules", "iec", *SETS)
    assert capsys.readouterr().out == first


def test_upss_that_supply_nothing_are_told_by_the_check(
    agent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("draft", "--config", agent, "--names", NAMES, "--rules", "iec", *SETS)
    printed = capsys.readouterr()
    assert "nothing hangs on ups-1, because PDUs hang directly on A" in printed.err
    path = written(tmp_path / "site.yaml", printed.out)
    run("check", path, "--output", "json")
    [warning] = json.loads(capsys.readouterr().out)["warnings"]
    assert warning.startswith(f"{path}: nothing hangs on ups-1 of feed A, while PDUs hang directly on the feed")
    run(
        "draft",
        "--config",
        agent,
        "--names",
        NAMES,
        "--rules",
        "iec",
        *SETS,
        "--csv",
        written(tmp_path / "t.csv", "id,from\npdu-a1-a,ups-1\n"),
    )
    path = written(tmp_path / "site.yaml", capsys.readouterr().out)
    run("check", path, "--output", "json")
    assert json.loads(capsys.readouterr().out)["warnings"] == []


def test_a_table_completes_what_the_agent_has(agent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = written(
        tmp_path / "racks.csv",
        # As a spreadsheet of much of Europe saves it, with a byte order mark.
        "\ufeffid;section;rack;feed;breaker_a;row;room;design_power_w;colour\n"
        "pdu-a1-a;;a1;A;32;;;;red\npdu-a1-b;;a1;B;16,5;;;;\na1;racks;;;;row-a;hall;17000;\nvalve;monitors;a1;;;;;;\n",
    )
    run("draft", "--config", agent, "--csv", table, "--rules", "iec", "--set", "ups.rated_power_w=9e4")
    printed = capsys.readouterr()
    site = load_site(written(tmp_path / "site.yaml", printed.out))
    assert (site.pdus["pdu-a1-b"].breaker_a, site.rows["row-a"].room) == (16.5, "hall")
    assert "left out" not in printed.err
    assert "columns that no section has are not used: colour" in printed.err


def test_of_what_discover_writes_devices_that_are_gone_or_counted_twice_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a place that begins like a formula is read without the apostrophe that `discover` has put before it."""
    table = written(
        tmp_path / "devices.csv",
        "status,id,class,rack,feed,room\nnew,pdu-b1,pdu,b1,A,'-1st floor\ngone,pdu-b2,pdu,b2,A,\n"
        "duplicate,pdu-b3,pdu,b3,A,\nknown,pdu-b4,pdu,b4,B,'quoted'\n",
    )
    run("draft", "--csv", table)
    printed = capsys.readouterr()
    drafted = yaml.safe_load(printed.out)
    assert {each["id"] for each in drafted["pdus"]} == {"pdu-b1", "pdu-b4"}
    # The rows are not known. Those of two rooms are two all the same.
    rooms = {each["id"]: each["room"] for each in drafted["rows"]}
    assert [rooms[each["row"]] for each in drafted["racks"]] == ["-1st floor", "'quoted'"]
    assert "no source names the room" not in printed.err


def test_what_is_missing_is_marked_and_named(agent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("draft", "--config", agent)
    printed = capsys.readouterr()
    assert "fill in pdus.rack of pdu-a1-a" in printed.err
    path = written(tmp_path / "site.yaml", printed.out)
    run("check", path, expected=78)
    assert f"{path}:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "site draft: give --config, --csv, or both"),
        (["--set", "racks=5"], "is not SECTION.KEY=VALUE"),
        (["--set", "racks.design_power=5"], "did you mean 'design_power_w'?"),
        (["--names", "pdu-(.*)"], "needs groups named room, row, rack or feed"),
        (["--names", "pdu-("], "is not a regular expression"),
    ],
)
def test_wrong_options_are_one_line(
    arguments: list[str], fault: str, agent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("draft", *(["--config", agent] if arguments else []), *arguments, expected=78)
    printed = capsys.readouterr()
    assert fault in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("name,rack\nx,r\n", ":1: has no column id"),
        ("id,rack\nx,r,z\n", ":2: has more cells than the header"),
        ("id,section\nx,rack\n", ":2: section 'rack' is none; use racks"),
        ("id,section,breaker_a\nx,pdus,32 kW\n", "breaker_a: '32 kW' is not a number; give it in A"),
    ],
)
def test_a_wrong_table_is_one_line(table: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("draft", "--csv", written(tmp_path / "t.csv", table), expected=78)
    assert fault in capsys.readouterr().err


async def imported(*arguments: object, expected: int = 0) -> None:
    await asyncio.to_thread(run, "import", *arguments, expected=expected)


async def test_a_site_is_imported_from_netbox_page_by_page(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETBOX_TOKEN", "nbt_4F9DAouzURLb.zjebxBPzICiPbWz0Wtx0fTL7bCKXKGTYhNzkgC2S")
    bearer = "Bearer nbt_4F9DAouzURLb.zjebxBPzICiPbWz0Wtx0fTL7bCKXKGTYhNzkgC2S"
    saved = tmp_path / "netbox.json"
    async with NetBox(hall(), bearer).serving() as netbox:
        await imported(
            "--netbox", netbox.url, "--netbox-site", "casablanca", "--token", "env:NETBOX_TOKEN", "--save", saved
        )
    first = capfd.readouterr()
    site = yaml.safe_load(first.out)
    assert site["site"] == "casablanca"
    assert site["racks"] == [
        {"id": "A1", "row": "Row-A", "design_power_w": 17000},
        {"id": "A2", "row": "Row-A", "design_power_w": None},
    ]
    assert site["rows"] == [{"id": "Row-A", "room": "Hall-1"}]
    assert site["panels"] == [
        {"id": "PP-A", "room": "Hall-1", "from": ["A"]},
        {"id": "PP-B", "room": "Hall-1", "from": ["B"]},
    ]
    assert site["pdus"][:3] == [
        {"id": "PDU-A1A", "rack": "A1", "from": "PP-A", "breaker_a": 32},
        {"id": "PDU-A1B", "rack": "A1", "from": "PP-B", "breaker_a": 32},
        {"id": "PDU-A2A", "rack": "A2", "from": "PP-A", "breaker_a": 32, "phases": None},
    ]
    assert site["loops"] == [
        {"id": "Chiller-1", "kind": "primary", "coolant": "water", "volume_m3": None},
        {"id": "CDU-1-loop", "kind": "secondary", "coolant": None, "volume_m3": None, "racks": ["A2"]},
    ]
    assert [(cdu["id"], cdu["primary"], cdu["secondary"]) for cdu in site["cdus"]] == [
        ("CDU-1", "Chiller-1", "CDU-1-loop"),
        ("CDU-2", "Chiller-1", "CDU-1-loop"),
    ]
    assert site["air_units"] == [{"id": "CRAH-1", "rated_cooling_w": 60500}]
    # What was saved gives the same where there is no network, and the token is not in it.
    await imported("--netbox", saved)
    assert capfd.readouterr().out == first.out
    assert "nbt_" not in saved.read_text(encoding="utf-8") + first.out + first.err


async def test_a_netbox_before_4_7_has_no_cooling_and_old_tokens(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETBOX_TOKEN", "0123456789abcdef")
    objects = {name: found for name, found in hall().items() if name not in COOLING}
    async with NetBox(objects, "Token 0123456789abcdef", page=500).serving() as netbox:
        await imported("--netbox", f"{netbox.url}/api/", "--netbox-site", "casablanca", "--token", "env:NETBOX_TOKEN")
    assert [rack["id"] for rack in yaml.safe_load(capfd.readouterr().out)["racks"]] == ["A1", "A2"]


async def test_a_pdu_behind_a_ups_hangs_from_it_and_a_second_inlet_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    objects = hall()
    site, rack = objects["sites"][0], objects["racks"][0]
    ups = device(500, "UPS 1", "ups-central", site, rack)
    pdu = device(501, "PDU X", "pdu", site, rack)
    outlet = {"id": 502, "name": "out", "device": ups}
    objects["devices"] += [ups, pdu]
    objects["power-ports"] += [
        cabled(503, ups, "dcim.powerfeed", objects["power-feeds"][0]),
        cabled(504, pdu, "dcim.poweroutlet", outlet),
        cabled(505, pdu, "dcim.powerfeed", objects["power-feeds"][1]),
    ]
    path = written(tmp_path / "netbox.json", json.dumps(objects))
    await imported("--netbox", path, "--netbox-site", "casablanca")
    printed = capfd.readouterr()
    drafted = yaml.safe_load(printed.out)
    assert drafted["ups"] == [{"id": "UPS-1", "rack": "A1", "from": ["PP-A"], "rated_power_w": None}]
    assert {"id": "PDU-X", "rack": "A1", "from": "UPS-1", "breaker_a": None} in drafted["pdus"]
    assert "left out: the second supply of PDU-X" in printed.err


async def test_what_netbox_refuses_is_one_line_with_the_remedy(capfd: pytest.CaptureFixture[str]) -> None:
    async with NetBox(hall(), "Token right").serving() as netbox:
        await imported("--netbox", netbox.url, expected=78)
        assert "sites/: status 403: the token is missing, not accepted" in capfd.readouterr().err
        netbox.token = ""
        await imported("--netbox", netbox.url, expected=78)
        assert "several sites; name one with --netbox-site: casablanca, rabat" in capfd.readouterr().err
        await imported("--netbox", netbox.url, "--netbox-site", "fez", expected=78)
        assert "NetBox has no site 'fez'; it has: casablanca, rabat" in capfd.readouterr().err
        # A token goes to the address that was given and nowhere else.
        asked = len(netbox.asked)
        await imported("--netbox", f"{netbox.url}/moved", expected=78)
        assert "status 302: it is redirected to" in capfd.readouterr().err
        assert len(netbox.asked) == asked
    await imported("--netbox", netbox.url, expected=78)
    assert "cannot be read: " in capfd.readouterr().err
    await imported("--netbox", netbox.url, "--token", "s3cret", expected=78)
    assert "write env:NAME" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "is not an object"),
        ("{}", "has none of sites"),
        ('{"sites": [5]}', "sites: is not a list of NetBox's objects"),
        ('{"sites": [{"id": 1, "slug": "a"}], "power-ports": [{"id": 1}]}', "is not what NetBox 4 answers"),
    ],
)
def test_a_file_that_is_not_netboxs_is_one_line(
    text: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("import", "--netbox", written(tmp_path / "n.json", text), expected=78)
    assert fault in capsys.readouterr().err
