"""VictoriaMetrics for tests: takes line protocol at its v2 write path, and answers PromQL queries and raw exports.

A new series enters the index some 0.1 s after its write: wait for answers with `wait_until` or `eventually`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import Server
from tests.servers.promql import Sample, instant_query
from tests.servers.web import answers, request

END_OF_TIME_S = "4102444800"  # the year 2100


@dataclass(frozen=True, slots=True)
class Exported:
    """One series with all its raw samples; times in integer milliseconds."""

    name: str
    labels: dict[str, str]
    points: dict[int, float]


class VictoriaMetrics(Server):
    """A single node that keeps all samples, and whose answers include the newest ones."""

    program = "victoria-metrics"
    package = "victoria-metrics"

    @property
    def url(self) -> str:
        """Base URL, for writers and readers."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """See `Server.command`."""
        return [
            f"-storageDataPath={self.folder / 'data'}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=100y",
            # By default the last 30 s are hidden and results are cached: a test wants what it has just written.
            "-search.latencyOffset=0s",
            "-search.disableCache",
        ]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return answers(f"{self.url}/health")

    def flush(self) -> None:
        """Make the points written so far visible to queries."""
        assert request(f"{self.url}/internal/force_flush").status == 200

    def query(self, expression: str, time_s: float | None = None) -> list[Sample]:
        """The instant vector now, or at `time_s`, after a flush. Blocking."""
        self.flush()
        return instant_query(self.url, expression, time_s)

    def export(self, selector: str) -> list[Exported]:
        """Raw samples of the series that a selector such as `{device="cdu-07"}` picks, after a flush. Blocking."""
        self.flush()
        # The default end is now, and a device's clock may be ahead of ours.
        answer = request(f"{self.url}/api/v1/export", {"match[]": selector, "start": "0", "end": END_OF_TIME_S})
        assert answer.status == 200, answer.text
        series = []
        for line in answer.text.splitlines():
            document = json.loads(line)
            labels: dict[str, str] = document["metric"]
            points = dict(zip(document["timestamps"], document["values"], strict=True))
            series.append(Exported(labels.pop("__name__", ""), labels, points))
        return series


class VmAuth(Server):
    """The proxy that asks for a token in front of VictoriaMetrics. Nothing needs to be behind it to see what it refuses."""

    program = "vmauth"
    package = "victoria-metrics"

    def __init__(self, folder: Path, token: str) -> None:
        super().__init__(folder)
        self._token = token

    @property
    def url(self) -> str:
        """Base URL, for writers and readers."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """See `Server.command`."""
        users = self.folder / "auth.yml"
        behind = {"bearer_token": self._token, "url_prefix": "http://127.0.0.1:9/"}
        users.write_text(json.dumps({"users": [behind]}), encoding="utf-8")
        return [f"-auth.config={users}", f"-httpListenAddr=127.0.0.1:{self.port}"]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return answers(f"{self.url}/health")
