"""Every Modbus profile over real sockets: the published map is served, and each point must come out in base units; mbpoll agrees."""

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.modbus import ModbusLink, decode
from agent.poll import recognise_unit
from agent.profile import Profile, RawValue, planning_registers
from agent.profile.planning.planner import plan_device
from rackflow.catalogue import catalogue
from tests.agent.modbus.modbus_peers import target_of
from tests.agent.shipped import shipped_profiles
from tests.conformance.modbus_gear import METER
from tests.conformance.modbus_gensets import GENCOMM_PAGE_8
from tests.conformance.modbus_maps import Served
from tests.conformance.served_modbus import MAPS, poll, serving
from tests.servers.mbpoll import mbpoll

DERIVED = (
    "dcim_env_dew_point_celsius",
    "dcim_cdu_dew_point_celsius",
    *(metric.name for metric in catalogue().values() if metric.derived),
)
"""Figures that the agent derives from the readings."""


def cells(profile: Profile, one: Served) -> dict[str, RawValue]:
    """The cells of a served device that planning reads."""
    found: dict[str, RawValue] = {}
    for each in planning_registers(profile):
        tables = {"coil": one.coils, "discrete": one.inputs, "holding": one.settings or one.registers}
        registers = [tables.get(each.table, one.registers)[each.address + at] for at in range(each.words)]
        found[each.ref] = decode(registers, each.kind, each.order)
    return found


def test_every_modbus_profile_has_a_served_map() -> None:
    profiles = {name: profile for name, profile in shipped_profiles().items() if profile.protocol == "modbus"}
    assert sorted(profiles) == sorted(MAPS)
    for name, profile in profiles.items():
        plan = plan_device(profile, {}, cells(profile, MAPS[name]), None)
        series = {slot.key for part in plan.classes.values() for slot in part.slots}
        assert {*MAPS[name].values, *MAPS[name].states} == series, name


@pytest.mark.parametrize("name", sorted(MAPS))
async def test_every_point_is_read_as_the_published_map_says(name: str) -> None:
    one = MAPS[name]
    async with serving(one) as port:
        readings = await poll(port, name, one.unit)
        kind = "3:hex" if one.table == "input" else "4:hex"
        raw = int(await asyncio.to_thread(mbpoll, port, one.unit, one.checked, kind), 16)
    read = {key: value for key, value in readings.values.items() if key in one.values or not key.startswith(DERIVED)}
    assert readings.bad == {}
    assert read == {key: pytest.approx(value, rel=1e-6) for key, value in one.values.items()}
    assert readings.states == one.states
    assert raw == one.registers[one.checked]


async def test_a_unit_is_taken_for_its_own_family_or_for_none() -> None:
    """The served maps hold identities where the published ones do; those of meters of two makers and of two families of one maker."""
    profiles = [profile for profile in shipped_profiles().values() if profile.protocol == "modbus"]
    recognised = set()
    for name, one in MAPS.items():
        async with serving(one) as port:
            client = ModbusLink(target_of(port))
            match, _ = await recognise_unit(client, one.unit, profiles)
            await client.close()
        if match:
            assert match.profile.profile == name
            recognised.add(name)
    assert recognised >= {"siemens-pac2200", "siemens-pac4200", "schneider-pm5000", "carlo-gavazzi-em24"}
    assert recognised >= {"comap-intelilite4", "comap-inteligen500", "deif-agc150", "datakom-genset"}
    assert recognised >= {"abb-b2x", "carlo-gavazzi-em300", "carlo-gavazzi-em24-rs485", "hager-ecr"}
    assert recognised >= {"schneider-powertag", "socomec-atys", "woodward-easygen2000", "sunspec"}


@pytest.mark.parametrize(
    ("model", "is_known"), [(b"PM5563", True), (b"PM8240", True), (b"PM8213", True), (b"PM820", False)]
)
async def test_a_powerlogic_is_known_by_its_model(model: bytes, is_known: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A PM8000 has the map of a PM5000, the older PM800 has not."""
    one = MAPS["schneider-pm5000"]
    words = struct.unpack(">20H", model.ljust(40, b"\0"))
    profiles = [profile for profile in shipped_profiles().values() if profile.protocol == "modbus"]
    async with serving(one, one.registers | dict(enumerate(words, 49))) as port:
        client = ModbusLink(target_of(port))
        match, _ = await recognise_unit(client, one.unit, profiles)
        await client.close()
    assert (match is not None and match.profile.profile == "schneider-pm5000") == is_known


@pytest.mark.parametrize(
    ("name", "address", "words", "metric"),
    [
        ("apc-smart-ups-modbus", 151, (0xFFFF,), "dcim_ups_input_voltage_volts"),
        ("apc-smart-ups-modbus", 154, (0xFFFE,), "dcim_ups_efficiency_ratio"),
        ("huawei-ups2000-modbus", 11_000, (0x7FFF,), "dcim_ups_input_voltage_volts"),
        ("huawei-ups2000-modbus", 12_004, (0xFFFF, 0xFFFF), "dcim_ups_battery_runtime_seconds"),
        ("socomec-jbus", 0x1077, (0xFFFF,), "dcim_ups_battery_runtime_seconds"),
        ("abb-b2x", 0x5000, (0xFFFF,) * 4, "dcim_meter_energy_joules_total"),
        ("abb-b2x", 0x5B14, (0x7FFF, 0xFFFF), "dcim_meter_power_watts"),
        ("abb-b2x", 0x5B2C, (0xFFFF,), "dcim_meter_frequency_hertz"),
        ("aalc-rpu", 36_864, (0xFFFF,), "dcim_cdu_flow_cubic_meters_per_second"),
        ("eastron-sdm630", 52, (0x7FC0, 0), "dcim_meter_power_watts"),
        ("schneider-pm5000", 3005, (0xFFC0, 0), "dcim_meter_neutral_current_amperes"),
        ("carlo-gavazzi-em300", 40, (0xFFFF, 0x7FFF), "dcim_meter_power_watts"),
        ("dse-gencomm", 1536, (0x7FFF, 0xFFFA), "dcim_meter_power_watts"),
        ("dse-gencomm", 1031, (0xFFFA,), "dcim_meter_frequency_hertz"),
        ("dse-gencomm", 1044, (0xFFFF, 0xFFF9), "dcim_meter_current_amperes"),
    ],
)
async def test_what_a_device_sends_for_no_reading_is_none(
    name: str, address: int, words: tuple[int, ...], metric: str
) -> None:
    one = MAPS[name]
    async with serving(one, one.registers | dict(enumerate(words, address))) as port:
        readings = await poll(port, name, one.unit)
    (key,) = readings.bad
    assert key.startswith(metric)
    assert key not in readings.values


@pytest.mark.parametrize(
    ("name", "words", "state"),
    [
        ("apc-smart-ups-modbus", {0: 0, 1: 1 << 2, 150: 0}, "battery"),
        ("apc-smart-ups-modbus", {0: 0, 1: 1 << 3, 150: 0}, "bypass"),
        ("apc-smart-ups-modbus", {0: 0, 1: 1 << 4, 150: 0}, "none"),
        ("apc-smart-ups-modbus", {0: 0, 1: 1 << 1, 150: 1 << 6}, "reducer"),
        ("apc-smart-ups-modbus", {0: 0, 1: 1 << 1 | 1 << 13, 150: 0}, "eco"),
        ("apc-smart-ups-modbus", {0: 0, 1: 1 << 1, 150: 0}, "normal"),
        ("socomec-jbus", {0x1020: 1 << 5}, "battery"),
        ("socomec-jbus", {0x1020: 1 << 4}, "bypass"),
        ("socomec-jbus", {0x1020: 0}, "none"),
        ("socomec-jbus", {0x1020: 1 << 7 | 1 << 4}, "eco"),
        ("socomec-jbus", {0x1020: 1 << 7 | 1 << 3}, "normal"),
        ("riello-multicom-modbus", {0: 1 << 15 | 1 << 11}, "bypass"),
        ("riello-multicom-modbus", {0: 1 << 15}, "normal"),
        ("riello-multicom-modbus", {0: 0}, "none"),
        ("tripplite-modbus", {0x0442: 5}, "bypass"),
        ("tripplite-modbus", {0x0442: 7}, "none"),
        ("huawei-ups2000-modbus", {11_024: 5}, "eco"),
    ],
)
async def test_a_ups_tells_what_feeds_its_output(name: str, words: dict[int, int], state: str) -> None:
    one = MAPS[name]
    async with serving(one, one.registers | words) as port:
        readings = await poll(port, name, one.unit)
    assert readings.states["dcim_ups_output_source"] == state


@pytest.mark.parametrize(
    ("words", "state"),
    [({0x1020: 1 << 5}, "discharging"), ({0x1020: 1 << 3}, "charging"), ({0x1020: 1 << 3, 0x1021: 1}, "unknown")],
)
async def test_a_socomec_ups_tells_whether_its_battery_is_charged(words: dict[int, int], state: str) -> None:
    one = MAPS["socomec-jbus"]
    async with serving(one, one.registers | words) as port:
        readings = await poll(port, "socomec-jbus", one.unit)
    assert readings.states["dcim_ups_battery_charge_state"] == state


@pytest.mark.parametrize(
    ("name", "words", "state"),
    [
        ("socomec-jbus", {0x1021: 1 << 1}, "normal"),
        ("socomec-jbus", {0x1020: 1 << 5 | 1 << 15, 0x1021: 1 << 1}, "low"),
        ("socomec-jbus", {0x1020: 1 << 5 | 1 << 15, 0x1021: 1}, "depleted"),
        ("socomec-jbus", {0x1021: 0}, "fault"),
        ("riello-multicom-modbus", {0: 1 << 15}, "normal"),
        ("tripplite-modbus", {0x041E: 2, 0x041F: 0}, "fault"),
        ("tripplite-modbus", {0x041F: 2}, "depleted"),
    ],
)
async def test_a_ups_tells_the_state_of_its_battery(name: str, words: dict[int, int], state: str) -> None:
    one = MAPS[name]
    async with serving(one, one.registers | words) as port:
        readings = await poll(port, name, one.unit)
    assert readings.states["dcim_ups_battery_state"] == state


@pytest.mark.parametrize(
    ("word", "result"),
    [(0, "never"), (1 << 1, "in_progress"), (1 << 2 | 1 << 6, "passed"), (0x0310, "aborted"), (1 << 5, "aborted")],
)
async def test_a_smart_ups_tells_how_its_latest_test_ended(word: int, result: str) -> None:
    one = MAPS["apc-smart-ups-modbus"]
    async with serving(one, one.registers | {23: word}) as port:
        readings = await poll(port, "apc-smart-ups-modbus", one.unit)
    assert readings.states["dcim_ups_test_result"] == result


@pytest.mark.parametrize(("word", "is_exceeded"), [(1, 0), (1 << 1, 0), (1 << 2, 1)])
async def test_a_smart_ups_tells_that_its_battery_has_exceeded_its_life(word: int, is_exceeded: int) -> None:
    one = MAPS["apc-smart-ups-modbus"]
    async with serving(one, one.registers | {25: word}) as port:
        readings = await poll(port, "apc-smart-ups-modbus", one.unit)
    assert readings.values["dcim_device_alarm_active{alarm=battery_life_exceeded,severity=warning}"] == is_exceeded


async def test_an_adapter_that_has_lost_its_riello_says_so_and_nothing_of_the_battery() -> None:
    one = MAPS["riello-multicom-modbus"]
    async with serving(one, one.registers | {3: 1 << 15}) as port:
        readings = await poll(port, "riello-multicom-modbus", one.unit)
    assert readings.values["dcim_device_alarm_active{alarm=communication_lost,severity=critical}"] == 1
    assert {"dcim_ups_output_source", "dcim_ups_battery_state"}.isdisjoint(readings.states)


@pytest.mark.parametrize("name", ["liebert-aps-modbus", "liebert-apm-modbus"])
async def test_a_liebert_ups_with_one_output_line_has_no_reading_of_another(name: str) -> None:
    one = MAPS[name]
    output = {"liebert-aps-modbus": (464, 465), "liebert-apm-modbus": (419, 420, 425, 426, 427)}[name]
    async with serving(one, one.registers | dict.fromkeys(output, 0)) as port:
        readings = await poll(port, name, one.unit)
    keys = {*readings.values, *readings.bad}
    assert "dcim_ups_input_voltage_volts{phase=L3}" in keys
    assert "dcim_ups_output_current_amperes{phase=L1}" in keys
    dead = ("output_voltage_volts{phase=L2", "output_current_amperes{phase=L2", "output_line_voltage")
    assert not [key for key in keys if any(part in key for part in dead)]


async def test_a_cdu_that_is_switched_to_other_units_is_followed() -> None:
    one = MAPS["in-rack-cdu-150kw"]
    switched = replace(one, coils={8692: 1}, registers=dict(one.registers))
    switched.gauge(5010, "~f", 36.25, "unused", 0)
    switched.gauge(5022, "~f", 40.0, "unused", 0)
    switched.gauge(5024, "~f", 77.0, "unused", 0)
    async with serving(switched) as port:
        readings = await poll(port, "in-rack-cdu-150kw", 1)
    assert readings.values["dcim_cdu_supply_pressure_pascals{loop=secondary}"] == pytest.approx(249_935, rel=1e-4)
    assert readings.values["dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"] == pytest.approx(
        0.0025236, rel=1e-4
    )
    assert readings.values["dcim_cdu_ambient_temperature_celsius"] == pytest.approx(25.0)


async def test_an_in_row_cdu_that_is_switched_to_other_units_says_the_same() -> None:
    one = MAPS["in-row-cdu-l2l"]
    switched = replace(one, coils={8692: 1}, registers=dict(one.registers), values={})
    temperatures = [*range(5000, 5010, 2), 5038, 5040]
    pressures = range(5010, 5034, 2)
    for at in (*temperatures, *pressures, 5042, 5044):
        shown = decode([one.registers[at], one.registers[at + 1]], "float32", "little-swapped")
        assert isinstance(shown, float)
        scale, shift = (1.8, 32) if at in temperatures else (0.1450377, 0) if at in pressures else (0.2641721, 0)
        switched.put(at, "~f", shown * scale + shift)
    async with serving(switched) as port:
        readings = await poll(port, "in-row-cdu-l2l", 1)
    assert readings.bad == {}
    assert {key: readings.values[key] for key in one.values} == pytest.approx(one.values, rel=1e-4)


@pytest.mark.parametrize(
    ("power_of_ten", "decimals", "scale"),
    [(0, 3, 1e-3), (3, 6, 1e-3), (0, 0, 1.0), (3, 1, 100.0), (6, 4, 100.0), (6, 0, 1e6), (7, 7, None)],
)
async def test_the_energy_of_a_shark_is_scaled_as_the_meter_is_set(
    power_of_ten: int, decimals: int, scale: float | None
) -> None:
    one = MAPS["eig-shark"]
    import_key = next(key for key in one.values if "energy_joules_total{direction=import" in key)
    async with serving(one, one.registers | {30_005: power_of_ten << 4 | decimals}) as port:
        readings = await poll(port, "eig-shark", 1)
    as_served = one.values[import_key] / (100 * 3600)
    expected = None if scale is None else pytest.approx(as_served * scale * 3600)
    assert readings.values.get(import_key) == expected


async def test_a_pac_with_three_wires_has_no_reading_to_a_neutral() -> None:
    one = MAPS["siemens-pac4200"]
    async with serving(one, one.registers | {50_002: 1}) as port:
        readings = await poll(port, "siemens-pac4200", 1)
    lines = [key for key in readings.values if "line_voltage" in key or "current_amperes" in key]
    assert len(lines) == 6
    assert not [key for key in (*readings.values, *readings.bad) if "meter_voltage" in key or "meter_phase" in key]


@pytest.mark.parametrize(
    ("name", "second"), [("carlo-gavazzi-em300", [2, 3, 6, 7, 8, 9]), ("janitza-umg-modbus", range(19_002, 19_010))]
)
async def test_a_line_that_was_never_live_is_not_wired(name: str, second: Sequence[int]) -> None:
    one = MAPS[name]
    async with serving(one, one.registers | dict.fromkeys(second, 0)) as port:
        readings = await poll(port, name, one.unit)
    keys = {*readings.values, *readings.bad}
    assert f"dcim_meter_voltage_volts{{phase=L1,{METER}}}" in keys
    assert f"dcim_meter_current_amperes{{phase=L2,{METER}}}" in keys
    dead = ("voltage_volts{phase=L2", "power_watts{phase=L2", "line=L1-L2", "line=L2-L3")
    assert not [key for key in keys if any(part in key for part in dead)]


async def test_an_em24_on_one_phase_has_no_reading_of_the_others() -> None:
    one = MAPS["carlo-gavazzi-em24"]
    async with serving(one, one.registers | {4098: 3}) as port:
        readings = await poll(port, "carlo-gavazzi-em24", 1)
    phases = {key for key in (*readings.values, *readings.bad) if "phase=" in key or "line=" in key}
    assert len(phases) == 7
    assert all("phase=L1" in key for key in phases)


@pytest.mark.parametrize(
    ("wiring", "there", "missing"),
    [
        (1.0, ("voltage_volts{phase=L1", "current_amperes{phase=L1"), ("line_voltage", "phase=L2", "phase=L3")),
        (2.0, ("line_voltage_volts{line=L3-L1", "current_amperes{phase=L3"), ("meter_voltage", "meter_phase")),
    ],
)
async def test_a_meter_has_no_reading_of_what_its_wiring_lacks(
    wiring: float, there: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    one = replace(MAPS["eastron-sdm630"], registers=dict(MAPS["eastron-sdm630"].registers))
    high, low = struct.unpack(">2H", struct.pack(">f", wiring))
    one.settings = {10: high, 11: low}
    async with serving(one) as port:
        readings = await poll(port, "eastron-sdm630", 1)
    for part in there:
        assert [key for key in readings.values if part in key], part
    for part in missing:
        assert not [key for key in (*readings.values, *readings.bad) if part in key], part


@pytest.mark.parametrize(
    ("product", "joules"),
    [
        (b"DIRIS A14", 12_345.67 * 3_600_000),
        (b"Diris A10", 4321 * 3_600_000.0),
        (b"Diris A-10", 4321 * 3_600_000.0),
        (b"DIRIS A-20", 4321 * 3_600_000.0),
        (b"DIRIS A40", 4321 * 3_600_000.0),
        (b"DIRIS A-40", 4321 * 3_600_000.0),
        (b"DIRIS A-41", 4321 * 3_600_000.0),
    ],
)
async def test_energies_of_a_diris_stand_where_its_product_has_them(product: bytes, joules: float) -> None:
    """In hundredths of a kilowatt-hour at 0xC702, or in whole ones at 0xC65C."""
    one = replace(MAPS["socomec-meters"], registers=dict(MAPS["socomec-meters"].registers))
    for index, (high, low) in enumerate(zip(*[iter(product.ljust(16, b"\0"))] * 2, strict=True)):
        one.put(0xC38A + index, "H", high << 8 | low)
    one.put(0xC65C, "I", 4321)
    async with serving(one) as port:
        readings = await poll(port, "socomec-meters", 1)
    assert readings.values[f"dcim_meter_energy_joules_total{{direction=import,{METER}}}"] == pytest.approx(joules)


async def test_a_leak_detector_gives_a_position_only_with_a_leak_and_in_its_own_unit() -> None:
    one = MAPS["rle-seahawk"]
    read = {}
    for status, unit in ((0b000, 0), (0b001, 0), (0b010, 1)):
        async with serving(one, one.registers | {0: status, 1: 1_500, 2: unit}) as port:
            readings = await poll(port, "rle-seahawk", 1)
        read[status, unit] = readings.values.get("dcim_leak_position_meters{sensor=1}")
        assert readings.bad == {}
    assert read == {(0b000, 0): None, (0b001, 0): 1_500.0, (0b010, 1): None}


async def test_a_zone_that_a_leak_detector_no_longer_reaches_is_a_fault_and_neither_wet_nor_dry() -> None:
    one = MAPS["rle-seahawk"]
    async with serving(one, one.registers | {11: 1 << 7 | 1}) as port:
        readings = await poll(port, "rle-seahawk", 1)
    assert "dcim_leak_detected{sensor=2}" not in readings.values
    assert readings.values["dcim_leak_sensor_fault{sensor=2}"] == 1.0
    assert readings.values["dcim_leak_detected{sensor=3}"] == 0.0


@pytest.mark.parametrize("count", [None, 0, 0xFFFF], ids=["refused", "none", "unimplemented"])
async def test_a_controller_without_named_alarms_tells_those_of_page_8(count: int | None) -> None:
    """GenComm: a DSE 5220 or 4620 has its alarms on page 8 and refuses page 154, or says that there is none on it."""
    one = MAPS["dse-gencomm"]
    registers = {address: word for address, word in one.registers.items() if address < 39_424}
    if count is not None:
        registers[39_424] = count
    # Every place has a code of its own: not active, warning, shutdown, electrical trip, in turn.
    registers |= dict.fromkeys(range(2049, 2074), 0x1234)
    async with serving(one, registers) as port:
        readings = await poll(port, "dse-gencomm", one.unit)
    mode_and_flags = {"control_failure", "shutdown", "electrical_trip", "controlled_shutdown", "warning"}
    mode_and_flags |= {"genset_blocked", "genset_manual"}
    told = {key: value for key, value in readings.values.items() if key.startswith("dcim_device_alarm_active")}
    named = {key: value for key, value in told.items() if key.split("alarm=")[1].split(",")[0] not in mode_and_flags}
    assert named == {
        f"dcim_device_alarm_active{{alarm={name},severity={severity}}}": float(place % 4 != 0)
        for place, (name, severity) in GENCOMM_PAGE_8.items()
    }
    assert readings.bad == {}


@pytest.mark.parametrize(
    ("mode", "blocked", "manual"), [(0, 1.0, 0.0), (1, 0.0, 0.0), (2, 0.0, 1.0), (3, 0.0, 0.0), (7, 1.0, 0.0)]
)
async def test_a_set_that_will_not_start_by_itself_says_so(mode: int, blocked: float, manual: float) -> None:
    """GenComm, page 3, control mode: stop, auto, manual, test on load, off."""
    one = MAPS["dse-gencomm"]
    async with serving(one, one.registers | {772: mode}) as port:
        readings = await poll(port, "dse-gencomm", one.unit)
    assert readings.values["dcim_device_alarm_active{alarm=genset_blocked,severity=critical}"] == blocked
    assert readings.values["dcim_device_alarm_active{alarm=genset_manual,severity=warning}"] == manual


@pytest.mark.parametrize(("fitted", "wet", "told"), [(0, 1, None), (1, 0, 0.0), (1, 1, 1.0)])
async def test_a_leak_input_that_is_not_in_use_tells_nothing(fitted: int, wet: int, told: float | None) -> None:
    """A ColdLogik door says at another input whether its leak alarm is in use."""
    one = MAPS["usystems-rdhx"]
    changed = replace(one, inputs=one.inputs | {168: fitted, 63: wet})
    async with serving(changed) as port:
        readings = await poll(port, "usystems-rdhx", one.unit)
    assert readings.values.get("dcim_leak_detected{sensor=door}") == told
    assert readings.bad == {}


async def test_a_door_with_a_broken_probe_has_no_temperature_there() -> None:
    one = MAPS["usystems-rdhx"]
    async with serving(replace(one, inputs=one.inputs | {75: 1})) as port:
        readings = await poll(port, "usystems-rdhx", one.unit)
    assert readings.bad == {"dcim_rdhx_air_temperature_celsius{position=outlet}": "gated"}
    assert readings.values["dcim_device_alarm_active{alarm=air_off_sensor,severity=warning}"] == 1.0
