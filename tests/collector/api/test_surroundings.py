"""The time zone that the page shows times in."""

from datetime import datetime
from zoneinfo import ZoneInfo

from collector.view import surroundings
from rackflow.site import Site, parse_site

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
