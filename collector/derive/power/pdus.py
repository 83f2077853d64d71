"""What a rack PDU carries: power, and currents by the phases of its supply.

PDUs name their own phases L1 to L3 in the order in which they are connected; the site file says to which phases of the supply. All
figures above the PDU are by the phase of the supply.
"""

from collector.derive.engine import Planner
from rackflow.site import Pdu


def device_power(planner: Planner, pdu: str) -> int:
    """Slot of the power of a PDU, W: its own total, or the sum of its phases if the total is absent or not trusted."""
    ways = [
        planner.sum_of(pdu, metric)
        for metric in ("dcim_pdu_input_power_watts", "dcim_pdu_phase_power_watts")
        if planner.has(pdu, metric)
    ]
    return planner.first(*ways) if ways else planner.reading(pdu, "dcim_pdu_input_power_watts")


def supply_phases(planner: Planner, pdu: Pdu) -> dict[str, str]:
    """Phase of the supply -> the PDU's own name for it, in the order of connection."""
    own = planner.values_of(pdu.id, "dcim_pdu_phase_current_amperes", "phase")
    if len(own) < len(pdu.phases):  # not all phases received yet: the usual names are missing until they come
        own = ["L1", "L2", "L3"]
    return dict(zip(pdu.phases, own, strict=False))


def phase_current(planner: Planner, pdu: Pdu, own: str) -> int:
    """Slot of the current of a phase, A; `own` is the PDU's name for it. A single-phase PDU may state only its input current."""
    metric = "dcim_pdu_phase_current_amperes"
    if (
        len(pdu.phases) == 1
        and not planner.has(pdu.id, metric)
        and planner.has(pdu.id, "dcim_pdu_input_current_amperes")
    ):
        return planner.sum_of(pdu.id, "dcim_pdu_input_current_amperes")
    return planner.sum_of(pdu.id, metric, phase=own)
