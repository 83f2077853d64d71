"""Pollers: what they ask, what they remember, and what a device's whims cost. The clients here answer from memory."""

import pytest

from agent.config import Device
from agent.lab.replay import read_all
from agent.poll import BOOT_METRIC, ModbusPoller, SnmpPoller
from agent.snmp.seam import SnmpValue
from rackflow.errors import DeviceDecodeError, DeviceProtocolError, DeviceTimeout
from tests.agent.memory_peers import MemoryModbus, MemorySnmp
from tests.agent.shipped import shipped_profiles

PROFILES = shipped_profiles()
UPTIME = "1.3.6.1.2.1.1.3.0"
POWERNET = "1.3.6.1.4.1.318.1.1.1"
PHASE = "1.3.6.1.4.1.318.1.1.26.6.3.1"
UPS: dict[str, SnmpValue] = {
    "1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.318.1.3.27",
    UPTIME: 100_000,
    f"{POWERNET}.1.1.1.0": b"Smart-UPS X 750\x00",
    f"{POWERNET}.4.1.1.0": 2,
    f"{POWERNET}.2.3.1.0": 985,
    f"{POWERNET}.2.2.3.0": 570_900,
    f"{POWERNET}.2.2.4.0": 1,
}


def snmp(values: dict[str, SnmpValue], profile: str = "auto") -> tuple[SnmpPoller, MemorySnmp]:
    client = MemorySnmp(dict(values))
    return SnmpPoller(Device(id="d", host="h", credential="c", profile=profile, outlets=True), PROFILES, client), client


async def test_a_device_is_recognised_identified_and_asked_only_for_what_it_has() -> None:
    poller, client = snmp(UPS)
    identified = await poller.open()
    assert identified.evidence == "recorded device"
    assert (identified.profile, identified.device_class) == ("apc-ups", "ups")
    assert identified.identity.model == "Smart-UPS X 750"
    assert identified.poll_classes == {"safety", "fast", "slow"}
    client.asked.clear()
    readings = await poller.poll("fast", now=0)
    assert set(client.asked[0]) == {f"{POWERNET}.2.3.1.0", f"{POWERNET}.2.2.3.0"}
    assert readings.values == {"dcim_ups_battery_charge_ratio": 0.985, "dcim_ups_battery_runtime_seconds": 5709.0}
    readings = await poller.poll("safety", now=0)
    assert set(client.asked[1]) == {f"{POWERNET}.4.1.1.0"}
    assert readings.states == {"dcim_ups_output_source": "normal"}


async def test_a_device_whose_name_is_known_takes_few_requests_to_recognise() -> None:
    poller, client = snmp(UPS)
    await poller.open()
    probing = [at for at, oids in enumerate(client.asked) if f"{POWERNET}.4.1.1.0" in oids]
    asked = [oid for oids in client.asked[: probing[0]] for oid in oids]
    assert all(oid.startswith(("1.3.6.1.2.1.", "1.3.6.1.4.1.318.")) for oid in asked)
    assert len(client.asked[: probing[0]]) <= 5


async def test_an_object_that_was_there_keeps_being_asked_for() -> None:
    poller, client = snmp(UPS)
    await poller.open()
    del client.values[f"{POWERNET}.2.3.1.0"]
    assert "dcim_ups_battery_charge_ratio" not in (await poller.poll("fast", now=0)).values
    client.values[f"{POWERNET}.2.3.1.0"] = 990
    assert (await poller.poll("fast", now=0)).values["dcim_ups_battery_charge_ratio"] == 0.99


async def test_a_device_that_loses_everything_has_failed() -> None:
    poller, client = snmp(UPS)
    await poller.open()
    client.values.clear()
    with pytest.raises(DeviceProtocolError, match="answers none of the objects"):
        await poller.poll("fast", now=0)


async def test_an_unknown_device_says_what_it_is() -> None:
    poller, _ = snmp({"1.3.6.1.2.1.1.1.0": b"Toaster 3000", UPTIME: 5})
    with pytest.raises(DeviceDecodeError, match="matches no profile; sysDescr is 'Toaster 3000'"):
        await poller.open()


async def test_a_switched_pdu_without_a_meter_is_read_with_its_outlets_by_default() -> None:
    system: dict[str, SnmpValue] = {"1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.318.1.3.4.4", UPTIME: 100_000}
    states: dict[str, SnmpValue] = {f"1.3.6.1.4.1.318.1.1.4.4.2.1.3.{outlet}": outlet for outlet in (1, 2)}
    client = MemorySnmp({**system, **states})
    poller = SnmpPoller(Device(id="d", host="h", credential="c", profile="apc-masterswitch"), PROFILES, client)
    _, readings = await read_all(poller, 1e9)
    on = {key: value for key, value in readings.values.items() if key.startswith("dcim_pdu_outlet_on{")}
    assert on == {"dcim_pdu_outlet_on{outlet=1}": 1, "dcim_pdu_outlet_on{outlet=2}": 0}


def test_no_family_is_left_without_anything_to_read_where_outlets_are_off() -> None:
    assert [name for name, each in PROFILES.items() if not [*each.loaded().without_outlets().all_points()]] == []


async def test_a_named_profile_that_does_not_fit_is_an_error() -> None:
    poller, _ = snmp(UPS, profile="apc-rpdu2")
    with pytest.raises(DeviceDecodeError, match="none of the objects of profile apc-rpdu2"):
        await poller.open()


async def test_a_reboot_has_the_tables_walked_again() -> None:
    values: dict[str, SnmpValue] = {UPTIME: 100_000, f"{PHASE}.2.1": 1, f"{PHASE}.3.1": 1, f"{PHASE}.5.1": 13}
    poller, client = snmp(values, profile="apc-rpdu2")
    await poller.open()
    assert (await poller.poll("slow", now=2000.0)).values[BOOT_METRIC] == 1000.0
    walks = client.walks
    client.values |= {UPTIME: 500, f"{PHASE}.2.2": 1, f"{PHASE}.3.2": 2, f"{PHASE}.5.2": 21}
    assert list((await poller.poll("fast", now=2060.0)).values.values()) == [1.3]
    assert (await poller.poll("slow", now=2060.0)).reopen == "has rebooted"
    await poller.open()
    assert client.walks > walks
    assert list((await poller.poll("fast", now=2065.0)).values.values()) == [1.3, 2.1]


async def test_a_marker_that_changes_has_the_tables_walked_again_but_not_with_every_poll() -> None:
    alarms = "1.3.6.1.2.1.33.1.6"
    values: dict[str, SnmpValue] = {UPTIME: 100_000, f"{alarms}.1.0": 0, "1.3.6.1.2.1.33.1.4.1.0": 3}
    poller, client = snmp(values, profile="rfc1628-ups")
    await poller.open()
    active = "dcim_device_alarm_active{alarm=on_battery,severity=warning}"
    assert active not in (await poller.poll("fast", now=2000.0)).values
    client.values |= {f"{alarms}.1.0": 2, f"{alarms}.2.1.2.7": f"{alarms}.3.2", f"{alarms}.2.1.2.9": f"{alarms}.4.99"}
    await poller.poll("fast", now=2005.0)
    assert (await poller.poll("fast", now=2010.0)).values[active] == 1.0
    walks = client.walks
    client.values |= {f"{alarms}.1.0": 3}
    await poller.poll("fast", now=2012.0)
    assert client.walks == walks
    client.values = values
    await poller.poll("fast", now=2020.0)
    assert client.walks > walks
    readings = await poller.poll("fast", now=2025.0)
    assert active not in readings.values
    assert active not in readings.bad


@pytest.mark.parametrize(
    ("count", "row", "condition", "key"),
    [
        (
            "1.3.6.1.2.1.33.1.6.1.0",
            "1.3.6.1.2.1.33.1.6.2.1.2.7",
            "1.3.6.1.2.1.33.1.6.3.2",
            "on_battery,severity=warning",
        ),
        (
            "1.3.6.1.4.1.476.1.42.3.2.2.0",
            "1.3.6.1.4.1.476.1.42.3.2.3.1.2.7",
            "1.3.6.1.4.1.476.1.42.3.2.1.51.10",
            "battery_disconnect_open,severity=critical",
        ),
    ],
    ids=["of UPS-MIB", "of the vendor's own branch"],
)
async def test_each_of_several_markers_has_the_tables_walked_again(
    count: str, row: str, condition: str, key: str
) -> None:
    """A Liebert UPS counts the alarms of UPS-MIB, and the conditions of its own branch."""
    values: dict[str, SnmpValue] = {
        UPTIME: 100_000,
        "1.3.6.1.2.1.33.1.6.1.0": 0,
        "1.3.6.1.4.1.476.1.42.3.2.2.0": 0,
        "1.3.6.1.4.1.476.1.42.3.5.3.55.0": 3,
    }
    poller, client = snmp(values, profile="liebert-ups")
    await poller.open()
    await poller.poll("fast", now=2000.0)
    walks = client.walks
    await poller.poll("fast", now=2005.0)
    assert client.walks == walks
    client.values |= {count: 1, row: condition}
    await poller.poll("fast", now=2010.0)
    assert (await poller.poll("fast", now=2015.0)).values[f"dcim_device_alarm_active{{alarm={key}}}"] == 1.0


def rpu(registers: dict[int, int]) -> tuple[ModbusPoller, MemoryModbus]:
    client = MemoryModbus(registers)
    device = Device(id="d", host="h", protocol="modbus", profile="aalc-rpu", unit=12)
    return ModbusPoller(device, PROFILES["aalc-rpu"], client), client


def full_rpu() -> dict[int, int]:
    registers = dict.fromkeys(
        [*range(36864, 36960), *range(37120, 37150), *range(37376, 37380), *range(37888, 37893)], 0
    )
    registers |= {
        36864: 1200,
        36865: 300,
        36866: 400,
        36867: 1500,
        36868: 65036,
        36882: 2,
        36883: 1,
        36884: 4,
        37136: 210,
        37378: 0b100_0001_0000,
    }
    return registers


async def test_a_cooling_unit_gives_readings_and_heat() -> None:
    poller, client = rpu(full_rpu())
    identified = await poller.open()
    assert identified.identity.vendor == "ORV3"
    assert identified.coolant == {"secondary": "pg25"}
    client.requests.clear()
    readings = await poller.poll("safety", now=0)
    assert client.requests == [(36864, 5), (36873, 1), (36882, 3), (37136, 1), (37378, 1)]
    assert readings.values["dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"] == pytest.approx(120 / 60000)
    assert readings.values["dcim_cdu_return_pressure_pascals{loop=secondary}"] == -50_000.0
    assert readings.values["dcim_cdu_leak_detected{detector=internal}"] == 1.0
    assert readings.values["dcim_cdu_leak_detected{detector=external}"] == 0.0
    assert readings.values["dcim_cdu_heat_removed_watts{loop=secondary}"] == pytest.approx(80_000, rel=0.01)
    assert readings.values["dcim_cdu_approach_celsius"] == pytest.approx(9.0)
    assert readings.values["dcim_cdu_effectiveness_ratio"] == pytest.approx(10 / 19)
    pumps = [readings.states[f"dcim_cdu_pump_state{{pump={pump}}}"] for pump in (1, 2, 3)]
    assert pumps == ["running", "standby", "failed"]


async def test_the_firmwares_mark_for_a_dead_flow_meter_is_no_flow() -> None:
    poller, _ = rpu(full_rpu() | {36864: 0xFFFF})
    await poller.open()
    readings = await poller.poll("safety", now=0)
    assert readings.bad == {"dcim_cdu_flow_cubic_meters_per_second{loop=secondary}": "sentinel"}
    assert "dcim_cdu_heat_removed_watts{loop=secondary}" not in readings.values


async def test_registers_that_a_unit_refuses_are_found_once_and_not_asked_again() -> None:
    registers = full_rpu()
    for at in range(37120, 37150):
        del registers[at]
    del registers[36875]
    poller, client = rpu(registers)
    await poller.open()
    client.requests.clear()
    fast = await poller.poll("fast", now=0)
    assert (36875, 1) not in client.requests
    assert "dcim_cdu_pump_speed_rpm{pump=1}" in fast.values
    assert "dcim_cdu_pump_speed_rpm{pump=2}" not in fast.values
    assert fast.bad == {}


async def test_a_block_refused_later_costs_only_its_own_readings() -> None:
    poller, client = rpu(full_rpu())
    await poller.open()
    del client.registers[37378]
    readings = await poller.poll("safety", now=0)
    assert readings.values["dcim_cdu_supply_temperature_celsius{loop=secondary}"] == 30.0
    assert readings.bad["dcim_cdu_leak_detected{detector=internal}"] == "refused"


async def test_silence_fails_the_poll_and_another_map_fails_the_opening() -> None:
    poller, client = rpu(full_rpu())
    await poller.open()
    client.silent = True
    with pytest.raises(DeviceTimeout):
        await poller.poll("safety", now=0)
    stranger, _ = rpu({1: 1})
    with pytest.raises(DeviceProtocolError, match="refuses every register of profile aalc-rpu"):
        await stranger.open()
