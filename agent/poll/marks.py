"""Puts readings that an SNMP poll could not make into `bad`, with the reason. No I/O."""

from collections.abc import Collection

from agent.profile import ClassPlan
from agent.readings import Readings


def mark_cut(part: ClassPlan, readings: Readings) -> None:
    """Report in `bad` each metric that has more rows than are polled. The key has no labels, because those rows were not read."""
    for metric in part.cut:
        if metric not in readings.values and metric not in readings.states:
            readings.bad[metric] = "limit"


def mark_unconfirmed(part: ClassPlan, refs: Collection[str], readings: Readings) -> None:
    """Reject the readings of these references: the cells that give their scale could not be read."""
    for slot in part.slots:
        if any(ref in refs for decoder in slot.decoders for ref in decoder.refs):
            readings.values.pop(slot.key, None)
            readings.bad[slot.key] = "replanning"
