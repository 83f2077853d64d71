"""Finds entries of a configuration that ask one address for the same device, or open one line in two ways.

Pure, but for reading the file's lines.

Two entries whose requests are identical give every reading twice, under two names, and sums count the device double. Of two settings of
one Modbus line only those of its first unit are used. The agent polls such devices nevertheless, because not starting would stop all
others; `check` and `doctor` report them as errors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.config import AgentConfig, Credential, Device
from agent.profile import Profile
from rackflow.plural import count_of
from rackflow.process.yaml import lines_of, read_text_file

# Pairs of each kind that are named; the rest is only counted, because the first few show what is wrong.
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class SameAddress:
    """Two entries with the same address; `is_wrong` if they cannot both be intended."""

    first: int
    second: int
    """Their positions in `devices`."""
    address: str
    is_wrong: bool
    remedy: str


def same_addresses(config: AgentConfig, profiles: Mapping[str, Profile]) -> Iterator[SameAddress]:
    """For every enabled entry that repeats an earlier one's address: a pair that cannot be intended if there is one, else one that can.

    Also every Modbus unit whose line would have to be opened in another way than for the first unit on it.
    """
    by_address: dict[tuple[object, ...], list[int]] = {}
    lines: dict[tuple[object, ...], int] = {}
    for at, device in enumerate(config.devices):
        if device.enabled:
            if device.protocol == "modbus":
                first = lines.setdefault(_place(device), at)
                if remedy := _other_line(config.devices[first], device):
                    yield SameAddress(first, at, _line(device), is_wrong=True, remedy=remedy)
            before = by_address.setdefault(_asked(config, profiles, device), [])
            if (worst := _worst(config, before, at)) is not None:
                yield SameAddress(worst[0], at, _address(device, profiles), *worst[1])
            before.append(at)


def _worst(config: AgentConfig, before: Sequence[int], at: int) -> tuple[int, tuple[bool, str]] | None:
    doubtful = None
    for earlier in before:
        devices = config.devices[earlier], config.devices[at]
        found = _modbus(*devices) if devices[0].protocol == "modbus" else _snmp(config, *devices)
        if found is not None and found[0]:
            return earlier, found
        if found is not None and doubtful is None:
            doubtful = earlier, found
    return doubtful


def tell_same_addresses(
    path: Path, config: AgentConfig, profiles: Mapping[str, Profile]
) -> tuple[Sequence[str], Sequence[str]]:
    """Messages with both names, their lines and the remedy: first for pairs that cannot be intended, then for those that can."""
    found = list(same_addresses(config, profiles))
    wrong = [each for each in found if each.is_wrong]
    doubtful = [each for each in found if not each.is_wrong]
    named = [*wrong[:MOST_NAMED], *doubtful[:MOST_NAMED]]
    places = [("devices", at, "id") for each in named for at in (each.first, each.second)]
    # For both at once: a file of thousands of devices takes a tenth of a second of CPU.
    lines = iter(lines_of(read_text_file(path), places)) if places else iter(())
    return _as_lines(path, config, wrong, lines), _as_lines(path, config, doubtful, lines)


def _as_lines(
    path: Path, config: AgentConfig, found: Sequence[SameAddress], lines: Iterator[int | None]
) -> Sequence[str]:
    named, more = found[:MOST_NAMED], len(found) - MOST_NAMED
    texts = []
    for each in named:
        first, second = next(lines), next(lines)
        names = config.devices[each.first].id, config.devices[each.second].id
        texts.append(
            f"{path}:{second}: devices[{each.second}] ({names[1]}): has the same address as {names[0]!r} in line {first},"
            f" {each.address}; {each.remedy}"
        )
    if more > 0:
        texts.append(f"{path}: {count_of(more, 'more entry')} with the address of another")
    return texts


def _asked(config: AgentConfig, profiles: Mapping[str, Profile], device: Device) -> tuple[object, ...]:
    """The target of a device's requests. An SNMP `unit` is not part of it, because it only selects rows of the answers."""
    if device.protocol == "modbus":
        return (*_place(device), _modbus_unit(device, profiles))
    credential = config.credentials[device.credential or ""]
    return (*_place(device), _context(credential))


def _place(device: Device) -> tuple[object, ...]:
    if device.protocol == "modbus" and device.transport == "serial":
        return "serial", device.serial
    return device.protocol, *device.network_address


def _modbus_unit(device: Device, profiles: Mapping[str, Profile]) -> int:
    profile = profiles.get(device.profile)
    return device.unit if device.given_unit is not None or profile is None else profile.modbus.unit


def _context(credential: Credential) -> tuple[str, str]:
    """What chooses among several devices behind one address: the context of v3; before v3 the community (RFC 2576, 5)."""
    if credential.version == "3":
        return "context", credential.context
    return "community", credential.community.get_secret_value() if credential.community else ""


def _address(device: Device, profiles: Mapping[str, Profile]) -> str:
    return f"{_line(device)} unit {_modbus_unit(device, profiles)}" if device.protocol == "modbus" else _line(device)


def _line(device: Device) -> str:
    is_serial = device.protocol == "modbus" and device.transport == "serial"
    return device.serial or "" if is_serial else f"{device.host}:{device.used_port}"


TWICE = "every reading would come twice, and sums would count it double"


def _other_line(first: Device, other: Device) -> str:
    """What to do if two units on one line differ in a setting of the line; empty if they do not. Timeouts may differ."""
    names = ("transport", *(("baudrate", "parity", "stopbits") if first.transport == "serial" else ()))
    differing = [
        f"{name} is {getattr(other, name)} here and {getattr(first, name)} there"
        for name in names
        if getattr(other, name) != getattr(first, name)
    ]
    return f"a line is opened in one way only: {', '.join(differing)}; correct one of them" if differing else ""


def _modbus(first: Device, second: Device) -> tuple[bool, str] | None:
    if first.profile == second.profile:
        return True, f"{TWICE}: correct host, port or unit of one, or remove it"
    return False, "correct host, port or unit of one, unless this unit has the registers of both profiles"


def _snmp(config: AgentConfig, first: Device, second: Device) -> tuple[bool, str] | None:
    units = first.given_unit, second.given_unit
    if units[0] != units[1]:
        if None not in units:
            return None
        # An entry without `unit` reads what only one of the units has, and leaves out what several have.
        return False, "set `unit` on both if they are units behind one agent; otherwise correct host or port of one"
    if first.profile != second.profile:
        return False, "correct host or port of one, unless one agent answers for both families"
    accounts = [config.credentials[each.credential or ""] for each in (first, second)]
    if accounts[0] != accounts[1]:
        return False, "correct host or port of one, unless the two credentials show different devices"
    return True, f"{TWICE}: correct host or port of one, or remove it; units behind one agent need `unit`"
