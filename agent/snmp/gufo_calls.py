"""What is asked of a gufo_snmp session, in one request each: the same for its own sessions, plain ones and verified ones of SNMPv3."""

from collections.abc import AsyncIterator, Sequence

from gufo.snmp.aio import SnmpSession

from agent.snmp.gufo_v3 import VerifiedSession, VerifiedWalk
from agent.snmp.plain import PlainSession
from agent.snmp.requests import octets_or_float
from agent.snmp.seam import SnmpValue

Row = tuple[str, SnmpValue]
Session = SnmpSession | PlainSession | VerifiedSession
Walk = AsyncIterator[Row] | VerifiedWalk


def plain(value: SnmpValue) -> SnmpValue:
    """Decode net-snmp's Opaque float, which gufo_snmp 0.13.0 leaves as bytes; any other value is returned as it is."""
    return octets_or_float(value) if isinstance(value, bytes) else value


async def next_row(session: Session, rows: Walk) -> Row | None:
    """The next row of a walk; None at its end."""
    if isinstance(rows, VerifiedWalk):
        return await rows.next_row(session) if isinstance(session, VerifiedSession) else None
    return await anext(rows, None)


async def one_getnext(session: Session, walks: tuple[Walk, Walk]) -> Row | None:
    """One GETNEXT from the position of the first walk; None if the answer is not below the root of the second.

    For v1 and v2c this uses private attributes of gufo_snmp: 0.13.0 has no public way to start a GETNEXT inside a subtree (no
    public issue). The two ways around it cost more: walking by GETNEXT alone takes one request per row, and a GETNEXT over
    pysnmp takes a hundred times the CPU. pyproject.toml keeps gufo_snmp below 0.14, and `tests/rackflow/test_libraries.py` fails
    when one of the attributes is gone.
    """
    asked, taken = walks
    if isinstance(session, VerifiedSession):
        if isinstance(asked, VerifiedWalk) and isinstance(taken, VerifiedWalk):
            return await session.one_getnext(asked.position, taken.position)
        return None
    if isinstance(session, PlainSession):
        session = session.library()
    positions = asked._ctx, taken._ctx  # type: ignore[union-attr]  # noqa: SLF001
    sock = session._sock  # noqa: SLF001
    await session._send(lambda: sock.send_get_next(positions[0]))  # noqa: SLF001
    try:
        return await session._recv(lambda: sock.recv_get_next(positions[1]))  # noqa: SLF001
    except StopAsyncIteration:
        return None


async def get_many(session: Session, oids: Sequence[str]) -> dict[str, SnmpValue]:
    """One GET. Of absent objects the answer has nothing."""
    return await session.get_many(list(oids))


async def session_itself(session: Session, _: None) -> Session:
    """The open session, without a request: for a caller that begins a walk in it, whose rows are requests of their own."""
    return session


def is_panic(error: BaseException) -> bool:
    """Whether this is a panic of gufo_snmp's Rust code.

    0.13.0 panics on a malformed list of values (no public issue). PyO3 raises that as a BaseException, which would end the agent,
    and offers no class to import, hence the comparison by name.
    """
    return (type(error).__module__, type(error).__name__) == ("pyo3_runtime", "PanicException")
