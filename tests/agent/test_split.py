"""A poll that is too large for one message becomes several, which together are the same poll."""

import contextlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.readings import Readings
from agent.split import LARGEST_READING_BYTES, OVERHEAD_BYTES, split_batch
from rackflow import Batch, ContractError, decode, encode
from rackflow.catalogue import catalogue
from rackflow.documents import MAX_PARTS, MAX_PAYLOAD_BYTES, Part
from tests.agent.running import Devices, MemoryDevice, config_for, listening, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

# The highest number that the contract allows; what is measured with a lower one may be too large when it is sent.
HIGHEST_SEQ = 2**53


def poll(values: int = 0, states: int = 0, bad: int = 0, *, padding: int = 1) -> Batch:
    label = "x" * padding
    return Batch(
        agent="gw-1",
        epoch="01JD5Z",
        seq=0,
        time=1_795_468_800_123,
        device="pdu-1",
        device_class="pdu",
        poll="fast",
        interval_s=5,
        duration_s=0.1,
        up=True,
        labels={"site": "t1"},
        values={f"dcim_pdu_outlet_power_watts{{outlet={label}{number}}}": number + 0.5 for number in range(values)},
        states={f"dcim_pdu_outlet_state{{outlet={label}{number}}}": "on" for number in range(states)},
        bad={f"dcim_pdu_outlet_current_amperes{{outlet={label}{number}}}": "range" for number in range(bad)},
    )


def test_three_thousand_outlets_at_a_limit_of_20_kb() -> None:
    whole = poll(3000, 10, 5)
    parts = split_batch(whole, 20_000)
    assert len(parts) > 7
    assert [(each.part.number, each.part.of) for each in parts if each.part] == [
        (number, len(parts)) for number in range(1, len(parts) + 1)
    ]
    assert all(len(encode(msgspec.structs.replace(each, seq=HIGHEST_SEQ))) <= 20_000 for each in parts)
    assert [each.rejected for each in parts] == [5] * len(parts)
    assert [each.counts_as_poll for each in parts] == [True] + [False] * (len(parts) - 1)
    assert {key for each in parts for key in each.values} == whole.values.keys()


def test_a_poll_that_fits_is_left_as_it_is() -> None:
    for whole, limit in ((poll(3), MAX_PAYLOAD_BYTES), (poll(30), 4000), (poll(), 10)):
        [only] = split_batch(whole, limit)
        assert only is whole
    assert b'"part"' not in encode(poll(3))


def test_a_reading_that_is_too_large_alone_is_not_split_further() -> None:
    parts = split_batch(poll(3, padding=64), 10)
    assert [len(each.values) for each in parts] == [1, 1, 1]


def test_a_value_that_json_cannot_express_is_rejected_before_anything_is_numbered() -> None:
    whole = poll(3000)
    whole.values["dcim_pdu_outlet_power_watts{outlet=x1}"] = float("nan")
    with pytest.raises(ContractError):
        split_batch(whole, 20_000)


def test_a_part_that_is_split_again_stays_a_later_part() -> None:
    parts = split_batch(poll(3000, bad=2), 20_000)
    again = split_batch(parts[1], 5_000)
    assert len(again) > 2
    assert not any(each.counts_as_poll for each in again)
    assert {each.rejected for each in again} == {2}
    of = len(parts) + len(again) - 1
    assert [(each.part.number, each.part.of) for each in again if each.part] == [
        (2 + at, of) for at in range(len(again))
    ]
    first = split_batch(parts[0], 5_000)
    assert [each.counts_as_poll for each in first] == [True] + [False] * (len(first) - 1)


@given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 80), st.integers(1, 64), st.integers(800, 100_000))
def test_no_reading_is_lost_or_doubled_and_every_part_fits(
    values: int, states: int, bad: int, padding: int, limit: int
) -> None:
    whole = poll(values, states, bad, padding=padding)
    payloads = [encode(msgspec.structs.replace(each, seq=HIGHEST_SEQ)) for each in split_batch(whole, limit)]
    parts = [decode(payload, Batch) for payload in payloads]
    for name in ("values", "states", "bad"):
        found = [item for each in parts for item in getattr(each, name).items()]
        assert found == list(getattr(whole, name).items())
    assert all(len(payload) <= limit for payload in payloads)
    assert {each.rejected for each in parts} == {bad}
    assert sum(each.counts_as_poll for each in parts) == 1


def largest(parts: list[Batch]) -> int:
    return max(len(encode(msgspec.structs.replace(each, seq=HIGHEST_SEQ))) for each in parts)


def test_every_part_fits_to_the_byte_with_the_highest_number_and_its_place_in_the_poll() -> None:
    """Each of these limits is a few bytes less than what a part of the poll takes."""
    whole = poll(900)
    size_bytes = largest(split_batch(whole, 2_000))
    for limit in range(size_bytes - 40, size_bytes):
        assert largest(split_batch(whole, limit)) <= limit


def test_a_poll_is_split_from_the_byte_on_that_is_one_too_many_with_the_highest_number() -> None:
    whole = poll(900)
    size_bytes = largest([whole])
    assert split_batch(whole, size_bytes) == [whole]
    assert len(split_batch(whole, size_bytes - 1)) == 2


def test_parts_of_a_poll_of_very_many_fit_to_the_byte_and_their_numbers_are_within_the_contract() -> None:
    """A part that is split again, for a limit that was learnt later, when the numbers of parts are nearly used up."""
    last = Part(number=MAX_PARTS - 1, of=MAX_PARTS - 1, rejected=0)
    whole = msgspec.structs.replace(poll(12, padding=30), part=last)
    smallest = largest(split_batch(whole, 10))
    for limit in range(smallest, largest([whole])):
        parts = split_batch(whole, limit)
        assert largest(parts) <= limit
        assert [each.part for each in parts] == [
            Part(number=min(MAX_PARTS - 1 + at, MAX_PARTS), of=MAX_PARTS, rejected=0) for at in range(len(parts))
        ]


def test_what_is_not_measured_surely_fits() -> None:
    """The longest names of the contract: only a poll with many readings is encoded twice."""
    whole = poll(1, padding=60)
    assert (
        len(encode(msgspec.structs.replace(whole, labels=dict.fromkeys(map(str, range(6)), "x" * 64)))) < OVERHEAD_BYTES
    )


def test_readings_with_the_longest_keys_surely_fit_into_the_room_that_is_counted_for_them() -> None:
    """Each metric of the catalogue with labels of 64 characters, and a number of as many digits as there are."""
    longest = "x" * 64
    keys = [
        f"{name}{{{','.join(f'{label}={longest}' for label in metric.labels)}}}" for name, metric in catalogue().items()
    ]
    whole = msgspec.structs.replace(poll(), values=dict.fromkeys(keys, -1.2345678901234567e-300))
    limit = len(keys) * LARGEST_READING_BYTES + OVERHEAD_BYTES
    assert largest([whole]) <= limit
    assert split_batch(whole, limit) == [whole]


@pytest.mark.parametrize("limit", ["max_packet_size 20000", "message_size_limit 60000"])
async def test_a_device_of_thousands_of_series_arrives_whole_over_a_broker_with_a_small_limit(
    tmp_path: Path, limit: str
) -> None:
    """3,000 outlets are some 140 kB. The first poll is numbered before the limit is known, and is split when it is to be sent."""
    outlets = {f"dcim_pdu_outlet_power_watts{{outlet={number}}}": 0.5 for number in range(3000)}
    device = MemoryDevice(readings=Readings(values=outlets), device_class="pdu")
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(Mosquitto(tmp_path / "broker", extra=[limit]).serving())
        config = config_for(server, "pdu-1", intervals={"safety": 0.5, "normal": 0.5})
        listener = await stack.enter_async_context(listening(server))
        agent = await stack.enter_async_context(running(config, Devices(pdu_1=device)))

        def whole_polls() -> int:
            found: dict[int, set[str]] = {}
            for each in listener.batches("pdu-1"):
                found.setdefault(each.time, set()).update(each.values)
            return sum(keys == outlets.keys() for keys in found.values())

        await eventually(lambda: whole_polls() >= 3, "three whole polls")
        stats = agent.outbox.stats()
        assert {each.reason for each in stats.account.dropped} <= {"split"}
        # Those that were numbered before the limit was known: of a few polls, and of their parts where it was learnt in two steps.
        assert sum(each.last - each.first + 1 for each in stats.account.dropped) <= 50
        produced = max(each.seq for each in listener.batches())
        missing = set(range(1, produced + 1)) - set(listener.seqs())
        explained = {number for each in stats.account.dropped for number in range(each.first, each.last + 1)}
        assert missing <= explained
