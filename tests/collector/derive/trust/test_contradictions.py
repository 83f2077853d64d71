"""Power meters and air sensors that contradict themselves or their room are named after a minute; coarse and late ones are not."""

from collections.abc import Callable

import pytest

from tests.collector.derive.hall import Readings, hall

Sensors = dict[str, float | str]
AIR = (
    "sensors:\n",
    "sensors:\n"
    + "".join(
        f"  - {{id: {pdu}-front, device: {pdu}, sensor: '1', rack: a2, position: inlet}}\n"
        for pdu in ("pdu-a2-a1", "pdu-a2-b1")
    ),
)


def pdu(amperes: float, volts: float = 230.0) -> Sensors:
    """A PDU whose three phases carry the same."""
    shown: Sensors = {"pdu_input_power_watts{inlet=1}": 3 * volts * amperes * 0.98}
    for phase in ("L1", "L2", "L3"):
        place = f"{{inlet=1,phase={phase}}}"
        shown |= {
            f"pdu_phase_current_amperes{place}": amperes,
            f"pdu_phase_voltage_volts{place}": volts,
            f"pdu_phase_power_watts{place}": volts * amperes * 0.98,
            f"pdu_phase_apparent_power_voltamperes{place}": volts * amperes,
        }
    return shown


def named(readings: Readings, now: float) -> set[str]:
    """`device reading reason` of every suspect."""
    found = set()
    for figure in readings.figures(now).values():
        if figure.output.metric.name == "dcim_device_reading_suspect":
            labels = dict(figure.output.labels)
            found.add(f"{labels['device']} {labels['reading']} {labels['reason']}")
    return found


def over_time(
    readings: Readings, shown: Callable[[float], Sensors], device: str = "pdu-a2-a1", until_s: int = 120
) -> dict[float, set[str]]:
    """Who is named, by seconds; the device is polled every five."""
    found = {}
    for second in range(0, until_s + 1, 5):
        readings.take(device, shown(float(second)), 100.0 + second)
        found[float(second)] = named(readings, 100.5 + second)
    return found


def test_a_total_that_is_no_sum_is_named_and_the_phases_take_its_place() -> None:
    readings = Readings()
    for other in ("pdu-a2-a2", "pdu-a2-b1", "pdu-a2-b2"):
        readings.take(other, pdu(20.0), 100.0, interval_s=600)
    found = over_time(readings, lambda _: pdu(40.0) | {"pdu_input_power_watts{inlet=1}": 270_480.0})
    assert min(second for second, names in found.items() if names) == 60.0
    assert found[120.0] == {"pdu-a2-a1 input_total_power impossible"}
    power = readings.figures(221.0)["rack_power_watts{rack=a2}"]
    assert power.value == pytest.approx((40 + 3 * 20) * 3 * 230 * 0.98)


@pytest.mark.parametrize(
    ("series", "factor", "expected"),
    [
        ("pdu_phase_current_amperes", 10.0, {"input_current_L1"}),
        ("pdu_phase_current_amperes", 0.1, {"input_current_L1"}),
        ("pdu_phase_power_watts", 10.0, {"input_power_L1"}),
        ("pdu_phase_power_watts", 0.1, {"input_power_L1"}),
    ],
)
def test_apparent_power_says_which_of_both_is_off(series: str, factor: float, expected: set[str]) -> None:
    def shown(_: float) -> Sensors:
        values, key = pdu(40.0), f"{series}{{inlet=1,phase=L1}}"
        return values | {key: float(values[key]) * factor}

    found = over_time(Readings(), shown)[120.0]
    assert found == {f"pdu-a2-a1 {reading} impossible" for reading in expected}


def test_without_a_third_quantity_both_are_named() -> None:
    def shown(_: float) -> Sensors:
        values = {key: value for key, value in pdu(40.0).items() if "apparent" not in key}
        return values | {"pdu_phase_current_amperes{inlet=1,phase=L2}": 400.0}

    found = over_time(Readings(), shown)[120.0]
    assert found == {"pdu-a2-a1 input_current_L2 impossible", "pdu-a2-a1 input_power_L2 impossible"}


def test_a_load_that_steps_between_two_polls_is_no_contradiction() -> None:
    def shown(second: float) -> Sensors:
        before, after = pdu(40.0), pdu(15.0)
        if second % 30 >= 10:
            return after if second % 30 >= 20 else before
        return after | {key: value for key, value in before.items() if "power_watts" in key}

    assert not any(over_time(Readings(), shown, until_s=300).values())


def test_an_idle_pdu_whose_current_is_cut_to_zero_is_none() -> None:
    idle = pdu(0.3) | {f"pdu_phase_current_amperes{{inlet=1,phase=L{phase}}}": 0.0 for phase in (1, 2, 3)}
    assert not any(over_time(Readings(), lambda _: idle).values())


def air(celsius: float, humidity: float) -> Sensors:
    return {"env_temperature_celsius{sensor=1}": celsius, "env_relative_humidity_ratio{sensor=1}": humidity}


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (air(23 * 1.8 + 32, 0.45), {"temperature_1"}),
        (air(23.0, 1.0), {"humidity_1"}),
        (air(34.0, 0.24), set()),
        (air(23.0, 0.62), set()),
    ],
    ids=["degrees Fahrenheit", "saturated", "a hot spot", "a damp corner"],
)
def test_an_air_sensor_is_measured_by_its_room(odd: Sensors, expected: set[str]) -> None:
    readings = Readings(hall(AIR))
    cdu = {"cdu_supply_temperature_celsius{loop=secondary}": 30.0}
    readings.take("cdu-1", cdu, 100.0, device_class="cdu", interval_s=600)
    for other in ("pdu-a2-a1", "pdu-a2-b1"):
        readings.take(other, air(23.5, 0.44), 100.0, interval_s=600)
    found = over_time(readings, lambda _: odd, "pdu-a1-a")[120.0]
    assert found == {f"pdu-a1-a {reading} impossible" for reading in expected}
    margin = readings.figures(221.0)["cdu_dew_point_margin_celsius{device=cdu-1}"]
    if expected:
        assert margin.value == pytest.approx(30.0 - 10.5, abs=0.5)
        assert "suspect, impossible" in margin.missing[0]


def test_a_warm_room_is_measured_by_itself_and_not_by_the_one_beside_it() -> None:
    """A room of transformers and UPSs at 45 degC, beside a hall at 23."""
    upss, pdus = ("ups-a1", "ups-a2", "ups-b"), ("pdu-a1-a", "pdu-a1-b", "pdu-a2-a1", "pdu-a2-b1")
    sensors = "".join(f"  - {{id: {each}-air, device: {each}, sensor: '1', room: plant}}\n" for each in upss)
    sensors += "  - {id: a1-back-up, device: pdu-a1-b, sensor: '1', rack: a1, position: inlet}\n"
    readings = Readings(hall(AIR, ("sensors:\n", f"sensors:\n{sensors}")))
    for pdu_id in pdus:
        readings.take(pdu_id, air(23.0, 0.45), 100.0, interval_s=600)
    for ups in upss[1:]:
        readings.take(ups, air(45.0, 0.14), 100.0, device_class="ups", interval_s=600)
    for second in range(0, 125, 5):
        readings.take(upss[0], air(45.0, 0.14), 100.0 + second, device_class="ups")
        assert named(readings, 100.5 + second) == set()


def test_of_two_sensors_nobody_can_say_which_is_right() -> None:
    readings = Readings()
    readings.take("box-1", air(23.0, 0.45), 100.0, device_class="sensor", interval_s=600)
    assert not any(over_time(readings, lambda _: air(73.4, 0.45), "pdu-a1-a").values())
