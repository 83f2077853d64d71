"""Reads a site file into a `Site`, or reports every mistake in one line with file, line, key and remedy."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from rackflow.errors import ConfigError
from rackflow.process.config import check_config
from rackflow.process.yaml import line_of, load_yaml_text, read_text_file
from rackflow.site.check import mistakes
from rackflow.site.check_plant import Mistake
from rackflow.site.file import SiteFile
from rackflow.site.metering import uncounted_generation
from rackflow.site.topology import Site
from rackflow.site.vocabulary import other_word


def load_site(path: Path) -> Site:
    """Read a site file. Raises ConfigError with one line `file:line: key: what is wrong; remedy` for each mistake."""
    return parse_site(read_text_file(path), str(path))


def parse_site(text: str, where: str) -> Site:
    """The site of a site file's text. `where` names the file in errors, which are those of `load_site`."""
    # Two stages: the relations between sections can only be checked once each section is well formed.
    plain = load_yaml_text(text, where)
    file = check_config(plain, SiteFile, where, text, other_word)
    _refuse(mistakes(file), text, where)
    site = Site(file, _digest(plain))
    _refuse(uncounted_generation(file, site), text, where)
    return site


def _refuse(found: Iterable[Mistake], text: str, where: str) -> None:
    """Raise ConfigError with a line for each mistake, if there are any."""
    lines = []
    for path, what in found:
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
        lines.append(f"{where}:{line_of(text, path)}: {key}: {what}")
    if lines:
        raise ConfigError("\n".join(lines))


def _digest(plain: Any) -> str:  # noqa: ANN401 - the plain values of a YAML document
    """Tells files with other content apart, and ignores comments and layout.

    Of the plain values and not of the checked ones, which change with the version of Rackflow: agents are updated one after another.
    """

    def named(value: Any) -> Any:  # noqa: ANN401 - as above
        if isinstance(value, dict):
            return {str(key): named(each) for key, each in value.items()}
        return [named(each) for each in value] if isinstance(value, list) else value

    return sha256(json.dumps(named(plain), sort_keys=True, default=str).encode()).hexdigest()[:16]
