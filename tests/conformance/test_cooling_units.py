"""Cooling units as their MIBs tell them: modules, alarms and columns that no recording shows."""

import pytest

from tests.conformance.told import Told, assert_read_as_told

ALARM = "dcim_device_alarm_active"

CASES = {
    "two modules of a Stulz unit, beside a unit without modules": Told(
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
}


@pytest.mark.parametrize("name", CASES)
async def test_a_cooling_unit_is_read_as_its_mib_has_it(name: str) -> None:
    await assert_read_as_told(CASES[name])
