"""A probe that is beyond a limit that is set in the device itself is an alarm, one within its limits is none."""

import pytest

from tests.conformance.mib_device import MibDevice, assert_read_as_expected
from tests.conformance.published_mibs import ALARM, probe_alarms

WARM, MOIST = "dcim_env_temperature_celsius", "dcim_env_relative_humidity_ratio"
DEW = "dcim_env_dew_point_celsius"


CASES = {
    "Raritan PX2": MibDevice(
        "raritan-pdu2",
        "1.3.6.1.4.1.13742.6",
        {
            # The first sensor is above its upper warning threshold; the second one measures well, the third one is gone.
            **{f"3.6.3.1.2.1.{sensor}": kind for sensor, kind in ((1, 10), (2, 11), (3, 10))},
            **{f"3.6.3.1.16.1.{sensor}": unit for sensor, unit in ((1, 7), (2, 9), (3, 7))},
            **{f"3.6.3.1.17.1.{sensor}": 1 for sensor in (1, 2, 3)},
            **{f"5.5.3.1.3.1.{sensor}": state for sensor, state in ((1, 5), (2, 4), (3, -1))},
            **{f"5.5.3.1.4.1.{sensor}": value for sensor, value in ((1, 341), (2, 420), (3, 0))},
        },
        {f"{WARM}{{sensor=1.1}}": 34.1, f"{MOIST}{{sensor=1.2}}": 0.42}
        | probe_alarms(temperature_1_1=1, humidity_1_2=0),
    ),
    "Raritan PX": MibDevice(
        "raritan-px",
        "1.3.6.1.4.1.13742.4.3",
        {"1.0": 1, "3.1.2.1": 10, "3.1.16.1": 7, "3.1.17.1": 1, "3.1.40.1": 6, "3.1.41.1": 402},
        {f"{WARM}{{sensor=1}}": 40.2} | probe_alarms(temperature_1=1),
    ),
    "Server Technology Sentry4": MibDevice(
        "servertech-sentry4",
        "1.3.6.1.4.1.1718.4.1",
        {
            "9.1.10.0": 0,
            "9.2.1.2.1.1": b"A1",
            "9.2.1.2.1.2": b"A2",
            "9.3.1.1.1.1": 461,
            "9.3.1.1.1.2": -410,
            "9.3.1.2.1.1": 17,
            "9.3.1.2.1.2": 7,
            "10.2.1.2.1.1": b"A1",
            "10.3.1.1.1.1": 38,
            "10.3.1.2.1.1": 0,
        },
        {f"{WARM}{{sensor=A1}}": 46.1, f"{MOIST}{{sensor=A1}}": 0.38, f"{DEW}{{sensor=A1}}": 28.364806}
        | probe_alarms(temperature_A1=1, humidity_A1=0)
        | {
            f"dcim_device_alarm_active{{alarm=sensor-{each}_lost.A1,severity=warning}}": 0.0
            for each in ("temperature", "humidity")
        },
    ),
    "Server Technology Sentry3": MibDevice(
        "servertech-sentry3",
        "1.3.6.1.4.1.1718.3.2.5.1",
        {"2.1.1": b"A1", "4.1.1": 0, "5.1.1": 0, "6.1.1": 231, "9.1.1": 3, "10.1.1": 12, "13.1.1": 0},
        {f"{WARM}{{sensor=A1}}": 23.1, f"{MOIST}{{sensor=A1}}": 0.12, f"{DEW}{{sensor=A1}}": -7.894733}
        | {"dcim_device_alarm_active{alarm=sensor-lost.A1,severity=warning}": 0.0}
        | probe_alarms(temperature_A1=0, humidity_A1=1),
    ),
    "Eaton ePDU": MibDevice(
        "eaton-epdu",
        "1.3.6.1.4.1.534.6.6.7",
        {
            "1.2.1.9.0": 0,
            **{f"7.{table}.1.3.0.{probe}": int(probe == 1) for table in (1, 2) for probe in (1, 2)},
            "7.1.1.4.0.1": 388,
            "7.1.1.5.0.1": 3,
            "7.1.1.5.0.2": 0,
            "7.2.1.4.0.1": 405,
            "7.2.1.5.0.1": 0,
            "7.2.1.5.0.2": 0,
        },
        {f"{WARM}{{sensor=0.1}}": 38.8, f"{MOIST}{{sensor=0.1}}": 0.405, f"{DEW}{{sensor=0.1}}": 22.97165}
        | probe_alarms(temperature_0_1=1, humidity_0_1=0),
    ),
    "HPE G2 PDU": MibDevice(
        "hpe-pdu2",
        "1.3.6.1.4.1.232.165.7.4",
        {"1.1.1.1.1": 1, "2.1.3.1.1": 2, "2.1.4.1.1": 95, "2.1.5.1.1": 2, "3.1.3.1.1": 1, "3.1.5.1.1": 1},
        {f"{WARM}{{sensor=1.1}}": 9.5} | probe_alarms(temperature_1_1=1),
    ),
    "APC card with universal ports": MibDevice(
        "apc-sensors",
        "1.3.6.1.4.1.318.1.1.25.1.2.1",
        {
            **{f"{column}.{port}.1": cell for port in (1, 2) for column, cell in ((6, 31), (7, -1), (10, 2))},
            "9.1.1": 2,
            "9.2.1": 3,
        },
        {
            **{f"{WARM}{{sensor={port}.1}}": 31.0 for port in (1, 2)},
            f"{ALARM}{{alarm=sensor.1.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=sensor.1.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=sensor.2.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=sensor.2.1,severity=critical}}": 1.0,
        },
        bad={f"{MOIST}{{sensor={port}.1}}": "sentinel" for port in (1, 2)},
    ),
    "APC card with an integrated monitor": MibDevice(
        "apc-sensors",
        "1.3.6.1.4.1.318.1.1.10.2.3.2.1",
        # The limits of humidity are switched off.
        {
            "3.1": 2,
            "4.1": 34,
            "5.1": 1,
            "6.1": 40,
            "7.1": 2,
            "8.1": 1,
            "9.1": 3,
            "10.1": 3,
            # nothing is plugged into the second place
            "3.2": 1,
            "4.2": -1,
            "5.2": 1,
            "6.2": -1,
            "7.2": 1,
            "8.2": 1,
            "9.2": 1,
            "10.2": 1,
        },
        {
            f"{WARM}{{sensor=iem.1}}": 34.0,
            f"{MOIST}{{sensor=iem.1}}": 0.4,
            f"{DEW}{{sensor=iem.1}}": 18.492794,
            f"{ALARM}{{alarm=iem-temperature_high.1,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=iem-temperature_low.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=iem-humidity_high.1,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=iem-humidity_low.1,severity=warning}}": 0.0,
        },
    ),
    "Didactum's RS-485 bus": MibDevice(
        "didactum",
        "1.3.6.1.4.1.46501.7",
        {
            "2.1.4.1": b"temperature",
            "2.1.5.1": b"Aisle",
            "2.1.6.1": b"high warning",
            "2.1.7.1": b"31.5",
            "1.1.4.2": b"smoke",
            "1.1.5.2": b"Ceiling",
            "1.1.6.2": b"alarm",
        },
        {
            f"{WARM}{{sensor=rs.Aisle}}": 31.5,
            "dcim_env_contact_active{kind=smoke,sensor=rs.Ceiling}": 1.0,
            f"{ALARM}{{alarm=rs-sensor.Aisle,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=rs-sensor.Aisle,severity=critical}}": 0.0,
        },
    ),
    "Kentix AlarmManager": MibDevice(
        "kentix-alarmmanager",
        "1.3.6.1.4.1.37954.1",
        {"1.11.0": 0, "1.15.0": 1, "2.1.1.0": b"Room", "2.1.2.0": 284},
        {
            f"{WARM}{{sensor=1}}": 28.4,
            f"{ALARM}{{alarm=sabotage,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=temperature,severity=warning}}": 1.0,
        },
    ),
    "BlueNet2": MibDevice(
        "bachmann-bluenet2",
        "1.3.6.1.4.1.31770.2.2.8",
        {
            **{f"2.1.7.0.1.64.4.255.255.1.{kind}": state for kind, state in ((0, 5), (1, 2))},
            **{f"2.1.9.0.1.64.4.255.255.1.{kind}": -1 for kind in (0, 1)},
            **{f"4.1.5.0.1.64.4.255.255.1.{kind}": value for kind, value in ((0, 312), (1, 400))},
            # more than the limit of the residual current
            "2.1.7.0.4.0.255.255.255.0.7": 3,
        },
        {
            f"{WARM}{{sensor=1.64.4.255}}": 31.2,
            f"{MOIST}{{sensor=1.64.4.255}}": 0.4,
            f"{DEW}{{sensor=1.64.4.255}}": 15.995982,
            f"{ALARM}{{alarm=residual_current.1.1.ac,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=residual_current.1.1.ac,severity=warning}}": 0.0,
        }
        | probe_alarms(temperature_1_64_4_255=1, humidity_1_64_4_255=0),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_probe_beyond_its_limit_is_an_alarm(name: str) -> None:
    await assert_read_as_expected(CASES[name])
