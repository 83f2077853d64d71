"""What is broken at each simulated site, and what the page must show of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What breaks (`rackflow-sim fault` …), the problem that must be told, its words, and the element that must be marked.

    `at_once` is JavaScript that tells whether the floor shows it before anything has held for long enough to be a problem.
    """

    order: tuple[str, ...]
    problem: str
    words: tuple[str, ...]
    marked: str
    at_once: str


def _is(selector: str) -> str:
    return f"document.querySelector({selector!r}) !== null"


def pump(cdu: str, number: int, row: str) -> Fault:
    """One pump fails; the others take its flow."""
    return Fault(
        ("pump_failure", cdu, "--pump", str(number)), "DcimCduPumpFailed", (f"pump {number} failed",),
        f"[data-cdu={cdu}][data-problem]", _is(f"[data-cdu={cdu}] .pump.fault") if row else "true",
    )  # fmt: skip


def silent(pdu: str, rack: str, feed: str) -> Fault:
    """A PDU does not answer: its feed is not known at the rack."""
    return Fault(
        ("timeout", pdu), "DcimDeviceUnreachable", (f"Rack {rack.rpartition('-')[2]}", "does not answer"),
        f"[data-rack={rack}][data-problem]", _is(f"[data-rack={rack}] .feeds .unknown"),
    )  # fmt: skip


FAULTS: dict[str, tuple[Fault, ...]] = {
    "demo": (),
    "hall": (),
    "ai-hall": (),
}
