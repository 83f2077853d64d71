"""At which edge a Modbus unit counts as another one: how many quantities must be impossible, and how many must run on."""

import pytest

from tests.agent.poll.test_register_fit import (
    DAMPNESS,
    HEAD,
    HIGH_TEMPERATURE,
    NAMED,
    POWERED,
    SERIAL,
    TEMPERATURE,
    VOLTS,
    WARMTH,
    small_unit,
)


@pytest.mark.parametrize("is_former_known", [False, True], ids=["of a new unit", "of one in place of another"])
async def test_a_probe_that_never_gave_a_reading_does_not_count_as_one_that_breaks(*, is_former_known: bool) -> None:
    """Two quantities are impossible, and the others run on. But so they do where the registers have always been those of another unit."""
    poller, memory = small_unit(NAMED + WARMTH + DAMPNESS + POWERED, 245, 45, 0, 12, 35, 80)
    memory.registers |= {SERIAL: 4711, 0: 245 if is_former_known else 8500}
    await poller.open()
    if is_former_known:
        memory.registers |= {SERIAL: 4712, 0: 8500}
        await poller.open()
    assert (await poller.poll("normal", 1e9)).values[VOLTS] == 12.0
    memory.registers[1] = 2000
    for _ in range(2):
        await poller.poll("slow", 1e9)
        assert (await poller.poll("normal", 1e9)).values == {}


CURRENT = (
    "  - {metric: dcim_meter_current_amperes, register: 6, unit: ampere, labels: {role: it, phase: L1}, poll: normal}\n"
)
POWER_OF_METER = "  - {metric: dcim_meter_power_watts, register: 7, unit: watt, labels: {role: it}, poll: normal}\n"


@pytest.mark.parametrize(
    ("others", "values"),
    [(CURRENT, {6: 12}), (CURRENT + POWER_OF_METER, {6: 0, 7: 0})],
    ids=["one alone", "two that are 0"],
)
async def test_one_quantity_that_runs_on_shows_nothing_and_neither_do_zeros(
    others: str, values: dict[int, int]
) -> None:
    poller, memory = small_unit(HEAD + WARMTH + DAMPNESS + others, 245, 45)
    memory.registers |= values
    await poller.open()
    assert (await poller.poll("normal", 1e9)).values[TEMPERATURE] == 24.5
    memory.registers |= {0: 8500, 1: 2000}
    for _ in range(2):
        assert (await poller.poll("normal", 1e9)).values == {}


async def test_what_another_unit_gave_for_a_moment_is_not_compared_with_later() -> None:
    """Its registers show in the second class that is polled; what it gave for the first one is forgotten with that."""
    poller, memory = small_unit(HEAD + WARMTH + DAMPNESS + POWERED + CURRENT, 245, 45, 0, 12, 35, 80, 5)
    usual = dict(memory.registers)
    await poller.open()

    async def polled() -> None:
        await poller.poll("normal", 1e9)
        await poller.poll("slow", 1e9)

    await polled()
    memory.registers |= {3: 20, 4: 999, 5: 250, 6: 9}
    await polled()
    assert (await poller.poll("slow", 1e9)).values == {}
    memory.registers |= usual
    assert (await poller.poll("slow", 1e9)).values[HIGH_TEMPERATURE] == 35.0
    await polled()
    memory.registers |= {0: 8500, 1: 2000}
    await polled()
    assert (await poller.poll("normal", 1e9)).values[VOLTS] == 12.0


OTHERS = (
    *("ups_battery_charge_ratio, unit: percent", "ups_battery_voltage_volts, unit: volt"),
    *("ups_output_total_load_ratio, unit: percent", "ups_efficiency_ratio, unit: percent"),
    *("ups_temperature_celsius, unit: celsius", "pdu_input_load_ratio, unit: percent"),
    *("pdu_neutral_current_amperes, unit: ampere", "ats_phase_shift_degrees, unit: degree"),
    *("cdu_power_watts, unit: watt", "cdu_current_amperes, unit: ampere"),
    "cdu_ambient_temperature_celsius, unit: celsius",
)


@pytest.mark.parametrize(("others", "is_foreign"), [(10, True), (11, False)])
async def test_a_sixth_of_the_quantities_must_be_impossible(others: int, *, is_foreign: bool) -> None:
    points = "".join(
        f"  - {{metric: dcim_{each}, register: {at}, poll: normal}}\n" for at, each in enumerate(OTHERS[:others], 2)
    )
    poller, _ = small_unit(HEAD + WARMTH + DAMPNESS + points, 8500, 2000, *[50] * others)
    await poller.open()
    found = await poller.poll("normal", 1e9)
    assert len(found.values) == (0 if is_foreign else others)
