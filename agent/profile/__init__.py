"""Device profiles: one YAML file per device family, and the conversion of raw answers to readings. The only I/O is reading the files.

In the order in which a device meets them:

| package | in | out |
|---|---|---|
| `schema` | | the models of what a profile may contain, on which the next three stand |
| `loading` | YAML files | checked profiles |
| `recognise` (a module) | a device's answers to probes | the profiles that fit it, with scores |
| `planning` | a profile, the device's rows and some of its cells | its series (slots), and the requests for them: a plan |
| `normalising` | a poll's raw answers and the plan's slots | values, states, and rejections with their reasons |

A *point* is a metric and its *sources*; a source is a *place* (OID, column or register) and what its number means. A *decoder* is a source
worked out for one row, a *slot* one series of one device with its decoders. A *ref* names an instance or register. *Planning cells* are
read to make a plan; *planned cells* are those that the finished plan depends on, and are read again while it is used. Functions called
`..._steps` are generators that pause after each slice.
"""

from agent.profile.loading import AUTO, Families, extends, load_profiles, parse_file, parse_profile
from agent.profile.normalising import (
    MAX_TEXT,
    SLOTS_PER_SLICE,
    Decoder,
    RawValue,
    Slot,
    normalise_answers,
    normalise_steps,
    number_in,
    plain_number,
    plain_text,
    slot_of,
)
from agent.profile.planning import (
    AMBIGUOUS,
    MAX_SERIES,
    ClassPlan,
    Family,
    Plan,
    PlanCache,
    PlannedCell,
    Use,
    columns_beside,
    entry_of,
    is_measuring,
    is_use_ref,
    note_use_steps,
    plan_device,
    plan_steps,
    planning_columns,
    planning_instances,
    planning_registers,
    refs_of,
    shows_another_scale,
    trim_steps,
    watched_registers,
)
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
from agent.profile.schema import (
    DEVICE_CLASSES,
    IdentitySource,
    Profile,
    RegisterProbe,
    Table,
    readable_ref,
    schema_text,
)

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
    "trim_steps",
    "watched_registers",
]
