"""The section `outbox` of a configuration, and the outbox that it describes."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.memory import MemoryOutbox
from rackflow.outbox.state import Limits
from rackflow.process.config import StrictModel
from rackflow.process.paths import OwnFile

# Chosen values. At about 1 kB a message (docs/how-to/size.md) 1 GiB is a million of them, 20 hours of an agent that sends 15 a
# second; 64 MiB is more than an hour, and what a gateway with 512 MB of memory can spare.
MEMORY_LIMIT_BYTES = 64 * 1024 * 1024
DISK_LIMIT_BYTES = 1024 * 1024 * 1024


# The characters of a topic level (rackflow.topics.NAME), and of a collector's `client_id`.
CollectorName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


class OutboxSection(StrictModel):
    """Where messages wait until a collector has stored them."""

    mode: Literal["disk", "memory"]
    """`disk` survives a restart; `memory` loses what it holds with the process (for gateways on flash cards)."""
    path: OwnFile | None = None
    """Where messages are kept, with `mode: disk`: in the folder of this name with `.segments` behind it."""
    limit_bytes: Annotated[int, Field(ge=65536)] | None = None
    """Size at which the oldest messages are dropped and counted; 1 GiB on disk and 64 MiB in memory when left out."""
    max_age_s: Annotated[float, Field(ge=60)] = 7 * 86400.0
    """Age at which a message is dropped and counted, with `mode: disk`."""
    backlog_per_s: Annotated[float, Field(gt=0, le=100_000)] = 500.0
    """Most old messages sent per second after an outage; new ones go first. Fewer are sent while collectors do not keep up."""
    require: Annotated[list[CollectorName], Field(min_length=1, max_length=8)] | Literal["any"] = "any"
    """Collectors (their `client_id`) that must all have stored a message before it is deleted; with `any` one of them is enough."""
    keep_confirmed_s: Annotated[float, Field(ge=0, le=3600)] = 90.0
    """Seconds that a confirmed message is kept while no collector has ever reported, for topics that only other programs read."""

    @model_validator(mode="after")
    def _complete(self) -> "OutboxSection":
        if self.mode == "disk" and self.path is None:
            raise ValueError("mode disk needs `path`, where to keep messages, for example /var/lib/rackflow/outbox.db")
        if self.mode == "memory" and (foreign := {"path", "max_age_s"} & self.model_fields_set):
            raise ValueError(f"{' and '.join(sorted(foreign))}: only for mode disk; remove or set mode: disk")
        return self

    @property
    def used_limit_bytes(self) -> int:
        """`limit_bytes`, or the default of the mode."""
        return self.limit_bytes or (DISK_LIMIT_BYTES if self.mode == "disk" else MEMORY_LIMIT_BYTES)


def make_outbox(section: OutboxSection, epoch: str) -> DiskOutbox | MemoryOutbox:
    """The outbox that a section describes. One on disk must be opened before use."""
    require = () if section.require == "any" else tuple(section.require)
    if section.path is None:
        return MemoryOutbox(
            epoch,
            section.used_limit_bytes,
            backlog_per_s=section.backlog_per_s,
            confirmed_s=section.keep_confirmed_s,
            require=require,
        )
    limits = Limits(section.used_limit_bytes, section.max_age_s, section.keep_confirmed_s)
    return DiskOutbox(section.path, epoch, limits, section.backlog_per_s, require=require)
