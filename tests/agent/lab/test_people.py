"""Units in tables are those that people say; machine formats keep base units."""

from typing import get_args

import pytest
import yaml

from agent.lab.output import Output, render
from agent.lab.people import STEPS, for_people
from agent.readings import Identified, Identity, Readings
from rackflow.catalogue import catalogue


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.202, "ratio", "20.2 %"),
        (17_300.0, "watts", "17.3 kW"),
        (-1_234_567.0, "watts", "-1.2346 MW"),
        (950.0, "watts", "950 W"),
        (0.0, "watts", "0 W"),
        (3.6e9, "joules", "1,000 kWh"),
        (1.23456789e12, "joules", "342,936 kWh"),
        (0.00197, "cubic_meters_per_second", "118.2 L/min"),
        (4.3e-8, "cubic_meters_per_joule", "2.58 L/min/kW"),
        (24.5, "celsius", "24.5 degC"),
        (152_000.0, "pascals", "152 kPa"),
        (45.0, "seconds", "45 s"),
        (119.0, "seconds", "119 s"),
        (120.0, "seconds", "2 min"),
        (920.0, "seconds", "15.333 min"),
        (7200.0, "seconds", "2 h"),
        (86_400.0, "seconds", "24 h"),
        (172_800.0, "seconds", "2 d"),
        (864_000.0, "seconds", "10 d"),
        (99_999.0, "amperes", "99,999 A"),
        (100_000.0, "amperes", "100,000 A"),
        (0.0, "timestamp_seconds", "1970-01-01 00:00:00 UTC"),
        (1_764_115_200.0, "timestamp_seconds", "2025-11-26 00:00:00 UTC"),
        (-1.0, "timestamp_seconds", "-1 UTC"),
        (1e300, "timestamp_seconds", "1e+300 UTC"),
        (0.05, "siemens_per_meter", "500 uS/cm"),
        (12.0, "", "12 "),
    ],
)
def test_a_value_is_shown_as_people_say_it(value: float, unit: str, shown: str) -> None:
    assert " ".join(for_people(value, unit)) == shown


def test_every_unit_that_devices_have_is_shown_for_people() -> None:
    units = {metric.unit for metric in catalogue().values() if metric.unit and metric.derived != "collector"}
    assert units <= {*STEPS, "timestamp_seconds"}


READINGS = Readings(
    values={"dcim_ups_output_load_ratio{phase=L1}": 0.202, "dcim_ups_output_total_power_watts": 17300.0},
    states={"dcim_ups_output_source": "battery"},
    bad={"dcim_ups_input_frequency_hertz": "null"},
)
UPS = Identified("apc-ups", "ups", Identity("APC", "Smart-UPS", "S1", "1.0"), frozenset())


def test_a_table_is_for_people_and_the_other_formats_are_for_programs() -> None:
    table = render(UPS, READINGS, "table")
    assert "20.2  %" in table
    assert "17.3  kW" in table
    assert "17300.0" in render(UPS, READINGS, "prom")
    found = yaml.safe_load(render(UPS, READINGS, "yaml"))
    assert found == yaml.safe_load(render(UPS, READINGS, "json"))
    assert found["values"]["dcim_ups_output_load_ratio{phase=L1}"] == 0.202


def test_a_text_of_a_device_stays_one_value_of_yaml() -> None:
    odd = Identified("apc-ups", "ups", Identity("A\nb: c", "\x1b[2J", "12345", "no"), frozenset())
    found = yaml.safe_load(render(odd, Readings(), "yaml"))["identity"]
    assert found == {"vendor": "A\nb: c", "model": "\x1b[2J", "serial": "12345", "firmware": "no"}
    assert "\x1b" not in render(odd, Readings(), "yaml")


def test_every_format_can_be_asked_for() -> None:
    assert get_args(Output) == ("table", "json", "yaml", "prom")
