"""The shipped profiles, read once for all tests: reading them takes more than a second of CPU."""

from collections.abc import Mapping
from functools import cache

from agent.profile import Profile
from agent.profile.loading.load import load_profiles


@cache
def shipped_profiles() -> Mapping[str, Profile]:
    """All profiles of the agent, by name. They are frozen, so tests can share them."""
    return load_profiles()
