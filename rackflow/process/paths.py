"""Checks what stands in a configuration where the path of a file or a folder is expected, and where a plain text is.

A path that nothing refuses is made: a file of the name `env:DATA`, a folder `${HOME}`.
"""

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from rackflow.process.yaml import AS_IN_A_SHELL

# What Linux's file systems take as the name of a file, in bytes of UTF-8.
_LONGEST_NAME_BYTES = 255
# As shells and compose files name a variable. In a text of capitals it is no likely password; who has one puts it into the environment.
SHELL_VARIABLE: Final = re.compile(r"\$\{\w+\}|\$[A-Z][A-Z0-9_]{3,}")
# Names of variables and credentials, and not the id of a device such as env:7.
_REFERENCE = re.compile(r"(?:env|credential):[A-Z][A-Z0-9_]{3,}|file:.*")


def reference_fault(text: str) -> str | None:
    """Why a text is meant to be replaced by another, which is done for secrets only; None if it stands for itself."""
    if _REFERENCE.fullmatch(text.strip()):
        kind = text.strip().partition(":")[0]
        return f"begins with {kind}:, which is replaced for passwords, tokens and keys only; write the value itself"
    if SHELL_VARIABLE.search(text):
        return f"{AS_IN_A_SHELL}; write the value itself"
    return None


def _checked_path(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise ValueError("is empty; write the path of a file or folder, or remove the key if it may be left out")
    if value.lstrip().startswith("~"):
        # A shell does that. A folder of the name `~` would be made, and `rm -r ~` is what somebody then types.
        raise ValueError("begins with ~, which is not replaced here; write the whole path, as in /var/lib/rackflow")
    if not value.isprintable():
        raise ValueError("has a character that cannot be seen, such as a line break; write the path on one line")
    if fault := reference_fault(value):
        raise ValueError(fault)
    if any(len(part.encode()) > _LONGEST_NAME_BYTES for part in Path(value).parts):
        raise ValueError(f"has a name of more than {_LONGEST_NAME_BYTES} bytes in it; choose a shorter one")
    return value


def _checked_file(path: Path) -> Path:
    if path.name in {"", ".."}:
        raise ValueError("is a folder; name a file in it")
    return path


def _checked_text(value: object) -> object:
    if isinstance(value, str) and (fault := reference_fault(value)):
        raise ValueError(fault)
    return value


FilePath = Annotated[Path, BeforeValidator(_checked_path)]
"""The path of a file or folder."""
OwnFile = Annotated[FilePath, AfterValidator(_checked_file)]
"""The path of a file that the process makes itself."""
PlainText = Annotated[str, BeforeValidator(_checked_text)]
"""A text that is no secret and stands for itself."""
