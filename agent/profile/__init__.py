""""""

from agent.profile.load import load_profiles, parse_profile
from agent.profile.normalise import RawValue, Slot, normalise, plain_number
from agent.profile.plan import ClassPlan, Plan, plan_device, without
from agent.profile.recognise import (
    PROBE_SCORE,
    SYS_DESCR,
    SYS_OBJECT_ID,
    SYS_UPTIME,
    Match,
    matches,
    numbers,
    probe_oids,
    roots,
    rounds,
    subtree_answer,
    suspects,
)
from agent.profile.rows import planning_columns, planning_instances
from agent.profile.schema import IdentitySource, Profile, RegisterProbe, Table

__all__ = [
    "ClassPlan",
    "IdentitySource",
    "Match",
    "PROBE_SCORE",
    "Plan",
    "Profile",
    "RawValue",
    "RegisterProbe",
    "SYS_DESCR",
    "SYS_OBJECT_ID",
    "SYS_UPTIME",
    "Slot",
    "Table",
    "load_profiles",
    "matches",
    "normalise",
    "numbers",
    "parse_profile",
    "plain_number",
    "plan_device",
    "planning_columns",
    "planning_instances",
    "probe_oids",
    "roots",
    "rounds",
    "subtree_answer",
    "suspects",
    "without",
]
