"""Air conditioners without a recording: answers written down from published MIBs; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, Published

UG40 = "4.1.9839.2.1"
# The digital objects of a UG40 that are alarms. Air flow is lost, and the probe in the supply air is broken.
UG40_ALARMS: dict[int, tuple[str, str, int]] = {
    12: ("main_power_loss", "critical", 0),
    21: ("room_high_temperature", "critical", 0),
    22: ("room_low_temperature", "warning", 0),
    23: ("room_high_humidity", "warning", 0),
    24: ("room_low_humidity", "warning", 0),
    26: ("filter", "warning", 0),
    28: ("air_flow", "critical", 1),
    29: ("heater_overheating", "critical", 0),
    30: ("high_pressure_1", "critical", 0),
    31: ("high_pressure_2", "critical", 0),
    32: ("low_pressure_1", "critical", 0),
    33: ("low_pressure_2", "critical", 0),
    36: ("phase_sequence", "critical", 0),
    37: ("smoke_or_fire", "critical", 0),
    38: ("lan", "warning", 0),
    43: ("chilled_water_valve_or_flow", "critical", 0),
    44: ("water_flow", "critical", 0),
    45: ("chilled_water_high_temperature", "critical", 0),
    46: ("room_temperature_sensor", "warning", 0),
    50: ("delivery_temperature_sensor", "warning", 1),
    51: ("room_humidity_sensor", "warning", 0),
    65: ("humidifier", "warning", 0),
    66: ("general", "warning", 1),
}
# The analog objects, in tenths. There is no hot water, and no second circuit; the probe at the water's outlet is not fitted.
UG40_ANALOG: dict[int, SnmpValue] = {
    1: 241,
    2: -35,
    3: 158,
    4: 72,
    5: 0,
    6: 463,
    7: -9999,
    8: 84,
    9: 0,
    10: 112,
    11: 0,
    12: 68,
    13: 0,
    16: 455,
    17: 0,
    18: 820,
    20: 230,
}

COOLERS = {
    "carel-ug40": Published(
        "1.3.6.1",
        {
            "2.1.1.1.0": b"Uniflair UG40",
            "2.1.1.2.0": "1.3.6.1.4.1.9839.1",
            **{f"{UG40}.1.{number}.0": state for number, (_, _, state) in UG40_ALARMS.items()},
            **{f"{UG40}.1.{number}.0": 0 for number in (3, 4, 5, 47, 48, 49, 52)},
            f"{UG40}.1.1.0": 1,
            f"{UG40}.1.2.0": 1,
            f"{UG40}.1.27.0": 1,
            f"{UG40}.1.75.0": 1,
            **{f"{UG40}.2.{number}.0": value for number, value in UG40_ANALOG.items()},
            f"{UG40}.3.2.0": 21_000,
            f"{UG40}.3.3.0": 9_300,
            f"{UG40}.3.4.0": 12,
            f"{UG40}.3.5.0": 0,
            f"{UG40}.3.6.0": 0,
        },
        {
            "dcim_crah_return_air_temperature_celsius": 24.1,
            "dcim_crah_air_temperature_celsius{sensor=outside}": -3.5,
            "dcim_crah_water_supply_temperature_celsius{circuit=chilled}": 7.2,
            "dcim_crah_return_air_relative_humidity_ratio": 0.463,
            "dcim_crah_return_air_temperature_setpoint_celsius": 23.0,
            "dcim_crah_fan_speed_ratio{fan=1}": 0.82,
            "dcim_crah_valve_position_ratio{valve=cooling}": 0.455,
            "dcim_crah_refrigerant_pressure_pascals{sensor=evaporating-1}": 840_000.0,
            "dcim_crah_refrigerant_temperature_celsius{sensor=suction-1}": 11.2,
            "dcim_crah_refrigerant_temperature_celsius{sensor=evaporating-1}": 6.8,
            # The other two compressors have never run: they are not fitted.
            "dcim_crah_compressor_on{compressor=1}": 1.0,
            "dcim_crah_compressor_on{compressor=2}": 0.0,
            "dcim_crah_compressor_running_seconds_total{compressor=1}": 9_300 * 3600.0,
            "dcim_crah_compressor_running_seconds_total{compressor=2}": 12 * 3600.0,
            "dcim_crah_running_seconds_total": 21_000 * 3600.0,
            "dcim_leak_detected{sensor=unit}": 1.0,
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": float(state)
                for name, severity, state in UG40_ALARMS.values()
            },
        },
        {"dcim_crah_unit_state": "running"},
        {
            "dcim_crah_supply_air_temperature_celsius": "gated",
            "dcim_crah_water_supply_temperature_celsius{circuit=hot}": "sentinel",
            "dcim_crah_water_return_temperature_celsius{circuit=chilled}": "sentinel",
            "dcim_crah_refrigerant_pressure_pascals{sensor=evaporating-2}": "sentinel",
            "dcim_crah_refrigerant_temperature_celsius{sensor=suction-2}": "sentinel",
            "dcim_crah_refrigerant_temperature_celsius{sensor=evaporating-2}": "sentinel",
        },
    ),
}
