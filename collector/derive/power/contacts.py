"""Faults that generators and plant report by a dry contact, wired to an input of a device that is polled."""

from collector.derive.engine import Planner
from rackflow.site import Contact

_CONTACT = "dcim_env_contact_active"


def plan_fault(planner: Planner, unit: str, contact: Contact | None) -> int:
    """Publish whether the unit reports a fault, and return the slot: 1 while it does. Without a contact the unit counts as healthy."""
    if contact is None:
        return planner.step((), lambda: 0.0)
    slots = planner.each(contact.device, _CONTACT, sensor=contact.sensor)
    fault = slots[0] if slots else planner.reading(contact.device, _CONTACT, sensor=contact.sensor)
    planner.publish("dcim_plant_unit_fault", fault, ("unit", unit))
    return fault
