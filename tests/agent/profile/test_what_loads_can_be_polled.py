"""Whatever a profile says: it is refused when it is loaded, or it can be planned and polled, whatever the device answers."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.profile import Profile, RawValue, normalise_answers, parse_profile, plan_device, planning_instances
from rackflow.errors import ProfileError
from tests.agent.odd_values import ODD

OID = "1.3.6.1.4.1.9.1.0"
PLACES: dict[str, dict[str, object]] = {"snmp": {"oid": OID}, "modbus": {"register": 10}}
METRICS: list[dict[str, object]] = [
    {"metric": "dcim_cdu_supply_temperature_celsius", "labels": {"loop": "primary"}, "unit": "celsius"},
    {"metric": "dcim_cdu_pump_state", "labels": {"pump": "1"}, "states": {0: "stopped", 1: "running"}},
    {"metric": "dcim_cdu_leak_detected", "labels": {"detector": "1"}},
]


def features(place: dict[str, object]) -> list[dict[str, object]]:
    """What may be added to a point; each is sound with some of the points, and few with all."""
    part = {**place, "unit": "celsius"}
    return [
        {"gate": {**place, "in": [0, 1], "missing": [2]}},
        {"gate": {**place, "bit": [1, 3], "in": [0, 3], "optional": True}},
        {"gate": {"column": "1.3.6.1.4.1.9.2", "in": [1]}},
        {"when": {**place, "in": [1, "a"]}},
        {"when": [{**place, "between": [[0, 5], [20, 30]]}, {**place, "bit": 0, "in": [0], "optional": True}]},
        {"when": {"index": -1, "in": [5]}},
        {"when": {**place, "contains": ["a"]}},
        {"unit": "", "unit_by": {**place, "map": {0: "celsius", 1: "fahrenheit"}}},
        {"unit": "", "unit_by": {**place, "bit": 3, "map": {0: "celsius", 1: "kelvin"}}},
        {"plus": [part]},
        {"minus": [{**part, "unit": "kelvin", "absent": [[1, 5]]}, {**part, "numbers": {1: 20}, "unit": ""}]},
        {"fallback": [{**part, "scale": "1/3"}]},
        {"fallback": [{**part, "expect": [0, 50], "plus": [part]}]},
        {"absent": [0, [20, 30], -1]},
        {"absent": [65535]},
        {"shift": -5, "scale": 0.1},
        {"expect": [10, 40], "absolute": True},
        {"bit": 3},
        {"bit": [0, 2], "states": {0: "stopped", 3: "running"}},
        {"bit": 0, "inverted": True},
        {"numbers": {1: 0, 2: 1}},
        {"type": "float32"},
        {"type": "int32", "order": "little"},
        {"high": 12},
        {"table": "coil"},
        {"decimals": "1.3.6.1.4.1.9.3"},
        {"text": "quantity"},
        {"words": {"a": 1, "*": 0}},
        {"bits": {0: {"pump": "1"}, 3: {"pump": "2"}}, "labels": {}},
        {"repeat": {"pump": "1-3"}, "labels": {}, "step": 2},
        {"repeat": {"detector": "1-20"}, "labels": {}, "bit": 1, "bit_step": 3},
        {
            "cases": [{**place, "bit": 3, "is": 1}, {**place, "between": [[5, 30]], "is": 0}, {"is": 1}],
            **dict.fromkeys(place),
        },
        {"cases": [{**place, "in": [1, 2], "is": "running"}, {"is": "stopped"}], "states": {}, **dict.fromkeys(place)},
    ]


@st.composite
def drawn_points(draw: st.DrawFn, protocol: str) -> dict[str, object]:
    """A point of a sound profile with up to three features."""
    place = PLACES[protocol]
    point = {**draw(st.sampled_from(METRICS)), **place}
    for feature in draw(st.lists(st.sampled_from(features(place)), max_size=3)):
        point |= feature
    return {key: value for key, value in point.items() if value is not None}


ANSWERS = st.sampled_from([0, 1, 2, 20, 65535, 25.5, -1, *ODD])


@pytest.mark.parametrize(("protocol", "in_table"), [("snmp", False), ("snmp", True), ("modbus", False)])
@given(data=st.data())
def test_a_profile_is_refused_or_can_be_polled(protocol: str, in_table: bool, data: st.DataObject) -> None:  # noqa: FBT001 - a parameter
    profile = loaded(protocol, data.draw(drawn_points(protocol)), in_table=in_table)
    if profile is None:
        return
    answers: list[RawValue] = data.draw(st.lists(ANSWERS, min_size=6, max_size=6))
    instances = planning_instances(profile)
    columns = [f"1.3.6.1.4.1.9.{column}.5" for column in (2, 3)]
    cells = {ref: answers[at % 6] for at, ref in enumerate([*instances, *columns])}
    plan = plan_device(profile, {"rows": ["5"]}, cells, None)
    for part in plan.classes.values():
        refs = [*part.oids, *(each.ref for block in part.blocks for each in block.fields)]
        raw = {ref: answers[at % 6] for at, ref in enumerate(refs)}
        readings = normalise_answers(part.slots, raw)
        assert readings.values.keys() | readings.states.keys() | readings.bad.keys() <= {
            slot.key for slot in part.slots
        }


def loaded(protocol: str, point: dict[str, object], *, in_table: bool) -> Profile | None:
    """The profile with this point, or None if it is refused."""
    whole: dict[str, object] = {
        "version": 1,
        "profile": "odd",
        "class": "cdu",
        "protocol": protocol,
        "title": "t",
        "source": "s",
    }
    whole |= {"evidence": "unverified", "recognise": {"probes": [OID]} if protocol == "snmp" else {}}
    table = {"name": "rows", "rows": "1.3.6.1.4.1.9.2", "points": [point]}
    whole |= {"tables": [table]} if in_table else {"points": [point]}
    with contextlib.suppress(ProfileError):
        return parse_profile(json.dumps(whole), "odd.yaml")
    return None
