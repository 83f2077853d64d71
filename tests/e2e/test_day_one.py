"""Day one as docs/tutorial/site.md has it: addresses become an agent's configuration and a site file, and both run as they were written."""

import asyncio
import re
from contextlib import AsyncExitStack, chdir
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from agent.cli import main
from agent.config import load_agent_config
from rackflow.site import load_site, parse_site
from simulator.site.maker import campus, site_yaml
from simulator.wire.fleet import Fleet
from simulator.world import World
from simulator.world.instruments import Instruments
from tests.collector.running import config_for, running
from tests.e2e.agents import agent_process
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import eventually

FIRST = IPv4Address("127.31.0.1")
# What no name tells, as in the tutorial: the panel above each PDU, ratings and the loop.
PANELS = "id,section,from\nmain-A,panels,{a}\nmain-B,panels,{b}\n"
VALUES = (
    *("electrical.volts=240", "ups.rated_power_w=1.5 MW", "pdus.breaker_a=160", "pdus.from=main-{feed}"),
    *("racks.design_power_w=132 kW", "racks.liquid_share=0.85", "racks.loop=tcs", "cdus.secondary=tcs"),
    *("cdus.rated_cooling_w=450 kW", "loops.coolant=pg25", "loops.volume_m3=200 L", "meters.role=other"),
)


async def command(*words: str) -> int:
    """One command as it is typed, beside the devices that answer it."""
    return await asyncio.to_thread(main, [*words])


async def test_addresses_become_a_watched_site_in_commands_that_need_no_editor(
    tmp_path: Path, mosquitto: Mosquitto, capfd: pytest.CaptureFixture[str]
) -> None:
    hall = parse_site(site_yaml(campus(racks=2)), "campus")
    world = World(hall)
    world.advance(60)
    fleet, port = Fleet(world, Instruments(world), mixed=True), free_port()
    everywhere = [f"{FIRST}-{(int(FIRST) + len(fleet.devices) - 1) & 255}", "--port", str(port), "--rate", "500"]
    agent, site = tmp_path / "agent.yaml", tmp_path / "site.yaml"
    async with AsyncExitStack() as stack:
        await fleet.start(stack, port, FIRST)
        stack.enter_context(chdir(tmp_path))  # the outbox of the new configuration is a file of the folder it runs in
        new = ["--site", "campus", "--broker", f"127.0.0.1:{mosquitto.port}", "--output", "yaml"]
        assert await command("discover", *everywhere, *new) == 0
        agent.write_text(capfd.readouterr().out, encoding="utf-8")
        assert await command("discover", *everywhere, "--protocol", "modbus", "--config", str(agent), "--merge") == 0
        assert await command("check", str(agent)) == 0
        made = load_agent_config(agent)
        assert len(made.devices) == len(fleet.devices)
        assert {each.profile for each in made.devices} == {each.family for each in fleet.devices.values()}

        assert await command("site", "draft", "--config", str(agent), "--rules", "nec") == 0
        names = re.findall(r"--names '([^']+)'", capfd.readouterr().err)
        fed = {feed: " ".join(ups for ups, each in hall.ups.items() if list(each.from_) == [feed]) for feed in "AB"}
        (tmp_path / "panels.csv").write_text(PANELS.format(a=fed["A"], b=fed["B"]), encoding="utf-8")
        draft = ["site", "draft", "--config", str(agent), "--csv", "panels.csv", "--rules", "nec"]
        draft += [*(f"--names={each}" for each in names), *(f"--set={each}" for each in VALUES)]
        assert await command(*draft) == 0
        site.write_text(capfd.readouterr().out, encoding="utf-8")
        assert await command("site", "check", str(site)) == 0
        assert load_site(site).feeds_of("hall-1-a1") == ("A", "B")

        agent.write_text(f"{agent.read_text(encoding='utf-8')}site_file: site.yaml\n", encoding="utf-8")
        assert await command("check", str(agent)) == 0
        config = config_for(mosquitto.port, tmp_path, {"kind": "file", "path": str(tmp_path / "points")}, site_file=str(site))
        with agent_process(agent):
            async with running(config) as collector:

                async def seen() -> bool:
                    page = (await collector.get("/metrics")).text
                    up = re.findall(r"^dcim_device_up\{.*\} 1", page, re.MULTILINE)
                    # A figure of the site file, over devices of both feeds.
                    return len(up) == len(fleet.devices) and 'dcim_rack_power_watts{rack="hall-1-a1"' in page

                await eventually(seen, "every device is up and a rack's power is known", 60)
        assert (tmp_path / "agent-outbox.db.segments").is_dir()
