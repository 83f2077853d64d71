"""Commands for adding devices: discover, walk, draft, replay and read.

They use the same code as a running agent (agent/poll), so that what they show is what will be published.

* Commands: `commands`, `commands_discover`, `commands_modbus` and `commands_site`; `target` chooses their credentials, `contained` is their
  barrier.
* Find devices: `discover`, then `reconcile` with those that are configured; `found_output` shows them. `tables` reads devices from a
  spreadsheet, `silence` explains why one does not answer.
* Record a device: `walk_snmp`, from whose records `redact_snmp` takes what is private, and `walk_modbus`, which does both. `replay` polls a
  recording, `read` a live device. `output` shows readings, in the units of `people`.
* Draft a profile: `draft`, with `draft_mib` (by `mib`, which reads MIBs) and `draft_modbus`.
"""

from agent.lab.commands import add_profiles, add_walk
from agent.lab.commands_discover import add_discover
from agent.lab.commands_site import add_site
from agent.lab.output import Output, nothing_there, render
from agent.lab.read import read_device
from agent.lab.replay import replay_modbus, replay_snmp
from agent.lab.silence import explanation
from agent.lab.target import name_of

__all__ = [
    "Output",
    "add_discover",
    "add_profiles",
    "add_site",
    "add_walk",
    "explanation",
    "name_of",
    "nothing_there",
    "read_device",
    "render",
    "replay_modbus",
    "replay_snmp",
]
