"""Which values of a unit count as refused, and which blocks are asked for last; pure. With a unit: test_busy_registers.py."""

from agent.modbus import Block
from agent.modbus.requests import Field
from agent.poll.not_now import NotNow

NO_TARGET, BUSY = 11, 6


def block(*refs: str) -> Block:
    return Block("holding", 0, len(refs), tuple(Field(ref, at, 1, "uint16", "big") for at, ref in enumerate(refs)))


PUMP, CHILLER, METER = block("pump", "speed"), block("chiller"), block("meter")
ALL = (PUMP, CHILLER, METER)


def test_what_a_gateway_did_not_reach_is_asked_for_last_until_it_is_read_again() -> None:
    unit = NotNow()
    for each in (PUMP, CHILLER):
        unit.note_refused(each, NO_TARGET)
    assert list(unit.in_turn(ALL)) == [METER, PUMP, CHILLER]
    unit.note_refused(PUMP, NO_TARGET)
    assert list(unit.in_turn(ALL)) == [METER, CHILLER, PUMP]
    unit.note_read(PUMP)
    assert list(unit.in_turn(ALL)) == [PUMP, METER, CHILLER]
    unit.note_read(CHILLER)
    assert list(unit.in_turn(ALL)) == [PUMP, CHILLER, METER]


def test_a_unit_that_is_busy_does_not_change_the_order() -> None:
    unit = NotNow()
    unit.note_refused(PUMP, BUSY)
    assert list(unit.in_turn(ALL)) == [PUMP, CHILLER, METER]


def test_a_value_counts_as_refused_with_the_fifth_poll_in_a_row_and_at_once_if_it_did_before() -> None:
    unit = NotNow()
    assert [list(unit.end_poll(["pump", "meter"], {"meter"})) for _ in range(6)] == [["meter"]] * 4 + [
        ["pump", "meter"],
        ["pump", "meter"],
    ]
    unit.note_read(PUMP)
    assert [list(unit.end_poll(["pump"], ())) for _ in range(5)] == [[], [], [], [], ["pump"]]
