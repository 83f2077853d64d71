"""The agent's own metrics (`dcim_agent_…`).

They are published as the batch of a device of class `agent`. They take the same path as readings and are kept during the same
outages, and the agent needs no port of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from rackflow.documents import DeviceFault
from rackflow.outbox import OutboxStats
from rackflow.process.bulkhead import Refreshed
from rackflow.process.certificates import Certificate, expiries
from rackflow.process.loop_lag import LoopLag
from rackflow.series import clean_label, series_key

if TYPE_CHECKING:
    from agent.config import AgentConfig

# Every reason is published from the start, at 0: Prometheus' increase() does not see the first failure of a counter that appears
# with the value 1. They are label values, so part of the contract.
PUBLISH_FAILURES = ("refused", "size", "timeout", "unheard")
DROP_REASONS = ("full", "expired", "disk", "torn", "too_large", "split", "refused")
TOPIC_REFUSALS = ("unheard", "not_authorized", "quota", "refused")
# Most exception classes that are counted by name. There are few, since the names come from the code of libraries; the limit makes that
# sure.
MAX_EXCEPTIONS = 32


@dataclass(slots=True)
class Counters:
    """The agent's counters since its start, and the gauges that nothing else keeps. `failures` is by (protocol, reason)."""

    polls: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    internal_errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Faults of the agent itself by (protocol, class of exception)."""
    events_dropped: int = 0
    overruns: int = 0
    samples: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    connected: bool = False
    reconnects: int = 0
    publish_failures: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(PUBLISH_FAILURES, 0)))
    topics_refused: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOPIC_REFUSALS, 0))
    takeovers: int = 0
    stored_documents_invalid: int = 0
    reload_ok: bool = True

    def count_internal_error(self, protocol: str, exception: str) -> None:
        """Count a fault of the agent itself while it handled a device; further classes than MAX_EXCEPTIONS count as `other`."""
        key = protocol, exception
        if key not in self.internal_errors and len(self.internal_errors) >= MAX_EXCEPTIONS:
            key = protocol, "other"
        self.internal_errors[key] += 1

    def start_at_zero(self, protocols: Iterable[str]) -> None:
        """Create the counters of these protocols with the value 0, see PUBLISH_FAILURES."""
        for protocol in protocols:
            self.polls[protocol] += 0
            for reason in get_args(DeviceFault):
                self.failures[protocol, reason] += 0


def own_values(
    counters: Counters,
    outbox: OutboxStats,
    devices: Mapping[str, int],
    refused: Mapping[tuple[str, str], int] | None = None,
) -> dict[str, float]:
    """The agent's metrics by series key.

    `devices` is the number of devices by state: up, down, disabled. `refused` counts SNMPv3 datagrams by device and reason.
    """
    found: dict[str, float] = {
        "dcim_agent_poll_overruns_total": counters.overruns,
        "dcim_agent_samples_total": counters.samples,
        "dcim_agent_events_dropped_total": counters.events_dropped,
        "dcim_agent_mqtt_connected": float(counters.connected),
        "dcim_agent_mqtt_reconnects_total": counters.reconnects,
        "dcim_agent_mqtt_takeovers_total": counters.takeovers,
        "dcim_agent_spool_messages": outbox.messages - outbox.awaiting,
        "dcim_agent_spool_held_messages": outbox.held,
        "dcim_agent_spool_awaiting_messages": outbox.awaiting,
        "dcim_agent_spool_republished_messages_total": outbox.republished,
        "dcim_agent_stored_documents_invalid_total": counters.stored_documents_invalid,
        "dcim_agent_spool_bytes": outbox.size_bytes,
        "dcim_agent_spool_limit_bytes": outbox.limit_bytes,
        "dcim_agent_spool_oldest_timestamp_seconds": outbox.oldest_ms / 1000,
        "dcim_agent_spool_durable": float(outbox.durable),
        "dcim_agent_spool_damaged_total": outbox.damaged,
        "dcim_agent_config_last_reload_successful": float(counters.reload_ok),
    }
    for (device, why), count in (refused or {}).items():
        found[f"dcim_agent_snmp_refused_datagrams_total{{peer={device},reason={why}}}"] = count
    if outbox.limit_s:
        found["dcim_agent_spool_limit_seconds"] = outbox.limit_s
    dropped = dict.fromkeys(DROP_REASONS, 0) | outbox.dropped
    found |= {f"dcim_agent_devices{{state={state}}}": count for state, count in devices.items()}
    found |= {f"dcim_agent_polls_total{{protocol={protocol}}}": count for protocol, count in counters.polls.items()}
    for (protocol, reason), count in counters.failures.items():
        found[f"dcim_agent_poll_failures_total{{protocol={protocol},reason={reason}}}"] = count
    for (protocol, name), count in counters.internal_errors.items():
        found[
            series_key("dcim_agent_internal_errors_total", {"protocol": protocol, "exception": clean_label(name)})
        ] = count
    found |= {f"dcim_agent_samples_rejected_total{{reason={why}}}": count for why, count in counters.rejected.items()}
    found |= {
        f"dcim_agent_publish_failures_total{{reason={why}}}": count for why, count in counters.publish_failures.items()
    }
    found |= {f"dcim_agent_topics_refused{{reason={why}}}": count for why, count in counters.topics_refused.items()}
    found |= {f"dcim_agent_spool_dropped_messages_total{{reason={why}}}": count for why, count in dropped.items()}
    return found


class CertificateEnds:
    """Ends of the agent's own certificates, of the broker's, and of its authority's.

    Where their disk hangs, those found before; the report does not wait.
    """

    def __init__(self, config: "Callable[[], AgentConfig]") -> None:
        self._of_broker: Sequence[Certificate] = ()
        self._own = Refreshed[Mapping[str, Sequence[Certificate]]](
            lambda: config().certificates(self._of_broker), "certificates", {}
        )

    async def values(self, of_broker: Sequence[Certificate]) -> dict[str, float]:
        """By series key; `of_broker` is what the broker has shown."""
        self._of_broker = of_broker
        return expiries({**await self._own.value(), "broker": of_broker})


def loop_values(recent: LoopLag, waiting: int, plans: int) -> dict[str, float]:
    """How late the agent itself is: `recent` is the worst of the last minute.

    `waiting` devices wait to be opened, `plans` were made since the start.
    """
    return {
        "dcim_agent_loop_lag_seconds": recent.lag_s,
        "dcim_agent_loop_hold_seconds": recent.hold_s,
        "dcim_agent_devices_waiting": waiting,
        "dcim_agent_plans_total": plans,
    }
