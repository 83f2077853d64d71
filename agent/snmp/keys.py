"""SNMPv3 keys from pass phrases (RFC 3414 A.2). No I/O.

pysnmp derives them itself, in Python, 64 octets at a time: 16,384 rounds for each key, on the event loop. Here hashlib
takes the whole mebibyte in one call, which is ten times faster and lets other threads run meanwhile.
"""

import hashlib
from typing import Final

from agent.snmp.seam import SnmpTarget, SnmpUser
from rackflow.errors import ConfigError

EXPANDED_BYTES: Final = 1_048_576
"""A pass phrase is repeated to this length and hashed (RFC 3414 A.2.1)."""


def master_key(pass_phrase: str, digest: str) -> bytes:
    """The key Ku of a pass phrase, which each engine id then makes its own of; `digest` as hashlib names it."""
    phrase = pass_phrase.encode()
    return hashlib.new(digest, (phrase * (EXPANDED_BYTES // len(phrase) + 1))[:EXPANDED_BYTES]).digest()


def check_credential(target: SnmpTarget) -> None:
    """Raises ConfigError for what no SNMP engine can do."""
    credential = target.credential
    if isinstance(credential, SnmpUser) and credential.priv and not credential.auth:
        raise ConfigError(f"device {target.device!r}: SNMPv3 privacy needs authentication too; set `auth` and its key")


def master_keys(user: SnmpUser) -> tuple[bytes | None, bytes | None]:
    """Of authentication and privacy; both are derived with the digest of the authentication (RFC 3826, 1.2)."""
    if not user.auth:
        return None, None
    return master_key(user.auth_key, user.auth), master_key(user.priv_key, user.auth) if user.priv else None
