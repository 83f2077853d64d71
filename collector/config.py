"""The collector's configuration file."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from collector.derive import CarbonConfig, DeriveConfig
from collector.store import Dialect
from rackflow.errors import ConfigError
from rackflow.process.broker import Broker
from rackflow.process.config import Secret, StrictModel, load_config

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


class Store(StrictModel):
    """Where points go: a folder of files, or an engine that speaks InfluxDB's v2 write API."""

    kind: Literal["file", "influxdb"]
    """`file` writes line protocol to a folder, `influxdb` to an engine."""
    path: Path | None = None
    """Folder to write to, with `kind: file`."""
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+")] | None = None
    """Address of the engine, with `kind: influxdb`."""
    org: str = ""
    """Organisation, for InfluxDB 2."""
    bucket: str | None = None
    """Bucket or database to write to."""
    token: Secret | None = None
    """API token; `env:NAME` takes it from the environment."""
    dialect: Dialect = "influxdb"
    """`victoriametrics` writes states as numbers, because VictoriaMetrics drops strings."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    """Seconds to wait for one write."""
    batch_lines: Annotated[int, Field(ge=1, le=50000)] = 5000
    """Most points in one write."""
    flush_s: Annotated[float, Field(gt=0, le=60)] = 0.2
    """Seconds after which a smaller batch is written."""

    @model_validator(mode="after")
    def _complete(self) -> "Store":
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


class Outbox(StrictModel):
    """Where messages wait on disk while the store is away."""

    path: Path
    """File to keep messages in."""
    limit_bytes: Annotated[int, Field(ge=65536)] = 1024 * 1024 * 1024
    """Size beyond which nothing more is accepted; the broker then keeps what comes."""
    backlog_per_s: Annotated[float, Field(gt=0, le=100_000)] = 2000.0
    """Most messages per second taken from it once the store works again."""


class CollectorConfig(StrictModel):
    """The collector's configuration file."""

    broker: Broker = Broker()
    """MQTT broker to subscribe at."""
    client_id: Name = "rackflow-collector"
    """Name of the persistent session at the broker. Each collector has its own."""
    sites: list[Name] | Literal["all"] = "all"
    """`all`, or a list of sites to take."""
    shared: bool = False
    """Share the subscription with other collectors (MQTT 5 shared subscription); each then gets a part of the messages."""
    store: Store
    """Where points go."""
    outbox: Outbox | None = None
    """Where messages wait on disk while the store is away. Without it they wait at the broker."""
    dead_letter: Path
    """File for messages and points that cannot be used, with the reason."""
    ledger: Path | None = None
    """File of the ledger; beside `dead_letter` when left out."""
    ledger_days: Annotated[int, Field(ge=1, le=36500)] = 400
    """Days that a silent agent run stays in the ledger."""
    oldest_days: Annotated[int, Field(ge=1, le=36500)] = 400
    """A message that claims to be older has a wrong clock, and is stored under the time of its receipt."""
    dead_letter_limit_bytes: Annotated[int, Field(ge=65536)] = 64 * 1024 * 1024
    """Size of the dead-letter file and its predecessor together."""
    listen: str = "127.0.0.1:9420"
    """Address and port of /metrics and the status page."""
    series_limit: Annotated[int, Field(ge=1, le=10_000_000)] = 200_000
    """Most series on /metrics."""
    queue_limit: Annotated[int, Field(ge=1, le=65535)] = 10_000
    """Most messages received and not yet stored."""
    site_file: Path | None = None
    """Site file, relative to the folder of this file; needed for figures across devices."""
    derive: DeriveConfig = DeriveConfig()
    """Figures across devices."""
    carbon: CarbonConfig | None = None
    """Source of hourly carbon factors."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""

    @field_validator("sites", mode="before")
    @classmethod
    def _sites(cls, value: object) -> object:
        if value == "all" or (isinstance(value, list) and value):
            return value
        raise ValueError("must be `all` or a list of sites; write for example sites: [cas1]")

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        if not host or not colon or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the highest port
            raise ValueError("must be host:port, for example 127.0.0.1:9420")
        return value

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is; each collector has its own."""
        return self.ledger or self.dead_letter.with_name(f"ledger-{self.client_id.replace(':', '_')}.db")

    @property
    def books_path(self) -> Path:
        """Where the books are; each collector has its own."""
        return self.derive.state or self.dead_letter.with_name(f"books-{self.client_id.replace(':', '_')}.db")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on; port 0 is any free one."""
        host, _, port = self.listen.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)


def load_collector_config(path: Path) -> CollectorConfig:
    """The checked configuration. Raises ConfigError naming file, key and remedy."""
    config = load_config(path, CollectorConfig)
    try:
        config.broker.tls_context()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if config.site_file is None:
        return config
    site_file = path.parent / config.site_file
    if not site_file.exists():
        raise ConfigError(f"{path}: site_file: {site_file}: no such file; correct the path")
    return config.model_copy(update={"site_file": site_file})
