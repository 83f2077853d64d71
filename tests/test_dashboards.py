"""The dashboard: its names are the catalogue's, and each of its queries gives data in a real Prometheus."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rackflow.catalogue import BASE_LABELS, Metric, catalogue
from rackflow.process.yaml import load_yaml_file
from tests.expressions import faults, labels_of
from tests.servers.prometheus import Prometheus
from tests.servers.waiting import eventually

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "deploy" / "prometheus" / "rules" / "dcim.rules.yml"
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
UNITS = {
    "amp", "celsius", "flowlpm", "kwatth", "ops", "percentunit", "pressurekpa", "rotrpm", "s", "short", "watt",
}  # fmt: skip
VARIABLES = {"$__rate_interval": "10s", "$site": ".*", "$device": ".*"}
# States other than the first of the catalogue, where a rule asks for them.
PRESENT = {"dcim_cdu_control_mode": "flow"}
Panel = dict[str, Any]


def panels() -> Iterator[tuple[str, Panel]]:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            yield file.name, panel


def queries() -> list[tuple[str, str]]:
    """Panel and expression, variables replaced."""
    found = []
    for _, panel in panels():
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            found.append((panel["title"], expression))
    return found


def recorded() -> dict[str, str]:
    """Recording rules, name to expression."""
    rules = [rule for group in load_yaml_file(RULES)["groups"] for rule in group["rules"]]
    return {rule["record"]: rule["expr"] for rule in rules if "record" in rule}


def value_of(metric: Metric, scrapes: int) -> float:
    if metric.type in ("counter", "histogram"):
        return float(scrapes)
    low, high = metric.ranges[0] if metric.ranges else (0.0, 2.0)
    return 1.0 if metric.plausible(1.0) else (low + high) / 2


def series_of(metric: Metric) -> Iterator[str]:
    """Label texts of synthetic series: every combination of the values that the catalogue lists, else `1`."""
    own = labels_of(metric) - {"instance", "job", "le", "state"}
    names = sorted(own)
    usual = dict.fromkeys(BASE_LABELS, ("x",)) | {
        "loop": ("primary", "secondary"),
        "figure": ("site_interim_pue_ratio",),
    }
    choices = [metric.label_values.get(name) or usual.get(name, ("1",)) for name in names]
    for values in product(*choices):
        yield ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))


def page(scrapes: int) -> str:
    """What a collector could expose: a sample of every series of every metric of the catalogue."""
    lines = []
    for name, metric in catalogue().items():
        for labels in series_of(metric):
            comma = "," if labels else ""
            if metric.states:
                present = PRESENT.get(name, metric.states[0])
                lines += [
                    f'{name}{{{labels}{comma}state="{state}"}} {int(state == present)}' for state in metric.states
                ]
            elif metric.type == "histogram":
                lines += [f'{name}_bucket{{{labels}{comma}le="{bound}"}} {scrapes}' for bound in ("0.1", "1", "+Inf")]
                lines += [f"{name}_sum{{{labels}}} {scrapes / 20}", f"{name}_count{{{labels}}} {scrapes}"]
            else:
                lines.append(f"{name}{{{labels}}} {value_of(metric, scrapes)}")
    return "\n".join(lines) + "\n"


async def serve_page(stack: AsyncExitStack) -> str:
    """Starts the synthetic page; returns its host:port."""
    scrapes = 0

    async def metrics(_: web.Request) -> web.Response:
        nonlocal scrapes
        scrapes += 1
        return web.Response(text=page(scrapes))

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return f"{host}:{port}"


async def test_every_query_gives_data(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        target = await serve_page(stack)
        prometheus = Prometheus(tmp_path / "prometheus", [target], rule_files=[RULES])
        stack.enter_context(prometheus.serving())

        def gives(expression: str) -> Callable[[], bool]:
            # NaN is what a quantile of nothing gives: no data.
            return lambda: any(not math.isnan(sample.value) for sample in prometheus.query(expression))

        checked = [*queries(), *((name, name) for name in recorded())]
        for what, expression in checked:
            await eventually(gives(expression), f"{what}: {expression}", timeout_s=20)
        assert len(checked) > 50


@pytest.mark.parametrize(("what", "expression"), queries())
def test_queries_name_only_what_the_catalogue_has(what: str, expression: str) -> None:
    assert faults(expression, recorded()) == [], what


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("dcim_ups_output_power", "no metric"),
        ('sum(rate(dcim_pdu_outlets_total{phase="L1"}[5m]))', "no metric"),
        ('dcim_ups_output_power_watts{loop="primary"}', "has no label loop"),
        ('dcim_ups_output_source{state="batery"} == 1', "never has state=batery"),
        ('dcim_cdu_flow_cubic_meters_per_second{loop=~"secondary|third"}', "never has loop=third"),
        ("sum by (loop) (dcim_ups_output_power_watts)", "grouping by loop"),
        ('{__name__=~"dcim_leaks?_seen"} == 1', "no metric"),
        ("a:dcim_nothing:sum > 1", "no metric"),
    ],
)
def test_wrong_names_are_found(expression: str, fault: str) -> None:
    assert fault in "; ".join(faults(expression, recorded()))


def test_datasource_is_the_variable_everywhere() -> None:
    for name, panel in panels():
        sources = [panel["datasource"]] if "datasource" in panel else []
        sources += [target["datasource"] for target in panel.get("targets", [])]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources), (
            name,
            panel["title"],
        )
        assert sources or panel["type"] == "row", (name, panel["title"])


def test_units_are_those_that_grafana_knows() -> None:
    units = {panel["fieldConfig"]["defaults"].get("unit", "short") for _, panel in panels() if panel["type"] != "row"}
    assert units <= UNITS


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    for file in DASHBOARDS:
        own = [panel for name, panel in panels() if name == file.name]
        assert len({panel["id"] for panel in own}) == len(own)
        taken: set[tuple[int, int]] = set()
        for panel in own:
            at = panel["gridPos"]
            cells = set(product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
            assert at["x"] + at["w"] <= 24
            assert not cells & taken, panel["title"]
            taken |= cells


def test_variables_and_provisioning_fit() -> None:
    assert DASHBOARDS
    source = load_yaml_file(ROOT / "grafana" / "provisioning" / "datasources" / "prometheus.yaml")["datasources"][0]
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
        assert set(variables) == {"datasource", "site", "device"}
        assert variables["datasource"]["current"]["value"] == source["uid"]
        assert dashboard["uid"] == file.stem
        assert "id" not in dashboard
        for name in ("site", "device"):
            inner = variables[name]["definition"].removeprefix("label_values(").rpartition(",")[0]
            assert faults(inner.replace("$site", ".*"), {}) == []
