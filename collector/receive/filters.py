"""The topics that a collector subscribes to. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from rackflow.topics import SHARED_GROUP, subscription


@dataclass(frozen=True, slots=True)
class Filters:
    """What to subscribe to. `sites` is None for all sites; `shared` divides batches and events among collectors.

    Device documents and statuses are never shared: each collector needs all of them to show devices and keep its ledger.
    """

    sites: Sequence[str] | None
    shared: bool

    def wanted(self) -> list[str]:
        """The topic filters."""
        return [each for site in self.sites or ("+",) for each in _filters(site, shared=self.shared)]

    def live(self) -> list[str]:
        """Filters of what is received at once while the session is behind. Empty if shared: then no session outlives an absence."""
        return [] if self.shared else [subscription(site, "batch") for site in self.sites or ("+",)]

    def leftover(self) -> list[str]:
        """Filters that an earlier configuration may have left in the session; with them everything would arrive twice."""
        wanted = set(self.wanted())
        sites = {"+", *(self.sites or ())}
        every = {each for site in sites for shared in (True, False) for each in _filters(site, shared=shared)}
        return sorted(every - wanted)


def _filters(site: str, *, shared: bool) -> list[str]:
    group = f"$share/{SHARED_GROUP}/" if shared else ""
    divided = [group + subscription(site, kind) for kind in ("batch", "event")]
    return [*divided, subscription(site, "device"), subscription(site, "status")]
