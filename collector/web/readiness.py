"""What /readyz answers while a part of the collector does not work: which one, why, and what to do. Pure."""

from collections.abc import Mapping
from typing import Final, Protocol

from rackflow.escape import escape_unprintable, redact_urls
from rackflow.process.broker import what_to_check

STARTING: Final = "starting"
# For whoever is woken by a probe and has nothing but this line. What a fault itself says stands before it.
REMEDIES: Final[Mapping[str, str]] = {
    "broker": "check the section `broker`, and that the broker runs",
    "store": "see that the engine runs and has space, and check url and account in the section `store`; until then messages are kept",
    "ledger": "see that the disk of the ledger can be written and has space; until then nothing is acknowledged, and so not lost",
}
TRIES: Final = "`rackflow doctor CONFIG` tries it"
WAIT: Final = "wait some seconds; if it stays so, the log of the collector says what it waits for"


class MayFail(Protocol):
    """A part of the collector; `fault` is why it does not work, None while it does."""

    @property
    def fault(self) -> str | None: ...


def faults_of(parts: Mapping[str, MayFail | None]) -> dict[str, str]:
    """Each part that does not work, with the reason; None is a part that is still to be made. Empty means ready."""
    found = ((name, STARTING if part is None else part.fault) for name, part in parts.items())
    return {name: fault for name, fault in found if fault is not None}


def readiness(faults: Mapping[str, str]) -> str:
    """One line about these parts and their faults; empty if there are none."""
    text = "; ".join(f"{part}: {fault}; {_remedy(part, fault)}" for part, fault in faults.items())
    return redact_urls(escape_unprintable(text.replace("\n", " ")))


def _remedy(part: str, fault: str) -> str:
    if fault == STARTING:
        return WAIT
    if "check " in fault:
        return TRIES  # it says itself what to do
    # The words of a connection that was not made say more than the name of the part.
    known = what_to_check(fault) if part == "broker" else ""
    return f"{known or REMEDIES.get(part, 'see the log of the collector')}; {TRIES}"
