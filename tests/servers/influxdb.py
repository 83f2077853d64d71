"""InfluxDB 1.x for tests, with nginx in front that provides the v2 write path. Tests write line protocol and query with InfluxQL."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self, TypeAlias, cast

from tests.servers.process import Server
from tests.servers.web import answers, request

# One row of a result: column or tag name to value; `name` is the measurement, `time` integer milliseconds.
Row: TypeAlias = dict[str, str | int | float | bool | None]

ENGINE_CONFIG = """\
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[continuous_queries]
  enabled = false
"""

# v1 has no `us`, no buckets and no /health. The single process leaves no workers behind when it is killed.
FRONT_CONFIG = """\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 0;
    map $arg_precision $precision {{ default $arg_precision; us u; ns n; "" n; }}
    server {{
        listen 127.0.0.1:{port};
        location = /api/v2/write {{
            proxy_pass http://127.0.0.1:{engine_port}/write?db=$arg_bucket&precision=$precision;
        }}
        location = /health {{
            default_type application/json;
            return 200 '{{"name":"influxdb","status":"pass"}}';
        }}
        location / {{ proxy_pass http://127.0.0.1:{engine_port}; }}
    }}
}}
"""


class InfluxEngine(Server):
    """influxd itself, speaking v1."""

    program = "influxd"
    package = "influxdb"

    def command(self) -> list[str]:
        """See `Server.command`."""
        config = self.folder / "influxdb.conf"
        config.write_text(ENGINE_CONFIG.format(folder=self.folder, port=self.port), encoding="utf-8")
        return ["-config", str(config)]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return answers(f"http://127.0.0.1:{self.port}/ping", 204)


class InfluxFront(Server):
    """nginx that rewrites the v2 write path for the engine."""

    program = "nginx"
    package = "nginx-light"

    def __init__(self, folder: Path, engine: InfluxEngine) -> None:
        super().__init__(folder)
        self._engine = engine

    def command(self) -> list[str]:
        """See `Server.command`."""
        config = self.folder / "nginx.conf"
        config.write_text(FRONT_CONFIG.format(port=self.port, engine_port=self._engine.port), encoding="utf-8")
        return ["-p", f"{self.folder}/", "-e", "stderr", "-c", str(config)]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return answers(f"http://127.0.0.1:{self.port}/health")


class InfluxDB:
    """Both together. `stop` and `kill` take both away (connection refused); `engine.stop` alone gives 502."""

    def __init__(self, folder: Path, database: str = "rackflow") -> None:
        self.database = database
        self.engine = InfluxEngine(folder / "influxd")
        self.front = InfluxFront(folder / "nginx", self.engine)

    @property
    def url(self) -> str:
        """Base URL for v2 clients: bucket = database, any organisation and token."""
        return f"http://127.0.0.1:{self.front.port}"

    def start(self) -> None:
        """Start both; the database is there afterwards."""
        self.engine.start()
        self.front.start()
        self.create_database(self.database)

    def stop(self) -> None:
        """End both with SIGTERM."""
        self.front.stop()
        self.engine.stop()

    def kill(self) -> None:
        """End both with SIGKILL."""
        self.front.kill()
        self.engine.kill()

    def create_database(self, name: str) -> None:
        """Create it unless it exists."""
        self._ask(f'CREATE DATABASE "{name}"')

    def query(self, influxql: str) -> list[Row]:
        """Rows of one SELECT or SHOW, of all its series, tags as columns. Blocking; times in integer ms."""
        results = cast("list[dict[str, object]]", self._ask(influxql)["results"])
        assert "error" not in results[0], results[0]
        rows: list[Row] = []
        for series in cast("list[dict[str, object]]", results[0].get("series", [])):
            named: Row = {"name": cast("str", series.get("name", "")), **cast("Row", series.get("tags", {}))}
            columns = cast("list[str]", series["columns"])
            values = cast("list[list[str | int | float | bool | None]]", series["values"])
            rows.extend({**named, **dict(zip(columns, row, strict=True))} for row in values)
        return rows

    def _ask(self, influxql: str) -> dict[str, object]:
        params = {"db": self.database, "epoch": "ms", "q": influxql}
        # POST: InfluxDB refuses statements that change something by GET.
        answer = request(f"http://127.0.0.1:{self.engine.port}/query", params, body=b"")
        assert answer.status == 200, answer.text
        return cast("dict[str, object]", answer.json())

    @contextlib.contextmanager
    def serving(self) -> Iterator[Self]:
        """Started on the way in, killed on the way out."""
        try:
            self.start()
            yield self
        finally:
            self.kill()
