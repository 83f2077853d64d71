"""The package is upgraded, or removed, while an agent runs: a family that is first needed afterwards is read from other files."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.captures import REPOSITORY

# An agent that has started, whose package is then changed, and which meets a device of a family that it has not needed before, and one of
# another. A reload needs that family, too.
PROGRAM = """
import asyncio, json, sys
from pathlib import Path

from agent.config import AgentConfig, Device
from agent.config_file import check_devices
from agent.poll import SnmpPoller
from agent.profile import Families
from rackflow.errors import RackflowError
from tests.agent.memory_peers import MemorySnmp

PROBE = "1.3.6.1.4.1.318.1.1.1.4.1.1.0"

families = Families()
file = Path("agent/profiles/apc-ups.yaml")
text = file.read_bytes()
match sys.argv[1]:
    case "gone":
        file.unlink()
    case "newer":
        file.write_bytes(text + b"\\nkey_of_the_next_version: 1\\n")
    case "binary":
        file.write_bytes(b"\\xff" + text)
    case "base":
        file.with_name("apc-sensors.yaml").unlink()
    case "removed":
        for each in file.parent.iterdir():
            each.unlink()


def outcome(run):
    try:
        run()
    except RackflowError as error:
        return [type(error).__name__, getattr(error, "kind", ""), str(error)]
    return []


def opened(profile):
    device = Device(id="ups-1", host="h", credential="c", profile=profile)
    poller = SnmpPoller(device, families, MemorySnmp({"1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.318.1.3.27", PROBE: 2}))
    return lambda: asyncio.run(poller.open())


config = AgentConfig.model_validate({
    "agent": "gw-1", "broker": {"host": "b"}, "labels": {"site": "s"}, "credentials": {"c": {"version": "2c", "community": "x"}},
    "devices": [{"id": "ups-1", "host": "h", "credential": "c", "profile": "apc-ups"}],
})
reload = lambda: check_devices(Path("agent.yaml"), config, families)
found = {name: outcome(run) for name, run in
         {"named": opened("apc-ups"), "recognised": opened("auto"), "reload": reload}.items()}
print(json.dumps(found))
"""


def package_in(folder: Path) -> None:
    """The agent's package, of which only the profiles are a copy."""
    package = folder / "agent"
    package.mkdir()
    for each in (REPOSITORY / "agent").iterdir():
        if each.name == "profiles":
            shutil.copytree(each, package / each.name)
        elif each.name != "__pycache__":
            (package / each.name).symlink_to(each)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("gone", "apc-ups.yaml: no such file"),
        ("newer", "key_of_the_next_version"),
        ("binary", "apc-ups.yaml: cannot be read"),
        ("base", "apc-sensors.yaml: no such file"),
        ("removed", "no such file"),
        ("none", ""),
    ],
)
def test_a_shipped_file_that_changed_fails_its_devices_and_a_reload_in_words(
    tmp_path: Path, change: str, says: str
) -> None:
    package_in(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, change],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    outcomes = json.loads(ran.stdout)
    if not says:
        assert not any(outcomes.values()), outcomes
        return
    for name, (error, kind, text) in outcomes.items():
        assert says in text, name
        assert "restart" in text
        expected = ("ProfileError", "") if name == "reload" else ("DeviceInternalError", "internal")
        assert (error, kind) == expected
