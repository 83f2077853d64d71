"""How many hours without a collector fit into an outbox, as `check` says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import AgentConfig
from agent.config_checks.outage import (
    ENVELOPE_BYTES,
    MESSAGE_BYTES,
    OWN_BYTES,
    OutageEstimate,
    estimate_outage,
    sizes_of,
)
from agent.profile import load_profiles, parse_profile
from rackflow.documents import Batch, encode
from rackflow.outbox import DISK_LIMIT_BYTES
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
    sizes = sizes_of(profiles["rfc1628-ups"], outlets=False)
    assert sizes.keys() == {"safety", "fast", "normal", "slow", "inventory"}
    config = config_with({"mode": "memory", "limit_bytes": 10_000_000}, *["rfc1628-ups"] * 10)
    found = estimate_outage(config, profiles)
    # Ten devices, each every 1, 5, 10, 60 and 3600 s, and the agent's own report every 10 s.
    assert found.messages_per_s == pytest.approx(0.1 + 10 * (1 + 1 / 5 + 1 / 10 + 1 / 60 + 1 / 3600))
    seconds = {"safety": 1, "fast": 5, "normal": 10, "slow": 60, "inventory": 3600}
    bytes_per_s = OWN_BYTES / 10 + 10 * sum(size / seconds[each] for each, size in sizes.items())
    assert found.hours == pytest.approx(10_000_000 / bytes_per_s / 3600)
    assert f"messages a second, of {found.message_bytes / 1000:.1f} kB each" in str(found)
    assert "the oldest are dropped" in str(found)


def test_a_profile_may_read_a_series_in_another_class_than_the_catalogue_says() -> None:
    point = {"metric": "dcim_ups_output_source", "oid": "1.3.6.1.4.1.99999.1.0", "states": {1: "normal"}}
    head = {"version": 1, "profile": "p", "class": "ups", "protocol": "snmp", "title": "t", "source": "s"}
    whole = head | {"evidence": "unverified", "recognise": {"probes": [point["oid"]]}}
    usual, other = (
        parse_profile(json.dumps(whole | {"points": [point | poll]}), "p.yaml") for poll in ({}, {"poll": "slow"})
    )
    assert [*sizes_of(usual, outlets=False)] == ["safety"]
    assert [*sizes_of(other, outlets=False)] == ["slow"]


def test_an_outbox_of_minutes_says_minutes_and_a_large_rate_is_written_out() -> None:
    estimate = OutageEstimate(hours=0.046, messages_per_s=6341.2, bound="size", message_bytes=1000.0)
    assert str(estimate).startswith("outbox: about 6,340 messages a second, of 1.0 kB each; it holds 3 minutes of them")
    assert "it holds 1.0 hours of them" in str(replace(estimate, hours=1.0))
    assert "about 999 messages a second" in str(replace(estimate, messages_per_s=999.4))


def test_a_large_outbox_is_bounded_by_age(tmp_path: Path) -> None:
    outbox = {"mode": "disk", "path": str(tmp_path / "outbox.db"), "max_age_s": 7200}
    found = estimate_outage(config_with(outbox, "auto"), load_profiles(None))
    assert (found.hours, found.bound) == (2.0, "age")
    assert "it holds 2.0 hours of them while no collector stores them, then they expire" in str(found)


def test_a_small_disk_bounds_an_outbox_before_its_limit(tmp_path: Path) -> None:
    """`8.1 hours` were said of a disk with 12 MB left."""
    profiles = load_profiles(None, lazy=True)
    config = config_with({"mode": "disk", "path": str(tmp_path / "outbox.db")}, *["rfc1628-ups"] * 10)
    most, found = (estimate_outage(config, profiles, room) for room in (10**12, 12_000_000))
    assert (most.bound, found.bound) == ("size", "disk")
    assert found.hours == pytest.approx(most.hours * 12_000_000 / DISK_LIMIT_BYTES)
    assert "while no collector stores them, then its disk is full, and further ones are kept in memory only" in str(
        found
    )
    in_memory = config_with({"mode": "memory"}, *["rfc1628-ups"] * 10)
    assert estimate_outage(in_memory, profiles, 1000) == estimate_outage(in_memory, profiles)


def test_messages_in_memory_do_not_expire() -> None:
    outbox = {"mode": "memory", "limit_bytes": 1_000_000_000}
    found = estimate_outage(config_with(outbox, "auto"), load_profiles(None))
    assert found.bound == "size"
    assert found.hours > 24.0


def test_devices_that_are_off_or_not_recognised_yet_are_counted_as_such() -> None:
    profiles = load_profiles(None, lazy=True)
    one = estimate_outage(config_with({"mode": "memory"}, "auto"), profiles)
    assert one.messages_per_s == pytest.approx(0.1 + 1 / 5 + 1 / 10 + 1 / 60 + 1 / 3600)
    config = config_with({"mode": "memory"}, "auto", "auto")
    off = config.model_copy(
        update={"devices": [config.devices[0], config.devices[1].model_copy(update={"enabled": False})]}
    )
    assert estimate_outage(off, profiles).messages_per_s == pytest.approx(one.messages_per_s)


def test_configured_intervals_count_for_the_devices_and_for_the_agents_own_report() -> None:
    config = config_with({"mode": "memory"}, "auto").model_copy(update={"intervals": {"normal": 60.0}})
    found = estimate_outage(config, load_profiles(None, lazy=True))
    assert found.messages_per_s == pytest.approx(1 / 60 + 1 / 5 + 1 / 60 + 1 / 60 + 1 / 3600)


def test_long_polls_count_as_long_outlets_only_where_they_are_read_and_alternatives_once() -> None:
    profiles = load_profiles(None, lazy=True)
    without, every = (sizes_of(profiles["apc-rpdu2"], outlets=each) for each in (False, True))
    # The slow class has thresholds of phases and banks, too.
    assert every["slow"] > 4 * without["slow"] > 4 * ENVELOPE_BYTES
    # Sources of the UPS-MIB beside its own: each series is there once. Its tables of packs, modules and switchgear are long, too.
    assert sizes_of(profiles["apc-ups"], outlets=False)["fast"] < 4 * MESSAGE_BYTES


def test_an_agent_without_devices_sends_its_own_report_of_some_kilobytes() -> None:
    found = estimate_outage(config_with({"mode": "memory", "limit_bytes": 10_000_000}), {})
    assert found.messages_per_s == pytest.approx(0.1)
    assert found.message_bytes == pytest.approx(3500, rel=0.2)
    assert found.hours == pytest.approx(10_000_000 / 350 / 3600, rel=0.2)


def test_a_batch_has_names_and_labels_beside_its_series() -> None:
    batch = Batch(
        agent="gw-1",
        epoch="20261130T111500-1a2b3c4d",
        seq=123_456,
        time=1_795_460_000_000,
        device="ups-a-17",
        device_class="ups",
        poll="fast",
        interval_s=5,
        duration_s=0.1234,
        up=True,
        labels={"site": "t1", "room": "hall-1", "row": "b", "rack": "b-07"},
    )
    assert len("rackflow/v1/t1/gw-1/batch/ups-a-17") + len(encode(batch)) == pytest.approx(ENVELOPE_BYTES, rel=0.2)
