"""Transfer switches over Modbus: which source feeds the load, which ones are usable, and whether there are two."""

from dataclasses import replace

import pytest

from tests.conformance.served_modbus import MAPS, poll, serving


@pytest.mark.parametrize(
    ("name", "words", "selected", "usable"),
    [
        ("abb-ats022", {2000: 0, 2001: 0, 2003: 2, 2004: 1}, "a", (1.0, 1.0)),
        ("abb-ats022", {2000: 1, 2001: 0, 2003: 1, 2004: 2}, "b", (0.0, 1.0)),
        ("abb-ats022", {2000: 7, 2001: 5, 2003: 1, 2004: 3}, "none", (0.0, 0.0)),
        ("socomec-atys", {20_482: 3, 20_486: 0, 20_487: 2}, "b", (0.0, 1.0)),
        ("socomec-atys", {20_482: 1, 20_486: 2, 20_487: 2}, "none", (1.0, 1.0)),
        ("siemens-atc6300", {8307: 0, 8308: 0, 8565: 1 << 13, 8566: 1}, "b", (0.0, 1.0)),
        ("siemens-atc6500", {8307: 1 << 13, 8308: 0, 8565: 1 << 13, 8566: 0}, "none", (1.0, 1.0)),
    ],
)
async def test_a_transfer_switch_tells_its_source_and_which_are_usable(
    name: str, words: dict[int, int], selected: str, usable: tuple[float, float]
) -> None:
    one = MAPS[name]
    async with serving(one, one.registers | words) as port:
        readings = await poll(port, name, one.unit)
    assert readings.states["dcim_ats_selected_source"] == selected
    read = tuple(readings.values[f"dcim_ats_source_usable{{source={source}}}"] for source in "ab")
    assert read == usable
    assert readings.values["dcim_ats_redundant"] == min(usable)
    assert readings.bad == {}


async def test_a_position_that_an_atys_does_not_know_is_no_source() -> None:
    one = MAPS["socomec-atys"]
    async with serving(one, one.registers | {20_482: 0}) as port:
        readings = await poll(port, "socomec-atys", one.unit)
    assert "dcim_ats_selected_source" not in readings.states
    assert readings.bad == {"dcim_ats_selected_source": "sentinel"}


@pytest.mark.parametrize(
    ("mode", "manual", "inhibited"), [(0, 1.0, 0.0), (16, 0.0, 0.0), (32, 0.0, 0.0), (64, 0.0, 1.0)]
)
async def test_an_atys_that_will_not_transfer_by_itself_says_so(mode: int, manual: float, inhibited: float) -> None:
    one = MAPS["socomec-atys"]
    async with serving(one, one.registers | {20_481: mode}) as port:
        readings = await poll(port, "socomec-atys", one.unit)
    assert readings.values["dcim_device_alarm_active{alarm=manual_mode,severity=warning}"] == manual
    assert readings.values["dcim_device_alarm_active{alarm=transfer_inhibited,severity=critical}"] == inhibited


async def test_a_pdu_with_four_outlets_has_no_fifth() -> None:
    one = replace(MAPS["netio-modbus"], settings={0: 0, 1: 4, 2: 4})
    async with serving(one) as port:
        readings = await poll(port, "netio-modbus", one.unit)
    keys = {*readings.values, *readings.bad}
    assert "dcim_pdu_outlet_power_watts{outlet=4}" in keys
    assert not [key for key in keys if "outlet=5" in key]


async def test_a_sensor_that_the_radio_does_not_reach_has_no_readings_and_says_so() -> None:
    """A PowerTag's gateway answers with NaN, and with the lowest number of 64 bits for energies."""
    one = MAPS["schneider-powertag"]
    lost = {at: 0x7FC0 if at % 2 else 0 for at in range(2999, 3111)}
    lost |= {at: 0x8000 if at % 4 == 0 else 0 for at in range(5012, 5144)} | dict.fromkeys(range(3204, 3207), 0)
    async with serving(one, one.registers | lost | {3203: 0x8000, 3297: 0, 31_145: 0}) as port:
        readings = await poll(port, "schneider-powertag", one.unit)
    assert {key.partition("{")[0] for key in readings.values} == {"dcim_device_alarm_active"}
    assert readings.values == {"dcim_device_alarm_active{alarm=radio_lost,severity=warning}": 1.0}
    assert {reason for key, reason in readings.bad.items() if "energy" in key} == {"sentinel"}


async def test_a_sensor_without_directions_has_one_total() -> None:
    one = MAPS["schneider-powertag"]
    none = {at: 0x8000 if at % 4 == 0 else 0 for at in range(5012, 5144)}
    async with serving(one, one.registers | none) as port:
        readings = await poll(port, "schneider-powertag", one.unit)
    energy = {key: value for key, value in readings.values.items() if "energy" in key}
    assert energy == {"dcim_meter_energy_joules_total{direction=import,role=other}": 9_999_999 * 3600.0}
