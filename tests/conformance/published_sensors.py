"""Sensors and their gateways without a recording: answers written down from what other pollers read; see published_mibs."""

from tests.conformance.published_mibs import DRY, Published

SENSORS = {
    "egnite-querx": Published(
        "1.3.6.1.4.1.3444.1.14.1.2.1",
        {
            f"{column}.{row}": cell
            for row, cells in (
                (1, {2: 8, 3: 9, 4: 1, 5: 213, 6: 1, 10: b"Temperature"}),
                (2, {2: 9, 3: 9, 4: 0, 5: 41, 6: 1, 10: b"Humidity"}),
                (3, {2: 8, 3: 9, 4: 1, 5: 74, 6: 1, 10: b"Dew point"}),
                (4, {2: 1, 3: 9, 4: 1, 5: 10_042, 6: 1, 10: b"Pressure"}),
            )
            for column, cell in cells.items()
        },
        {
            "dcim_env_temperature_celsius{sensor=Temperature}": 21.3,
            "dcim_env_relative_humidity_ratio{sensor=Humidity}": 0.41,
            "dcim_env_dew_point_celsius{sensor=Dew_point}": 7.4,
        },
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
