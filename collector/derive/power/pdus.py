"""What a rack PDU or power shelf carries: power, and currents by the phases of its supply.

PDUs name their own phases L1 to L3 in the order in which they are connected; the site file says to which phases of the supply. All
figures above the PDU are by the phase of the supply. A power shelf is usually measured by a meter in its tap-off box, a device
of class `meter`: `Pdu.read_from` names that device, and its metrics are those of a meter.
"""

from collector.derive.engine import Planner
from rackflow.site import Pdu, PowerShelf

_CURRENT, _VOLTAGE = "dcim_pdu_phase_current_amperes", "dcim_pdu_phase_voltage_volts"
_METER_CURRENT, _METER_VOLTAGE = "dcim_meter_current_amperes", "dcim_meter_voltage_volts"
_POWERS = ("dcim_pdu_input_power_watts", "dcim_pdu_phase_power_watts")
_METER_POWERS = ("dcim_meter_power_watts", "dcim_meter_phase_power_watts")


def device_power(planner: Planner, pdu: Pdu) -> int:
    """Slot of the power of a PDU, W: its own total, or the sum of its phases if the total is absent or not trusted."""
    metrics = _METER_POWERS if _is_metered(planner, pdu) else _POWERS
    ways = [planner.sum_of(pdu.read_from, metric) for metric in metrics if planner.has(pdu.read_from, metric)]
    return planner.first(*ways) if ways else planner.reading(pdu.read_from, metrics[0])


def supply_phases(planner: Planner, pdu: Pdu) -> dict[str, str]:
    """Phase of the supply -> the PDU's own name for it, in the order of connection."""
    own = planner.values_of(pdu.read_from, _METER_CURRENT if _is_metered(planner, pdu) else _CURRENT, "phase")
    if len(own) < len(pdu.phases):  # not all phases received yet: the usual names are missing until they come
        own = ["L1", "L2", "L3"]
    return dict(zip(pdu.phases, own, strict=False))


def phase_current(planner: Planner, pdu: Pdu, own: str) -> int:
    """Slot of the current of a phase, A; `own` is the PDU's name for it. A single-phase PDU may state only its input current."""
    device = pdu.read_from
    if _is_metered(planner, pdu):
        return planner.sum_of(device, _METER_CURRENT, phase=own)
    if (
        len(pdu.phases) == 1
        and not planner.has(device, _CURRENT)
        and planner.has(device, "dcim_pdu_input_current_amperes")
    ):
        return planner.sum_of(device, "dcim_pdu_input_current_amperes")
    return planner.sum_of(device, _CURRENT, phase=own)


def phase_voltages(planner: Planner, pdu: Pdu, own: str) -> list[int]:
    """Slots of the voltages that are measured on a phase, V."""
    return planner.each(pdu.read_from, _METER_VOLTAGE if _is_metered(planner, pdu) else _VOLTAGE, phase=own)


def _is_metered(planner: Planner, pdu: Pdu) -> bool:
    """Whether the PDU is read by the metrics of a meter. A shelf with a meter of its own is, even before the first reading."""
    if planner.has(pdu.read_from, _CURRENT) or planner.has(pdu.read_from, _POWERS[0]):
        return False
    named = isinstance(pdu, PowerShelf) and pdu.read_from != pdu.id
    return named or planner.has(pdu.read_from, _METER_CURRENT) or planner.has(pdu.read_from, _METER_POWERS[0])
