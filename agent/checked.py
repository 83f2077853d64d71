"""Reads an agent's configuration together with the profiles that it uses, for all commands that take one."""

from collections.abc import Mapping
from pathlib import Path

from agent.config import MAX_NAMED, AgentConfig, load_agent_config
from agent.poll import check_profile
from agent.profile import Families, Profile
from rackflow.errors import ConfigError
from rackflow.plural import count_of
from rackflow.process.config import line_with
from rackflow.process.yaml import lines_of, read_text_file


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
        try:
            check_profile(profiles, device)
        except ConfigError as error:
            faults.append((at, str(error)))
    if faults:
        named = faults[:MAX_NAMED]
        lines = lines_of(read_text_file(path), [("devices", at, "profile") for at, _ in named])
        told = [f"{path}:{line}: {fault}" for line, (_, fault) in zip(lines, named, strict=True)]
        more = len(faults) - len(named)
        raise ConfigError("\n".join([*told, f"{path}: {count_of(more, 'more device')} like these"] if more else told))
    config.broker.check_files(path)
    try:
        lease_broker = config.lease_broker()
    except ConfigError as error:
        raise ConfigError(f"{line_with(path, 'pair')}: {error}") from error
    if config.pair is not None:
        # Without its lease neither machine of a pair polls, so this is no less a fault than one of the broker's own files.
        lease_broker.check_files(path, "pair")
