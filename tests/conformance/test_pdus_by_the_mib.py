"""Rack PDUs and the monitors of their makers in states, units and generations that no recording shows, as their MIBs say."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected
from tests.conformance.published_mibs import ALARM

SYS_DESCR = "1.1.1.0"
SINETICA, HPE = "24.1.1", "4.1.232.165.2"
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


WTI_ALARMS = {
    1: ("over_current", "warning"),
    2: ("over_current", "critical"),
    3: ("over_temperature", "warning"),
    4: ("over_temperature", "critical"),
    5: ("breaker_open", "critical"),
    6: ("communication_lost", "warning"),
    7: ("lost_voltage", "critical"),
    12: ("alarm_input", "warning"),
    13: ("plug_current", "warning"),
    14: ("lost_opto_voltage", "critical"),
    15: ("emergency_shutoff", "critical"),
}
CASES["a WTI switch set to degrees Fahrenheit, with alarms before the critical ones"] = MibDevice(
    "wti-power",
    "1.3.6.1.4.1.2634.3",
    {
        **{f"200.10.1.{column}.1": cell for column, cell in ((2, b"VMR-4HS20"), (3, 81), (4, 25), (5, 121), (6, 302))},
        **{f"200.10.1.{column}.1": 0 for column in range(7, 16)},
        **{f"280.{number}.0": int(number in (1, 6)) for number in WTI_ALARMS},
    },
    {
        "dcim_pdu_bank_current_amperes{bank=1.A}": 2.5,
        "dcim_pdu_bank_voltage_volts{bank=1.A}": 121.0,
        "dcim_pdu_bank_power_watts{bank=1.A}": 302.0,
        "dcim_pdu_bank_current_amperes{bank=1.B}": 0.0,
        "dcim_pdu_bank_power_watts{bank=1.B}": 0.0,
        **{
            f"{ALARM}{{alarm={name},severity={severity}}}": float(number in (1, 6))
            for number, (name, severity) in WTI_ALARMS.items()
        },
    },
    bad={"dcim_pdu_temperature_celsius{sensor=1}": "range"},
)
CASES["two HP PDUs, the second of which has failed, with breakers out of their voltage and places without one"] = (
    MibDevice(
        "hpe-pdu-basic",
        "1.3.6.1",
        {
            f"2.{SYS_DESCR}": b"HP PDU Management Module, revision 1.01.A, firmware version 1.20.01",
            f"{HPE}.1.2.1.8.1": 2,
            f"{HPE}.1.2.1.8.2": 4,
            **{f"{HPE}.3.1.1.4.{pdu}": 1_500 + pdu for pdu in (1, 2)},
            **{
                f"{HPE}.3.2.1.{column}.1.{breaker}": cell
                for breaker, cells in enumerate(((251, 310, 20, 4), (262, 305, 19, 5), (0, 0, 0, 0)), 1)
                for column, cell in enumerate(cells, 2)
            },
        },
        {
            f"{ALARM}{{alarm=pdu.2,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=pdu.2,severity=warning}}": 0.0,
            "dcim_pdu_input_power_watts{inlet=1}": 1_501.0,
            "dcim_pdu_input_power_watts{inlet=2}": 1_502.0,
            "dcim_pdu_bank_voltage_volts{bank=1.1}": 251.0,
            "dcim_pdu_bank_voltage_volts{bank=1.2}": 262.0,
            "dcim_pdu_bank_current_amperes{bank=1.1}": 3.1,
            "dcim_pdu_bank_current_amperes{bank=1.2}": 3.05,
            "dcim_pdu_bank_current_amperes{bank=1.3}": 0.0,
            "dcim_pdu_bank_load_ratio{bank=1.1}": 0.2,
            "dcim_pdu_bank_load_ratio{bank=1.2}": 0.19,
            "dcim_pdu_bank_load_ratio{bank=1.3}": 0.0,
            **{
                f"{ALARM}{{alarm=bank_voltage.1.{breaker},severity={severity}}}": float(severity == worst)
                for breaker, worst in ((1, "warning"), (2, "critical"))
                for severity in ("critical", "warning")
            },
        },
        {
            "dcim_device_state": "ok",
            "dcim_pdu_load_state{bank=1.1,scope=bank}": "normal",
            "dcim_pdu_load_state{bank=1.2,scope=bank}": "normal",
        },
    )
)

CPDU = "1.3.6.1.4.1.318.1.1.32"
# A phase whose voltage is too low, one whose line voltage is too high, and a row that is no phase.
_PHASES = (
    (1, 5, 4, 620, 198, 1_190, 1_228, 97, 5, 398),
    (2, 5, 5, 410, 229, 910, 939, 97, 2, 421),
    (0, 5, 4, 0, 0, 0, 0, 0, 5, 0),
)
# Type, unit, communication, state, whole and tenths: warm, in degrees Fahrenheit, lost, and a place without a sensor.
_PROBES = ((1, 1, 2, 5, 31, 312), (1, 2, 2, 2, 75, 752), (2, 3, 3, 2, 40, 0), (3, 4, 2, 0, 0, 0), (1, 1, 1, 0, 0, 0))


def _advanced_cells(kind: int | None) -> dict[str, SnmpValue]:
    """What a NetShelter Advanced answers."""
    return {
        **({} if kind is None else {"1.2.1.16.1": kind}),
        **{f"2.4.1.{column}.1": cell for column, cell in ((3, 5), (4, 2_100), (6, 3_456))},
        **{
            f"3.4.1.{column}.1.{row}": cell
            for row, cells in enumerate(_PHASES, 1)
            for column, cell in enumerate(cells, 2)
        },
        **{
            f"5.9.1.{column}.1.{row}": cell
            for row, cells in enumerate(((1, 1, 950), (2, 4, 0), (0, 1, 0)), 1)
            for column, cell in zip((2, 4, 5), cells, strict=True)
        },
        **{
            f"6.{column}.1.{row}": cell
            for row, cells in enumerate(_PROBES, 1)
            for column, cell in zip(("2.1.6", "2.1.7", "4.1.3", "4.1.4", "4.1.5", "4.1.7"), cells, strict=True)
        },
    }


def _advanced_values(*, is_star: bool) -> dict[str, float]:
    """What is read of it."""
    return {
        "dcim_pdu_input_power_watts{inlet=1}": 2_100.0,
        "dcim_pdu_input_peak_power_watts{inlet=1}": 3_456.0,
        **{
            f"dcim_pdu_phase_{name}{{inlet=1,phase=L{phase}}}": value
            for phase, values in ((1, (6.2, 198.0, 1_190.0, 1_228.0, 0.97)), (2, (4.1, 229.0, 910.0, 939.0, 0.97)))
            for name, value in zip(
                (
                    "current_amperes",
                    "voltage_volts",
                    "power_watts",
                    "apparent_power_voltamperes",
                    "power_factor_ratio",
                ),
                values,
                strict=True,
            )
        },
        f"{ALARM}{{alarm=phase_voltage.1.1,severity=warning}}": 1.0,
        f"{ALARM}{{alarm=phase_voltage.1.2,severity=warning}}": 0.0,
        **(
            {
                "dcim_pdu_line_voltage_volts{inlet=1,line=L1-L2}": 398.0,
                "dcim_pdu_line_voltage_volts{inlet=1,line=L2-L3}": 421.0,
                f"{ALARM}{{alarm=line_voltage.1.1,severity=warning}}": 0.0,
                f"{ALARM}{{alarm=line_voltage.1.2,severity=warning}}": 1.0,
            }
            if is_star
            else {}
        ),
        "dcim_pdu_outlet_current_amperes{outlet=1}": 9.5,
        "dcim_pdu_outlet_current_amperes{outlet=2}": 0.0,
        f"{ALARM}{{alarm=outlet_current.1.1,severity=warning}}": 1.0,
        f"{ALARM}{{alarm=outlet_current.1.2,severity=warning}}": 0.0,
        "dcim_env_temperature_celsius{sensor=1.1}": 31.2,
        "dcim_env_temperature_celsius{sensor=1.2}": 24.0,
        f"{ALARM}{{alarm=sensor-temperature.1.1,severity=warning}}": 1.0,
        f"{ALARM}{{alarm=sensor-temperature.1.2,severity=warning}}": 0.0,
        **{
            f"{ALARM}{{alarm=sensor-communication_lost.1.{probe},severity=warning}}": float(probe == 3)
            for probe in (1, 2, 3, 4)
        },
    }


def advanced(kind: int | None) -> MibDevice:
    """A NetShelter Advanced in star connection, whose name plate says so or is silent about it."""
    return MibDevice(
        "apc-cpdu",
        CPDU,
        _advanced_cells(kind),
        _advanced_values(is_star=kind == 3),
        {
            "dcim_pdu_load_state{inlet=1,scope=device}": "normal",
            "dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "normal",
            "dcim_pdu_load_state{inlet=1,phase=L2,scope=phase}": "normal",
        },
        {
            "dcim_env_relative_humidity_ratio{sensor=1.3}": "gated",
            f"{ALARM}{{alarm=sensor-humidity.1.3,severity=warning}}": "gated",
            "dcim_env_contact_active{kind=door,sensor=1.4}": "sentinel",
        },
    )


CASES["a NetShelter Advanced in star connection"] = advanced(3)
CASES["a NetShelter Advanced that does not tell its connection"] = advanced(None)


@pytest.mark.parametrize("name", CASES)
async def test_a_unit_is_recognised_and_read_as_its_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name], asked="auto")
