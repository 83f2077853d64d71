"""Prometheus for tests: takes scrape targets and rule files, and answers PromQL queries.

Its discovery passes on new targets only every 5 s, so the first scrape comes 5 to 11 s after the start (`FIRST_SCRAPE_S`).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from tests.servers.process import Server
from tests.servers.promql import Sample, instant_query
from tests.servers.web import answers, request

# More than twice the longest time above, for a busy machine.
FIRST_SCRAPE_S = 25.0


class Prometheus(Server):
    """Scrapes `targets` (host:port) every second into a folder of its own."""

    program = "prometheus"
    package = "prometheus"

    def __init__(
        self, folder: Path, targets: Sequence[str], *, rule_files: Sequence[Path] = (), job: str = "rackflow"
    ) -> None:
        super().__init__(folder)
        self._job = job
        self._targets = list(targets)
        self._rule_files = [str(file.resolve()) for file in rule_files]

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    def configure(self, config: Path) -> None:
        """Write its configuration, before each start."""
        document = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": self._rule_files,
            "scrape_configs": [{"job_name": self._job, "static_configs": [{"targets": self._targets}]}],
        }
        config.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML

    def command(self) -> list[str]:
        """See `Server.command`."""
        config = self.folder / "prometheus.yml"
        self.configure(config)
        return [
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return answers(f"{self.url}/-/ready")

    def query(self, expression: str, time_s: float | None = None) -> list[Sample]:
        """The instant vector now, or at `time_s`. Blocking: when the target is served by this loop use a thread."""
        return instant_query(self.url, expression, time_s)

    def scrape_errors(self) -> list[str]:
        """What went wrong in the last scrape of each target that failed. Blocking."""
        document = cast("dict[str, dict[str, list[dict[str, str]]]]", request(f"{self.url}/api/v1/targets").json())
        return [target["lastError"] for target in document["data"]["activeTargets"] if target["lastError"]]
