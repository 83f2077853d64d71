"""/metrics has the ends of the certificates by which a collector logs in, serves its pages, and knows its broker, and their authority's."""

import asyncio
from pathlib import Path

from rackflow.process.certificates import EXPIRY, read_certificates
from tests.collector.running import config_for, running
from tests.collector.web.serving import ask, certificate
from tests.collector.web.test_access import trusting, written
from tests.servers.deployed_broker import DeployedBroker, make_certificates
from tests.servers.mqtt_account import with_certificate
from tests.servers.waiting import PATIENCE_S, STEP_S


async def test_the_page_has_the_ends_of_all_four_and_a_renewed_certificates_new_end(tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    make_certificates(pki, "ca", "t1")
    make_certificates(pki, "broker", "localhost", days=40)
    make_certificates(pki, "collector", "rackflow-collector", days=30)
    certificate(tmp_path, "pages")
    files = {
        'component="collector",subject="rackflow-collector"': pki / "collectors" / "rackflow-collector.crt",
        'component="web",subject="pages"': tmp_path / "pages.pem",
        'component="broker",subject="broker"': pki / "broker.crt",
        'component="authority",subject="t1_Rackflow_CA"': pki / "ca.crt",
    }
    http = {
        "share_s": 0,
        "web_config": str(written(tmp_path, "tls_server_config: {cert_file: pages.pem, key_file: pages.key}")),
    }

    async def shown(url: str, expected: dict[str, float]) -> None:
        """Wait until the page has these ends, and no others."""
        found: dict[str, float] = {}
        async with asyncio.timeout(PATIENCE_S):
            while found != expected:
                await asyncio.sleep(STEP_S)
                _, _, page = await ask(int(url.rpartition(":")[2]), context=trusting(tmp_path, "pages"))
                lines = [each for each in page.decode().splitlines() if each.startswith(f"{EXPIRY}{{")]
                found = {each.split("{")[1].split("}")[0]: float(each.rpartition(" ")[2]) for each in lines}

    def ends() -> dict[str, float]:
        return {name: read_certificates(file)[0].expires_s for name, file in files.items()}

    with DeployedBroker(tmp_path / "broker", {"rackflow-collector": "pw"}, pki).serving() as server:
        own = next(iter(files.values()))
        broker = with_certificate(server.tls_port, pki / "ca.crt", own, host="localhost").model_dump()
        async with running(config_for(server.port, tmp_path, broker=broker, http=http)) as collector:
            first = ends()
            await shown(collector.url, first)
            make_certificates(pki, "collector", "rackflow-collector", days=300)
            assert ends() != first
            await shown(collector.url, ends())
