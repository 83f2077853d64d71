"""The site file: which feed supplies which rack, what cools it, and what each meter counts.

One YAML file becomes a `Site` with lookups that never changes. Agent, collector and simulator share it, so that all three agree
on the place, feed and loop of every device.

* The file: `file` has its models, with the sections in `power`, `cooling` and `section` (what all of them share); `quantity` their units,
  `vocabulary` the keys of other tools.
* Reading it: `load` makes a `Site` of it (`topology`: paths of power and liquid, places, labels). `check` and `check_plant` refuse what
  contradicts itself; `idle` finds paths that the file leaves out.
* `metering` decides which meters are added up.
"""

from rackflow.coolant import Coolant
from rackflow.site.cooling import AirGroup, AirUnit, Cdu, Chiller, DryCooler, FacilityPump, Loop, Plant
from rackflow.site.file import Contract, Electrical, Grid, Meter, Monitor, Rack, Room, Row, Sensor, SiteFile
from rackflow.site.idle import idle_supplies, idle_supplies_of
from rackflow.site.load import load_site, parse_site
from rackflow.site.metering import facility_meters, without_overlap
from rackflow.site.power import (
    Battery,
    BreakerCurve,
    Busway,
    Feed,
    Generator,
    Panel,
    Pdu,
    PowerShelf,
    SwitchInput,
    TransferSwitch,
    Ups,
)
from rackflow.site.quantity import comma_fault
from rackflow.site.section import Contact, Placed, Section
from rackflow.site.topology import FeedPath, Site

__all__ = [
    "AirGroup",
    "AirUnit",
    "Battery",
    "BreakerCurve",
    "Busway",
    "Cdu",
    "Chiller",
    "Contact",
    "Contract",
    "Coolant",
    "DryCooler",
    "Electrical",
    "FacilityPump",
    "Feed",
    "FeedPath",
    "Generator",
    "Grid",
    "Loop",
    "Meter",
    "Monitor",
    "Panel",
    "Pdu",
    "Placed",
    "Plant",
    "PowerShelf",
    "Rack",
    "Room",
    "Row",
    "Section",
    "Sensor",
    "Site",
    "SiteFile",
    "SwitchInput",
    "TransferSwitch",
    "Ups",
    "comma_fault",
    "facility_meters",
    "idle_supplies",
    "idle_supplies_of",
    "load_site",
    "parse_site",
    "without_overlap",
]
