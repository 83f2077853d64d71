"""mosquitto for tests: MQTT 3.1.1 and 5 on a loopback port that stays the same over restarts."""

import getpass
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.ports import accepts
from tests.servers.process import Server, find_program


class Mosquitto(Server):
    """A broker. Anonymous unless `passwords` (user to password) are given.

    With `persistence`, sessions and queues survive a clean stop; they survive a kill too when `autosave_changes` says
    after how many changes the database is written (1 is safe and slow). `extra` are further lines of configuration.
    """

    program = "mosquitto"
    package = "mosquitto"

    def __init__(
        self,
        folder: Path,
        *,
        persistence: bool = False,
        autosave_changes: int = 0,
        passwords: Mapping[str, str] | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        super().__init__(folder)
        self._persistence = persistence
        self._autosave_changes = autosave_changes
        self._passwords = dict(passwords or {})
        self._extra = tuple(extra)

    @property
    def url(self) -> str:
        """`mqtt://127.0.0.1:port`."""
        return f"mqtt://127.0.0.1:{self.port}"

    def reload(self) -> None:
        """Have it read its configuration and its access list again."""
        os.kill(self.pid, signal.SIGHUP)

    def replace(self) -> None:
        """Kill it, and start an empty one in its place: without sessions, queues and retained documents."""
        self.kill()
        (self.folder / "mosquitto.db").unlink(missing_ok=True)
        self.start()

    def command(self) -> list[str]:
        """See `Server.command`."""
        lines = [
            f"listener {self.port} 127.0.0.1",
            # Started by root it would change to a user who cannot read a test's folder.
            f"user {getpass.getuser()}",
            f"allow_anonymous {'false' if self._passwords else 'true'}",
            "log_dest stdout",
            "log_type all",
            # The default of 1000 silently drops what a test has queued for an absent client.
            "max_queued_messages 100000",
        ]
        if self._passwords:
            lines.append(f"password_file {self._password_file()}")
        if self._persistence:
            lines += ["persistence true", f"persistence_location {self.folder}/"]
            if self._autosave_changes:
                lines += ["autosave_on_changes true", f"autosave_interval {self._autosave_changes}"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([*lines, *self._extra, ""]), encoding="utf-8")
        return ["-c", str(config)]

    def _password_file(self) -> Path:
        return write_passwords(self.folder / "passwords", self._passwords)

    def ready(self) -> bool:
        """See `Server.ready`."""
        return accepts(self.port)


def write_passwords(file: Path, passwords: Mapping[str, str]) -> Path:
    """A password file of these accounts, hashed; returns its path."""
    file.write_text("".join(f"{user}:{password}\n" for user, password in passwords.items()), encoding="utf-8")
    file.chmod(0o600)
    subprocess.run([find_program("mosquitto_passwd", "mosquitto"), "-U", str(file)], check=True, timeout=60)
    return file


def refusing_subscriptions(folder: Path) -> list[str]:
    """Lines of a configuration that has every SUBSCRIBE refused; with access lists, mosquitto grants and sends nothing."""
    (plugin,) = Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")
    rules = folder / "refusing-subscriptions.json"
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    rules.write_text(json.dumps({"defaultACLAccess": access}), encoding="utf-8")
    return [f"plugin {plugin}", f"plugin_opt_config_file {rules}"]
