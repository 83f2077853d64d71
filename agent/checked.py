"""Reads an agent's configuration together with the profiles that it uses, for all commands that take one."""

from collections.abc import Mapping
from pathlib import Path

from agent.config import AgentConfig, load_agent_config
from agent.poll import check_profile
from agent.profile import Families, Profile
from rackflow.errors import ConfigError


def load_checked(path: Path, folder: Path | None = None) -> tuple[AgentConfig, Families]:
    """The configuration and its profiles, from `folder` if given, else from the folder it names. Raises ConfigError, ProfileError."""
    config = load_agent_config(path)
    profiles = Families(folder or config.profiles)
    check_devices(path, config, profiles)
    return config, profiles


def check_devices(path: Path, config: AgentConfig, profiles: Mapping[str, Profile]) -> None:
    """Raises ConfigError if a device or the broker cannot be used, ProfileError if a profile that is used is faulty."""
    try:
        for device in config.devices:
            check_profile(profiles, device)
        config.broker.tls_context()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
