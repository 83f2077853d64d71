"""Polls one device: opens it (connect, recognise, identify, plan), polls a class, and adds the figures derived from one poll.

Begin with `seam` (`DevicePoller`) and its two implementations, `snmp` and `modbus`; `factory` makes them. `probe_snmp` and `probe_modbus`
recognise a device, `tables`, `scalars` and `uptime` read one over SNMP. `derive` adds figures. `jumps`, `planned_cells` and the package
`checks` (readings that contradict each other), for Modbus also `word_order` and `register_fit`, reject readings whose scale, unit or
meaning may be wrong. `plans` and `per_plan` share work between equal devices. `barrier` turns an unexpected error into a failed poll.

* What a device is: `identity`, and for Modbus `unit_identity`; `fingerprint` and `address_conflict` notice that another one answers.
  `own_rows` leaves out those of other units.
* When it is planned or opened again: `replanning`, after the time that `plan_age` gives it; `pace` limits how many are opened at once.
* In a poll: `sliced` makes readings of answers, `shown_scales` believes a scale once answers have shown it, `not_now` knows what a Modbus
  unit does not give at present, `halves` whether two registers of one number belong together, `leak_detectors` reports those without a
  reading (`kept_detectors` saves them for the next start), `marks` puts into `bad` what an SNMP poll could not read, `series_count` counts
  series.

What is kept of each device, and is empty for nearly all of them, is a `dict[str, None]` where it could be a set: empty, it takes 64 bytes
and not 216, and an agent has thousands of devices.
"""

from agent.poll.barrier import DeviceBarrier
from agent.poll.factory import PollerFactory, check_profile, credential_of, snmp_target, unknown_profile
from agent.poll.identity import identify_modbus, identify_snmp, printable
from agent.poll.kept_detectors import KeptDetectors, detectors_file
from agent.poll.modbus import ModbusPoller
from agent.poll.own_rows import units_beside, units_by_place
from agent.poll.pace import OpeningPace
from agent.poll.plans import SharedPlans
from agent.poll.probe_modbus import recognise_unit
from agent.poll.probe_snmp import recognise_device
from agent.poll.seam import DevicePoller
from agent.poll.snmp import BOOT_METRIC, SnmpPoller

__all__ = [
    "BOOT_METRIC",
    "DeviceBarrier",
    "DevicePoller",
    "KeptDetectors",
    "ModbusPoller",
    "OpeningPace",
    "PollerFactory",
    "SharedPlans",
    "SnmpPoller",
    "check_profile",
    "credential_of",
    "detectors_file",
    "identify_modbus",
    "identify_snmp",
    "printable",
    "recognise_device",
    "recognise_unit",
    "snmp_target",
    "units_beside",
    "units_by_place",
    "unknown_profile",
]
