"""Checks what stands in a configuration or on a command line where an address or a host name is expected."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from rackflow.process.paths import reference_fault

TYPOGRAPHIC_QUOTES: Final = frozenset("\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb")
"""As a text processor or a chat puts them in place of plain ones. To YAML they are part of the text."""
_QUOTES: Final = TYPOGRAPHIC_QUOTES | frozenset("`\"'")
# Nothing but digits and dots is meant as an address: no top-level domain is all numeric (RFC 3696, 2).
_DOTTED = re.compile(r"[0-9.]+")
_HEX = re.compile(r"0[xX][0-9a-fA-F]+(?:\.(?:0[xX])?[0-9a-fA-F]+){0,3}")


def checked_host(value: object) -> object:
    """An address or a host name, an IPv6 address without brackets. Raises ValueError with what to write; leaves what is no text."""
    if not isinstance(value, str):
        return value
    host = value.strip()
    if not host:
        raise ValueError("is empty; write an address or a host name")
    if any(character.isspace() for character in host):
        raise ValueError("has a blank in it; give one address or host name")
    if host[:1] in _QUOTES or host[-1:] in _QUOTES:
        raise ValueError("has quotation marks in it; write it without them")
    if fault := _text_fault(host) or _address_fault(host):
        raise ValueError(fault)
    if "@" in host:
        raise ValueError("has a user name in it; write only what stands behind the @")
    if "://" in host or "/" in host:
        raise ValueError("is an address of a web page; give only the host name or address in it")
    bare, colon, port = host.rpartition(":")
    # An IPv6 address has several colons and stands without brackets.
    if colon and port.isdecimal() and (":" not in bare or bare.endswith("]")):
        raise ValueError(f"has a port in it; write host: {bare.strip('[]')} and port: {port}")
    # Brackets belong to the addresses of pages; resolvers do not know such a name.
    inner = host.removeprefix("[").removesuffix("]")
    return _with_interface(inner) if _is_address(inner, IPv6Address) else host


def _with_interface(address: str) -> str:
    if IPv6Address(address).is_link_local and "%" not in address:
        raise ValueError(
            f"is a link-local address, which needs this machine's interface; write it as in {address}%eth0"
        )
    return address


def _text_fault(host: str) -> str | None:
    if not host.isprintable():
        return "has a character that cannot be seen; type it anew"
    return reference_fault(host)


def _address_fault(host: str) -> str | None:
    """Why this is no IPv4 address, if it is meant as one.

    Systems read it nevertheless, and not as it is meant: 192.0.2.010 as 192.0.2.8 and 192.0.2 as 192.0.0.2 (inet_aton(3)). Another
    device would be polled under this one's name.
    """
    address, slash, length = host.partition("/")
    first, dash, last = host.partition("-")
    if dash and _is_address(first, IPv4Address) and (last.isdecimal() or _is_address(last, IPv4Address)):
        return f"is a range; write the address of one device, as in {first}"
    if slash and length.isdecimal() and _is_address(address, IPv4Address):
        return f"is a network; write the address of one device, as in {address}"
    if not (_DOTTED.fullmatch(host) or _HEX.fullmatch(host)) or _is_address(host, IPv4Address):
        return None
    plain = ".".join(part.lstrip("0") or "0" for part in host.split("."))
    if _is_address(plain, IPv4Address):
        return f"has a number that begins with 0, which systems read as octal; write {plain}"
    return "is no IPv4 address; write four numbers of 0 to 255, as in 192.0.2.10"


def _is_address(text: str, kind: type[IPv4Address] | type[IPv6Address]) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
