"""Makes a verified SNMPv3 answer readable that a library would refuse as a whole because of one value in it. No I/O.

The answer is decrypted, repaired as one of v2c (`repair.py`), encrypted again with its own key and salt, and signed. It goes to the library
in this process and nowhere else, so the salt may be used twice. Only what the check has accepted may come here.
"""

import hashlib
import hmac
from typing import Final

from agent.snmp.repair import OCTETS, RESPONSE, SEQUENCE, Unreadable, element, elements, repaired_response
from agent.snmp.usm import MAC_OCTETS, Message, body_of, localised_key, read_message

# Octets of the privacy key (RFC 3414, 8.1.1.1; RFC 3826, 3.1.2.1; draft-blumenthal-aes-usm-04, 3.1.2.1). That of DES is 8 octets and the
# 8 of its pre-IV.
KEY_OCTETS: Final = {"des": 16, "aes128": 16, "aes192": 24, "aes256": 32}
BLOCK_OCTETS: Final = {"des": 8, "aes128": 16, "aes192": 16, "aes256": 16}


class V3Repair:
    """Repairs one user's answers. `digest` and `cipher` are those of the credential, empty if it has none."""

    def __init__(self, digest: str, auth_master: bytes | None, cipher: str, priv_master: bytes | None) -> None:
        self._digest = digest
        self._auth_master = auth_master
        self._cipher = cipher
        self._priv_master = priv_master
        self._keys: tuple[bytes, bytes, bytes] = b"", b"", b""

    def repaired(self, datagram: bytes) -> bytes:
        """The answer with an empty text for each unreadable value; returned unchanged if it needs no repair or cannot be repaired."""
        message = read_message(datagram)
        parameters_at, body_at, salt = body_of(datagram)
        try:
            (_, body), *_ = elements(datagram[body_at:])
            if self._cipher and message.level & 2:
                scoped = element(SEQUENCE, _first(self._crypt(body, message, salt, encrypts=False)))
            else:
                scoped = datagram[body_at:]
            found = _repaired_scoped(scoped)
        except (Unreadable, ValueError):
            return datagram
        if found == scoped:
            return datagram
        if self._cipher and message.level & 2:
            found = element(OCTETS, self._crypt(found, message, salt, encrypts=True))
        whole = element(SEQUENCE, datagram[parameters_at:body_at] + found)
        return self._signed(whole, message)

    def _signed(self, whole: bytes, message: Message) -> bytes:
        size = MAC_OCTETS.get(self._digest, 0)
        if not size or not message.level & 1:
            return whole
        at = read_message(whole).mac_at
        zeroed = whole[:at] + bytes(size) + whole[at + size :]
        code = hmac.digest(self._keys_of(message.engine)[1], zeroed, self._digest)[:size]
        return whole[:at] + code + whole[at + size :]

    def _crypt(self, data: bytes, message: Message, salt: bytes, *, encrypts: bool) -> bytes:
        """CBC for DES (RFC 3414, 8.1.1), and CFB over 128 bits for AES (RFC 3826, 3.1), made of single blocks."""
        key = self._keys_of(message.engine)[2]
        size = BLOCK_OCTETS[self._cipher]
        if self._cipher == "des":
            before = bytes(a ^ b for a, b in zip(key[size:], salt, strict=True))
            data += bytes(-len(data) % size) if encrypts else b""
            if len(data) % size:
                raise Unreadable
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

    def _keys_of(self, engine: bytes) -> tuple[bytes, bytes, bytes]:
        """The engine, and its keys of authentication and privacy."""
        if self._keys[0] != engine:
            masters = (self._auth_master or b"", self._priv_master or b"")
            auth, priv = (localised_key(master, engine, self._digest) if master else b"" for master in masters)
            wanted = KEY_OCTETS.get(self._cipher, 0)
            while priv and len(priv) < wanted:
                priv += _extension(priv, self._digest)
            self._keys = engine, auth, priv[:wanted]
        return self._keys


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


def _first(data: bytes) -> bytes:
    """The content of the scopedPDU at the beginning of a plaintext. With DES, padding follows it."""
    tag, content = next(elements(data), (0, b""))
    if tag != SEQUENCE:
        raise Unreadable
    return content


def _repaired_scoped(scoped: bytes) -> bytes:
    engine, context, (kind, pdu) = list(elements(_first(scoped)))[:3]
    if kind != RESPONSE:
        return scoped
    return element(SEQUENCE, element(*engine) + element(*context) + repaired_response(pdu))
