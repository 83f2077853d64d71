"""Finds UPSs and PDUs of which nobody has said what feeds them.

A lost feed is recognised by the label `feed` of what falls silent or goes on battery. Without it half a hall that goes dark is a list of
devices that do not answer, after two minutes and as warnings: nobody is called.
"""

from collections.abc import Mapping
from typing import Final

from agent.config import AgentConfig
from agent.profile import Profile
from rackflow.plural import count_of, first_of

# The least devices of which a lost feed is recognised (`DcimFeedLost`); a smaller agent lacks nothing.
LEAST: Final = 4
# Devices that are named; the rest is only counted.
SHOWN: Final = 5
_POWERED: Final = ("ups", "pdu")


def without_feed(config: AgentConfig, profiles: Mapping[str, Profile]) -> str:
    """The UPSs and PDUs without a feed, in words; empty if they are few, or if a site file says where everything hangs.

    Of a device whose family is recognised by its answers (`profile: auto`) it is not known what it is.
    """
    if config.site_file is not None:
        return ""
    missing = [
        each.id
        for each in config.devices
        if each.enabled
        and (profile := profiles.get(each.profile)) is not None
        and profile.class_ in _POWERED
        and "feed" not in config.labels_of(each)
    ]
    if len(missing) < LEAST:
        return ""
    return (
        f"{count_of(len(missing), 'device')} of the power path have no feed: {first_of(missing, SHOWN)};"
        " that a feed is lost cannot be recognised, and nobody is called for it:"
        " write `feed` into the labels of each UPS and PDU, or use a site file"
    )
