"""SNMP families without a recording: answers written down from their published MIBs, and the readings that these stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice

ATS, EPDU = "1.3.6.1.4.1.534.10.2", "1.3.6.1.4.1.534.6.6.6"


@dataclass(frozen=True)
class Published:
    """The device of one family, by whose profile it stands in a table: a `MibDevice` without the profile's name."""

    root: str
    answers: Mapping[str, SnmpValue]
    values: dict[str, float]
    states: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)

    def device(self, profile: str) -> MibDevice:
        """The device with the name of its profile."""
        return MibDevice(profile, self.root, self.answers, self.values, self.states, self.bad)


RACK = "1.3.6.1.4.1.232.22.2"
ALARM, DRY = "dcim_device_alarm_active", "dcim_env_contact_active{kind=dry_contact"


def probe_alarms(**active: int) -> dict[str, float]:
    """Alarms of probes by kind and number, as in `temperature_1=1`."""
    split = {name.partition("_"): value for name, value in active.items()}
    return {
        f"{ALARM}{{alarm=sensor-{kind}.{number.replace('_', '.')},severity=warning}}": float(value)
        for (kind, _, number), value in split.items()
    }


MIBS = {
    "hpe-apollo-cooling": Published(
        RACK,
        {
            "10.2.1.1.2.1": b"18.5 C",
            "10.2.1.1.5.1": b"26.1 C",
            "10.2.1.1.8.1": b"43 %",
            "10.2.1.1.11.1": b"35.0 psi",
            "10.2.1.1.12.1": b"27.5",
            "10.3.1.1.2.1": b"75.2 F",
            "10.3.1.1.5.1": b"31.0 C",
            "10.3.1.1.7.1": b"72 %",
            "10.3.1.1.8.1": b"2.5 kW",
            "10.3.1.1.45.1": b"81 %",
            **{f"9.1.1.1.{column}.1": 1 for column in (2, 4, 5, 23, 27, 28, 29, 31)},
            **{f"9.1.1.1.{column}.1": 2 for column in (3, 24, 30)},
            **{f"9.1.1.1.{column}.1": 20 + column for column in (11, 12, 13, 15, 16, 17)},
            "9.1.1.1.14.1": 0,
            "9.1.1.1.18.1": 0,
            "9.1.1.1.21.1": 24,
            "9.1.1.1.22.1": 31,
            "9.1.1.1.32.1": 35,
            "9.1.1.1.33.1": 40,
        },
        {
            "dcim_cdu_supply_temperature_celsius{loop=primary}": 18.5,
            "dcim_cdu_return_temperature_celsius{loop=primary}": 26.1,
            "dcim_cdu_valve_position_ratio{valve=facility}": 0.43,
            "dcim_cdu_supply_pressure_pascals{loop=primary}": 35 * 6894.757,
            "dcim_cdu_water_temperature_celsius{position=it-supply}": 24.0,
            "dcim_cdu_water_temperature_celsius{position=it-return}": 31.0,
            "dcim_cdu_pump_speed_ratio{pump=1}": 0.72,
            "dcim_cdu_pump_power_watts{pump=1}": 2500.0,
            "dcim_cdu_reservoir_level_ratio{reservoir=main}": 0.81,
            **{
                f"dcim_rack_leak_detected{{detector=1.{name}}}": float(name in ("2", "rope-3"))
                for name in ("1", "2", "3", "overhead", "rope-1", "rope-2", "rope-3", "rope-4")
            },
            "dcim_rack_liquid_supply_temperature_celsius": 24.0,
            "dcim_rack_liquid_return_temperature_celsius": 31.0,
            f"{ALARM}{{alarm=it_flow_low,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=cdu_flow_low,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=rack_power_disconnected,severity=critical}}": 0.0,
            "dcim_env_temperature_celsius{sensor=1.board}": 35.0,
            "dcim_env_relative_humidity_ratio{sensor=1.board}": 0.4,
            "dcim_env_dew_point_celsius{sensor=1.board}": 19.383829,  # Magnus, of the two above
            **{
                f"dcim_env_temperature_celsius{{sensor=1.{side}-{number}}}": 20.0 + first + number
                for side, first in (("front", 10), ("rear", 14))
                for number in (1, 2, 3)
            },
        },
        bad={
            # A pressure without its unit, and places without a sensor.
            "dcim_cdu_return_pressure_pascals{loop=primary}": "decode",
            "dcim_env_temperature_celsius{sensor=1.front-4}": "sentinel",
            "dcim_env_temperature_celsius{sensor=1.rear-4}": "sentinel",
        },
    ),
    "eaton-ats": Published(
        ATS,
        {
            "1.2.0": b"ATS 16 Netpack",
            "2.1.1.0": -1,
            "2.2.1.2.1": 2312,
            "2.2.1.2.2": 0,
            "2.2.1.3.1": 499,
            "2.2.1.3.2": 0,
            "2.3.1.0": 2310,
            "2.3.2.0": 53,
            "2.4.0": 4,
            "3.1.1.0": 2,
            "3.2.1.3.1": 3,
            "3.2.1.3.2": 1,
            "3.2.1.4.1": 1,
            "3.2.1.4.2": 2,
            "3.3.1.0": 1,
            "3.3.2.0": 2,
            "3.3.3.0": 2,
            "3.3.4.0": 1,
            "3.3.5.0": 1,
            "3.3.6.0": 1,
            "3.3.7.0": 1,
            "4.5.0": 2,
            "5.1.0": 24,
            "5.2.0": 41,
            "5.4.1.2.1": 1,
            "5.4.1.3.1": 4,
            "5.4.1.2.2": 4,
            "5.4.1.3.2": 1,
        },
        {
            "dcim_ats_source_voltage_volts{phase=L1,source=a}": 231.2,
            "dcim_ats_source_voltage_volts{phase=L1,source=b}": 0.0,
            "dcim_ats_source_frequency_hertz{source=a}": 49.9,
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 0.0,
            "dcim_ats_output_voltage_volts{phase=L1}": 231.0,
            "dcim_ats_output_current_amperes{phase=L1}": 5.3,
            "dcim_ats_phase_shift_degrees": 1.0,
            "dcim_ats_overload": 1.0,
            f"{ALARM}{{alarm=dephasing,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=internal_failure,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=output_not_powered,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=over_temperature,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=short_circuit,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=communication_lost,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=configuration_failure,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=source_a_internal_failure,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=source_b_internal_failure,severity=critical}}": 1.0,
            "dcim_env_temperature_celsius{sensor=emp}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=emp}": 0.41,
            "dcim_env_dew_point_celsius{sensor=emp}": 9.931191,  # Magnus, of the two above
            f"{DRY},sensor=emp.1}}": 1.0,
        },
        {"dcim_ats_selected_source": "a", "dcim_ats_preferred_source": "b"},
        {"dcim_ats_source_frequency_hertz{source=b}": "sentinel"},
    ),
    "eaton-epdu-g1": Published(
        EPDU,
        {
            "1.1.1.0": b"01.05",
            "1.2.1.0": 2,
            "1.2.2.1.3.1": 1,
            "1.2.2.1.3.2": 0,
            "1.2.2.1.4.1": 1250,
            "1.2.2.1.4.2": 0,
            "1.2.2.1.6.1": 231000,
            "1.2.2.1.7.1": 274,
            "1.2.2.1.8.1": 289,
            "1.2.2.1.9.1": 95,
            "1.2.2.1.23.1": 10000,
            "1.3.1.1.0": 1250,
            "1.3.1.2.0": 231000,
            "1.3.1.3.0": 274,
            "1.3.1.4.0": 289,
            "1.3.1.5.0": 38,
            "1.3.1.20.0": 1,
            "1.3.1.21.0": -1,
            "1.3.1.40.0": 1250,
            "1.3.1.71.0": 16000,
            "2.2.1.3.1": 23,
            "2.4.1.3.1": 44,
        },
        {
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 1.25,
            "dcim_pdu_outlet_current_amperes{outlet=2}": 0.0,
            "dcim_pdu_outlet_voltage_volts{outlet=1}": 231.0,
            "dcim_pdu_outlet_power_watts{outlet=1}": 274.0,
            "dcim_pdu_outlet_apparent_power_voltamperes{outlet=1}": 289.0,
            "dcim_pdu_outlet_power_factor_ratio{outlet=1}": 0.95,
            "dcim_pdu_input_current_amperes{inlet=1}": 1.25,
            "dcim_pdu_input_voltage_volts{inlet=1}": 231.0,
            "dcim_pdu_input_power_watts{inlet=1}": 274.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 289.0,
            "dcim_pdu_temperature_celsius{sensor=cpu}": 38.0,
            "dcim_pdu_breaker_tripped{bank=0}": 1.0,
            "dcim_pdu_bank_current_amperes{bank=0}": 1.25,
            "dcim_env_temperature_celsius{sensor=1}": 23.0,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.44,
            "dcim_env_dew_point_celsius{sensor=1}": 10.086085,  # Magnus, of the two above
        },
        bad={"dcim_pdu_breaker_tripped{bank=1}": "sentinel"},
    ),
    "hpe-mpdu": Published(
        "1.3.6.1.4.1.232.165.5",
        {
            "1.2.1.3.1": b"AF523A",
            "1.2.1.38.1": 1630,
            "1.2.1.39.1": 1670,
            "1.2.1.40.1": 125,
            "2.1.1.3.1.2": 16,
            "2.1.1.5.1.2": 109,
            "2.1.1.6.1.2": 2095,
            "2.1.1.7.1.2": 175,
            "2.1.1.8.1.2": 367,
            "2.1.1.9.1.2": 360,
            "2.1.1.10.1.2": 98,
            "2.1.1.13.1.2": 81200,
            "2.1.1.7.1.3": -1,
            "4.1.1.2.1.2.5": b"on",
            "4.1.1.4.1.2.5": 10,
            "4.1.1.5.1.2.5": 2098,
            "4.1.1.6.1.2.5": 127,
            "4.1.1.7.1.2.5": 261,
            "4.1.1.8.1.2.5": 98,
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 1630.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 1670.0,
            "dcim_pdu_input_load_ratio{inlet=1}": 0.125,
            "dcim_pdu_bank_rated_current_amperes{bank=1.2}": 16.0,
            "dcim_pdu_bank_load_ratio{bank=1.2}": 0.109,
            "dcim_pdu_bank_voltage_volts{bank=1.2}": 209.5,
            "dcim_pdu_bank_current_amperes{bank=1.2}": 1.75,
            "dcim_pdu_bank_apparent_power_voltamperes{bank=1.2}": 367.0,
            "dcim_pdu_bank_power_watts{bank=1.2}": 360.0,
            "dcim_pdu_bank_power_factor_ratio{bank=1.2}": 0.98,
            "dcim_pdu_bank_energy_joules_total{bank=1.2}": 81200 * 3600.0,
            "dcim_pdu_outlet_on{outlet=1.2.5}": 1.0,
            "dcim_pdu_outlet_rated_current_amperes{outlet=1.2.5}": 10.0,
            "dcim_pdu_outlet_voltage_volts{outlet=1.2.5}": 209.8,
            "dcim_pdu_outlet_current_amperes{outlet=1.2.5}": 1.27,
            "dcim_pdu_outlet_power_watts{outlet=1.2.5}": 261.0,
            "dcim_pdu_outlet_power_factor_ratio{outlet=1.2.5}": 0.98,
        },
        bad={"dcim_pdu_bank_current_amperes{bank=1.3}": "sentinel"},
    ),
    "hpe-pdu2": Published(
        "1.3.6.1.4.1.232.165.7",
        {
            "1.2.1.3.1": b"AF535A",
            "2.1.1.2.1": 499,
            "2.1.1.4.1": 1530,
            "2.1.1.5.1": 1466,
            "2.1.1.6.1": 990_000,
            "2.1.1.8.1": 958,
            "2.1.1.9.1": -1,
            "2.2.1.2.1.1": 2,
            "2.2.1.3.1.1": 230_400,
            "2.2.1.2.1.2": 6,
            "2.2.1.3.1.2": 399_100,
            "2.2.1.9.1.1": 3,
            "2.2.1.10.1.1": 16_000,
            "2.2.1.11.1.1": 6640,
            "2.2.1.12.1.1": 4,
            "2.2.1.18.1.1": 42,
            "2.2.1.9.1.2": 2,
            "2.2.1.11.1.2": 310,
            "2.2.1.19.1.1": 3,
            "2.2.1.20.1.1": 1530,
            "2.2.1.21.1.1": 1466,
            "2.2.1.24.1.1": 958,
            "3.1.1.5.1.1": 230_400,
            "3.1.1.12.1.1": 6640,
            "3.1.1.19.1.1": 66,
            "3.1.1.27.1.1": 2,
            "4.1.1.1.1": 2,
            "4.2.1.3.1.1": 2,
            "4.2.1.4.1.1": 770,
            "4.3.1.3.1.1": 2,
            "4.3.1.4.1.1": 415,
            "4.4.1.3.1.1": 2,
            "4.4.1.4.1.1": 2,
            "4.4.1.4.1.2": 1,
            "5.1.1.4.1.7": 10_000,
            "5.1.1.5.1.7": 1250,
            "5.1.1.12.1.7": 12,
            "5.1.1.13.1.7": 288,
            "5.1.1.14.1.7": 276,
            "5.1.1.17.1.7": 958,
            "5.2.1.1.1.7": 2,
            "5.2.1.1.1.8": 4,
        },
        {
            "dcim_pdu_input_frequency_hertz{inlet=1}": 49.9,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 1530.0,
            "dcim_pdu_input_power_watts{inlet=1}": 1466.0,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 990_000 * 3600.0,
            "dcim_pdu_input_power_factor_ratio{inlet=1}": 0.958,
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 230.4,
            "dcim_pdu_line_voltage_volts{inlet=1,line=L2-L3}": 399.1,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 6.64,
            "dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L1}": 16.0,
            "dcim_pdu_phase_load_ratio{inlet=1,phase=L1}": 0.42,
            "dcim_pdu_neutral_current_amperes{inlet=1}": 0.31,
            "dcim_pdu_phase_apparent_power_voltamperes{inlet=1,phase=L1}": 1530.0,
            "dcim_pdu_phase_power_watts{inlet=1,phase=L1}": 1466.0,
            "dcim_pdu_phase_power_factor_ratio{inlet=1,phase=L1}": 0.958,
            "dcim_pdu_bank_voltage_volts{bank=1.1}": 230.4,
            "dcim_pdu_bank_current_amperes{bank=1.1}": 6.64,
            "dcim_pdu_bank_load_ratio{bank=1.1}": 0.66,
            "dcim_pdu_breaker_tripped{bank=1.1}": 0.0,
            "dcim_env_temperature_celsius{sensor=1.1}": 25.0,
            "dcim_env_relative_humidity_ratio{sensor=1.1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=1.1}": 11.011062,  # Magnus, of the two above
            f"{DRY},sensor=1.1}}": 1.0,
            f"{DRY},sensor=1.2}}": 0.0,
            "dcim_pdu_outlet_rated_current_amperes{outlet=1.7}": 10.0,
            "dcim_pdu_outlet_current_amperes{outlet=1.7}": 1.25,
            "dcim_pdu_outlet_load_ratio{outlet=1.7}": 0.12,
            "dcim_pdu_outlet_apparent_power_voltamperes{outlet=1.7}": 288.0,
            "dcim_pdu_outlet_power_watts{outlet=1.7}": 276.0,
            "dcim_pdu_outlet_power_factor_ratio{outlet=1.7}": 0.958,
            "dcim_pdu_outlet_on{outlet=1.7}": 1.0,
            "dcim_pdu_outlet_on{outlet=1.8}": 0.0,
        },
        {"dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "near_overload"},
        {"dcim_pdu_input_reactive_power_vars{inlet=1}": "sentinel"},
    ),
    "rittal-cmc-tc": Published(
        "1.3.6.1.4.1.2606.4.2",
        {
            "1.0": 2,
            **{f"3.5.2.1.2.{row}": kind for row, kind in enumerate((58, 59, 40, 45, 23, 60, 48, 53, 56, 57, 62), 1)},
            **{f"3.5.2.1.4.{row}": 4 for row in range(1, 12)},
            **{f"3.5.2.1.5.{row}": cell for row, cell in enumerate((14, 21, 2310, 2290, 0, 36, 22, 33, 21, 32, 64), 1)},
            **{f"4.5.2.1.2.{row}": kind for row, kind in enumerate((10, 12, 10, 10), 1)},
            **{f"4.5.2.1.4.{row}": status for row, status in enumerate((9, 4, 2, 4), 1)},
            **{f"4.5.2.1.5.{row}": value for row, value in enumerate((34, 41, 24, 215), 1)},
        },
        {
            f"{ALARM}{{alarm=controller,severity=critical}}": 0.0,
            "dcim_crah_water_supply_temperature_celsius{circuit=1,unit=1}": 14.0,
            "dcim_crah_water_return_temperature_celsius{circuit=1,unit=1}": 21.0,
            "dcim_crah_water_flow_cubic_meters_per_second{circuit=1,unit=1}": 0.0006,
            "dcim_crah_valve_position_ratio{unit=1,valve=1}": 0.64,
            "dcim_crah_air_temperature_celsius{sensor=server_in_1,unit=1}": 22.0,
            "dcim_crah_air_temperature_celsius{sensor=server_out_3,unit=1}": 33.0,
            "dcim_crah_supply_air_temperature_celsius{unit=1}": 21.0,
            "dcim_crah_return_air_temperature_celsius{unit=1}": 32.0,
            "dcim_crah_fan_speed_rpm{fan=1.1,unit=1}": 2310.0,
            "dcim_crah_fan_speed_rpm{fan=3.2,unit=1}": 2290.0,
            "dcim_env_temperature_celsius{sensor=2.1}": 34.0,
            "dcim_env_relative_humidity_ratio{sensor=2.2}": 0.41,
        },
        # One is lost, the other sends tenths.
        bad={"dcim_env_temperature_celsius{sensor=2.3}": "gated", "dcim_env_temperature_celsius{sensor=2.4}": "range"},
    ),
    "avtech-roomalert12": Published(
        "1.3.6.1.4.1.20916.1.10.1",
        {
            "1.1.0": 2345,
            "1.2.0": 7421,
            "2.1.0": 2500,
            "2.3.0": 4150,
            "2.6.0": 1101,
            "3.1.0": 1870,
            "3.3.0": 1,  # a probe that tells power
            "3.6.0": 0,
            "4.1.0": 0,
            "5.1.0": 1,
            "6.1.0": 0,
            "7.1.0": 0,
            "8.1.0": 0,
        },
        {
            "dcim_env_temperature_celsius{sensor=internal}": 23.45,
            "dcim_env_temperature_celsius{sensor=external1}": 25.0,
            "dcim_env_relative_humidity_ratio{sensor=external1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=external1}": 11.011062,  # Magnus, of the two above
            "dcim_env_temperature_celsius{sensor=external2}": 18.7,
            **{f"{DRY},sensor=switch{port}}}": float(port == 1) for port in (1, 2, 3, 4)},
        },
        bad={"dcim_env_temperature_celsius{sensor=external3}": "sentinel"},
    ),
    "hwgroup-poseidon": Published(
        "1.3.6.1.4.1.21796.3.3",
        {
            **{
                f"3.1.2.{sensor}": name
                for sensor, name in ((1, b"Rack"), (2, b"Hall"), (3, b"UPS"), (4, b"Lost"), (5, b"Loop"))
            },
            **{f"3.1.4.{sensor}": state for sensor, state in ((1, 1), (2, 3), (3, 1), (4, 0), (5, 1))},
            **{f"3.1.6.{sensor}": tenths for sensor, tenths in ((1, 770), (2, 415), (3, -545), (4, 0), (5, 123))},
            **{f"3.1.9.{sensor}": unit for sensor, unit in ((1, 1), (2, 3), (3, 4), (4, 0), (5, 5))},
            "1.1.2.1": 1,
            "1.1.3.1": b"Door",
        },
        {
            "dcim_env_temperature_celsius{sensor=1.Rack}": 25.0,
            "dcim_env_relative_humidity_ratio{sensor=2.Hall}": 0.415,
            "dcim_env_voltage_volts{sensor=3.UPS}": -54.5,
            f"{DRY},sensor=1.Door}}": 1.0,
            **{
                f"dcim_device_alarm_active{{alarm=sensor.{sensor},severity={severity}}}": float(alarms)
                for sensor, alarm in (("1.Rack", None), ("2.Hall", "critical"), ("3.UPS", None), ("5.Loop", None))
                for severity, alarms in (("critical", alarm == "critical"), ("warning", False))
            },
        },
    ),
    "avtech-roomalert24e": Published(
        "1.3.6.1.4.1.20916.1.5.1",
        {
            "1.1.2.0": 2345,
            "1.2.1.0": 4150,
            # A probe of humidity, one of power at 12.3 A, 2829 W and 230 V, and an empty socket.
            **{f"2.1.{place}.0": value for place, value in ((1, 2510), (2, 7718), (3, 3820), (4, 7650), (5, 2480))},
            **{f"2.2.{place}.0": value for place, value in ((1, 1230), (2, 2829), (3, 2300), (4, 0), (5, 0))},
            **{f"2.3.{place}.0": 0 for place in (1, 2, 3, 4, 5)},
            "3.1.0": 0,
            "3.2.0": 1,
        },
        {
            "dcim_env_temperature_celsius{sensor=internal}": 23.45,
            "dcim_env_relative_humidity_ratio{sensor=internal}": 0.415,
            "dcim_env_dew_point_celsius{sensor=internal}": 9.618163,  # Magnus, of the two above
            "dcim_env_temperature_celsius{sensor=external1}": 25.1,
            "dcim_env_relative_humidity_ratio{sensor=external1}": 0.382,
            "dcim_env_dew_point_celsius{sensor=external1}": 9.856957,
            f"{DRY},sensor=switch1}}": 0.0,
            f"{DRY},sensor=switch2}}": 1.0,
        },
        bad={
            "dcim_env_temperature_celsius{sensor=external2}": "gated",
            "dcim_env_temperature_celsius{sensor=external3}": "sentinel",
        },
    ),
}
