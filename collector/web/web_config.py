"""TLS, passwords and headers in the format of Prometheus' web configuration file.

https://prometheus.io/docs/prometheus/latest/configuration/https/. The same file works for Prometheus, Alertmanager and the exporters, and
`promtool check web-config FILE` checks it. What is not supported here is refused, never ignored: it would be believed to protect.
"""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr, field_validator, model_validator

from rackflow import ConfigError
from rackflow.process.config import StrictModel, check_config
from rackflow.process.yaml import load_yaml_text, read_text_file

# bcrypt's modular crypt format: version, cost, 22 characters of salt and 31 of hash.
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
# Each step doubles the time of a check. 10 takes 50 ms and 15 almost two seconds of one core.
_MAX_COST = 15
_HEADERS = frozenset(
    {
        "Content-Security-Policy",
        "Strict-Transport-Security",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "X-XSS-Protection",
    }
)
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class TlsServer(StrictModel):
    """The section `tls_server_config`."""

    cert_file: Path
    key_file: Path
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    @model_validator(mode="after")
    def _checks_clients(self) -> "TlsServer":
        if (self.client_auth_type == "NoClientCert") != (self.client_ca_file is None):
            raise ValueError(
                "client_ca_file and a client_auth_type that verifies belong together; give both or neither"
            )
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version; correct one of them")
        return self


class HttpServer(StrictModel):
    """The section `http_server_config`. `http2` is accepted for files shared with other programs; HTTP/1.1 is spoken."""

    http2: bool = True
    headers: dict[str, str] = {}

    @field_validator("headers")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if name not in _HEADERS:
                raise ValueError(f"{name!r} cannot be set; it may be one of {', '.join(sorted(_HEADERS))}")
            if not text.isprintable():
                raise ValueError(f"{name} has a character that no header may have; remove it")
        return value


class WebFile(StrictModel):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, SecretStr] = {}

    @field_validator("basic_auth_users", mode="before")
    @classmethod
    def _hashed(cls, value: object) -> object:
        # Checked as a whole, so that no message shows what may be a password in plain text.
        for name, text in value.items() if isinstance(value, dict) else ():
            found = _BCRYPT.fullmatch(text) if isinstance(text, str) else None
            if found is None:
                raise ValueError(
                    f"the password of {str(name)!r} is no bcrypt hash; make one with htpasswd -nBC 10 NAME"
                )
            if not 4 <= int(found[1]) <= _MAX_COST:  # noqa: PLR2004 - bcrypt's least
                raise ValueError(f"the hash of {str(name)!r} has cost {found[1]}; 4 to {_MAX_COST} are possible")
            if not name or ":" in str(name):
                raise ValueError("a name must not be empty or have a colon; change it")
        return value


@dataclass(frozen=True, slots=True)
class Access:
    """What a file says, ready to use, and the files that it came from."""

    context: ssl.SSLContext | None = None
    users: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()

    def signature(self) -> tuple[object, ...]:
        """Changes when one of the files does; a file that is gone counts as changed. Blocks."""
        return tuple(_stamp(path) for path in self.files)


def load_access(path: Path | None) -> Access:
    """Read a web configuration file, with the certificates that it names. Raises ConfigError, which names file, key and remedy."""
    if path is None:
        return Access()
    text = read_text_file(path)
    found = check_config(load_yaml_text(text, str(path)) or {}, WebFile, str(path), text)
    tls = found.tls_server_config
    named = [tls.cert_file, tls.key_file, tls.client_ca_file] if tls is not None else []
    return Access(
        context=_context(tls, path) if tls is not None else None,
        users=tuple((name, each.get_secret_value()) for name, each in found.basic_auth_users.items()),
        headers=tuple(found.http_server_config.headers.items()),
        # Relative to the file's folder, as in Prometheus.
        files=(path, *(path.parent / each for each in named if each is not None)),
    )


def _context(tls: TlsServer, path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    try:
        # An empty pass phrase: without one OpenSSL would ask for it on the terminal.
        context.load_cert_chain(path.parent / tls.cert_file, path.parent / tls.key_file, password="")
        if tls.client_ca_file is not None:
            context.load_verify_locations(path.parent / tls.client_ca_file)
    except (OSError, ValueError) as error:
        what = "a certificate or key cannot be used"
        raise ConfigError(f"{path}: tls_server_config: {what}: {error}; check the paths and files") from error
    context.verify_mode = _VERIFY[tls.client_auth_type]
    return context


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
