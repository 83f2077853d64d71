"""A device that was replaced under its id: what the former unit sent, and what was learned of it, says nothing about the new one."""

import msgspec
import pytest

from rackflow import DeviceDocument
from tests.at_once import at_once
from tests.collector.derive.hall import WALL_S, Readings, hall

FLOW = "cdu_flow_cubic_meters_per_second{loop=secondary}"
DROP = "cdu_filter_differential_pressure_pascals{filter=1}"
CLOGGING = "cdu_filter_clogging_ratio{device=cdu-1,filter=1}"
FIRST = DeviceDocument(
    agent="gw",
    device="any",
    device_class="pdu",
    time=0,
    vendor="Raritan",
    model="PX3-5000",
    serial="A1",
    profile="px3",
    profile_content="c1",
)


def describe(readings: Readings, device: str, now: float, device_class: str = "pdu", **changed: str) -> None:
    """The agent has opened the device and says what it is."""
    document = msgspec.structs.replace(
        FIRST, device=device, device_class=device_class, time=int((WALL_S + now) * 1000), **changed
    )
    assert readings.latest.apply_document(readings.site, document)


@pytest.mark.parametrize(
    ("changed", "is_known"),
    [
        ({"serial": "B7"}, True),
        ({"model": "PX2-1000", "serial": ""}, True),
        ({"profile": "px2"}, True),
        ({"firmware": "4.1"}, True),
        # Somebody has edited the profile, which read the wrong object as a second inlet.
        ({"profile_content": "c2"}, True),
        # The same unit: it has lost one of its inlets, and what is left is not its power.
        ({}, False),
        ({"serial": "", "model": ""}, False),
        ({"profile_content": ""}, False),  # an older agent
    ],
)
@pytest.mark.parametrize("document_first", [True, False])
def test_a_rack_has_its_power_again_after_its_pdu_was_replaced_by_one_with_fewer_inlets(
    changed: dict[str, str],
    is_known: bool,  # noqa: FBT001 - a case
    document_first: bool,  # noqa: FBT001 - a case
) -> None:
    readings = Readings()
    inlets = {"pdu_input_power_watts{inlet=1}": 600.0, "pdu_input_power_watts{inlet=2}": 400.0}
    describe(readings, "pdu-a1-a", 0.0, firmware="4.0")
    for now in (0.0, 10.0):
        for pdu in ("pdu-a1-a", "pdu-a1-b"):
            readings.take(pdu, inlets, now)
        readings.figures(now)
    assert readings.values("rack_power_watts", 11.0)["rack=a1"] == 2000.0
    if document_first:
        describe(readings, "pdu-a1-a", 15.0, **({"firmware": "4.0"} | changed))
    for now in (20.0, 30.0, 40.0, 50.0, 60.0):
        readings.take("pdu-a1-a", {"pdu_input_power_watts{inlet=1}": 900.0}, now)
        readings.take("pdu-a1-b", inlets, now)
        if now == 20.0 and not document_first:
            # The two ways to the collector differ: the first batch may be there before the document.
            describe(readings, "pdu-a1-a", 15.0, **({"firmware": "4.0"} | changed))
        at_once(readings.latest.expire_steps)(now)
        readings.figures(now)
    assert readings.values("rack_power_watts", 61.0)["rack=a1"] == (1900.0 if is_known else None)


def test_the_readings_of_a_unit_that_was_replaced_are_shown_no_more() -> None:
    readings = Readings()
    describe(readings, "pdu-a1-a", 0.0)
    readings.currents("pdu-a1-a", 7.0, now=1.0)
    describe(readings, "pdu-a1-a", 2.0)
    assert readings.latest.readings_of("t1", "pdu-a1-a")
    size = readings.latest.size
    describe(readings, "pdu-a1-a", 2.0, serial="B7")
    assert not readings.latest.readings_of("t1", "pdu-a1-a")
    assert readings.latest.size == size - 2


def test_a_unit_that_states_its_serial_number_only_when_it_has_started_is_another_one() -> None:
    readings = Readings()
    for at, serial in ((0.0, "A1"), (2.0, ""), (4.0, "A1"), (6.0, "")):
        describe(readings, "pdu-a1-a", at, serial=serial)
        readings.currents("pdu-a1-a", 7.0, now=at + 1)
        assert readings.latest.readings_of("t1", "pdu-a1-a"), (
            "the same unit, which leaves its serial number out when it is busy"
        )
    describe(readings, "pdu-a1-a", 8.0, serial="B7")
    assert not readings.latest.readings_of("t1", "pdu-a1-a")


def test_a_unit_of_another_model_that_states_its_serial_number_later_is_one_unit() -> None:
    readings = Readings()
    describe(readings, "pdu-a1-a", 0.0)
    describe(readings, "pdu-a1-a", 2.0, model="PX4", serial="")
    readings.currents("pdu-a1-a", 7.0, now=3.0)
    describe(readings, "pdu-a1-a", 4.0, model="PX4", serial="B7")
    assert readings.latest.readings_of("t1", "pdu-a1-a")


def clogged(*, serial: str = "A1", starting: bool = False, retired: bool = False) -> float | None:
    """Clogging after two hours of twice the resistance of before, with another serial number or after the unit was retired.

    A unit that is starting has no serial number for the first hour.
    """
    readings = Readings(hall())
    start = 3600.0
    describe(readings, "cdu-1", start, "cdu")
    for minute in range(0, 244, 4):
        now = start + minute * 60
        if minute == 120:
            if retired:
                readings.latest.remove_device("t1", "gw", "cdu-1")
                readings.figures(now - 1)
            describe(readings, "cdu-1", now - 1, "cdu", serial="" if starting else serial)
        if minute == 180:
            describe(readings, "cdu-1", now - 1, "cdu", serial=serial)
        readings.take("cdu-1", {FLOW: 0.002, DROP: 10_000.0 if minute < 120 else 20_000.0}, now, device_class="cdu")
        readings.figures(now)
    return readings.figures(start + 4 * 3600 + 5)[CLOGGING].value


def test_the_filter_of_a_unit_that_was_replaced_begins_as_a_clean_one() -> None:
    assert clogged() == pytest.approx(2.0)
    assert clogged(serial="B7") == pytest.approx(1.0)
    assert clogged(serial="B7", starting=True) == pytest.approx(1.0)
    assert clogged(starting=True) == pytest.approx(2.0)
    assert clogged(retired=True) == pytest.approx(1.0)


def test_the_sensors_of_a_unit_that_was_replaced_are_judged_again() -> None:
    """A flow meter that shows flow for a minute while all pumps stand still: the next unit's may be right, and has a minute, too."""
    readings = Readings(hall())
    suspect = "device_reading_suspect{device=cdu-1,reading=secondary_flow,reason=impossible}"
    for now, serial, named in (
        (0, "A1", False),
        (30, "A1", False),
        (80, "A1", True),
        (90, "B7", False),
        (120, "B7", False),
    ):
        describe(readings, "cdu-1", now, "cdu", serial=serial)
        readings.take("cdu-1", {FLOW: 0.002, "cdu_pump_state{pump=1}": "stopped"}, now + 1, device_class="cdu")
        assert (suspect in readings.figures(now + 1)) is named, now
        assert (readings.engine.distrusted.get(("cdu-1", f"dcim_{FLOW}")) == "impossible") is named, "as the page says"


def test_the_losses_of_another_ups_are_its_own() -> None:
    """They are a mean of some minutes, which begins anew."""
    readings, losses = Readings(hall()), "ups_losses_watts{feed=B,device=ups-b}"
    describe(readings, "ups-b", 0.0, "ups")
    for now in range(10, 1000, 10):
        if now == 900:
            assert readings.figures(now - 5.0)[losses].value == pytest.approx(5_000.0)
            describe(readings, "ups-b", now - 1.0, "ups", serial="B7")
        taken_w = 100_000.0 if now < 900 else 97_000.0
        sides = {"ups_input_total_power_watts": taken_w, "ups_output_total_power_watts": 95_000.0}
        readings.take("ups-b", sides, float(now), device_class="ups")
        readings.figures(now + 1.0)
    figure = readings.figures(992.0)[losses]
    assert (figure.value, figure.missing) == (None, ("less than ten minutes have been seen",))


def test_the_counter_of_another_ups_has_not_risen_within_the_hour() -> None:
    readings = Readings(hall())
    faults = "ups_input_faults_in_hour{feed=B,device=ups-b}"
    for now, serial, count in ((0.0, "A1", 500.0), (60.0, "A1", 501.0), (120.0, "B7", 40.0), (180.0, "B7", 41.0)):
        describe(readings, "ups-b", now, "ups", serial=serial)
        readings.take("ups-b", {"ups_input_faults_total": count}, now + 1, device_class="ups")
        readings.figures(now + 1)
        expected = {60.0: 1.0, 180.0: 1.0}.get(now, 0.0)
        assert readings.figures(now + 2)[faults].value == expected, now
