"""How many hours without a collector fit into an outbox, as `check` says."""

from pathlib import Path

import pytest

from agent.config import AgentConfig
from agent.outage import MESSAGE_BYTES, classes_of, estimate_outage
from agent.profile import load_profiles
from rackflow.process.config import check_config


def config_with(outbox: dict[str, object], *profiles: str) -> AgentConfig:
    devices = [{"id": f"d{at}", "host": "h", "credential": "c", "profile": name} for at, name in enumerate(profiles)]
    whole = {
        "agent": "gw-1",
        "labels": {"site": "t1"},
        "credentials": {"c": {"community": "secret-1"}},
        "devices": devices,
        "outbox": outbox,
    }
    return check_config(whole, AgentConfig, "test")


def test_the_hours_follow_from_the_intervals_of_the_profiles() -> None:
    profiles = load_profiles(None, lazy=True)
    assert classes_of(profiles["rfc1628-ups"]) == {"safety", "fast", "normal", "slow", "inventory"}
    config = config_with({"mode": "memory", "limit_bytes": 10_000 * MESSAGE_BYTES}, *["rfc1628-ups"] * 10)
    found = estimate_outage(config, profiles)
    # Ten devices, each every 1, 5, 10, 60 and 3600 s, and the agent's own report every 10 s.
    assert found.messages_per_s == pytest.approx(0.1 + 10 * (1 + 1 / 5 + 1 / 10 + 1 / 60 + 1 / 3600))
    assert found.hours == pytest.approx(10_000 / found.messages_per_s / 3600)
    assert "the oldest are dropped" in str(found)


def test_a_large_outbox_is_bounded_by_age(tmp_path: Path) -> None:
    outbox = {"mode": "disk", "path": str(tmp_path / "outbox.db"), "max_age_s": 7200}
    found = estimate_outage(config_with(outbox, "auto"), load_profiles(None))
    assert (found.hours, found.by_age) == (2.0, True)
    assert "2.0 hours without a collector fit, then they expire" in str(found)


def test_devices_that_are_off_or_not_recognised_yet_are_counted_as_such() -> None:
    profiles = load_profiles(None, lazy=True)
    one = estimate_outage(config_with({"mode": "memory"}, "auto"), profiles)
    assert one.messages_per_s == pytest.approx(0.1 + 1 / 5 + 1 / 10 + 1 / 60 + 1 / 3600)
    config = config_with({"mode": "memory"}, "auto", "auto")
    off = config.model_copy(
        update={"devices": [config.devices[0], config.devices[1].model_copy(update={"enabled": False})]}
    )
    assert estimate_outage(off, profiles).messages_per_s == pytest.approx(one.messages_per_s)
