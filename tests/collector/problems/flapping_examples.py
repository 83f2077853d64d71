"""What comes and goes: devices, what they have in common, agents and transfer switches, and what does so seldom."""

from tests.collector.problems.things import Cycle, Example, Thing, agent, coming_and_going, device, feeds

FLAPPING_INCIDENTS: dict[str, Example] = {
    "DcimDeviceFlapping": Example([coming_and_going(feed="A")], ("DcimDeviceFlapping",)),
    "DcimRowFlapping": Example(
        [
            *(coming_and_going(room="hall", row="a") for _ in range(2)),
            *feeds(0, 2, room="hall", row="a"),
            *feeds(0, 8, room="hall", row="b"),
        ],
        ("DcimRowFlapping", *("DcimDeviceFlapping",) * 2),
    ),
    # One of three in each row, whose switches are one in the room.
    "DcimRoomFlapping": Example(
        [
            *(
                each
                for row in "abcd"
                for each in (coming_and_going(room="hall", row=row), *feeds(0, 2, room="hall", row=row))
            ),
            *feeds(0, 12, room="other"),
        ],
        ("DcimRoomFlapping", *("DcimDeviceFlapping",) * 4),
    ),
    "DcimNetworkFlapping": Example(
        [coming_and_going(), coming_and_going(), *feeds(0, 2)], ("DcimNetworkFlapping", *("DcimDeviceFlapping",) * 2)
    ),
    "DcimAgentFlapping": Example([agent("agent_up", Cycle((1.0, 0.0)))], ("DcimAgentFlapping",)),
    "DcimAtsFlapping": Example([device("ats", ats_selected_source=Cycle(("a", "b")))], ("DcimAtsFlapping",)),
    "DcimRoomAtsFlapping": Example(
        [
            Thing({"ats_selected_source": source}, device_class="ats", labels={"room": "r"})
            for source in (Cycle(("a", "b")), Cycle(("a", "b")), "a", "b")
        ],
        ("DcimRoomAtsFlapping", *("DcimAtsFlapping",) * 2),
    ),
}

FLAPPING_NEAR_MISSES: dict[str, Example] = {
    "half of the devices, an agent and a transfer switch that come and go three times": Example(
        [
            *(coming_and_going(times=3, room="r") for _ in range(4)),
            *feeds(0, 4, room="r"),
            agent("agent_up", Cycle((1.0, 0.0) * 3 + (1.0,) * 1000)),
            device("ats", ats_selected_source=Cycle(("a", "b") * 3 + ("a",) * 1000)),
        ]
    ),
}
