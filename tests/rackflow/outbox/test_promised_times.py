"""Times and bounds of an outbox that somebody relies on, in figures. Other tests take them from the code, and would follow a slip of it."""

import pytest

from rackflow.outbox import awaiting, disk, jobs, lanes, log, pacing, segment, segments, stored_reports

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("what", "is_now", "figure"),
    [
        ("a kill loses the messages of", disk.GROUP_S, 0.2),
        ("a disk that refuses is tried again after", disk.RETRY_S, 2.0),
        ("bytes of messages that wait in memory for a disk", disk.MEMORY_BYTES, 32 * 1024 * 1024),
        ("a disk is slow after", jobs.SLOW_S, 2.0),
        ("a message that no collector has is sent again after", awaiting.GRACE_S, 10.0),
        ("and again, in the end, every", awaiting.LONGEST_GRACE_S, 600.0),
        ("and by chance later, by this share", awaiting.JITTER, 0.5),
        ("parts of the time for which confirmed messages are kept", awaiting.GROUPS, 8),
        ("live messages that wait in memory", lanes.MAX_LIVE, 2048),
        ("a backlog begins with this share of its rate", pacing.START_SHARE, 0.04),
        ("a queue is longer than usual by", pacing.QUEUE_S, 1.0),
        ("what is usual is looked for in", pacing.USUAL_WINDOW_S, 60.0),
        ("and is at most", pacing.LARGEST_USUAL_S, 2.0),
        ("collectors that report nothing are slowed down for after", pacing.SILENT_S, 6.0),
        ("a change of the rate shows after", pacing.STEP_S, 3.0),
        ("the rate grows with each report by", pacing.GROWTH, 1.4),
        ("the least share of the rate", pacing.LEAST_SHARE, 0.002),
        ("an outbox that was closed for longer does not age", log.LONGEST_AWAY_MS, 30 * DAY_MS),
        ("held messages that are dropped at a time", log.EVICT_MESSAGES, 64),
        ("bytes of a file", segment.SEGMENT_BYTES, 4 * 1024 * 1024),
        ("or, of a small outbox, this part of its limit", log.SEGMENTS_AT_LEAST, 16),
        ("but so many bytes at least", log.SMALLEST_SEGMENT_BYTES, 16 * 1024),
        ("files whose bytes may be free without a rewrite", segments.SLACK_SEGMENTS, 2),
        ("share of a file that is free when it is rewritten", segments.SPARSE, 0.25),
        ("files beyond those needed before neighbours are joined", segments.SMALL_FILES, 64),
        ("messages of a record", segments.RECORD_MESSAGES, 256),
        ("bytes of a record", segments.RECORD_BYTES, 64 * 1024),
        ("collectors that are remembered", stored_reports.MAX_COLLECTORS, 64),
    ],
)
def test_a_time_or_bound_of_an_outbox_is_what_it_is_said_to_be(what: str, is_now: float, figure: float) -> None:
    assert is_now == figure, what
