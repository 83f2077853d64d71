"""Times that somebody waits for, and how much there is room for: other tests take these from the code, and would follow a slip of it."""

import pytest

from collector import budgets, certificates, own_files, standstill, stored_publisher
from collector import run as running
from collector.api import answers, overview, powers, sparks
from collector.api import live as streams
from collector.derive import trends
from collector.derive.energy import carbon, hourly, own_power
from collector.derive.liquid import capture, coolant_loss, exchanger, plant, ride_through
from collector.derive.power import battery, breaker_load, generators, racks, supplies
from collector.flow import writer
from collector.latest import shelf_life
from collector.ledger import durable, ledger, watch
from collector.ledger import file as ledger_file
from collector.problems import (
    acknowledged,
    causes,
    conditions,
    files,
    history,
    late_queue,
    maintenance,
    monitor,
    push,
    saved,
    shares,
    silences,
    table,
    tracker,
)
from collector.readings import layouts, series_keys
from collector.receive import (
    clocks,
    clones,
    dead_letters,
    inbox,
    live,
    muting,
    owners,
    owners_file,
    poll_counts,
    subscribe,
    usage,
)
from collector.records import file as records_file
from collector.records import keeper
from collector.report import energy as report_energy
from collector.store import influx, persistence
from rackflow.process import bulkhead

HOUR_S, DAY_S = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("what", "is_now", "seconds"),
    [
        ("a floor without a viewer is kept for a page that is reloaded", streams.IDLE_S, 15.0),
        ("PUE is a mean of a quarter of an hour", powers.PUE_WINDOW_S, 15 * 60.0),
        ("a point of a sparkline, of which 120 show four hours", sparks.STEP_S, 120.0),
        ("a point of a sparkline at a site with very many series", sparks.LONGEST_STEP_S, 960.0),
        ("a counter that was silent is awaited before its power counts", hourly.COUNTER_AWAITED_S, HOUR_S),
        ("power is integrated over a gap", hourly.LONGEST_POWER_GAP_S, 60.0),
        ("a reservoir that empties later is not said to empty", coolant_loss.LONGEST_S, 365 * DAY_S),
        ("a battery lasts a day or more", battery.LONGEST_S, DAY_S),
        ("a loop lasts a day or more", ride_through.LONGEST_S, DAY_S),
        ("a store that fails for longer has messages go to disk", writer.SPILL_AFTER_S, 2.0),
        ("a reading is current, however often it is polled", shelf_life.SHELF_LIFE_FLOOR_S, 30.0),
        ("an account that cannot be read is shown", watch.KNOWN_FOR_S, 300.0),
        ("a problem that has ended is shown for a day", history.KEEP_S, DAY_S),
        ("a window of maintenance works after it is written", maintenance.LOOK_S, 2.0),
        ("Alertmanager is told again", push.REPEAT_S, 60.0),
        ("Alertmanager keeps what it is not told again", push.LIFE_S, 240.0),
        ("Prometheus may see an end later", push.PULL_LAG_S, 15.0),
        ("and that of what is gone", push.GONE_LAG_S, 330.0),
        ("a problem is over before a webhook hears of it", push.SETTLE_S, 30.0),
        ("a target may take to answer", push.TIMEOUT_S, 5.0),
        ("what begins together goes into one request", push.GATHER_S, 0.05),
        ("a target that asks for a pause gets it, up to", push.MAX_RETRY_AFTER_S, 120.0),
        ("a consequence of a problem of the safety class may outlast it", causes.SAFETY_CLEARS_S, 15.0),
        ("a consequence may outlast its cause", causes.CLEARS_S, 30.0),
        ("a consequence of a device that does not answer may outlast it", causes.ANSWERS_S, 75.0),
        ("a problem outlasts a restart without readings", tracker.RESTORED_S, 180.0),
        ("an agent that ran twice is shown", clones.REMEMBERED_S, 15 * 60.0),
        ("the session is behind the second connection", live.BEHIND_S, 1.0),
        ("a message of the second connection is awaited", live.GIVE_UP_S, 60.0),
        ("a contested device is shown", owners.CONTESTED_S, 15 * 60.0),
        ("an agent beyond its budget is alerted of", usage.BEYOND_S, 15 * 60.0),
        ("a series counts in its agent's budget", usage.KEPT_S, HOUR_S),
        ("and is looked for when it is over", usage.PURGE_S, 60.0),
        ("polls of a silent device are expected", poll_counts.LONGEST_SILENCE_S, 31 * DAY_S),
        ("a silent device is anybody's", owners.SILENT_MS / 1000, 31 * DAY_S),
        ("a device that was given up counts in its former agent's budget", owners.RELEASED_MS / 1000, DAY_S),
        ("messages of a former owner claim nothing", owners.LAST_WORDS_MS / 1000, 30.0),
        ("a device that sends costs one disk write in so long", owners.HEARD_MS / 1000, 6 * HOUR_S),
        ("a store with a wrong account is tried again", influx.SLOW_RETRY_S, 30.0),
        ("a store that asks for a longer pause does not get it", influx.LONGEST_RETRY_AFTER_S, 300.0),
        ("a store that was away is tried again in the beginning", persistence.BACKOFF_S[0], 0.5),
        ("a store that was away is tried again", persistence.BACKOFF_S[1], 30.0),
        ("a store that was away is tried by the writer", writer.PROBE_S, 10.0),
        ("a ledger that its disk refused is written again", ledger_file.PAUSE_S[1], 5.0),
        ("a broker that was away is connected to again", subscribe.BACKOFF_S[1], 5.0),
        ("a broker keeps the session of a collector that is away", subscribe.SESSION_EXPIRY_S, DAY_S),
        ("a socket is not read while there is no room", inbox.LONGEST_PAUSE_S, 3.0),
        ("an agent hears of what is stored", stored_publisher.CYCLE_S, 1.5),
        ("reports of what is stored that hang are shown as failing", stored_publisher.LONGEST_CYCLE_S, 60.0),
        ("a report of what is stored, which the broker refused, is sent again", stored_publisher.PAUSE_S[1], 300.0),
        ("a message is ahead of the clock", clocks.AHEAD_MS / 1000, 600.0),
        ("two processes of one name both run", ledger.TURN_MS / 1000, 15 * 60.0),
        ("a kill loses so much of the records", keeper.SAVE_S, 30.0),
        ("a disk of the records that hangs holds up a stop", keeper.CLOSE_S, 3.0),
        ("messages are stored in a stop", running.LAST_FLUSH_S, 4.0),
        ("hours of records are kept", records_file.KEPT_H * HOUR_S, 400 * DAY_S),
        ("a kill loses so much of who owns what", owners_file.WRITE_S, 1.0),
        ("a collector that handles nothing is ended", standstill.STANDSTILL_S, 60.0),
        ("an urgent device waits for its evaluation", monitor.TICK_S, 0.2),
        ("any other device with a message waits for its evaluation", monitor.FULL_S, 1.0),
        ("a device without a message waits for its evaluation", monitor.SWEEP_S, 5.0),
        ("a kill loses so much of who was notified", files.SAVE_EVERY_S, 2.0),
        ("a problem holds before a restart cannot delay it", files.KEPT_HOLD_S, 15.0),
        ("a disk of the problems that hangs holds up a start", files.LOAD_S, 5.0),
        ("a problem's highest value is as old as this after a kill", saved.PRESENT_REFRESH_S, 60.0),
        ("what conditions remember is as old as this after a kill", saved.REMEMBERED_REFRESH_S, 600.0),
        ("a problem that begins to hold is shown, if it holds as long", tracker.SHOWN_HOLD_S, 120.0),
        ("a limit that a device states is current", table.LIMIT_LIFE_S, 3 * HOUR_S),
        ("a problem of a silent device goes on", table.SILENT_S, HOUR_S),
        ("a problem that does not hold any more is kept", table.KEEP_S, 60.0),
        ("a group goes dark while devices of it fall silent within", shares.DARKENING_S, 4.0),
        ("which is measured against how many were silent in", shares.DARKENING_PAST_S, 30.0),
        ("late readings wait for others of their time", late_queue.QUIET_S, 10.0),
        ("late readings are thinned, where many wait, to one of a class in", late_queue.THINNED_S, 15.0),
        ("other work goes on for so many times as long as late readings take", late_queue.OTHERS_SHARE, 3.0),
        ("late readings are looked for", late_queue.CHECK_S, 1.0),
        ("an Alertmanager that lost its silences has them again", silences.AGAIN_S, 60.0),
        ("a silence that an Alertmanager did not take is sent again", silences.RETRY_S, 5.0),
        ("an alert that was mended in its window is silenced for", silences.MENDED_S, 600.0),
        ("a problem in a window that was mended is noticed", silences.WATCH_S, 5.0),
        ("a silence lasts without its collector", silences.LEASE.total_seconds(), 4 * HOUR_S),
        ("and is renewed with so much left", silences.RENEW_AT.total_seconds(), 2 * HOUR_S),
        ("Alertmanager may take to answer about silences", silences.TIMEOUT_S, 5.0),
        ("and about acknowledgements", acknowledged.TIMEOUT_S, 5.0),
        ("an acknowledgement is seen", acknowledged.READ_S, 15.0),
        ("and first looked for after the first problem by", acknowledged.SETTLE_S, 2.0),
        ("a disk without a lock holds up a start", own_files.CLAIM_S, 5.0),
        ("a renewed certificate of another side is seen", certificates.LOOK_S, 600.0),
        ("a side that showed no certificate is asked again", certificates.RETRY_S, 60.0),
        ("a part that failed is shown as failing", bulkhead.FAILING_S, 300.0),
        ("a part's failures are logged once in so long", bulkhead.LOG_EVERY_S, 60.0),
    ],
)
def test_what_somebody_waits_for_takes_as_long_as_it_is_said_to(what: str, is_now: float, seconds: float) -> None:
    assert is_now == seconds, what


def test_a_notification_that_fails_is_tried_again_after_a_fifth_of_a_second_and_every_half_minute_in_the_end() -> None:
    assert push.PAUSES_S == (0.2, 1.0, 5.0, 30.0)


@pytest.mark.parametrize(
    ("what", "is_now", "amount"),
    [
        ("bytes that wait in memory before the broker must wait", inbox.MAX_WAITING_BYTES, 8 * 1024**2),
        ("refused bytes of a sender in one burst", muting.REFUSED_BURST_BYTES, 32 * 1024**2),
        ("refused bytes of a sender in a second", muting.REFUSED_BYTES_PER_S, 1024**2),
        ("refused bytes that a sender has left when it is muted", muting.LEAST_LEFT_BYTES, 64 * 1024),
        ("new series keys of an agent in one burst", series_keys.NEW_KEYS, 20_000),
        ("new series keys of an agent in a second", series_keys.NEW_KEYS_PER_S, 200),
        ("layouts of a device", layouts.MAX_LAYOUTS_OF_DEVICE, 8),
        ("places of the layouts of all agents", layouts.MAX_PLACES, 200_000),
        ("bytes of dead letters of a sender in one burst", dead_letters.BURST_BYTES, 1024**2),
        ("bytes of dead letters of a sender in a second", dead_letters.BYTES_PER_S, 256),
        ("bytes of a message in a dead letter", dead_letters.PAYLOAD_LIMIT_BYTES, 64 * 1024),
        ("series that a device has besides its readings", budgets.DEVICE_SERIES, 10),
        ("epochs in the ledger", ledger.MAX_EPOCHS, 50_000),
        ("epochs of one agent in the ledger", ledger.MAX_EPOCHS_PER_AGENT, 2_000),
        ("chunks of an epoch that are read from either end", durable.MOST_CHUNKS, 2_000),
        ("contested devices that are shown", owners.MAX_CONTESTS, 1_000),
        ("contested devices of one agent that are shown", owners.MAX_CONTESTS_OF_AGENT, 100),
        ("times in a row that a sound point must be accepted before another is given up", persistence.NEIGHBOURS, 3),
        ("problems that are followed", tracker.MAX_TRACKED, 20_000),
        ("problems in one request", push.MAX_SENT, 500),
        ("series that conditions remember", conditions.MAX_SEEN, 50_000),
        ("falls of a series that are remembered", conditions.MAX_FALLS, 16),
        ("late messages that wait", late_queue.MAX_WAITING, 10_000),
        ("readings in them", late_queue.MAX_READINGS, 200_000),
        ("poll classes of devices whose late messages are thinned", late_queue.MAX_THINNED, 50_000),
        ("bytes of an Alertmanager's silences", silences.MAX_ANSWER_BYTES, 16_000_000),
        ("mended alerts with a silence of their own", silences.MAX_MENDED, 1_000),
        ("bytes of an Alertmanager's alerts", acknowledged.MAX_ANSWER_BYTES, 4_000_000),
        ("characters of who acknowledges", acknowledged.MAX_BY, 100),
        ("and of what they say", acknowledged.MAX_COMMENT, 500),
        ("racks that a problem names", shares.MAX_RACKS, 500),
        ("maintenance windows", maintenance.MAX_WINDOWS, 1_000),
        ("bytes of ended problems in one of two files", history.MAX_FILE_BYTES, 2_000_000),
        ("bytes a second that a file of problems is written with", saved.BYTES_PER_S, 100_000),
        ("bytes of a file of problems that is read", saved.MAX_BYTES, 64_000_000),
        ("lines of an answer on the page", answers.MAX_LINES, 24),
        ("devices that were never heard of and are named", overview.MAX_NEVER_HEARD, 12),
        ("parts of pages that streams show", streams.MAX_PARTS, 256),
    ],
)
def test_there_is_room_for_as_much_as_it_is_said(what: str, is_now: float, amount: float) -> None:
    assert is_now == amount, what


@pytest.mark.parametrize(
    ("what", "is_now", "limit"),
    [
        ("share of its rating from which a generator carries load", generators.CARRIES, 0.02),
        ("share of a feed's UPSs on battery beyond which its mains are lost", generators.MAINS_LOST_SHARE, 0.5),
        ("power from which a facility pump runs, W", plant.PUMP_RUNS_W, 200.0),
        ("share of its voltage from which a supply is on", racks.MIN_VOLTAGE_SHARE, 0.5),
        ("voltage from which an incomer is live, V", own_power.MIN_VOLTS, 50.0),
        ("supply of a loop that states no limit, degC", ride_through.SUPPLY_LIMIT_C, 45.0),
        ("minutes of a breaker's demand", breaker_load.DEMAND_MINUTES, 15),
        ("minutes of a breaker's level", breaker_load.LEVEL_MINUTES, 5),
        ("share of a minute in which the level is exceeded", breaker_load.LEVEL_SHARE, 2 / 3),
        ("seconds of the window of heat capture", capture.WINDOW_S, 900.0),
        ("seconds for which a valve that should move stands still", exchanger.STUCK_S, 600.0),
        ("pressure over a filter, over that of a clean one", trends.CLOGGED_RATIO, 2.0),
        ("days of the peak of a load", trends.PEAK_DAYS, 30),
        ("step of a supply that takes over, as a share", supplies.STEP_SHARE, 0.25),
        ("carbon factor that is believed, g/kWh", carbon.LARGEST_GRAMS_PER_KWH, 2500.0),
        ("share of a month's hours that a ratio of the report needs", report_energy.MIN_COVERAGE, 0.5),
        ("share by which meters of the report may disagree", report_energy.MAX_METER_DISAGREEMENT, 0.01),
    ],
)
def test_figures_have_the_limits_that_the_pages_give(what: str, is_now: float, limit: float) -> None:
    assert is_now == limit, what
