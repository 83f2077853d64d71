"""More of what no recording shows: tables of rarer models, generations and accessories, as their MIBs say."""

import pytest

from agent.lab.replay import replay_snmp
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles
from tests.conformance.test_by_the_mib import Told

ALARM, APC, GUDE = "dcim_device_alarm_active", "1.3.6.1.4.1.318.1.1", "1.3.6.1.4.1.28507"
GEIST3, GEIST4, VERTIV = "1.3.6.1.4.1.21239.2", "1.3.6.1.4.1.21239.5.1", "1.3.6.1.4.1.21239.5.2"

CASES = {
    "an APC transfer switch with two banks, one of whose supplies has failed": Told(
        "apc-ats",
        APC,
        {
            **{f"8.5.1.{column}.0": 2 for column in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 16)},
            "8.5.1.9.0": 1,
            **{
                f"8.5.4.5.1.{column}.{row}": value
                for row, amperes, watts in ((1, 88, 1_883), (2, 51, 1_090), (3, 37, 793))
                for column, value in ((3, row), (4, amperes), (6, 215), (15, watts))
            },
        },
        {
            "dcim_ats_redundant": 1.0,
            "dcim_ats_overload": 0.0,
            "dcim_ats_source_usable{source=a}": 1.0,
            "dcim_ats_source_usable{source=b}": 1.0,
            "dcim_pdu_bank_current_amperes{bank=1}": 5.1,
            "dcim_pdu_bank_power_watts{bank=1}": 1_090.0,
            "dcim_pdu_bank_current_amperes{bank=2}": 3.7,
            "dcim_pdu_bank_power_watts{bank=2}": 793.0,
            f"{ALARM}{{alarm=ats-communication-lost,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=ats-hardware,severity=critical}}": 0.0,
            **{
                f"{ALARM}{{alarm=supply-{supply},severity=warning}}": float(supply == "minus-12v")
                for supply in ("5v", "24v", "24v-b", "plus-12v", "minus-12v")
            },
        },
        {"dcim_ats_selected_source": "b", "dcim_device_state": "ok"},
    ),
    "a Gude EPC 8031 whose overvoltage protection is worn, with a probe": Told(
        "gude-epc",
        GUDE,
        {
            "81.1.3.1.2.1.3.1": 1,
            "81.1.5.2.1.2.1": 0,
            **{f"81.1.6.1.1.{column}.1": value for column, value in ((2, 231), (3, 410), (5, 1_013), (6, 92))},
        },
        {
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            f"{ALARM}{{alarm=overvoltage_protection,severity=critical}}": 1.0,
            "dcim_env_temperature_celsius{sensor=1}": 23.1,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=1}": 9.2,
            "dcim_env_atmospheric_pressure_pascals{sensor=1}": 101_300.0,
        },
    ),
    "a Gude EPC 87-3300, whose channels are the phases of one inlet": Told(
        "gude-epc2",
        GUDE,
        {
            "111.1.3.1.2.1.3.1": 0,
            **{
                f"111.1.5.1.2.1.{column}.{phase}": value
                for phase in (1, 2, 3)
                for column, value in ((2, 1), (3, 1_000 * phase), (4, 460), (5, 2_050), (6, 230), (7, 4_998), (8, 975))
            },
        },
        {
            "dcim_pdu_outlet_on{outlet=1}": 0.0,
            "dcim_pdu_input_frequency_hertz{inlet=1}": 49.98,
            "dcim_pdu_current_unbalance_ratio{inlet=1}": 0.0,
            **{
                f"dcim_pdu_phase_{what}{{inlet=1,phase=L{phase}}}": value
                for phase in (1, 2, 3)
                for what, value in (
                    ("energy_joules_total", phase * 3.6e6),
                    ("power_watts", 460.0),
                    ("current_amperes", 2.05),
                    ("voltage_volts", 230.0),
                    ("power_factor_ratio", 0.975),
                )
            },
        },
    ),
    "a Watchdog of firmware 3 with power monitors, a fan controller and a battery plant": Told(
        "geist-watchdog-v3",
        GEIST3,
        {
            **{f"3.1.{column}.1": value for column, value in ((3, b"Feed"), (4, 1), (6, 231), (10, 52), (11, 1_130))},
            **{f"11.1.{column}.1": value for column, value in ((3, b"Row"), (4, 1), (33, 2_120))},
            **{f"11.1.{column}.1": value for column, value in ((5, 812), (6, 229), (10, 93), (11, 2_120))},
            **{f"11.1.{column}.1": 0 for column in (14, 15, 19, 20, 23, 24, 28, 29)},  # two phases without a wire
            **{f"11.1.{column}.2": value for column, value in ((3, b"Gone"), (4, 0), (33, 0))},
            **{f"13.1.{column}.1": value for column, value in ((3, b"Fans"), (4, 1), (8, 31))},
            **{f"26.1.{column}.1": value for column, value in ((3, b"Relays"), (4, 1), (5, 24))},
            **{f"22.1.{column}.1": value for column, value in ((3, b"Plant"), (4, 1), (5, -54))},
        },
        {
            "dcim_env_voltage_volts{sensor=Feed}": 231.0,
            "dcim_env_current_amperes{sensor=Feed}": 5.2,
            "dcim_env_power_watts{sensor=Feed}": 1_130.0,
            "dcim_env_power_watts{sensor=Row}": 2_120.0,
            "dcim_env_voltage_volts{sensor=Row.A}": 229.0,
            "dcim_env_current_amperes{sensor=Row.A}": 9.3,
            "dcim_env_power_watts{sensor=Row.A}": 2_120.0,
            "dcim_env_temperature_celsius{sensor=Fans}": 31.0,
            "dcim_env_temperature_celsius{sensor=Relays}": 24.0,
            "dcim_env_voltage_volts{sensor=Plant}": -54.0,
        },
    ),
    "a Watchdog of firmware 4 with a remote power manager": Told(
        "geist-watchdog",
        GEIST4,
        {
            **{f"10.1.{column}.1": value for column, value in ((3, b"RPM"), (4, 1), (6, 121), (10, 35), (11, 402))},
            "1.7.0": 1,
        },
        {
            "dcim_env_voltage_volts{sensor=RPM}": 121.0,
            "dcim_env_current_amperes{sensor=RPM}": 3.5,
            "dcim_env_power_watts{sensor=RPM}": 402.0,
        },
    ),
    "a PDU of Vertiv with analogue sensors: their words count, 0 and 1 do not": Told(
        "vertiv-pdu",
        VERTIV,
        {
            **{
                f"11.1.{column}.{row}": value
                for row, mode, word, unit in (
                    (1, 1, b"Open", b""),
                    (2, 3, b"Dry", b""),
                    (3, 4, b"Leak", b""),
                    (4, 8, b"53.4", b"V"),
                    (5, 6, b"?", b""),
                    (6, 10, b"High", b""),
                )
                for column, value in ((4, 1), (5, 1), (6, word), (7, mode), (8, unit))
            },
        },
        {
            "dcim_env_contact_active{kind=door,sensor=a2d.1}": 1.0,
            "dcim_leak_detected{sensor=a2d.2}": 0.0,
            "dcim_leak_detected{sensor=a2d.3}": 1.0,
            "dcim_env_voltage_volts{sensor=a2d.4}": 53.4,
        },
        {},
        {"dcim_env_contact_active{kind=smoke,sensor=a2d.5}": "decode"},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_rarer_model_is_read_as_the_mib_says(name: str) -> None:
    one = CASES[name]
    records = [Record(f"{one.root}.{tail}", "", value) for tail, value in one.answers.items()]
    identified, readings = await replay_snmp(
        sorted(records, key=lambda each: each.key), shipped_profiles(), one.profile, 1_790_000_000.0
    )
    assert identified.profile == one.profile
    assert readings.values == pytest.approx(one.values)
    assert readings.states == one.states
    assert readings.bad == one.bad
