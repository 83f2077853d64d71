"""Takes secrets from where a service manager puts them: the environment, a file, or systemd's credentials directory."""

import argparse
import os
import re
import stat
from pathlib import Path

from rackflow.errors import ConfigError
from rackflow.process.env_file import variables_of
from rackflow.process.files import is_absent, read_regular, unreadable
from rackflow.process.yaml import load_yaml_text, read_text_file

SOURCES = ("env:", "file:", "credential:")
"""Prefixes of a text that says where a secret is. Any other text is the secret itself."""
# Tokens of other programs have at most some kilobytes; a wrong path often leads to something large.
MAX_SECRET_BYTES = 64 * 1024
# Where systemd's LoadCredential= puts files for a service, which only that service can read.
CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"

# Keys of configurations whose values are secrets, and how a line looks that has one: not env:NAME, file:PATH or credential:NAME. Nothing
# (`null`, `~`, or no value on the line) and the community `public` are no secrets, but a secret may begin with these words.
_KEYS = frozenset({"password", "community", "auth_key", "priv_key", "token"})
_LINE = re.compile(
    rf"\b({'|'.join(sorted(_KEYS))}):[ \t]*"
    r"(?!['\"]?(?:env|file|credential):|(?:null|~|public|'public'|\"public\")[ \t\r]*(?:[,}#]|$))[^\s#]",
    re.MULTILINE,
)


def names_source(text: str) -> bool:
    """Whether a text says where a secret is, so that it can be shown and stand on a command line."""
    return text.startswith(SOURCES)


def has_secret(text: str) -> bool:
    """Whether a secret stands in the text of a configuration itself, in a comment, too."""
    if _LINE.search(text):
        return True
    # A line tells nothing where the key is in quotes, as in JSON, or the value on the lines below.
    try:
        return _is_in(load_yaml_text(text, ""))
    except ConfigError:
        return False


def _is_in(found: object) -> bool:
    if isinstance(found, dict):
        return any(_is_secret(key, value) or _is_in(value) for key, value in found.items())
    return isinstance(found, list) and any(map(_is_in, found))


def _is_secret(key: object, value: object) -> bool:
    is_public = key == "community" and value == "public"
    return key in _KEYS and isinstance(value, str) and bool(value) and not names_source(value) and not is_public


def read_secret(text: str) -> str:
    """The secret that a text names: `env:NAME`, `file:PATH`, `credential:NAME`, or the text itself.

    A file's last line break and the byte order mark at its beginning do not belong to the secret. Raises ConfigError, which never contains
    the secret: the variable is not set or empty, or the file is missing, empty, larger than 64 kB, no UTF-8, no regular file, or readable
    by everybody.
    """
    for source, read in (("env:", _variable), ("file:", _file), ("credential:", _credential)):
        if text.startswith(source):
            return read(text.removeprefix(source))
    return text


def _variable(name: str) -> str:
    if not name:
        raise ConfigError("`env:` names no environment variable; write env:NAME")
    if name not in os.environ:
        raise ConfigError(
            f"environment variable {name} is not set; export it; check, run and doctor also read it from --env-file FILE"
        )
    if not os.environ[name]:
        # As an empty file: `NAME=` in a service's file, which was to be filled in, would be an empty community or password.
        raise ConfigError(f"environment variable {name} is empty; give it the secret")
    return os.environ[name]


def _credential(name: str) -> str:
    folder = os.environ.get(CREDENTIALS_DIRECTORY)
    if folder is None:
        raise ConfigError(f"credential {name}: systemd passed none; add LoadCredential={name}:PATH to the unit")
    if not name or "/" in name or name in {".", ".."}:
        raise ConfigError(f"credential {name!r} is not the name of a credential")
    path = Path(folder) / name
    if is_absent(path):
        raise ConfigError(
            f"credential {name}: systemd passed none of this name; add LoadCredential={name}:PATH to the unit"
        )
    return _text(path)


def _file(name: str) -> str:
    path = Path(name)
    if not path.is_absolute():
        # A service and a person at a terminal start in different folders.
        raise ConfigError(f"{name}: is not an absolute path; begin it with /")
    return _text(path, private=True)


def _text(path: Path, *, private: bool = False) -> str:
    try:
        content, mode = read_regular(path, MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from error
    if private and mode & stat.S_IROTH:
        raise ConfigError(f"{path}: can be read by everybody ({mode:o}); chmod o-rwx {path}")
    if len(content) > MAX_SECRET_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_SECRET_BYTES} bytes, too large for a secret; correct the path")
    try:
        # Windows' editors begin a file with a byte order mark, which nobody sees: it is no part of a password.
        secret = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        # Without the original error, which has the content attached.
        raise ConfigError(f"{path}: is not UTF-8; save the secret as text") from None
    if not secret:
        raise ConfigError(f"{path}: is empty; write the secret into it")
    return secret


def load_env_file(path: Path | None) -> None:
    """Put the variables of a file as systemd's `EnvironmentFile=` reads it into this process's environment.

    For commands that a person runs with a service's configuration. What is already set stays. Raises ConfigError naming file and line.
    """
    if path is None:
        return
    # Of two that are equal the last one counts, as in systemd.
    for name, value in dict(variables_of(read_text_file(path), str(path))).items():
        os.environ.setdefault(name, value)


def add_env_file(command: argparse.ArgumentParser) -> None:
    """Add `--env-file`, which the program passes to `load_env_file` before it reads a configuration."""
    command.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        help="take the variables of `env:NAME` from this file, too, as the service's unit does",
    )
