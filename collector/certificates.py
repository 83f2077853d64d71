"""When the certificates end on which this collector depends: its own, those of whom it connects to, and authorities in files.

What another side shows is seen on a connection of its own that asks for nothing: the libraries of the store and of notifications
do not report it, and a notification may be sent once a month. It is not verified here, so its end is shown even if nobody trusts it.
"""

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from collector.config import CollectorConfig
from collector.parts import Parts
from collector.web import labels_text
from rackflow.process.bulkhead import Refreshed
from rackflow.process.certificates import EXPIRY, Certificate, ends, shown_by

# A handshake costs a peer some milliseconds of processor; a renewed certificate is seen after ten minutes, within the hour that
# DcimCertificateExpires waits. One that does not answer is asked again sooner: it may be restarting with its new one.
LOOK_S: Final = 600.0
RETRY_S: Final = 60.0
TIMEOUT_S: Final = 5.0

Found = Mapping[str, Sequence[Certificate]]
"""Certificates by what they are: the label `component`."""


class Peers:
    """The certificates that the store, Alertmanagers and webhooks show. Asked from one thread at a time."""

    def __init__(self, config: CollectorConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        problems = config.problems
        urls = {
            "store": [config.store.url] if config.store.url is not None else [],
            "alertmanager": problems.alertmanagers,
            "webhook": [each.url for each in problems.webhooks],
        }
        self.addresses = {what: _tls_addresses(found) for what, found in urls.items()}
        # What is known of each address, and when (monotonic) it is asked again. One that is silent keeps the certificate that it had.
        self._known: dict[tuple[str, int], tuple[Certificate, ...]] = {}
        self._next_s: dict[tuple[str, int], float] = {}

    def found(self) -> Found:
        """What each has shown most recently. Blocks, for some seconds for each address that does not answer."""
        for address in {each for addresses in self.addresses.values() for each in addresses}:
            if self._clock() >= self._next_s.get(address, 0.0):
                shown = _shown_at(address)
                self._known[address] = shown or self._known.get(address, ())
                self._next_s[address] = self._clock() + (LOOK_S if shown else RETRY_S)
        return {
            what: [shown for each in addresses for shown in self._known.get(each, ())]
            for what, addresses in self.addresses.items()
        }


class Certificates:
    """The ends of all of them as lines of `/metrics`."""

    def __init__(self, config: CollectorConfig, parts: Parts) -> None:
        self._config = config
        self._parts = parts
        peers = Peers(config)
        self._files = Refreshed[Found](self._read_files, "certificates", {})
        # A scrape waits for none of them: it shows what the one before has begun to ask.
        self._peers = Refreshed[Found](peers.found, "certificates of peers", {}, patience_s=0.0)
        self._has_files = config.broker.cert_file is not None or config.broker.ca_file is not None
        self._has_peers = any(peers.addresses.values())

    async def lines(self) -> dict[str, list[str]]:
        """The lines of the metric, by its name; empty if there is no certificate."""
        parts = self._parts
        found: dict[str, Sequence[Certificate]] = {
            "web": parts.web.certificates if parts.web is not None else (),
            "broker": self._of_broker(),
            **(await self._peers.value() if self._has_peers else {}),
            **(await self._files.value() if self._has_files else {}),
        }
        of_web = parts.web.authorities if parts.web is not None else ()
        found["authority"] = [*found.get("authority", ()), *of_web]
        lines = [
            f"{EXPIRY}{{{labels_text(('component', component), ('subject', subject))}}} {value!r}\n"
            for (component, subject), value in ends(found).items()
        ]
        return {EXPIRY: lines} if lines else {}

    def _of_broker(self) -> Sequence[Certificate]:
        return self._parts.subscriber.broker_certificates if self._parts.subscriber is not None else ()

    def _read_files(self) -> Found:
        broker = self._config.broker
        return {"collector": broker.certificates(), "authority": broker.authorities(self._of_broker())}


def _tls_addresses(urls: Sequence[str]) -> list[tuple[str, int]]:
    parts = [urlsplit(each) for each in urls]
    return [(each.hostname, each.port or 443) for each in parts if each.scheme == "https" and each.hostname]


def _shown_at(address: tuple[str, int]) -> tuple[Certificate, ...]:
    """The certificate that is shown at an address; none if nobody answers there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(address, TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=address[0]) as connection,
        ):
            return shown_by(connection)
    except (OSError, ValueError):  # ValueError: a name that is no server name
        return ()
