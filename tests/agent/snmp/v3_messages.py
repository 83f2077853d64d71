"""SNMPv3 messages taken apart and put together again, for those who forge them. Shares no code with `agent.snmp.usm`."""

import hashlib
import hmac
from dataclasses import dataclass, replace

from tests.agent.faulty_peers import REPORT, elements, integer, oid_octets, tlv

AUTH, PRIV, REPORTABLE = 1, 2, 4
MAC_OCTETS = {"md5": 12, "sha1": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
USM_STATS = "1.3.6.1.6.3.15.1.1"


@dataclass(frozen=True)
class V3:
    """One message. `body` is the encoded scopedPDU or the ciphertext's OCTET STRING."""

    msg_id: int
    flags: int
    engine: bytes
    boots: int
    time: int
    user: bytes
    mac: bytes
    salt: bytes
    body: bytes
    model: int = 3
    version: int = 3

    @classmethod
    def parse(cls, datagram: bytes) -> "V3":
        """Take a datagram apart."""
        ((_, message),) = elements(datagram)
        (_, version), (_, header), (_, parameters), (tag, body) = elements(message)
        (_, msg_id), _, (_, flags), (_, model) = elements(header)
        ((_, inner),) = elements(parameters)
        (_, engine), (_, boots), (_, time), (_, user), (_, mac), (_, salt) = elements(inner)
        number = int.from_bytes
        return cls(
            number(msg_id, "big"),
            flags[0],
            engine,
            number(boots, "big"),
            number(time, "big"),
            user,
            mac,
            salt,
            tlv(tag, body),
            number(model, "big"),
            number(version, "big"),
        )

    def encode(self) -> bytes:
        """The datagram."""
        header = integer(self.msg_id) + integer(65507) + tlv(4, bytes([self.flags])) + integer(self.model)
        names = tlv(4, self.engine) + integer(self.boots) + integer(self.time) + tlv(4, self.user)
        parameters = tlv(0x30, names + tlv(4, self.mac) + tlv(4, self.salt))
        return tlv(0x30, integer(self.version) + tlv(0x30, header) + tlv(4, parameters) + self.body)

    def signed(self, keys: "Keys") -> bytes:
        """The datagram with the right authentication code for its engine."""
        zeroed = replace(self, mac=bytes(MAC_OCTETS[keys.digest])).encode()
        code = hmac.digest(keys.of(self.engine), zeroed, keys.digest)
        return replace(self, mac=code[: MAC_OCTETS[keys.digest]]).encode()


@dataclass(frozen=True)
class Keys:
    """The authentication key of a user, from its pass phrase (RFC 3414, A.2)."""

    digest: str
    pass_phrase: str

    def of(self, engine: bytes) -> bytes:
        """The key of one engine."""
        phrase = self.pass_phrase.encode()
        master = hashlib.new(self.digest, (phrase * (1_048_576 // len(phrase) + 1))[:1_048_576]).digest()
        return hashlib.new(self.digest, master + engine + master).digest()


def scoped(engine: bytes, kind: int, binds: bytes, request_id: int = 1) -> bytes:
    """A plaintext scopedPDU."""
    pdu = tlv(kind, integer(request_id) + integer(0) + integer(0) + tlv(0x30, binds))
    return tlv(0x30, tlv(4, engine) + tlv(4, b"") + pdu)


def report(engine: bytes, number: int) -> bytes:
    """A plaintext scopedPDU with a Report of usmStats."""
    return scoped(engine, REPORT, tlv(0x30, oid_octets(f"{USM_STATS}.{number}.0") + tlv(0x41, b"\x01")))


def request_id_of(message: V3) -> int:
    """The request-id inside a plaintext, 1 for a ciphertext, which hides it."""
    if message.flags & PRIV:
        return 1
    ((_, inner),) = elements(message.body)
    _, _, (_, pdu) = elements(inner)
    return int.from_bytes(next(iter(elements(pdu)))[1], "big")
