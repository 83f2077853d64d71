"""The targets of `make fuzz`, as Hypothesis properties."""

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.answers import Damage, Spoil, modbus_spoils, snmp_spoils
from tests.fuzz.devices import poll_spoilt
from tests.fuzz.documents import Collector, Message, campus_polls, messages
from tests.fuzz.files import (
    damaged_files_open,
    damages,
    is_read_or_refused,
    names_of_files,
    texts_of_a_file,
    write_originals,
)
from tests.fuzz.frames import Piece, cuts, is_answered_rightly, pieces

inputs = Counter[str]()
"""How many inputs each target has tried: answers of devices, messages, files."""
shared = ExitStack()
"""What the examples of a run share. Whoever runs targets closes it."""
DEVICES = 6


def _several(one: st.SearchStrategy[Spoil]) -> st.SearchStrategy[list[list[Spoil]]]:
    return st.lists(st.lists(one, min_size=1, max_size=12), min_size=DEVICES, max_size=DEVICES)


@cache
def _running_collector() -> Collector:
    """One collector for all examples of a run: what a message leaves behind must not harm later ones either."""
    folder = shared.enter_context(tempfile.TemporaryDirectory(prefix="rackflow-fuzz-"))
    return shared.enter_context(Collector(Path(folder)))


@cache
def _originals() -> Path:
    """A folder with an outbox and a ledger in use."""
    folder = Path(shared.enter_context(tempfile.TemporaryDirectory(prefix="rackflow-fuzz-files-")))
    write_originals(folder)
    return folder


@given(_several(snmp_spoils))
def snmp_answers(spoils: list[list[Spoil]]) -> None:
    inputs["snmp_answers"] += poll_spoilt("snmp", spoils)


@given(_several(snmp_spoils))
def pysnmp_answers(spoils: list[list[Spoil]]) -> None:
    inputs["pysnmp_answers"] += poll_spoilt("pysnmp", spoils)


@given(_several(modbus_spoils))
def modbus_answers(spoils: list[list[Spoil]]) -> None:
    inputs["modbus_answers"] += poll_spoilt("modbus", spoils)


@given(st.lists(pieces, min_size=1, max_size=12), cuts)
def modbus_frames(stream: list[Piece], sizes: list[int]) -> None:
    inputs["modbus_frames"] += is_answered_rightly(stream, sizes)


@given(st.lists(st.one_of(messages(), campus_polls()), min_size=15, max_size=60))
def mqtt_documents(hostile: list[Message]) -> None:
    collector = _running_collector()
    collector.survives(hostile)
    inputs["mqtt_documents"] += len(hostile)


@given(texts_of_a_file)
def texts(named: tuple[str, str]) -> None:
    is_read_or_refused(*named)
    inputs["texts"] += 1


@given(damages, names_of_files)
def damaged_files(damage: Damage, files: frozenset[str]) -> None:
    damaged_files_open(_originals(), damage, files)
    inputs["damaged_files"] += 1


TARGETS: dict[str, Callable[[], None]] = {
    "snmp_answers": snmp_answers,
    "pysnmp_answers": pysnmp_answers,
    "modbus_answers": modbus_answers,
    "modbus_frames": modbus_frames,
    "mqtt_documents": mqtt_documents,
    "texts": texts,
    "damaged_files": damaged_files,
}
