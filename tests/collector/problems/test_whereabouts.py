"""Which rope is wet, and where: words of the site file and of the device."""

from collector.problems.conditions import Subject
from collector.problems.whereabouts import LEAK_POSITION, sensor_places, whereabouts
from tests.collector.derive.ai_hall import ai_hall
from tests.collector.derive.hall import hall

WET = {"site": "t1", "device": "rope-1", "sensor": "2", "zone": "north"}


def subject(metres: float | None = None, sensor: str = "2") -> Subject:
    found = Subject({"site": "t1", "device": "rope-1"})
    if metres is not None:
        found.add(LEAK_POSITION, {"sensor": sensor}, metres)
    return found


def test_a_wet_rope_is_named_with_its_place_and_the_metre() -> None:
    places = sensor_places(hall())
    assert whereabouts(places, WET, subject(14.23)) == " Sensor: rope-1, room hall at 14.2 m."
    assert whereabouts(places, WET, subject()) == " Sensor: rope-1, room hall."
    assert (
        whereabouts(places, WET, subject(14.23, sensor="3")) == " Sensor: rope-1, room hall."
    )  # another rope of the device


def test_a_sensor_that_is_read_from_another_device_is_found_by_its_label() -> None:
    places = sensor_places(hall())
    labels = {"site": "t1", "device": "pdu-a1-a", "sensor": "1"}
    assert whereabouts(places, labels, subject()) == " Sensor: a1-front, rack a1."
    assert whereabouts(places, {**labels, "sensor": "9"}, subject()) == ""
    assert whereabouts(places, {**labels, "site": "t2"}, subject()) == ""


def test_a_sensor_of_its_own_name_comes_before_the_one_that_stands_for_all_of_the_device() -> None:
    places = {("t1", "rope-1", ""): "cabinet, room hall", ("t1", "rope-1", "2"): "rope-2, row a"}
    assert whereabouts(places, WET, subject()) == " Sensor: rope-2, row a."
    assert whereabouts(places, {**WET, "sensor": "3"}, subject()) == " Sensor: cabinet, room hall."


def test_without_a_sensor_there_is_nothing_to_say() -> None:
    assert whereabouts(sensor_places(hall()), {"site": "t1", "device": "rope-1"}, subject(1.0)) == ""
    assert whereabouts({}, WET, subject(3.0)) == " Sensor: 2 at 3.0 m."


def test_a_rope_along_a_loop_or_under_a_unit_is_named_with_it_and_its_length() -> None:
    places = sensor_places(ai_hall())
    labels = {"site": "ai1", "device": "box-1"}
    box = Subject({"site": "ai1", "device": "box-1"})
    box.add(LEAK_POSITION, {"sensor": "2"}, 3.2)
    assert whereabouts(places, {**labels, "sensor": "1"}, box) == " Sensor: rope-floor, room hall, 25 m long."
    assert (
        whereabouts(places, {**labels, "sensor": "2"}, box) == " Sensor: rope-tcs, along loop tcs, 12 m long at 3.2 m."
    )
    assert whereabouts(places, {**labels, "sensor": "3"}, box) == " Sensor: tray-cdu-1, under cdu-1, row a."
