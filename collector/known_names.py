"""Names in a collector's configuration that its site file does not have: mostly slips, by which a budget or an owner counts for nobody."""

from collections.abc import Collection, Iterator

from collector.config import CollectorConfig
from rackflow.nearest import did_you_mean
from rackflow.site import Site


def strange_accounts(config: CollectorConfig, site: Site | None) -> Iterator[str]:
    """A line for each device and agent of `owners` and `budgets.agent` that the site file does not have.

    It is no error, because a device may be polled that the file does not describe. Other sites than that of the file are left out, and
    so are agents where neither the file nor `owners` names any.
    """
    if site is None:
        return
    owned = config.owners.get(site.id, {})
    for device in owned:
        if device not in site.devices:
            yield f"owners.{site.id}.{device}: is not in the site file{_meant(device, site.devices)}"
    agents = {*site.agents.values(), *owned.values()}
    for agent in config.budgets.agent.get(site.id, {}) if agents else ():
        if agent not in agents:
            yield f"budgets.agent.{site.id}.{agent}: no device of the site file or of `owners` is this agent's{_meant(agent, agents)}"


def _meant(name: str, known: Collection[str]) -> str:
    return did_you_mean(name, sorted(known)) or "; correct it, unless it is meant"
