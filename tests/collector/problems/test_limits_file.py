"""The limits file of a site: what it changes, for the collector and for Prometheus, and what it is refused for."""

from pathlib import Path
from typing import Any, cast

import pytest

from collector.cli import main
from collector.problems.conditions import Evaluator, Finding, Subject, labels_of
from collector.problems.limits_file import load_limits, parse_limits
from collector.problems.rule_files import rules_yaml
from collector.problems.table import Table, load_table
from collector.problems.tracker import Tracker
from rackflow import ConfigError
from tests.collector.documents import document, status
from tests.collector.problems.test_notified import problems, shows, smoke, telling
from tests.collector.running import publish, publisher, running
from tests.servers.mosquitto import Mosquitto

UPS = {"site": "s", "device": "u"}


def limited(text: str) -> Table:
    return parse_limits(f"version: 1\nproblems:\n{text}", "limits.yaml", load_table())


def finding(table: Table, problem: str, metric: str, value: float, **more: float) -> Finding | None:
    subject = Subject(UPS)
    subject.add(metric, {}, value)
    for name, each in more.items():
        subject.add(name, {}, each)
    return next(iter(Evaluator(table).findings(table.problems[problem], subject, 0.0).values()), None)


def test_a_limit_of_the_site_replaces_the_constant_and_is_reported_as_such() -> None:
    load, metric = "DcimUpsLoadHigh", "dcim_ups_output_total_load_ratio"
    assert finding(load_table(), load, metric, 0.85) == Finding(0.85, 0.8, "constant")
    own = limited("  DcimUpsLoadHigh: {limit: 0.9}\n")
    assert finding(own, load, metric, 0.85) is None
    assert finding(own, load, metric, 0.95) == Finding(0.95, 0.9, "limits file")
    assert "dcim_ups_output_total_load_ratio) > 0.9" in rules_yaml(own)


def test_one_of_several_limits_is_named_by_its_metric() -> None:
    own = limited("  DcimUpsBatteryReplace: {limits: {dcim_ups_battery_health_ratio: 0.6}}\n")
    assert finding(own, "DcimUpsBatteryReplace", "dcim_ups_battery_health_ratio", 0.7) is None
    assert finding(own, "DcimUpsBatteryReplace", "dcim_ups_battery_bad_packs", 1.0) == Finding(1.0, 0.0, "constant")


def test_a_limit_on_both_sides_of_zero_is_changed_on_both() -> None:
    own = limited("  DcimClockSkew: {limit: 5}\n")
    offset = "dcim_agent_clock_offset_seconds"
    assert [finding(own, "DcimClockSkew", offset, each) is not None for each in (4.0, 6.0, -4.0, -6.0)] == [
        False,
        True,
        False,
        True,
    ]


def test_a_limit_below_zero_replaces_one_above() -> None:
    own = limited("  DcimCduApproachHigh: {limit: -1}\n")
    found = finding(own, "DcimCduApproachHigh", "dcim_cdu_loaded_approach_celsius", 0.5)
    assert found == Finding(0.5, -1.0, "limits file")


def test_a_limit_a_hold_and_a_keep_may_be_zero_and_one_named_by_its_metric_precedes_the_general_one() -> None:
    own = limited(
        "  DcimCduSupplyTemperatureHigh: {hold_s: 0, keep_s: 0}\n"
        "  DcimCduApproachHigh: {limit: 0}\n"
        "  DcimUpsLoadHigh: {limit: 0.9, limits: {dcim_ups_output_total_load_ratio: 0.7}}\n"
    )
    high = own.problems["DcimCduSupplyTemperatureHigh"]
    assert (high.hold_s, high.keep_s) == (0.0, 0.0)
    assert finding(own, "DcimCduApproachHigh", "dcim_cdu_loaded_approach_celsius", 1.0) is not None
    load = "DcimUpsLoadHigh"
    assert finding(own, load, "dcim_ups_output_total_load_ratio", 0.75) == Finding(0.75, 0.7, "limits file")
    assert finding(own, load, "dcim_ups_output_load_ratio", 0.85) is None


def test_how_much_above_a_set_point_is_changed_while_the_set_point_stays_the_devices() -> None:
    own = limited("  DcimCduSupplyTemperatureHigh: {limit: 5}\n")
    subject = Subject(UPS)
    subject.add("dcim_cdu_supply_temperature_celsius", {"loop": "secondary"}, 36.0)
    subject.add("dcim_cdu_supply_temperature_setpoint_celsius", {"loop": "secondary"}, 30.0)
    found = Evaluator(own).findings(own.problems["DcimCduSupplyTemperatureHigh"], subject, 0.0)
    assert list(found.values()) == [Finding(36.0, 35.0, "limits file")]


def test_a_limit_from_the_device_or_the_site_file_is_reported_with_its_origin() -> None:
    table = load_table()
    subject = Subject(UPS, sources={"dcim_device_nominal_voltage_volts": "site file"})
    subject.add("dcim_pdu_phase_voltage_volts", {"phase": "L1"}, 260.0)
    subject.add("dcim_device_nominal_voltage_volts", {}, 230.0)
    (found,) = Evaluator(table).findings(table.problems["DcimVoltageOutOfRange"], subject, 0.0).values()
    assert found.limit == pytest.approx(253.0)
    assert (found.value, found.source) == (260.0, "site file")
    subject = Subject(UPS)
    subject.add("dcim_env_temperature_celsius", {"sensor": "1"}, 28.0)
    subject.add("dcim_env_temperature_high_threshold_celsius", {"sensor": "1"}, 27.0)
    (found,) = Evaluator(table).findings(table.problems["DcimReadingBeyondLimit"], subject, 0.0).values()
    assert found == Finding(28.0, 27.0, "device")


def test_times_and_severity_are_changed_and_a_problem_that_is_off_explains_nothing() -> None:
    own = limited("  DcimUpsOverload: {off: true}\n  DcimUpsLoadHigh: {hold_s: 60, keep_s: 30, severity: info}\n")
    assert "DcimUpsOverload" not in own.problems
    high = own.problems["DcimUpsLoadHigh"]
    assert (high.hold_s, high.keep_s, high.severity, high.causes) == (60.0, 30.0, "info", {})
    assert "DcimUpsOverload" not in rules_yaml(own)


WITH_WINDOW = sorted(name for name, each in load_table().problems.items() if each.within_s)


@pytest.mark.parametrize("name", WITH_WINDOW)
@pytest.mark.parametrize(
    ("hold_s", "keep_s"), [(0, None), (0, 0), (1, 0), (30, 10), (60, None), (3600, None), (3600, 5)]
)
def test_whatever_times_a_site_has_set_a_problem_that_counts_within_a_window_is_reported_in_time_and_ends(
    name: str, hold_s: int, keep_s: int | None
) -> None:
    """A version that counts it so must start with the file of before; nor may its end be later than what the site has set."""
    keep = "" if keep_s is None else f", keep_s: {keep_s}"
    table = limited(f"  {name}: {{hold_s: {hold_s}{keep}}}\n")
    own, shipped = table.problems[name], load_table().problems[name]
    tracker, key, told = Tracker(table), (name, labels_of(UPS)), []
    for second in range(2 * hold_s + 2 * 1800 + 1000):
        tracker.update(("device", "s", "u"), {key: 1.0} if second <= hold_s + 5 else {}, float(second))
        told += [second for each in tracker.tick(float(second), 1e9 + second) if each.problem.name == name]
    assert told[:1] == [hold_s]
    assert len(told) == 2, "it ends"
    if shipped.within_s <= shipped.keep_s:
        assert told[1] <= hold_s + 5 + own.keep_s + 1
    assert name in rules_yaml(table)


@pytest.mark.parametrize("name", WITH_WINDOW)
def test_a_site_that_changes_something_else_leaves_the_window_as_it_is(name: str) -> None:
    """Without it a breaker that is overloaded in bursts would not be reported any more, because its site wants to be told as info."""
    shipped = load_table().problems[name]
    assert limited(f"  {name}: {{severity: info}}\n").problems[name].within_s == shipped.within_s
    if shipped.within_s > shipped.keep_s:
        assert limited(f"  {name}: {{keep_s: 0}}\n").problems[name].within_s == shipped.within_s


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("  DcimNothing: {limit: 1}\n", 3, "no such problem"),
        ("  DcimUpsLoadHigh: {limt: 1}\n", 3, "limt"),
        ("  DcimCduHeatMismatch: {limit: -25}\n", 3, "for -25 % write -0.25"),
        ("  DcimUpsBatteryReplace: {limit: 1}\n", 3, "dcim_ups_battery_health_ratio (0.8)"),
        ("  DcimReadingBeyondLimit: {limit: 1}\n", 3, "stated by the device or the site file"),
        ("  DcimLeakDetected:\n    off: true\n", 4, "safety class"),
        ("  DcimUpsLoadHigh:\n    limits:\n      dcim_device_up: 1\n", 5, "dcim_ups_output_load_ratio"),
        ("  DcimUpsLoadHigh: {limit: 85}\n", 3, "85 is 8500 %; dcim_ups_output_load_ratio is a ratio"),
        ("  DcimPduPhaseLoadHigh: {limits: {dcim_pdu_phase_level_load_ratio: 70}}\n", 3, "for 70 % write 0.7"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line_and_what_to_do(text: str, line: int, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        limited(text)
    assert str(refused.value).startswith(f"limits.yaml:{line}: ")
    assert why in str(refused.value)


def test_a_small_ratio_may_be_raised_to_what_is_no_percentage_yet() -> None:
    """Five times one, or five times its own limit if that is more."""
    assert limited("  DcimCduHeatMismatch: {limit: 5}\n").problems["DcimCduHeatMismatch"].when[0].above == 5.0
    with pytest.raises(ConfigError, match=r"for 5\.1 % write 0\.051"):
        limited("  DcimCduHeatMismatch: {limit: 5.1}\n")


def test_the_command_prints_the_rules_of_the_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "limits.yaml").write_text("problems: {DcimRackInletWarm: {limit: 25}}\n", encoding="utf-8")
    config = tmp_path / "collector.yaml"
    config.write_text(
        "client_id: c\nbroker: {host: 127.0.0.1}\nstore: {kind: file, path: points}\ndead_letter: dead.jsonl\n"
        "problems: {limits: limits.yaml}\n",
        encoding="utf-8",
    )
    assert main(["rules", str(config)]) == 0
    assert '(dcim_rack_air_temperature_celsius{position="inlet"}) > 25' in capsys.readouterr().out
    (tmp_path / "limits.yaml").write_text("problems: {DcimRackInletWarm: {limit: warm}}\n", encoding="utf-8")
    assert main(["check", str(config)]) == 78
    assert "limits.yaml:1: problems.DcimRackInletWarm.limit" in capsys.readouterr().err


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "limits.yaml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="empty"):
        load_limits(tmp_path / "limits.yaml", load_table())


def test_a_cause_outlasts_its_consequence_that_a_site_lets_end_later() -> None:
    """Otherwise the consequence would be notified as a problem of its own, once the cause is over."""
    own = limited("  DcimPduPhaseLoadHigh: {keep_s: 3600}\n")
    cause = own.problems["DcimPduPhaseOverload"]
    assert cause.keep_s + cause.linger_s > 3600
    shipped = limited("  DcimPduPhaseLoadHigh: {hold_s: 60}\n").problems["DcimPduPhaseOverload"]
    assert shipped.linger_s == load_table().problems["DcimPduPhaseOverload"].linger_s


async def test_the_history_has_the_severity_that_the_limits_file_of_the_site_gives(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """As the list of what is wrong had it while it went on."""
    limits = tmp_path / "own-limits.yaml"
    limits.write_text("problems: {DcimSmoke: {severity: info, keep_s: 0}}\n", encoding="utf-8")
    async with (
        running(telling(mosquitto.port, tmp_path, {"limits": str(limits)})) as one,
        publisher(mosquitto.port) as client,
    ):
        await one.ready()
        await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
        await shows(one, "DcimSmoke")
        assert [each["severity"] for each in await problems(one)] == ["info"]
        await publish(client, smoke(2, 0.0))
        await shows(one)
        history = cast("dict[str, Any]", (await one.get("/api/v1/problems/history")).json())
    assert [(each["name"], each["severity"]) for each in history["items"]] == [("DcimSmoke", "info")]
