"""Informs of SNMPv3 that net-snmp sends: they are verified with the agent's own engine, and confirmed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.snmp.credentials import master_keys
from agent.snmp.seam import SnmpUser
from agent.snmp.traps import Accepted, Answered, OwnEngine, Trap, TrapRefusal
from agent.snmp.traps.senders import REMEMBER_S
from agent.snmp.usm import Authentication, discovery_request, read_message
from tests.agent.snmp.test_traps import (
    AUTH_KEY,
    AUTHENTIC,
    COLD_START,
    ON_BATTERY,
    PRIV_KEY,
    TEXT,
    USER,
    receiving,
    sender,
)
from tests.servers.snmptrap import of_user, send_trap


def engine(now: float, unix_s: float = 1.8e9, name: str = "t1/gw-1") -> OwnEngine:
    return OwnEngine(name, unix_s, now)


def asking(user: str, **how: str) -> list[str]:
    """Options for a user who knows no engine: those without `-e` and `-Z`."""
    return of_user(user, **how)[4:]  # type: ignore[arg-type]


USERS = [
    (USER, AUTHENTIC),
    (SnmpUser("trapper", "sha1", AUTH_KEY, "des", PRIV_KEY), AUTHENTIC | {"auth": "SHA", "priv": "DES"}),
    (SnmpUser("trapper", "md5", AUTH_KEY), {"auth": "MD5", "auth_key": AUTH_KEY}),
    (SnmpUser("trapper"), {}),
]


@pytest.mark.parametrize(("user", "how"), USERS)
async def test_an_inform_of_v3_is_verified_and_confirmed(tmp_path: Path, user: SnmpUser, how: dict[str, Any]) -> None:
    """Net-snmp asks for the engine, then for its time, and takes only a confirmation that it can verify."""
    async with receiving(sender("ups-1", user)) as port:
        port.senders.engine = engine(asyncio.get_running_loop().time() - 1000.0)
        sent = asking("trapper", **how)
        assert await send_trap(tmp_path, port.number, ON_BATTERY, *TEXT, version="3", how=sent, inform=True) == 0
        found = [each for each in port.heard if isinstance(each, Accepted)]
        assert [(each.devices, each.trap) for each in found] == [
            (("ups-1",), Trap(ON_BATTERY, ("UPS: On battery power.",), is_inform=True))
        ]
        assert [type(each) for each in port.heard if each not in found] == [Answered]


@pytest.mark.parametrize("wrong", [{"auth_key": "wrongwrong"}, {"priv_key": "wrongwrong"}])
async def test_an_inform_of_v3_with_a_wrong_key_is_neither_believed_nor_confirmed(
    tmp_path: Path, wrong: dict[str, str]
) -> None:
    async with receiving(sender("ups-1", USER)) as port:
        port.senders.engine = engine(asyncio.get_running_loop().time())
        how = asking("trapper", **AUTHENTIC | wrong)
        assert await send_trap(tmp_path, port.number, COLD_START, version="3", how=how, inform=True) != 0
        assert not [each for each in port.heard if isinstance(each, Accepted)]


async def test_a_recorded_inform_of_v3_is_not_taken_later(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", USER)) as port:
        now = asyncio.get_running_loop().time()
        port.senders.engine = engine(now)
        how = asking("trapper", **AUTHENTIC)
        await send_trap(tmp_path, port.number, COLD_START, version="3", how=how, inform=True)
        recorded = port.datagrams[-1]
        # Within the window it is one that is sent again; behind it, and to the engine of a later start, its time is told instead.
        again = port.senders.judge(recorded, "127.0.0.1", now + 60.0)
        assert isinstance(again, Accepted)
        assert again.is_repeat
        told = port.senders.judge(recorded, "127.0.0.1", now + 2 * REMEMBER_S)
        assert isinstance(told, Answered)
        header = read_message(told.answer)
        assert Authentication("sha256", master_keys(USER)[0]).accepts(told.answer, header)
        assert header.time == 2 * REMEMBER_S
        port.senders.engine = engine(now, 1.8e9 + 1)
        assert isinstance(port.senders.judge(recorded, "127.0.0.1", now), Answered)


async def test_an_inform_for_the_engine_of_another_agent_is_answered_with_the_own_one(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", USER)) as port:
        now = asyncio.get_running_loop().time()
        port.senders.engine = engine(now)
        how = asking("trapper", **AUTHENTIC)
        await send_trap(tmp_path, port.number, COLD_START, version="3", how=how, inform=True)
        later = port.senders.engine = engine(now, name="t1/gw-2")
        found = port.senders.judge(port.datagrams[-1], "127.0.0.1", now)
        assert isinstance(found, Answered)
        assert later.id in found.answer


def test_the_engine_of_an_agent_stays_and_its_boots_grow() -> None:
    first, second = engine(5.0), engine(3.0, 1.8e9 + 2)
    assert (first.id, second.boots - first.boots) == (second.id, 2)
    assert len(first.id) in range(5, 33)
    assert engine(0.0, name="t1/gw-2").id != first.id
    # A gateway whose clock is not set yet.
    assert engine(0.0, 0.0).boots == 1


def test_an_engine_is_behind_once_the_clock_was_set_on_and_not_because_time_goes_on() -> None:
    """Begun anew, it would have all devices search for its time again."""
    own = engine(5.0)
    assert [own.is_behind(1.8e9 + 3600.0 + set_s, 3605.0) for set_s in (0.0, 60.0, 61.0)] == [False, False, True]


@pytest.mark.parametrize(
    ("pdu", "request_id"),
    [
        (b"\x02\x01\x05\x02\x01\x00", b"\x02\x01\x05"),
        (b"\x02\x05\x00\x80\x00\x00\x01", b"\x02\x05\x00\x80\x00\x00\x01"),
        (b"\x02\x06\x00\x80\x00\x00\x00\x01", b"\x02\x01\x00"),
        (b"\x02\x00", b"\x02\x01\x00"),
        (b"\x04\x01\x05", b"\x02\x01\x00"),
        (b"\x02\x09\x05", b"\x02\x01\x00"),
        (b"", b"\x02\x01\x00"),
    ],
)
def test_a_report_repeats_the_request_id_or_says_0_where_there_is_none(pdu: bytes, request_id: bytes) -> None:
    """RFC 3412, 7.1, 3. Anybody may ask, with an empty PDU as well."""
    asked = read_message(discovery_request(77, 5))._replace(pdu_at=0, pdu_end=len(pdu))
    answer = engine(0.0).tell_id(pdu, asked, 1.0)
    told = read_message(answer)
    assert answer[told.pdu_at : told.pdu_end].startswith(request_id)


async def test_who_does_not_ask_for_a_report_is_not_told_the_engine() -> None:
    """RFC 3412, 6.4: without the reportable flag no report is sent, or two engines could answer each other's reports for ever."""
    async with receiving(sender("ups-1", USER)) as port:
        now = asyncio.get_running_loop().time()
        port.senders.engine = engine(now)
        asking_engine = discovery_request(77, 5)
        assert isinstance(port.senders.judge(asking_engine, "127.0.0.1", now), Answered)
        silent = asking_engine.replace(b"\x04\x01\x04", b"\x04\x01\x00", 1)
        assert port.senders.judge(silent, "127.0.0.1", now) == TrapRefusal.INFORM
