"""Reads profiles from their YAML files and checks them. Reading the files is the only I/O of `agent.profile`.

| module | what |
|---|---|
| `load` | reads a file, combines its profile with the one that it extends; parses the head first, the rest when a device needs it |
| `expand` | writes out the short forms of Modbus: `repeat`, defaults of registers |
| `validation` | refuses whatever protocol, registers or catalogue do not allow, with its place in the file |
| `heads` | the heads of shipped profiles from heads.json, which is quicker |
| `families` | the profiles that a running agent knows; a reload replaces all or none |
"""

from agent.profile.loading.families import AUTO, Families
from agent.profile.loading.load import extends, load_profiles, parse_file, parse_profile

__all__ = ["AUTO", "Families", "extends", "load_profiles", "parse_file", "parse_profile"]
