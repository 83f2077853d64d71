"""deploy/kubernetes: what manifests say of each other, of programs and image is true. scripts/check-manifests knows the schemas."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config_file import load_agent_config
from collector.config import load_collector_config
from collector.problems.table import load_table

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
SIDES = ("agent", "collector")


def manifests(name: str) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))


def workload(side: str) -> dict[str, Any]:
    return next(each for each in manifests(f"base/{side}.yaml") if each["kind"] == "StatefulSet")


def pod(side: str) -> dict[str, Any]:
    spec: dict[str, Any] = workload(side)["spec"]["template"]["spec"]
    return spec


def loadable(side: str, tmp_path: Path, folder: str = "base") -> Path:
    """The sample with its secrets in a folder of this test's, as the volume would bring them."""
    text = (FOLDER / folder / "config" / f"{side}.yaml").read_text(encoding="utf-8")
    for name in set(re.findall(r"file:/run/secrets/rackflow/([a-z-]+)", text)):
        (tmp_path / name).write_text("secret")
        (tmp_path / name).chmod(0o440)
    file = tmp_path / f"{side}.yaml"
    file.write_text(text.replace("/run/secrets/rackflow", str(tmp_path)), encoding="utf-8")
    return file


@pytest.mark.parametrize("folder", ["base", "engines", "members", "monitoring"])
def test_a_kustomization_names_every_file_beside_it(folder: str) -> None:
    named = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted(each for each in named if each != "../base") == sorted(
        each.name for each in (FOLDER / folder).glob("*.yaml") if each.name != "kustomization.yaml"
    )


@pytest.mark.parametrize("side", SIDES)
def test_a_pod_runs_its_command_on_the_configuration_that_its_volume_brings(side: str) -> None:
    container = pod(side)["containers"][0]
    assert container["args"] == [f"rackflow-{side}", "run", f"/etc/rackflow/{side}.yaml"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    brought = {each["name"] for each in pod(side)["volumes"]} | {"state"}
    assert set(mounted) == brought
    assert mounted["config"] == "/etc/rackflow"
    generator = yaml.safe_load((FOLDER / "base/kustomization.yaml").read_text(encoding="utf-8"))["configMapGenerator"]
    assert f"{side}.yaml=config/{side}.yaml" in next(
        each["files"] for each in generator if each["name"] == f"rackflow-{side}"
    )


@pytest.mark.parametrize("side", SIDES)
def test_a_pod_is_never_root_and_can_write_to_its_volume_only(side: str) -> None:
    image = (ROOT / "deploy/container/Dockerfile").read_text(encoding="utf-8")
    context, container = pod(side)["securityContext"], pod(side)["containers"][0]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}" in image
    assert context["runAsNonRoot"]
    assert context["fsGroup"] == context["runAsGroup"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod(side)["automountServiceAccountToken"]


@pytest.mark.parametrize("side", SIDES)
def test_secrets_are_mounted_so_that_rackflow_accepts_them(side: str) -> None:
    secret = next(each["secret"] for each in pod(side)["volumes"] if each["name"] == "secrets")
    # YAML reads 0440 as octal, so this is the number that Kubernetes gets.
    assert secret["defaultMode"] == 0o440


def test_the_samples_load_and_keep_their_state_on_the_volume(tmp_path: Path) -> None:
    agent = load_agent_config(loadable("agent", tmp_path))
    assert str(agent.outbox.path).startswith("/var/lib/rackflow/")
    probes = [pod("agent")["containers"][0][each]["exec"]["command"][-1] for each in ("startupProbe", "livenessProbe")]
    assert all(f"'{agent.health_file}'" in probe for probe in probes)
    collector = load_collector_config(loadable("collector", tmp_path))
    assert collector.dead_letter.is_relative_to("/var/lib/rackflow")
    assert collector.listen == "0.0.0.0:9420"


def test_each_member_stores_its_share_under_its_own_name_and_the_watcher_shows_the_same_sites(tmp_path: Path) -> None:
    spec = next(each for each in manifests("members/members.yaml") if each["kind"] == "StatefulSet")["spec"]
    (naming,) = spec["template"]["spec"]["initContainers"]
    file = loadable("member", tmp_path, "members")
    script = naming["command"][-1].replace("/etc/template/member.yaml", str(file))
    named = tmp_path / "named.yaml"
    script = script.replace("/etc/rackflow/member.yaml", str(named))
    subprocess.run([*naming["command"][:-1], script], env={**os.environ, "POD_NAME": "rackflow-member-1"}, check=True)
    member = load_collector_config(named)
    assert (member.client_id, member.broker.username) == ("rackflow-member-1", "rackflow-member-1")
    assert (member.role, member.shared) == ("store", True)
    watcher = load_collector_config(loadable("watcher", tmp_path, "members"))
    assert (watcher.role, watcher.sites, watcher.store) == ("watch", "all", member.store)
    vminsert = next(
        each for each in manifests("engines/victoria-metrics.yaml") if each["metadata"]["name"] == "vminsert"
    )
    assert f"vminsert.monitoring:{vminsert['spec']['ports'][0]['port']}/" in named.read_text(encoding="utf-8")
    ports = [
        each["port"]
        for policy in manifests("members/members.yaml")
        if policy["kind"] == "NetworkPolicy"
        for each in policy["spec"]["egress"][0]["ports"]
    ]
    assert ports == [vminsert["spec"]["ports"][0]["port"]] * 2


def test_the_collectors_port_is_the_same_everywhere() -> None:
    port = pod("collector")["containers"][0]["ports"][0]
    service = next(each for each in manifests("base/collector.yaml") if each["kind"] == "Service")
    assert service["spec"]["ports"] == [{"name": "http", "port": port["containerPort"], "targetPort": port["name"]}]
    policy = next(each for each in manifests("base/network.yaml") if each["metadata"]["name"] == "collector")
    assert [each["port"] for each in policy["spec"]["ingress"][0]["ports"]] == [port["containerPort"]]


def test_prometheus_scrapes_under_the_job_names_that_the_rules_refer_to() -> None:
    jobs = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    monitor = next(manifests("monitoring/servicemonitor.yaml"))
    found = {
        each["relabelings"][0]["replacement"]: (each["interval"], each.get("params"))
        for each in monitor["spec"]["endpoints"]
    }
    assert set(found) == {job["job_name"] for job in jobs if job["job_name"].startswith("dcim-collector")}
    # Whoever stores is watched, too: nobody else knows that a member's store or disk refuses what it writes.
    services = [
        each["metadata"]["labels"]
        for name in ("base/collector.yaml", "members/members.yaml")
        for each in manifests(name)
        if each["kind"] == "Service"
    ]
    monitors = [next(manifests(f"monitoring/{name}.yaml")) for name in ("servicemonitor", "members")]
    assert services == [each["spec"]["selector"]["matchLabels"] for each in monitors]
    (member,) = monitors[1]["spec"]["endpoints"]
    job = member["relabelings"][0]["replacement"]
    down = load_table().problems["DcimCollectorDown"].promql
    (watched, absent) = re.findall(r'job=~?"([^"]+)"', down or "")
    assert re.fullmatch(watched, job)
    assert absent != job
    for job in jobs:
        if "scrape_interval" in job:
            assert found[job["job_name"]] == (job["scrape_interval"], job.get("params"))
