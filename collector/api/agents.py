"""The document of agents: whether each is up, how far it lags behind, and what the ledger says about its messages. No I/O."""

from collections import Counter

from collector.api.documents import AgentLedger, AgentsDocument, AgentState
from collector.api.numbers import iso, iso_ms, rounded
from collector.api.overview import Surroundings
from collector.api.scene import Scene
from collector.latest import AgentState as Known
from collector.ledger import AgentAccount


def agents_document(scene: Scene, around: Surroundings) -> AgentsDocument:
    """All agents of a site."""
    devices: Counter[str] = Counter()
    answering: Counter[str] = Counter()
    for device in scene.latest.devices_of(scene.site):
        devices[device.agent] += 1
        answering[device.agent] += scene.is_up(device.device)
    found = [agent for agent in scene.latest.agents() if agent.site == scene.site]
    return AgentsDocument(
        site=scene.site,
        items={
            agent.agent: _agent(scene, around, agent, devices[agent.agent], answering[agent.agent]) for agent in found
        },
    )


def _agent(scene: Scene, around: Surroundings, agent: Known, devices: int, answering: int) -> AgentState:
    key = agent.site, agent.agent
    is_up = scene.observations.agents_up.get(key)
    status = agent.status
    oldest_s = _own(scene, agent, "dcim_agent_spool_oldest_timestamp_seconds")
    durable = _own(scene, agent, "dcim_agent_spool_durable")
    counts = scene.observations.counts.get(key, Counter())
    account = around.accounts.get(key) if around.accounts is not None else None
    offset_s = agent.clock.offset_s
    return AgentState(
        id=agent.agent,
        state="unknown" if is_up is None else "up" if is_up else "down",
        version=status.version if status is not None else "",
        hostname=status.hostname if status is not None else "",
        python=status.python if status is not None else "",
        started=iso_ms(status.started) if status is not None and status.started else None,
        last_message=iso(int(agent.last_message_s)) if agent.last_message_s else None,
        devices=devices,
        answering=answering,
        unobserved={str(cause): count for cause, count in counts.items()},
        lag_seconds=rounded(max(0.0, -offset_s), 2) if offset_s is not None else None,
        backlog_messages=_own(scene, agent, "dcim_agent_spool_messages"),
        backlog_seconds=None if oldest_s is None else round(max(0.0, scene.wall_s - oldest_s)) if oldest_s else 0.0,
        outbox_durable=durable >= 1 if durable is not None else None,
        clock_offset_seconds=rounded(offset_s, 2),
        is_cloned=key in around.clones,
        refused_topics=len(status.refused) if status is not None else 0,
        ledger=ledger_of(account) if account is not None else None,
    )


def _own(scene: Scene, agent: Known, metric: str) -> float | None:
    """A metric that an agent reports about itself, summed over its series; None if no series is current."""
    found = [
        latest.value
        for latest in agent.series.values()
        if latest.series.metric.name == metric and scene.now < latest.expires_at and isinstance(latest.value, float)
    ]
    return sum(found) if found else None


def ledger_of(account: AgentAccount) -> AgentLedger:
    """The ledger's account of an agent as a document."""
    return AgentLedger(
        produced=account.produced,
        stored=account.stored,
        duplicates=account.duplicates,
        in_flight=account.in_flight,
        missing=account.missing,
        dropped=dict(account.dropped),
    )
