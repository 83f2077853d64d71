"""Day one as docs/tutorial/site.md prints it: addresses become an agent's configuration and a site file, and both run as written."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from contextlib import AsyncExitStack, chdir
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml

from agent.cli import main
from agent.config_file import load_agent_config
from rackflow.site import load_site, parse_site
from simulator.site.maker import campus, site_yaml
from simulator.wire.fleet import Fleet
from simulator.world import World
from simulator.world.instruments import Instruments
from tests.collector.running import config_for, running
from tests.examples.blocks import REPOSITORY, blocks_of
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.program import Program
from tests.servers.waiting import eventually
from tests.servers.web import request

TUTORIAL = REPOSITORY / "docs/tutorial/site.md"
FIRST = IPv4Address("127.31.0.1")
# The tutorial's campus has 33 racks and five UPSs on each feed; this one two and two, which costs a tenth.
RACKS = 2
ONLY_THERE = re.compile(r" hall-1-ups-[ab][3-9]")
REFUSED = r'^dcim_collector_message_failures_total\{reason="(series|devices|unknown_metric|key)"\} [1-9]'


def tutorial(note: str) -> str:
    """The block of the tutorial that is marked so."""
    (block,) = (block.text for block in blocks_of(TUTORIAL) if note in block.note)
    return block


def table_of(fleet: Fleet) -> str:
    """The tutorial's table, of the devices that are there and with the addresses that they have."""
    there = {device: str(FIRST + number) for number, device in enumerate(fleet.devices)}
    rows = [line.split(",") for line in ONLY_THERE.sub("", tutorial("hall.csv")).splitlines()]
    kept = [row for row in rows if row[0] in there or not row[2] or row[0] == "id"]
    return "".join(",".join([*row[:2], there.get(row[0], row[2]), *row[3:]]) + "\n" for row in kept)


def lines_before_running() -> Iterator[str]:
    """The commands up to those that run until they are stopped."""
    for line in tutorial("test_day_one.py runs it").replace("\\\n", " ").splitlines():
        if " run " in line:
            return
        yield line


class Reader:
    """Somebody who types the tutorial's lines, with other addresses and ports, in a folder."""

    def __init__(self, folder: Path, devices: int, broker: int, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.port = free_port()
        self._last = FIRST + devices - 1
        self._broker = broker
        self._capfd = capfd

    def type(self, line: str) -> None:
        """One line. What it prints goes where it says; it must end with 0."""
        if line.startswith("echo"):
            text, _, files = line.removeprefix("echo ").partition(" | tee -a ")
            for file in files.split():
                with (self.folder / file).open("a", encoding="utf-8") as stream:
                    stream.write(f"{shlex.split(text)[0]}\n")
            return
        command, _, file = line.partition(" > ")
        words = shlex.split(command.replace("127.20.0.1-205", f"{FIRST}-{self._last}"))[1:]
        if words[0] == "discover":
            words += ["--port", str(self.port), "--rate", "500"]
            words += ["--broker", f"127.0.0.1:{self._broker}"] if file else []
        status = main(words[1:] if words[0] == "agent" else words)
        printed = self._capfd.readouterr()
        assert status == 0, printed.err
        if file:
            (self.folder / file).write_text(printed.out, encoding="utf-8")


async def test_addresses_become_a_watched_site_by_the_commands_of_the_tutorial(
    tmp_path: Path, mosquitto: Mosquitto, capfd: pytest.CaptureFixture[str]
) -> None:
    world = World(parse_site(site_yaml(campus(RACKS)), "campus"))
    world.advance(60)
    fleet = Fleet(world, Instruments(world), mixed=True)
    reader = Reader(tmp_path, len(fleet.devices), mosquitto.port, capfd)
    (tmp_path / "hall.csv").write_text(table_of(fleet), encoding="utf-8")
    (tmp_path / "collector.yaml").write_text("client_id: c\n", encoding="utf-8")
    async with AsyncExitStack() as stack:
        await fleet.start(stack, reader.port, FIRST)
        stack.enter_context(chdir(tmp_path))
        for line in lines_before_running():
            await asyncio.to_thread(reader.type, line)  # beside the devices that answer
        made = load_agent_config(tmp_path / "agent.yaml")
        assert len(made.devices) == len(fleet.devices)
        assert len({each.profile for each in made.devices}) == 12
        site = load_site(tmp_path / "site.yaml")
        assert site.feeds_of("hall-1-a1") == ("A", "B")
        assert site.loop_of("hall-1-a1") == site.loops["tcs-hall-1-a"]
        assert site.cdus["hall-1-a-cdu-1"].secondary == "tcs-hall-1-a"
        assert {name: each.role for name, each in site.meters.items()}["meter-main"] == "facility"

        named = yaml.safe_load((tmp_path / "collector.yaml").read_text(encoding="utf-8"))["site_file"]
        store: dict[str, object] = {"kind": "file", "path": str(tmp_path / "points")}
        with Program("agent", tmp_path / "agent.yaml", tmp_path).serving():
            async with running(
                config_for(mosquitto.port, tmp_path, store, site_file=str(tmp_path / named))
            ) as collector:

                def seen() -> bool:
                    page = request(f"{collector.url}/metrics").text
                    up = re.findall(r"^dcim_device_up\{.*\} 1", page, re.MULTILINE)
                    # A figure over every PDU of the site.
                    survives = re.findall(r'^dcim_site_survives_feed_loss\{.*feed="[AB]".* 1', page, re.MULTILINE)
                    assert not re.search(REFUSED, page, re.MULTILINE)
                    return len(up) == len(fleet.devices) and len(survives) == 2

                await eventually(seen, "every device is up, and what the site survives is known", 60)
        # What no collector has stored yet was kept there.
        assert (tmp_path / "agent-outbox.db.segments").is_dir()
