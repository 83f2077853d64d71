"""Sensors and their gateways without a recording: answers written down from what other pollers read; see published_mibs."""

from agent.snmp.seam import SnmpValue
from tests.conformance.published_mibs import DRY, Published

# querxPhySensorTable: type, scale, precision, value and status; name
_QUERX: tuple[dict[int, SnmpValue], ...] = (
    {2: 8, 3: 9, 4: 1, 5: 213, 6: 1, 10: b"Temperature"},
    {2: 9, 3: 9, 4: 0, 5: 41, 6: 1, 10: b"Humidity"},
    {2: 8, 3: 9, 4: 1, 5: 74, 6: 1, 10: b"Dew point"},
    {2: 1, 3: 9, 4: 1, 5: 10_042, 6: 1, 10: b"Pressure"},
)

SENSORS = {
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
            "3.3.5.1.0": 1,
            "3.3.5.2.0": 0,
        },
        {
            "dcim_env_temperature_celsius{sensor=1}": 22.0,
            "dcim_env_temperature_celsius{sensor=2}": 20.0,
            "dcim_env_relative_humidity_ratio{sensor=2}": 0.413,
            "dcim_env_dew_point_celsius{sensor=2}": 6.444561,
            f"{DRY},sensor=digital-1}}": 1.0,
            f"{DRY},sensor=digital-2}}": 0.0,
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
        },
    ),
}
