"""Sensors and their gateways without a recording: answers written down from what other pollers read; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import ALARM, DRY, Published, probe_alarms

_RACK_ALARMS = ("extinguishing", "cut_off", "manual_activation", "failure", "service_or_blocked", "fire")

# querxPhySensorTable: type, scale, precision, value and status; name
_QUERX: tuple[dict[int, SnmpValue], ...] = (
    {2: 8, 3: 9, 4: 1, 5: 213, 6: 1, 10: b"Temperature"},
    {2: 9, 3: 9, 4: 0, 5: 41, 6: 1, 10: b"Humidity"},
    {2: 8, 3: 9, 4: 1, 5: 74, 6: 1, 10: b"Dew point"},
    {2: 1, 3: 9, 4: 1, 5: 10_042, 6: 1, 10: b"Pressure"},
)

# By type: scale as a power of ten, unit and number of a variable of BlueNet2.
_BLUENET: dict[str, tuple[int, int, int]] = {
    "0.0.0.0.255.255.0.1": (-2, 38, 23_410),
    "0.0.0.0.255.255.0.4": (-2, 4, 695),
    "0.0.0.0.255.255.0.17": (-3, 255, -717),
    "0.0.0.0.255.255.0.18": (-1, 242, 16_270),
    "0.0.0.0.255.255.0.19": (-1, 36, 11_666),
    "0.0.0.0.255.255.0.20": (-1, 36, 51_800),
    "0.0.0.0.255.255.0.23": (-2, 32, 4_997),
    "0.0.0.0.255.255.0.36": (-4, 240, 1_842_643),
    "0.0.0.2.255.255.0.4": (0, 4, 7),
    "0.0.0.255.255.255.0.9": (-2, 4, 120),
    "0.0.0.255.255.255.0.19": (0, 36, 3_500),
    "0.0.0.255.255.255.0.36": (0, 240, 552),
    "0.0.0.255.255.255.0.80": (-1, 38, 4_051),
    "0.0.255.255.255.255.0.19": (0, 36, 3_500),
    "1.0.1.255.255.255.0.19": (0, 36, 40),
    "0.0.0.1.1.255.0.4": (-3, 4, 12_345),
    "0.0.0.1.1.255.0.19": (0, 36, 2_839),
    "0.0.0.2.0.5.0.4": (-3, 4, 1_250),
    "0.0.0.255.0.6.0.19": (-1, 36, 1_201),
    "0.4.0.1.255.255.0.7": (-1, 246, 16),
    "0.4.0.255.255.255.0.8": (-3, 4, 2),
    "0.1.64.4.255.2.1.0": (-1, 45, -25),
    "0.1.64.4.255.2.1.1": (-1, 241, 369),
    "0.1.64.4.255.2.1.10": (-1, 45, -155),
    "0.1.72.5.255.1.1.0": (-1, 45, 220),
    "0.1.72.6.255.1.1.0": (-1, 45, 0),
}
_LOST, _EXPECTED = "0.1.72.5.255.1.1.0", "0.1.72.6.255.1.1.0"
_HIGH, _TOO_HIGH = "0.0.0.2.255.255.0.4", "0.0.0.1.1.255.0.4"


def _rows(entry: str, *rows: tuple[int, int, dict[int, SnmpValue]]) -> dict[str, SnmpValue]:
    """The cells of rows: the table, the row's number and its cells by column."""
    return {f"{table}.{entry}.{column}.{row}": cell for table, row, cells in rows for column, cell in cells.items()}


# The tables of EDS-MIB, each with a row for each device of the bus.
_BUS = (5, 6, 8, 11, 12, 13, 14, 15)
_ROMS = (b"4D000001E2B04828", b"5C00100000E5897E", b"AA000001E2B01210")

SENSORS = {
    "eds-owserver": Published(
        "1.3.6.1.4.1.31440",
        {
            "1.2.0": b"Ethernet to 1-wire Interface",
            # Type and health: a DS18B20, a probe for temperature and humidity, and a DS18S20 that does not answer any more.
            **{f"10.3.1.2.{row}": kind for row, kind in enumerate((3, 10, 4), 1)},
            **{f"10.3.1.6.{row}": rom for row, rom in enumerate(_ROMS, 1)},
            **{f"10.3.1.7.{row}": health for row, health in enumerate((7, 5, 0), 1)},
            **{f"10.{table}.1.1.{row}": b"\0" for table in _BUS for row in (1, 2, 3)},
            "10.5.1.1.1": b"24.0625",
            "10.6.1.1.3": b"19.5000",
            "10.12.1.1.2": b"21.5",
            "10.12.1.2.2": b"44.25",
        },
        {
            "dcim_env_temperature_celsius{sensor=4D000001E2B04828}": 24.0625,
            "dcim_env_temperature_celsius{sensor=5C00100000E5897E}": 21.5,
            "dcim_env_relative_humidity_ratio{sensor=5C00100000E5897E}": 0.4425,
            "dcim_env_dew_point_celsius{sensor=5C00100000E5897E}": 8.811678,
        },
        bad={"dcim_env_temperature_celsius{sensor=AA000001E2B01210}": "gated"},
    ),
    "knuerr-rms": Published(
        "1.3.6.1.4.1.3711.15.1.1",
        {"1.1.4.0": 234, "1.2.4.0": 415, "2.1.1": b"Door", "2.1.2": b"", "2.5.1": 1, "2.5.2": 0},
        {
            "dcim_env_temperature_celsius{sensor=ambient}": 23.4,
            "dcim_env_relative_humidity_ratio{sensor=ambient}": 0.415,
            "dcim_env_dew_point_celsius{sensor=ambient}": 9.573216,
            f"{DRY},sensor=Door}}": 1.0,
            f"{DRY},sensor=2}}": 0.0,
        },
    ),
    "synaccess-netbooter": Published(
        "1.3.6.1.4.1.21728.3",
        {
            "1.1.0": b"NP-16S",
            "1.7.0": 2,
            "3.2.0": b"3.25",
            "3.3.0": b"0.00",
            **{f"2.1.1.3.{outlet}": state for outlet, state in ((0, 1), (1, 2), (15, 1))},
        },
        {
            "dcim_pdu_input_current_amperes{inlet=1}": 3.25,
            "dcim_pdu_input_current_amperes{inlet=2}": 0.0,
            **{f"dcim_pdu_outlet_on{{outlet={outlet}}}": state for outlet, state in ((1, 1.0), (2, 0.0), (16, 1.0))},
        },
    ),
    "baytech-rpc": Published(
        "1.3.6.1.4.1.4779.1.3.5",
        {
            **{f"2.1.{column}.1": cell for column, cell in ((4, 162), (6, 1192), (7, 1919), (8, 325))},
            **{f"2.1.{column}.2": -2_000_000 for column in (4, 6, 7, 8)},
            "9.1.4.1.2": 39,
            **{f"3.1.3.1.{outlet}": state for outlet, state in ((1, 1), (2, 4), (3, 2))},
        },
        {
            "dcim_pdu_input_current_amperes{inlet=1}": 16.2,
            "dcim_pdu_input_voltage_volts{inlet=1}": 119.2,
            "dcim_pdu_input_power_watts{inlet=1}": 1919.0,
            "dcim_env_temperature_celsius{sensor=module.1}": 32.5,
            "dcim_pdu_bank_current_amperes{bank=1.2}": 3.9,
            "dcim_pdu_outlet_on{outlet=1.1}": 1.0,
            "dcim_pdu_outlet_on{outlet=1.2}": 0.0,
        },
        bad={
            "dcim_pdu_input_current_amperes{inlet=2}": "sentinel",
            "dcim_pdu_input_voltage_volts{inlet=2}": "sentinel",
            "dcim_pdu_input_power_watts{inlet=2}": "sentinel",
            "dcim_env_temperature_celsius{sensor=module.2}": "sentinel",
            "dcim_pdu_outlet_on{outlet=1.3}": "sentinel",
        },
    ),
    "bachmann-bluenet2": Published(
        "1.3.6.1.4.1.31770.2.2",
        {
            "4.2.1.7.1": 25,
            "6.4.1.10.1.1.2.1": 19,
            "6.4.1.10.1.1.2.2": 20,
            "6.4.1.10.1.1.3.1": 7,
            "6.5.1.12.1.1.3.6": 1,
            "6.5.1.12.1.1.0.7": 2,
            "6.5.1.12.1.1.0.8": 5,
            **{
                f"8.2.1.7.{index}": {_LOST: 7, _EXPECTED: 0, _HIGH: 5, _TOO_HIGH: 3}.get(index, 2) for index in _BLUENET
            },
            **{f"8.2.1.9.{index}": scale for index, (scale, _, _) in _BLUENET.items()},
            **{f"8.2.1.10.{index}": unit for index, (_, unit, _) in _BLUENET.items()},
            **{f"8.4.1.5.{index}": number for index, (_, _, number) in _BLUENET.items()},
        },
        {
            "dcim_pdu_phase_voltage_volts{inlet=1.1,phase=L1}": 234.1,
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L1}": 6.95,
            "dcim_pdu_phase_current_amperes{inlet=1.1,phase=L3}": 7.0,
            "dcim_pdu_phase_power_factor_ratio{inlet=1.1,phase=L1}": 0.717,
            "dcim_pdu_phase_apparent_power_voltamperes{inlet=1.1,phase=L1}": 1627.0,
            "dcim_pdu_phase_power_watts{inlet=1.1,phase=L1}": 1166.6,
            "dcim_pdu_phase_energy_joules_total{inlet=1.1,phase=L1}": 184.2643 * 3_600_000,
            "dcim_pdu_input_frequency_hertz{inlet=1.1}": 49.97,
            "dcim_pdu_neutral_current_amperes{inlet=1.1}": 1.2,
            "dcim_pdu_input_power_watts{inlet=1.1}": 3500.0,
            "dcim_pdu_input_power_watts{inlet=2.2}": 40.0,
            "dcim_pdu_input_energy_joules_total{inlet=1.1}": 552 * 3_600_000.0,
            "dcim_pdu_line_voltage_volts{inlet=1.1,line=L1-L2}": 405.1,
            "dcim_pdu_bank_current_amperes{bank=1.1.2.2}": 12.345,
            "dcim_pdu_bank_power_watts{bank=1.1.2.2}": 2839.0,
            "dcim_pdu_breaker_tripped{bank=1.1.2.1}": 0.0,
            "dcim_pdu_breaker_tripped{bank=1.1.2.2}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=1.1.3.6}": 1.25,
            "dcim_pdu_outlet_power_watts{outlet=1.1.0.7}": 120.1,
            "dcim_pdu_outlet_on{outlet=1.1.3.6}": 1.0,
            "dcim_pdu_outlet_on{outlet=1.1.0.7}": 0.0,
            "dcim_pdu_residual_current_amperes{inlet=1.1.2,kind=ac}": 0.0016,
            "dcim_pdu_residual_current_amperes{inlet=1.1,kind=dc}": 0.002,
            **probe_alarms(temperature_1_64_4_255=0, humidity_1_64_4_255=0),
            **{
                f"{ALARM}{{alarm=residual_current.{current},severity={severity}}}": 0.0
                for current in ("1.1.2.ac", "1.1.dc")
                for severity in ("critical", "warning")
            },
            "dcim_env_temperature_celsius{sensor=1.64.4.255}": -2.5,
            "dcim_env_relative_humidity_ratio{sensor=1.64.4.255}": 0.369,
            "dcim_env_dew_point_celsius{sensor=1.64.4.255}": -15.5,
        },
        {
            "dcim_device_state": "degraded",
            "dcim_pdu_load_state{inlet=1.1,phase=L1,scope=phase}": "normal",
            "dcim_pdu_load_state{inlet=1.1,phase=L3,scope=phase}": "near_overload",
            "dcim_pdu_load_state{bank=1.1.2.2,scope=bank}": "overload",
        },
        {
            "dcim_env_temperature_celsius{sensor=1.72.5.255}": "gated",
            "dcim_pdu_breaker_tripped{bank=1.1.3.1}": "sentinel",
            "dcim_pdu_outlet_on{outlet=1.1.0.8}": "sentinel",
        },
    ),
    "egnite-querx": Published(
        "1.3.6.1.4.1.3444.1.14.1.2.1",
        {f"{column}.{row}": cell for row, cells in enumerate(_QUERX, 1) for column, cell in cells.items()},
        {
            "dcim_env_temperature_celsius{sensor=Temperature}": 21.3,
            "dcim_env_relative_humidity_ratio{sensor=Humidity}": 0.41,
            "dcim_env_dew_point_celsius{sensor=Dew_point}": 7.4,
        },
    ),
    "teracom-tcw241": Published(
        "1.3.6.1.4.1.38783.3",
        {
            "1.2.0": b"TCW241-v1.242",
            "3.7.0": 1,
            "2.2.1.1.1.0": b"S1:TST1xx",
            "3.1.1.1.0": 71_600,
            "3.1.1.2.0": -1,
            "2.2.1.2.1.0": b"S2:TSH2xx",
            "3.1.2.1.0": 68_000,
            "3.1.2.2.0": 41_300,
            "2.2.1.3.1.0": b"S3",
            "3.1.3.1.0": 0,
            "3.2.1.0": 12_480,
            "3.2.4.0": 0,
            "3.3.5.1.0": 1,
            "3.3.5.2.0": 0,
        },
        {
            "dcim_env_voltage_volts{sensor=analog-1}": 12.48,
            "dcim_env_voltage_volts{sensor=analog-4}": 0.0,
            "dcim_env_temperature_celsius{sensor=1}": 22.0,
            "dcim_env_temperature_celsius{sensor=2}": 20.0,
            "dcim_env_relative_humidity_ratio{sensor=2}": 0.413,
            "dcim_env_dew_point_celsius{sensor=2}": 6.444561,
            f"{DRY},sensor=digital-1}}": 1.0,
            f"{DRY},sensor=digital-2}}": 0.0,
        },
    ),
    "teracom-tcw220": Published(
        "1.3.6.1.4.1.38783.2",
        {
            "1.2.0": b"TCW220-v1.242",
            "3.7.0": 0,
            "2.2.1.1.1.0": b"S1:TST1xx",
            "3.1.1.1.0": -4_250,
            "2.2.1.2.1.0": b"S2:TSH2xx",
            "3.1.2.1.0": 21_500,
            "3.1.2.2.0": 45_000,
            "3.2.1.0": 48_163,
            "3.2.2.0": -1,
            # An open input that is normally closed: digitalInput1State, then dig1Al.
            "3.3.1.0": 1,
            "3.3.2.0": 0,
            "3.3.3.1.0": 1,
            "3.3.3.2.0": 0,
        },
        {
            "dcim_env_temperature_celsius{sensor=1}": -4.25,
            "dcim_env_temperature_celsius{sensor=2}": 21.5,
            "dcim_env_relative_humidity_ratio{sensor=2}": 0.45,
            "dcim_env_dew_point_celsius{sensor=2}": 9.060943,
            "dcim_env_voltage_volts{sensor=analog-1}": 48.163,
            f"{DRY},sensor=digital-1}}": 1.0,
            f"{DRY},sensor=digital-2}}": 0.0,
        },
        bad={"dcim_env_voltage_volts{sensor=analog-2}": "sentinel"},
    ),
    # The second detector smells smoke, the air of the first is warm.
    "wagner-topsens": Published(
        "1.3.6.1.4.1.34187.74195",
        {
            "1.1.2.0": b"TITANUS TOP SENS",
            **{f"1.1.{1000 + at}.0": value for at, value in enumerate((0, 0, 1, 1, 1, 0, 0))},
            "2.1.245800000.0": b"5.250000",
            "2.1.245960000.0": b"31.500000",
            "2.1.246080000.0": b"24.000000",
        },
        {
            "dcim_env_contact_active{kind=smoke,sensor=1}": 0.0,
            "dcim_env_contact_active{kind=smoke,sensor=2}": 1.0,
            "dcim_env_temperature_celsius{sensor=1}": 31.5,
            "dcim_env_temperature_celsius{sensor=2}": 24.0,
            **{
                f"{ALARM}{{alarm={kind}_alarm_{detector},severity=warning}}": raised
                for kind, detector, raised in (("pre", 1, 0.0), ("info", 1, 1.0), ("pre", 2, 1.0), ("info", 2, 0.0))
            },
            f"{ALARM}{{alarm=failure,severity=critical}}": 0.0,
        },
    ),
    # One detector and two of five probes are fitted; the second probe is too hot, and the door is open.
    "wagner-racksens": Published(
        "1.3.6.1.4.1.34187.57949",
        {
            **{f"1.1.{1000 + at}.0": int(at in {5, 8, 14}) for at in range(16)},
            **{f"2.1.{24577 + at}.0": serial for at, serial in enumerate((4711, 815, 0))},
            **{f"2.1.{245_790_000 + 10_000 * probe}.0": f"{20 + 11 * probe}.50".encode() for probe in range(1, 6)},
            **{f"2.1.{24_590_036 + probe}.0": int(probe <= 2) for probe in range(1, 6)},
            "2.1.245850000.0": b"23.75",
            "2.1.245860000.0": b"1.8000",
            "2.1.24590042.0": 1,
        },
        {
            "dcim_env_contact_active{kind=door,sensor=door}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=1}": 0.0,
            "dcim_env_temperature_celsius{sensor=air}": 23.75,
            "dcim_env_temperature_celsius{sensor=1}": 31.5,
            "dcim_env_temperature_celsius{sensor=2}": 42.5,
            "dcim_env_air_speed_meters_per_second{sensor=air}": 1.8,
            f"{ALARM}{{alarm=pre_alarm_1,severity=warning}}": 1.0,
            **{
                f"{ALARM}{{alarm={name},severity=critical}}": float(name == "temperature_2")
                for name in (*_RACK_ALARMS, "temperature_1", "temperature_2")
            },
        },
    ),
    "papouch-th2e": Published(
        "1.3.6.1.4.1.18248.20.1.2.1.1",
        {
            f"{column}.{row}": cell
            for row, cells in enumerate(((0, 743, 1), (0, 385, 3), (1, 0, 0)), 1)
            for column, cell in enumerate(cells, 1)
        },
        {
            "dcim_env_temperature_celsius{sensor=1}": 23.5,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.385,
            "dcim_env_dew_point_celsius{sensor=1}": 8.548773,
        },
    ),
    "papouch-tme": Published(
        "1.3.6.1.4.1.18248.1.1",
        {"1.0": -55, "3.0": b"Roof"},
        {"dcim_env_temperature_celsius{sensor=1}": -5.5},
    ),
    "didactum": Published(
        "1.3.6.1.4.1.46501",
        {
            f"{table}.{column}.{row}": cell
            for table, row, cells in (
                ("5.2.1", 201_001, (b"temperature", b"Onboard", b"normal", b"27.4")),
                ("5.2.1", 202_001, (b"humidity", b"Rack 3", b"high warning", b"61.5")),
                ("5.2.1", 203_001, (b"voltage", b"Supply", b"normal", b"12.3")),
                ("5.2.1", 201_002, (b"temperature", b"Spare", b"not connected", b"0.0")),
                ("6.2.1", 201_007, (b"temperature", b"Floor", b"low alarm", b"9.5")),
                ("5.1.1", 101_001, (b"dry", b"Input 1", b"alarm", b"1")),
                ("5.1.1", 107_001, (b"smoke", b"Ceiling", b"normal", b"0")),
            )
            for column, cell in enumerate(cells, 4)
        },
        {
            "dcim_env_temperature_celsius{sensor=Onboard}": 27.4,
            "dcim_env_relative_humidity_ratio{sensor=Rack_3}": 0.615,
            "dcim_env_voltage_volts{sensor=Supply}": 12.3,
            "dcim_env_temperature_celsius{sensor=Floor}": 9.5,
            f"{DRY},sensor=Input_1}}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=Ceiling}": 0.0,
            **{
                f"dcim_device_alarm_active{{alarm={name},severity={severity}}}": float(alarm == severity)
                for name, alarm in (
                    ("sensor.Onboard", ""),
                    ("sensor.Rack_3", "warning"),
                    ("sensor.Supply", ""),
                    ("can-sensor.Floor", "critical"),
                )
                for severity in ("critical", "warning")
            },
        },
    ),
    "itwatchdogs-goose": Published(
        "1.3.6.1.4.1.17373.3",
        {
            "1.1.0": b"WeatherGoose II",
            **_rows(
                "1",
                (2, 1, {3: b"Aisle", 4: 1, 5: 24, 7: 41, 9: 30, 14: 10}),
                (4, 1, {3: b"Exhaust", 4: 1, 5: 36}),
                (4, 2, {3: b"Gone", 4: 0, 5: 0}),
                (5, 1, {3: b"Floor", 4: 1, 5: 19, 8: 47, 9: 7}),
                (3, 1, {3: b"Feed", 4: 1, 6: 231, 10: 52, 11: 1_130}),
                (9, 1, {3: b"Clamp", 4: 1, 5: 125}),
                (22, 1, {3: b"Plant", 4: 1, 5: -54}),
            ),
        },
        {
            "dcim_env_temperature_celsius{sensor=Aisle}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=Aisle}": 0.41,
            "dcim_env_dew_point_celsius{sensor=Aisle}": 10.0,
            "dcim_env_temperature_celsius{sensor=Exhaust}": 36.0,
            "dcim_env_temperature_celsius{sensor=Floor}": 19.0,
            "dcim_env_relative_humidity_ratio{sensor=Floor}": 0.47,
            "dcim_env_dew_point_celsius{sensor=Floor}": 7.0,
            "dcim_env_voltage_volts{sensor=Feed}": 231.0,
            "dcim_env_current_amperes{sensor=Feed}": 5.2,
            "dcim_env_power_watts{sensor=Feed}": 1_130.0,
            "dcim_env_current_amperes{sensor=Clamp}": 12.5,
            "dcim_env_voltage_volts{sensor=Plant}": -54.0,
        },
    ),
    "itwatchdogs-watchdog": Published(
        "1.3.6.1.4.1.17373.4.1",
        {
            "1.1.0": b"Watchdog 100",
            "1.7.0": 0,
            **_rows(
                "1",
                (2, 1, {2: b"0004A3C1", 3: b"Unit", 4: 1, 5: 752, 6: 41, 7: 500}),
                (4, 1, {3: b"Roof", 4: 0, 5: 0}),
                (
                    8,
                    1,
                    {
                        4: 1,
                        5: b"Row",
                        6: 680,
                        7: 44,
                        8: 446,
                        9: 1,
                        10: b"Row A",
                        11: 770,
                        12: 2,
                        13: b"Row B",
                        14: 0,
                    },
                ),
            ),
        },
        {
            "dcim_env_temperature_celsius{sensor=Unit}": 24.0,
            "dcim_env_relative_humidity_ratio{sensor=Unit}": 0.41,
            "dcim_env_dew_point_celsius{sensor=Unit}": 10.0,
            "dcim_env_temperature_celsius{sensor=Row}": 20.0,
            "dcim_env_relative_humidity_ratio{sensor=Row}": 0.44,
            "dcim_env_dew_point_celsius{sensor=Row}": 7.0,
            "dcim_env_temperature_celsius{sensor=Row_A}": 25.0,
        },
        bad={"dcim_env_temperature_celsius{sensor=Row_B}": "gated"},
    ),
    "netping-sensors": Published(
        "1.3.6.1.4.1.25728",
        {
            **_rows(
                "1.1",
                (8800, 1, {2: 23, 3: 2, 6: b"Inlet"}),
                (8800, 2, {2: 31, 3: 3, 6: b"Outlet", 7: 31_437}),
                (8800, 3, {2: 0, 3: 0, 6: b""}),
                (8400, 1, {2: 41, 3: 2, 4: 22, 5: 2}),
                (8400, 2, {2: 0, 3: 0, 4: 0, 5: 0}),
                (9000, 1, {2: 229, 3: 4, 4: 4_998, 5: 4}),
                (9000, 2, {2: 0, 3: 0, 4: 0, 5: 0}),
                (8200, 1, {2: 0, 3: 1, 4: 0}),
                (8200, 2, {2: 1, 3: 1, 4: 0}),
                (8200, 3, {2: 5, 3: 1, 4: 0}),
                (8300, 1, {2: 0, 3: 0, 7: 1}),
                (8300, 2, {2: 2, 3: 0, 7: 1}),
                (8300, 3, {2: 4, 3: 0, 7: 0}),
            ),
            "8900.1.1.2.1": 1,
            "3900.1.1.0": 0,
            "3900.1.2.0": 87,
        },
        {
            "dcim_env_temperature_celsius{sensor=temperature.1}": 23.0,
            "dcim_env_temperature_celsius{sensor=temperature.2}": 31.437,
            "dcim_env_temperature_celsius{sensor=humidity.1}": 22.0,
            "dcim_env_relative_humidity_ratio{sensor=humidity.1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=humidity.1}": 8.135609,
            "dcim_env_voltage_volts{sensor=voltage.1}": 229.0,
            "dcim_env_frequency_hertz{sensor=voltage.1}": 49.98,
            "dcim_env_contact_active{kind=smoke,sensor=smoke.1}": 0.0,
            "dcim_env_contact_active{kind=smoke,sensor=smoke.2}": 1.0,
            "dcim_device_alarm_active{alarm=current-loop.1,severity=critical}": 0.0,
            "dcim_device_alarm_active{alarm=current-loop.2,severity=critical}": 1.0,
            "dcim_device_alarm_active{alarm=on-battery,severity=warning}": 1.0,
            **probe_alarms(temperature_1=0, temperature_2=1, humidity_1=0),
            f"{ALARM}{{alarm=sensor-humidity-temperature.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=mains-voltage.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=mains-voltage.1,severity=warning}}": 0.0,
        },
    ),
    "netping-pwr": Published(
        "1.3.6.1.4.1.25728",
        {
            "5500.5.1.15.1": 1,
            "5500.5.1.16.1": 1,
            "5500.5.1.15.2": 0,
            "5500.5.1.16.2": 0,
            "8800.1.1.2.1": 24,
            "8800.1.1.3.1": 2,
            "8400.2.2.0": 38,
            "8400.2.3.0": 0,
            "8400.2.4.0": 21,
            "8400.2.9.0": 2_143,
            # npInputAnalogTable: an adapter whose signal is in its range, where a table of smoke sensors had been
            **{f"8200.1.1.{column}.1": cell for column, cell in ((2, 1), (3, 4_000), (4, 11_900), (7, 1))},
        },
        {
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_env_temperature_celsius{sensor=temperature.1}": 24.0,
            **probe_alarms(temperature_1=0),
            "dcim_env_temperature_celsius{sensor=humidity}": 21.43,
            "dcim_env_relative_humidity_ratio{sensor=humidity}": 0.38,
            "dcim_env_dew_point_celsius{sensor=humidity}": 6.513312,
        },
    ),
}
