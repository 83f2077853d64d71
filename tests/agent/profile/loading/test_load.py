"""Profiles: all that are shipped are sound, and each kind of fault is named with its file and place."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.profile.loading.load import load_profiles, parse_profile
from rackflow import catalogue
from rackflow.errors import ProfileError
from tests.agent.shipped import shipped_profiles

if TYPE_CHECKING:
    from agent.profile.schema import Profile

GOOD = """
version: 1
profile: good
class: ups
protocol: snmp
title: A UPS
source: a manual
evidence: unverified
recognise: {probes: [1.3.6.1.4.1.1.0]}
points:
  - {metric: dcim_ups_battery_charge_ratio, oid: 1.3.6.1.4.1.1.0, unit: percent}
"""


TABLE = """
tables:
  - name: lines
    rows: 1.3.6.1.4.1.1.3.1
    labels: {phase: {index: 1, map: {1: L1}}}
    points:
      - {metric: dcim_ups_output_voltage_volts, oid: 1.3.6.1.4.1.1.3.2, unit: volt}
"""


def test_every_shipped_profile_is_sound_and_says_where_it_comes_from() -> None:
    profiles = shipped_profiles()
    assert {"rfc1628-ups", "apc-ups", "apc-rpdu2", "aalc-rpu", "schneider-iem3000"} <= profiles.keys()
    for profile in profiles.values():
        assert profile.source
        assert list(profile.all_points())


AIR = "dcim_cdu_air_temperature_celsius"
DERIVED_TOGETHER: dict[str, tuple[str, ...]] = {
    "dew point of a sensor": ("env_temperature_celsius", "env_relative_humidity_ratio"),
    "dew point at a CDU": ("cdu_ambient_temperature_celsius", "cdu_ambient_relative_humidity_ratio"),
    "heat and heat exchanger": (
        "cdu_supply_temperature_celsius",
        "cdu_return_temperature_celsius",
        "cdu_flow_cubic_meters_per_second",
    ),
    "unbalance of a PDU": ("pdu_phase_current_amperes",),
    "unbalance of a UPS": ("ups_output_current_amperes",),
    "unbalance of a meter": ("meter_current_amperes",),
}


def test_what_a_figure_is_derived_from_comes_with_one_poll() -> None:
    """The agent derives from one poll: inputs in two poll classes would never meet."""
    found = 0
    for profile in shipped_profiles().values():
        points = [point for _, point in profile.all_points()]
        for figure, metrics in DERIVED_TOGETHER.items():
            inputs = [point for point in points if point.metric.removeprefix("dcim_") in metrics]
            if figure == "heat and heat exchanger" and not any("primary" in str(point.labels) for point in inputs):
                # without facility water, the air that it takes in is the exchanger's other side
                inputs += [point for point in points if point.metric == AIR and "inlet" in str(point.labels)]
            classes = {point.poll or catalogue()[point.metric].poll for point in inputs}
            assert len(classes) <= 1, f"{profile.profile}: {figure}: {classes}"
            found += len(inputs) > 1
    assert found > 50


def test_own_profiles_override_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "apc-ups.yaml").write_text(GOOD.replace("profile: good", "profile: apc-ups"), encoding="utf-8")
    assert load_profiles(tmp_path, lazy=True)["apc-ups"].title == "A UPS"


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed("unit: percent", "unit: volt"), "unit 'volt' gives 'volts', the catalogue wants 'ratio'"),
        (changed("unit: percent", "unit: furlong"), "unit: is not a known unit"),
        (changed("unit: percent", "unit: percent, scale: 0"), "scale must not be 0"),
        (changed("unit: percent", "unit: percent, scale: 1e999999999"), "scale '1e999999999' is not a number such as"),
        (changed("unit: percent", "unit: percent, scale: 1e300"), "scale '1e300' is not a number such as"),
        (changed("unit: percent", "unit: percent, scale: 1/0"), "scale '1/0' is not a number such as"),
        (changed("unit: percent", "unit: percent, scale: .inf"), "scale 'inf' is not a number such as"),
        (changed("unit: percent", f"unit: percent, shift: {10**30}"), "shift"),
        (changed("unit: percent", "numbers: {1: .inf}"), "numbers"),
        (changed("unit: percent", "words: {a: .nan}"), "words"),
        (changed("unit: percent", "unit: percent, colour: red"), "colour: unknown key"),
        (
            changed("dcim_ups_battery_charge_ratio", "dcim_ups_charm_ratio"),
            "dcim_ups_charm_ratio: is not a metric of the catalogue",
        ),
        (
            changed("dcim_ups_battery_charge_ratio", "dcim_ups_batery_charge_ratio"),
            r"p\.yaml:\d+: .*; did you mean 'dcim_ups_battery_charge_ratio'\?",
        ),
        (
            GOOD + "  - {metric: dcim_ups_battery_charge_ratio, oid: 1.3.6.1.4.1.2.0, unit: percent}\n",
            r"p\.yaml:\d+: dcim_ups_battery_charge_ratio: another point has the same labels \(no labels\)",
        ),
        (
            changed("unit: percent", "unit: percent, fallback: [{oid: 1.3.6.1.4.1.1.0, unit: percent}]"),
            r"p\.yaml:\d+: .*fallback 1 is never reached",
        ),
        (changed("unit: percent", "unit: percent, labels: {outlet: a}"), r"labels \['outlet'\] are not among"),
        (changed("oid: 1.3.6.1.4.1.1.0, ", ""), "needs either oid or register"),
        (
            changed("oid: 1.3.6.1.4.1.1.0,", "register: 5,"),
            "register belongs to Modbus; the profile's protocol is snmp",
        ),
        (changed("unit: percent", "states: {1: normal}"), "states belong to metrics of type state"),
        (
            changed("battery_charge_ratio, oid: 1.3.6.1.4.1.1.0, unit: percent", "output_source, oid: 1.3.6.1.4.1.1.0"),
            "needs states",
        ),
        (
            changed(
                "battery_charge_ratio, oid: 1.3.6.1.4.1.1.0, unit: percent",
                "output_source, oid: 1.3.6.1.4.1.1.0, states: {1: online}",
            ),
            r"states \['online'\] are not among",
        ),
        (changed("class: ups", "class: toaster"), "class: must be"),
        (changed("recognise: {probes: [1.3.6.1.4.1.1.0]}", ""), "needs a probe or a subtree"),
        (changed("title: A UPS", "title: A UPS\ntitle: B"), r"p\.yaml:7: key 'title' is given twice"),
        (changed("evidence: unverified", "evidence: hearsay"), "evidence: must be"),
        ("[", r"p\.yaml"),
    ],
)
def test_a_faulty_profile_is_refused_with_file_and_place(text: str, message: str) -> None:
    with pytest.raises(ProfileError, match=message) as caught:
        parse_profile(text, "p.yaml")
    assert str(caught.value).startswith("p.yaml")


def test_a_file_must_be_called_as_its_profile(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ProfileError, match=r"other\.yaml:3: profile: is 'good'"):
        load_profiles(tmp_path, shipped={})


def test_a_profile_says_its_scale_exactly() -> None:
    profile: Profile = parse_profile(changed("unit: percent", "unit: percent, scale: 0.1"), "p.yaml")
    factor = profile.points[0].factor("percent")
    assert (factor.numerator, factor.denominator) == (1, 1000)


def test_a_profile_extends_one_of_its_protocol_that_extends_none() -> None:
    """Which of three comes first nobody would see, and registers mean nothing to SNMP."""

    def extending(name: str, base: "Profile") -> "Profile":
        text = GOOD.replace("profile: good", f"profile: {name}\nextends: {base.profile}")
        return parse_profile(text, f"{name}.yaml", {base.profile: base})

    middle = extending("middle", parse_profile(GOOD, "good.yaml"))
    with pytest.raises(ProfileError, match=r"third\.yaml:4: extends: 'middle' extends 'good' itself; extend that one"):
        extending("third", middle)
    with pytest.raises(ProfileError, match=r"own\.yaml:4: extends: 'eastron-sdm630' is a profile for modbus"):
        extending("own", shipped_profiles()["eastron-sdm630"])


def test_what_a_profile_says_itself_stands_before_what_it_takes_over() -> None:
    """The first of two points for one series is planned."""
    base = parse_profile(GOOD + TABLE, "good.yaml")
    own = (
        (GOOD + TABLE)
        .replace("profile: good", "profile: own\nextends: good")
        .replace("1.3.6.1.4.1.1.", "1.3.6.1.4.1.2.")
    )
    whole = parse_profile(own, "own.yaml", {"good": base})
    assert [point.oid for point in whole.points] == ["1.3.6.1.4.1.2.0", "1.3.6.1.4.1.1.0"]
    assert [table.rows for table in whole.tables] == [["1.3.6.1.4.1.2.3.1"], ["1.3.6.1.4.1.1.3.1"]]


def test_a_shelved_profile_is_small_until_it_is_asked_for_and_then_the_same(tmp_path: Path) -> None:
    own = GOOD.replace("profile: good", "profile: rfc1628-ups\nextends: rfc1628-ups")
    (tmp_path / "rfc1628-ups.yaml").write_text(own, encoding="utf-8")
    whole, lazy = load_profiles(tmp_path, shipped=shipped_profiles()), load_profiles(tmp_path, lazy=True)
    assert list(lazy) == list(whole)
    for name, profile in lazy.items():
        assert not list(profile.all_points())
        assert (profile.recognise, profile.protocol) == (whole[name].recognise, whole[name].protocol)
        assert profile.loaded() == whole[name]
        assert profile.loaded() is profile.loaded()
