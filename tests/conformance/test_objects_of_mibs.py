"""Objects of MIBs that no recording shows, compared one by one: parts that fail, outer limits, preferred sources, states of outlets."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM, WARM, MOIST = "dcim_device_alarm_active", "dcim_env_temperature_celsius", "dcim_env_relative_humidity_ratio"
APC_UPS, APC_SENSORS = "1.3.6.1.4.1.318.1.1.1", "1.3.6.1.4.1.318.1.1.10"
CYBERPOWER = "1.3.6.1.4.1.3808.1.1"
EATON, RARITAN = "1.3.6.1.4.1.534", "1.3.6.1.4.1.13742.6"
SENTRY3, SENTRY4 = "1.3.6.1.4.1.1718.3.2", "1.3.6.1.4.1.1718.4.1"


def alarms(severity: str, **active: int) -> dict[str, float]:
    """Alarms of one severity by name; a double underscore stands for the dot before an index."""
    return {
        f"{ALARM}{{alarm={name.replace('__', '.')},severity={severity}}}": float(value)
        for name, value in active.items()
    }


def row_of(*cells: SnmpValue) -> tuple[SnmpValue, ...]:
    """Cells of a row, of several types."""
    return cells


def part(table: int, column: int, *states: int) -> dict[str, SnmpValue]:
    """A table of upsDiagnosticSubsystem with parts in these states: 2 is not installed, 4 on and ok, 5 and 6 failed, 7 lost."""
    return {f"13.4.{table}.1.{column}.{row}": state for row, state in enumerate(states, 1)}


CASES = {
    "an APC modular UPS with failed parts": MibDevice(
        "apc-ups",
        APC_UPS,
        {
            "4.1.1.0": 2,
            "2.2.17.0": 3,
            "2.3.11.0": b"0100000000000000",
            **{f"13.6.{bus}.0": state for bus, state in ((1, 3), (2, 2), (3, 5), (4, 1), (5, 4))},
            "13.5.1.1.0": 6,
            "13.5.1.13.0": 287,
            "13.5.3.1.0": 8,
            "13.4.29.0": 3,
            "13.4.34.0": 4,
            **{f"13.1.2.1.3.{row}": state for row, state in ((1, 4), (2, 6))},
            **part(6, 3, 4),
            **part(8, 3, 5),
            **part(10, 3, 4),
            **part(14, 3, 4, 7),
            **part(16, 3, 4),
            **part(18, 3, 3),
            **part(20, 3, 6),
            **part(22, 3, 4),
            **part(24, 3, 4),
            **part(28, 2, 4),
            **part(31, 2, 4),
            **part(33, 2, 4),
            **part(12, 3, 4, 3),
            **{
                f"13.5.1.7.1.{column}.{row}": cell
                for row, cells in {1: (2, 2, 3), 2: (2, 4, 3), 3: (2, 5, 2), 4: (2, 7, 3), 5: (1, 7, 1)}.items()
                for column, cell in zip((2, 4, 5), cells, strict=True)
            },
            "13.5.1.15.1.2.1": 7,
            **{
                f"13.2.3.1.{column}.{row}": state for column, row, state in ((2, 1, 1), (5, 1, 2), (2, 2, 4), (5, 2, 3))
            },
            **{f"13.2.5.1.{column}.{row}": cell for column, row, cell in ((2, 0, 2), (3, 0, 3), (2, 1, 4), (3, 1, 4))},
            "13.7.2.1.2.1": 312,
            "13.3.4.1.5.1": 251,
        },
        {
            **alarms("critical", charger=1, switchgear=1, transformer=0, battery_breaker_open=1),
            **alarms("warning", battery_life_near_end=1, battery_life_exceeded=0, battery_measured_life_near_end=0),
            **alarms("warning", bus_internal_main=0, bus_main_to_redundant=1, bus_external_redundant=1),
            **alarms("warning", external_connector=0, battery_monitor__1=0, display_card__1=0, xr_card__1=0),
            **alarms("warning", external_frame_board__1=0, own_battery_monitor__1=0, relay_card__1=0),
            **alarms("warning", switchgear_monitor__1=1),
            **alarms("critical", intelligence_module__1=0, intelligence_module__2=1, external_switchgear__1=1),
            **alarms("critical", system_supply__1=0, system_supply__2=1, charger__1=1, inverter__1=0),
            **alarms("critical", power_factor_correction__1=0, supply_unit__1=0),
            **alarms("critical", dc_breaker_open__1=0, dc_breaker_open__2=1, battery_breaker_open__4=0),
            **alarms("warning", input_breaker_open__1=0, maintenance_bypass_closed__2=1, output_breaker_open__3=1),
            **alarms("warning", power_module_life__1=0, power_module_fan_life__1=1, power_module_fan_life__2=1),
            **alarms("warning", door_filter__0=1),
            f"{WARM}{{sensor=switchgear}}": 28.7,
            f"{WARM}{{sensor=power_cabinet.1}}": 31.2,
            "dcim_ups_battery_temperature_celsius{string=frame.1}": 25.1,
        },
        {"dcim_ups_output_source": "normal"},
        {
            f"{ALARM}{{alarm=bus_internal_redundant,severity=warning}}": "sentinel",
            f"{ALARM}{{alarm=bus_external_main,severity=warning}}": "sentinel",
            f"{ALARM}{{alarm=power_module_life.2,severity=warning}}": "sentinel",
        },
    ),
    "an APC UPS with two battery packs, one of which is to be replaced": MibDevice(
        "apc-ups",
        APC_UPS,
        {
            "4.1.1.0": 2,
            **{f"2.3.10.2.1.5.{pack}.1": tenths for pack, tenths in ((1, 243), (2, 251))},
            **{
                f"2.3.10.2.1.6.{pack}.1": flags
                for pack, flags in ((1, b"000000000000"), (2, b"001000000000"), (3, b""))
            },
            **{
                f"2.3.10.2.1.10.{pack}.1": flags
                for pack, flags in ((1, b"0000000000000000"), (2, b"0010000000000000"), (3, b""))
            },
            **{f"2.3.10.4.1.5.{pack}.1": flags for pack, flags in ((1, b"0000000000000100"), (2, b""))},
        },
        {
            "dcim_ups_battery_temperature_celsius{string=pack.1.1}": 24.3,
            "dcim_ups_battery_temperature_celsius{string=pack.2.1}": 25.1,
            f"{ALARM}{{alarm=battery_pack.1.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=battery_pack.2.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=battery_cartridge.1.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=battery_cartridge.2.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=battery_external_pack.1,severity=warning}}": 1.0,
        },
        {"dcim_ups_output_source": "normal"},
    ),
    "an APC monitor of the first generation: probes, contacts and sensors beyond their limits": MibDevice(
        "apc-sensors",
        APC_SENSORS,
        {
            "3.12.2.0": 2,
            "3.12.11.0": 1,
            "3.12.13.0": 2,
            **{
                f"3.13.1.1.{column}.{row}": cell
                # the first probe is above its high, the second below its minimum, the third was never there
                for row, cells in {1: (34, 40, 2, 0x0002), 2: (4, 40, 2, 0x000C), 3: (-1, -1, 1, 0)}.items()
                for column, cell in zip((3, 6, 10, 11), cells, strict=True)
            },
            **{
                f"3.14.1.1.{column}.{row}": cell
                for row, cells in {1: (1, 2), 2: (1, 1), 3: (2, 1)}.items()
                for column, cell in zip((3, 4), cells, strict=True)
            },
            **{
                f"3.18.1.1.{column}.{row}": cell
                for row, cells in {1: row_of(b"Smoke", 1), 2: row_of(b"Motion", 2), 3: row_of(b"Fluid", 3)}.items()
                for column, cell in zip((2, 4), cells, strict=True)
            },
        },
        {
            f"{WARM}{{sensor=mem.0.1}}": 34.0,
            f"{WARM}{{sensor=mem.0.2}}": 4.0,
            f"{MOIST}{{sensor=mem.0.1}}": 0.4,
            f"{MOIST}{{sensor=mem.0.2}}": 0.4,
            "dcim_env_dew_point_celsius{sensor=mem.0.1}": 18.492794,
            "dcim_env_dew_point_celsius{sensor=mem.0.2}": -8.406592,
            **{f"dcim_env_contact_active{{kind=dry_contact,sensor=mem.0.{row}}}": float(row != 2) for row in (1, 2, 3)},
            **{
                f"{ALARM}{{alarm={name},severity={severity}}}": value
                for name, severity, value in (
                    ("ems-communication_lost", "critical", 0.0),
                    ("ems-hardware", "warning", 1.0),
                    ("sensor-mem.0.1", "warning", 1.0),
                    ("sensor-mem.0.1", "critical", 0.0),
                    ("sensor-mem.0.2", "warning", 1.0),
                    ("sensor-mem.0.2", "critical", 1.0),
                    ("ems.1.Smoke", "warning", 1.0),
                    ("ems.2.Motion", "warning", 0.0),
                )
            },
        },
    ),
    "an APC card with a probe beyond its outer limit": MibDevice(
        "apc-sensors",
        f"{APC_SENSORS}.2.3.2.1",
        {
            f"{column}.1": cell
            for column, cell in zip(range(3, 15), (2, 47, 1, 30, 2, 1, 1, 1, 2, 1, 3, 3), strict=True)
        },
        {
            f"{WARM}{{sensor=iem.1}}": 47.0,
            f"{MOIST}{{sensor=iem.1}}": 0.3,
            "dcim_env_dew_point_celsius{sensor=iem.1}": 25.127267,
            **{
                f"{ALARM}{{alarm=iem-{limit}.1,severity={severity}}}": float(limit.startswith("temperature_") and high)
                for severity, limits in (("warning", ("high", "low")), ("critical", ("maximum", "minimum")))
                for limit, high in (
                    (f"{quantity}_{each}", each in {"high", "maximum"})
                    for quantity in ("temperature", "humidity")
                    for each in limits
                )
            },
        },
    ),
    "a CyberPower UPS in overload with banks of outlets": MibDevice(
        "cyberpower-ups",
        CYBERPOWER,
        {
            "1.3.1.1.0": 1,
            "1.3.2.7.0": 1_480,
            "1.4.1.1.0": 11,
            "1.5.2.1.0": 230,
            "1.5.2.8.0": 30_000,
            **{f"1.8.1.1.1.2.{bank}": state for bank, state in ((1, 1), (2, 2), (3, 4))},
        },
        {
            "dcim_ups_input_power_watts{phase=L1}": 1_480.0,
            f"{ALARM}{{alarm=output_overload,severity=critical}}": 1.0,
            "dcim_ups_rated_output_voltage_volts": 230.0,
            "dcim_ups_low_battery_threshold_seconds": 300.0,
            "dcim_ups_outlet_on{outlet=bank.1}": 1.0,
            "dcim_ups_outlet_on{outlet=bank.2}": 0.0,
        },
        {"dcim_ups_output_source": "other"},
        {"dcim_ups_outlet_on{outlet=bank.3}": "sentinel"},
    ),
    "a CyberPower sensor with its limits": MibDevice(
        "cyberpower-sensors",
        f"{CYBERPOWER}.4",
        {"2.1.0": 752, "2.6.0": 240, "2.7.0": 32, "2.8.0": 12, "3.1.0": 41, "3.2.0": 80, "3.3.0": 20},
        {
            f"{WARM}{{sensor=envir}}": 24.0,
            f"{MOIST}{{sensor=envir}}": 0.41,
            "dcim_env_dew_point_celsius{sensor=envir}": 9.931191,
            "dcim_env_temperature_high_threshold_celsius{sensor=envir}": 32.0,
            "dcim_env_temperature_low_threshold_celsius{sensor=envir}": 12.0,
            "dcim_env_relative_humidity_high_threshold_ratio{sensor=envir}": 0.8,
            "dcim_env_relative_humidity_low_threshold_ratio{sensor=envir}": 0.2,
        },
    ),
    "a CyberPower transfer switch of the second branch that prefers source B": MibDevice(
        "cyberpower-ats",
        f"{CYBERPOWER}.6",
        {"9.2.1.3.1": 2, "9.3.1.3.1": 7, "9.4.1.3.1": 2, "9.4.1.16.1": 2},
        {"dcim_ats_redundant": 1.0, "dcim_ats_transfers_total": 7.0},
        {"dcim_ats_selected_source": "b", "dcim_ats_preferred_source": "b"},
    ),
    "a CyberPower PDU with metered outlets, one of which draws too much": MibDevice(
        "cyberpower-pdu",
        CYBERPOWER,
        {
            "6.3.4.1.5.1": 61,
            **{f"3.2.1.8.1.{column}.{outlet}": cell for outlet in (1, 2) for column, cell in ((2, outlet), (3, 10))},
            **{f"6.6.2.4.1.5.{outlet}": alarm for outlet, alarm in ((1, 2), (2, 4))},
            **{f"6.6.2.4.1.6.{outlet}": tenths for outlet, tenths in ((1, 12), (2, 101))},
        },
        {
            "dcim_pdu_input_current_amperes{inlet=1}": 6.1,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 1.2,
            "dcim_pdu_outlet_current_amperes{outlet=2}": 10.1,
            "dcim_pdu_outlet_rated_current_amperes{outlet=1}": 10.0,
            "dcim_pdu_outlet_rated_current_amperes{outlet=2}": 10.0,
            **alarms("warning", outlet_current__1=0, outlet_current__2=1),
        },
    ),
    "an APC rack PDU with metered outlets": MibDevice(
        "apc-rpdu2",
        "1.3.6.1.4.1.318.1.1.26",
        {
            "4.3.1.5.1": 142,
            **{
                f"9.4.3.1.{column}.{outlet}": cell
                for outlet, state in ((1, 1), (2, 4))
                for column, cell in ((2, 1), (4, outlet), (5, state), (6, 12))
            },
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 1_420.0,
            **{f"dcim_pdu_outlet_current_amperes{{outlet=1.{outlet}}}": 1.2 for outlet in (1, 2)},
            f"{ALARM}{{alarm=outlet_current.1.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=outlet_current.1.2,severity=warning}}": 1.0,
        },
    ),
    "a Vertiv rack PDU one of whose relays has failed": MibDevice(
        "vertiv-pdu",
        "1.3.6.1.4.1.21239.5.2",
        {
            "3.1.1.9.1": 640,
            **{f"3.5.1.4.{outlet}": 1 for outlet in (1, 2)},
            **{f"3.5.1.5.{outlet}": failed for outlet, failed in ((1, 2), (2, 1))},
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 640.0,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 1.0,
            **alarms("warning", outlet_relay__1=0, outlet_relay__2=1),
        },
    ),
    "a Damocles 2 with a probe of humidity and one of voltage": MibDevice(
        "hwgroup-poseidon",
        "1.3.6.1.4.1.21796.3.4",
        {
            **{
                f"3.1.{column}.{row}": cell
                for row, cells in {1: row_of(b"Aisle", 1, 415, 3), 2: row_of(b"Plant", 3, 528, 4)}.items()
                for column, cell in zip((2, 4, 6, 9), cells, strict=True)
            },
            "50.1.0": 1,
        },
        {
            "dcim_device_alarms": 1.0,
            f"{MOIST}{{sensor=1.Aisle}}": 0.415,
            "dcim_env_voltage_volts{sensor=2.Plant}": 52.8,
            **alarms("critical", sensor__1__Aisle=0, sensor__2__Plant=1),
            **alarms("warning", sensor__1__Aisle=0, sensor__2__Plant=0),
        },
    ),
    "an Eaton rack PDU whose voltage and outlet are beyond their limits, with sensors on the network card": MibDevice(
        "eaton-epdu",
        EATON,
        {
            "6.6.7.3.1.1.3.0.1": 501,
            "6.6.7.3.1.1.4.0.1": 0,
            **{f"6.6.7.3.2.1.{column}.0.1.1": cell for column, cell in ((2, 1), (3, 207_300), (4, 2))},
            **{f"6.6.7.5.3.1.4.0.{bank}": status for bank, status in ((1, 1), (2, -1))},
            **{f"6.6.7.6.4.1.4.0.{outlet}": state for outlet, state in ((1, 0), (2, 1), (3, 4))},
            **{f"6.8.1.1.4.1.1.{sensor}": status for sensor, status in ((1, 2), (2, 3), (3, 0))},
            "6.8.1.2.5.0": 1,
            **{
                f"6.8.1.{table}.3.1.{column}.1.1": cell
                for table, cells in {2: (3, 412, 0), 3: (0, 440, 0)}.items()
                for column, cell in zip((1, 3, 4), cells, strict=True)
            },
            **{f"6.8.1.4.2.1.2.1.{each}": switched for each, switched in ((1, 1), (2, 1), (3, 0))},
            **{f"6.8.1.4.3.1.1.1.{each}": alarm for each, alarm in ((1, 3), (2, 1), (3, 0))},
            **{f"6.8.1.4.3.1.3.1.{each}": state for each, state in ((1, 1), (2, 0), (3, 0))},
        },
        {
            "dcim_pdu_input_frequency_hertz{inlet=0.1}": 50.1,
            "dcim_pdu_phase_voltage_volts{inlet=0.1,phase=L1}": 207.3,
            **alarms("warning", input_frequency__0__1=0, input_voltage__0__1__1=1, bank_voltage__0__1=1),
            **alarms("warning", outlet_current__0__1=0, outlet_current__0__2=0, outlet_current__0__3=1),
            f"{WARM}{{sensor=emp2.1.1}}": 41.2,
            f"{MOIST}{{sensor=emp2.1.1}}": 0.44,
            "dcim_env_dew_point_celsius{sensor=emp2.1.1}": 26.508072,
            "dcim_env_contact_active{kind=dry_contact,sensor=emp2.1.1}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=emp2.1.2}": 0.0,
            **{
                f"{ALARM}{{alarm=sensor-{name},severity=warning}}": value
                for name, value in (
                    ("temperature.emp2.1.1", 1.0),
                    ("humidity.emp2.1.1", 0.0),
                    ("contact.emp2.1.1", 1.0),
                    ("contact.emp2.1.2", 0.0),
                    ("communication_lost.emp2.1", 0.0),
                    ("communication_lost.emp2.2", 1.0),
                )
            },
        },
        {},
        {
            f"{ALARM}{{alarm=bank_voltage.0.2,severity=warning}}": "sentinel",
            f"{ALARM}{{alarm=sensor-communication_lost.emp2.3,severity=warning}}": "sentinel",
        },
    ),
    "a Server Technology PRO2 with a linked unit that is lost, an outlet without power and a neutral that carries too much": MibDevice(
        "servertech-sentry4",
        SENTRY4,
        {
            "2.3.1.1.1": 0,
            "2.3.1.1.2": 8,
            **{f"3.3.1.{column}.1.1": cell for column, cell in ((3, 6_200), (6, 16), (13, 17))},
            **{
                f"4.{table}.1.{column}.1.1.4": cell
                for table, column, cell in ((2, 4, b"AA:N"), (3, 3, 2_110), (3, 4, 17))
            },
            **{
                f"8.3.1.{column}.1.1.{outlet}": cell
                for outlet, cells in {1: (1, 0, 16), 2: (2, 12, 1), 3: (1, 16, 14)}.items()
                for column, cell in zip((1, 2, 4), cells, strict=True)
            },
            "9.1.10.0": 0,
            **{
                f"{kind}.{table}.1.{column}.1.1": cell
                for kind, table, column, cell in (
                    (9, 2, 2, b"A1"),
                    (9, 3, 1, -410),
                    (9, 3, 2, 8),
                    (12, 2, 2, b"A1"),
                    (12, 3, 1, 0),
                )
            },
        },
        {
            "dcim_pdu_input_power_watts{inlet=1.1}": 6_200.0,
            "dcim_pdu_neutral_current_amperes{inlet=1.1}": 21.1,
            **{f"dcim_pdu_outlet_on{{outlet=1.1.{outlet}}}": float(outlet != 2) for outlet in (1, 2, 3)},
            "dcim_env_contact_active{kind=dry_contact,sensor=A1}": 0.0,
            **alarms("critical", unit__2=1),
            **alarms("warning", cord_apparent_power__1__1=1, out_of_balance__1__1=1, neutral_current__1__1=1),
            **alarms("warning", outlet_current__1__1__1=1, outlet_current__1__1__3=0),
            **alarms("warning", outlet__1__1__1=0, outlet__1__1__2=1, outlet__1__1__3=0),
            f"{ALARM}{{alarm=sensor-temperature_lost.A1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=sensor-contact_lost.A1,severity=warning}}": 0.0,
        },
        {"dcim_device_state": "ok"},
        {
            f"{ALARM}{{alarm=outlet_current.1.1.2,severity=warning}}": "sentinel",
            f"{ALARM}{{alarm=sensor-temperature.A1,severity=warning}}": "gated",
            f"{WARM}{{sensor=A1}}": "gated",
        },
    ),
    "a Sentry CDU with a relay that does not open and a sensor that is gone": MibDevice(
        "servertech-sentry3",
        SENTRY3,
        {
            "1.1.2.1": b"A",
            "1.1.4.1": 4,
            **{
                f"2.1.{column}.1.{infeed}": cell
                for infeed, cells in {1: row_of(b"AA", 1, 0, 912, b"L1"), 4: row_of(b"AN", 1, 5, 1_720, b"N")}.items()
                for column, cell in zip((2, 5, 6, 7, 21), cells, strict=True)
            },
            **{
                f"3.1.{column}.1.1.{outlet}": cell
                for outlet, cells in {1: row_of(b"AA1", 1, 4), 2: row_of(b"AA2", 4, 1), 3: row_of(b"AA3", 6, 7)}.items()
                for column, cell in zip((2, 5, 6), cells, strict=True)
            },
            **{
                f"5.1.{column}.1.{sensor}": cell
                for sensor, cells in {1: row_of(b"A1", 0), 2: row_of(b"A2", 2)}.items()
                for column, cell in zip((2, 4), cells, strict=True)
            },
        },
        {
            **alarms("warning", fan__1=0, out_of_balance__1=0, memory__1=1, neutral_current__AN=1),
            **alarms("critical", over_temperature__1=0, communication_lost__1=0, infeed_fuse__AA=0, infeed_fuse__AN=0),
            "dcim_pdu_input_current_amperes{inlet=AA}": 9.12,
            "dcim_pdu_neutral_current_amperes{inlet=AN}": 17.2,
            "dcim_pdu_outlet_on{outlet=AA1}": 1.0,
            "dcim_pdu_outlet_on{outlet=AA2}": 0.0,
            **alarms("warning", outlet_current__AA1=1, outlet_current__AA2=0, outlet__AA1=0, outlet__AA2=1),
            f"{ALARM}{{alarm=sensor-lost.A1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=sensor-lost.A2,severity=warning}}": 1.0,
        },
        {"dcim_pdu_load_state{inlet=AA,scope=device}": "normal"},
        {
            f"{ALARM}{{alarm=outlet_current.AA3,severity=warning}}": "sentinel",
            f"{ALARM}{{alarm=outlet.AA3,severity=warning}}": "sentinel",
            "dcim_pdu_outlet_on{outlet=AA3}": "sentinel",
        },
    ),
    "a Raritan PX with values beyond the limits that are set in it": MibDevice(
        "raritan-pdu2",
        f"{RARITAN}.5",
        {
            **{f"2.3.1.3.1.1.{sensor}": state for sensor, state in ((3, 6), (4, 2), (5, 4), (6, 5), (23, 4), (26, 5))},
            **{
                f"2.4.1.3.1.1.{pole}.{sensor}": state
                for pole, sensor, state in ((1, 4, 3), (1, 25, 4), (2, 25, -1), (4, 1, 6))
            },
            **{f"4.3.1.3.1.{outlet}.1": state for outlet, state in ((1, 2), (2, 4), (3, 5))},
            **{f"8.4.1.3.2.7.{pole}.1": state for pole, state in ((1, 4), (2, 6))},
        },
        {
            **alarms("warning", unbalance__1__1=1, input_voltage__1__1=1, input_power__1__1=0),
            **alarms("warning", input_apparent_power__1__1=1, input_frequency__1__1=0, residual_current_limit__1__1=1),
            **alarms("warning", line_voltage__1__1__1=1, phase_voltage__1__1__1=0, neutral_current__1__1=1),
            **alarms("warning", outlet_current__1__1=0, outlet_current__1__2=0, outlet_current__1__3=1),
            **alarms("warning", circuit_current__2__7__1=0, circuit_current__2__7__2=1),
        },
        {},
        {f"{ALARM}{{alarm=phase_voltage.1.1.2,severity=warning}}": "sentinel"},
    ),
    "a PX3 with a failed supply of its own and too much residual current": MibDevice(
        "raritan-pdu2",
        RARITAN,
        {
            "5.1.3.1.3.1.46": 12,
            "5.1.3.1.3.1.47": 26,
            **{f"5.2.3.1.{column}.1.1.5": value for column, value in ((2, 1), (3, 4), (4, 460))},
            "3.3.4.1.7.1.1.5": 0,
            "5.2.3.1.3.1.1.27": 28,
        },
        {
            f"{ALARM}{{alarm=supply.1.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=supply.1.2,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=residual_current.1.1,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=input_power.1.1,severity=warning}}": 0.0,
            "dcim_pdu_input_power_watts{inlet=1.1}": 460.0,
        },
    ),
    "a Raritan PX with a switch for water that is on": MibDevice(
        "raritan-pdu2",
        RARITAN,
        {
            **{f"3.6.3.1.2.1.{sensor}": 14 for sensor in (1, 2)},
            **{f"3.6.3.1.10.1.{sensor}": subtype for sensor, subtype in ((1, 17), (2, 44))},
            **{f"5.5.3.1.3.1.{sensor}": state for sensor, state in ((1, 7), (2, 8))},
        },
        {"dcim_leak_detected{sensor=1.1}": 1.0, "dcim_env_contact_active{kind=tamper,sensor=1.2}": 0.0},
    ),
}


@pytest.mark.parametrize("device", CASES.values(), ids=CASES.keys())
async def test_an_object_is_read_as_its_mib_says(device: MibDevice) -> None:
    await assert_read_as_expected(device)
