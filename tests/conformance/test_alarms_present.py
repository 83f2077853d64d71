"""Tables with a row for each present alarm, which a recording of a healthy device lacks, and ratings that a model does not have."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM, TRIPP_LITE, MITSUBISHI = "dcim_device_alarm_active", "1.3.6.1.4.1.850.1", "1.3.6.1.4.1.13891.101"

# A reading of each Tripp Lite family: tlpUpsOutputSource, tlpPduInputPhaseVoltage, tlpAtsInputSourceInUse, tlpCoolingSupplyAirDegC.
_TRIPP_LITE: dict[str, tuple[str, SnmpValue, dict[str, float], dict[str, str]]] = {
    "tripplite-ups": ("3.1.3.3.1.1.1.1", 5, {}, {"dcim_ups_output_source": "battery"}),
    "tripplite-pdu": ("3.2.3.1.2.1.4.1.1", 2_304, {"dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 230.4}, {}),
    "tripplite-ats": ("3.4.3.1.1.1.13.1", 1, {}, {"dcim_ats_selected_source": "b"}),
    "tripplite-cooling": ("3.5.3.1.2.1.2.1", 158, {"dcim_crah_supply_air_temperature_celsius": 15.8}, {}),
}
# tlpAlarmId, tlpAlarmDetail, tlpAlarmType, tlpAlarmState. The first is over, but nobody has acknowledged it.
_ROWS: dict[int, tuple[SnmpValue, SnmpValue, SnmpValue]] = {
    3: (b"On Battery", 2, 2),
    28: (b"On Battery", 2, 1),
    29: (b"Output Overload", 1, 1),
    30: (b"Communications Lost", 5, 1),
    31: (b"Load Off", 4, 1),
    32: (b"User Defined 1", 6, 1),
}
_ALARM_TABLE: dict[str, SnmpValue] = {
    f"3.2.1.{column}.{row}": cell for row, cells in _ROWS.items() for column, cell in zip((6, 7, 8), cells, strict=True)
}
_POWERALERT_ALARMS: dict[str, SnmpValue] = {
    "100.1.6.1.0": 2,
    "100.1.6.2.1.4.5": b"On Battery",
    "100.1.6.2.1.8.5": 1,
    "100.1.6.2.1.4.6": b"Load Off",
    "100.1.6.2.1.8.6": 4,
}
CASES = {
    **{
        f"alarms of {profile}": MibDevice(
            profile,
            TRIPP_LITE,
            {f"1.{tail}": answer, **_ALARM_TABLE},
            {
                f"{ALARM}{{alarm=On_Battery.3,severity=warning}}": 0.0,
                f"{ALARM}{{alarm=On_Battery.28,severity=warning}}": 1.0,
                f"{ALARM}{{alarm=Output_Overload.29,severity=critical}}": 1.0,
                f"{ALARM}{{alarm=Communications_Lost.30,severity=critical}}": 1.0,
                f"{ALARM}{{alarm=Load_Off.31,severity=info}}": 1.0,
                f"{ALARM}{{alarm=User_Defined_1.32,severity=warning}}": 1.0,
                **values,
            },
            states,
        )
        for profile, (tail, answer, values, states) in _TRIPP_LITE.items()
    },
    "a UPS behind PowerAlert 12 with its alarms, outlets and a warm EnviroSense": MibDevice(
        "tripplite-poweralert12",
        "1.3.6.1.4.1.850",
        {
            "100.1.9.4.0": 0,
            "100.1.13.1.0": 77,
            "101.1.1.5.0": 1,
            "101.1.2.4.0": 2,
            **{
                f"100.1.10.2.1.{column}.{outlet}": cell
                for outlet, cells in ((1, (2, 12, 140)), (2, (1, 0, 0)), (3, (0, 0, 0)))
                for column, cell in zip((2, 13, 14), cells, strict=True)
            },
            **_POWERALERT_ALARMS,
        },
        {
            f"{ALARM}{{alarm=temperature.envirosense,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=humidity.envirosense,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=On_Battery,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=Load_Off,severity=info}}": 1.0,
            "dcim_ups_temperature_celsius": 25.0,
            "dcim_ups_outlet_on{outlet=1}": 1.0,
            "dcim_ups_outlet_on{outlet=2}": 0.0,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 1.2,
            "dcim_pdu_outlet_power_watts{outlet=1}": 140.0,
        },
        bad={"dcim_ups_outlet_on{outlet=3}": "sentinel"},
    ),
    "an SRCOOL unit in Fahrenheit with a leak": MibDevice(
        "tripplite-srcool",
        "1.3.6.1.4.1.850",
        {
            "103.1.2.14.0": 770,
            "103.1.2.6.0": 4_000,
            "103.1.4.2.0": 716,
            "103.1.4.5.0": 0,
            "103.1.4.7.0": 1,
            "100.1.6.2.1.4.3": b"Water Leak",
            "100.1.6.2.1.8.3": 1,
        },
        {
            "dcim_crah_return_air_temperature_celsius": 25.0,
            "dcim_crah_return_air_temperature_setpoint_celsius": 22.0,
            "dcim_crah_refrigerant_pressure_pascals{sensor=discharge}": 2_757_902.917,
            f"{ALARM}{{alarm=Water_Leak,severity=critical}}": 1.0,
        },
    ),
    "an SRCOOLNET whose unit dehumidifies with a full tank": MibDevice(
        "tripplite-srcool",
        "1.3.6.1.4.1.850.104.1",
        {"2.1.0": 4, "2.3.0": 770, "2.4.0": 1, "2.5.0": 734, "2.6.0": 1, "3.3.0": 716},
        {
            "dcim_crah_return_air_temperature_celsius": 25.0,
            "dcim_crah_return_air_temperature_setpoint_celsius": 22.0,
            "dcim_crah_air_temperature_celsius{sensor=remote}": 23.0,
            f"{ALARM}{{alarm=water_full,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=unit_disconnected,severity=critical}}": 0.0,
        },
        {"dcim_crah_unit_state": "running"},
    ),
    "an Eaton ATS of the earlier branch whose second source fails, cut off from its card": MibDevice(
        "eaton-ats",
        "1.3.6.1.4.1.534.10.1",
        {
            "1.3.1.0": 2,
            "3.7.0": 4,
            "4.4.1.5.2": 1,
            "4.4.1.11.1": 2,
            "4.4.1.11.2": 1,
            "6.5.0": 2,
        },
        {
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 0.0,
            f"{ALARM}{{alarm=source.b.scr_short,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=communication_lost,severity=warning}}": 1.0,
        },
        {"dcim_ats_selected_source": "a", "dcim_ats_preferred_source": "b"},
    ),
    "a Delta UPS with an EnviroProbe that is too humid": MibDevice(
        "delta-ups",
        "1.3.6.1.4.1.2254.2",
        {"4.5.1.0": 0, "500.1.1.0": 24, "500.1.2.0": 82, "500.1.4.0": 1, "500.1.6.0": 2, "500.1.7.0": 1},
        {
            "dcim_env_temperature_celsius{sensor=probe}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=probe}": 0.82,
            "dcim_env_dew_point_celsius{sensor=probe}": 20.734888,
            f"{ALARM}{{alarm=humidity_high.probe,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=humidity_high.probe,severity=critical}}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=probe.1}": 1.0,
        },
        {"dcim_ups_output_source": "normal"},
    ),
    "a Mitsubishi UPS with a bad fan, on battery, after a failed test": MibDevice(
        "mitsubishi-netcom",
        MITSUBISHI,
        {
            "4.1.0": 5,
            "6.1.0": 2,
            "6.2.1.2.7": f"{MITSUBISHI}.6.3.2".encode(),
            "6.2.1.2.9": f"{MITSUBISHI}.6.3.16".encode(),
            "7.3.0": 3,
        },
        {
            "dcim_device_alarms": 2.0,
            f"{ALARM}{{alarm=on_battery,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=fan_failure,severity=warning}}": 1.0,
        },
        {"dcim_ups_output_source": "battery", "dcim_ups_test_result": "failed"},
    ),
    **{
        f"a Huawei {model}": MibDevice(
            "huawei-ups",
            "1.3.6.1.4.1.2011.6.174.1",
            {"2.100.1.2.1": model.encode(), "2.100.1.6.1": 5, "6.100.1.3.1": 97},
            {"dcim_ups_battery_charge_ratio": 0.97, **rating},
        )
        for model, rating in (
            ("UPS2000-G-6KRTS", {}),
            ("UPS5000-E-200K", {"dcim_ups_rated_apparent_power_voltamperes": 200_000.0}),
        )
    },
}


@pytest.mark.parametrize("name", CASES)
async def test_present_alarms_are_read_as_the_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])
