"""Pictures of the dashboards: every panel of every dashboard is drawn, from the expressions that it has in Grafana."""

import json
from pathlib import Path

import pytest

from benchmarks.pictures.__main__ import DASHBOARDS, IMAGES, LEFT_OUT, MOST_BYTES
from benchmarks.pictures.convert import board, expression

BOARDS = [file for file in sorted(DASHBOARDS.glob("*.json")) if not file.stem.startswith(LEFT_OUT)]


def test_variables_select_everything() -> None:
    text = 'max by (site) (rate(dcim_x_total{site=~"$site", device=~"${device:regex}"}[$__rate_interval]))'
    assert expression(text) == 'max by (site) (rate(dcim_x_total{site=~".*", device=~".*"}[1m]))'


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_every_panel_is_drawn_with_all_of_its_queries_at_its_place(file: Path) -> None:
    grafana = json.loads(file.read_text(encoding="utf-8"))
    perses = board(grafana)
    panels = [each for each in grafana["panels"] if each["type"] != "row"]
    drawn = [item["content"]["$ref"] for grid in perses["spec"]["layouts"] for item in grid["spec"]["items"]]
    assert sorted(drawn) == sorted(f"#/spec/panels/p{each['id']}" for each in panels)
    for each in panels:
        queries = perses["spec"]["panels"][f"p{each['id']}"]["spec"]["queries"]
        assert len(queries) == len(each["targets"])
    assert "$site" not in json.dumps(perses)
    assert "$__" not in json.dumps(perses)


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_each_dashboard_has_a_small_picture(file: Path) -> None:
    picture = (IMAGES / f"{file.stem}.webp").read_bytes()
    assert picture[8:12] == b"WEBP"
    assert 10_000 < len(picture) <= MOST_BYTES
