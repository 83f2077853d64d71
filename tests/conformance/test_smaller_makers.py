"""PDUs, transfer switches and monitors of smaller makers: outlets, fuses, alarms and probes as their MIBs tell them."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM, CONTACT = "dcim_device_alarm_active", "dcim_env_contact_active"
ICT, EXELTECH, ATEN = "1.3.6.1.4.1.39145", "1.3.6.1.4.1.30320.1.0", "1.3.6.1.4.1.21317.1.3.2.2.2"
IPOMAN, RIEDO, TYCON = "1.3.6.1.4.1.2468.1.4.2.1", "1.3.6.1.4.1.55108.1", "1.3.6.1.4.1.45621.2.2"
AVTECH, EDS, SM9S = "1.3.6.1.4.1.20916.1", "1.3.6.1.4.1.31440", "1.3.6.1.4.1.49136.100"
ALPHA, COMET, AKCP = "1.3.6.1.4.1.26854.3.2.1", "1.3.6.1.4.1.22626.1.2", "1.3.6.1.4.1.3854.1.2.2.1"


def active(severity: str, *names: str, of: tuple[str, ...]) -> dict[str, float]:
    """Alarms of one severity, of which those named are active."""
    return {f"{ALARM}{{alarm={name},severity={severity}}}": float(name in names) for name in of}


def exeltech(source: int, *on: str) -> dict[str, float]:
    """What the word of alarms of one source says."""
    warnings = (
        "module_over_temperature",
        "source_failure",
        "low_voltage",
        "control_card_over_temperature",
        "thyristors_warm",
        "redundancy_lost",
        "fan",
    )
    criticals = ("module_failure", "control_card_failure", "dc_voltage_low", "sources_dead")
    return {
        f"{ALARM}{{alarm={name}.{source},severity={severity}}}": float(name in on)
        for severity, names in (("warning", warnings), ("critical", criticals))
        for name in names
    }


def room_alert(socket: int, alarm: str = "") -> dict[str, float]:
    """Alarms of a probe in a socket of a Room Alert 11E."""
    kinds = ("temperature_high", "temperature_low", "humidity")
    return active("warning", f"{alarm}.external{socket}", of=tuple(f"{kind}.external{socket}" for kind in kinds))


def one_wire(branch: int, row: int, kind: int, health: int, cells: dict[str, SnmpValue]) -> dict[str, SnmpValue]:
    """A sensor of an OW-SERVER: its type, ROM and health, and what its table has."""
    device: dict[int, SnmpValue] = {2: kind, 6: f"ROM{branch}{row}".encode(), 7: health}
    return {
        **{f"{branch}.3.1.{column}.{row}": cell for column, cell in device.items()},
        **{f"{branch}.{column}.{row}": cell for column, cell in cells.items()},
    }


def akcp_port(table: int, port: int, cells: dict[int, SnmpValue]) -> dict[str, SnmpValue]:
    """A port in a table of a sensorProbe."""
    return {f"{table}.1.{column}.{port}": cell for column, cell in cells.items()}


CASES = {
    # The first output is on and has an open fuse, the second is off and its fuse is whole.
    "a distribution panel with an open fuse and an output that is switched off": MibDevice(
        "ict-distribution",
        f"{ICT}.10",
        {
            "6.0": b"-53.8",
            "7.0": b"-20.5",
            **{f"8.1.3.{output}": amperes for output, amperes in enumerate((b"0.0", b"0.0", b"-20.5"))},
            **{f"8.1.4.{output}": fuse for output, fuse in enumerate((2, 1, 1))},
            **{f"8.1.5.{output}": enable for output, enable in enumerate((1, 2, 1))},
            **{f"9.1.2.{place}": name for place, name in enumerate((b"Door", b"Spare"))},
            **{f"9.1.3.{place}": state for place, state in enumerate((3, 2))},
            **{f"10.1.3.{bus}": volts for bus, volts in enumerate((b"-53.8", b"-53.9"))},
            **{f"10.1.4.{bus}": amperes for bus, amperes in enumerate((b"-20.5", b"0.0"))},
        },
        {
            "dcim_pdu_input_voltage_volts{inlet=1}": 53.8,
            "dcim_pdu_input_current_amperes{inlet=1}": 20.5,
            **{f"dcim_pdu_outlet_current_amperes{{outlet={output}}}": 20.5 * (output == 2) for output in range(3)},
            **{f"dcim_pdu_outlet_on{{outlet={output}}}": float(output != 1) for output in range(3)},
            **{f"dcim_pdu_breaker_tripped{{bank=output.{output}}}": float(output == 0) for output in range(3)},
            "dcim_pdu_bank_voltage_volts{bank=bus.0}": 53.8,
            "dcim_pdu_bank_voltage_volts{bank=bus.1}": 53.9,
            "dcim_pdu_bank_current_amperes{bank=bus.0}": 20.5,
            "dcim_pdu_bank_current_amperes{bank=bus.1}": 0.0,
            f"{CONTACT}{{kind=dry_contact,sensor=0.Door}}": 1.0,
            f"{CONTACT}{{kind=dry_contact,sensor=1.Spare}}": 0.0,
        },
    ),
    "a Digital Series supply, which has the branch of a Platinum, with its output off": MibDevice(
        "ict-platinum",
        f"{ICT}.11",
        {"1.0": b"ICT1500-48", "6.0": b"121.0", "7.0": b"0.0", "8.0": b"0.0", "9.0": 2},
        {
            "dcim_ups_input_voltage_volts{phase=L1}": 121.0,
            f"{ALARM}{{alarm=output_off,severity=critical}}": 1.0,
        },
    ),
    # By the MIB its volts are tenths; one source failed, and the system is not redundant.
    "a transfer switch that counts volts as its MIB says, with a failed source": MibDevice(
        "exeltech-xfersw",
        EXELTECH,
        {
            **{f"1.{place}.0": value for place, value in enumerate((1203, 152, 600, 0, 0, 0, 1203, 41), 1)},
            **{f"4.{place}.0": value for place, value in enumerate((0x0208, 0, 0x0C00, 1, 0), 1)},
        },
        {
            "dcim_ats_source_voltage_volts{phase=L1,source=1a}": 120.3,
            "dcim_ats_source_current_amperes{phase=L1,source=1a}": 15.2,
            "dcim_ats_source_frequency_hertz{source=1a}": 60.0,
            "dcim_ats_source_voltage_volts{phase=L1,source=1b}": 0.0,
            "dcim_ats_source_current_amperes{phase=L1,source=1b}": 0.0,
            "dcim_ats_output_voltage_volts{phase=L1}": 120.3,
            "dcim_ats_temperature_celsius{sensor=1}": 41.0,
            "dcim_ats_redundant": 0.0,
            **exeltech(1, "source_failure", "redundancy_lost"),
            **exeltech(2),
            **exeltech(3, "sources_dead", "fan"),
            f"{ALARM}{{alarm=minor,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=major,severity=critical}}": 0.0,
        },
        bad={"dcim_ats_source_frequency_hertz{source=1b}": "sentinel"},
    ),
    # The second bank's breaker is off; the second outlet was switched off by the overload protection; the third is not there.
    "a PE with a breaker that is off, a probe and an open door": MibDevice(
        "aten-pe",
        ATEN,
        {
            "1.1.0": b"PE8216G",
            "1.16.1.0": 1,
            **{f"1.3.1.{column}.1": value for column, value in ((6, 240), (7, 16), (8, 3840))},
            **{f"1.99.1.{column}.1": value for column, value in ((2, 3200), (3, 231000), (4, 700000), (5, 12500))},
            **{f"1.7.1.{column}.1": value for column, value in ((2, 100), (3, 320), (4, -3000), (5, 800))},
            **{f"1.100.1.{column}.1": value for column, value in ((2, 24500), (3, 41000))},
            **{f"1.100.1.{column}.2": -1000000 for column in (2, 3)},
            **{f"2.{place}.0": status for place, status in ((2, 2), (3, 8), (4, 7))},
            **{f"2.99.1.{column}.1": value for column, value in ((2, 3200), (3, 231000), (4, 700000), (5, 12500))},
            **{f"2.99.1.{column}.3": -2000000 for column in (2, 3, 4, 5)},
            **{f"3.1.1.2.{bank}": status for bank, status in ((1, 2), (2, 1), (3, 3))},
            **{f"3.99.1.{column}.1": value for column, value in ((2, 3200), (3, 231000), (4, 700000), (5, 12500))},
            "3.2.1.6.1": 16,
            "3.3.1.4.1": 125,
        },
        {
            f"{CONTACT}{{kind=door,sensor=door}}": 1.0,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            **{
                f"dcim_pdu_{scope}_{quantity}{{{scope if scope != 'input' else 'inlet'}=1}}": value
                for scope in ("outlet", "bank", "input")
                for quantity, value in (
                    ("current_amperes", 3.2),
                    ("voltage_volts", 231.0),
                    ("power_watts", 700.0),
                    ("energy_joules_total", 45e6),
                )
            },
            "dcim_pdu_input_rated_current_amperes{inlet=1}": 16.0,
            "dcim_pdu_bank_rated_current_amperes{bank=1}": 16.0,
            "dcim_pdu_bank_warning_current_amperes{bank=1}": 12.5,
            "dcim_pdu_breaker_tripped{bank=1}": 0.0,
            "dcim_pdu_breaker_tripped{bank=2}": 1.0,
            "dcim_env_temperature_celsius{sensor=1}": 24.5,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=1}": 10.379865,
            "dcim_env_temperature_low_threshold_celsius{sensor=1}": 10.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=1}": 32.0,
            "dcim_env_relative_humidity_high_threshold_ratio{sensor=1}": 0.8,
        },
        bad={"dcim_pdu_outlet_on{outlet=2}": "sentinel"},
    ),
    "an iPoMan with its environmental probe, an outlet off and one on its way": MibDevice(
        "ingrasys-ipoman",
        IPOMAN,
        {
            "3.1.3.1.2.1": 2304,
            "3.1.3.1.3.1": 3830,
            "3.1.3.1.4.1": 500,
            "3.1.3.1.5.1": 12345,
            **{f"3.2.3.1.2.{outlet}": status for outlet, status in ((1, 3), (2, 2), (3, 4))},
            **{f"3.2.3.1.3.{outlet}": 500 * (outlet == 1) for outlet in (1, 2, 3)},
            **{f"5.1.1.{place}.0": value for place, value in enumerate((3, 235, 412, 3, 2), 1)},
            **{f"5.1.2.3.{place}.0": value for place, value in ((2, 35), (3, 1), (4, 10), (5, 2))},
            **{f"5.1.2.4.{place}.0": value for place, value in ((2, 80), (3, 1), (4, 20), (5, 1))},
        },
        {
            "dcim_pdu_phase_voltage_volts{inlet=1,phase=L1}": 230.4,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 3.83,
            "dcim_pdu_input_frequency_hertz{inlet=1}": 50.0,
            "dcim_pdu_input_energy_joules_total{inlet=1}": 1234.5 * 3.6e6,
            **{f"dcim_pdu_outlet_current_amperes{{outlet={outlet}}}": 0.5 * (outlet == 1) for outlet in (1, 2, 3)},
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_on{outlet=2}": 0.0,
            "dcim_env_temperature_celsius{sensor=emd}": 23.5,
            "dcim_env_relative_humidity_ratio{sensor=emd}": 0.412,
            "dcim_env_dew_point_celsius{sensor=emd}": 9.554932,
            "dcim_env_temperature_high_threshold_celsius{sensor=emd}": 35.0,
            "dcim_env_relative_humidity_high_threshold_ratio{sensor=emd}": 0.8,
            "dcim_env_relative_humidity_low_threshold_ratio{sensor=emd}": 0.2,
            f"{CONTACT}{{kind=dry_contact,sensor=emd.1}}": 1.0,
        },
        bad={"dcim_pdu_outlet_on{outlet=3}": "sentinel"},
    ),
    "a UPDU whose relay did not follow and whose second monitor of residual current fails": MibDevice(
        "riedo-updu",
        RIEDO,
        {
            **{f"3.1.1.{column}.0.0": cell for column, cell in ((2, b"PDU"), (3, 0), (7, 2400), (15, 0))},
            **{f"3.3.1.2.{module}.0": name for module, name in ((1, b"A"), (2, b"B"), (3, b"C"))},
            **{f"3.3.1.3.{module}.0": 123 for module in (1, 2, 3)},
            **{f"3.3.1.4.{module}.0": -45 for module in (1, 2, 3)},
            **{f"3.3.1.5.{module}.0": quality for module, quality in ((1, 0), (2, 4), (3, 1))},
            **{f"4.1.1.2.1.{relay}": name for relay, name in ((1, b"A1"), (2, b"A2"))},
            **{f"4.1.1.4.1.{relay}": 1 for relay in (1, 2)},
            **{f"4.1.1.5.1.{relay}": condition for relay, condition in ((1, 0), (2, 1))},
        },
        {
            "dcim_pdu_input_power_watts{inlet=1}": 2400.0,
            "dcim_pdu_residual_current_amperes{inlet=A,kind=ac}": 0.0123,
            "dcim_pdu_residual_current_amperes{inlet=A,kind=dc}": 0.0045,
            **active(
                "warning",
                "residual-current-monitor.B",
                of=("residual-current-monitor.A", "residual-current-monitor.B"),
            ),
            **{f"dcim_pdu_outlet_on{{outlet=A{relay}}}": 1.0 for relay in (1, 2)},
            **active("critical", "relay.A2", of=("relay.A1", "relay.A2")),
        },
        bad={
            **{f"dcim_pdu_residual_current_amperes{{inlet=B,kind={kind}}}": "gated" for kind in ("ac", "dc")},
            f"{ALARM}{{alarm=residual-current-monitor.C,severity=warning}}": "sentinel",
        },
    ),
    # Its battery's volts were read as amperes of a TPDIN2, and the states of its ports as volts.
    "a charge controller under the numbers of a TPDIN2": MibDevice(
        "tycon-tpdin",
        TYCON,
        {
            **{f"{port}.0": int(port < 4) for port in range(1, 9)},
            **{
                f"{place}.0": text
                for place, text in enumerate((b"54.1", b"3.2", b"4.0", b"120", b"21.5", b"Float", b"61.0", b"33.0"), 9)
            },
            "17.0": 541,
        },
        {
            "dcim_env_voltage_volts{sensor=battery}": 54.1,
            "dcim_env_current_amperes{sensor=battery}": 3.2,
            "dcim_env_current_amperes{sensor=input}": 4.0,
            "dcim_env_temperature_celsius{sensor=battery}": 21.5,
            "dcim_env_temperature_celsius{sensor=internal}": 33.0,
        },
    ),
    # A probe that is too cold, one whose air is damp, and a box of switches, whose number is none of a probe.
    "a Room Alert 11E with alarms of two probes and two switches": MibDevice(
        "avtech-roomalert11e",
        f"{AVTECH}.3",
        {
            **{f"1.1.{port}.0": 0 for port in range(1, 9)},
            "2.1.0": 0b1001,
            **{f"1.2.{place}.0": value for place, value in ((1, 8), (2, 46))},
            **{f"1.3.{place}.0": value for place, value in ((1, 25), (2, 77))},
            **{f"1.4.{place}.0": value for place, value in ((1, 1), (2, 0))},
            **{f"2.{socket}.0": alarm for socket, alarm in ((2, 2), (3, 3), (4, 3))},
        },
        {
            "dcim_env_temperature_celsius{sensor=external1}": 8.0,
            "dcim_env_temperature_celsius{sensor=external2}": 25.0,
            **{f"{CONTACT}{{kind=dry_contact,sensor=switch{port}}}": 0.0 for port in range(1, 9)},
            **active("warning", "switch1", "switch4", of=tuple(f"switch{port}" for port in range(1, 9))),
            **room_alert(1, "temperature_low"),
            **room_alert(2, "humidity"),
        },
    ),
    "a Room Alert 7E whose second probe is too warm": MibDevice(
        "avtech-tempager",
        f"{AVTECH}.2",
        {"1.1.1.0": 2145, "1.1.2.0": 4150, "2.1.0": 0, "2.2.0": 1},
        {
            "dcim_env_temperature_celsius{sensor=internal}": 21.45,
            "dcim_env_temperature_celsius{sensor=external1}": 41.5,
            **active(
                "warning", "temperature_high.external1", of=("temperature_high.internal", "temperature_high.external1")
            ),
            **active("warning", of=("temperature_low.internal", "temperature_low.external1")),
        },
    ),
    "a Room Alert MAX whose channels somebody has described": MibDevice(
        "avtech-roomalertmax",
        f"{AVTECH}.14.3.1.1",
        {
            **{f"2.3.65.65.{channel}": b"GROUP" for channel in (1, 2)},
            **{f"3.3.65.65.{channel}": kind for channel, kind in ((1, b"Temperature"), (2, b"Humidity"))},
            **{f"4.3.65.65.{channel}": value for channel, value in ((1, 2136), (2, 3882))},
            **{f"5.3.65.65.{channel}": text for channel, text in ((1, b"Cold aisle"), (2, b"Cold aisle, damp"))},
        },
        {
            "dcim_env_temperature_celsius{sensor=GROUP}": 21.36,
            "dcim_env_relative_humidity_ratio{sensor=GROUP}": 0.3882,
            "dcim_env_dew_point_celsius{sensor=GROUP}": 6.761788,
        },
    ),
    # Health is best at 8; wireless sensors have a branch of their own.
    "an OW-SERVER with sensors in the best of health, and wireless ones": MibDevice(
        "eds-owserver",
        EDS,
        {
            **one_wire(10, 1, 3, 8, {"5.1.1": b"24.0625"}),
            **one_wire(10, 2, 11, 8, {"13.1.1": b"21.5", "13.1.2": b"1013.2"}),
            **one_wire(10, 3, 25, 8, {"27.1.1": b"22.5", "27.1.2": b"9.50"}),
            **one_wire(10, 4, 22, 8, {"24.1.1": 1, "24.1.2": 0, "24.1.3": 0, "24.1.4": 0}),
            **one_wire(10, 5, 16, 8, {"18.1.1": b"-12.5"}),
            **one_wire(11, 1, 4, 7, {"4.1.1": b"23.0", "4.1.2": b"40.0", "4.1.6": b"998.5"}),
            **one_wire(11, 2, 8, 0, {"8.1.1": b"19.0"}),
        },
        {
            "dcim_env_temperature_celsius{sensor=ROM101}": 24.0625,
            "dcim_env_temperature_celsius{sensor=ROM102}": 21.5,
            "dcim_env_atmospheric_pressure_pascals{sensor=ROM102}": 101320.0,
            "dcim_env_temperature_celsius{sensor=ROM103}": 22.5,
            "dcim_env_voltage_volts{sensor=ROM103}": 9.5,
            **{f"{CONTACT}{{kind=dry_contact,sensor=ROM104.{place}}}": float(place == 1) for place in range(1, 5)},
            "dcim_env_temperature_celsius{sensor=ROM105}": -12.5,
            "dcim_env_temperature_celsius{sensor=ROM111}": 23.0,
            "dcim_env_relative_humidity_ratio{sensor=ROM111}": 0.4,
            "dcim_env_dew_point_celsius{sensor=ROM111}": 8.667611,
            "dcim_env_atmospheric_pressure_pascals{sensor=ROM111}": 99850.0,
        },
        bad={"dcim_env_temperature_celsius{sensor=ROM112}": "gated"},
    ),
    "a SM9S that is set to degrees Fahrenheit, with its limits": MibDevice(
        "algcom-sm",
        SM9S,
        {"1.1.0": b"Temperature 1", "3.1.0": 70, "4.1.0": b"Fahrenheit", "5.1.0": 50, "6.1.0": 95},
        {
            "dcim_env_temperature_celsius{sensor=1.Temperature_1}": 21.111111,
            "dcim_env_temperature_low_threshold_celsius{sensor=1.Temperature_1}": 10.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=1.Temperature_1}": 35.0,
        },
    ),
    # T3510 set to degrees Fahrenheit.
    "a Comet transmitter with its limits": MibDevice(
        "comet-web-sensor",
        COMET,
        {"1.9.0": b"\xb0F", "3.1.0": 752, "3.2.0": 415, "4.1.0": 410, "4.2.0": 950, "4.3.0": 100, "4.4.0": 800},
        {
            "dcim_env_temperature_celsius{sensor=internal}": 24.0,
            "dcim_env_temperature_low_threshold_celsius{sensor=internal}": 5.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=internal}": 35.0,
            "dcim_env_relative_humidity_ratio{sensor=internal}": 0.415,
            "dcim_env_relative_humidity_low_threshold_ratio{sensor=internal}": 0.1,
            "dcim_env_relative_humidity_high_threshold_ratio{sensor=internal}": 0.8,
            "dcim_env_dew_point_celsius{sensor=internal}": 10.112514,
        },
    ),
    # The second port is set to degrees Fahrenheit; at the third one, without a sensor, the limits of the factory stand.
    "a sensorProbe with the limits of its warnings": MibDevice(
        "akcp-sensorprobe",
        AKCP,
        {
            **akcp_port(16, 0, {1: b"Row", 3: 20, 4: 2, 5: 1, 7: 28, 8: 32, 9: 15, 10: 5, 12: 1, 14: 199}),
            **akcp_port(16, 1, {1: b"Roof", 3: 68, 4: 2, 5: 1, 7: 86, 8: 95, 9: 50, 10: 41, 12: 0, 14: 680}),
            **akcp_port(16, 2, {1: b"Spare", 3: 0, 4: 0, 5: 2, 7: 80, 8: 85, 9: 60, 10: 55, 12: 0, 14: 0}),
            **akcp_port(17, 0, {1: b"Row", 3: 42, 4: 2, 5: 1, 7: 75, 8: 85, 9: 15, 10: 10, 13: 421}),
        },
        {
            "dcim_env_temperature_celsius{sensor=0.Row}": 19.9,
            "dcim_env_temperature_low_threshold_celsius{sensor=0.Row}": 15.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=0.Row}": 28.0,
            "dcim_env_relative_humidity_ratio{sensor=0.Row}": 0.421,
            "dcim_env_relative_humidity_low_threshold_ratio{sensor=0.Row}": 0.15,
            "dcim_env_relative_humidity_high_threshold_ratio{sensor=0.Row}": 0.75,
            "dcim_env_dew_point_celsius{sensor=0.Row}": 6.633646,
            "dcim_env_temperature_celsius{sensor=1.Roof}": 20.0,
            "dcim_env_temperature_low_threshold_celsius{sensor=1.Roof}": 10.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=1.Roof}": 30.0,
            **{
                f"dcim_device_alarm_active{{alarm={alarm},severity={severity}}}": 0.0
                for alarm in ("temperature.0.Row", "humidity.0.Row", "temperature.1.Roof")
                for severity in ("critical", "warning")
            },
        },
    ),
    "a Comp@s with a major alarm": MibDevice(
        "alpha-compas",
        ALPHA,
        {"4.0": 3, "20.1.20.1.13.3.1.0": 0},
        states={
            "dcim_device_state": "failed",
            "dcim_ups_output_source": "normal",
            "dcim_ups_battery_charge_state": "floating",
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_a_smaller_maker_tells_is_read(name: str) -> None:
    await assert_read_as_expected(CASES[name])
