"""Each side on which a device measures power: rack PDUs, both sides of a UPS, and meters; each by a phase, and by its total."""

import pytest

from tests.collector.derive.hall import Readings, hall

SIDES = {
    "pdu": ("pdu-a2-a1", "pdu", "input", "pdu_phase_", "pdu_phase_power_watts", "pdu_input_power_watts{inlet=1}"),
    "ups in": ("ups-b", "ups", "input", "ups_input_", "ups_input_power_watts", "ups_input_total_power_watts"),
    "ups out": ("ups-b", "ups", "output", "ups_output_", "ups_output_power_watts", "ups_output_total_power_watts"),
    "meter": ("meter-it", "meter", "meter", "meter_", "meter_phase_power_watts", "meter_power_watts"),
}


def shown(side: str, watts: float = 2000.0, total: float | None = None) -> dict[str, float | str]:
    """Three phases of 10 A at 230 V; L1 takes `watts`."""
    *_, begin, power, whole = SIDES[side]
    inlet = "inlet=1," if side == "pdu" else ""
    values: dict[str, float | str] = {}
    for phase in ("L1", "L2", "L3"):
        values |= {
            f"{power}{{{inlet}phase={phase}}}": watts if phase == "L1" else 2000.0,
            f"{begin}current_amperes{{{inlet}phase={phase}}}": 10.0,
            f"{begin}voltage_volts{{{inlet}phase={phase}}}": 230.0,
        }
    return values | {whole: watts + 4000.0 if total is None else total}


def named(side: str, values: dict[str, float | str]) -> set[str]:
    readings = Readings(hall())
    device, device_class, *_ = SIDES[side]
    for now in range(100, 161, 10):
        readings.take(device, values, float(now), device_class=device_class)
        readings.figures(float(now))
    figures = readings.figures(161.0)
    labels = [dict(each.output.labels) for name, each in figures.items() if name.startswith("device_reading_suspect")]
    assert all((each["device"], each["reason"]) == (device, "impossible") for each in labels)
    return {each["reading"] for each in labels}


@pytest.mark.parametrize("side", SIDES)
def test_a_phase_that_its_volts_and_amperes_do_not_carry_is_named_on_its_side(side: str) -> None:
    name = SIDES[side][2]
    assert named(side, shown(side)) == set()
    assert named(side, shown(side, 20_000.0)) == {f"{name}_power_L1", f"{name}_current_L1"}


@pytest.mark.parametrize("side", SIDES)
def test_a_total_that_is_not_the_sum_of_its_phases_is_named_on_its_side(side: str) -> None:
    assert named(side, shown(side, total=60_000.0)) == {f"{SIDES[side][2]}_total_power"}
    assert named(side, shown(side, total=600.0)) == {f"{SIDES[side][2]}_total_power"}


@pytest.mark.parametrize("phase", ["L1", "L2", "L3"])
def test_any_phase_that_is_off_acquits_the_total(phase: str) -> None:
    values = shown("ups in", total=6000.0)
    values[f"ups_input_power_watts{{phase={phase}}}"] = 20_000.0
    assert named("ups in", values) == {f"input_power_{phase}", f"input_current_{phase}"}


def test_inlets_of_one_pdu_are_held_apart() -> None:
    """Two inlets, each right for itself: the phases of one are not added to the total of the other."""
    values = shown("pdu")
    for key, value in shown("pdu").items():
        values[key.replace("inlet=1", "inlet=2")] = float(value) / 4 if "volt" not in key else value
    assert named("pdu", values) == set()
    values["pdu_input_power_watts{inlet=2}"] = 6000.0
    assert named("pdu", values) == {"input_total_power"}


def test_of_the_currents_of_two_inlets_none_is_taken_for_that_of_a_phase() -> None:
    """A PDU that states the power of a phase for both of its inlets together: either current alone would be half of what it takes."""
    values: dict[str, float | str] = {"pdu_phase_power_watts{phase=L1}": 4600.0}
    for inlet in (1, 2):
        values[f"pdu_phase_current_amperes{{inlet={inlet},phase=L1}}"] = 10.0
        values[f"pdu_phase_voltage_volts{{inlet={inlet},phase=L1}}"] = 230.0
    assert named("pdu", values) == set()
    del values["pdu_phase_current_amperes{inlet=2,phase=L1}"], values["pdu_phase_voltage_volts{inlet=2,phase=L1}"]
    assert named("pdu", values) == {"input_power_L1", "input_current_L1"}
