"""An agent and a collector that have read different site files: what only one of them took over would be found by nobody."""

from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from rackflow.site import parse_site
from tests.collector.documents import status
from tests.collector.problems.test_notified import SITE_FILE
from tests.collector.running import Running, config_for, publish, publisher, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import request


async def test_an_agent_that_has_read_another_site_file_is_reported_until_it_has_read_the_collectors(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    limits, path = tmp_path / "limits.yaml", tmp_path / "site.yaml"
    limits.write_text("problems: {DcimSiteFilesDiffer: {hold_s: 0, keep_s: 0}}\n", encoding="utf-8")
    path.write_text(SITE_FILE, encoding="utf-8")
    config = config_for(mosquitto.port, tmp_path, site_file=str(path), problems={"limits": str(limits)})
    here = status("cdu-07")
    same, changed = parse_site(SITE_FILE, "here").digest, parse_site(SITE_FILE.replace("32", "16"), "there").digest
    metric = 'dcim_collector_agent_site_file_differs{agent="gw-3",site="cas1"}'

    def named(one: Running) -> list[str]:
        document = cast("dict[str, Any]", request(f"{one.url}/api/v1/problems").json())
        return [each["labels"]["agent"] for each in document["problems"] if each["name"] == "DcimSiteFilesDiffer"]

    def shown(one: Running) -> list[str]:
        lines = request(f"{one.url}/metrics").text.splitlines()
        return [line.rpartition(" ")[0] for line in lines if line.startswith("dcim_collector_agent_site_file_differs{")]

    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        elsewhere = replace(here, site="cas2", site_file=changed)  # another site has a file of its own
        await publish(client, replace(here, site_file=same), elsewhere)
        await one.reaches(metric, lambda value: value == 0)
        await eventually(lambda: shown(one) == [metric], "and that of no other site")
        await publish(client, replace(here, site_file=changed))
        await eventually(lambda: named(one) == ["gw-3"], "told of")
        await one.reaches(metric, lambda value: value == 1)
        await publish(client, here)  # it has no site file any more, or is of an earlier version
        await eventually(lambda: named(one) == [], "not told of")
        await eventually(lambda: shown(one) == [], "no value")
