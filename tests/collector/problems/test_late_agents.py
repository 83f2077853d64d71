"""Late readings of several agents, and of what agents say of themselves."""

import msgspec

from collector.problems.tracker import RESTORED_S
from tests.collector.documents import agent_batch, batch
from tests.collector.problems.test_late import NOW_S, Backlog, pdus


def test_a_lost_feed_is_found_in_a_backlog_that_is_older_than_that_of_another_agent() -> None:
    """Of two agents the one that was away for a moment is through first: then times go back by half an hour."""
    backlog = Backlog()
    backlog.late(batch("cdu-07", time_ms=round((NOW_S - 100.0) * 1000), values={}))
    pdus(backlog, lambda number, second: 100 <= second < 300 and number < 4, range(0, 400, 5))
    assert "DcimFeedLost" in {each.name for each in backlog.settled()}


def test_a_feed_that_is_dark_in_the_backlogs_of_two_agents_does_not_end_before_it_began() -> None:
    """Of the second agent, whose backlog is five minutes older, the messages come between those of the first."""
    backlog = Backlog()
    for second in range(500, 600, 5):
        pdus(backlog, lambda *_: True, [second], range(3))
        pdus(backlog, lambda number, _: number == 3, [second - 300], range(3, 6))
    backlog.now += RESTORED_S
    lost = [each for each in backlog.settled() if each.name == "DcimFeedLost"]
    assert [(each.since_s, each.ended_s) for each in lost] == [(NOW_S - 1495.0, NOW_S - 1405.0)]


def test_what_an_agent_said_of_itself_before_is_no_problem_of_a_device() -> None:
    """Its problems are those of the present: it has sent what waited by now, and a device of its name there is none."""
    backlog = Backlog()
    for number in range(400):
        said = agent_batch({"dcim_agent_spool_durable": float(number > 350)})
        at_ms = round((NOW_S - 600.0 + number) * 1000)
        backlog.late(msgspec.structs.replace(said, seq=number + 1, time=at_ms, interval_s=1.0))
    assert backlog.settled() == []
