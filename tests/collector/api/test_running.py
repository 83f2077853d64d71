"""The API of a running collector: from a message to a document, and over a restart."""

import asyncio
import json
from pathlib import Path
from typing import Any, cast

from collector.api import apply_patch
from tests.collector.documents import SUPPLY, batch, document, status
from tests.collector.running import Running, config_for, publish, publisher, running, until
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import request

SMOKE = "dcim_env_contact_active{kind=smoke,sensor=1}"


async def got(one: Running, path: str) -> dict[str, Any]:
    """A document."""
    answer = await one.get(f"/api/v1/{path}")
    assert answer.status == 200, answer.text
    return cast("dict[str, Any]", answer.json())


async def test_a_device_and_its_rack_are_shown_by_their_labels_without_a_site_file(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with running(config_for(mosquitto.port, tmp_path)) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), document(), batch())
        up = 'dcim_device_up{site="cas1",room="dh1",row="b",rack="b07",device="cdu-07",agent="gw-3"}'
        await one.reaches(up, bool)
        site = await got(one, "site")
        assert (site["site"], site["source"], site["devices"]["answering"]) == ("cas1", "labels", 1)
        floor = await got(one, "floor?room=dh1")
        assert floor["rows"] == [{"id": "b", "room": "dh1", "racks": ["b07"], "cdus": ["cdu-07"]}]
        assert floor["cdus"]["cdu-07"]["supply_celsius"] == 32.12  # 32.125 in four digits
        device = await got(one, "devices/cdu-07")
        assert device["series"][SUPPLY]["value"] == 32.125
        assert device["identity"]["vendor"] == "Acme"
        agents = await got(one, "agents")
        assert agents["items"]["gw-3"]["state"] == "up"


async def test_a_stream_follows_a_device_from_its_first_poll(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with running(config_for(mosquitto.port, tmp_path)) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), document(), batch())
        await eventually(lambda: "cas1" in json.dumps(_ask(one, "site")), "heard of")
        port = int(one.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/v1/events?show=floor HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        have: Any = None
        seq = 1
        async with asyncio.timeout(30):
            while True:
                line = await reader.readuntil(b"\n")
                if not line.startswith(b"data: "):
                    continue
                data = json.loads(line.removeprefix(b"data: "))
                have = data["whole"] if "whole" in data else apply_patch(have, data["patch"])
                if have["cdus"]["cdu-07"].get("supply_celsius") == 33.0:
                    break
                seq += 1
                await publish(client, batch(seq=seq, values={SUPPLY: 33.0}))
        writer.close()


def _ask(one: Running, path: str) -> object:

    return request(f"{one.url}/api/v1/{path}").json()


async def test_history_survives_a_restart(mosquitto: Mosquitto, tmp_path: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("problems: {DcimSmoke: {keep_s: 0}}\n", encoding="utf-8")
    config = config_for(mosquitto.port, tmp_path, problems={"limits": str(limits)})
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), document(), batch(values={SMOKE: 1.0}))
        await eventually(lambda: "DcimSmoke" in json.dumps(_ask(one, "problems")), "reported")
        await publish(client, batch(seq=2, values={SMOKE: 0.0}))
        file = config.problems_path.with_suffix(".history.jsonl")
        await until(lambda: file.exists() and file.stat().st_size > 0, "written", timeout_s=60)
    async with running(config) as one:
        await one.ready()
        (item,) = (await got(one, "problems/history"))["items"]
        assert (item["name"], item["ended"] is None, item["labels"]["device"]) == ("DcimSmoke", False, "cdu-07")
