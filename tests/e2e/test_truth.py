"""Derived figures against the truth: a simulated site is read by the real agent, and the collector derives what the model knows."""

import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml

from agent.config import load_agent_config
from agent.factory import PollerFactory
from agent.live import read_device
from agent.profile import load_profiles
from rackflow.series import parse_series_key
from rackflow.site import parse_site
from simulator.simulation import Simulation
from simulator.site_cli import shipped_or_file
from simulator.world.truth import truth
from simulator.world.what_if import truth_if
from tests.collector.derive.hall import Readings

WITHIN = {
    "rack_power_watts": 0.01,
    "rack_power_utilisation_ratio": 0.01,
    "loop_heat_watts": 0.015,
    "cdu_cooling_load_ratio": 0.015,
    "loop_heat_capture_ratio": 0.015,
    "loop_air_heat_watts": 0.05,
    "rack_feed_loss_load_ratio": 0.06,
    "loop_ride_through_seconds": 0.15,
}
"""Largest error, relative. Readings are rounded: 0.1 K of a rise of 8 K, 0.1 A of 3 A."""


async def read_site(name: str, folder: Path) -> tuple[Readings, dict[str, float]]:
    """One reading of every device at one moment of the simulated site, and the truth of that moment."""
    site, text = shipped_or_file(name)
    simulation = Simulation(site, seed=1)
    simulation.world.advance(1000)
    readings = Readings(parse_site(text.replace(f"site: {name}", "site: t1", 1), name))
    async with AsyncExitStack() as stack:
        await simulation.start(stack)
        (folder / "site.yaml").write_text(text, encoding="utf-8")
        (folder / "agent.yaml").write_text(yaml.safe_dump(simulation.fleet.agent_config("site.yaml")), encoding="utf-8")
        config = load_agent_config(folder / "agent.yaml")
        factory = PollerFactory(load_profiles())
        for device in config.devices:
            identified, found, _ = await read_device(factory, config, device, time.time())
            device_class = factory.profiles[identified.profile].class_
            readings.take(device.id, {**found.values, **found.states}, device_class=device_class)
    return readings, truth(simulation.world) | truth_if(simulation.world)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("edge", {"rack_power_watts": 10, "rack_feed_loss_load_ratio": 50}),
        (
            "ai-hall",
            {
                "rack_power_watts": 32,
                "rack_feed_loss_load_ratio": 192,
                "loop_heat_watts": 4,
                "cdu_cooling_load_ratio": 14,
            },
        ),
    ],
)
async def test_derived_figures_are_the_models_own(name: str, least: dict[str, int], tmp_path: Path) -> None:
    readings, known = await read_site(name, tmp_path)
    derived: dict[str, list[tuple[set[tuple[str, str]], float]]] = {}
    for text, figure in readings.figures().items():
        metric, _, rest = text.partition("{")
        if figure.value is not None:
            labels = {
                (label, value) for label, _, value in (each.partition("=") for each in rest[:-1].split(",") if each)
            }
            derived.setdefault(metric, []).append((labels, figure.value))
    compared: dict[str, int] = {}
    for series, true in known.items():
        metric, of = parse_series_key(series)
        short = metric.removeprefix("dcim_")
        for labels, value in derived.get(short, []):
            if short in WITHIN and labels >= set(of.items()):
                assert value == pytest.approx(true, rel=WITHIN[short]), series
                compared[short] = compared.get(short, 0) + 1
    assert {metric: count for metric, count in least.items() if compared.get(metric, 0) < count} == {}
