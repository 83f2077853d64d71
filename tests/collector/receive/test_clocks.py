"""Times of messages that cannot be: which are believed, and under which time the others are stored."""

from contextlib import closing
from pathlib import Path

import pytest

from collector.receive.clocks import MAX_DEVICES, ReceiptTimes, is_plausible
from tests.collector.documents import batch, now_ms
from tests.collector.ingest_rig import IngestRig
from tests.collector.polls import wall_ms
from tests.collector.running import config_for, killable, ledger_locked, publish, publisher, running
from tests.collector.store_contents import influx_store, points
from tests.servers.influxdb import InfluxDB, Row
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

WALL_MS = 1_795_468_800_000
# What the documentation says: ten minutes ahead, not before 2020; and the minute by which NTP may set a clock back.
AHEAD_MS = 600_000
EARLIEST_MS = 1_577_836_800_000
DRIFT_MS = 60_000
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("time_ms", "believed"),
    [
        (WALL_MS, True),
        (WALL_MS + AHEAD_MS, True),
        (WALL_MS + AHEAD_MS + 1, False),
        (WALL_MS - 2_592_000_000, True),
        (WALL_MS - 2_592_000_001, False),
        (0, False),
        (2_147_483_648_000, False),
    ],
)
def test_impossible_times_are_distinguished_from_possible_ones(time_ms: int, believed: bool) -> None:  # noqa: FBT001 - the answer
    assert is_plausible(time_ms, WALL_MS, oldest_days=30) is believed


def test_a_collector_whose_own_clock_is_not_set_believes_every_time_but_those_before_2020() -> None:
    assert not is_plausible(EARLIEST_MS - 1, 1000, oldest_days=30)
    assert is_plausible(WALL_MS, 1000, oldest_days=30)


def test_no_two_messages_of_a_device_get_one_time() -> None:
    places = ReceiptTimes()
    assert [places.next("one", WALL_MS) for _ in range(3)] == [WALL_MS, WALL_MS + 1, WALL_MS + 2]
    assert places.next("other", WALL_MS) == WALL_MS
    assert places.next("one", WALL_MS + 1) == WALL_MS + 3
    assert places.next("one", WALL_MS + 10) == WALL_MS + 10
    # The collector's own clock was set back: no time far ahead is given out for that.
    assert places.next("one", WALL_MS - DRIFT_MS) == WALL_MS - DRIFT_MS


@pytest.mark.parametrize(
    ("time_ms", "wall_ms", "believed"),
    [
        (EARLIEST_MS, EARLIEST_MS, True),
        (EARLIEST_MS - 1, EARLIEST_MS, False),
        (EARLIEST_MS + AHEAD_MS, EARLIEST_MS, True),
        (EARLIEST_MS + AHEAD_MS + 1, EARLIEST_MS, False),
        (EARLIEST_MS + AHEAD_MS + 1, EARLIEST_MS - 1, True),
        (EARLIEST_MS, 0, True),
    ],
)
def test_at_the_beginning_of_2020_clocks_begin_to_count(
    time_ms: int,
    wall_ms: int,
    believed: bool,  # noqa: FBT001 - the answer
) -> None:
    assert is_plausible(time_ms, wall_ms, oldest_days=30) is believed


def test_a_clock_set_back_by_less_than_a_minute_goes_on_from_the_last_time() -> None:
    places = ReceiptTimes()
    assert places.next("one", WALL_MS) == WALL_MS
    assert places.next("one", WALL_MS - DRIFT_MS + 1) == WALL_MS + 1
    assert places.next("one", WALL_MS + 1 - DRIFT_MS) == WALL_MS + 1 - DRIFT_MS


def test_places_of_devices_that_somebody_makes_up_do_not_add_up() -> None:
    places = ReceiptTimes()
    for device in range(MAX_DEVICES):
        assert places.next(device, WALL_MS) == WALL_MS
    assert places.next(MAX_DEVICES - 1, WALL_MS) == WALL_MS + 1
    assert places.next(MAX_DEVICES - 1, WALL_MS) == WALL_MS + 2
    assert places.next(0, WALL_MS) == WALL_MS  # it was let go


async def test_a_kill_between_store_and_ledger_leaves_each_message_stored_once(
    mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path
) -> None:
    """Those included whose time cannot be: what they are stored under is on disk before they are, and they wait."""
    store = influx_store(influxdb) | {"flush_s": 1.0}  # one group
    config = config_for(mosquitto.port, tmp_path, store, outbox={"path": str(tmp_path / "outbox.db")})
    start_ms = now_ms()

    def rows() -> list[Row]:
        return influxdb.query("SELECT supply_temperature_celsius::float FROM dcim_cdu")

    async with killable(config, tmp_path) as kill, publisher(mosquitto.port) as client:
        with ledger_locked(config.ledger_path):
            odd = [batch(seq=seq, time_ms=5_000 + seq) for seq in range(1, 11)]
            await publish(client, *odd, *(batch(seq=seq, time_ms=start_ms + seq) for seq in range(11, 31)))
            await eventually(lambda: len(rows()) == 20, "what was in time", timeout_s=60)
            await kill()
    async with running(config) as one:
        stored = 'dcim_collector_ledger_stored_messages{agent="gw-3",site="cas1"}'
        await one.reaches(stored, lambda count: count == 30)
        await one.reaches("dcim_collector_spool_messages", lambda count: count == 0)
        assert await one.sample('dcim_collector_ledger_missing_messages{agent="gw-3",site="cas1"}') == "0.0"
    times = [row["time"] for row in rows()]
    assert len(times) == 30
    assert all(isinstance(each, int) and start_ms <= each <= now_ms() + 30 for each in times)


async def test_a_time_that_cannot_be_is_stored_under_receipt_time_with_the_original_beside(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    before = now_ms()
    async with running(config_for(mosquitto.port, tmp_path)) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, batch("cdu-1", seq=1, time_ms=5_000), batch("cdu-2", seq=2, time_ms=2_147_483_648_000))
        await one.reaches('dcim_collector_message_failures_total{reason="time"}', lambda count: count == 2)
        await eventually(lambda: len(points(tmp_path)) == 6, "three points each")
        lines = points(tmp_path)
    originals = {line.split()[1] for line in lines if "original_timestamp_seconds" in line}
    assert originals == {"original_timestamp_seconds=5.0", "original_timestamp_seconds=2147483648.0"}
    for line in lines:
        assert before <= int(line.rpartition(" ")[2]) // 1_000_000 <= now_ms()


@pytest.mark.parametrize(("oldest_days", "is_believed"), [(None, True), (60, True), (30, False)])
async def test_how_old_is_too_old_is_configured(
    mosquitto: Mosquitto,
    tmp_path: Path,
    oldest_days: int | None,
    is_believed: bool,  # noqa: FBT001 - the answer
) -> None:
    time_ms = now_ms() - 45 * DAY_MS
    more = {} if oldest_days is None else {"oldest_days": oldest_days}
    async with running(config_for(mosquitto.port, tmp_path, None, **more)) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, batch(time_ms=time_ms))
        await eventually(lambda: bool(points(tmp_path)), "stored")
    times = {int(line.rpartition(" ")[2]) // 1_000_000 for line in points(tmp_path)}
    assert (times == {time_ms}) is is_believed
    assert is_believed or min(times) > time_ms + 44 * DAY_MS


def test_two_messages_of_a_device_without_a_clock_that_come_at_once_are_two_points(tmp_path: Path) -> None:
    """With one time they would be one point, and the first one's readings would be lost."""
    rig = IngestRig(tmp_path)
    with closing(rig.letters):
        one, two = (rig.process_document(batch(seq=seq, time_ms=1000)) for seq in (1, 2))
    assert (one.substitute_ms, two.substitute_ms) == (wall_ms(0.0), wall_ms(0.0) + 1)
    assert {line.rpartition(" ")[2] for line in one.lines} == {str(wall_ms(0.0))}
    assert {line.rpartition(" ")[2] for line in two.lines} == {str(wall_ms(0.0) + 1)}
