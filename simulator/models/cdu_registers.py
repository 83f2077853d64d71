"""The register map of the reservoir-and-pump unit of Open Rack v3's air-assisted liquid cooling.

Source: OpenBMC rackmon's register map `orv3_rpu`. Every address that the map names exists, even where the models have no value
for it; all others are refused, as by the real unit.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from simulator.models.cdu import LEAK_BITS, PUMPS, RATED_DUTY, SUPPLY_SETPOINT_C
from simulator.models.registers import SENSOR_FAILED, MappedRegisters, scaled, text, words

# Modbus unit of the pump unit in the published map.
CDU_UNIT: Final = 12
# Pump status registers: 0 disabled, 1 redundant, 2 enabled, 3 maintenance, 4 abnormal.
_STANDBY, _RUNNING, _ABNORMAL = 1, 2, 4
# Fixed values for registers that no model drives.
_SUPPLY_VOLTS: Final = 50.2
_FAN_VOLTS: Final = 50
_CONTROLLER_FAN_RPM: Final = (3600, 3580)
_MAX_FAN_RPM: Final = 9000
# Limits at which the unit raises its alarms. Chosen, because the published map does not give them; the model stays below both while
# two of its pumps run.
_SUPPLY_ALARM_ABOVE_SETPOINT_K: Final = 5
_RETURN_ALARM_C: Final = 60
_BLOCKS: Final = (
    (0x19A1, 12),
    (0x9000, 0x1A),
    (0x9030, 8),
    (0x9100, 0x17),
    (0x91FF, 5),
    (0x9400, 5),
    (0xA020, 2),
    (0xA034, 1),
)
"""First address and length of the blocks whose registers exist even where no model drives them; those read as 0."""
_SERIAL: Final = 0x19D8
_IDENTITY: Final = {
    0x19C4: ("SIM-0001", 8),  # FBPN
    0x19CC: ("RDF040DSS5193E0", 8),  # model, by which the family is recognised
    0x19D4: ("20240401", 4),  # date
    0x19E0: ("WO000001", 4),  # work order
    0x19E4: ("1.0", 4),  # hardware
    0x19E8: ("2.4.1", 4),  # firmware of the controller
    0x19F2: ("1.1.0", 4),  # firmware of the panel
    0x19F6: ("1.02", 2),  # firmware of the heat exchanger
}
_STICKY_LEAKS: Final = (
    "it-chassis-0",
    "it-chassis-1",
    "it-chassis-2",
    "it-chassis-3",
    "internal",
    "external",
    "external-option-1",
    "external-option-2",
    "rack-pan",
    "rack-floor",
    "rack-pan-relay",
    "rack-floor-relay",
)
"""Detectors of the registers from 0x19A1 on, in this order. They stay set when the detector is dry again."""


class CduState(Protocol):
    """The state that the registers show. Temperatures in degC, pressures in Pa over ambient, flows in L/min."""

    leaks_seen: set[str]

    @property
    def time_s(self) -> float: ...
    @property
    def target_flow_lpm(self) -> float: ...
    @property
    def flow_meter_failed(self) -> bool: ...
    @property
    def flow_lpm(self) -> float: ...
    @property
    def duty(self) -> float: ...
    @property
    def supply_c(self) -> float: ...
    @property
    def return_c(self) -> float: ...
    @property
    def supply_pressure_pa(self) -> float: ...
    @property
    def return_pressure_pa(self) -> float: ...
    @property
    def filter_pa(self) -> float: ...
    @property
    def heat_w(self) -> float: ...
    @property
    def pump_power_w(self) -> float: ...
    @property
    def fan_power_w(self) -> float: ...
    @property
    def fan_duty(self) -> float: ...
    @property
    def air_inlet_c(self) -> float: ...
    @property
    def air_outlet_c(self) -> float: ...
    @property
    def reservoir_low(self) -> bool: ...
    @property
    def running_pumps(self) -> frozenset[int]: ...
    @property
    def failed_pumps(self) -> set[int]: ...
    @property
    def pump_running_s(self) -> Mapping[int, float]: ...
    @property
    def leaks(self) -> set[str]: ...

    def pump_rpm(self, pump: int) -> int: ...


def cdu_registers(
    model: CduState, serial: str = "RPU00000SIM", state: Callable[[], object] | None = None
) -> MappedRegisters:
    """The unit's registers, computed from `model` for each request, or when `state` has changed (see `MappedRegisters`).

    A serial number has 16 characters at most.
    """
    blocks = {at: 0 for first, length in _BLOCKS for at in range(first, first + length)}
    for first, (value, length) in {**_IDENTITY, _SERIAL: (serial, 8)}.items():
        blocks |= _at(first, text(value, length))

    def snapshot() -> dict[int, int]:
        return blocks | _pump_unit(model) | _heat_exchanger(model) | _alarms(model)

    return MappedRegisters(snapshot, state=state)


def _at(first: int, values: list[int]) -> dict[int, int]:
    return dict(enumerate(values, first))


def _pump_unit(model: CduState) -> dict[int, int]:
    heat_high, heat_low = words("I", round(model.heat_w / 0.1))
    registers = {
        0x9000: SENSOR_FAILED if model.flow_meter_failed else scaled(model.flow_lpm, 0.1),
        0x9001: scaled(model.supply_c, 0.1),
        0x9002: scaled(model.return_c, 0.1),
        0x9003: scaled(model.supply_pressure_pa / 1000, 0.1),
        0x9004: scaled(model.return_pressure_pa / 1000, 0.1),
        0x9005: scaled(model.pump_power_w, 0.1),
        # The two published maps disagree on the total; this follows the register's name.
        0x9006: scaled(model.pump_power_w + model.fan_power_w, 0.1),
        0x9007: scaled(_SUPPLY_VOLTS, 0.1),
        0x9008: scaled(model.air_inlet_c, 0.1),
        0x9009: scaled(100 * model.duty) if model.running_pumps else 0,
        0x900E: 0b11,  # not read by the profile; a plausible constant
        0x900F: _CONTROLLER_FAN_RPM[0],
        0x9010: _CONTROLLER_FAN_RPM[1],
        # The heat needs 32 bits; the map has its high word at an address of its own, far from the low one.
        0x9011: heat_low,
        0xA034: heat_high,
        0xA020: scaled((model.return_pressure_pa + model.filter_pa) / 1000, 0.1),
        0xA021: scaled(model.return_pressure_pa / 1000, 0.1),
        0x9017: _leds(model),
        0x9400: scaled(model.target_flow_lpm, 0.1),
        0x9401: scaled(SUPPLY_SETPOINT_C, 0.1),
        0x9402: 168,  # not read by the profile; a plausible constant
        0x9403: scaled(100 * RATED_DUTY),
        0x9404: 60,  # not read by the profile; a plausible constant
    }
    for index, pump in enumerate(PUMPS):
        registers[0x900A + index] = model.pump_rpm(pump)
        registers[0x9012 + index] = _pump_status(model, pump)
        registers |= _at(0x9030 + 2 * index, words("I", int(model.pump_running_s[pump])))
    return (
        registers | _at(0x19EC, words("I", int(model.pump_running_s[1]))) | _at(0x19EF, words("I", int(model.time_s)))
    )


def _pump_status(model: CduState, pump: int) -> int:
    if pump in model.failed_pumps:
        return _ABNORMAL
    return _RUNNING if pump in model.running_pumps else _STANDBY


def _heat_exchanger(model: CduState) -> dict[int, int]:
    outlet, inlet = model.air_outlet_c, model.air_inlet_c
    return {
        0x9100: scaled(100 * model.fan_duty),
        0x9101: scaled(model.fan_power_w, 0.1),
        0x9102: _FAN_VOLTS,
        0x9103: scaled(model.fan_power_w / _FAN_VOLTS),
        # Ten fans never turn at exactly the same speed; equal values would hide a mapping that mixes them up.
        **{0x9104 + fan: round(_MAX_FAN_RPM * model.fan_duty) + 7 * fan for fan in range(10)},
        0x910E: scaled(outlet, 0.1),
        0x910F: scaled(outlet + 0.3, 0.1),
        0x9110: scaled(inlet, 0.1),
        0x9111: scaled(inlet + 0.2, 0.1),
        0x9112: scaled(model.return_c - 0.2, 0.1),
        0x9114: scaled(model.filter_pa / 1000, 0.1),
        0x9115: scaled(model.return_pressure_pa / 1000, 0.1),
    }


def _alarms(model: CduState) -> dict[int, int]:
    status = (
        int(model.reservoir_low)
        | (model.supply_c > SUPPLY_SETPOINT_C + _SUPPLY_ALARM_ABOVE_SETPOINT_K) << 1
        | (model.return_c > _RETURN_ALARM_C) << 2
        | bool(model.failed_pumps) << 6
    )
    # `leaks` before `leaks_seen`: a state may notice only while it is read which detectors are wet (`CduFromReadings.leaks`).
    leaks = sum(1 << LEAK_BITS[detector] for detector in model.leaks)
    sticky = [int(detector in model.leaks_seen) for detector in _STICKY_LEAKS]
    return {0x9200: model.flow_meter_failed << 4, 0x9201: status, 0x9202: leaks, **_at(0x19A1, sticky)}


def _leds(model: CduState) -> int:
    fault = bool(model.failed_pumps) or model.flow_meter_failed
    return int(model.reservoir_low) | bool(model.leaks) << 2 | fault << 3 | 1 << 4
