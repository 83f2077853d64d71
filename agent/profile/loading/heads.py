"""The heads of shipped profiles: everything but points, tables and identity, which are loaded only for families that a device uses.

heads.json is generated from the profiles, because reading the heads of 158 YAML files took 0.04 s of CPU (2026-11), at each start of an
agent, and reading JSON 0.002 s. A head in heads.json is used only if its hash matches the text of the profile's file.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from importlib.resources import files
from typing import Any

import msgspec

from rackflow.process.yaml import load_yaml_text

# The keys that a head leaves out, nine tenths of the text: only a family that a device uses needs them. In shipped profiles each is a block
# from its key at the beginning of a line to the next key there.
_BODY = re.compile(r"^(?:points|tables|identity):.*?(?=^\w+:|\Z)", re.MULTILINE | re.DOTALL)


class _Head(msgspec.Struct):
    of: str
    """Hash of the text that it was made from."""
    head: dict[str, Any]


class Heads:
    """The plain values of heads, compiled or read from the text."""

    def __init__(self) -> None:
        self._compiled: Mapping[str, _Head] = {}
        try:
            compiled = files("agent").joinpath("profile", "loading", "heads.json").read_bytes()
            self._compiled = msgspec.json.decode(compiled, type=dict[str, _Head])
        except (OSError, msgspec.DecodeError):
            # heads.json is missing or damaged: the heads are read from the profiles' texts instead.
            pass

    def of(self, text: str, where: str) -> Any:  # noqa: ANN401 - the shape is checked by the caller's model
        """The head of the profile that has this text. Raises ConfigError."""
        found = self._compiled.get(where)
        return found.head if found is not None and found.of == text_hash(text) else _plain(text, where)


def text_hash(text: str) -> str:
    """A hash of a profile's text."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def compiled_heads(texts: Iterable[tuple[str, str]]) -> str:
    """The text of heads.json for these names of files and their texts; a line for each."""
    lines = (
        f'"{name}":{msgspec.json.encode(_Head(text_hash(text), _plain(text, name))).decode()}'
        for name, text in sorted(texts)
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _plain(text: str, where: str) -> Any:  # noqa: ANN401 - the shape is checked by the caller's model
    return load_yaml_text(_BODY.sub("", text), where)
