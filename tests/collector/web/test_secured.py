"""A collector with TLS and passwords, as a process: only who knows them reads its pages."""

import asyncio
import ssl
import sys
from pathlib import Path

import yaml

from tests.collector.running import STOP_WITHIN_S, config_for
from tests.collector.web.serving import ask, certificate
from tests.collector.web.test_access import basic, hashed, trusting, written
from tests.servers.captures import REPOSITORY
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port


async def answered(port: int, context: ssl.SSLContext, authorization: str) -> int:
    """The status of /metrics once the process listens."""
    async with asyncio.timeout(30):
        while True:
            try:
                return (await ask(port, headers={"Authorization": authorization}, context=context))[0]
            except ConnectionError:
                await asyncio.sleep(0.05)


async def test_a_secured_collector_answers_who_knows_certificate_and_password(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """The path of the web configuration is relative to the collector's own, that of the certificate to the web configuration."""
    certificate(tmp_path, "site")
    text = {
        "tls_server_config": {"cert_file": "site.pem", "key_file": "site.key"},
        "basic_auth_users": {"prometheus": hashed("s3cret")},
    }
    written(tmp_path, yaml.safe_dump(text))
    port = free_port()
    data = config_for(mosquitto.port, tmp_path).model_dump(mode="json", exclude_unset=True)
    file = tmp_path / "collector.yaml"
    data |= {"listen": f"127.0.0.1:{port}", "http": {"web_config": "web.yml"}}
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    command = (sys.executable, "-m", "collector", "run", str(file))
    process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stderr=asyncio.subprocess.DEVNULL)
    try:
        context = trusting(tmp_path, "site")
        assert await answered(port, context, basic("prometheus", "s3cret")) == 200
        assert await answered(port, context, basic("prometheus", "wrong")) == 401
    finally:
        process.terminate()
        async with asyncio.timeout(STOP_WITHIN_S):
            assert await process.wait() == 0
