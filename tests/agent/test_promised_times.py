"""Times and bounds of the agent that somebody relies on, in figures. Other tests take them from the code, and would follow its slips."""

import pytest

from agent import device_tasks, loop, reporter, run, schedule
from agent.modbus import client as modbus_link
from agent.modbus import refusals as refused_registers
from agent.pair import handover, keeper, lease
from agent.poll import (
    factory,
    modbus,
    pace,
    plan_age,
    planned_cells,
    register_fit,
    replanning,
    scalars,
    snmp,
    tables,
    unit_identity,
    uptime,
    word_order,
)
from agent.publish import answers, connection, limit, pauses, publisher, report_reader, status
from agent.snmp import missing, silent, tries
from agent.snmp.traps import message, senders
from agent.snmp.usm import authentic, clock, refused
from rackflow.process.stopping import STOP_WITHIN_S


@pytest.mark.parametrize(
    ("what", "is_now", "figure"),
    [
        # Devices
        ("a silent device is waited for, as a share of its interval", schedule.DEADLINE_SHARE, 0.9),
        ("a poll takes at most", schedule.MAX_DEADLINE_S, 30.0),
        ("a device is down after so many failures", schedule.DOWN_AFTER_FAILURES, 3),
        ("the return of a device is noticed within", schedule.MAX_RETRY_S, 60.0),
        ("a device that is silent while it is opened is waited for", loop.OPEN_DEADLINE_S, 30.0),
        ("an opening takes at most", loop.OPEN_AT_MOST_S, 180.0),
        ("a device that does not close is left after", loop.CLOSE_S, 1.0),
        ("changed states of one poll that are reported", loop.MAX_STATE_EVENTS, 200),
        ("characters of an event", reporter.EVENT_TEXT_CHARACTERS, 200),
        ("a removed device whose task goes on is named every", loop.REPORT_HUNG_S, 60.0),
        ("all devices are asked for the first time within", device_tasks.MAX_START_SPREAD_S, 5.0),
        ("an SNMP request is waited for", factory.SNMP_TIMEOUT_S, 2.0),
        ("an early try of it at least", tries.QUICK_S, 0.5),
        ("and so many times the slowest answer", tries.TIMES_SLOWEST, 4.0),
        ("further tries of a request of an opening", tries.OF_AN_OPENING, 4),
        ("no early try is made after a late answer for", tries.PATIENT_S, 3600.0),
        ("an object that the device denies is asked for again after", missing.BELIEVED_S, 60.0),
        ("one that could not be read", missing.FAILED_S, 10.0),
        ("and so many of them in a poll", missing.MOST_AGAIN, 4),
        ("one that is never answered at first", silent.FIRST_S, 10.0),
        ("and at last", silent.LONGEST_S, 600.0),
        ("requests without an answer that look for such objects in a poll", silent.MOST_SILENCES, 16),
        ("nothing is looked for in a card that is silent about everything for", silent.PAUSE_S, 60.0),
        ("a device with rows that are never answered is walked row by row for", silent.ROW_BY_ROW_S, 86_400.0),
        ("requests that look for scalars under other instances", scalars.MAX_REQUESTS, 256),
        ("and that find none", scalars.MAX_FRUITLESS, 16),
        ("a device that is opened has its place for", pace.PLACE_S, 0.25),
        ("tables are walked anew after", plan_age.REPLAN_AFTER_S, 3600.0),
        ("a device has itself planned anew at most every", replanning.REPLAN_MIN_S, 10.0),
        ("a large device less often, by series a second", replanning.REPLAN_SERIES_PER_S, 200.0),
        ("planning beside a poll takes at most this share of the interval", snmp.PLANNING_SHARE, 0.4),
        ("scales that a slow card is asked for at once", snmp.SCALES_AT_ONCE, 20),
        ("a unit is opened anew at most every", planned_cells.REOPEN_MIN_S, 10.0),
        ("columns that are tried for the rows of a table", tables.MAX_COLUMNS_BESIDE, 4),
        ("cells of all tables of a device", tables.MAX_CELLS, 200_000),
        ("an uptime that begins anew is a wrap of the counter if it was due within", uptime.WRAP_SLACK_S, 60.0),
        ("or within this share of the time", uptime.WRAP_SLACK_SHARE, 0.05),
        ("after a silence an uptime may differ by", uptime.UPTIME_SLACK_S, 5.0),
        ("and by this share of the silence", uptime.UPTIME_SLACK_SHARE, 0.01),
        # Modbus
        ("a busy unit is asked again after", modbus.BUSY_PAUSE_S, 0.1),
        ("a poll looks for refused registers for", modbus.SEARCH_S, 0.4),
        ("numbers that must speak for another word order", word_order.MIN_VOTES, 2),
        ("and from which on they are odd", word_order.LARGE, 2**24),
        ("answers of a unit that are kept for this", word_order.MAX_BLOCKS, 500),
        ("refused registers that a poll asks for again", modbus.ASKED_AGAIN, 4),
        ("a unit that was replaced is noticed within", unit_identity.IDENTIFY_EVERY_S, 60.0),
        ("quantities that must be impossible before its registers are another unit's", register_fit.MIN_IMPOSSIBLE, 2),
        ("and which share of them", register_fit.MIN_SHARE, 1 / 6),
        ("a probe that is alone in being impossible is broken after polls of each class", register_fit.ROUNDS, 3),
        ("numbers from which on the end of a scale is believed", register_fit.LEAST_SAME, 256),
        ("a quantity runs on within this share of what it was", register_fit.STEP_SHARE, 0.1),
        ("and so many must, where probes break together", register_fit.RUN_ON, 2),
        ("and this share of them", register_fit.RUN_ON_SHARE, 2 / 3),
        ("registers of 0 that are no readings", register_fit.MIN_ZEROS, 2),
        ("a link is made anew after so many requests without an answer", modbus_link.MAX_UNANSWERED, 3),
        ("a line is left silent after a missing answer for", modbus_link.RTU_QUIET_S, 0.2),
        ("a register that had answered is asked for again after", refused_registers.BACK_SOON_S, (1.0, 10.0)),
        ("one that never answered", refused_registers.NEVER_READ_S, (5.0, 60.0)),
        ("one that the unit says it does not have", refused_registers.ABSENT_S, (60.0, 3600.0)),
        ("codes with which a gateway says that a unit is not there (V1.1b3, 7)", refused_registers.GATEWAY, {10, 11}),
        # SNMPv3
        ("an answer may be older than expected by (RFC 3414, 2.2.3)", clock.WINDOW_S, 150),
        ("a device that lost the count of its boots is believed after", clock.BELIEVE_SETBACK_AFTER_S, 150.0),
        ("engines of one device that are known at once", authentic.MAX_ENGINES, 4),
        ("devices whose refused datagrams are counted by name", refused.MAX_DEVICES, 50),
        # Traps
        ("a datagram that came twice counts once within", senders.REMEMBER_S, 150.0),
        ("datagrams that are remembered for that", senders.MAX_REMEMBERED, 1000),
        ("objects of a trap that are read", message.MAX_OBJECTS, 64),
        ("texts of a trap that are told", message.MAX_TEXTS, 8),
        ("octets of a text of a trap", message.MAX_TEXT_OCTETS, 1024),
        # The way to the broker
        ("messages in flight", connection.WINDOW, 32),
        ("octets of a packet beside its payload", connection.PACKET_OVERHEAD_BYTES, 256),
        ("a lost connection is made anew within", pauses.RETRY_S, (0.5, 30.0)),
        ("a limit that the broker did not tell is believed for", limit.LEARNT_FOR_S, 3600.0),
        ("refused topics are looked through every", publisher.PROBE_STEP_S, 0.25),
        ("refused topics tried at a time", publisher.PROBES_PER_STEP, 5),
        ("refused topics in the log, a minute", answers.NAMED_PER_MINUTE, 10),
        ("refused topics in the status", status.NAMED_IN_STATUS, 20),
        ("the first number in the outbox is told every", status.ACCOUNT_S, 60.0),
        ("reports of collectors are waited for at the start", report_reader.FIRST_REPORTS_S, 3.0),
        ("connections that may break before reports are given up", report_reader.MAX_BREAKS, 2),
        ("and after which time they are asked for again", report_reader.TRY_AGAIN_S, (60.0, 3600.0)),
        ("a stop waits for a collector that has reported within", report_reader.RECENT_REPORT_S, 5.0),
        # A pair of agents
        ("a claim waits for another one", lease.SETTLE_S, 1.0),
        ("a lease is renewed every", lease.RENEW_S, 1.0),
        ("a side that hears nothing may not claim the lease after", lease.RECEIVE_WITHIN_S, 3.5),
        ("a lease is looked at every", keeper.STEP_S, 0.2),
        ("a standby connects again within", keeper.RETRY_S, 2.0),
        ("a holder connects again within", keeper.HOLDER_RETRY_S, 0.5),
        ("a holder that cannot publish hands over after", handover.HAND_OVER_S, 60.0),
        ("and again and again, if neither can, after", handover.MAX_HAND_OVER_S, 960.0),
    ],
)
def test_a_time_or_bound_of_the_agent_is_what_it_is_said_to_be(what: str, is_now: object, figure: object) -> None:
    assert is_now == figure, what


def test_the_steps_of_a_stop_fit_into_the_ten_seconds_that_it_may_take() -> None:
    """A service manager kills 5 s later, and what is not delivered by then is delivered twice or lost."""
    assert (device_tasks.STOP_TASKS_S, run.STOP_PUBLISHER_S, run.CLOSE_OUTBOX_S, run.FLUSH_S) == (2.0, 2.5, 2.0, 5.0)
    assert 2 * connection.OFFLINE_TIMEOUT_S < run.STOP_PUBLISHER_S
    assert loop.CLOSE_S < device_tasks.STOP_TASKS_S
    # A collector reports every 1.5 s, so a stop waits for one report at least.
    assert publisher.REPORT_WAIT_S == 2.5
    assert (
        STOP_WITHIN_S - device_tasks.STOP_TASKS_S - run.STOP_PUBLISHER_S - run.CLOSE_OUTBOX_S > publisher.REPORT_WAIT_S
    )
