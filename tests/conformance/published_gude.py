"""Gude's models, each with the same tables below a number of its own: answers written down from their MIBs; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, Published

GUDE = "1.3.6.1.4.1.28507"
CONTACT = "dcim_env_contact_active{kind=dry_contact"
DEW_POINT = "dcim_env_dew_point_celsius"


def channel(model: int, columns: range) -> dict[str, SnmpValue]:
    """A power channel that is valid (column 2), and one that is not. Column 9 is an angle that is not read."""
    cells = (1, 481_237, 1_270, 5_640, 229, 4_998, 983, -105, 1_292, 237)
    return {
        f"{model}.1.5.1.2.1.{column}.{row}": cell
        for row, measured in ((1, cells), (2, (0,) * 10))
        for column, cell in zip(range(2, 12), measured, strict=True)
        if column in columns
    }


MEASURED = {
    3: ("dcim_pdu_input_energy_joules_total{inlet=1}", 481_237 * 3_600.0),
    4: ("dcim_pdu_input_power_watts{inlet=1}", 1_270.0),
    5: ("dcim_pdu_phase_current_amperes{inlet=1,phase=L1}", 5.64),
    6: ("dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}", 229.0),
    7: ("dcim_pdu_input_frequency_hertz{inlet=1}", 49.98),
    8: ("dcim_pdu_input_power_factor_ratio{inlet=1}", 0.983),
    10: ("dcim_pdu_input_apparent_power_voltamperes{inlet=1}", 1_292.0),
    11: ("dcim_pdu_input_reactive_power_vars{inlet=1}", 237.0),
}


def sensor(model: int, columns: range) -> dict[str, SnmpValue]:
    """A thermometer with humidity, contact, pressure and dew point (columns 2 to 6), and an empty port."""
    return {
        f"{model}.1.6.1.1.{column}.{row}": cell
        for row, cells in ((1, (240, 410, 1, 1_013, 99)), (2, (-9_999, -9_999, 0, -9_999, -9_999)))
        for column, cell in zip(range(2, 7), cells, strict=True)
        if column in columns
    }


_ROOM = {
    "dcim_env_temperature_celsius{sensor=1}": 24.0,
    "dcim_env_relative_humidity_ratio{sensor=1}": 0.41,
}
_AIR = {f"{DEW_POINT}{{sensor=1}}": 9.9, "dcim_env_atmospheric_pressure_pascals{sensor=1}": 101_300.0}
_PORTS = {f"{CONTACT},sensor=1}}": 1.0, f"{CONTACT},sensor=2}}": 0.0}


def room(columns: range) -> dict[str, float]:
    """What `sensor` measures."""
    derived = {f"{DEW_POINT}{{sensor=1}}": 9.931191}
    return {**_ROOM, **(_PORTS if 4 in columns else {}), **(_AIR if 6 in columns else derived)}


EMPTY = {f"dcim_env_{name}{{sensor=2}}": "sentinel" for name in ("temperature_celsius", "relative_humidity_ratio")}
NO_AIR = {f"{name}{{sensor=2}}": "sentinel" for name in (DEW_POINT, "dcim_env_atmospheric_pressure_pascals")}

PUBLISHED_GUDE: dict[str, Published] = {
    "gude-pdu": Published(
        GUDE,
        {
            "62.1.5.1.2.1.2.1": 1,
            "62.1.5.1.2.1.5.1": 5_640,
            "62.1.5.1.2.1.6.1": 229,
            "62.1.5.1.2.1.24.1": 3,
        },
        {
            MEASURED[5][0]: 5.64,
            MEASURED[6][0]: 229.0,
            "dcim_pdu_residual_current_amperes{inlet=1,kind=ac}": 0.003,
        },
    ),
    "gude-epc8": Published(
        f"{GUDE}.1.1",
        {
            "2.2.1.3.1": 1,
            "2.2.1.3.2": 0,
            "3.1.0": 1_840,
            "3.2.1.2.1": 240,
            "3.2.1.3.1": 410,
        },
        {
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_pdu_input_current_amperes{inlet=1}": 1.84,
            **room(range(2, 4)),
        },
    ),
    "gude-enc": Published(
        f"{GUDE}.60.1",
        {
            "5.6.2.1.2.1": 1,
            "5.6.2.1.2.2": 0,
            "5.7.1.0": 3,
            "5.7.2.0": 1,
            "6.1.1.2.1": 240,
            "6.1.1.4.1": 0,
        },
        {
            f"{ALARM}{{alarm=supply_12v,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=supply_3v3,severity=warning}}": 0.0,
            f"{CONTACT},sensor=input.1}}": 1.0,
            f"{CONTACT},sensor=input.2}}": 0.0,
            f"{CONTACT},sensor=1}}": 0.0,
            "dcim_env_temperature_celsius{sensor=1}": 24.0,
        },
    ),
    "gude-ats3020": Published(
        f"{GUDE}.40.1",
        {
            "5.11.1.0": 1,
            "5.11.2.0": 0,
            "5.11.4.0": 1,
            **{
                f"5.1.2.1.{column}.1": cell
                for column, cell in zip(range(2, 7), (1, 81_240, 640, 2_810, 231), strict=True)
            },
            "5.1.2.1.10.1": 652,
            "6.1.1.2.1": 240,
            "6.1.1.3.1": 410,
            "6.1.1.4.1": 1,
        },
        {
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 0.0,
            "dcim_ats_redundant": 0.0,
            "dcim_ats_output_energy_joules_total": 81_240 * 3_600.0,
            "dcim_ats_output_power_watts{phase=L1}": 640.0,
            "dcim_ats_output_current_amperes{phase=L1}": 2.81,
            "dcim_ats_output_voltage_volts{phase=L1}": 231.0,
            "dcim_ats_output_apparent_power_voltamperes{phase=L1}": 652.0,
            **room(range(2, 4)),
            f"{CONTACT},sensor=1}}": 1.0,
        },
        {"dcim_ats_selected_source": "a"},
    ),
    "gude-ets": Published(
        "1.3.6.1.4.1.28507.4.1",
        {"2.0": 0, "3.0": 255, "4.0": 0, "5.0": 2},
        {
            "dcim_ats_source_usable{source=a}": 0.0,
            "dcim_ats_source_usable{source=b}": 1.0,
            "dcim_ats_redundant": 0.0,
            "dcim_device_alarm_active{alarm=secondary_selected_by_hand,severity=info}": 0.0,
        },
        {"dcim_ats_selected_source": "b"},
    ),
}
