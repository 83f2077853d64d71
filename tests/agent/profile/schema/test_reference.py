"""The reference of profiles has exactly the keys of the models, and editors get the same rules."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from pydantic import BaseModel

from agent.cli import main
from agent.profile.schema import Profile
from agent.profile.schema.reference import SECTIONS, all_keys, editor_schema, examples, own_keys
from rackflow.process.key_types import models_in
from rackflow.process.yaml import load_yaml_text

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "profiles.md"


def reached(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, str]]:
    """Every key that a file may have, by the model that adds it."""
    if model in seen:
        return
    seen.add(model)
    for each in model.__mro__:
        if issubclass(each, BaseModel):
            yield from ((each.__name__, key) for key in own_keys(each))
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            yield from reached(inner, seen)


def test_the_reference_lists_exactly_the_keys_of_the_models() -> None:
    assert all_keys() == set(reached(Profile, set()))
    page = PAGE.read_text(encoding="utf-8")
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")}
    for heading, _, models in SECTIONS:
        rows = {line.split("`")[1] for line in parts[heading].splitlines() if line.startswith("| `")}
        assert rows == {key for model in models for key in own_keys(model)}, heading


def test_each_key_has_an_example_from_a_shipped_profile() -> None:
    found = examples()
    assert all_keys() == set(found)
    shipped = {entry.name.removesuffix(".yaml") for entry in files("agent").joinpath("profiles").iterdir()}
    for text in found.values():
        assert text.rpartition("(")[2].removesuffix(")") in shipped


def test_word_orders_are_shown_with_their_registers() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "| `little-swapped` | CDAB | 0xe979 | 0x42f6 |" in page
    assert "| `big-swapped` | BADC | 0xf642 | 0x79e9 |" in page


def test_shipped_profiles_fit_the_schema_for_editors_and_slips_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    committed = Path(__file__).parents[4] / "rackflow" / "schema" / "profile.json"
    assert schema == json.loads(committed.read_text(encoding="utf-8"))
    check = jsonschema.Draft202012Validator(schema)
    raw = {}
    for name in ("in-rack-cdu-150kw", "apc-smart-ups-modbus", "servertech-sentry4", "apc-rpdu2", "rfc1628-ups"):
        text = files("agent").joinpath("profiles", f"{name}.yaml").read_text(encoding="utf-8")
        raw[name] = json.loads(json.dumps(load_yaml_text(text, name)))
        assert not list(check.iter_errors(raw[name])), name
    point = {"metric": "dcim_cdu_power_watts", "register": 1, "unit": "watt"}
    profile = raw["in-rack-cdu-150kw"]
    assert not list(check.iter_errors(profile | {"points": [point]}))
    for slip in ({"unit": "wat"}, {"metric": "dcim_cdu_powr_watts"}, {"registr": 2}, {"labels": {"pump": 1}}):
        assert list(check.iter_errors(profile | {"points": [point | slip]})), slip


def test_the_schema_names_metrics_and_units() -> None:
    schema = editor_schema()["$defs"]
    assert "dcim_cdu_current_amperes" in schema["Point"]["properties"]["metric"]["enum"]
    assert "psi" in schema["Point"]["properties"]["unit"]["enum"]
