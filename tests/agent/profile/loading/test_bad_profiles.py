"""Every kind of fault in a profile is told in one line that says where it is and what to do."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.cli import main
from agent.profile import Profile, load_profiles, parse_file
from rackflow.errors import ProfileError
from rackflow.process.yaml import load_yaml_file
from tests.agent.profile.loading.bad_profiles import Bad, bad_profiles

BAD = bad_profiles()


@pytest.fixture(scope="module")
def shipped() -> Mapping[str, Profile]:
    return load_profiles(lazy=True)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_faulty_profile_is_explained_in_one_line(bad: Bad, shipped: Mapping[str, Profile]) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_file(bad.text, f"{bad.name}.yaml", shipped)
    assert str(caught.value) == f"{bad.name}.yaml{bad.said}"
    assert "\n" not in bad.said


def test_what_the_faulty_profiles_are_made_of_is_sound(shipped: Mapping[str, Profile]) -> None:
    data = load_yaml_file(Path(__file__).with_name("bad_profiles.yaml"))
    for base in ("snmp", "modbus"):
        assert parse_file(data[base].replace("NAME", "sound"), "sound.yaml", shipped).points


def test_lint_of_a_folder_says_one_line_for_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for bad in BAD:
        bad.written(tmp_path)
    assert main(["profiles", "lint", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == sorted(f"{tmp_path / bad.name}.yaml{bad.said}" for bad in BAD)


def test_lint_knows_the_profiles_of_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = load_yaml_file(Path(__file__).with_name("bad_profiles.yaml"))["snmp"]
    (tmp_path / "whole.yaml").write_text(base.replace("NAME", "whole"), encoding="utf-8")
    (tmp_path / "another.yaml").write_text(base.replace("NAME", "another\nextends: whole"), encoding="utf-8")
    assert main(["profiles", "lint", str(tmp_path)]) == 0
    assert "another.yaml: ok; 4 points" in capsys.readouterr().out


def test_all_files_of_a_folder_are_reported_at_once(tmp_path: Path) -> None:
    for bad in BAD[:3]:
        bad.written(tmp_path)
    with pytest.raises(ProfileError) as caught:
        load_profiles(tmp_path, shipped={})
    assert sorted(str(caught.value).splitlines()) == sorted(f"{tmp_path / bad.name}.yaml{bad.said}" for bad in BAD[:3])
