"""Cooling units as their MIBs tell them: modules, alarms and columns that no recording shows."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM = "dcim_device_alarm_active"
POWERNET_COOLING = "1.3.6.1.4.1.318.1.1.27.1"
UNIT_STATES = b"Initializing(0),Delay(1),Maintenance(2),Off(3),Standby(4),No Demand(5),Cooling(6),Free Cooling(7),Idle(8),Hybrid Cooling(9)"


def rows(table: str, *named: tuple[SnmpValue, ...]) -> dict[str, SnmpValue]:
    """Rows of a table of branch coolingUnit: a name, and the columns behind it."""
    return {f"{table}.2.1.{at}.1.{row}": cell for row, cells in enumerate(named, 1) for at, cell in enumerate(cells, 2)}


def in_state(word: bytes, code: int) -> dict[str, SnmpValue]:
    """A Uniflair unit in one of its states."""
    return rows("4.2", (b"Unit State", word, code, UNIT_STATES))


CASES = {
    "two modules of a Stulz unit, beside a unit without modules": MibDevice(
        "stulz-wib8000",
        "1.3.6.1.4.1.29462.10.2.1",
        {
            **{f"1.1.1.1.1.1.1192.{row}": value for row, value in (("1.1.1", 241), ("1.1.2", 257), ("1.2.1", 232))},
            **{f"4.1.1.1.1013.{row}": code for row, code in (("1.1.1", 1), ("1.1.2", 0), ("1.2.1", 1))},
            **{f"1.1.1.1.1.1.1197.{row}": value for row, value in (("1.1.1", 610), ("1.1.2", 32767))},
            **{f"1.2.4.1.1.7032.{row}": value for row, value in (("1.1.1", 70), ("1.1.2", 0))},
            **{f"1.2.1.1.1.1.4503.{row}": code for row, code in (("1.1.1", 0), ("1.1.2", 1))},
            **{f"4.4.1.1.1.8503.{row}": code for row, code in (("1.1.1", 0), ("1.1.2", 1), ("1.2.1", 0))},
            **{f"4.4.1.1.1.8588.{row}": code for row, code in (("1.1.1", 1), ("1.1.2", 0))},
            "4.4.1.1.1.8505.1.1.2": 1,
        },
        {
            **{
                f"dcim_crah_return_air_temperature_celsius{{unit={unit}}}": value
                for unit, value in (("1.1", 24.1), ("1.1.2", 25.7), ("1.2", 23.2))
            },
            "dcim_crah_air_relative_humidity_ratio{sensor=outside,unit=1.1}": 0.61,
            **{
                f"dcim_crah_fan_speed_ratio{{fan=2,unit={unit}}}": value
                for unit, value in (("1.1", 0.7), ("1.1.2", 0.0))
            },
            **{
                f"dcim_crah_compressor_on{{compressor=2,unit={unit}}}": value
                for unit, value in (("1.1", 0), ("1.1.2", 1))
            },
            **{
                f"{ALARM}{{alarm=high-pressure-1.{unit},severity=critical}}": value
                for unit, value in (("1.1", 0), ("1.1.2", 1), ("1.2", 0))
            },
            f"{ALARM}{{alarm=filter.1.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=filter.1.1.2,severity=warning}}": 0.0,
            "dcim_leak_detected{sensor=water.1.1.2}": 1.0,
        },
        states={
            f"dcim_crah_unit_state{{unit={unit}}}": state
            for unit, state in (("1.1", "running"), ("1.1.2", "off"), ("1.2", "running"))
        },
        bad={"dcim_crah_air_relative_humidity_ratio{sensor=outside,unit=1.1.2}": "sentinel"},
    ),
    "an InRow cooler that tells its water side in the extended table": MibDevice(
        "uniflair-sp",
        POWERNET_COOLING,
        {
            **rows("4.1", (b"Supply Air Temperature", 187, b"C", 10)),
            **rows(
                "6.1",
                (b"Entering Chilled Water Temperature", 449, b"F", 10),
                (b"Entering Chilled Water Temperature", 72, b"C", 10),
                (b"Leaving Chilled Water Temperature", 128, b"C", 10),
                (b"Chilled Water Flow", 57, b"GPM", 10),
                (b"Chilled Water Flow", 36, b"L/s", 100),
                (b"Chilled Water Valve Position", 21, b"%", 1),
                (b"Air Filter Pressure", 12, b'"WC', 100),
                (b"Air Filter Pressure", 30, b"Pa", 1),
            ),
            **rows("6.2", (b"Leak", b"Leak Detected", 1, b"No Leak(0),Leak Detected(1)")),
        },
        {
            "dcim_crah_supply_air_temperature_celsius": 18.7,
            "dcim_crah_water_supply_temperature_celsius{circuit=1}": 7.2,
            "dcim_crah_water_return_temperature_celsius{circuit=1}": 12.8,
            "dcim_crah_water_flow_cubic_meters_per_second": 0.00036,
            "dcim_crah_valve_position_ratio": 0.21,
            "dcim_crah_filter_differential_pressure_pascals": 30.0,
            "dcim_leak_detected{sensor=1}": 1.0,
        },
    ),
    **{
        f"a Uniflair unit whose state is {word.decode()}": MibDevice(
            "uniflair-sp", POWERNET_COOLING, in_state(word, code), states={"dcim_crah_unit_state": state}
        )
        for word, code, state in ((b"Idle", 8, "standby"), (b"Hybrid Cooling", 9, "running"), (b"Off", 3, "off"))
    },
}


@pytest.mark.parametrize("name", CASES)
async def test_a_cooling_unit_is_read_as_its_mib_has_it(name: str) -> None:
    await assert_read_as_expected(CASES[name])
