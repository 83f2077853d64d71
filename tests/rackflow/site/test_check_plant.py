"""What a site file says of generators, meters and cooling plant that cannot be: each is refused in words, not counted wrongly."""

import pytest

from rackflow import ConfigError
from tests.collector.derive.hall import hall

GENERATORS = (
    "generators:\n  - {id: g1, feeds: [A], rated_power_w: 100000, group: g%s}\n"
    "  - {id: g2, feeds: [%s], rated_power_w: 100000, group: g%s}\ngrid:"
)
LOOP, MAIN = "kind: primary, coolant: water, volume_m3: 4}", "{id: meter-main, role: facility, room: plant}"
CDU = "{id: cdu-1, primary: fws,"
PV, AIR = "{id: meter-pv, role: pv}", "{id: crah-1,"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("grid:", GENERATORS % ("", "B", ""), "carry different feeds"),
        ("grid:", GENERATORS % (", required: 1", "A", ", required: 2"), "require different numbers"),
        ("grid:", GENERATORS % (", required: 3", "A", ""), "2 of 3 required generators"),
        ("grid:", GENERATORS % (", start_s: 9", "A", ""), "generators with start_s"),
        (MAIN, f"{MAIN}\n  - {{id: second, role: facility, incomer: true}}", "both count the whole site"),
        (CDU, "{id: cdu-1, primary: [fws, fws],", "names a loop twice"),
        (
            "design_power_w: 8000}",
            "design_power_w: 8000, liquid_share: 0.05}",
            "has a liquid share but no loop cools it",
        ),
        (LOOP, f"{LOOP}\n  - {{id: fw2, kind: primary, coolant: pg25, volume_m3: 4}}", ""),
        (LOOP, LOOP.replace("}", ", facility_pumps_required: 1}"), "0 of 1 required facility pumps"),
        ("cdus_required: 1}", "cdus_required: 1, chillers_required: 1}", "only a primary loop has this"),
        ("air_units:", "air_groups: [{id: g, required: 1}]\nair_units:", "0 of 1 required air units"),
        (LOOP, LOOP.replace("}", ", reservoir_m3: 0.1}"), "only a secondary loop has this"),
        (LOOP, LOOP.replace("}", ", min_ride_through_s: {pumps: 90}}"), "only a secondary loop has this"),
        (PV, "{id: meter-pv, role: pv, behind: meter-main}", "the site's own and counted as free of carbon"),
        (PV, "{id: meter-pv, role: pv, behind: meter-it}", "unknown meter of role facility 'meter-it'"),
        (PV, "{id: meter-pv, role: pv, behind: meter-pv}", "unknown meter of role facility 'meter-pv'"),
        (
            PV,
            "{id: meter-pv, role: pv, behind: meter-a}\n  - {id: meter-a, role: facility, measures: [A]}",
            "'meter-a' measures a part of the site, and 'meter-main' counts the whole site; name that one",
        ),
        (MAIN, MAIN.replace("}", ", behind: meter-main}"), "behind is for a meter of role pv or generator"),
    ],
)
def test_what_cannot_be_is_refused(old: str, new: str, words: str) -> None:
    if not words:  # another primary loop alone is fine, and a CDU on both, whose coolants differ, is not
        hall((old, new))
        with pytest.raises(ConfigError, match="different coolants"):
            hall((old, new), (CDU, "{id: cdu-1, primary: [fws, fw2],"))
        return
    with pytest.raises(ConfigError, match=words):
        hall((old, new))


@pytest.mark.parametrize(
    "replaced",
    [
        [("grid:", GENERATORS % (", required: 2", "A", ", required: 2"))],
        [("grid:", GENERATORS % (", required: 2", "A", ""))],
        [("A, backup_start_s: 30}", "A}"), ("grid:", GENERATORS % (", start_s: 9", "A", ""))],
        [
            ("A, backup_start_s: 30}, {id: B}", "A}, {id: B, backup_start_s: 30}"),
            ("grid:", GENERATORS % (", start_s: 9", "A", "")),
        ],
        [("volume_m3: 0.4,", "volume_m3: 0.4, reservoir_m3: 0.1, min_ride_through_s: {pumps: 90},")],
        [(AIR, f"{AIR} group: g,"), ("air_units:", "air_groups: [{id: g, required: 1}]\nair_units:")],
        [
            (MAIN, MAIN.replace("}", ", incomer: true}") + "\n  - {id: second, role: facility, incomer: true}"),
        ],
        [
            (LOOP, LOOP.replace("}", ", facility_pumps_required: 1}")),
            ("meters:", "facility_pumps: [{id: p1, loop: fws, from: [row-a], room: plant}]\nmeters:"),
        ],
        [(MAIN, f"{MAIN}\n  - {{id: second, role: facility, measures: [row-a]}}")],
        [(PV, "{id: meter-pv, role: pv, behind: meter-main}"), ("contracts: [{id: pv-roof, meter: meter-pv}]", "")],
        [
            (MAIN, MAIN.replace("}", ", measures: [A]}")),
            (PV, "{id: meter-pv, role: pv, behind: meter-main}"),
            ("contracts: [{id: pv-roof, meter: meter-pv}]", ""),
        ],
    ],
    ids=[
        "both generators say that both are required",
        "one of them says it",
        "their start instead of that of the feed",
        "the start of a feed that these generators do not carry",
        "a reservoir of a secondary loop",
        "as many air units as required",
        "two incomers",
        "as many facility pumps as required",
        "a meter of a part of the site",
        "PV behind the main meter without a contract",
        "PV behind the meter of a feed where no meter counts the whole site",
    ],
)
def test_what_can_be_is_taken(replaced: list[tuple[str, str]]) -> None:
    assert hall(*replaced).id == "t1"


def test_pv_behind_a_meter_that_is_below_another_one_is_refused() -> None:
    """No meter counts the whole site, and that of a feed is counted alone: what is behind the one below it would be counted nowhere."""
    parts = MAIN.replace("}", ", measures: [A]}") + "\n  - {id: meter-row, role: facility, measures: [row-a]}"
    no_contract = ("contracts: [{id: pv-roof, meter: meter-pv}]", "")
    assert hall((MAIN, parts), (PV, "{id: meter-pv, role: pv, behind: meter-main}"), no_contract).id == "t1"
    words = "'meter-row' measures is a part of what 'meter-main' measures; name that one, which 'meter-pv' is behind as well"
    with pytest.raises(ConfigError, match=rf"hall.yaml:\d+: meters\[3\]\.behind: what {words}"):
        hall((MAIN, parts), (PV, "{id: meter-pv, role: pv, behind: meter-row}"), no_contract)


def test_generators_with_the_same_feeds_are_a_group_in_whatever_order_they_name_them() -> None:
    text = (
        "generators:\n  - {id: g1, feeds: [A, B], rated_power_w: 100000, required: %d}\n"
        "  - {id: g2, feeds: [B, A], rated_power_w: 100000}\ngrid:"
    )
    assert hall(("grid:", text % 2)).id == "t1"
    with pytest.raises(ConfigError, match=r"group 'A\+B' has 2 of 3 required generators"):
        hall(("grid:", text % 3))


@pytest.mark.parametrize("kind", ["chillers", "dry_coolers", "facility_pumps"])
def test_plant_is_on_a_primary_loop(kind: str) -> None:
    rated = "" if kind == "facility_pumps" else ", rated_cooling_w: 100000"
    text = f"{kind}: [{{id: p1, loop: %s, from: [row-a]{rated}, room: plant}}]\nmeters:"
    assert hall(("meters:", text % "fws")).id == "t1"
    with pytest.raises(ConfigError, match="'tcs' is a secondary loop, which CDUs serve"):
        hall(("meters:", text % "tcs"))


@pytest.mark.parametrize(("written", "watts"), [("2.5 kW", 2500.0), ("2,5 kW", 2500.0), ("0,12 MW", 120_000.0)])
def test_a_power_is_read_with_a_point_or_a_comma_and_in_its_unit(written: str, watts: float) -> None:
    assert hall(("design_power_w: 8000", f"design_power_w: '{written}'")).racks["a1"].design_power_w == watts


def test_the_highest_voltage_of_racks_is_taken_and_a_higher_one_is_refused() -> None:
    """347 V in Canada; with a voltage that is too high, every power that is computed from a current would be."""
    assert hall(("volts: 230", "volts: 347")).electrical.volts == 347.0
    with pytest.raises(ConfigError, match="more than any rack's voltage from line to neutral"):
        hall(("volts: 230", "volts: 360"))
