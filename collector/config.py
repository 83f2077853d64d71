"""The collector's configuration file: its keys, defaults and checks.

Field names are contract, and the docstrings below them become docs/reference/configuration-collector.md (scripts/generate).
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from collector.budgets import DEVICE_SERIES, AgentBudget, AgentKey, Budgets
from collector.derive import CarbonConfig, DeriveConfig
from collector.problems import ProblemsConfig, load_limits, load_table, load_windows
from collector.store import Dialect
from rackflow.process.broker import Broker
from rackflow.process.config import (
    FaultAt,
    Secret,
    StrictModel,
    Url,
    load_config,
    named_file,
    refuse_overwriting,
)
from rackflow.process.listen import checked_listen, host_and_port
from rackflow.process.paths import FilePath, OwnFile, PlainText

# The same characters as in topics (rackflow.topics.NAME): a site is a topic level.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


class StoreConfig(StrictModel):
    """Where points are stored: in a folder of files, or in an engine that accepts InfluxDB's v2 write API."""

    kind: Literal["file", "influxdb"]
    """`file` writes line protocol to a folder; `influxdb` sends it to an engine."""
    path: FilePath | None = None
    """Folder to write to, with `kind: file`. Each collector needs its own."""
    url: Url | None = None
    """Address of the engine, with `kind: influxdb`."""
    org: PlainText = ""
    """Organisation, for InfluxDB 2."""
    bucket: Annotated[PlainText, StringConstraints(min_length=1)] | None = None
    """Bucket or database to write to."""
    token: Secret | None = None
    """API token. `env:NAME`, `file:PATH` and `credential:NAME` say where it is."""
    dialect: Dialect = "influxdb"
    """`victoriametrics` writes states as numbers, because VictoriaMetrics drops strings."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    """Seconds to wait for one write."""
    # 5,000 lines is the batch size that InfluxDB recommends for writes.
    batch_lines: Annotated[int, Field(ge=1, le=50000)] = 5000
    """Most points in one write."""
    # Chosen: at most five writes a second at low rates, while what a collector holds in memory is no older than this.
    flush_s: Annotated[float, Field(gt=0, le=60)] = 0.2
    """Seconds after which a smaller batch is written."""

    @model_validator(mode="after")
    def _complete(self) -> "StoreConfig":
        if self.kind == "file":
            if self.path is None:
                raise ValueError("kind file needs `path`, the folder to write to")
            if foreign := {"url", "org", "bucket", "token", "dialect"} & self.model_fields_set:
                raise ValueError(f"{', '.join(sorted(foreign))} belong to kind influxdb; remove them")
        else:
            if self.url is None or self.bucket is None:
                raise ValueError("kind influxdb needs `url` and `bucket`; add them")
            if self.path is not None:
                raise ValueError("path belongs to kind file; remove it")
        return self


class OutboxConfig(StrictModel):
    """Where messages wait on disk while the store is unavailable."""

    path: OwnFile
    """File to keep messages in."""
    # As much as the broker of deploy/mosquitto keeps: about 300,000 batches.
    limit_bytes: Annotated[int, Field(ge=65536)] = 1024 * 1024 * 1024
    """Size limit in bytes. A full file accepts no more, and the broker keeps further messages."""
    # Chosen: empties an hour of outage at 100 messages a second in three minutes, and leaves the store room for live messages.
    backlog_per_s: Annotated[float, Field(gt=0, le=100_000)] = 2000.0
    """Messages per second taken from the file at most, once the store is available again."""


# What a device of the site file adds to each agent's budget. The twelve families of a simulated campus cost 54 series a device, those of a
# CDU 98, with a series for each value that a state can have and ten of any device's own. 3 kB are for its description and 800 bytes for
# each series, see `series_bytes`.
SITE_DEVICE_SERIES = 100
SITE_DEVICE_BYTES = 3_000 + 800 * SITE_DEVICE_SERIES


class AgentBudgetConfig(StrictModel):
    """What one agent may have; what is left out is as for all agents."""

    devices: Annotated[int, Field(ge=1)] | None = None
    """Devices."""
    series: Annotated[int, Field(ge=1)] | None = None
    """Series on /metrics."""
    bytes: Annotated[int, Field(ge=65536)] | None = None
    """Memory of its series and device documents, estimated, in bytes."""


class BudgetsConfig(StrictModel):
    """What one agent and all of them may have. What is beyond is refused and counted; the first to come keep what they have."""

    # Chosen: more than one agent polls at a usual site. Each costs ten series, so these are half of the series.
    devices: Annotated[int, Field(ge=1)] = 400
    """Devices of one agent, including those it gave up within the last day; at most a twentieth of `series`. When left out and the
    site file names more, as many as that: one agent may poll the whole site."""
    # An eighth, so that the 400 devices have 62 each. A twenty-fifth left a fifth of 205 usual devices without readings. One account can
    # cost an eighth of the largest scrape.
    series: Annotated[int, Field(ge=1)] | None = None
    """Series of one agent, including those that expired within the last hour and 10 for each device. When left out, an eighth
    of `series_limit`: 25,000; with a site file at least 100 for each of its devices, and `bytes` likewise."""
    # 25,000 usual series take 20 MB by this estimate, 400 descriptions 1 MB.
    bytes: Annotated[int, Field(ge=65536)] = 24 * 1024 * 1024
    """Memory of the series and device documents of one agent, estimated, in bytes."""
    agents: Annotated[int, Field(ge=1)] = 200
    """Agents in all, besides those named in `owners`, in `agent` below and in the site file."""
    sites: Annotated[int, Field(ge=1)] = 20
    """Sites in all, with `sites: all`."""
    agent: dict[Name, dict[Name, AgentBudgetConfig]] = {}
    """Budgets of single agents, by site and agent."""


class HttpConfig(StrictModel):
    """How /metrics and the pages are served."""

    web_config: FilePath | None = None
    """TLS certificates, passwords, tokens and headers, in the format of Prometheus' web configuration file. Read again when it changes."""
    # Chosen: Prometheus and a load balancer keep one connection each, a browser up to six. Each costs 70 kB while it is read from.
    connections_limit: Annotated[int, Field(ge=8, le=10_000)] = 256
    """Connections at a time. Beyond it the oldest that waits for its client is closed."""
    hosts: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,253}$")]] | Literal["any"] = []
    """Names under which browsers and Prometheus may address the collector, or `any`. Addresses, names without a dot, reserved ones
    (`.local`, `.internal`, `.home.arpa`) and this host's own name are always allowed; with TLS or passwords every name is."""
    # Prometheus scrapes every 15 s here; a page of 200,000 series takes a second to render.
    share_s: Annotated[float, Field(ge=0, le=15)] = 1.0
    """Seconds for which all readers share one rendered page."""


class LiveAccount(StrictModel):
    """An account of the broker for the second connection."""

    username: PlainText
    """Its name."""
    password: Secret
    """Its password. `env:NAME`, `file:PATH` and `credential:NAME` say where it is."""


class CollectorConfig(StrictModel):
    """The collector's configuration file."""

    broker: Broker = Broker()
    """The MQTT broker to subscribe to."""
    client_id: Name = "rackflow-collector"
    """Name of the persistent session at the broker. Each collector needs its own."""
    live_account: LiveAccount | None = None
    """Account for a second connection, `CLIENT_ID-live`, that receives what is produced now while the session works off what waited at the
    broker. Left out: it is made if the broker needs no account. With the collector's own account, a broker that takes the account's name as
    client id would end the session's connection."""
    sites: list[Name] | Literal["all"] = "all"
    """`all`, or a list of the sites to collect."""
    shared: bool = False
    """Share the subscription with other collectors (MQTT 5 shared subscription); each then receives a part of the messages."""
    role: Literal["all", "store", "watch"] = "all"
    """`store`: with `shared`, a member of several that divide the messages; it stores them, and shows and derives nothing. `watch`: shows,
    derives and watches problems of its `sites`, of which it receives every message, and stores derived figures only."""
    store: StoreConfig
    """Where points are stored."""
    outbox: OutboxConfig | None = None
    """Where messages wait on disk while the store is unavailable. Without it they wait at the broker."""
    dead_letter: OwnFile
    """File for messages and points that cannot be used, each with the reason."""
    ledger: OwnFile | None = None
    """File of the ledger; beside `dead_letter` when left out."""
    # As long as hourly records are kept (400 days): thirteen months, so that a month can be compared with that of last year.
    ledger_days: Annotated[int, Field(ge=1, le=36500)] = 400
    """Days that a run of an agent stays in the ledger after its last message."""
    # An agent's outbox keeps a week by default. Much older than anything that can be waiting is a clock at its factory setting.
    oldest_days: Annotated[int, Field(ge=1, le=36500)] = 400
    """Greatest believable age of a message. An older one has a wrong clock, and is stored with its time of receipt."""
    dead_letter_limit_bytes: Annotated[int, Field(ge=65536)] = 64 * 1024 * 1024
    """Size limit in bytes of the dead-letter file and its predecessor together."""
    listen: str = "127.0.0.1:9420"
    """Address and port of /metrics and the status page."""
    http: HttpConfig = HttpConfig()
    """How /metrics and the pages are served."""
    # Chosen: bounds memory against a device that invents labels without end. 10,000 series take 90 MB (docs/explanation/cost.md).
    series_limit: Annotated[int, Field(ge=1, le=10_000_000)] = 200_000
    """Series on /metrics at most; further ones are refused and counted."""
    # At most 65,535: each waiting message holds one of MQTT's 16-bit packet identifiers, and the broker has no more to give.
    queue_limit: Annotated[int, Field(ge=1, le=65535)] = 10_000
    """Messages received and not yet stored at most."""
    budgets: BudgetsConfig = BudgetsConfig()
    """What one agent and all of them may have."""
    owners: dict[Name, dict[Name, Name]] = {}
    """Agent of each device, by site and device. One that is named neither here nor in the site file belongs to the first agent that
    speaks about it."""
    site_file: FilePath | None = None
    """Path of the site file, relative to the folder of this file. Needed for figures across devices."""
    derive: DeriveConfig = DeriveConfig()
    """Figures across devices."""
    problems: ProblemsConfig = ProblemsConfig()
    """Whom the collector tells of problems."""
    carbon: CarbonConfig | None = None
    """Source of hourly carbon factors."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is logged."""

    @field_validator("sites", mode="before")
    @classmethod
    def _sites(cls, value: object) -> object:
        if value is None or value == "all" or (isinstance(value, list) and value):
            return value
        raise ValueError("must be `all` or a list of sites; write for example sites: [cas1]")

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        return checked_listen(value, "127.0.0.1:9420")

    @model_validator(mode="after")
    def _role_fits(self) -> "CollectorConfig":
        if self.role == "store" and not self.shared:
            raise ValueError("role: store is for members of a shared subscription; add shared: true")
        if self.role == "watch" and self.shared:
            raise ValueError("role: watch needs every message of its sites; remove shared: true")
        return self

    @model_validator(mode="after")
    def _files_differ(self) -> "CollectorConfig":
        # Each file has one writer that owns it: an outbox that finds dead letters in its file sets them aside as damaged.
        seen: dict[str, str] = {}
        for key, path in self.written_paths().items():
            other = seen.setdefault(os.path.abspath(path), key)  # noqa: PTH100 - without looking at the disk, and with .. taken out
            if other != key:
                raise FaultAt(f"is the path of `{other}`, too; give each its own", *key.split("."))
        return self

    def written_paths(self) -> dict[str, Path]:
        """What the collector writes, by key: files, and the folder `store.path`."""
        paths = {
            "dead_letter": self.dead_letter,
            # Has no path of its own in the file; a key that names its path is told that it is that of the owners.
            "owners": self.owners_path,
            "ledger": self.ledger_path,
            "outbox.path": self.outbox.path if self.outbox else None,
            "derive.state": self.records_path,
            "problems.state": self.problems_path,
            "store.path": self.store.path,
        }
        return {key: path for key, path in paths.items() if path is not None}

    @property
    def ledger_path(self) -> Path:
        """File of the ledger. The name contains `client_id`, because each collector needs its own."""
        # A colon is valid in a client id, but not in file names on Windows.
        return self.ledger or self.dead_letter.with_name(f"ledger-{self.client_id.replace(':', '_')}.db")

    @property
    def owners_path(self) -> Path:
        """File of the devices' owners; each collector needs its own."""
        return self.dead_letter.with_name(f"owners-{self.client_id.replace(':', '_')}.db")

    def agent_budgets(self, site_devices: int = 0) -> Budgets:
        """The section `budgets` with its defaults filled in; `site_devices` is how many devices the site file names."""
        common = self.budgets
        series = common.series or max(
            1, self.series_limit // 8, min(self.series_limit, site_devices * SITE_DEVICE_SERIES)
        )
        given = common.model_fields_set
        devices = common.devices if "devices" in given else max(common.devices, site_devices)
        size_bytes = common.bytes if "bytes" in given else max(common.bytes, site_devices * SITE_DEVICE_BYTES)
        own: dict[AgentKey, AgentBudget] = {}
        for site, agents in common.agent.items():
            for agent, each in agents.items():
                own[site, agent] = _budget(each.devices or devices, each.series or series, each.bytes or size_bytes)
        return Budgets(_budget(devices, series, size_bytes), common.agents, common.sites, own)

    @property
    def records_path(self) -> Path:
        """File of the hourly records; each collector needs its own. The prefix `books-` must stay: a renamed file starts empty."""
        return self.derive.state or self.dead_letter.with_name(f"books-{self.client_id.replace(':', '_')}.db")

    @property
    def problems_path(self) -> Path:
        """File of the present problems; each collector needs its own."""
        return self.problems.state or self.dead_letter.with_name(f"problems-{self.client_id.replace(':', '_')}.json")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on. Port 0 lets the system choose a free one."""
        return host_and_port(self.listen)


def _budget(devices: int, series: int, size_bytes: int) -> AgentBudget:
    """A device costs series; half of the series are for readings in any case."""
    return AgentBudget(min(devices, max(1, series // (2 * DEVICE_SERIES))), series, size_bytes)


def load_collector_config(path: Path) -> CollectorConfig:
    """Read and check the configuration. Raises ConfigError, which names file, key and remedy."""
    config = load_config(path, CollectorConfig)
    # Reads the certificates: a wrong path must fail `check`, not the first connection at night.
    config.broker.check_files(path)
    if config.http.web_config is not None:
        web_config = named_file(path, "http.web_config", config.http.web_config)
        config = config.model_copy(update={"http": config.http.model_copy(update={"web_config": web_config})})
    if config.problems.limits is not None:
        limits = named_file(path, "problems.limits", config.problems.limits)
        load_limits(limits, load_table())
        config = config.model_copy(update={"problems": config.problems.model_copy(update={"limits": limits})})
    if (maintenance := config.problems.maintenance) is not None:
        maintenance = path.parent / maintenance
        load_windows(maintenance)  # a mistake in it must fail `check` as well
        config = config.model_copy(update={"problems": config.problems.model_copy(update={"maintenance": maintenance})})
    if config.carbon is not None and config.carbon.path is not None:
        # Not `named_file`: another program may write it later, and factors that are missing must not keep a collector from storing.
        carbon = config.carbon.model_copy(update={"path": path.parent / config.carbon.path})
        config = config.model_copy(update={"carbon": carbon})
    if config.site_file is not None:
        config = config.model_copy(update={"site_file": named_file(path, "site_file", config.site_file)})
    read = {
        "site_file": config.site_file,
        "carbon.path": config.carbon.path if config.carbon else None,
        "broker.ca_file": config.broker.ca_file,
        "broker.cert_file": config.broker.cert_file,
        "broker.key_file": config.broker.key_file,
        "http.web_config": config.http.web_config,
        "problems.limits": config.problems.limits,
        "problems.maintenance": config.problems.maintenance,
    }
    refuse_overwriting(path, config.written_paths(), read)
    return config
