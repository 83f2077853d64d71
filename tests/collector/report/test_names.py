"""Names and units of the report's figures: they are contract, so the reference lists each of them, and the page has words for each."""

import re
from pathlib import Path

from collector.report.display import NAMES
from collector.report.energy import FIGURES

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "report.md"
ROW = re.compile(r"^\| (`.+?) \| (.+?) \|", re.MULTILINE)


def documented() -> dict[str, str]:
    """Unit of each figure in the reference. A row names several figures, with one unit for all or one for each."""
    found: dict[str, str] = {}
    for names, units in ROW.findall(REFERENCE.read_text(encoding="utf-8")):
        figures, each = re.findall(r"`([a-z_]+)`", names), units.split(", ")
        found |= dict(zip(figures, each if len(each) > 1 else each * len(figures), strict=True))
    return found


def test_the_reference_lists_each_figure_of_energy_with_its_unit() -> None:
    expected = {figure.name: figure.unit for figure in FIGURES}
    assert {name: unit for name, unit in documented().items() if name in expected} == expected


def test_the_page_has_words_for_each_figure_of_energy_and_the_reference_lists_all_that_it_has_words_for() -> None:
    assert {figure.name for figure in FIGURES} <= NAMES.keys() <= documented().keys()
