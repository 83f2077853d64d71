"""Every Gude model with a branch of its own, beside the one of each family in published_gude."""

from typing import TYPE_CHECKING

import pytest

from tests.conformance.mib_device import MibDevice, assert_read_as_expected
from tests.conformance.published_gude import (
    EMPTY,
    GUDE,
    MEASURED,
    NO_AIR,
    channel,
    room,
    sensor,
)
from tests.conformance.published_mibs import ALARM

if TYPE_CHECKING:
    from agent.snmp.seam import SnmpValue

_ALL, _NONE = range(2, 12), range(0)
# Number of the branch, columns of its power channels and of its sensors
PDUS = {
    "8310": (27, _ALL, _NONE),
    "8306": (44, _ALL, range(2, 5)),
    "8350": (52, _ALL, range(2, 5)),
    "8340": (54, _ALL, range(2, 7)),
    "8311": (62, _ALL, range(2, 7)),
    "8341": (65, _ALL, range(2, 7)),
    "8180": (35, range(2, 7), range(2, 4)),
}


@pytest.mark.parametrize("name", PDUS)
async def test_a_metered_pdu_is_read_below_its_own_number(name: str) -> None:
    number, power, room_columns = PDUS[name]
    device = MibDevice(
        "gude-pdu",
        GUDE,
        channel(number, power) | sensor(number, room_columns),
        {
            **{key: value for column, (key, value) in MEASURED.items() if column in power},
            **(room(room_columns) if room_columns else {}),
        },
        bad={
            **(EMPTY if room_columns else {}),
            **(NO_AIR if 6 in room_columns else {}),
        },
    )
    await assert_read_as_expected(device)


async def test_a_pdu_8350_tells_its_groups() -> None:
    group = "52.1.5.3.2.1"
    await assert_read_as_expected(
        MibDevice(
            "gude-pdu",
            GUDE,
            {f"{group}.2.0": 4, f"{group}.3.0": 1_210, f"{group}.4.0": 1, f"{group}.4.1": 0},
            {
                "dcim_pdu_residual_current_amperes{inlet=group.0,kind=ac}": 0.004,
                "dcim_pdu_neutral_current_amperes{inlet=group.0}": 1.21,
                f"{ALARM}{{alarm=measurement_box_disconnected.0,severity=warning}}": 0.0,
                f"{ALARM}{{alarm=measurement_box_disconnected.1,severity=warning}}": 1.0,
            },
        )
    )


async def test_a_pdu_8110_tells_its_current_alone() -> None:
    answers = {"23.1.5.1.2.1.2.1": 1, "23.1.5.1.2.1.5.1": 5_640}
    await assert_read_as_expected(MibDevice("gude-pdu", GUDE, answers, dict([MEASURED[5]])))


@pytest.mark.parametrize("number", [60, 61, 70])
async def test_an_expert_net_control_is_read_below_its_own_number(number: int) -> None:
    columns = range(2, 7)
    answers = sensor(number, columns) | {f"{number}.1.5.6.2.1.2.1": 1}
    await assert_read_as_expected(
        MibDevice(
            "gude-enc",
            GUDE,
            answers,
            {**room(columns), "dcim_env_contact_active{kind=dry_contact,sensor=input.1}": 1.0},
            bad={**EMPTY, **NO_AIR},
        )
    )


async def test_an_epc_1292_is_read_with_its_outlets_and_overvoltage_protection() -> None:
    answers = channel(50, _ALL) | {"50.1.3.1.2.1.3.1": 1, "50.1.3.1.2.1.3.2": 0, "50.1.5.2.1.2.1": 0}
    await assert_read_as_expected(
        MibDevice(
            "gude-epc2",
            GUDE,
            answers,
            {
                **dict(MEASURED.values()),
                "dcim_pdu_outlet_on{outlet=1}": 1.0,
                "dcim_pdu_outlet_on{outlet=2}": 0.0,
                f"{ALARM}{{alarm=overvoltage_protection,severity=critical}}": 1.0,
            },
        )
    )


EPC = {
    "gude-epc": (68, 69, 43, 77, 79, 81, 83, 85, 87, 89, 56, 58, 64),
    "gude-epc2": (97, 98, 107, 106, 82, 112, 109, 50),
}


@pytest.mark.parametrize(("profile", "number"), [(name, number) for name, those in EPC.items() for number in those])
async def test_an_expert_power_control_tells_its_metered_ports_residual_currents_and_inputs(
    profile: str, number: int
) -> None:
    cells = (1, 12_345, 412, 1_830, 229, 4_998, 983, -105, 419, 76)
    answers: dict[str, SnmpValue] = {f"{number}.1.3.1.2.1.3.1": 1}
    for row, measured in ((1, cells), (2, (0,) * 10)):
        answers |= {f"{number}.1.5.5.2.1.{column}.{row}": cell for column, cell in enumerate(measured, 2)}
    answers |= {f"{number}.1.5.16.1.{column}.1": cell for column, cell in ((2, 35), (3, 4), (4, 1), (5, 1), (6, 0))}
    answers |= {f"{number}.1.6.2.2.1.{column}.1": cell for column, cell in ((2, 1), (3, 7), (32, b"Door"))}
    await assert_read_as_expected(
        MibDevice(
            profile,
            GUDE,
            answers,
            {
                "dcim_pdu_outlet_on{outlet=1}": 1.0,
                "dcim_pdu_outlet_energy_joules_total{outlet=1}": 12_345 * 3_600.0,
                "dcim_pdu_outlet_power_watts{outlet=1}": 412.0,
                "dcim_pdu_outlet_current_amperes{outlet=1}": 1.83,
                "dcim_pdu_outlet_voltage_volts{outlet=1}": 229.0,
                "dcim_pdu_outlet_power_factor_ratio{outlet=1}": 0.983,
                "dcim_pdu_outlet_apparent_power_voltamperes{outlet=1}": 419.0,
                "dcim_pdu_residual_current_amperes{inlet=rcmb.1,kind=ac}": 0.0035,
                "dcim_pdu_residual_current_amperes{inlet=rcmb.1,kind=dc}": 0.0004,
                "dcim_env_contact_active{kind=dry_contact,sensor=1.Door}": 1.0,
            },
        ),
        asked="auto",
    )
