"""Ends of certificates that others show a collector over HTTPS. A broker's TLS listener stands for them: nothing but TLS is spoken."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.certificates import LOOK_S, RETRY_S, Peers
from tests.collector.running import config_for, running
from tests.servers.deployed_broker import DeployedBroker, make_certificates
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[DeployedBroker]:
    pki = tmp_path / "pki"
    make_certificates(pki, "ca", "cas1")
    make_certificates(pki, "broker", "localhost", "127.0.0.1", days=9)
    with DeployedBroker(tmp_path / "peer", {"monitor": "pw"}, pki).serving() as server:
        yield server


def test_what_store_alertmanagers_and_webhooks_show_is_known_and_stays_known_while_they_are_silent(
    peer: DeployedBroker, tmp_path: Path
) -> None:
    there = f"https://127.0.0.1:{peer.tls_port}"
    config = config_for(
        free_port(),
        tmp_path,
        {"kind": "influxdb", "url": there, "bucket": "b", "org": "o", "token": "t"},
        problems={
            "alertmanagers": [there, f"https://127.0.0.1:{free_port()}", "http://127.0.0.1:9093"],
            "webhooks": [{"url": f"https://localhost:{peer.tls_port}/problems"}],
        },
    )
    now_s = 0.0
    peers = Peers(config, lambda: now_s)
    found = peers.found()
    assert {what: [each.subject for each in shown] for what, shown in found.items()} == {
        "store": ["broker"],
        "alertmanager": ["broker"],
        "webhook": ["broker"],
    }
    assert 8 < (found["store"][0].expires_s - time.time()) / 86_400 <= 9
    peer.stop()
    now_s = LOOK_S
    assert peers.found() == found
    # It comes back with a new one, and is asked again sooner than one that has answered.
    assert peer.pki is not None
    make_certificates(peer.pki, "broker", "localhost", "127.0.0.1", days=90)
    peer.install_certificates()
    peer.start()
    assert peers.found() == found
    now_s += RETRY_S
    assert 89 < (peers.found()["store"][0].expires_s - time.time()) / 86_400 <= 90


def test_who_is_reached_without_tls_is_not_asked_and_the_port_of_https_need_not_be_written(tmp_path: Path) -> None:
    store: dict[str, object] = {
        "kind": "influxdb",
        "url": "https://influx.example",
        "bucket": "b",
        "org": "o",
        "token": "t",
    }
    targets = {"alertmanagers": ["http://127.0.0.1:9093"], "webhooks": [{"url": "https://chat.example:8443/hook"}]}
    peers = Peers(config_for(free_port(), tmp_path, store, problems=targets))
    assert peers.addresses == {
        "store": [("influx.example", 443)],
        "alertmanager": [],
        "webhook": [("chat.example", 8443)],
    }


async def test_a_collector_says_when_the_certificate_of_an_alertmanager_ends(
    peer: DeployedBroker, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    problems = {"alertmanagers": [f"https://localhost:{peer.tls_port}"]}
    async with running(config_for(mosquitto.port, tmp_path, problems=problems)) as collector:
        end = 'dcim_certificate_expiry_timestamp_seconds{component="alertmanager",subject="broker"}'
        await collector.reaches(end, lambda value: 8 < (value - time.time()) / 86_400 <= 9)
