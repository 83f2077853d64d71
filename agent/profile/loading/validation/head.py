"""Faults of a profile's head: how it is recognised and identified, its coolants, its limits of requests."""

from collections.abc import Iterator

from agent.modbus import words_of
from agent.profile.loading.expand import MAX_POINTS
from agent.profile.loading.validation.fault import Fault
from agent.profile.loading.validation.places import extent_faults
from agent.profile.schema import IdentitySource, Profile
from rackflow.fluids import fluid_hint, fluid_of


def head_faults(profile: Profile) -> Iterator[Fault]:
    """Faults of everything above the points and tables."""
    if not profile.points and not profile.tables:
        yield (), "has neither points nor tables"
    if len(profile.points) > MAX_POINTS:
        yield ("points",), f"points: {len(profile.points)} with repetitions, more than {MAX_POINTS}; split the profile"
    for loop, fluid in profile.coolant.items():
        if fluid_of(fluid) is None:
            yield ("coolant", loop), f"coolant: {fluid!r} is not known; {fluid_hint(fluid)}"
    yield from _snmp_head_faults(profile) if profile.protocol == "snmp" else _modbus_head_faults(profile)
    for name in ("vendor", "model", "serial", "firmware"):
        for at, source in enumerate(getattr(profile.identity, name)):
            for fault in _identity_faults(profile, source):
                yield ("identity", name, at), f"identity.{name}: {fault}"


def _snmp_head_faults(profile: Profile) -> Iterator[Fault]:
    rules = profile.recognise
    # A sysObjectID alone would claim every device with the same management card.
    if not (rules.probes or rules.subtrees or (rules.sysobjectid and rules.sysdescr)):
        yield (
            ("recognise",),
            "recognise: an SNMP profile needs a probe or a subtree, or else both sysobjectid and sysdescr",
        )
    if rules.registers:
        yield ("recognise", "registers"), "recognise: registers belong to Modbus; SNMP has probes and subtrees"
    if "modbus" in profile.model_fields_set:
        yield ("modbus",), "modbus: the profile's protocol is snmp; remove it"


def _modbus_head_faults(profile: Profile) -> Iterator[Fault]:
    if profile.tables:
        yield ("tables",), "tables: belong to SNMP; a Modbus profile lists points, with repeat for equal ones"
    for name in ("sysobjectid", "sysdescr", "probes", "subtrees", "refuse"):
        if getattr(profile.recognise, name):
            yield ("recognise", name), f"recognise: {name} belongs to SNMP; Modbus has registers"
    for name in ("marker", "max_varbinds"):
        if name in profile.model_fields_set and getattr(profile, name) not in (None, []):
            yield (name,), f"{name}: belongs to SNMP; remove it"
    for at, probe in enumerate(profile.recognise.registers):
        table = probe.table or profile.modbus.table
        for fault in extent_faults(profile, table, probe.register_, probe.words):
            yield ("recognise", "registers", at), f"recognise: {fault}"


def _identity_faults(profile: Profile, source: IdentitySource) -> Iterator[str]:
    given = source.model_fields_set
    if profile.protocol == "snmp":
        if wrong := sorted(given & {"register_", "table", "words", "type"}):
            yield f"{wrong[0].rstrip('_')} belongs to Modbus; SNMP has oid"
    elif wrong := sorted(given & {"oid", "after"}):
        yield f"{wrong[0]} belongs to SNMP; Modbus has register"
    elif source.register_ is not None:
        table = source.table or profile.modbus.table
        yield from extent_faults(profile, table, source.register_, words_of(source.type, source.words))
