"""The status page says at a glance what is up, what is wrong, and how old it is; free text cannot break it."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from collector.latest.latest import Latest
from collector.readings import SeriesKeys, resolve
from collector.web.humanise import quantity
from collector.web.page import Moment, Shell, page_steps
from rackflow import Batch, catalogue
from tests.at_once import at_once
from tests.collector.documents import FLOW, PUMP, SUPPLY, batch, document, now_ms, status
from tests.collector.running import config_for, publish, publisher, running, until
from tests.servers.mosquitto import Mosquitto

render_page = at_once(page_steps)


class Balanced(HTMLParser):
    """Checks that every element is closed in order, and collects the text."""

    VOID = frozenset({"meta", "br", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        assert not {name for name, _ in attrs} & {"src", "onload", "onclick"}
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """See `HTMLParser`."""
        self.text += f"{data} " if self.open[-1:] != ["style"] else ""


def apply(latest: Latest, one: Batch, now: float = 0.0) -> None:
    """Hand it over."""
    latest.apply_batch("cas1", one, resolve(one, SeriesKeys()), now, one.time / 1000)


def text_of(latest: Latest, after_s: float = 0.0, **faults: str) -> str:
    """The page's text, after a check of its structure."""
    page = Balanced()
    page.feed(render_page(latest, Moment(after_s, now_ms() / 1000 + after_s), faults))
    assert page.open == []
    assert "script" not in page.tags
    return " ".join(page.text.split())


def test_devices_with_values_in_the_units_of_operators() -> None:
    """Litres per minute, degrees, states in words."""
    latest = Latest(100)
    latest.apply_status(status("cdu-07", "cdu-08"), 0.0)
    latest.apply_document("cas1", document())
    apply(latest, batch(values={SUPPLY: 32.125, FLOW: 0.0025}, states={PUMP: "running"}))
    apply(latest, batch("cdu-08", values={}, error="timeout"))
    text = text_of(latest, 2.0)
    for words in (
        "1 of 2 devices up",
        "1 of 1 agents online",
        "0 active alarms",
        "Acme L2L 100 · cas1 / dh1 / b / b07 · up for 2 s · latest batch 2 s ago",
        "supply temperature secondary 32.1 °C",
        "flow secondary 150 L/min",
        "pump state 1 running",
        "down for 2 s (timeout)",
    ):
        assert words in text, words


def test_a_device_shows_how_many_planned_series_are_present_and_why_others_are_not() -> None:
    def counts(planned: float, **more: float) -> Latest:
        latest = Latest(100)
        values = {"dcim_device_series{state=planned}": planned}
        values |= {f"dcim_device_series{{state={state}}}": value for state, value in more.items()}
        values |= {f"dcim_device_series{{reason={why},state=left_out}}": 2.0 for why in ("absent", "limit")}
        apply(latest, batch(values={FLOW: 0.0025, **values}))
        return latest

    text = text_of(counts(44.0, present=42.0))
    assert "42 of 44 planned series present, 2 left out (absent), 2 left out (limit)" in text
    assert "device series" not in text  # not among the readings
    assert 'class="note less"' in render_page(counts(44.0, present=42.0), Moment(0.0, 0.0), {})
    assert 'class="note less"' not in render_page(counts(44.0, present=44.0), Moment(0.0, 0.0), {})
    assert "44 series planned, 2 left out" in text_of(counts(44.0))  # before each class was polled once
    latest = Latest(100)
    apply(latest, batch(values={FLOW: 0.0025}))
    assert "planned" not in text_of(latest)


def test_alarms_and_faults_come_first() -> None:
    """A leak, a failed pump and a store that fails are named on top."""
    latest = Latest(100)
    values = {"dcim_cdu_leak_detected{detector=tray}": 1.0}
    apply(latest, batch(values=values, states={PUMP: "failed"}))
    text = text_of(latest, store="no route")
    assert text.index("store: no route") < text.index("cas1/cdu-07 leak (tray)") < text.index("leak detected")
    assert "cas1/cdu-07 pump failed (1)" in text
    assert "2 active alarms" in text


def test_stale_and_silent_are_marked() -> None:
    """In the last third of its life a reading is stale; then it is gone and the device is silent."""
    latest = Latest(100)
    apply(latest, batch())
    assert "(stale)" not in render_page(latest, Moment(15.0, 0.0), {}).partition("<main>")[2]
    assert 'class="stale"' in render_page(latest, Moment(25.0, 0.0), {})
    text = text_of(latest, 40.0)
    assert "agent gw-3 is silent · up when last heard of · latest batch 40 s ago" in text
    assert "supply temperature" not in text


def test_free_text_is_escaped() -> None:
    """An identity cannot bring elements in."""
    latest = Latest(100)
    latest.apply_document("cas1", document(vendor="<script>alert(1)</script>$now", model='"&'))
    assert '<script>alert(1)</script>$now "&' in text_of(latest)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (12_345.0, "watts", "12.3 kW"),
        (104.0, "watts", "104 W"),
        (999.0, "watts", "999 W"),
        (1000.0, "watts", "1 kW"),
        (12_345.0, "voltamperes", "12.3 kVA"),
        (12_345.0, "vars", "12.3 kvar"),
        (0.0025, "cubic_meters_per_second", "150 L/min"),
        (2.5e-8, "cubic_meters_per_joule", "1.50 L/min/kW"),
        (152_000.0, "pascals", "152 kPa"),
        (0.4567, "ratio", "45.7 %"),
        (32.125, "celsius", "32.1 °C"),
        (3.6e6, "joules", "1 kWh"),
        (1.2e13, "joules", "3,333,333 kWh"),
        (5400.0, "seconds", "90 min"),
        (119.0, "seconds", "119 s"),
        (120.0, "seconds", "2 min"),
        (7200.0, "seconds", "2 h"),
        (0.031, "seconds", "0.03 s"),
        (1795468800.0, "timestamp_seconds", "2026-11-23 21:20 UTC"),
        (0.0, "timestamp_seconds", "1970-01-01 00:00 UTC"),
        (4294967295.0, "timestamp_seconds", "-"),
        (-1.0, "timestamp_seconds", "-"),
        (0.05, "siemens_per_meter", "500 µS/cm"),
        (2.5e9, "bytes", "2,500 MB"),
        (0.01234, "ntu", "0.0123 NTU"),
        (3.0, "", "3"),
        (1e300, "watts", "1e+297 kW"),
    ],
)
def test_a_quantity_is_shown_in_the_unit_of_operators(value: float, unit: str, expected: str) -> None:
    """Base units in, the units of operators out."""
    assert quantity(value, unit) == expected


def test_every_unit_of_the_catalogue_can_be_shown() -> None:
    """Nothing raises, whatever the number."""
    for metric in catalogue().values():
        for value in (0.0, -1.0, 1e-12, 1e300):
            assert quantity(value, metric.unit)


async def test_the_page_is_served(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """With a policy that forbids everything from elsewhere; other paths are 404."""
    async with running(config_for(mosquitto.port, tmp_path)) as running_one, publisher(mosquitto.port) as client:
        await running_one.ready()
        await publish(client, document(), batch())
        await until(lambda: running_one.collector.stats().messages_received == 2, "both")
        answer = await running_one.get("/plain")
        assert answer.status == 200
        assert "cdu-07" in answer.text
        assert (await running_one.get("/nothing")).status == 404
        assert (await running_one.get("/healthz")).text == "ok\n"


def test_flags_that_are_not_raised_share_a_row_and_outlets_are_shown_on_demand() -> None:
    """A device with dozens of zeros stays readable, and what is raised stands out."""
    latest = Latest(1000)
    values = {f"dcim_cdu_leak_detected{{detector=d{at}}}": 0.0 for at in range(4)}
    values |= {"dcim_pdu_outlet_power_watts{outlet=10}": 80.0, "dcim_pdu_outlet_power_watts{outlet=2}": 120.0}
    apply(latest, batch(values=values))
    text = text_of(latest)
    assert "leak detected none (4)" in text
    assert "show 2 outlets" in text
    assert "120 W" not in text
    page = render_page(latest, Moment(0.0, now_ms() / 1000), {}, shell=Shell(outlets_of="cas1/cdu-07"))
    assert page.index("120 W") < page.index("80 W")
    apply(latest, batch(values=values | {"dcim_cdu_leak_detected{detector=d2}": 1.0}, seq=2))
    text = text_of(latest)
    assert "leak detected d2 1" in text
    assert "leak detected none of the others (3)" in text
