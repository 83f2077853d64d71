"""The profiles of a running agent: read again as a whole, replaced at once or not at all."""

import tracemalloc
from importlib.resources import files
from pathlib import Path

import pytest

from agent.profile import AUTO, Families, load_profiles
from agent.profile.loading.heads import Heads
from rackflow.errors import ConfigError, ProfileError
from rackflow.process.yaml import load_yaml_file

DATA = load_yaml_file(Path(__file__).with_name("bad_profiles.yaml"))


def write(folder: Path, name: str, title: str = "A PDU") -> None:
    text = DATA["snmp"].replace("NAME", name).replace("A PDU", title)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_a_profile_that_was_changed_is_another_and_the_others_are_not(tmp_path: Path) -> None:
    write(tmp_path, "mine")
    write(tmp_path, "other")
    families = Families(tmp_path)
    before = {name: families.content_hash(name) for name in ("mine", "other", "apc-ups", AUTO)}
    assert families.content_hash("nobody") == ""
    write(tmp_path, "mine", "Another PDU")
    families.prepare(tmp_path)
    assert families["mine"].title == "A PDU", "prepared is not yet in use"
    with families.taking_over():
        pass
    assert families["mine"].title == "Another PDU"
    after = {name: families.content_hash(name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"mine", AUTO}


def test_a_profile_of_which_the_base_changed_is_another(tmp_path: Path) -> None:
    write(tmp_path, "base")
    own = DATA["snmp"].replace("NAME", "own\nextends: base")
    (tmp_path / "own.yaml").write_text(own, encoding="utf-8")
    families = Families(tmp_path)
    before = families.content_hash("own")
    write(tmp_path, "base", "Another PDU")
    families.prepare(tmp_path)
    with families.taking_over():
        pass
    assert families.content_hash("own") != before


def test_what_is_refused_leaves_the_profiles_as_they_were(tmp_path: Path) -> None:
    write(tmp_path, "mine")
    families = Families(tmp_path)
    (tmp_path / "faulty.yaml").write_text("version: 1\n", encoding="utf-8")
    with pytest.raises(ProfileError):
        families.prepare(tmp_path)
    assert "mine" in families
    (tmp_path / "faulty.yaml").unlink()
    write(tmp_path, "mine", "Another PDU")
    families.prepare(tmp_path)
    with pytest.raises(ConfigError), families.taking_over():
        raise ConfigError("the broker's certificate is missing")
    assert families["mine"].title == "A PDU"
    assert len(families) == len(list(families)) > 100


def test_the_head_of_each_family_says_what_the_whole_profile_says() -> None:
    heads, whole = load_profiles(lazy=True), load_profiles()
    assert heads.keys() == whole.keys()
    assert not heads["apc-ups"].points, "what nobody uses is not loaded"
    body = {"points", "tables", "identity"}
    for name, head in heads.items():
        assert head.content_hash == whole[name].content_hash
        assert head.model_dump(exclude=body) == whole[name].model_dump(exclude=body), name
    assert heads["apc-ups"].loaded() == whole["apc-ups"]


def kept_by_heads() -> int:
    """Bytes that the heads of all shipped profiles take."""
    tracemalloc.start()
    try:
        heads = load_profiles(lazy=True)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(heads) > 300
    return kept_bytes


def test_the_texts_of_shipped_profiles_are_not_kept() -> None:
    texts_bytes = sum(len(each.read_bytes()) for each in files("agent").joinpath("profiles").iterdir())
    load_profiles(lazy=True)  # what a process makes once, such as pydantic's validators
    # Names of files are interned, and Python's table of such texts may grow by megabytes at one of them, but not twice in a row.
    kept_bytes = min(kept_by_heads() for _ in range(2))
    assert kept_bytes < texts_bytes, "2.3 MB of texts, and some 1.5 MB of heads"


def test_a_compiled_head_is_not_used_for_another_text() -> None:
    text = files("agent").joinpath("profiles", "apc-ups.yaml").read_text(encoding="utf-8")
    heads = Heads()
    assert heads.of(text, "apc-ups.yaml")["profile"] == "apc-ups"
    changed = text.replace("class: ups", "class: pdu")
    assert heads.of(changed, "apc-ups.yaml")["class"] == "pdu"
