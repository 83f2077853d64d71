"""Device profiles: one YAML file per device family, and the conversion of raw answers to readings. The only I/O is reading the files.

`schema` defines what a profile may contain, `load` reads it and checks it against the catalogue, `recognise` picks the profile that
fits a device, `planning` works out its series and the requests for them (a `plan`), `normalise` converts the answers.

A *point* is a metric and its *sources*; a source is a *place* (OID, column or register) and what its number means. A *decoder* is a source
worked out for one row, a *slot* one series of one device with its decoders. A *ref* names an instance or register. *Planning cells* are
read to make a plan; *planned cells* are those that the finished plan depends on, and are read again while it is used. Functions called
`..._steps` are generators that pause after each slice.
"""

from agent.profile.cells import MAX_TEXT, RawValue, plain_number, plain_text
from agent.profile.families import AUTO, Families
from agent.profile.in_use import Use, is_measuring, is_use_ref, note_use_steps, shows_another_scale
from agent.profile.load import extends, load_profiles, parse_file, parse_profile
from agent.profile.normalise import SLOTS_PER_SLICE, Decoder, Slot, normalise_answers, normalise_steps, slot_of
from agent.profile.plan import ClassPlan, Plan, PlannedCell, refs_of
from agent.profile.plan_builder import MAX_SERIES
from agent.profile.plan_cache import Family, PlanCache
from agent.profile.planning import plan_device, plan_steps
from agent.profile.planning_cells import (
    AMBIGUOUS,
    columns_beside,
    entry_of,
    planning_columns,
    planning_instances,
    planning_registers,
    watched_registers,
)
from agent.profile.quantity import number_in
from agent.profile.recognise import (
    PROBE_SCORE,
    SYS_DESCR,
    SYS_NAME,
    SYS_OBJECT_ID,
    SYS_UPTIME,
    Match,
    families_named_by_identity,
    matches,
    oid_parts,
    probe_oids,
    probe_roots,
    probe_rounds,
    subtree_key,
)
from agent.profile.reference import schema_text
from agent.profile.registers import readable_ref
from agent.profile.schema import DEVICE_CLASSES, IdentitySource, Profile, RegisterProbe, Table
from agent.profile.trim import trim_plan, trim_steps

__all__ = [
    "AMBIGUOUS",
    "AUTO",
    "DEVICE_CLASSES",
    "MAX_SERIES",
    "MAX_TEXT",
    "PROBE_SCORE",
    "SLOTS_PER_SLICE",
    "SYS_DESCR",
    "SYS_NAME",
    "SYS_OBJECT_ID",
    "SYS_UPTIME",
    "ClassPlan",
    "Decoder",
    "Families",
    "Family",
    "IdentitySource",
    "Match",
    "Plan",
    "PlanCache",
    "PlannedCell",
    "Profile",
    "RawValue",
    "RegisterProbe",
    "Slot",
    "Table",
    "Use",
    "columns_beside",
    "entry_of",
    "extends",
    "families_named_by_identity",
    "is_measuring",
    "is_use_ref",
    "load_profiles",
    "matches",
    "normalise_answers",
    "normalise_steps",
    "note_use_steps",
    "number_in",
    "oid_parts",
    "parse_file",
    "parse_profile",
    "plain_number",
    "plain_text",
    "plan_device",
    "plan_steps",
    "planning_columns",
    "planning_instances",
    "planning_registers",
    "probe_oids",
    "probe_roots",
    "probe_rounds",
    "readable_ref",
    "refs_of",
    "schema_text",
    "shows_another_scale",
    "slot_of",
    "subtree_key",
    "trim_plan",
    "trim_steps",
    "watched_registers",
]
