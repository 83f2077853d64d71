"""The true readings of three recordings of real devices, worked out by hand from raw numbers and MIBs."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Golden:
    """The readings of one recording: profile, values in base units, states, and rejections with their reasons."""

    profile: str
    values: dict[str, float]
    states: dict[str, str]
    bad: dict[str, str] = field(default_factory=dict)


BOOT = "dcim_device_boot_timestamp_seconds"
"""Derived from the clock, so no recording has it."""

L1 = "{phase=L1}"
GOLDEN = {
    "ups/apc_smx750i": Golden(
        "apc-ups",
        {
            "dcim_ups_battery_charge_ratio": 1.0,
            "dcim_ups_battery_runtime_seconds": 5709.0,
            "dcim_ups_battery_temperature_celsius": 31.0,
            "dcim_ups_battery_voltage_volts": 54.0,
            "dcim_ups_battery_replace_required": 0.0,
            f"dcim_ups_input_voltage_volts{L1}": 232.0,
            f"dcim_ups_input_frequency_hertz{L1}": 50.0,
            f"dcim_ups_output_voltage_volts{L1}": 232.0,
            "dcim_ups_output_frequency_hertz": 50.0,
            f"dcim_ups_output_load_ratio{L1}": 0.202,
            f"dcim_ups_output_current_amperes{L1}": 0.6,
            "dcim_env_temperature_celsius{sensor=iem.1}": 23.0,
            **{
                f"dcim_device_alarm_active{{alarm=iem-{quantity}_{limit}.1,severity={severity}}}": 0.0
                for quantity in ("temperature", "humidity")
                for limit, severity in (
                    ("high", "warning"),
                    ("low", "warning"),
                    ("maximum", "critical"),
                    ("minimum", "critical"),
                )
            },
            "dcim_env_contact_active{kind=dry_contact,sensor=iem.1}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=iem.2}": 0.0,
        },
        {"dcim_ups_output_source": "normal"},
        {"dcim_env_relative_humidity_ratio{sensor=iem.1}": "sentinel"},
    ),
    "pdu/apc_ap8959eu3": Golden(
        "apc-rpdu2",
        {
            "dcim_pdu_input_power_watts{inlet=1}": 270.0,
            "dcim_pdu_input_peak_power_watts{inlet=1}": 620.0,
            "dcim_pdu_input_apparent_power_voltamperes{inlet=1}": 300.0,
            "dcim_pdu_input_power_factor_ratio{inlet=1}": 0.82,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 1967.7 * 3.6e6,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 1.3,
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 231.0,
            "dcim_pdu_phase_power_watts{inlet=1,phase=L1}": 250.0,
            "dcim_pdu_phase_apparent_power_voltamperes{inlet=1,phase=L1}": 300.0,
            "dcim_pdu_phase_power_factor_ratio{inlet=1,phase=L1}": 0.82,
            "dcim_device_alarm_active{alarm=power_supply.1,severity=critical}": 0.0,
        },
        {
            "dcim_pdu_load_state{inlet=1,scope=device}": "normal",
            "dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "normal",
        },
    ),
    "ups/netvision-rfc": Golden(
        "rfc1628-ups",
        {
            "dcim_ups_battery_charge_ratio": 1.0,
            "dcim_ups_battery_voltage_volts": 217.0,
            "dcim_ups_battery_temperature_celsius": 27.0,
            "dcim_ups_on_battery_seconds": 0.0,
            f"dcim_ups_input_voltage_volts{L1}": 234.0,
            f"dcim_ups_input_frequency_hertz{L1}": 49.9,
            f"dcim_ups_output_voltage_volts{L1}": 230.0,
            f"dcim_ups_output_current_amperes{L1}": 2.2,
            f"dcim_ups_output_power_watts{L1}": 200.0,
            f"dcim_ups_output_load_ratio{L1}": 0.07,
            "dcim_ups_output_frequency_hertz": 49.9,
            f"dcim_ups_bypass_voltage_volts{L1}": 234.0,
            f"dcim_ups_bypass_frequency_hertz{L1}": 49.9,
        },
        {"dcim_ups_battery_state": "normal", "dcim_ups_output_source": "normal"},
        {
            "dcim_ups_battery_runtime_seconds": "sentinel",
            "dcim_ups_battery_current_amperes": "sentinel",
            f"dcim_ups_input_current_amperes{L1}": "sentinel",
            f"dcim_ups_input_power_watts{L1}": "sentinel",
            f"dcim_ups_bypass_current_amperes{L1}": "sentinel",
            f"dcim_ups_bypass_power_watts{L1}": "sentinel",
        },
    ),
}
