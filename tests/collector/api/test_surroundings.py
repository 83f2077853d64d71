"""The time zone that the page shows times in."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.parts import Parts
from collector.view import CollectorView, surroundings
from rackflow.site import Site, parse_site
from tests.collector.running import config_for

FILE = (
    "site: s1\ntimezone: Pacific/Chatham\nelectrical: {continuous_load_factor: 1.0, volts: 230, frequency_hertz: 50}\n"
    "rooms: []\nrows: []\nracks: []\nfeeds: []\n"
)


def shown(site: Site | None) -> tuple[str | None, int]:
    around = surroundings(sites=["s1"], accounts=None, clones=[], site=site, host_zone="Etc/UTC", windows=[], unread=[])
    return around.timezone, around.utc_offset_s


def test_times_are_in_the_zone_of_the_site_file_and_else_in_that_of_the_machine() -> None:
    offset = datetime.now(ZoneInfo("Pacific/Chatham")).utcoffset()
    assert offset is not None
    assert shown(parse_site(FILE, "s")) == ("Pacific/Chatham", offset.total_seconds())
    assert shown(None)[0] == "Etc/UTC"
    assert shown(parse_site(FILE.replace("timezone: Pacific/Chatham\n", ""), "s"))[0] == "Etc/UTC"


@pytest.mark.parametrize(
    ("zone", "named"),
    [
        ("Africa/Casablanca", "Africa/Casablanca"),
        (":Africa/Casablanca", "Africa/Casablanca"),  # as POSIX has it
        ("/usr/share/zoneinfo/Africa/Casablanca", None),
        ("CET-1CEST", None),
    ],
)
def test_the_zone_of_the_machine_has_the_name_that_browsers_know_or_none(
    zone: str, named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    config = config_for(1883, tmp_path)
    assert CollectorView(config, Parts(config)).pages().api.sources.around().timezone == named
