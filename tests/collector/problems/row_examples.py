"""Incidents and near misses for rows and rooms whose network fails. As `examples.py`."""

from tests.collector.problems.things import Example, Thing, device, feeds


def split(dark: int, lit: int, **place: str) -> list[Thing]:
    """PDUs of feed A in a row that two agents poll, so many each."""
    return [each for agent in ("g", "h") for each in feeds(dark, lit, agent=agent, room="hall-1", row="a", **place)]


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
    "a row loses a feed of which two agents poll three PDUs each": Example(
        [*split(3, 0), *(each for agent in ("g", "h") for each in feeds(0, 3, agent=agent, room="hall-1", row="b"))],
        ("DcimRowFeedLost", *("DcimDeviceUnreachable",) * 6),
    ),
    "a row loses a feed of which two agents poll four PDUs each": Example(
        [*split(4, 0), *(each for agent in ("g", "h") for each in feeds(0, 4, agent=agent, room="hall-1", row="b"))],
        ("DcimRowFeedLost", *("DcimDeviceUnreachable",) * 8),
    ),
    "a room loses a feed, and another agent polls each of its rows": Example(
        [
            *feeds(4, 0, agent="g", room="hall-1", row="a"),
            *feeds(4, 0, agent="h", room="hall-1", row="b"),
            *(each for agent in ("g", "h") for each in feeds(0, 4, agent=agent, room="hall-2", row="c")),
        ],
        ("DcimRoomFeedLost", *("DcimRowFeedLost",) * 2, *("DcimDeviceUnreachable",) * 8),
    ),
    "one of two agents has lost its way to what it polls of a feed in a row": Example(
        [
            *feeds(4, 0, agent="g", room="hall-1", row="a"),
            *feeds(0, 4, agent="h", room="hall-1", row="a"),
            *feeds(0, 4, agent="g", room="hall-1", row="b"),
        ],
        ("DcimRowFeedLost", *("DcimDeviceUnreachable",) * 4),
    ),
}

ROW_NEAR_MISSES: dict[str, Example] = {
    "half of a feed in a row that two agents poll does not answer": Example(
        split(2, 2), ("DcimDeviceUnreachable",) * 4
    ),
    "one of two agents of a row sees nothing, and a device of the other one does not answer": Example(
        [
            *feeds(5, 0, agent="g", room="hall-1", row="a"),
            *feeds(1, 3, agent="h", room="hall-1", row="a"),
        ],
        ("DcimAgentSeesNothing", *("DcimDeviceUnreachable",) * 6),
    ),
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
