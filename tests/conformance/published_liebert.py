"""Liebert families without a recording, as their published MIBs say."""

from tests.conformance.published_mibs import ALARM, Published

LIEBERT = "1.3.6.1.4.1.476.1.42.3"
LGP, CONDITION, AIR = f"{LIEBERT}.5.2", f"{LIEBERT}.2.1", f"{LIEBERT}.4"
LIEBERTS = {
    "liebert-floor-pdu": Published(
        LIEBERT,
        {
            "5.2.2.1.2.1": f"{LGP}.1.1",
            "5.2.2.1.2.2": f"{LGP}.1.5",
            "5.2.2.1.6.1": 60,
            "5.2.2.1.6.2": 60,
            "5.2.2.1.8.1": 41,
            "5.2.2.1.8.2": 40,
            "5.2.2.1.9.2": 97,
            "5.2.2.1.16.1": 150,
            "5.2.2.1.16.2": 150,
            **{
                f"5.2.3.1.3.{point}.{line}": f"{LGP}.1.{place}"
                for point, place in ((1, 1), (2, 5))
                for line in (1, 2, 3)
            },
            **{
                f"5.2.3.1.5.{point}.{line}": volts + line for point, volts in ((1, 276), (2, 119)) for line in (1, 2, 3)
            },
            "2.2.0": 2,
            "2.3.1.2.4": f"{CONDITION}.59.4",
            "2.3.1.2.5": f"{CONDITION}.53.4",
            **{f"5.2.3.1.6.2.{line}": 110 + line for line in (1, 2, 3)},
        },
        {
            "dcim_device_alarms": 2.0,
            f"{ALARM}{{alarm=transformer_over_temperature,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=ground_over_current,severity=warning}}": 1.0,
            "dcim_circuit_frequency_hertz{circuit=main,panel=input-1}": 60.0,
            "dcim_circuit_frequency_hertz{circuit=main,panel=output}": 60.0,
            # Whole kilowatts, since the rating beside them is 150 kVA.
            "dcim_circuit_power_watts{circuit=main,panel=input-1}": 41_000.0,
            "dcim_circuit_power_watts{circuit=main,panel=output}": 40_000.0,
            "dcim_circuit_power_factor_ratio{circuit=main,panel=output}": 0.97,
            **{
                f"dcim_circuit_voltage_volts{{circuit=main,panel={panel},phase=L{line}}}": float(volts + line)
                for panel, volts in (("input-1", 276), ("output", 119))
                for line in (1, 2, 3)
            },
            **{
                f"dcim_circuit_current_amperes{{circuit=main,panel=output,phase=L{line}}}": 110.0 + line
                for line in (1, 2, 3)
            },
        },
    ),
    "liebert-sts": Published(
        LIEBERT,
        {
            "2.2.0": 3,
            **{
                f"2.3.1.2.{row}": f"{CONDITION}.{condition}"
                for row, condition in ((1, "47.2"), (2, "41.1"), (3, "60"), (4, "71"))
            },
            "2.3.1.12.2": 2,
            "5.3.1.0": 17,
            "5.3.4.0": -125,
            "5.4.1.0": f"{LGP}.1.2",
            "5.4.2.0": f"{LGP}.1.1",
            **{f"5.2.2.1.2.{point}": f"{LGP}.1.{place}" for point, place in ((1, 1), (2, 2), (3, 5))},
            **{f"5.2.2.1.6.{point}": hertz for point, hertz in ((1, 60), (2, 59), (3, 60))},
            **{
                f"5.2.3.1.3.{point}.{line}": f"{LGP}.1.{place}"
                for point, place in ((1, 1), (2, 2), (3, 5))
                for line in (1, 2, 3)
            },
            **{
                f"5.2.3.1.4.{point}.{line}": volts + line
                for point, volts in ((1, 478), (2, 400), (3, 477))
                for line in (1, 2, 3)
            },
            **{f"5.2.3.1.5.3.{line}": 276 + line for line in (1, 2, 3)},
            **{f"5.2.3.1.6.1.{line}": 810 + line for line in (1, 2, 3)},
            **{f"5.2.3.1.6.3.{line}": 800 + line for line in (1, 2, 3)},
            "5.2.3.1.7.3.1": 81,
        },
        {
            "dcim_device_alarms": 3.0,
            f"{ALARM}{{alarm=source_2_failure,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=load_on_alternate_source,severity=warning}}": 1.0,
            "dcim_ats_transfers_total": 17.0,
            "dcim_ats_phase_shift_degrees": 12.5,
            "dcim_ats_source_frequency_hertz{source=a}": 60.0,
            "dcim_ats_source_frequency_hertz{source=b}": 59.0,
            "dcim_ats_output_frequency_hertz": 60.0,
            "dcim_ats_output_load_ratio{phase=L1}": 0.81,
            **{
                f"dcim_ats_{key}}}": float(volts + place)
                for place, line in ((1, "L1-L2"), (2, "L2-L3"), (3, "L3-L1"))
                for key, volts in (
                    (f"source_line_voltage_volts{{line={line},source=a", 478),
                    (f"source_line_voltage_volts{{line={line},source=b", 400),
                    (f"output_line_voltage_volts{{line={line}", 477),
                )
            },
            **{
                f"dcim_ats_{key}}}": float(number + line)
                for line in (1, 2, 3)
                for key, number in (
                    (f"source_current_amperes{{phase=L{line},source=a", 810),
                    (f"output_current_amperes{{phase=L{line}", 800),
                    (f"output_voltage_volts{{phase=L{line}", 276),
                )
            },
        },
        {"dcim_ats_selected_source": "a", "dcim_ats_preferred_source": "b"},
    ),
    "liebert-crah": Published(
        AIR,
        {
            "3.1.0": 1,
            "3.9.0": 62,
            "3.16.0": 80,
            "3.17.0": 35,
            "3.18.0": 0,
            "3.19.0": 12,
            "1.3.3.1.2.1": f"{AIR}.1.1.3",
            "1.3.3.1.3.1": 19,
            "1.3.3.1.50.1": 187,
            "1.3.3.1.6.1": 18,
            "1.3.3.1.2.2": f"{AIR}.1.1.2",
            "1.3.3.1.3.2": 31,
            "2.2.3.1.2.1": f"{AIR}.2.1.2",
            "2.2.3.1.3.1": 44,
            "2.2.3.1.6.1": 45,
            "4.32.1.2.1": f"{AIR}.7.1.1",
            "4.32.1.3.1": 1,
            "4.32.1.5.1": 5353,
        },
        {
            "dcim_crah_cooling_demand_ratio": 0.62,
            "dcim_crah_fan_speed_ratio{fan=all}": 0.8,
            "dcim_crah_free_cooling_demand_ratio": 0.35,
            "dcim_crah_dehumidification_demand_ratio": 0.0,
            "dcim_crah_humidification_demand_ratio": 0.12,
            "dcim_crah_supply_air_temperature_celsius": 18.7,
            "dcim_crah_supply_air_temperature_setpoint_celsius": 18.0,
            "dcim_crah_return_air_temperature_celsius": 31.0,
            "dcim_crah_return_air_relative_humidity_ratio": 0.44,
            "dcim_crah_relative_humidity_setpoint_ratio": 0.45,
            "dcim_crah_fan_running_seconds_total{fan=1}": 5353 * 3600.0,
        },
        {"dcim_crah_unit_state": "running"},
    ),
}
