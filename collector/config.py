"""The collector's configuration: in goes one strict YAML file, out come frozen sections."""

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
    path: Path | None = None
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+")] | None = None
    org: str = ""
    bucket: str | None = None
    token: Secret | None = None
    dialect: Dialect = "influxdb"
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    batch_lines: Annotated[int, Field(ge=1, le=50000)] = 5000
    flush_s: Annotated[float, Field(gt=0, le=60)] = 0.2

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
    """Where messages wait on disk while the store is away. Beyond `limit_bytes` the broker keeps what comes."""

    path: Path
    limit_bytes: Annotated[int, Field(ge=65536)] = 1024 * 1024 * 1024
    backlog_per_s: Annotated[float, Field(gt=0, le=100_000)] = 2000.0


class CollectorConfig(StrictModel):
    """The whole file. `queue_limit` counts messages received and not yet stored, `series_limit` series on /metrics.

    `site_file` is found from the folder of this file; `ledger` and `derive.state` are beside `dead_letter` unless named. A
    message that claims to be older than `oldest_days` is from a wrong clock, and stored under the time of its receipt.
    """

    broker: Broker = Broker()
    client_id: Name = "rackflow-collector"
    sites: list[Name] | Literal["all"] = "all"
    shared: bool = False
    store: Store
    outbox: Outbox | None = None
    dead_letter: Path
    ledger: Path | None = None
    ledger_days: Annotated[int, Field(ge=1, le=36500)] = 400
    oldest_days: Annotated[int, Field(ge=1, le=36500)] = 400
    dead_letter_limit_bytes: Annotated[int, Field(ge=65536)] = 64 * 1024 * 1024
    listen: str = "127.0.0.1:9420"
    series_limit: Annotated[int, Field(ge=1, le=10_000_000)] = 200_000
    queue_limit: Annotated[int, Field(ge=1, le=65535)] = 10_000
    site_file: Path | None = None
    derive: DeriveConfig = DeriveConfig()
    carbon: CarbonConfig | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

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
