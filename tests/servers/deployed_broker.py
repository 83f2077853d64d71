"""mosquitto with exactly the files of deploy/mosquitto. Only paths, ports and the system user differ.

It has both listeners: passwords on loopback, and TLS with the certificates that make-certificates makes.
"""

import getpass
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.mosquitto import write_passwords
from tests.servers.ports import accepts, free_port
from tests.servers.process import Server

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SCRIPT = DEPLOY / "mosquitto" / "make-certificates"
SITE_COLLECTOR = re.compile(r"^#((?:user|topic) .*collector-cas1.*|topic read rackflow/v1/cas1/#)$", re.MULTILINE)
"""The example of a collector of one site, which rackflow.acl has as comments."""
OPERATOR = re.compile(
    r"^#(user operator|topic deny .*/operator/#|topic read rackflow/v1/#|topic write .*)$", re.MULTILINE
)
"""The account of a person who clears what is retained, as comments there, too."""


def make_certificates(folder: Path, *arguments: str, days: int | None = None) -> str:
    """Run the script; returns what it prints. Fails with its error."""
    options = ["--days", str(days)] if days is not None else []
    command = [str(SCRIPT), *options, str(folder), *arguments]
    found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


def adapted(text: str, ports: Sequence[int], places: Mapping[str, Path]) -> str:
    """A shipped configuration with these ports in the order of its listeners, on loopback, and with its folders replaced."""
    left = iter(ports)
    text = re.sub(r"^listener \d+.*$", lambda _: f"listener {next(left)} 127.0.0.1", text, flags=re.MULTILINE)
    for place, folder in places.items():
        text = text.replace(place, f"{folder}/")
    return text


class DeployedBroker(Server):
    """A broker as docs/how-to/broker.md sets it up. `passwords` are its accounts on loopback.

    `pki` is the folder of make-certificates, which must have an authority and the broker's certificate.
    """

    program = "mosquitto"
    package = "mosquitto"

    def __init__(self, folder: Path, passwords: Mapping[str, str], pki: Path | None = None) -> None:
        super().__init__(folder)
        self._passwords = passwords
        self.pki = pki
        self.tls_port = 0

    def command(self) -> list[str]:
        """See `Server.command`."""
        shipped = DEPLOY / "mosquitto"
        write_passwords(self.folder / "rackflow.passwd", self._passwords)
        rules = SITE_COLLECTOR.sub(r"\1", (shipped / "rackflow.acl").read_text(encoding="utf-8"))
        (self.folder / "rackflow.acl").write_text(OPERATOR.sub(r"\1", rules), encoding="utf-8")
        places = {"/etc/mosquitto/": self.folder, "/var/lib/mosquitto/": self.folder}
        (self.folder / "conf.d").mkdir(exist_ok=True)
        if self.pki is not None:
            self.tls_port = self.tls_port or free_port()
            self.install_certificates()
            text = (shipped / "listener-tls.conf").read_text(encoding="utf-8")
            (self.folder / "conf.d" / "listener-tls.conf").write_text(
                adapted(text, [self.tls_port], places), encoding="utf-8"
            )
        text = adapted((shipped / "mosquitto.conf").read_text(encoding="utf-8"), [self.port], places)
        # Started by root it would change to a user who cannot read a test's folder.
        own = f"user {getpass.getuser()}\nlog_dest stdout\n"
        (self.folder / "mosquitto.conf").write_text(text + own, encoding="utf-8")
        return ["-c", str(self.folder / "mosquitto.conf")]

    def install_certificates(self) -> None:
        """Copy what the broker needs of the certificates; the authority's key is not among it."""
        assert self.pki is not None
        certs = self.folder / "certs"
        certs.mkdir(exist_ok=True)
        for name in ("ca.crt", "crl.pem", "broker.crt", "broker.key"):
            (certs / name).write_bytes((self.pki / name).read_bytes())

    def reload(self) -> None:
        """Have it read its files again, as `systemctl reload` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def ready(self) -> bool:
        """See `Server.ready`."""
        return accepts(self.port) and (not self.tls_port or accepts(self.tls_port))
