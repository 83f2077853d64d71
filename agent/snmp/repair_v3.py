"""Makes a verified SNMPv3 answer readable that a library would refuse as a whole because of one value in it. No I/O.

The answer is decrypted, repaired as one of v2c (`repair.py`), encrypted again with its own key and salt, and signed. It goes to the library
in this process and nowhere else, so the salt may be used twice. Only what the check has accepted may come here.
"""

from agent.snmp.repair import OCTETS, RESPONSE, SEQUENCE, Unreadable, element, elements, repaired_response
from agent.snmp.usm import (
    AUTH_FLAG,
    PRIV_FLAG,
    Authentication,
    MalformedMessage,
    Privacy,
    body_of,
    read_message,
)


class V3Repair:
    """Repairs one user's answers. `digest` and `cipher` are those of the credential, empty if it has none."""

    def __init__(self, digest: str, auth_master: bytes | None, cipher: str, priv_master: bytes | None) -> None:
        self._authentication = Authentication(digest, auth_master)
        self._privacy = Privacy(digest, cipher, priv_master) if cipher else None

    def repaired(self, datagram: bytes) -> bytes:
        """The answer with an empty text for each unreadable value; returned unchanged if it needs no repair or cannot be repaired."""
        message = read_message(datagram)
        parameters_at, body_at, salt = body_of(datagram)
        try:
            (_, body), *_ = elements(datagram[body_at:])
            if self._privacy and message.level & PRIV_FLAG:
                scoped = element(SEQUENCE, first_sequence(self._privacy.decrypt(body, message, salt)))
            else:
                scoped = datagram[body_at:]
            found = _repaired_scoped(scoped)
        except (MalformedMessage, Unreadable, ValueError):
            return datagram
        if found == scoped:
            return datagram
        if self._privacy and message.level & PRIV_FLAG:
            found = element(OCTETS, self._privacy.encrypt(found, message, salt))
        whole = element(SEQUENCE, datagram[parameters_at:body_at] + found)
        return self._authentication.signed(whole) if message.level & AUTH_FLAG else whole


def first_sequence(data: bytes) -> bytes:
    """The content of the scopedPDU at the beginning of a plaintext. With DES, padding follows it."""
    tag, content = next(elements(data), (0, b""))
    if tag != SEQUENCE:
        raise Unreadable
    return content


def _repaired_scoped(scoped: bytes) -> bytes:
    engine, context, (kind, pdu) = list(elements(first_sequence(scoped)))[:3]
    if kind != RESPONSE:
        return scoped
    return element(SEQUENCE, element(*engine) + element(*context) + repaired_response(pdu))
