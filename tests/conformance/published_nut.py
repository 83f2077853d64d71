"""UPSs that somebody else's NUT reads, without a recording: answers written down from published MIBs; see published_mibs."""

from tests.conformance.published_mibs import Published

NUT = {
    # An APC at a DiskStation, which has no variables of an output, of power, or of temperatures: they stay 0.
    "synology-ups": Published(
        "1.3.6.1.4.1.6574.4",
        {
            "1.1.0": b"Back-UPS RS 900G",
            "1.2.0": b"American Power Conversion",
            "2.1.0": b"OL CHRG",
            "2.11.0": 0.0,
            "2.12.1.0": 4.0,
            "2.20.1.0": 0.0,
            "2.21.1.0": 0.0,
            "2.21.2.0": 540.0,
            "3.1.1.0": 97.0,
            "3.2.1.0": 27.100000381,
            "3.2.2.0": 24.0,
            "3.5.0": 0.0,
            "3.6.1.0": 11_440,
            "4.1.1.0": 234.0,
            "4.1.4.0": 230.0,
            "4.5.1.0": 0.0,
            "4.6.1.0": 0.0,
            "5.1.1.0": -1.0,
            "6.1.1.0": 0.0,
        },
        {
            "dcim_ups_output_total_load_ratio": 0.04,
            "dcim_ups_rated_power_watts": 540.0,
            "dcim_ups_battery_charge_ratio": 0.97,
            "dcim_ups_battery_voltage_volts": 27.100000381,
            "dcim_ups_battery_rated_voltage_volts": 24.0,
            "dcim_ups_battery_runtime_seconds": 11_440.0,
            "dcim_ups_input_voltage_volts{phase=L1}": 234.0,
            "dcim_ups_rated_input_voltage_volts": 230.0,
            "dcim_ups_battery_replace_required": 0.0,
        },
        {"dcim_ups_output_source": "normal", "dcim_ups_battery_state": "normal"},
    ),
}
