"""TLS, passwords, tokens and headers in the format of Prometheus' web configuration file.

https://prometheus.io/docs/prometheus/latest/configuration/https/. The same file works for Prometheus, Alertmanager and the exporters, and
`promtool check web-config FILE` checks it. Unsupported settings are refused, never ignored: an ignored one would only seem to protect.
`bearer_auth_tokens` is ours: Prometheus' own file has no tokens, although its scrapes can send them, and refuses the key.
"""

import hashlib
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr, field_validator, model_validator

from rackflow import ConfigError
from rackflow.process.broker import explain_certificate_files
from rackflow.process.certificates import Certificate, authorities_of, read_certificates
from rackflow.process.config import StrictModel, check_config, named_file
from rackflow.process.paths import FilePath
from rackflow.process.secret import CREDENTIALS_DIRECTORY, names_source, read_secret
from rackflow.process.yaml import load_yaml_text, read_text_file

# bcrypt's modular crypt format: version, cost, 22 characters of salt and 31 of hash.
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
# Each step doubles the time of a check. 10 takes 50 ms and 15 almost two seconds of one core.
_MAX_COST = 15
# The characters that a token may have (RFC 6750, 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_TOKEN_HASH = re.compile(r"sha256:([0-9a-f]{64})")
# A fast hash protects only what nobody can guess: 22 characters of base64 have 128 bits. A header may have 8 kB.
SHORTEST_TOKEN, LONGEST_TOKEN = 22, 1024
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

    cert_file: FilePath
    key_file: FilePath
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: FilePath | None = None
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
    bearer_auth_tokens: dict[str, SecretStr] = {}

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
            _check_name(name)
        return value

    @field_validator("bearer_auth_tokens", mode="before")
    @classmethod
    def _tokens(cls, value: object) -> object:
        """Replace each token by its SHA-256. Error messages never contain a text that may be a token."""
        if not isinstance(value, dict):
            return value
        for name in value:
            _check_name(name)
        return {name: _token_hash(str(name), text) for name, text in value.items()}

    @model_validator(mode="after")
    def _one_name_each(self) -> "WebFile":
        if both := sorted(self.basic_auth_users.keys() & self.bearer_auth_tokens.keys()):
            raise ValueError(f"{both[0]!r} is in basic_auth_users and in bearer_auth_tokens; rename one of them")
        return self


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name or ":" in name:
        raise ValueError("a name must be a text that is not empty and has no colon; change it")


def _token_hash(name: str, text: object) -> str:
    """SHA-256 in hexadecimal. Raises ValueError that says what to write instead."""
    if not isinstance(text, str) or not (_TOKEN_HASH.fullmatch(text) or names_source(text)):
        raise ValueError(
            f"the token of {name!r} must be `sha256:` with 64 hexadecimal digits (printf %s TOKEN | sha256sum),"
            " or say where it is: `file:/PATH`, `credential:NAME` or `env:NAME`"
        )
    if found := _TOKEN_HASH.fullmatch(text):
        return found[1]
    try:
        token = read_secret(text)
    except ConfigError as error:
        raise ValueError(f"the token of {name!r}: {error}") from None
    if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN or _TOKEN.fullmatch(token) is None:
        raise ValueError(
            f"the token of {name!r} must have {SHORTEST_TOKEN} to {LONGEST_TOKEN} letters, digits or -._~+/;"
            " make one with openssl rand -hex 32"
        )
    return hashlib.sha256(token.encode()).hexdigest()


def _secret_files(data: object) -> list[Path]:
    """Files that tokens are read from, so that a new one is noticed."""
    tokens = data.get("bearer_auth_tokens") if isinstance(data, dict) else None
    texts = [each for each in tokens.values() if isinstance(each, str)] if isinstance(tokens, dict) else []
    folder = os.environ.get(CREDENTIALS_DIRECTORY, "")
    files = [Path(each.removeprefix("file:")) for each in texts if each.startswith("file:")]
    return files + [Path(folder) / each.removeprefix("credential:") for each in texts if each.startswith("credential:")]


Stamp = tuple[int, int, int]
"""Time of change in nanoseconds, size and inode of a file."""


@dataclass(frozen=True, slots=True)
class Access:
    """The settings of a web configuration file, ready to use, and the files that they came from."""

    context: ssl.SSLContext | None = None
    certificates: tuple[Certificate, ...] = ()
    """Those that the pages are served with."""
    authorities: tuple[Certificate, ...] = ()
    """That of `client_ca_file` after whose end no client is accepted."""
    users: tuple[tuple[str, str], ...] = ()
    tokens: tuple[tuple[str, str], ...] = ()
    """Names of tokens, and the SHA-256 of each in hexadecimal."""
    headers: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[Path, Stamp | None], ...] = ()
    """Files with their stamps from before reading, so that a file that changes while it is read counts as changed."""

    def changes(self) -> tuple[Stamp | None, ...]:
        """The present stamps of all files if one of them has changed; a file that is gone counts as changed. Blocks."""
        now = tuple(_stamp(path) for path, _ in self.files)
        return now if now != tuple(stamp for _, stamp in self.files) else ()


def load_access(path: Path | None) -> Access:
    """Read a web configuration file, with the certificates that it names. Raises ConfigError, which names file, key and remedy."""
    if path is None:
        return Access()
    stamps = [(path, _stamp(path))]
    text = read_text_file(path)
    if not text.strip():
        # As a file is for a moment while it is rewritten. Taken as it is, it would open every page to everybody.
        raise ConfigError(f"{path}: is empty; write {{}} if everybody may read the pages")
    data = load_yaml_text(text, str(path)) or {}
    stamps += [(each, _stamp(each)) for each in _secret_files(data)]
    found = check_config(data, WebFile, str(path), text)
    tls = found.tls_server_config
    named = [tls.cert_file, tls.key_file, tls.client_ca_file] if tls is not None else []
    # Relative to the file's folder, as in Prometheus.
    certificates = [path.parent / each for each in named if each is not None]
    stamps += [(each, _stamp(each)) for each in certificates]
    authorities = read_certificates(path.parent / tls.client_ca_file) if tls is not None and tls.client_ca_file else ()
    return Access(
        context=_context(tls, path) if tls is not None else None,
        authorities=authorities_of((), authorities),
        certificates=read_certificates(path.parent / tls.cert_file) if tls is not None else (),
        users=tuple((name, each.get_secret_value()) for name, each in found.basic_auth_users.items()),
        tokens=tuple((name, each.get_secret_value()) for name, each in found.bearer_auth_tokens.items()),
        headers=tuple(found.http_server_config.headers.items()),
        files=tuple(stamps),
    )


def _context(tls: TlsServer, path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    # OpenSSL does not say which file is missing.
    for key, file in (
        ("cert_file", tls.cert_file),
        ("key_file", tls.key_file),
        ("client_ca_file", tls.client_ca_file),
    ):
        if file is not None:
            named_file(path, f"tls_server_config.{key}", file)
    try:
        # An empty pass phrase: without one OpenSSL would ask for it on the terminal.
        context.load_cert_chain(path.parent / tls.cert_file, path.parent / tls.key_file, password="")
        if tls.client_ca_file is not None:
            context.load_verify_locations(path.parent / tls.client_ca_file)
    except (OSError, ValueError) as error:
        what = "a certificate or key cannot be used"
        raise ConfigError(f"{path}: tls_server_config: {what}: {explain_certificate_files(error)}") from error
    context.verify_mode = _VERIFY[tls.client_auth_type]
    return context


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
