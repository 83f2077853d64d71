"""Times that somebody waits for, in figures. Other tests take them from the code, and would follow a slip of the code."""

import pytest

from collector.api import live as streams
from collector.api import powers, sparks
from collector.derive.energy import hourly
from collector.derive.liquid import coolant, ride_through
from collector.derive.power import battery
from collector.flow import writer
from collector.latest import state
from collector.ledger import watch
from collector.problems import history, maintenance, push, table, tracker
from collector.receive import clones, live, owners, poll_counts, uses
from collector.store import influx
from rackflow.process import bulkhead

HOUR_S, DAY_S = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("what", "is_now", "seconds"),
    [
        ("a floor without a viewer is kept for a page that is loaded anew", streams.IDLE_S, 15.0),
        ("PUE is a mean of a quarter of an hour", powers.PUE_WINDOW_S, 15 * 60.0),
        ("a point of a sparkline, of which 120 show four hours", sparks.STEP_S, 120.0),
        ("a point of a sparkline at a site with very many series", sparks.LONGEST_STEP_S, 960.0),
        ("a counter that was silent is awaited before its power counts", hourly.COUNTER_AWAITED_S, HOUR_S),
        ("power is integrated over a gap", hourly.LONGEST_POWER_GAP_S, 60.0),
        ("a reservoir that empties later is not said to empty", coolant.LONGEST_S, 365 * DAY_S),
        ("a battery lasts a day or more", battery.LONGEST_S, DAY_S),
        ("a loop lasts a day or more", ride_through.LONGEST_S, DAY_S),
        ("a store that fails for longer has messages go to disk", writer.SPILL_AFTER_S, 2.0),
        ("a reading is current, however often it is polled", state.SHELF_LIFE_FLOOR_S, 30.0),
        ("an account that cannot be read is shown", watch.KNOWN_FOR_S, 300.0),
        ("a problem that has ended is shown for a day", history.KEEP_S, DAY_S),
        ("a window of maintenance works after it is written", maintenance.LOOK_S, 2.0),
        ("Alertmanager is told again", push.REPEAT_S, 60.0),
        ("Alertmanager keeps what it is not told again", push.LIFE_S, 240.0),
        ("Prometheus may see an end later", push.PULL_LAG_S, 15.0),
        ("a problem is over before a webhook hears of it", push.SETTLE_S, 30.0),
        ("a target may take to answer", push.TIMEOUT_S, 5.0),
        ("a target that asks for a pause gets it, up to", push.MAX_RETRY_AFTER_S, 120.0),
        ("a consequence of a problem of the safety class may outlast it", table.SAFETY_CLEARS_S, 15.0),
        ("a consequence may outlast its cause", table.CLEARS_S, 30.0),
        ("a consequence of a device that does not answer may outlast it", table.ANSWERS_S, 75.0),
        ("a problem outlasts a restart without readings", tracker.RESTORED_S, 180.0),
        ("an agent that ran twice is shown", clones.REMEMBERED_S, 15 * 60.0),
        ("the session is behind the second connection", live.BEHIND_S, 1.0),
        ("a message of the second connection is awaited", live.GIVE_UP_S, 60.0),
        ("a contested device is shown", owners.CONTESTED_S, 15 * 60.0),
        ("an agent beyond its budget is alerted of", uses.BEYOND_S, 15 * 60.0),
        ("a series counts in its agent's budget", uses.KEPT_S, HOUR_S),
        ("polls of a silent device are expected", poll_counts.LONGEST_SILENCE_S, 31 * DAY_S),
        ("a silent device is anybody's", owners.SILENT_MS / 1000, 31 * DAY_S),
        ("a device that was given up counts in its former agent's budget", owners.RELEASED_MS / 1000, DAY_S),
        ("messages of a former owner claim nothing", owners.LAST_WORDS_MS / 1000, 30.0),
        ("a device that sends costs one disk write in so long", owners.HEARD_MS / 1000, 6 * HOUR_S),
        ("a store with a wrong account is tried again", influx.SLOW_RETRY_S, 30.0),
        ("a part that failed is shown as failing", bulkhead.FAILING_S, 300.0),
        ("a part's failures are logged once in so long", bulkhead.LOG_EVERY_S, 60.0),
    ],
)
def test_what_somebody_waits_for_takes_as_long_as_it_is_said_to(what: str, is_now: float, seconds: float) -> None:
    assert is_now == seconds, what


def test_a_notification_that_fails_is_tried_again_after_a_fifth_of_a_second_and_every_half_minute_in_the_end() -> None:
    assert push.PAUSES_S == (0.2, 1.0, 5.0, 30.0)
