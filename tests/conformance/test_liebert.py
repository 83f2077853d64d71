"""Cooling units, PDUs and UPS of Liebert, told by their MIBs and by what LibreNMS, Torrus and NUT read of them."""

import pytest

from agent.lab.replay import replay_snmp
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles
from tests.conformance.mib_device import MibDevice, assert_read_as_expected
from tests.conformance.published_alerts import flexible

AIR = "1.3.6.1.4.1.476.1.42.3.4"
TEMPERATURES, HUMIDITIES = "1.3.3.1", "2.2.3.1"
# A card that has a UPS in text: code, value and unit of its rows.
UNITY = (
    (4096, b"118.9", b"VAC"),
    (4105, b"59.9", b"Hz"),
    (4113, b"3.1", b"A AC"),
    (4116, b"0.98", b""),
    (4118, b"Unavailable", b""),
    (4123, b"Normal with Warning", b""),
    (4148, b"54.6", b"VDC"),
    (4150, b"35", b"min"),
    (4153, b"97", b"%"),
    (4156, b"77.0", b"deg F"),
    (4204, b"2.9", b"A AC"),
    (4207, b"60.0", b"Hz"),
    (4208, b"312", b"W"),
    (4209, b"0.35", b"kVA"),
    (4264, b"1500", b"VA"),
    (4291, b"26.5", b"deg C"),
    (4385, b"120.1", b"VAC"),
    (4872, b"Normal", b""),
    (5166, b"120.5", b"kWh"),
    (5861, b"21", b"%"),
)


def temperatures(places: dict[str, int]) -> dict[str, SnmpValue]:
    """Rows of lgpEnvTemperatureTableDegC, in tenths, by the place that each one names."""
    cells: dict[str, SnmpValue] = {}
    for row, (place, tenths) in enumerate(places.items(), 1):
        cells |= {f"{TEMPERATURES}.2.{row}": f"{AIR}.1.1.{place}", f"{TEMPERATURES}.50.{row}": tenths}
    return cells


def points(root: str, places: dict[str, tuple[int, int]]) -> dict[str, SnmpValue]:
    """Rows that name a component: the number behind `root`'s column 3, and the value."""
    column = {"4.32.1": 5, "3.50.1": 3, "3.70.1": 20}[root]
    cells: dict[str, SnmpValue] = {}
    for row, (place, (number, value)) in enumerate(places.items(), 1):
        cells |= {f"{root}.2.{row}": f"{AIR}.7.1.{place}", f"{root}.3.{row}": number}
        cells[f"{root}.{column}.{row}"] = value
    return cells


HOURS = "dcim_crah_compressor_running_seconds_total{compressor=%s}"
CASES = {
    "air, water and refrigerant": MibDevice(
        "liebert-crah",
        AIR,
        {
            "3.1.0": 1,
            **temperatures(
                {
                    "1": 225,
                    "4": 241,
                    "10.2": 228,
                    "14.3": 305,
                    "15": 263,
                    "16": 98,
                    "19.1": 212,
                    "19.4": 101,
                    "23.1": -15,
                    "12": 72,
                    "24": 135,
                    "11.1": 782,
                    "21": 143,
                    "18": 999,
                }
            ),
            f"{HUMIDITIES}.2.1": f"{AIR}.2.1.4",
            f"{HUMIDITIES}.50.1": 437,
            **points("3.70.1", {"4": (1, 455), "13.2": (2, 0), "5": (1, 10)}),
        },
        {
            **{
                f"dcim_crah_air_temperature_celsius{{sensor={sensor}}}": value
                for sensor, value in (
                    ("control", 22.5),
                    ("ambient", 24.1),
                    ("local-2", 22.8),
                    ("enclosure-3", 30.5),
                    ("room", 26.3),
                    ("external-a", 21.2),
                )
            },
            "dcim_env_dew_point_celsius{sensor=unit}": 9.8,
            "dcim_env_dew_point_celsius{sensor=external-b}": 10.1,
            "dcim_env_dew_point_celsius{sensor=inlet}": -1.5,
            "dcim_crah_water_supply_temperature_celsius": 7.2,
            "dcim_crah_water_return_temperature_celsius": 13.5,
            "dcim_crah_refrigerant_temperature_celsius{sensor=compressor-1}": 78.2,
            "dcim_crah_refrigerant_temperature_celsius{sensor=supply}": 14.3,
            "dcim_crah_air_relative_humidity_ratio{sensor=ambient}": 0.437,
            "dcim_crah_valve_position_ratio{valve=chilled-water}": 0.455,
            "dcim_crah_valve_position_ratio{valve=hot-gas-2}": 0.0,
        },
        {"dcim_crah_unit_state": "running"},
    ),
    "set points in tenths": MibDevice(
        "liebert-crah",
        AIR,
        {
            "3.1.0": 3,
            **temperatures({"3": 187, "2": 312}),
            f"{TEMPERATURES}.53.1": 185,
            f"{TEMPERATURES}.6.1": 19,
            f"{TEMPERATURES}.6.2": 31,
        },
        {
            "dcim_crah_supply_air_temperature_celsius": 18.7,
            "dcim_crah_supply_air_temperature_setpoint_celsius": 18.5,
            "dcim_crah_return_air_temperature_celsius": 31.2,
            "dcim_crah_return_air_temperature_setpoint_celsius": 31.0,
        },
        {"dcim_crah_unit_state": "standby"},
    ),
    "hours of an older card": MibDevice(
        "liebert-crah",
        AIR,
        {"3.1.0": 2, "6.1.0": 5353, "6.2.0": 4100, "6.17.0": 17, "6.3.0": 8000},
        {
            HOURS % 1: 5353 * 3600.0,
            HOURS % 2: 4100 * 3600.0,
            HOURS % 3: 17 * 3600.0,
            "dcim_crah_fan_running_seconds_total{fan=1}": 8000 * 3600.0,
        },
        {"dcim_crah_unit_state": "off"},
    ),
    "hours and states of components": MibDevice(
        "liebert-crah",
        AIR,
        {
            "3.1.0": 1,
            "6.1.0": 9,
            "6.3.0": 9,
            **points("4.32.1", {"1": (2, 8000), "2": (3, 5353), "12.1.2": (1, 4100), "12.2": (1, 17)}),
            **points("3.50.1", {"12.1": (1, 1), "12.2.1": (2, 2)}),
        },
        {
            "dcim_crah_fan_running_seconds_total{fan=2}": 8000 * 3600.0,
            HOURS % 3: 5353 * 3600.0,
            HOURS % "1B": 4100 * 3600.0,
            HOURS % 2: 17 * 3600.0,
            "dcim_crah_compressor_on{compressor=1}": 1.0,
            "dcim_crah_compressor_on{compressor=2A}": 0.0,
        },
        {"dcim_crah_unit_state": "running"},
    ),
    "branches to neutral, between two lines, and without power": MibDevice(
        "liebert-pdu",
        "1.3.6.1.4.1.476.1.42.3.8",
        {
            "20.1.25.1": 1,
            **{f"40.20.1.130.1.{branch}": 512 for branch in (1, 2, 3)},
            **{f"40.20.1.100.1.{branch}": tenths for branch, tenths in ((1, 1203), (2, 0), (3, 0))},
            **{f"40.20.1.170.1.{branch}": tenths for branch, tenths in ((1, 0), (2, 2081))},
        },
        {
            **{f"dcim_pdu_bank_current_amperes{{bank=1.{branch}}}": 5.12 for branch in (1, 2, 3)},
            "dcim_pdu_bank_voltage_volts{bank=1.1}": 120.3,
            "dcim_pdu_bank_voltage_volts{bank=1.2}": 208.1,
            "dcim_pdu_bank_voltage_volts{bank=1.3}": 0.0,
            **{
                f"dcim_device_alarm_active{{alarm={alarm},severity={severity}}}": 0.0
                for alarm, severity in (
                    ("warning", "warning"),
                    ("alarm", "critical"),
                    ("abnormal_operation", "critical"),
                )
            },
        },
    ),
    "the battery of a UPS": MibDevice(
        "liebert-ups",
        AIR,
        temperatures({"6": 268}),
        {"dcim_ups_battery_temperature_celsius": 26.8},
    ),
    "a UPS in text": MibDevice(
        "liebert-ups",
        "1.3.6.1.4.1.476.1.42.3.9.20.1",
        {place: cell for code, *row in UNITY for place, cell in flexible(1, code, b"", *row).items()}
        | {
            f"20.1.2.100.{code}": text
            for code, text in (
                (4233, b"Inactive Alarm"),
                (6182, b"Active Alarm"),
                (4168, b"Active Event"),
                (4295, b"Inactive Event"),
                (4298, b"Active Message"),
                (4825, b"Active Warning"),
                (6254, b"Unavailable"),
            )
        },
        {
            "dcim_device_alarm_active{alarm=inverter_failure,severity=critical}": 0.0,
            "dcim_device_alarm_active{alarm=battery_discharging,severity=warning}": 1.0,
            "dcim_device_alarm_active{alarm=rectifier_failure,severity=critical}": 0.0,
            "dcim_device_alarm_active{alarm=output_on_bypass,severity=warning}": 0.0,
            "dcim_device_alarm_active{alarm=loss_of_redundancy,severity=warning}": 1.0,
            "dcim_ups_battery_replace_required": 1.0,
            "dcim_ups_battery_charge_ratio": 0.97,
            "dcim_ups_battery_runtime_seconds": 2_100.0,
            "dcim_ups_battery_voltage_volts": 54.6,
            "dcim_ups_battery_temperature_celsius": 25.0,
            "dcim_ups_temperature_celsius": 26.5,
            "dcim_ups_input_voltage_volts{phase=L1}": 118.9,
            "dcim_ups_input_current_amperes{phase=L1}": 3.1,
            "dcim_ups_input_power_factor_ratio{phase=L1}": 0.98,
            "dcim_ups_input_frequency_hertz{phase=L1}": 59.9,
            "dcim_ups_output_voltage_volts{phase=L1}": 120.1,
            "dcim_ups_output_current_amperes{phase=L1}": 2.9,
            "dcim_ups_output_frequency_hertz": 60.0,
            "dcim_ups_output_total_power_watts": 312.0,
            "dcim_ups_output_total_apparent_power_voltamperes": 350.0,
            "dcim_ups_output_total_load_ratio": 0.21,
            "dcim_ups_output_energy_joules_total": 120.5 * 3_600_000.0,
            "dcim_ups_rated_apparent_power_voltamperes": 1_500.0,
        },
        {"dcim_ups_output_source": "normal", "dcim_device_state": "degraded"},
        {
            "dcim_ups_input_power_factor_ratio{phase=L3}": "decode",
            "dcim_device_alarm_active{alarm=charger_failure,severity=critical}": "decode",
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_liebert_card_is_read_as_its_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])


async def test_a_card_that_has_its_ups_only_in_text_is_recognised() -> None:
    one = CASES["a UPS in text"]
    records = [Record(f"{one.root}.{tail}", "", value) for tail, value in one.answers.items()]
    identified, _ = await replay_snmp(
        sorted(records, key=lambda each: each.key), shipped_profiles(), "auto", 1_790_000_000.0
    )
    assert identified.profile == one.profile
