"""Files that one collector keeps to itself, whoever starts another one beside it."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from collector.own_files import CLAIM_S, claim_files
from collector.run import Collector
from rackflow import ConfigError
from tests.collector.running import config_for, killable, running
from tests.servers.mosquitto import Mosquitto


def sections(key: str, path: Path) -> dict[str, Any]:
    """A part of a configuration that gives a file its path."""
    section, name = key.split(".")
    return {section: {"store": False, name: str(path)} if section == "derive" else {name: str(path)}}


@pytest.mark.parametrize("key", ["derive.state", "problems.state"])
async def test_a_second_collector_does_not_write_the_file_of_the_first_although_their_ledgers_differ(
    key: str, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Its configuration was copied, and its client_id and dead letters changed. Energy was counted twice, and problems came and went."""
    common = sections(key, tmp_path / "shared")
    configs = [
        config_for(mosquitto.port, tmp_path / name, client_id=name, **common) for name in ("collector-1", "collector-2")
    ]
    async with running(configs[0]) as one:
        await one.ready()
        with pytest.raises(ConfigError, match=rf"^{key}: .*shared is in use by another process; .*give each its own"):
            async with asyncio.timeout(20):
                await Collector(configs[1]).run()
    async with running(configs[1]) as other:  # the first one has ended
        await other.ready()


@pytest.mark.parametrize("key", ["derive.state", "problems.state"])
async def test_a_disk_that_refuses_a_lock_keeps_no_collector_from_starting(
    key: str, mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    config = config_for(mosquitto.port, tmp_path, **sections(key, tmp_path / "file" / "state"))
    async with running(config) as one:
        await one.ready()
    assert any(f"{key}: {tmp_path}/file/state has no lock" in record.getMessage() for record in caplog.records)


async def test_a_file_that_is_in_use_leaves_no_other_claimed(tmp_path: Path) -> None:
    first = config_for(1, tmp_path / "1", **sections("problems.state", tmp_path / "shared"))
    second = config_for(1, tmp_path / "2", **sections("problems.state", tmp_path / "shared"))
    with await claim_files(first):
        with pytest.raises(ConfigError, match=r"problems\.state"):
            await claim_files(second)
        others = config_for(1, tmp_path / "2", **sections("problems.state", tmp_path / "own"))
        (await claim_files(others)).close()


async def test_a_file_whose_folder_is_made_at_the_first_start_is_claimed_from_then_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shared = sections("problems.state", tmp_path / "new" / "folder" / "state")
    with (
        await claim_files(config_for(1, tmp_path / "1", **shared)),
        pytest.raises(ConfigError, match=r"problems\.state"),
    ):
        await claim_files(config_for(1, tmp_path / "2", **shared))
    assert not caplog.records


@pytest.mark.parametrize("key", ["derive.state", "problems.state"])
async def test_a_pipe_in_the_place_of_a_lock_is_named_and_not_waited_for(key: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state.lock")
    config = config_for(1, tmp_path, **sections(key, tmp_path / "state"))
    with pytest.raises(ConfigError, match=rf"^{key}: .*state\.lock is not a regular file"):
        async with asyncio.timeout(CLAIM_S):
            await claim_files(config)


async def test_a_collector_that_was_killed_starts_again_at_once(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Status 78, of a file that is in use, is one after which systemd starts nothing."""
    config = config_for(mosquitto.port, tmp_path)
    async with killable(config, tmp_path) as kill:
        await kill()
        async with running(config) as one:
            await one.ready()
