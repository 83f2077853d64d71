"""Reads a site file into a `Site`, or one line per fault with file, line, key and remedy."""

from pathlib import Path

from rackflow.errors import ConfigError
from rackflow.process.config import check_config
from rackflow.process.yaml import line_of, load_yaml_text, read_text_file
from rackflow.site.check import faults
from rackflow.site.file import SiteFile
from rackflow.site.topology import Site


def load_site(path: Path) -> Site:
    """The site of a file. Raises ConfigError with one line `file:line: key: what is wrong; remedy` per fault."""
    return parse_site(read_text_file(path), str(path))


def parse_site(text: str, where: str) -> Site:
    """The site of a file's text; see `load_site` for the errors."""
    data = load_yaml_text(text, where)
    if data is None:
        raise ConfigError(f"{where}: the file is empty")
    file = check_config(data, SiteFile, where, text)
    lines = []
    for path, what in faults(file):
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
        lines.append(f"{where}:{line_of(text, path)}: {key}: {what}")
    if lines:
        raise ConfigError("\n".join(lines))
    return Site(file)
