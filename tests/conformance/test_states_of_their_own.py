"""What devices say of themselves: alarms by branch, module, rectifier, point and channel, as their MIBs tell them."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM = "dcim_device_alarm_active"
ECONNECT, MATRIX, NETSURE = "1.3.6.1.4.1.30932.1.10.1", "1.3.6.1.4.1.935.10.2.1", "1.3.6.1.4.1.6302.2.1.2"
VALERE, DANTHERM, WEBMON = "1.3.6.1.4.1.13858", "1.3.6.1.4.1.46651.1.1", "1.3.6.1.4.1.994.3.4.7"
ELTEK, HWGROUP = "1.3.6.1.4.1.12148", "1.3.6.1.4.1.21796"
COMET, NETBOTZ5, AKCP_PLUS = "1.3.6.1.4.1.22626.1", "1.3.6.1.4.1.52674.500", "1.3.6.1.4.1.3854.3.5"
PDU = "12." + ".".join(str(ord(digit)) for digit in "000CDE3013C4")


def measurement(table: int, port: int, *cells: SnmpValue) -> dict[str, SnmpValue]:
    """A sensor of a sensorProbe+: its description, value, unit, state, and whether it is online (1)."""
    return {f"{table}.1.{column}.0.0.{port}": cell for column, cell in zip((2, 4, 5, 6, 8), cells, strict=True)}


def graded(alarm: str, *, critical: bool = False, warning: bool = False) -> dict[str, float]:
    """An alarm that has a series for each of two severities."""
    return {
        f"{ALARM}{{alarm={alarm},severity={severity}}}": float(active)
        for severity, active in (("critical", critical), ("warning", warning))
    }


def simple(severity: str, **alarms: bool) -> dict[str, float]:
    """Alarms of one severity; underscores stand for what a name has between its words."""
    return {
        f"{ALARM}{{alarm={name.replace('_', '-')},severity={severity}}}": float(active)
        for name, active in alarms.items()
    }


CASES = {
    # Its limits are of current and of voltage, high and low: that it alarms is no overload.
    "branches and outlets of an eConnect PDU that alarm": MibDevice(
        "chatsworth-econnect",
        ECONNECT,
        {
            **{f"3.110.1.3.{branch}.{PDU}": 840 for branch in (1, 2, 3)},
            **{f"3.110.1.8.{branch}.{PDU}": status for branch, status in ((1, 1), (2, 2), (3, 0))},
            **{f"4.10.1.9.{outlet}.{PDU}": status for outlet, status in ((1, 0), (2, 2))},
            **{f"4.10.1.11.{outlet}.{PDU}": 1 for outlet in (1, 2)},
        },
        {
            **{f"dcim_pdu_bank_current_amperes{{bank=3.C.4.{branch}}}": 8.4 for branch in (1, 2, 3)},
            **{f"dcim_pdu_outlet_on{{outlet=3.C.4.{outlet}}}": 1.0 for outlet in (1, 2)},
            **graded("branch.3.C.4.1", warning=True),
            **graded("branch.3.C.4.2", critical=True),
            **graded("branch.3.C.4.3"),
            **graded("outlet.3.C.4.1"),
            **graded("outlet.3.C.4.2", critical=True),
        },
    ),
    # The second inverter has no switch to bypass it; two transfer switches do not keep their alarms from being read.
    "a Matrix plant with a failed inverter and a transfer switch that is bypassed": MibDevice(
        "eaton-matrix",
        MATRIX,
        {
            "2.1.0": 2,
            "3.1.0": 2,
            **{f"2.2.1.16.{inverter}": position for inverter, position in ((1, 3), (2, 4))},
            **{f"2.2.1.17.{inverter}": mode for inverter, mode in ((1, 3), (2, 6))},
            **{f"3.2.1.17.{switch}": position for switch, position in ((1, 4), (2, 6))},
            **{f"3.2.1.19.{switch}": 2 for switch in (1, 2)},
        },
        {
            f"{ALARM}{{alarm=inverter.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=inverter.2,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=inverter-bypass-switch.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=maintenance-bypass.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=maintenance-bypass.2,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=maintenance-bypass-error.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=maintenance-bypass-error.2,severity=critical}}": 1.0,
        },
    ),
    "a NetSure plant that lost a rectifier, whose controller lost the plant": MibDevice(
        "vertiv-netsure-ncu",
        NETSURE,
        {
            "1.0": 5,
            "5.1.0": 53_490,
            "8.0": 3,
            **{f"6.{place}.0": value for place, value in ((4, 4_210), (5, 4_180), (6, 0))},
            **{f"11.4.1.7.{row}": f"Rectifier {row - 2}".encode() for row in (3, 4)},
            **{f"11.4.1.8.{row}": fail for row, fail in ((3, 2), (4, 1))},
            "13.6.1.7.1": b"Converter 1",
            "13.6.1.8.1": 2,
            # ambient, battery, none
            **{f"7.3.1.2.{probe}": value for probe, value in ((1, 24_300), (2, 31_700), (3, 2_147_483_647))},
            **{f"7.3.1.3.{probe}": f"Probe {probe}".encode() for probe in (1, 2, 3)},
            **{f"7.3.1.4.{probe}": kind for probe, kind in ((1, 1), (2, 2), (3, 0))},
            **{f"7.3.1.5.{probe}": status for probe, status in ((1, 3), (2, 0), (3, 3))},
        },
        {
            "dcim_ups_battery_voltage_volts": 53.49,
            "dcim_ups_input_current_amperes{phase=L1}": 4.21,
            "dcim_ups_input_current_amperes{phase=L2}": 4.18,
            "dcim_ups_input_current_amperes{phase=L3}": 0.0,
            "dcim_ups_battery_temperature_celsius{string=2.Probe_2}": 31.7,
            f"{ALARM}{{alarm=communication,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=3.Rectifier_1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=4.Rectifier_2,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=converter.1.Converter_1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=temperature.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=temperature.2,severity=warning}}": 1.0,
        },
        {"dcim_device_state": "degraded"},
    ),
    "modules of a Valere plant: one alarms, one is disabled, one is not known": MibDevice(
        "eltek-valere",
        VALERE,
        {
            "2.3.2.0": 5_400,
            **{f"2.1.6.1.5.1.{slot}": status for slot, status in ((1, 1), (2, 2), (3, 5))},
            "2.4.1.1.5.1.4": 1,
        },
        {
            "dcim_ups_battery_voltage_volts{string=1}": 54.0,
            f"{ALARM}{{alarm=module.1.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=module.1.2,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=panel.1.4,severity=warning}}": 1.0,
        },
        bad={f"{ALARM}{{alarm=module.1.3,severity=warning}}": "sentinel"},
    ),
    # Bits 3 (temperature limit 1), 10 (fan 1) and 17 (input 1). The combined temperature of a shelter is none of outdoors.
    "a Dantherm controller in an emergency": MibDevice(
        "dantherm-freecooling",
        DANTHERM,
        {
            "2.0": 33,
            "4.0": 14,
            "6.0": 34,
            "14.0": 41,
            "17.0": -62,
            "22.0": 2,
            "25.0": 5,
            "32.0": 0b10_0000_0100_0000_1000,
            "36.0": 127,
            "37.0": 30,
        },
        {
            "dcim_crah_return_air_temperature_celsius": 33.0,
            "dcim_crah_air_temperature_celsius{sensor=outdoor}": 14.0,
            "dcim_crah_air_temperature_celsius{sensor=shelter}": 34.0,
            "dcim_crah_air_relative_humidity_ratio{sensor=humidity}": 0.41,
            "dcim_crah_filter_differential_pressure_pascals": 62.0,
            "dcim_crah_compressor_on{compressor=1}": 1.0,
            "dcim_crah_fan_running_seconds_total{fan=1}": 127.5 * 3600,
            **simple("critical", emergency=True, fan_1=True, fan_2=False, temperature_limit_3=False),
            **simple("warning", supply_voltage_low=False, supply_voltage_high=False, temperature_low=False),
            **simple("warning", temperature_limit_1=True, temperature_limit_2=False),
            **simple("warning", humidity_low=False, humidity_high=False),
            **simple("warning", filter_pressure_1=False, filter_pressure_2=False),
            **simple("warning", sensor_onboard=False, sensor_room=False, sensor_hotspot=False),
            **simple("warning", sensor_outdoor_1=False, sensor_outdoor_2=False),
            **simple("warning", input_1=True, input_2=False, input_3=False),
            **simple("warning", filter_input_1=False, filter_input_2=False),
        },
        {"dcim_crah_unit_state": "running"},
    ),
    # A point that is not in use has no name.
    "points of a WebMon, on board and in its second slot": MibDevice(
        "dps-webmon",
        WEBMON,
        {
            "6.1.3.1": b"Room",
            "6.1.46.1": b"Fahrenheit",
            "6.1.65.1": b"Minor",
            "6.1.66.1": b"77.0",
            **{f"19.1.3.{point}": name for point, name in ((1, b"Commercial Power"), (2, b"Generator"), (3, b""))},
            **{f"19.1.65.{point}": word for point, word in ((1, b"Critical"), (2, b"Normal"), (3, b"Normal"))},
        },
        {
            "dcim_env_temperature_celsius{sensor=1.Room}": 25.0,
            **graded("1.Room", warning=True),
            **graded("slot-2.1.Commercial_Power", critical=True),
            **graded("slot-2.2.Generator"),
        },
    ),
    "a transmitter of Comet with an alarm of its own": MibDevice(
        "comet-web-sensor",
        f"{COMET}.2",
        {"1.9.0": b"C", "3.1.0": 318, "3.2.0": 415, "3.5.0": 1, "3.6.0": 0, "3.7.0": 2},
        {
            "dcim_env_temperature_celsius{sensor=internal}": 31.8,
            "dcim_env_relative_humidity_ratio{sensor=internal}": 0.415,
            "dcim_env_dew_point_celsius{sensor=internal}": 17.111932,
            **simple("warning", temperature=True, humidity=False, computed=True),
        },
    ),
    "channels of a Web Sensor of Comet with alarms": MibDevice(
        "comet-web-sensor",
        f"{COMET}.5.2",
        {"1.9.0": b"C", "1.3.0": 318, "1.4.0": 1, "2.4.0": 0, "3.4.0": 2},
        {
            "dcim_env_temperature_celsius{sensor=channel-1}": 31.8,
            **simple("warning", channel_1=True, channel_2=False, channel_3=True),
        },
    ),
    # ErrorStatus: normal, info, warning, error, critical, failure. An enclosure is a pod, which somebody has unplugged.
    "a NetBotz that warns of one sensor and alarms for another": MibDevice(
        "apc-netbotz5",
        NETBOTZ5,
        {
            **{f"2.1.1.1.{row}": name for row, name in ((7, b"Appliance"), (9, b"Pod"))},
            **{f"2.1.1.2.{row}": status for row, status in ((7, 2), (9, 0))},
            "4.1.1.1.7.314": b"31.5",
            "4.1.1.1.3.314": 2,
            "4.1.2.1.3.316": 1,
            "4.2.2.1.3.401": 4,
            "4.2.13.1.3.402": 0,
        },
        {
            "dcim_env_temperature_celsius{sensor=314}": 31.5,
            f"{ALARM}{{alarm=enclosure.Appliance,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=enclosure.Pod,severity=warning}}": 1.0,
            **graded("temperature.314", warning=True),
            **graded("humidity.316"),
            **graded("door.401", critical=True),
            **graded("leak.402"),
        },
    ),
    # Low critical, sensor error, no status; the last one is offline.
    "a sensorProbe+ whose sensors are beyond its own limits": MibDevice(
        "akcp-sensorprobe-plus",
        AKCP_PLUS,
        {
            **measurement(2, 0, b"Inlet", 4, b"C", 6, 1),
            **measurement(2, 1, b"Outlet", 30, b"C", 7, 1),
            **measurement(2, 2, b"Aisle", 21, b"C", 1, 1),
            **measurement(3, 3, b"Spare", 41, b"", 4, 2),
        },
        {
            "dcim_env_temperature_celsius{sensor=0.0.0.Inlet}": 4.0,
            "dcim_env_temperature_celsius{sensor=0.0.2.Aisle}": 21.0,
            **graded("temperature.0.0.0.Inlet", critical=True),
            **graded("temperature.0.0.1.Outlet", warning=True),
        },
        bad={"dcim_env_temperature_celsius{sensor=0.0.1.Outlet}": "gated"},
    ),
    "an ASCO transfer switch that somebody left in manual operation": MibDevice(
        "asco-qem",
        "1.3.6.1.4.1.7777.1.1",
        {"2.0": 6001, "3.0": 5998, "4.0": 1, "5.0": 0, "18.0": 4788, "54.0": 1, "55.0": 1},
        {
            "dcim_ats_source_frequency_hertz{source=a}": 60.01,
            "dcim_ats_source_frequency_hertz{source=b}": 59.98,
            "dcim_ats_source_line_voltage_volts{line=L3-L1,source=b}": 478.8,
            **simple("warning", alert=True, not_in_automatic=True),
        },
        {"dcim_ats_selected_source": "a"},
    ),
    # Firmware that has its sensors in a table of their own. A sensor that is not there, and its name, are a dash.
    "a gateway of ServersCheck with dry contacts": MibDevice(
        "serverscheck-gateway",
        "1.3.6.1.4.1.17095",
        {
            **{
                f"11.{sensor}.{place}.0": text
                for sensor, *texts in (
                    (1, b"Int. Temp", b"24.31"),
                    (2, b"Ext Humidity", b"41.20"),
                    (3, b"-", b"-"),
                    (12, b"Flooding", b"WET"),
                    (16, b"Temp Dew Point", b"10.12"),
                )
                for place, text in enumerate(texts, 1)
            },
            **{
                f"6.{place}.0": text
                for place, text in enumerate(
                    (b"PSU fault", b"Triggered", b"-", b"Door", b"OK", b"-", b"UndefineIO 3", b"Triggered", b"-"), 1
                )
            },
        },
        {
            "dcim_env_temperature_celsius{sensor=1}": 24.31,
            "dcim_env_relative_humidity_ratio{sensor=2}": 0.412,
            "dcim_leak_detected{sensor=12}": 1.0,
            "dcim_env_dew_point_celsius{sensor=16}": 10.12,
            "dcim_env_contact_active{kind=dry_contact,sensor=input-1}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=input-2}": 0.0,
        },
    ),
    # Status: normal, minor alarm, major alarm, disabled, not present.
    "a Smartpack with a rectifier that failed and an input that is in alarm": MibDevice(
        "eltek-smartpack",
        f"{ELTEK}.10",
        {
            "5.1.0": 2,
            "10.5.1.0": 1,
            "10.5.5.0": 5_412,
            **{f"5.6.1.2.{rectifier}": status for rectifier, status in ((1, 1), (2, 3), (3, 6))},
            **{f"11.2.1.2.1.{place}": status for place, status in ((1, 3), (2, 4))},
            **{f"11.2.1.3.1.{place}": text for place, text in ((1, b"SPD alarm"), (2, b"ProgInput 1.2"))},
            "11.4.1.2.1.1": 1,
            "11.4.1.3.1.1": b"Fire",
        },
        {
            "dcim_ups_battery_voltage_volts": 54.12,
            **simple("warning", rectifiers=True),
            f"{ALARM}{{alarm=rectifier.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=rectifier.2,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=input.1.1.SPD_alarm,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=io_input.1.1.Fire,severity=warning}}": 0.0,
        },
    ),
    "a WebPower plant that lost its mains and has a worn battery": MibDevice(
        "eltek-webpower",
        f"{ELTEK}.9",
        {
            "3.2.0": 4_903,
            **{f"7.1.{alarm}.0": value for alarm, value in ((3, 0), (4, 1), (8, 0), (11, 1), (14, 0), (18, 1))},
            **{f"1.7.1.{column}.0": value for column, value in ((2, 1), (3, 0))},
            **{f"1.15.1.{column}.0": text for column, text in ((2, b"Door"), (3, b"Fan"))},
        },
        {
            "dcim_ups_battery_voltage_volts": 49.03,
            "dcim_ups_battery_replace_required": 1.0,
            f"{ALARM}{{alarm=mains,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=battery_low,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=battery_voltage_low,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=load_1_disconnected,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=rectifiers_major,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=input.0.1.Door,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=input.0.2.Fan,severity=warning}}": 0.0,
        },
    ),
    # A contact that is to be closed alarms while it is open.
    "an STE2 whose cabinet is too hot and whose contact is to be closed": MibDevice(
        "hwgroup-ste",
        f"{HWGROUP}.4.9",
        {
            **{f"3.1.2.{sensor}": b"Rack" for sensor in range(1, 5)},
            **{f"3.1.3.{sensor}": state for sensor, state in ((1, 1), (2, 3), (3, 4), (4, 0))},
            **{f"3.1.5.{sensor}": tenths for sensor, tenths in ((1, 215), (2, 412), (3, -51), (4, 0))},
            **{f"3.1.7.{sensor}": 1 for sensor in range(1, 5)},
            **{f"1.1.2.{place}": 0 for place in (1, 2)},
            **{f"1.1.3.{place}": name for place, name in ((1, b"Loop"), (2, b"Door"))},
            **{f"1.1.4.{place}": state for place, state in ((1, 1), (2, 0))},
        },
        {
            **{
                f"dcim_env_temperature_celsius{{sensor={sensor}.Rack}}": degrees
                for sensor, degrees in ((1, 21.5), (2, 41.2), (3, -5.1))
            },
            **{f"dcim_env_contact_active{{kind=dry_contact,sensor={name}}}": 0.0 for name in ("1.Loop", "2.Door")},
            **graded("sensor.1.Rack"),
            **graded("sensor.2.Rack", warning=True),
            **graded("sensor.3.Rack", critical=True),
            f"{ALARM}{{alarm=input.1.Loop,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=input.2.Door,severity=warning}}": 0.0,
        },
    ),
    "a Damocles whose contact is to be closed": MibDevice(
        "hwgroup-poseidon",
        f"{HWGROUP}.3.4",
        {
            **{f"1.1.2.{place}": value for place, value in ((1, 0), (2, 1))},
            **{f"1.1.3.{place}": name for place, name in ((1, b"Loop"), (2, b"Fan"))},
            **{f"1.1.5.{place}": state for place, state in ((1, 1), (2, 0))},
        },
        {
            "dcim_env_contact_active{kind=dry_contact,sensor=1.Loop}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=2.Fan}": 1.0,
            f"{ALARM}{{alarm=input.1.Loop,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=input.2.Fan,severity=warning}}": 0.0,
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_a_device_says_of_itself_is_read(name: str) -> None:
    await assert_read_as_expected(CASES[name])
