"""Rack PDUs and the monitors of their makers in states, units and generations that no recording shows, as their MIBs say."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

SYS_DESCR = "1.1.1.0"
SINETICA = "24.1.1"
CONTACT = "dcim_env_contact_active{kind=dry_contact,sensor"


def sinetica(scale: int | None, temperature: int, name: bytes) -> dict[str, SnmpValue]:
    """A monitor with a thermometer, a hygrometer, an input of each that is at fault, and a contact that is triggered."""
    inputs = f"4.1.3711.{SINETICA}.1.2"
    rows: dict[int, tuple[SnmpValue, ...]] = {
        1: (b"Front", 2, temperature),
        2: (b"Air", 3, 412),
        3: (b"Rear", 2, -99_999_999),
        4: (b"Duct", 3, 10_000_000),
    }
    answers: dict[str, SnmpValue] = {f"2.{SYS_DESCR}": name}
    if scale is not None:
        answers[f"{inputs}.1.0"] = scale
    for row, cells in rows.items():
        answers |= {f"{inputs}.2.1.{column}.{row}": cell for column, cell in zip((3, 6, 7), cells, strict=True)}
    return answers | {f"4.1.3711.{SINETICA}.1.3.1.1.{column}.5": cell for column, cell in ((6, 1), (7, 4))}


def read_from(profile: str, scale: int | None, temperature: int, name: bytes, celsius: float = 22.5) -> MibDevice:
    values = {
        "dcim_env_temperature_celsius{sensor=1.Front}": celsius,
        "dcim_env_relative_humidity_ratio{sensor=2.Air}": 0.412,
        f"{CONTACT}=5}}": 1.0,
    }
    bad = {
        "dcim_env_temperature_celsius{sensor=3.Rear}": "range",
        "dcim_env_relative_humidity_ratio{sensor=4.Duct}": "range",
    }
    return MibDevice(profile, "1.3.6.1", sinetica(scale, temperature, name), values, {}, bad)


EAGLE, HAWK = b"Sinetica Eagle-i. Versions: App. 1.10.08", b"Sinetica Hawk-i2. Versions: App. 1.01.01"
CMS = "4.1.51055.1"
CASES = {
    "an InSite pro M, two of whose sensors have a name": MibDevice(
        "abb-cms700-96",
        "1.3.6.1",
        {
            f"2.{SYS_DESCR}": b"ABB InSite pro M",
            **{f"{CMS}.1.{sensor}": current for sensor, current in enumerate((1_234, 567, 0), 1)},
            **{f"{CMS}.15.{sensor}": 2_710 for sensor in (1, 2, 3)},
            **{f"{CMS}.19.{sensor}": name for sensor, name in enumerate((b"Row 1", b"Row 2", b""), 1)},
            **{f"{CMS}.21.{sensor}": phase for sensor, phase in enumerate((1, 3, 1), 1)},
            **{f"{CMS}.24.{line}": 23_000 + line for line in (1, 2, 3)},
        },
        {
            "dcim_circuit_current_amperes{circuit=Row_1,panel=1,phase=L1}": 12.34,
            "dcim_circuit_current_amperes{circuit=Row_2,panel=1,phase=L3}": 5.67,
            **{
                f"dcim_circuit_voltage_volts{{circuit=main,panel=1,phase=L{line}}}": 230 + line / 100
                for line in (1, 2, 3)
            },
        },
    ),
    "an Eagle-i of a firmware without a flag": read_from("panduit-eagle", None, 225, EAGLE),
    "an Eagle-i in degrees Celsius": read_from("panduit-eagle", 1, 225, EAGLE),
    "an Eagle-i in degrees Fahrenheit": read_from("panduit-eagle", 2, 725, EAGLE),
    "a Hawk-i2 in kelvins": read_from("sinetica-hawk-i2", 3, 2957, HAWK, 22.55),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_unit_is_recognised_and_read_as_its_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name], asked="auto")
