"""Credentials of SNMPv3: which ones it allows, and the master keys of their pass phrases (RFC 3414, A.2). No I/O.

`usm/keys.py` derives the keys of each engine from a master key. pysnmp can derive master keys itself, but in Python, 64 octets at a time
(16,384 rounds per key), and on the event loop. Here hashlib gets the whole mebibyte in one call, which is ten times faster and lets other
threads run meanwhile.
"""

import hashlib
from typing import Final

from agent.snmp.seam import SnmpTarget, SnmpUser
from rackflow.errors import ConfigError

MAX_USER_OCTETS: Final = 32
"""Longest name of an SNMPv3 user (RFC 3414, 2.4)."""
EXPANDED_BYTES: Final = 1_048_576
"""A pass phrase is repeated to this length and hashed (RFC 3414 A.2.1)."""


def master_key(pass_phrase: str, digest: str) -> bytes:
    """The master key Ku of a pass phrase, from which the key for each engine id is derived. `digest` is hashlib's name for it."""
    phrase = pass_phrase.encode()
    return hashlib.new(digest, (phrase * (EXPANDED_BYTES // len(phrase) + 1))[:EXPANDED_BYTES]).digest()


def check_credential(target: SnmpTarget) -> None:
    """Raises ConfigError for a credential that SNMPv3 does not allow.

    There is no security level privNoAuth (RFC 3411, 3.4.3), and a user's name has at most 32 octets (RFC 3414, 2.4).
    """
    credential = target.credential
    if not isinstance(credential, SnmpUser):
        return
    if credential.priv and not credential.auth:
        raise ConfigError(f"device {target.device!r}: SNMPv3 privacy needs authentication too; set `auth` and its key")
    if len(credential.user.encode()) > MAX_USER_OCTETS:
        raise ConfigError(
            f"device {target.device!r}: an SNMPv3 user's name has at most {MAX_USER_OCTETS} octets; correct `user`"
        )


def master_keys(user: SnmpUser) -> tuple[bytes | None, bytes | None]:
    """The master keys of authentication and privacy, None where not used. Both use the digest of authentication (RFC 3826, 1.2)."""
    if not user.auth:
        return None, None
    return master_key(user.auth_key, user.auth), master_key(user.priv_key, user.auth) if user.priv else None
