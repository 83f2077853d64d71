"""Monitors and transfer switches in states, units and with sensors that no recording shows, as their MIBs say."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM, CONTACT, LEAK = "dcim_device_alarm_active", "dcim_env_contact_active", "dcim_leak_detected"
INTERSEPTOR = "1.3.6.1.4.1.19011.1.3.1.1"


def table(entry: str, columns: tuple[int, ...], rows: dict[int, tuple[SnmpValue, ...]]) -> dict[str, SnmpValue]:
    """Cells of a table: the numbers of its columns, and what each row has in them."""
    return {
        f"{entry}.{column}.{row}": cell
        for row, cells in rows.items()
        for column, cell in zip(columns, cells, strict=True)
    }


ENVIROMUX: dict[str, SnmpValue] = {
    # extSensorType, Description, Value, Unit, Status
    **table(
        "5.1.1",
        (2, 3, 7, 8, 10),
        {
            1: (45, b"Rope", 0, 0, 3),
            2: (46, b"Rope end", 3, 0, 3),
            3: (46, b"Other rope", 2, 0, 1),
            4: (46, b"No rope", 2, 0, 0),
            5: (12, b"Motion", 0, 0, 3),
            6: (18, b"Breaker", 0, 0, 1),
            7: (38, b"Plant", 542, 0, 1),
        },
    ),
    # auxSensorType, Description, Value, Unit, Status
    **table("4.1.1", (2, 3, 7, 8, 10), {1: (24, b"Room", 93, 0, 1)}),
    # remoteInputDescription, Status
    **table("12.1.1", (3, 8), {1: (b"Generator", 3), 2: (b"Spare", 0)}),
    # smokeDetectorDescription, Value, Status
    **table(
        "14.1.1",
        (2, 4, 5),
        {
            1: (b"Calm", 3, 1),
            2: (b"Fire", 2, 3),
            3: (b"Soon", 1, 2),
            4: (b"Burning fault", 6, 3),
            5: (b"Broken", 7, 3),
            6: (b"Lost", 3, 6),
            7: (b"None", 3, 0),
        },
    ),
    # pwrSupplyStatus
    **table("9.1.1", (2,), {1: (1,), 2: (0,), 3: (2,)}),
    # ipSensorType, Description, Value, Unit, Status
    **table(
        "16.1.1",
        (3, 4, 8, 9, 11),
        {
            1: (1, b"Far room", 752, 1, 1),
            2: (9, b"Far floor", 0, 0, 3),
            3: (10, b"Far smoke", 0, 0, 1),
            4: (9, b"Gone", 0, 0, 6),
        },
    ),
}
"""Cells of one with a leak cable that is broken, smoke detectors, sensors of a MICRO and a power supply that has failed."""

ENVIROMUX_READ = {
    f"{LEAK}{{sensor=external.1.Rope}}": 1.0,
    "dcim_leak_sensor_fault{sensor=external.1.Rope}": 0.0,
    "dcim_leak_sensor_fault{sensor=external.2.Rope_end}": 1.0,
    "dcim_leak_sensor_fault{sensor=external.3.Other_rope}": 0.0,
    f"{CONTACT}{{kind=tamper,sensor=external.5.Motion}}": 1.0,
    f"{CONTACT}{{kind=dry_contact,sensor=external.6.Breaker}}": 0.0,
    "dcim_env_voltage_volts{sensor=external.7.Plant}": 54.2,
    "dcim_env_dew_point_celsius{sensor=external.1.Room}": 9.3,
    f"{CONTACT}{{kind=dry_contact,sensor=remote.1.Generator}}": 1.0,
    f"{CONTACT}{{kind=smoke,sensor=smoke.1.Calm}}": 0.0,
    f"{CONTACT}{{kind=smoke,sensor=smoke.2.Fire}}": 1.0,
    f"{CONTACT}{{kind=smoke,sensor=smoke.3.Soon}}": 1.0,
    f"{CONTACT}{{kind=smoke,sensor=smoke.4.Burning_fault}}": 1.0,
    **{
        f"{ALARM}{{alarm=smoke_detector_fault.{detector},severity=warning}}": fault
        for detector, fault in enumerate((0.0, 0.0, 0.0, 1.0, 1.0, 1.0), 1)
    },
    f"{ALARM}{{alarm=power_supply.1,severity=warning}}": 0.0,
    f"{ALARM}{{alarm=power_supply.2,severity=warning}}": 1.0,
    "dcim_env_temperature_celsius{sensor=ip.1.Far_room}": 24.0,
    f"{LEAK}{{sensor=ip.2.Far_floor}}": 1.0,
    "dcim_leak_sensor_fault{sensor=ip.2.Far_floor}": 0.0,
    "dcim_leak_sensor_fault{sensor=ip.4.Gone}": 1.0,
    f"{CONTACT}{{kind=smoke,sensor=ip.3.Far_smoke}}": 0.0,
}
"""Its readings."""


def enviromux(profile: str, root: str) -> MibDevice:
    """An ENVIROMUX, by the object that its tables are under."""
    return MibDevice(
        profile, root, ENVIROMUX, ENVIROMUX_READ, bad={f"{CONTACT}{{kind=smoke,sensor=smoke.5.Broken}}": "sentinel"}
    )


def watchdog(profile: str, root: str) -> MibDevice:
    """One with doors and smoke alarms: 1 is the state at rest, 99 the other."""
    return MibDevice(
        profile,
        root,
        {
            **table("7.1", (3, 4, 5), {1: (b"Front", 1, 1), 2: (b"Rear", 1, 99), 3: (b"Gone", 0, 99)}),
            **table("21.1", (3, 4, 5), {1: (b"Ceiling", 1, 99), 2: (b"Floor", 1, 1)}),
        },
        {
            f"{CONTACT}{{kind=door,sensor=Front}}": 0.0,
            f"{CONTACT}{{kind=door,sensor=Rear}}": 1.0,
            f"{CONTACT}{{kind=smoke,sensor=Ceiling}}": 1.0,
            f"{CONTACT}{{kind=smoke,sensor=Floor}}": 0.0,
        },
    )


CASES = {
    # inSeptsensorMonitorDeviceStatus, Temperature, Humidity, Alarm1, Alarm2; the third probe is disabled, the second has no humidity.
    "an interSeptor in Fahrenheit": MibDevice(
        "jacarta-interseptor",
        INTERSEPTOR,
        {
            "2.16.0": 2,
            **table(
                "3.2.1",
                (2, 3, 5, 7, 8),
                {1: (3, 752, 415, 3, 4), 2: (4, 680, 0, 2, 2), 3: (2, 0, 0, 1, 1)},
            ),
        },
        {
            "dcim_env_temperature_celsius{sensor=1}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=1}": 10.112514,  # Magnus, of the two above
            "dcim_env_temperature_celsius{sensor=2}": 20.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.input-1}}": 1.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.input-2}}": 0.0,
        },
    ),
    # atsOutputBank, Current, State, Load and PercentLoad; the first row is the total.
    "a rack ATS with a bank that is near its limit": MibDevice(
        "apc-ats",
        "1.3.6.1.4.1.318.1.1.8.5",
        {
            "1.2.0": 1,
            **table(
                "4.5.1",
                (3, 4, 5, 9, 12),
                {1: (1, 219, 1, 4_900, 68), 2: (2, 152, 3, 3_400, 95), 3: (3, 67, 1, 1_500, 42)},
            ),
        },
        {
            "dcim_pdu_bank_current_amperes{bank=1}": 15.2,
            "dcim_pdu_bank_current_amperes{bank=2}": 6.7,
            "dcim_pdu_bank_load_ratio{bank=1}": 0.95,
            "dcim_pdu_bank_load_ratio{bank=2}": 0.42,
            "dcim_pdu_bank_apparent_power_voltamperes{bank=1}": 3_400.0,
            "dcim_pdu_bank_apparent_power_voltamperes{bank=2}": 1_500.0,
        },
        {
            "dcim_ats_selected_source": "a",
            "dcim_pdu_load_state{bank=1,scope=bank}": "near_overload",
            "dcim_pdu_load_state{bank=2,scope=bank}": "normal",
        },
    ),
    "an ENVIROMUX-5D": enviromux("nti-enviromux-5d", "1.3.6.1.4.1.3699.1.1.10.1"),
    "an ENVIROMUX-2D": enviromux("nti-enviromux-2d", "1.3.6.1.4.1.3699.1.1.9.1"),
    "an ENVIROMUX-16D": enviromux("nti-enviromux-16d", "1.3.6.1.4.1.3699.1.1.11.1"),
    "a Watchdog of firmware 3": watchdog("geist-watchdog-v3", "1.3.6.1.4.1.21239.2"),
    "a WeatherGoose": watchdog("itwatchdogs-goose", "1.3.6.1.4.1.17373.3"),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_device_is_read_as_the_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])
