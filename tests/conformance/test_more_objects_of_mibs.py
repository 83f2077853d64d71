"""Objects of MIBs that no recording shows: what a unit says of itself, its sensors and its further units. See also test_objects_of_mibs."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM, WARM, MOIST = "dcim_device_alarm_active", "dcim_env_temperature_celsius", "dcim_env_relative_humidity_ratio"
CMC3, LIEBERT, DATABUS = "1.3.6.1.4.1.2606.7", "1.3.6.1.4.1.476.1.42.3", "1.3.6.1.4.1.31034.12.1.1.2"
CONDITION = f"{LIEBERT}.2.1"
# Rows of otherNumericSensorTable: name, error, value, unit.
NUMERIC: dict[int, tuple[SnmpValue, ...]] = {
    65: (b"nbU", 0, b"12.4", b"V"),
    66: (b"nbI", 2, b"340", b"mA"),
    67: (b"nbX", 0, b"7", b"%"),
}


def status(row: str, name: str, code: int, *quality: int) -> dict[str, SnmpValue]:
    """A status in cmcIIIVarTable, with its quality on units that have that column."""
    cells: dict[int, SnmpValue] = {3: name.encode(), 4: 7, 11: code, **dict(zip((14,), quality, strict=False))}
    return {f"4.2.2.1.{column}.{row}": cell for column, cell in cells.items()}


def judged(**levels: str) -> dict[str, float]:
    """The two alarms of each status, by name: ok, warning or critical."""
    return {
        f"{ALARM}{{alarm={name},severity={severity}}}": float(level == severity)
        for name, level in levels.items()
        for severity in ("critical", "warning")
    }


def conditions(*codes: str, state: int = 1) -> dict[str, SnmpValue]:
    """Rows of lgpConditionsTable."""
    return {
        "2.2.0": len(codes),
        **{f"2.3.1.2.{row}": f"{CONDITION}.{code}" for row, code in enumerate(codes, 1)},
        **{f"2.3.1.12.{row}": state for row in range(1, len(codes) + 1)},
    }


def akcp(table: str, row: int, **cells: SnmpValue) -> dict[str, SnmpValue]:
    """A row of a table of a sensorProbe, by columns as in `c3=20`."""
    return {f"{table}.1.{column.removeprefix('c')}.{row}": cell for column, cell in cells.items()}


CASES = {
    "an Eltek plant whose load has an alarm, without monitors of fuses": MibDevice(
        "eltek-smartpack",
        "1.3.6.1.4.1.12148.10",
        {"9.1.0": 9, "9.3.0": 6, "10.1.0": 1, "10.5.1.0": 1, "10.5.5.0": 4_810},
        {
            "dcim_ups_battery_voltage_volts": 48.1,
            f"{ALARM}{{alarm=battery,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=load,severity=warning}}": 1.0,
        },
    ),
    "a Cordex HP controller with inverters on two phases": MibDevice(
        "alpha-cxc",
        "1.3.6.1.4.1.7309.5",
        {
            "3.1.12.0": 54_120,
            "3.3.1.0": 2_410_000,
            "3.3.2.0": 32_130,
            "3.3.14.0": 0,
            **{
                f"3.3.80.2.1.{column}.{phase}": cell
                for phase, cells in (
                    (1, (1_300_000, 230_400, 5_642, 50_000, 34_670)),
                    (2, (1_110_000, 229_800, 4_830, 50_000, 29_600)),
                )
                for column, cell in enumerate(cells, 1)
            },
            "3.3.80.2.1.11.1": 1_240_000,
            "3.3.80.2.1.11.2": 1_060_000,
            "3.3.80.2.1.16.1": 0,
            "3.3.80.2.1.16.2": 1_000,
        },
        {
            "dcim_ups_battery_voltage_volts": 54.12,
            "dcim_ups_output_total_apparent_power_voltamperes": 2_410.0,
            "dcim_ups_output_total_load_ratio": 0.3213,
            "dcim_ups_output_apparent_power_voltamperes{phase=L1}": 1_300.0,
            "dcim_ups_output_apparent_power_voltamperes{phase=L2}": 1_110.0,
            "dcim_ups_output_voltage_volts{phase=L1}": 230.4,
            "dcim_ups_output_voltage_volts{phase=L2}": 229.8,
            "dcim_ups_output_current_amperes{phase=L1}": 5.642,
            "dcim_ups_output_current_amperes{phase=L2}": 4.83,
            "dcim_ups_output_load_ratio{phase=L1}": 0.3467,
            "dcim_ups_output_load_ratio{phase=L2}": 0.296,
            "dcim_ups_output_power_watts{phase=L1}": 1_240.0,
            "dcim_ups_output_power_watts{phase=L2}": 1_060.0,
            f"{ALARM}{{alarm=inverter_bypass,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=inverters.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=inverters.2,severity=warning}}": 1.0,
        },
    ),
    "a Papago with a probe and two inputs, of which the second is on": MibDevice(
        "papouch-papago",
        "1.3.6.1.4.1.18248.34.1",
        {
            **{
                f"4.1.1.{column}.{row}": cell
                for row, cells in {1: (1, 0, 752, 1), 2: (2, 0, 413, 0), 3: (3, 4, 0, 1)}.items()
                for column, cell in enumerate(cells, 1)
            },
            "2.1.1.1.1": 0,
            "2.1.1.1.2": 1,
        },
        {
            f"{WARM}{{sensor=a}}": 24.0,
            f"{MOIST}{{sensor=a}}": 0.413,
            "dcim_env_contact_active{kind=dry_contact,sensor=input.1}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=input.2}": 1.0,
        },
        bad={"dcim_env_dew_point_celsius{sensor=a}": "gated"},
    ),
    "a Delta UPS in economic mode, fed over the bypass": MibDevice(
        "delta-ups",
        "1.3.6.1.4.1.2254.2.4",
        {"5.1.0": 2, "7.2.0": 0, "9.24.0": 1},
        {},
        {"dcim_ups_output_source": "eco", "dcim_ups_battery_state": "normal"},
    ),
    "a Delta UPS in economic mode, during an outage": MibDevice(
        "delta-ups",
        "1.3.6.1.4.1.2254.2.4",
        {"5.1.0": 1, "7.2.0": 0, "9.24.0": 1},
        {},
        {"dcim_ups_output_source": "battery", "dcim_ups_battery_state": "normal"},
    ),
    "a Delta UPS on the bypass, whose card does not tell the mode": MibDevice(
        "delta-ups",
        "1.3.6.1.4.1.2254.2.4",
        {"5.1.0": 2, "7.2.0": 0},
        {},
        {"dcim_ups_output_source": "bypass", "dcim_ups_battery_state": "normal"},
    ),
    "a sensorProbe with an air flow meter, a chain of sensors and a detector of mains voltage": MibDevice(
        "akcp-sensorprobe",
        "1.3.6.1.4.1.3854.1.2.2.1",
        {
            **akcp("16", 0, c1=b"Row", c3=20, c4=3, c5=1, c12=1, c14=204),
            **akcp("17", 0, c1=b"Row", c3=42, c4=2, c5=1),
            **akcp("17", 1, c1=b"Air", c3=77, c4=6, c5=1),
            **{f"18.1.9.{port}": kind for port, kind in enumerate((3, 8, 12, 14, 10))},
            **akcp("18", 2, c1=b"Feed A", c3=4, c4=1),
            **akcp("18", 3, c1=b"Aisle", c3=4, c4=1),
            **akcp("18", 4, c1=b"Siren", c3=8, c4=1),
            **akcp("19.33.1.2", 0, c2=b"Row", c3=20, c4=3, c5=1, c12=1, c14=204),
            **akcp("19.33.1.2", 1, c2=b"Top", c3=31, c4=4, c5=1, c12=1, c14=312),
            **akcp("19.33.1.2", 2, c2=b"Spare", c3=0, c4=1, c5=2, c12=1, c14=0),
        },
        {
            f"{WARM}{{sensor=0.Row}}": 20.4,
            f"{WARM}{{sensor=chain-1.1.Top}}": 31.2,
            f"{MOIST}{{sensor=0.Row}}": 0.42,
            "dcim_env_dew_point_celsius{sensor=0.Row}": 7.049687,
            "dcim_env_contact_active{kind=tamper,sensor=3.Aisle}": 1.0,
            **judged(
                **{
                    "temperature.0.Row": "warning",
                    "humidity.0.Row": "ok",
                    "analog.1.Air": "critical",
                    "voltage.2.Feed_A": "critical",
                    "temperature.chain-1.1.Top": "critical",
                }
            ),
        },
        bad={"dcim_env_contact_active{kind=dry_contact,sensor=4.Siren}": "sentinel"},
    ),
    "a securityProbe with a chain of sensors and a door that is held open": MibDevice(
        "akcp-securityprobe",
        "1.3.6.1.4.1.3854.2.3",
        {
            **akcp("2", 1, c2=b"Row", c4=20, c5=b"C", c6=2, c8=1),
            **akcp("28", 1, c2=b"Top", c4=88, c5=b"F", c6=3, c8=1),
            **akcp("27", 1, c2=b"Hall", c6=3),
        },
        {
            f"{WARM}{{sensor=1.1.Row}}": 20.0,
            f"{WARM}{{sensor=chain.1.1.Top}}": (88 - 32) / 1.8,
            "dcim_env_contact_active{kind=door,sensor=lock.1.1.Hall}": 1.0,
            f"{ALARM}{{alarm=lock.1.1.Hall,severity=warning}}": 1.0,
            **judged(**{"temperature.1.1.Row": "ok", "temperature.chain.1.1.Top": "warning"}),
        },
    ),
    "an LCP with a fan that stands and water that is too warm": MibDevice(
        "rittal-lcp",
        CMC3,
        {
            "2.1.0": 1,
            **status("2.91", "Fans.Current Speed.Fan1.Status", 7, 4),
            **status("2.95", "Fans.Current Speed.Fan2.Status", 4, 2),
            **status("2.141", "Water.Temperatures.In.Status", 6, 3),
            **status("2.14", "Modules.Humidity Sensor.Status", 1, 1),
            **status("2.132", "Fans.Remote.Status", 10, 5),
            **status("1.15", "Access.Status", 27, 2),
            **{f"4.1.2.1.6.{device}": state for device, state in ((1, 2), (2, 2), (3, 4))},
        },
        {
            **judged(
                **{
                    "2.Fans.Current_Speed.Fan1.Status": "critical",
                    "2.Fans.Current_Speed.Fan2.Status": "ok",
                    "2.Water.Temperatures.In.Status": "warning",
                }
            ),
            **{f"{ALARM}{{alarm=device.{device},severity=warning}}": float(device == 3) for device in (1, 2, 3)},
        },
        {"dcim_device_state": "ok"},
        {
            f"{ALARM}{{alarm=2.Modules.Humidity_Sensor.Status,severity={severity}}}": "sentinel"
            for severity in ("critical", "warning")
        },
    ),
    "a CMC III whose table ends before the quality of a variable": MibDevice(
        "rittal-cmc3",
        CMC3,
        {
            "2.1.0": 1,
            **status("1.9", "Temperature.Status", 8),
            **status("2.9", "Temperature.Status", 21),
            **status("3.9", "Humidity.Status", 4),
            **status("1.37", "System.V24 Port.Status", 1),
        },
        judged(**{"1.Temperature.Status": "critical", "2.Temperature.Status": "warning", "3.Humidity.Status": "ok"}),
        {"dcim_device_state": "ok"},
    ),
    "a Rittal PDU with a voltage that is too low and a sensor that has no value": MibDevice(
        "rittal-pdu",
        CMC3,
        {
            **status("2.32", "Phase L1.Voltage.Status", 7, 4),
            **status("2.53", "Phase L1.Power.Active.Status", 21, 23),
            **status("2.162", "Sockets.Socket 01.General.Status", 11, 5),
        },
        {
            **judged(**{"2.Phase_L1.Voltage.Status": "critical", "2.Phase_L1.Power.Active.Status": "warning"}),
            "dcim_pdu_outlet_on{outlet=2.1}": 1.0,
        },
    ),
    "a Liebert cooling unit with sensors in the racks, one of them lost": MibDevice(
        "liebert-crah",
        LIEBERT,
        {
            "4.3.1.0": 1,
            **{
                f"4.9.10.1.{column}.{row}": cell
                for row, cells in {1: (1, 2, 24), 2: (2, 1, 27), 3: (3, 0, 0)}.items()
                for column, cell in zip((2, 3, 6), cells, strict=True)
            },
            **conditions("240.2", "183.1", "237.2", "232.2"),
        },
        {
            "dcim_crah_air_temperature_celsius{sensor=remote.1}": 24.0,
            "dcim_crah_air_temperature_celsius{sensor=remote.2}": 27.0,
            "dcim_device_alarms": 4.0,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": 1.0
                for name, severity in (
                    ("remote_sensor_2", "warning"),
                    ("heat_rejector_fan_failure", "critical"),
                    ("high_power_shutdown", "critical"),
                    ("pump_short_cycle", "warning"),
                )
            },
        },
        {"dcim_crah_unit_state": "running"},
    ),
    "a Liebert UPS whose static switch and breakers failed": MibDevice(
        "liebert-ups",
        LIEBERT,
        {"5.3.55.0": 3, **conditions("41.3", "51.16", "52.3", "242")},
        {
            "dcim_device_alarms": 4.0,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": 1.0
                for name, severity in (
                    ("bypass_scr_short", "critical"),
                    ("breaker_close_failure", "critical"),
                    ("input_frequency", "warning"),
                    ("redundant_charger_failure", "warning"),
                )
            },
        },
        {"dcim_ups_output_source": "normal"},
    ),
    "a Liebert UPS in economy mode, with its battery switched off": MibDevice(
        "liebert-ups",
        f"{LIEBERT}.5",
        {
            "1.27.0": 1,
            **{f"3.{breaker}.0": state for breaker, state in ((44, 2), (46, 2), (50, 2), (53, 3), (55, 4), (58, 1))},
        },
        {
            f"{ALARM}{{alarm=battery_breaker_open,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=input_breaker_open,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=inverter_breaker_open,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=maintenance_bypass_closed,severity=warning}}": 1.0,
        },
        {"dcim_ups_output_source": "eco"},
    ),
    "an array of two Liebert rack PDUs, the second with an open breaker": MibDevice(
        "liebert-pdu",
        LIEBERT,
        {
            **{f"8.20.1.25.{unit}": state for unit, state in ((1, 1), (2, 17))},
            **{f"8.30.20.1.65.{unit}.1": watts for unit, watts in ((1, 1_520), (2, 310))},
            **conditions("190.10", "53.10"),
        },
        {
            "dcim_pdu_input_power_watts{inlet=1.1}": 1_520.0,
            "dcim_pdu_input_power_watts{inlet=2.1}": 310.0,
            "dcim_device_alarms": 2.0,
            **{
                f"{ALARM}{{alarm={name}{unit},severity={severity}}}": float((name, unit) == ("alarm", ".2"))
                for unit in ("", ".2")
                for name, severity in (
                    ("warning", "warning"),
                    ("alarm", "critical"),
                    ("abnormal_operation", "critical"),
                )
            },
            f"{ALARM}{{alarm=branch_breaker_open,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=input_over_current,severity=warning}}": 1.0,
        },
    ),
    "two Schleifenbauer PDUs, one of which measures residual current": MibDevice(
        "schleifenbauer-databus",
        DATABUS,
        {
            **{f"6.1.1.5.{unit}.1": 412 for unit in (1, 2)},
            **{f"8.1.1.5.{unit}": centiamperes for unit, centiamperes in ((1, 0), (2, 3))},
        },
        {
            **{f"dcim_pdu_phase_current_amperes{{inlet={unit},phase=L1}}": 4.12 for unit in (1, 2)},
            "dcim_pdu_residual_current_amperes{inlet=2,kind=ac}": 0.03,
        },
    ),
    "a chain of two Panduit PDUs, the second of which failed": MibDevice(
        "panduit-pdu",
        "1.3.6.1.4.1.19536.10.1",
        {
            **{f"1.2.1.9.{unit}": state for unit, state in ((1, 2), (2, 4))},
            **{f"2.1.1.{column}.{unit}": cell for unit in (1, 2) for column, cell in ((3, unit), (5, 1_240))},
            **{
                f"5.1.1.{column}.1.{outlet}": cell
                for outlet, cells in {1: (1, 1), 2: (2, 4), 3: (0, 1)}.items()
                for column, cell in zip((3, 6), cells, strict=True)
            },
        },
        {
            **{f"dcim_pdu_input_power_watts{{inlet={unit}}}": 1_240.0 for unit in (1, 2)},
            **{f"{ALARM}{{alarm=input_frequency.{unit},severity=warning}}": float(unit == 2) for unit in (1, 2)},
            **{f"{ALARM}{{alarm=outlet_power.1.{outlet},severity=warning}}": float(outlet == 2) for outlet in (1, 2)},
            **judged(**{"unit.2": "critical"}),
        },
        {"dcim_device_state": "ok"},
    ),
    "sensors of other kinds at a NetBotz": MibDevice(
        "apc-netbotz",
        "1.3.6.1.4.1.5528.100.4.1.10.1",
        {
            f"{column}.3.{row}.48.49": cell
            for row, cells in NUMERIC.items()
            for column, cell in zip((1, 3, 7, 9), cells, strict=True)
        },
        {
            "dcim_env_voltage_volts{sensor=nbU}": 12.4,
            "dcim_env_current_amperes{sensor=nbI}": 0.34,
            **judged(nbU="ok", nbI="warning", nbX="ok"),
        },
    ),
    "an ACM 1D whose second rectifier has failed and whose third was taken out": MibDevice(
        "aeg-acm",
        "1.3.6.1.4.1.15416.29",
        {
            **{f"1.{scalar}.0": cell for scalar, cell in ((1, 54), (2, 3), (3, 22))},
            **{f"3.1.2.{row}": state for row, state in ((1, 1), (2, 4), (3, 255))},
            "8.1.3.1": 1,
            "8.1.4.1": b"Mains failure",
        },
        {
            "dcim_ups_battery_voltage_volts": 54.0,
            "dcim_ups_battery_temperature_celsius{string=1}": 22.0,
            f"{ALARM}{{alarm=rectifier.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=rectifier.2,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=simple.1.Mains_failure,severity=warning}}": 1.0,
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_an_object_is_read_as_its_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])
