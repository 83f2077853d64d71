"""Whom a certificate names, and until when it counts, for a warning some weeks before its end.

`ssl` tells this only of a peer's certificate that it has verified. The package cryptography tells it of every certificate; an agent on a
small gateway would pay 14 MB of memory and 0.2 s of CPU for a date. So this reads the four fields before it in the DER, and no others.
"""

import base64
import binascii
import re
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from rackflow.errors import ConfigError
from rackflow.process.files import read_regular
from rackflow.series import clean_label, series_key

EXPIRY: Final = "dcim_certificate_expiry_timestamp_seconds"
# A certificate has 1 to 2 kB, and a chain a handful; a wrong path may lead to something large.
MAX_BYTES: Final = 256 * 1024
_PEM: Final = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END")
# Tags of DER (X.690).
_SEQUENCE, _SET, _OBJECT, _VERSION = 0x30, 0x31, 0x06, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_COMMON_NAME: Final = (_OBJECT, b"\x55\x04\x03")
"""The object identifier 2.5.4.3."""
UNNAMED: Final = "unnamed"
"""The subject of a certificate without a common name: its other names are for TLS alone."""


_Element = tuple[int, bytes]
"""A tag and its content."""
_NOTHING: Final[_Element] = (0, b"")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate: its common name, and its end in seconds since 1970."""

    subject: str
    expires_s: float
    # The whole names in DER. They only find the issuer of a certificate among others; what tells people apart is the common name.
    name: bytes = field(default=b"", compare=False, repr=False)
    issuer: bytes = field(default=b"", compare=False, repr=False)


def read_der(der: bytes) -> Certificate:
    """One certificate (RFC 5280, 4.1). Raises ValueError if it is none."""
    fields = _inside(next(iter(_inside(der, _SEQUENCE)), _NOTHING), _SEQUENCE)
    if fields and fields[0][0] == _VERSION:
        del fields[0]
    # Serial number, signature, issuer, validity, subject.
    if len(fields) < 5:  # noqa: PLR2004 - counted in the line above
        raise ValueError("too few fields")
    validity, subject = _inside(fields[3], _SEQUENCE), fields[4]
    if len(validity) != 2:  # noqa: PLR2004 - from and until
        raise ValueError("no validity")
    return Certificate(_common_name(subject), _seconds(validity[1]), subject[1], fields[2][1])


def read_certificates(path: Path) -> tuple[Certificate, ...]:
    """The certificates of a PEM file, without those that cannot be read; none if the file cannot be. Whoever uses it says why. Blocks."""
    try:
        found = path.stat()
        return _certificates_in(path, found.st_ino, found.st_ctime_ns, found.st_size)
    except (OSError, ConfigError):
        return ()


# They are asked for with each report and each scrape, and a system's file of authorities takes 7 to 12 ms. A file that is replaced,
# written or may be read again has another number or time, and errors are not kept. More entries than one process has files.
@lru_cache(maxsize=16)
def _certificates_in(path: Path, _number: int, _changed_ns: int, _size_bytes: int) -> tuple[Certificate, ...]:
    content, _ = read_regular(path, MAX_BYTES)
    return tuple(_readable(found[1] for found in _PEM.finditer(content)))


def shown_by(connection: object) -> tuple[Certificate, ...]:
    """The certificate that the other side of a TLS connection has shown (the `ssl_object` of a transport); nothing without TLS."""
    if not isinstance(connection, ssl.SSLObject | ssl.SSLSocket):
        return ()
    try:
        return (read_der(connection.getpeercert(binary_form=True) or b""),)
    except ValueError:
        return ()


def authorities_of(shown: Iterable[Certificate], trusted: Collection[Certificate]) -> tuple[Certificate, ...]:
    """Those of the trusted certificates without which the shown ones are refused.

    A file of authorities may be that of a whole system, with some that end and that nobody needs. So an authority counts because it is the
    issuer. Of several with one name, as after a renewal, the one that ends last counts: TLS takes whichever is valid. Where no issuer
    is known (nothing was shown yet, or the other side sends an authority between), it is known only that nothing is accepted
    after the last one's end.
    """
    by_end = sorted(trusted, key=lambda each: each.expires_s)
    by_name = {each.name: each for each in by_end}
    found: dict[bytes, Certificate] = {}
    for each in shown:
        above = by_name.get(each.issuer)
        # A root is its own issuer.
        while above is not None and above.name not in found:
            found[above.name] = above
            above = by_name.get(above.issuer)
    return tuple(found.values()) or tuple(by_end[-1:])


def ends(found: Mapping[str, Iterable[Certificate]]) -> dict[tuple[str, str], float]:
    """Seconds since 1970, by whose certificates they are and by subject. Of two with one name the earlier end counts."""
    values: dict[tuple[str, str], float] = {}
    for component, certificates in found.items():
        for each in certificates:
            key = component, clean_label(each.subject)
            values[key] = min(each.expires_s, values.get(key, each.expires_s))
    return values


def expiries(found: Mapping[str, Iterable[Certificate]]) -> dict[str, float]:
    """`ends` by series key."""
    return {
        series_key(EXPIRY, {"component": component, "subject": subject}): value
        for (component, subject), value in ends(found).items()
    }


def _readable(texts: Iterable[bytes]) -> Iterator[Certificate]:
    for text in texts:
        try:
            yield read_der(base64.b64decode(b"".join(text.split()), validate=True))
        except (ValueError, binascii.Error):
            continue


def _inside(text: bytes | _Element, tag: int) -> list[_Element]:
    """The elements in a constructed one, which must have this tag."""
    if isinstance(text, bytes):
        text = next(_elements(text), _NOTHING)
    if text[0] != tag:
        raise ValueError(f"tag {text[0]:#x} in place of {tag:#x}")
    return list(_elements(text[1]))


def _elements(text: bytes) -> Iterator[_Element]:
    at = 0
    while at < len(text):
        if at + 2 > len(text):
            raise ValueError("cut short")
        tag, size, at = text[at], text[at + 1], at + 2
        if size & 0x80:
            # The long form: so many octets have the length. A length of 4 GB is none; neither is BER's indefinite one.
            octets = size & 0x7F
            if not 1 <= octets <= 4:  # noqa: PLR2004 - said above
                raise ValueError("no length")
            size, at = int.from_bytes(text[at : at + octets], "big"), at + octets
        if at + size > len(text):
            raise ValueError("cut short")
        yield tag, text[at : at + size]
        at += size


def _common_name(subject: _Element) -> str:
    for part in _inside(subject, _SEQUENCE):
        for attribute in _inside(part, _SET):
            found = _inside(attribute, _SEQUENCE)
            if found[:1] == [_COMMON_NAME] and len(found) > 1:
                return found[1][1].decode("utf-8", "replace")
    return UNNAMED


def _seconds(moment: _Element) -> float:
    tag, text = moment[0], moment[1].decode("ascii")
    if tag == _UTC_TIME:
        # Two digits of the year: from 50 on those of the last century (RFC 5280, 4.1.2.5.1).
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"tag {tag:#x} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
