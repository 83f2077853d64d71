"""Reads an agent's configuration file: completes it from the site file, and reads the profiles that it uses.

All checks are made here, when the file is read. An error names file, key and remedy, and a reload of a faulty file changes nothing.
"""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.config import AgentConfig, CoolantConfig, Device, Labels
from agent.poll import check_profile
from agent.profile import Families, Profile
from agent.vocabulary import other_word
from rackflow.errors import ConfigError
from rackflow.plural import count_of
from rackflow.process.config import line_with, load_config, named_file, refuse_overwriting
from rackflow.process.files import is_absent, mode_of
from rackflow.process.yaml import line_of, lines_of, read_text_file

if TYPE_CHECKING:
    from rackflow.site import Site

# More names than this do not help in one line.
MAX_NAMED = 10


def load_agent_config(path: Path, *, with_site_file: bool = True) -> AgentConfig:
    """Load and check the configuration, and complete its devices from the site file. Raises ConfigError naming file, key and remedy.

    Without `with_site_file`, the site file is not read: for a command that is about to write it.
    """
    config = load_config(path, AgentConfig, other_word)
    if config.profiles and not stat.S_ISDIR(mode_of(config.profiles)):
        is_hidden = not mode_of(config.profiles) and not is_absent(config.profiles)
        why = (
            "is in a folder that this account may not enter; give it that right"
            if is_hidden
            else "no such folder; correct the path"
        )
        raise ConfigError(f"{line_with(path, 'profiles')}: profiles: {config.profiles}: {why}")
    site_file = named_file(path, "site_file", config.site_file) if config.site_file and with_site_file else None
    written = {"outbox.path": config.outbox.path, "health_file": config.health_file}
    refuse_overwriting(path, written, {"site_file": site_file} | _certificate_files(config))
    if site_file is None:
        return config
    try:
        # Imported here, because its models take 0.03 s of CPU and 3 MB, and most agents have no site file.
        from rackflow.site import load_site  # noqa: PLC0415

        return with_site(config, load_site(site_file))
    except _SiteMismatchError as error:
        at = () if error.device is None else ("devices", error.device)
        line = line_of(read_text_file(path), at) if at else None
        where = f"{path}:{line}" if line else str(path)
        raise ConfigError(f"{where}: {error} in {site_file}; correct one of them, or remove it here") from error


def _certificate_files(config: AgentConfig) -> dict[str, Path | None]:
    """The files of certificates and keys, by their keys in the configuration."""
    sections = {"broker": config.broker, **({"pair": config.pair} if config.pair else {})}
    names = ("ca_file", "cert_file", "key_file")
    return {f"{key}.{name}": getattr(each, name, None) for key, each in sections.items() for name in names}


def load_checked(path: Path, folder: Path | None = None) -> tuple[AgentConfig, Families]:
    """The configuration and its profiles, from `folder` if given, else from the folder it names. Raises ConfigError, ProfileError."""
    config = load_agent_config(path)
    profiles = Families(folder or config.profiles)
    check_devices(path, config, profiles)
    return config, profiles


def check_devices(path: Path, config: AgentConfig, profiles: Mapping[str, Profile]) -> None:
    """Raises ConfigError if a device or the broker cannot be used, ProfileError if a profile that is used is faulty."""
    faults: list[tuple[int, str]] = []
    for at, device in enumerate(config.devices):
        if len(faults) >= MAX_NAMED and device.profile != "auto" and device.profile not in profiles:
            # Counted without words: finding what each of thousands of names is nearest to takes a reload a minute.
            faults.append((at, ""))
            continue
        try:
            check_profile(profiles, device)
        except ConfigError as error:
            faults.append((at, str(error)))
    if faults:
        named = faults[:MAX_NAMED]
        numbers = lines_of(read_text_file(path), [("devices", at, "profile") for at, _ in named])
        lines = [f"{path}:{number}: {fault}" for number, (_, fault) in zip(numbers, named, strict=True)]
        if more := len(faults) - len(named):
            lines.append(f"{path}: {count_of(more, 'more device')} like these")
        raise ConfigError("\n".join(lines))
    config.broker.check_files(path)
    try:
        lease_broker = config.lease_broker()
    except ConfigError as error:
        raise ConfigError(f"{line_with(path, 'pair')}: {error}") from error
    if config.pair is not None:
        # Without its lease neither machine of a pair polls, so this is no less a fault than one of the broker's own files.
        lease_broker.check_files(path, "pair")


class _SiteMismatchError(ConfigError):
    """The agent's configuration and the site file disagree."""

    device: int | None = None
    """Position of the device's entry."""


def with_site(config: AgentConfig, site: "Site") -> AgentConfig:
    """The configuration with labels, roles and coolants from the site. Raises ConfigError if the two disagree.

    Neither side takes precedence: if they name two places for one device, one is wrong and nobody knows which.
    """
    labels = _agreed("labels", config.labels.given(), {"site": site.id})
    devices = []
    for index, device in enumerate(config.devices):
        try:
            devices.append(_device_with_site(config, site, device, f"devices[{index}] ({device.id})"))
        except _SiteMismatchError as error:
            error.device = index
            raise
    found = config.model_copy(update={"labels": Labels.model_validate(labels), "devices": devices})
    found.note_site(site.digest)
    return found


def _device_with_site(config: AgentConfig, site: "Site", device: Device, where: str) -> Device:
    _agreed(where, {"agent": config.agent}, {"agent": site.agents.get(device.id, config.agent)})
    labels = _agreed(f"{where}.labels", device.labels.given(), site.labels(device.id))
    _known_feed(where, device, site)
    role = {"role": meter.role} if (meter := site.meters.get(device.id)) else {}
    given = {"role": device.role} if device.role else {}
    return device.model_copy(
        update={
            "labels": Labels.model_validate(labels),
            "role": _agreed(where, given, role).get("role"),
            "coolant": _coolants(where, device, site),
        }
    )


def _known_feed(where: str, device: Device, site: "Site") -> None:
    """A feed that the site does not have would be a label that leads nowhere. Rooms may be named that no site file describes."""
    feed = device.labels.given().get("feed")
    if feed is not None and feed not in site.feeds:
        known = ", ".join(list(site.feeds)[:MAX_NAMED])
        raise _SiteMismatchError(f"{where}.labels.feed: {feed!r} is here, and only {known}")


def _agreed(where: str, given: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    for key, value in given.items():
        if known.get(key, value) != value:
            raise _SiteMismatchError(f"{where}.{key}: is {value!r} here and {known[key]!r}")
    return {**known, **given}


def _coolants(where: str, device: Device, site: "Site") -> dict[Literal["primary", "secondary"], CoolantConfig]:
    cdu = site.cdus.get(device.id)
    found = dict(device.coolant)
    for name in (*cdu.primaries, cdu.secondary) if cdu else ():
        loop = site.loops[name]
        # Only the fluid is compared: additive and concentration are for display, and only the agent's configuration has them.
        given = {"fluid": found[loop.kind].fluid} if loop.kind in found else {}
        _agreed(f"{where}.coolant.{loop.kind}", given, {"fluid": loop.coolant})
        found.setdefault(loop.kind, CoolantConfig(fluid=loop.coolant))
    return found
