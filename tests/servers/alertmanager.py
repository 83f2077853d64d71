"""Alertmanager for tests, with the configuration that is shipped."""

import subprocess
from pathlib import Path
from typing import TypedDict, cast

from tests.servers.captures import REPOSITORY
from tests.servers.process import Server, find_program
from tests.servers.web import answers, request

SHIPPED = REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"


class AlertStatus(TypedDict):
    """Whether an alert is notified of."""

    state: str
    inhibitedBy: list[str]


class Alert(TypedDict):
    """One alert as the API v2 shows it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    status: AlertStatus


class Alertmanager(Server):
    """One Alertmanager without a cluster."""

    program = "prometheus-alertmanager"
    package = "prometheus-alertmanager"

    def __init__(self, folder: Path, config: Path = SHIPPED) -> None:
        super().__init__(folder)
        self._config = config

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """See `Server.command`."""
        return [
            f"--config.file={self._config}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]

    def ready(self) -> bool:
        """See `Server.ready`."""
        return answers(f"{self.url}/-/ready")

    def silence(self, *matchers: str, by: str, comment: str) -> str:
        """Put a silence of an hour there as a person does, with amtool; returns its id. Blocking."""
        return self._amtool("add", *matchers, "--duration=1h", f"--author={by}", f"--comment={comment}").strip()

    def expire(self, silence: str) -> None:
        """End a silence. Blocking."""
        self._amtool("expire", silence)

    def _amtool(self, *arguments: str) -> str:
        amtool = find_program("amtool", "prometheus-alertmanager")
        command = [amtool, f"--alertmanager.url={self.url}", "silence", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30.0).stdout

    def alerts(self) -> dict[str, Alert]:
        """The alerts that have not ended, by name. Blocking."""
        found = cast("list[Alert]", request(f"{self.url}/api/v2/alerts").json())
        return {each["labels"]["alertname"]: each for each in found}
