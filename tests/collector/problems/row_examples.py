"""Incidents and near misses for rows and rooms whose network fails. As `examples.py`."""

from tests.collector.problems.things import Example, Thing, device, feeds

ROW_INCIDENTS: dict[str, Example] = {
    # More than half of both feeds, of the site and of the room: what these devices have in common is their row.
    "DcimRowSilent": Example(
        [
            *(each for feed in "AB" for each in feeds(5, 0, feed=feed, room="hall-1", row="a")),
            *(each for feed in "AB" for each in feeds(0, 4, feed=feed, room="hall-1", row="b")),
        ],
        ("DcimRowSilent", *("DcimDeviceUnreachable",) * 10),
    ),
    # Its devices stand in no row, which is a row that is silent as well.
    "DcimRoomSilent": Example(
        [
            *(each for feed in "AB" for each in feeds(5, 0, feed=feed, room="hall-1")),
            *(each for feed in "AB" for each in feeds(0, 4, feed=feed, room="hall-2")),
        ],
        ("DcimRoomSilent", "DcimRowSilent", *("DcimDeviceUnreachable",) * 10),
    ),
}

# With what a row that cannot be seen is together.
ROW_TOGETHER: dict[str, Example] = {
    "a row cannot be seen, and UPSs show that one of its feeds is lost": Example(
        [
            *(each for feed in "AB" for each in feeds(5, 0, feed=feed, room="hall-1", row="a")),
            *(each for feed in "AB" for each in feeds(0, 4, feed=feed, room="hall-1", row="b")),
            *(device(ups_output_source="battery") for _ in range(2)),
        ],
        (
            *("DcimRowSilent", "DcimFeedLost", "DcimMainsLost"),
            *("DcimUpsOnBattery",) * 2,
            *("DcimDeviceUnreachable",) * 10,
        ),
    ),
    "most rows of a room cannot be seen, and none of its feeds is lost": Example(
        [
            *(each for row in "ab" for feed in "AB" for each in feeds(4, 0, feed=feed, room="hall-1", row=row)),
            *(each for feed in "AB" for each in feeds(0, 5, feed=feed, room="hall-1", row="c")),
        ],
        ("DcimRowSilent", "DcimRowSilent", *("DcimDeviceUnreachable",) * 16),
    ),
    "a CDU, and PDUs of one feed, do not answer in a row": Example(
        [
            *feeds(5, 0, room="hall-1", row="a"),
            Thing({}, device_class="cdu", is_up=False, labels={"room": "hall-1", "row": "a"}),
            *feeds(0, 12, room="hall-1", row="b"),
        ],
        ("DcimRowFeedLost", "DcimCoolingBlind", *("DcimDeviceUnreachable",) * 6),
    ),
    "CDUs of a row that have no feed do not answer": Example(
        [
            *(Thing({}, device_class="cdu", is_up=False, labels={"room": "hall-1", "row": "a"}) for _ in range(2)),
            *feeds(2, 0, room="hall-1", row="a"),
            *feeds(0, 12, room="hall-1", row="b"),
        ],
        ("DcimRowSilent", *("DcimCoolingBlind",) * 2, *("DcimDeviceUnreachable",) * 4),
    ),
}

ROW_NEAR_MISSES: dict[str, Example] = {
    "three quarters of a row do not answer, half of each feed": Example(
        [
            *(each for feed in "AB" for each in feeds(2, 2, feed=feed, room="hall-1", row="a")),
            *(Thing({}, device_class="env", is_up=False, labels={"room": "hall-1", "row": "a"}) for _ in range(8)),
            *feeds(0, 4, room="hall-1", row="b"),
        ],
        ("DcimDeviceUnreachable",) * 12,
    ),
    "one device of another feed is too few to speak of a row": Example(
        [
            *feeds(3, 0, room="hall-1", row="a"),
            *feeds(1, 0, feed="B", room="hall-1", row="a"),
            *(each for feed in "AB" for each in feeds(0, 4, feed=feed, room="hall-1", row="b")),
        ],
        ("DcimDeviceUnreachable",) * 4,
    ),
}
