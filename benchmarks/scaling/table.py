"""The tables of docs/explanation/scaling.md: what sites of three sizes need, and their recovery by model and by simulation."""

from collections.abc import Iterator

from benchmarks.scaling.model import Constants, Outage, Site, gentle_backlog_rate, needs, recovery
from benchmarks.scaling.simulate import Simulation

# A room, a hall, and a campus.
SITES = (Site(1_000), Site(100_000), Site(10_000_000))
# The agent's default (`outbox.backlog_per_s`).
DEFAULT_BACKLOG_PER_S = 500.0
# Ten minutes: long enough for a backlog that takes minutes to drain, and as an operator would restart a broker.
OUTAGE_S = 600.0
# More agents than this are simulated as this many with the same total: otherwise the simulation takes minutes, for the same figures.
SIMULATED_AGENTS = 400


def run() -> Iterator[str]:
    """The lines of both tables."""
    constants = Constants()
    yield "| points | devices | agents | polls/s | agents' cores | MB/s to the broker | readings/s | collectors | TB a year in the store |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for site in SITES:
        found = needs(site, constants)
        yield (
            f"| {site.points:,} | {found.devices:,} | {found.agents:,} | {found.polls_per_s:,.0f} | {found.agent_cores:.2f} "
            f"| {found.megabytes_per_s:.2f} | {found.readings_per_s:,.0f} | {found.collectors} | {found.store_bytes_a_year / 1e12:.2f} |"
        )
    yield ""
    columns = (
        "points",
        "backlog/s of an agent",
        "all stored after, model",
        "simulated",
        "live late by up to, model",
        "simulated",
    )
    yield f"| {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|"
    for site in SITES:
        for outage in outages(site, constants):
            model, simulated = recovery(outage), Simulation(outage).run()
            yield (
                f"| {site.points:,} | {outage.backlog_rate:.1f}, fixed | {model.drained_s:,.0f} s | {simulated.drained_s:,.0f} s "
                f"| {model.live_delay_s:.1f} s | {simulated.live_delay_s:.1f} s |"
            )
        paced = Simulation(outages(site, constants)[0], is_paced=True).run()
        yield (
            f"| {site.points:,} | as heard, up to {DEFAULT_BACKLOG_PER_S:.0f} | | {paced.drained_s:,.0f} s | | {paced.live_delay_s:.1f} s |"
        )


def outages(site: Site, constants: Constants) -> list[Outage]:
    """Ten minutes without the broker, with the default rate of the backlog and with the gentle one; scaled to at most 400 agents."""
    found = needs(site, constants)
    capacity = found.collectors * constants.collector_readings_per_cpu_s / constants.readings_per_poll
    scale = min(1.0, SIMULATED_AGENTS / found.agents)
    agents, capacity = max(1, round(found.agents * scale)), capacity * scale
    rate = found.polls_per_s * scale / agents
    gentle = gentle_backlog_rate(agents, rate, capacity)
    return [
        Outage(agents=agents, rate=rate, backlog_rate=DEFAULT_BACKLOG_PER_S, capacity=capacity, seconds=OUTAGE_S),
        *(
            [Outage(agents=agents, rate=rate, backlog_rate=gentle, capacity=capacity, seconds=OUTAGE_S)]
            if gentle < DEFAULT_BACKLOG_PER_S
            else []
        ),
    ]
