"""Further rack PDUs: answers written down from their published MIBs; see published_mibs."""

from tests.conformance.published_mibs import ALARM, Published

_PARTS = [
    f"{kind}_{{}}.{branch}" for kind in ("current", "voltage") for branch in ("xy1", "yz1", "zx1", "xy2", "yz2", "zx2")
]
_PARTS += [f"sensor-{kind}_{{}}.{probe}" for kind in ("temperature", "humidity") for probe in (1, 2)]


def _alarms(active: set[tuple[str, str]]) -> dict[str, float]:
    """All alarms of a unit before Unity; active are those in the set, by name and severity."""
    names = [part.format(limit) for part in _PARTS for limit in ("high", "low")]
    names += [f"outlet_current_{limit}.{outlet}" for outlet in range(1, 25) for limit in ("high", "low")]
    return {
        f"{ALARM}{{alarm={name},severity={severity}}}": float((name, severity) in active)
        for name in names
        for severity in ("critical", "warning")
    }


MORE_PDUS = {
    # One branch and one line in use, as on a one-phase unit; two outlets, of which one is metered; one probe of two plugged in.
    "chatsworth-legacy": Published(
        "1.3.6.1.4.1.30932.1.1",
        {
            "1.1.0": b"5.0.1",
            "1.2.0": b"P4-1E0C1",
            **{f"2.21.{branch}.0": limit for branch, limit in enumerate((1600, 0, 0, 0, 0, 0), 1)},
            **{f"3.1.{branch}.0": current for branch, current in enumerate((1234, 0, 0, 0, 0, 0), 1)},
            **{f"3.2.{branch}.0": voltage for branch, voltage in enumerate((2081, 0, 0, 0, 0, 0), 1)},
            **{f"3.3.{branch}.0": power for branch, power in enumerate((2489, 0, 0, 0, 0, 0), 1)},
            **{f"3.4.{branch}.0": factor for branch, factor in enumerate((97, 0, 0, 0, 0, 0), 1)},
            **{f"3.11.{branch}.0": energy for branch, energy in enumerate((360_000, 0, 0, 0, 0, 0), 1)},
            **{f"3.5.{outlet}.0": current for outlet, current in enumerate((250, 0), 1)},
            **{f"3.7.{outlet}.0": state for outlet, state in enumerate((1, 0), 1)},
            "3.8.1.0": 7_250,
            "3.8.2.0": 0,
            "3.9.1.0": 4_150,
            "3.9.2.0": 0,
            "3.10.1.0": 0,
            "3.10.2.0": 1 << 6,
            "3.10.3.0": 1 | 1 << 12,
            "3.10.4.0": 0,
            "3.10.5.0": 0,
            "3.10.7.0": 0,
            "3.10.9.0": 1 << 1,
            "3.10.11.0": 0,
            **{f"3.12.{outlet}.0": energy for outlet, energy in enumerate((7_200, 0), 1)},
            **{f"3.13.{line}.0": current for line, current in enumerate((1240, 0, 0), 1)},
        },
        {
            "dcim_pdu_bank_current_amperes{bank=XY1}": 12.34,
            "dcim_pdu_bank_voltage_volts{bank=XY1}": 208.1,
            "dcim_pdu_bank_power_watts{bank=XY1}": 2489.0,
            "dcim_pdu_bank_power_factor_ratio{bank=XY1}": 0.97,
            "dcim_pdu_bank_energy_joules_total{bank=XY1}": 3_600_000.0,
            "dcim_pdu_bank_warning_current_amperes{bank=XY1}": 16.0,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 12.4,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 2.5,
            "dcim_pdu_outlet_energy_joules_total{outlet=1}": 72_000.0,
            "dcim_env_temperature_celsius{sensor=1}": 22.5,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=1}": 8.764035,  # Magnus, of the two above
            **_alarms(
                {
                    ("voltage_low.xy1", "critical"),
                    ("current_high.xy1", "warning"),
                    ("sensor-temperature_high.1", "warning"),
                    ("outlet_current_high.2", "warning"),
                }
            ),
        },
        bad={
            "dcim_env_temperature_celsius{sensor=2}": "sentinel",
            "dcim_env_relative_humidity_ratio{sensor=2}": "sentinel",
        },
    ),
    "dell-rpdu": Published(
        "1.3.6.1.4.1.674.10903.200.2.200",
        {
            "110.2.1.3.1": 412,
            "110.2.1.4.1": 98_765,
            "110.2.1.6.1": 2,
            **{f"120.2.1.3.{phase}": 2 for phase in (1, 2, 3, 4)},
            **{f"120.2.1.4.{phase}": 60 + phase for phase in (1, 2, 3, 4)},
            **{f"120.2.1.5.{phase}": 228 + phase for phase in (1, 2, 3, 4)},
            **{f"120.2.1.6.{phase}": 136 + phase for phase in (1, 2, 3, 4)},
            **{f"130.1.2.1.4.{outlet}": state for outlet, state in ((1, 1), (2, 2), (3, 3))},
            "140.1.0": 2,
            "150.2.2.1.3.1": 2,
            "150.2.2.1.5.1": 250,
            "150.2.2.1.3.2": 1,
            "150.2.2.1.5.2": 0,
            "150.3.2.1.3.1": 2,
            "150.3.2.1.4.1": 41,
            "150.2.2.1.6.1": 5,
            "150.2.2.1.6.2": 1,
            "150.3.2.1.5.1": 4,
            "150.2.2.1.3.3": 3,
            "150.2.2.1.6.3": 1,
            "150.4.2.1.3.1": 2,
            "150.4.2.1.4.1": 2,
            **{f"130.2.2.1.11.{outlet}": outlet for outlet in (1, 2, 3, 4)},
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 4120.0,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 98_765 * 360_000.0,
            **{f"dcim_pdu_phase_current_amperes{{inlet=1,phase=L{phase}}}": 6.0 + phase / 10 for phase in (1, 2, 3)},
            **{f"dcim_pdu_phase_voltage_volts{{inlet=1,phase=L{phase}}}": 228.0 + phase for phase in (1, 2, 3)},
            **{f"dcim_pdu_phase_power_watts{{inlet=1,phase=L{phase}}}": 1360.0 + 10 * phase for phase in (1, 2, 3)},
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            f"{ALARM}{{alarm=power_supply,severity=critical}}": 1.0,
            **{
                f"{ALARM}{{alarm=outlet_current.{outlet},severity=warning}}": float(outlet > 2)
                for outlet in (1, 2, 3, 4)
            },
            f"{ALARM}{{alarm=sensor-temperature.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=sensor-humidity.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=sensor-communication_lost.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=sensor-communication_lost.3,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=sensor-contact.1,severity=warning}}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=1}": 1.0,
            "dcim_env_temperature_celsius{sensor=1}": 25.0,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=1}": 10.828451,  # Magnus, of the two above
            "dcim_pdu_current_unbalance_ratio{inlet=1}": 0.1 / 6.2,
        },
        {
            "dcim_pdu_load_state{inlet=1,scope=device}": "normal",
            **{f"dcim_pdu_load_state{{inlet=1,phase=L{phase},scope=phase}}": "normal" for phase in (1, 2, 3)},
        },
        {"dcim_pdu_outlet_on{outlet=3}": "sentinel"},
    ),
}
