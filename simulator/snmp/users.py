"""Users of simulated SNMPv3 devices, as the command line gives them: `name:auth:key:priv:key`."""

from dataclasses import dataclass
from typing import Final

from rackflow.errors import ConfigError

AUTH: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
PRIV: Final = ("des", "aes128", "aes192", "aes256")
# RFC 3414, 11.2 requires passwords of at least 8 octets, and net-snmp's tools refuse shorter ones.
MIN_KEY_CHARS: Final = 8


@dataclass(frozen=True, slots=True)
class SnmpUser:
    """A user. Without `auth` it has no password, without `priv` its messages are not encrypted. Raises ConfigError."""

    name: str
    auth: str = ""
    auth_key: str = ""
    priv: str = ""
    priv_key: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("an SNMPv3 user needs a name")
        for what, protocol, known, key in (
            ("authentication", self.auth, AUTH, self.auth_key),
            ("encryption", self.priv, PRIV, self.priv_key),
        ):
            if protocol and protocol not in known:
                raise ConfigError(f"user {self.name}: unknown {what} {protocol!r}; known are {', '.join(known)}")
            if protocol and len(key) < MIN_KEY_CHARS:
                raise ConfigError(f"user {self.name}: the key for {what} needs at least {MIN_KEY_CHARS} characters")
        if self.priv and not self.auth:
            raise ConfigError(f"user {self.name}: encryption needs authentication; add a protocol and a key for it")


def parse_user(text: str) -> SnmpUser:
    """Parse a user of the command line: `name`, `name:auth:key` or `name:auth:key:priv:key`. Raises ConfigError."""
    # Colons cannot occur in a name or key of this syntax; for simulated devices that is no loss.
    fields = text.split(":")
    if len(fields) not in {1, 3, 5}:
        raise ConfigError(f"user {fields[0]!r}: write it as name, name:auth:key or name:auth:key:priv:key")
    return SnmpUser(*fields)
