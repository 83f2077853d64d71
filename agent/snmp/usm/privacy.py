"""Encrypts and decrypts SNMPv3 payloads with a user's privacy key (RFC 3414, 8; RFC 3826). No I/O.

The SNMP libraries do this for what they send and receive. Here it is for what no library gets as it came: an answer that has to be
repaired first, and a trap.
"""

import hashlib
from typing import Final

from agent.snmp.usm.keys import localised_key
from agent.snmp.usm.message import MalformedMessage, Message

# Octets of the privacy key (RFC 3414, 8.1.1.1; RFC 3826, 3.1.2.1; draft-blumenthal-aes-usm-04, 3.1.2.1). That of DES is 8 octets and the
# 8 of its pre-IV.
KEY_OCTETS: Final = {"des": 16, "aes128": 16, "aes192": 24, "aes256": 32}
BLOCK_OCTETS: Final = {"des": 8, "aes128": 16, "aes192": 16, "aes256": 16}


class Privacy:
    """One user's encryption. `cipher` is that of the credential, `digest` that of its authentication, of which keys are made."""

    def __init__(self, digest: str, cipher: str, master: bytes | None) -> None:
        self._digest = digest
        self._cipher = cipher
        self._master = master
        self._key: tuple[bytes, bytes] = b"", b""

    def decrypt(self, data: bytes, message: Message, salt: bytes) -> bytes:
        """The plaintext of the message's body; with DES, padding may follow it. Raises MalformedMessage if it is no ciphertext."""
        return self._crypt(data, message, salt, encrypts=False)

    def encrypt(self, data: bytes, message: Message, salt: bytes) -> bytes:
        """The body of the message with this plaintext."""
        return self._crypt(data, message, salt, encrypts=True)

    def _crypt(self, data: bytes, message: Message, salt: bytes, *, encrypts: bool) -> bytes:
        """CBC for DES (RFC 3414, 8.1.1), and CFB over 128 bits for AES (RFC 3826, 3.1), made of single blocks."""
        key = self._key_of(message.engine)
        size = BLOCK_OCTETS[self._cipher]
        if self._cipher == "des":
            before = bytes(a ^ b for a, b in zip(key[size:], salt, strict=True))
            data += bytes(-len(data) % size) if encrypts else b""
            if len(data) % size:
                raise MalformedMessage("a ciphertext of DES that does not end with a block")
        else:
            before = message.boots.to_bytes(4) + message.time.to_bytes(4) + salt
        block = _Blocks(self._cipher, key)
        found = []
        for at in range(0, len(data), size):
            part = data[at : at + size]
            if self._cipher == "des":
                made = block.encrypt(_xor(part, before)) if encrypts else _xor(block.decrypt(part), before)
            else:
                made = _xor(part, block.encrypt(before))
            found.append(made)
            before = made if encrypts else part
        return b"".join(found)

    def _key_of(self, engine: bytes) -> bytes:
        """The key of this engine, as long as the cipher wants it."""
        if self._key[0] != engine:
            key = localised_key(self._master or b"", engine, self._digest)
            wanted = KEY_OCTETS[self._cipher]
            while len(key) < wanted:
                key += _extension(key, self._digest)
            self._key = engine, key[:wanted]
        return self._key[1]


def _extension(key: bytes, digest: str) -> bytes:
    """What is appended to a key that is too short for its cipher: the hash of all of it (draft-blumenthal-aes-usm-04, 3.1.2.1)."""
    return hashlib.new(digest, key).digest()


class _Blocks:
    """A block cipher, one block at a time."""

    def __init__(self, cipher: str, key: bytes) -> None:
        # Imported only here, because it takes some megabytes, and healthy devices never need a repair.
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # noqa: PLC0415
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

        # DES is triple DES with one key three times.
        algorithm = TripleDES(key[:8] * 3) if cipher == "des" else algorithms.AES(key)
        made = Cipher(algorithm, modes.ECB())  # noqa: S305 - a building block of CBC and CFB
        self.encrypt, self.decrypt = made.encryptor().update, made.decryptor().update


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
