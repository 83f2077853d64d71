"""How large a message may be: what contract and broker say, and what is learnt from a refusal. Times are seconds."""

from agent.publish.limit import LEARNT_FOR_S, MIN_LEARNT_BYTES, SizeLimit
from rackflow.documents import MAX_PAYLOAD_BYTES


def test_the_smaller_limit_of_contract_and_broker_counts() -> None:
    limit = SizeLimit()
    assert limit.bytes == MAX_PAYLOAD_BYTES
    limit.connected(10_000, 0.0)
    assert limit.bytes == 10_000
    limit.connected(MAX_PAYLOAD_BYTES, 1.0)
    assert limit.bytes == MAX_PAYLOAD_BYTES, "the limit is that of the present connection"


def test_after_a_refusal_half_of_the_size_is_tried_and_never_less_than_was_accepted() -> None:
    limit = SizeLimit()
    limit.refused(100_001, 0.0)
    assert repr(limit.bytes) == "50000", "whole bytes"
    limit.accepted(40_000)
    limit.accepted(30_000)
    limit.refused(50_000, 1.0)
    assert limit.bytes == 40_000


def test_a_refusal_below_what_was_accepted_before_shows_that_the_broker_has_become_stricter() -> None:
    limit = SizeLimit()
    limit.accepted(40_000)
    limit.refused(40_000, 0.0)
    assert limit.bytes == 20_000
    limit.refused(10_000, 1.0)
    assert limit.bytes == 5_000


def test_the_limit_never_becomes_so_small_that_splitting_does_not_help() -> None:
    limit = SizeLimit()
    limit.refused(1500, 0.0)
    assert limit.bytes == MIN_LEARNT_BYTES == 1024


def test_what_was_learnt_is_dropped_at_the_first_connection_after_an_hour() -> None:
    assert LEARNT_FOR_S == 3600.0
    limit = SizeLimit()
    limit.accepted(40_000)
    limit.refused(60_000, 100.0)
    limit.connected(MAX_PAYLOAD_BYTES, 100.0 + LEARNT_FOR_S)
    assert limit.bytes == 40_000
    limit.connected(MAX_PAYLOAD_BYTES, 100.5 + LEARNT_FOR_S)
    assert limit.bytes == MAX_PAYLOAD_BYTES
    limit.refused(60_000, 5000.0)
    assert limit.bytes == 30_000, "what the former broker had accepted says nothing about this one"
    limit.connected(MAX_PAYLOAD_BYTES, 5000.0 + LEARNT_FOR_S)
    assert limit.bytes == 30_000, "the hour is that since the last refusal"
