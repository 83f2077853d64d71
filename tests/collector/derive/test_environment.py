"""The air before and behind racks, limits of the site file, shares of flow, margins of ride-through, counts of an hour."""

import pytest

from collector.derive.limits import SiteLimit, site_limits
from collector.derive.liquid import Thermal
from collector.derive.power.counts import Increase
from tests.collector.derive.hall import Readings, hall
from tests.collector.derive.liquid.test_cooling import cooled


def test_a_sensor_before_a_rack_has_its_position_and_the_racks_labels() -> None:
    readings = Readings()
    readings.take("pdu-a1-a", {"env_temperature_celsius{sensor=1}": 24.0, "env_temperature_celsius{sensor=2}": 31.0})
    readings.take("box-1", {"env_temperature_celsius{sensor=1}": 38.0}, device_class="env")
    assert readings.values("rack_air_temperature_celsius") == {
        "rack=a1,device=pdu-a1-a,position=inlet,sensor=1": 24.0,
        "rack=a2,device=box-1,position=outlet,sensor=1": 38.0,
    }


def test_what_a_device_says_of_its_sensors_counts_where_the_site_file_does_not_have_them() -> None:
    readings = Readings(described=False)
    inlet, outlet, room = (
        f"env_temperature_celsius{{{each}}}"
        for each in ("position=front_top,sensor=1", "position=rear_top,sensor=2", "sensor=3")
    )
    readings.take("netbotz", {inlet: 25.0, outlet: 36.0, room: 22.0}, device_class="env")
    assert readings.values("rack_air_temperature_celsius") == {
        "device=netbotz,position=inlet,sensor=1": 25.0,
        "device=netbotz,position=outlet,sensor=2": 36.0,
    }


def test_a_figure_moves_with_the_device_that_it_is_made_of() -> None:
    """Also where no series of it is new: a figure of its former rack would be joined with nothing, or with another device's readings."""
    readings, values = Readings(described=False), {"env_temperature_celsius{position=front_top,sensor=1}": 25.0}
    for now, rack in ((100.0, "r1"), (110.0, "r2")):
        readings.places["netbotz"] = {"rack": rack}
        readings.take("netbotz", values, now, device_class="env")
        found = readings.values("rack_air_temperature_celsius", now + 1.0)
        assert found == {f"rack={rack},device=netbotz,position=inlet,sensor=1": 25.0}


def test_a_sensor_that_the_site_file_has_and_the_device_describes_has_one_figure() -> None:
    readings = Readings()
    readings.take("pdu-a1-a", {"env_temperature_celsius{position=rear_top,sensor=1}": 24.0})
    figures = readings.values("rack_air_temperature_celsius")
    assert [name for name in figures if "pdu-a1-a" in name] == ["rack=a1,device=pdu-a1-a,position=inlet,sensor=1"]
    assert figures["rack=a1,device=pdu-a1-a,position=inlet,sensor=1"] == 24.0


def test_a_device_that_the_site_file_names_without_a_sensor_has_a_figure_for_each_of_its_sensors() -> None:
    readings = Readings(hall(('device: box-1, sensor: "1", rack: a2', "device: box-1, rack: a2")))
    readings.take("box-1", {f"env_temperature_celsius{{sensor={at}}}": 36.0 + at for at in (1, 2)}, device_class="env")
    found = readings.values("rack_air_temperature_celsius")
    assert {name: celsius for name, celsius in found.items() if "box-1" in name} == {
        "rack=a2,device=box-1,position=outlet,sensor=1": 37.0,
        "rack=a2,device=box-1,position=outlet,sensor=2": 38.0,
    }


def test_a_sensor_of_the_rooms_air_is_before_and_behind_no_rack() -> None:
    readings = Readings(hall(("rack: a2, position: outlet", "room: hall, position: ambient")))
    readings.take("box-1", {"env_temperature_celsius{sensor=1}": 22.0}, device_class="env")
    assert [each for each in readings.values("rack_air_temperature_celsius") if "box-1" in each] == []


def test_the_limit_of_the_supply_is_the_configurations_else_the_site_files_else_a_constant() -> None:
    stated = hall(("cdus_required: 1}", "cdus_required: 1, max_supply_celsius: 38}"))
    metric, loop = "dcim_cdu_supply_temperature_limit_celsius", (("loop", "secondary"),)
    for site, thermal, expected in (
        (hall(), Thermal(), SiteLimit(metric, loop, 45.0, "constant")),
        (stated, Thermal(), SiteLimit(metric, loop, 38.0, "site file")),
        (stated, Thermal(supply_limit_celsius=40.0), SiteLimit(metric, loop, 40.0, "configuration")),
    ):
        assert site_limits(site, thermal)["cdu-1"] == (expected,)
    assert (
        Readings(stated).values("cdu_supply_temperature_limit_celsius")[
            "row=a,device=cdu-1,loop=secondary".removeprefix("row=a,")
        ]
        == 38.0
    )
    for device in ("pdu-a1-a", "ups-b"):
        assert [each.value for each in site_limits(stated, Thermal())[device]] == [230.0]


def test_a_cdu_is_measured_by_its_part_of_the_loops_flow_among_those_that_run() -> None:
    def shares(first: float, second: float, state: str = "running") -> list[float | None]:
        readings = cooled()
        for cdu, flow, pump in (("cdu-1", first, "running"), ("cdu-2", second, state)):
            values: dict[str, float | str] = {
                "cdu_flow_cubic_meters_per_second{loop=secondary}": flow,
                "cdu_pump_state{pump=1}": pump,
            }
            readings.take(cdu, {**values, "cdu_pump_state{pump=2}": "standby"}, 100.5, device_class="cdu")
        return list(readings.values("cdu_flow_share_ratio").values())

    assert shares(0.003, 0.003) == [1.0, 1.0]
    assert shares(0.005, 0.001) == pytest.approx([5 / 3, 1 / 3])
    assert shares(0.006, 0.0, "standby") == [None, None]  # nobody to share with


def test_ride_through_is_measured_against_what_the_site_file_needs_or_the_generators_start() -> None:
    readings = cooled()
    lasts, margin = (readings.values(f"loop_ride_through_{each}") for each in ("seconds", "margin_seconds"))
    assert margin.keys() == {"loop=tcs,failure=heat_rejection"}  # 30 s, of feed A
    for name, each in margin.items():
        assert each == pytest.approx((lasts[name] or 0.0) - 30.0)
    slower = cooled(hall(("{id: B}", "{id: B, backup_start_s: 45}"))).values("loop_ride_through_margin_seconds")
    assert slower == {name: pytest.approx((lasts[name] or 0.0) - 45.0) for name in margin}
    stated = cooled(hall(("cdus_required: 1}", "cdus_required: 1, min_ride_through_s: {pumps: 12, primary_flow: 90}}")))
    margin = stated.values("loop_ride_through_margin_seconds")
    assert margin["loop=tcs,failure=primary_flow"] == pytest.approx(
        (lasts["loop=tcs,failure=primary_flow"] or 0.0) - 90
    )
    assert margin["loop=tcs,failure=pumps"] == pytest.approx((lasts["loop=tcs,failure=pumps"] or 0.0) - 12)


def test_a_counter_counts_within_the_hour_and_across_its_own_restart() -> None:
    memory = Increase()
    assert [memory.update([count], at)[0] for count, at in ((40, 0.0), (41, 60.0), (43, 120.0))] == [0.0, 1.0, 3.0]
    assert memory.update([2], 180.0)[0] == 5.0  # started over
    assert memory.update([2], 180.0 + 3600.0)[0] == 0.0


def test_what_was_counted_59_minutes_ago_still_counts_and_what_an_hour_ago_does_not() -> None:
    memory = Increase()
    found = {at: memory.update([40 if at < 60 else 41], float(at))[0] for at in (0, 60, 3600, 3659, 3660)}
    assert found == {0: 0.0, 60: 1.0, 3600: 1.0, 3659: 1.0, 3660: 0.0}


def test_what_a_counter_rose_while_nobody_read_it_is_not_that_of_the_last_hour() -> None:
    """Five faults in twelve hours without its agent would be an unstable input."""
    memory = Increase()
    memory.update([100], 0.0)
    assert memory.update([101], 3600.0)[0] == 1.0
    assert memory.update([106], 12 * 3600.0)[0] == 0.0
    assert memory.update([107], 12 * 3600.0 + 60)[0] == 1.0


def test_input_faults_of_a_ups_are_counted() -> None:
    readings = Readings()
    found: dict[str, float | None] = {}
    for now, count in ((100.0, 7.0), (110.0, 11.0)):
        readings.take("ups-b", {"ups_input_faults_total": count}, now, device_class="ups")
        found = readings.values("ups_input_faults_in_hour", now + 1.0)
    assert found == {"feed=B,device=ups-b": 4.0}
