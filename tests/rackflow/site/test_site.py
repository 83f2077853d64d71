"""The site file: lookups of a sound one, and each fault is one line with file, line, key and remedy."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from rackflow.errors import ConfigError
from rackflow.process.yaml import load_yaml_file
from rackflow.site import BreakerCurve, Site, SiteFile, load_site, parse_site

HERE = Path(__file__).parent
HALL = HERE / "site_hall.yaml"
BAD = sorted((HERE / "bad_sites").glob("*.yaml"))


@pytest.fixture(scope="module")
def hall() -> Site:
    return load_site(HALL)


def test_the_path_of_a_feed_names_ups_panels_pdus_and_breakers(hall: Site) -> None:
    assert hall.feeds_of("a1") == ("A", "B")
    through_a, through_b = hall.path("a2", "A"), hall.path("a2", "B")
    assert (through_a.ups, through_a.panels) == (("ups-a1", "ups-a2"), ("main-a", "row-a"))
    assert through_a.pdus == ("pdu-a2-a1", "pdu-a2-a2")
    assert through_a.breaker_a == {"L1": 188, "L2": 188, "L3": 188}
    assert (through_b.ups, through_b.panels) == (("ups-b",), ("row-b",))
    assert hall.path("a1", "A").phases == ("L2",)
    with pytest.raises(KeyError):
        hall.path("a1", "C")
    with pytest.raises(KeyError):
        hall.feeds_of("a9")


def test_a_site_knows_what_feeds_cools_and_measures_each_of_its_parts(hall: Site) -> None:
    assert hall.feed_of("row-a") == "A"
    assert hall.feed_of("cdu-1") is None
    assert hall.feed_of("cdu-2") == "A"
    assert hall.sources("cdu-1") == ("row-a", "row-b")
    assert hall.fed_from("ups-b") == ("row-b",)
    assert hall.downstream("main-a") == {"row-a", "cdu-1", "cdu-2", "pdu-a1-a", "pdu-a2-a1", "pdu-a2-a2"}
    assert [pdu.id for pdu in hall.pdus_of("a1")] == ["pdu-a1-a", "pdu-a1-b"]
    loop = hall.loop_of("a2")
    assert loop is not None
    assert loop.id == "tcs"
    assert hall.loop_of("a1") is None
    assert [meter.id for meter in hall.meters_of("it")] == ["meter-it"]
    assert [sensor.id for sensor in hall.sensors_at(rack="a2", position="outlet")] == ["a2-rear"]
    # A sensor behind a rack says nothing about the air in front of it.
    assert [sensor.id for sensor in hall.sensors_at(room="hall", position="inlet")] == ["a1-front"]
    assert [sensor.id for sensor in hall.sensors_at(room="hall", position="ambient")] == ["rope-1"]
    assert hall.sensors_at(rack="a2", position="inlet") == ()
    assert hall.sensors_at(rack="none") == ()
    assert [sensor.id for sensor in hall.sensors_at(room="hall")] == ["a1-front", "a2-rear", "rope-1"]
    assert [sensor.id for sensor in hall.sensors_of_device("box-1")] == ["a2-rear"]
    assert [sensor.id for sensor in hall.sensors_of_device("rope-1")] == ["rope-1"], "a device of its own"


def test_a_rack_behind_a_transfer_switch_hangs_from_both_feeds(hall: Site) -> None:
    text = HALL.read_text(encoding="utf-8")
    switch = """transfer_switches:
  - {id: ats-1, rack: a1, a: {from: row-a, breaker_a: 16}, b: {from: B, breaker_a: 20, phases: [L2, L3, L1]}, preferred: b}
pdus:
  - {id: pdu-a1-s, rack: a1, from: ats-1, breaker_a: 16}
"""
    site = parse_site(text.replace("pdus:\n", switch), "hall")
    assert [pdu.id for pdu in site.pdus_of("a1")] == ["pdu-a1-a", "pdu-a1-b", "pdu-a1-s"]
    assert [pdu.id for pdu in site.pdus_of("a1", "A")] == ["pdu-a1-a"]
    assert site.feeds_of("a1") == hall.feeds_of("a1")  # by PDUs of their own
    (ats,) = site.switches_of("a1")
    assert (ats.id, ats.preferred, site.sources("ats-1")) == ("ats-1", "b", ("row-a", "B"))
    assert [site.feed_of(each.fed_by) for each in ats.inputs.values()] == ["A", "B"]
    assert site.above("ats-1") == ("ats-1", "row-a", "main-a", "ups-a1", "ups-a2")
    assert site.labels("pdu-a1-s") == {"site": "t1", "room": "hall", "row": "a", "rack": "a1"}
    assert site.labels("ats-1") == site.labels("pdu-a1-s")
    assert "ats-1" in site.devices
    assert site.downstream("B") >= {"ats-1", "pdu-a1-s"}
    assert not site.switches_of("a2")


def test_a_rack_may_hang_from_several_transfer_switches() -> None:
    text = HALL.read_text(encoding="utf-8")
    switches = """transfer_switches:
  - {id: ats-1, rack: a1, a: {from: row-a, breaker_a: 16}, b: {from: B, breaker_a: 20}}
  - {id: ats-2, rack: a1, a: {from: B, breaker_a: 16}, b: {from: A, breaker_a: 20}}
pdus:
  - {id: pdu-a1-s, rack: a1, from: ats-1, breaker_a: 16}
  - {id: pdu-a1-t, rack: a1, from: ats-2, breaker_a: 16}
  - {id: pdu-a1-u, rack: a1, from: ats-2, breaker_a: 16}
"""
    site = parse_site(text.replace("pdus:\n", switches), "hall")
    assert [each.id for each in site.switches_of("a1")] == ["ats-1", "ats-2"]


def test_the_usual_one_of_a_cdus_two_primary_loops_is_the_first_that_is_named() -> None:
    text = HALL.read_text(encoding="utf-8")
    text = text.replace("loops:\n", "loops:\n  - {id: aws, kind: primary, coolant: water, volume_m3: 4}\n")
    text = text.replace("{id: cdu-1, primary: fws,", "{id: cdu-1, primary: [fws, aws],").replace(
        "cdu-2, primary: fws,", "cdu-2,"
    )
    site = parse_site(text, "hall")
    assert [site.cdus[each].primaries for each in ("cdu-1", "cdu-2")] == [("fws", "aws"), ()]


def test_a_site_file_has_another_digest_once_it_says_something_else(hall: Site) -> None:
    """Comments, layout and the order of keys say nothing: two copies that are kept by hand differ in them."""
    text = HALL.read_text(encoding="utf-8")
    assert parse_site(f"# by hand\n{text}\n\n# the end\n", "hall").digest == hall.digest
    first = "{id: pdu-a1-a, rack: a1, from: row-a, breaker_a: 32"
    assert first in text
    swapped = text.replace(first, "{rack: a1, breaker_a: 32, from: row-a, id: pdu-a1-a")
    assert parse_site(swapped, "hall").digest == hall.digest
    assert parse_site(text.replace(first, first.replace("32", "16")), "hall").digest != hall.digest
    assert parse_site(text.replace("pdu-a1-a", "pdu-a1-z"), "hall").digest != hall.digest
    # A digest of one digit would be the same for one copy in sixteen.
    sizes = {
        parse_site(text.replace("design_power_w: 8000", f"design_power_w: {w}"), "hall").digest for w in range(1, 41)
    }
    assert len(sizes) == 40


@pytest.mark.parametrize(
    ("device", "labels"),
    [
        ("pdu-a1-a", {"site": "t1", "room": "hall", "row": "a", "rack": "a1", "feed": "A"}),
        ("ups-b", {"site": "t1", "room": "plant", "feed": "B"}),
        ("row-a", {"site": "t1", "room": "hall", "row": "a", "feed": "A"}),
        ("crah-1", {"site": "t1", "room": "hall", "feed": "B"}),
        ("cdu-1", {"site": "t1", "room": "hall", "row": "a"}),  # on both feeds
        ("cdu-2", {"site": "t1", "room": "hall", "row": "a", "feed": "A"}),
        ("meter-it", {"site": "t1"}),
        ("box-1", {"site": "t1", "room": "hall", "row": "a"}),
        ("rope-1", {"site": "t1", "room": "hall"}),
        ("someone-else", {}),
    ],
)
def test_a_device_has_the_labels_of_its_place(hall: Site, device: str, labels: dict[str, str]) -> None:
    assert hall.labels(device) == labels
    assert (device in hall.devices) == bool(labels)


def test_agents_are_named_by_every_kind_of_device_that_is_polled() -> None:
    """A collector refuses what another agent says about a device with a named agent, so none may be left out."""
    text = HALL.read_text(encoding="utf-8")
    for entry in ("{id: pdu-a1-a, ", "{id: ups-b, ", "{id: cdu-2, ", "{id: meter-pv, ", "{id: box-1, "):
        assert entry in text
        text = text.replace(entry, f"{entry}agent: gw-{entry[5]}, ")
    assert parse_site(text, "hall").agents == {
        "pdu-a1-a": "gw-p",
        "ups-b": "gw-u",
        "cdu-2": "gw-c",
        "meter-pv": "gw-m",
        "box-1": "gw-b",
    }


def test_a_sensor_that_is_read_from_another_device_is_no_device(hall: Site) -> None:
    """Else it would be waited for, and reported as a device that nobody polls."""
    assert ("a1-front" in hall.devices, "a2-rear" in hall.devices) == (False, False)
    assert "rope-1" in hall.devices


def test_a_feed_has_the_start_of_its_own_generators_alone() -> None:
    text = HALL.read_text(encoding="utf-8").replace("{id: A, backup_start_s: 30}", "{id: A}")
    generators = """generators:
  - {id: g-1, feeds: [A], rated_power_w: 100000, start_s: 12}
  - {id: g-2, feeds: [A], rated_power_w: 100000, start_s: 15}
  - {id: g-3, feeds: [B], rated_power_w: 100000}
ups:
"""
    feeds = parse_site(text.replace("ups:\n", generators, 1), "hall").feeds
    assert {name: each.backup_start_s for name, each in feeds.items()} == {"A": 15, "B": None}
    assert load_site(HALL).feeds["A"].backup_start_s == 30, "as the file says where no generator is described"


def test_upss_in_parallel_are_named_in_the_order_of_the_file() -> None:
    text = HALL.read_text(encoding="utf-8").replace("ups-a2", "ups-a0")
    assert parse_site(text, "hall").path("a1", "A").ups == ("ups-a1", "ups-a0")
    text = text.replace("from: [ups-a1, ups-a0]", "from: [ups-a0, ups-a1]")
    assert parse_site(text, "hall").path("a1", "A").ups == ("ups-a1", "ups-a0")


def test_the_phases_of_a_rack_are_named_in_their_order_whatever_its_pdus_are_connected_to_first() -> None:
    text = HALL.read_text(encoding="utf-8")
    text = text.replace(
        "id: pdu-a2-a1, rack: a2, from: row-a, breaker_a: 125",
        "id: pdu-a2-a1, rack: a2, from: row-a, breaker_a: 125, phases: [L3, L1]",
    )
    path = parse_site(text, "hall").path("a2", "A")
    assert [*path.breaker_a.items()] == [("L1", 188), ("L2", 63), ("L3", 188)]
    assert path.phases == ("L1", "L2", "L3")


def test_a_breakers_own_curve_comes_before_that_of_the_site() -> None:
    text = HALL.read_text(encoding="utf-8")
    site = parse_site(text.replace("electrical: {", "electrical: {breaker_curve: D, "), "hall")
    own = BreakerCurve(holds=1.05, time_constant_s=300.0, magnetic=7.0)
    assert site.curve_of(own) == own
    assert [site.curve_of(each).magnetic for each in ("B", "C", None)] == [3.0, 5.0, 10.0]
    # IEC 60898-1: carried for hours. With UL 489 a breaker of the same rating carries less, which the site file must say.
    assert {site.curve_of(each).holds for each in ("B", "C", "D")} == {1.13}
    assert {site.curve_of(each).time_constant_s for each in ("B", "C", "D")} == {120.0}


def test_runtimes_fall_with_the_load_in_whatever_order_they_are_written() -> None:
    text, falling = HALL.read_text(encoding="utf-8"), "{100000: 840, 200000: 300}"
    battery = parse_site(text.replace(falling, "{200000: 300, 100000: 840}"), "hall").ups["ups-b"].battery
    assert battery is not None
    assert battery.runtimes == {100_000: 840, 200_000: 300}
    for rising in ("{200000: 840, 100000: 300}", "{100000: 300, 200000: 300}"):
        with pytest.raises(ConfigError, match="runtimes must fall as the load grows"):
            parse_site(text.replace(falling, rising), "hall")


def test_nothing_in_a_site_changes(hall: Site) -> None:
    with pytest.raises(TypeError):
        hall.racks["a3"] = hall.racks["a1"]  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        hall.racks["a1"].design_power_w = 1


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_each_fault_of_a_site_file_is_named_with_its_line(file: Path) -> None:
    """The folder's files start with the lines that they must yield, all of them."""
    heads = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("# expect: ")]
    with pytest.raises(ConfigError) as raised:
        load_site(file)
    assert str(raised.value).splitlines() == [f"{file}{line.removeprefix('# expect: ')}" for line in heads]


def test_a_rack_may_have_another_number_of_pdus_on_each_feed() -> None:
    uneven = (HERE / "bad_sites" / "uneven_pdus.yaml").read_text(encoding="utf-8")
    site = parse_site(uneven.replace("pdus_per_feed: 2", "pdus_per_feed: {A: 2, B: 1}"), "site.yaml")
    assert (site.path("a1", "A").pdus, site.path("a1", "B").pdus) == (("pdu-a1", "pdu-a2"), ("pdu-b1",))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("many", "racks[0].pdus_per_feed: "),
        ("0", "racks[0].pdus_per_feed: "),
        ("{A: 2, B: 9}", "racks[0].pdus_per_feed.B: "),
        ("[2, 1]", "racks[0].pdus_per_feed: "),
    ],
)
def test_a_number_of_pdus_that_cannot_be_is_one_line(number: str, said: str) -> None:
    uneven = (HERE / "bad_sites" / "uneven_pdus.yaml").read_text(encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        parse_site(uneven.replace("pdus_per_feed: 2", f"pdus_per_feed: {number}"), "site.yaml")
    (line,) = str(raised.value).splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("key", "sound", "slips"),
    [
        ("continuous_load_factor", "0.8", ("0", "80")),
        ("design_power_w", "8000", ("0", "-8000")),
        ("liquid_share", "0.8", ("1.2", "80", "-0.1")),
        ("backup_start_s", "30", ("0", "3601")),
        ("breaker_a", "630", ("0", "63000")),
        ("runtimes", "{100000: 840, 200000: 300}", ("{}", "{0: 840}", "{100000: 0}")),
        ("volume_m3", "0.4", ("0", "1001")),
        ("cdus_required", "1", ("0",)),
        ("max_supply_celsius", "45", ("-1", "151")),
        ("rated_cooling_w", "60000", ("0",)),
        ("carbon_grams_per_kwh", "619.71", ("-1", "1501")),
        ("carbon_free_ratio", "0.216", ("21.6", "-0.1")),
    ],
)
def test_a_number_that_no_site_has_is_refused(key: str, sound: str, slips: tuple[str, ...]) -> None:
    """Most are slips of a unit: percent for a share, or milliamperes for amperes."""
    text = HALL.read_text(encoding="utf-8")
    assert text.count(f"{key}: {sound}") >= 1
    for slip in slips:
        with pytest.raises(ConfigError) as raised:
            parse_site(text.replace(f"{key}: {sound}", f"{key}: {slip}", 1), "hall")
        assert all(key in line for line in str(raised.value).splitlines()), slip


def test_every_rule_has_a_bad_site() -> None:
    assert len(BAD) >= 30


def test_schema_takes_what_the_loader_takes() -> None:
    schema = SiteFile.model_json_schema(by_alias=True)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(load_yaml_file(HALL))


def test_the_message_of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no-such\.yaml: no such file"):
        load_site(tmp_path / "no-such.yaml")
    with pytest.raises(ConfigError, match="x: the file is empty"):
        parse_site("", "x")
