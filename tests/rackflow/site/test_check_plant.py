"""What a site file says of generators, meters and cooling plant that cannot be: each is refused in words, not counted wrongly."""

import pytest

from rackflow import ConfigError
from tests.collector.derive.hall import hall

GENERATORS = (
    "generators:\n  - {id: g1, feeds: [A], rated_power_w: 100000, group: g%s}\n"
    "  - {id: g2, feeds: [%s], rated_power_w: 100000, group: g%s}\ngrid:"
)
LOOP, MAIN = "kind: primary, coolant: water, volume_m3: 4}", "{id: meter-main, role: facility, room: plant}"
CDU = "{id: cdu-1, primary: fws,"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("grid:", GENERATORS % ("", "B", ""), "carry different feeds"),
        ("grid:", GENERATORS % (", required: 1", "A", ", required: 2"), "require different numbers"),
        ("grid:", GENERATORS % (", required: 3", "A", ""), "2 of 3 required generators"),
        ("grid:", GENERATORS % (", start_s: 9", "A", ""), "generators with start_s"),
        (MAIN, f"{MAIN}\n  - {{id: second, role: facility, incomer: true}}", "both count the whole site"),
        (CDU, "{id: cdu-1, primary: [fws, fws],", "names a loop twice"),
        (LOOP, f"{LOOP}\n  - {{id: fw2, kind: primary, coolant: pg25, volume_m3: 4}}", ""),
        (LOOP, LOOP.replace("}", ", facility_pumps_required: 1}"), "0 of 1 required facility pumps"),
        ("cdus_required: 1}", "cdus_required: 1, chillers_required: 1}", "only a primary loop has this"),
        ("air_units:", "air_groups: [{id: g, required: 1}]\nair_units:", "0 of 1 required air units"),
    ],
)
def test_what_cannot_be_is_refused(old: str, new: str, words: str) -> None:
    if not words:  # another primary loop alone is fine, and a CDU on both, whose coolants differ, is not
        hall((old, new))
        with pytest.raises(ConfigError, match="different coolants"):
            hall((old, new), (CDU, "{id: cdu-1, primary: [fws, fw2],"))
        return
    with pytest.raises(ConfigError, match=words):
        hall((old, new))
