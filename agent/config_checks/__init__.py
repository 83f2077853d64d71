"""Finds what is wrong with a configuration although each of its keys is right. `run`, `check` and `doctor` report it.

* `libraries`: a device needs a library that is not installed.
* `same_address`: two entries ask one device, whose readings are then counted twice, or open one line in two ways.
* `outage`: how long the collector may be away before messages are lost.
* `no_feed`: nobody has said what feeds the UPSs and PDUs, so that a lost feed is not recognised.
* `ratings`: a device is not in the site file, or contradicts its rating there, mostly by a slip of a unit.

Keys and profiles are checked in `agent/config.py` and `agent/config_file.py`; whether a second agent has this one's name, which only the
broker knows, in `agent/name_in_use.py`. A new check goes here if it needs the configuration, and a device at most.
"""

from agent.config_checks.libraries import missing_libraries
from agent.config_checks.no_feed import without_feed
from agent.config_checks.outage import estimate_outage
from agent.config_checks.ratings import contradicted_rating, not_in_site, site_of
from agent.config_checks.same_address import tell_same_addresses

__all__ = [
    "contradicted_rating",
    "estimate_outage",
    "missing_libraries",
    "not_in_site",
    "site_of",
    "tell_same_addresses",
    "without_feed",
]
