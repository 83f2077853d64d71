"""Profiles with one fault each, from bad_profiles.yaml: the file, and the one line that is said of it."""

from dataclasses import dataclass
from pathlib import Path

from rackflow.process.yaml import load_yaml_file


@dataclass(frozen=True)
class Bad:
    """One faulty profile."""

    name: str
    text: str
    said: str
    """Behind the name of the file."""

    def written(self, folder: Path) -> Path:
        """Its file in this folder."""
        path = folder / f"{self.name}.yaml"
        path.write_text(self.text, encoding="utf-8")
        return path


def bad_profiles() -> list[Bad]:
    """All of them."""
    data = load_yaml_file(Path(__file__).with_suffix(".yaml"))
    found = []
    for case in data["cases"]:
        base: str = data[case["base"]]
        old = case.get("old") or base[base.index("points:") :]
        assert old in base, case["name"]
        text = base.replace(old, case["new"], 1).replace("NAME", case["name"])
        found.append(Bad(case["name"], text, case["said"]))
    return found
