"""Scale of upsBatteryVoltage: tenths of volts by RFC 1628, whole volts on some cards. The number alone fits both."""

from typing import TYPE_CHECKING

import pytest

from agent.lab.replay import replay_snmp
from rackflow.recording.snmprec import Record
from tests.agent.poll.test_outage import Bench
from tests.agent.shipped import shipped_profiles

if TYPE_CHECKING:
    from agent.snmp.seam import SnmpValue

UPS = "1.3.6.1.2.1.33.1"
VOLTS = "dcim_ups_battery_voltage_volts"
ONE, THREE, PADDED = (230,), (230, 231, 229), (230, 0, 0)


async def battery(raw: int, lines: tuple[int, ...], counted: int) -> tuple[float | None, str | None]:
    """What a UPS with these output voltages gives for its battery: a value, or the reason why there is none."""
    answers: dict[str, SnmpValue] = {f"{UPS}.2.5.0": raw, f"{UPS}.4.3.0": counted}
    answers |= {f"{UPS}.4.4.1.2.{line}": volts for line, volts in enumerate(lines, 1)}
    records = sorted((Record(oid, "", value) for oid, value in answers.items()), key=lambda each: each.key)
    _, readings = await replay_snmp(records, shipped_profiles(), "rfc1628-ups", 1_790_000_000.0)
    return readings.values.get(VOLTS), readings.bad.get(VOLTS)


@pytest.mark.parametrize(
    ("raw", "lines", "counted", "volts"),
    [
        (273, ONE, 1, 27.3),
        (27, ONE, 1, 27.0),
        (2_730, ONE, 1, 273.0),
        (273, PADDED, 3, 27.3),
        (273, THREE, 1, 27.3),
        (273, THREE, 3, 273.0),
        (2_730, THREE, 3, 273.0),
        (5_450, THREE, 3, 545.0),
        (656, THREE, 3, 656.0),
    ],
)
async def test_the_lines_of_a_ups_tell_the_scale_of_its_battery(
    raw: int, lines: tuple[int, ...], counted: int, volts: float
) -> None:
    value, reason = await battery(raw, lines, counted)
    assert value == pytest.approx(volts)
    assert reason is None


# 54.0 V of a three-phase inverter on 48 V, or 540 V of a string of 40 blocks.
@pytest.mark.parametrize("raw", [380, 432, 540, 620, 35])
async def test_a_battery_voltage_that_can_be_both_is_no_reading(raw: int) -> None:
    assert await battery(raw, THREE, 3) == (None, "sentinel")


async def test_a_string_that_was_seen_in_tenths_stays_so_when_its_breaker_opens() -> None:
    cells: dict[str, SnmpValue] = {
        "1.3.6.1.2.1.1.3.0": 100,
        f"{UPS}.4.1.0": 3,
        f"{UPS}.4.3.0": 3,
        f"{UPS}.2.5.0": 2_730,
    }
    bench = Bench("rfc1628-ups", cells | {f"{UPS}.4.4.1.2.{line}": 230 for line in (1, 2, 3)})
    for raw in (2_730, 2_731, 2_729, 350, 240):  # 35.0 V and 24.0 V are left on it
        assert (await bench.read({f"{UPS}.2.5.0": raw})).values[VOLTS] == pytest.approx(raw / 10)


async def test_a_volt_picked_up_by_two_other_lines_makes_no_three_phase_ups() -> None:
    value, reason = await battery(273, (230, 1, 2), 3)
    assert value == pytest.approx(27.3)
    assert reason is None
