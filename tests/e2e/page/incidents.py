"""What is broken at each simulated site, and what the page must show of it."""

from dataclasses import dataclass

# What is 1 in `value` per minute of a leak is 1 L; a rope reports a glass of it, so this one is found at once.
BURST = ("--value", "60")
# An element that is marked by a condition that has begun, or by a problem.
MARKED = ":is([data-begins], [data-problem])"


@dataclass(frozen=True)
class Fault:
    """What breaks (`rackflow-sim fault` …), the problem that must be reported, its words, and the element that must be marked.

    `at_once` selects what the floor shows as soon as the fault is seen; `sooner` are problems seen before the one that explains them.
    """

    order: tuple[str, ...]
    problem: str
    words: tuple[str, ...]
    marked: str
    at_once: str = ""
    sooner: tuple[str, ...] = ()


def on_battery(kind: str, feed: str, *words: str, problem: str = "DcimMainsLost") -> Fault:
    """A feed is without mains."""
    texts = (*words, "of battery left", "→ Check that the generator")
    place = f"[data-feed={feed}].battery"
    return Fault((kind, feed), problem, texts, place, place, sooner=("DcimUpsOnBattery",))


def pump(cdu: str, number: int) -> Fault:
    """One pump fails; the others take its flow."""
    broken = f"[data-cdu={cdu}] .pump.fault"
    words = (f"pump {number} failed", "repair it before one more fails")
    return Fault(
        ("pump_failure", cdu, "--pump", str(number)),
        "DcimCduPumpFailed",
        words,
        f"[data-cdu={cdu}][data-problem]",
        broken,
    )


def pumps(cdu: str, *words: str) -> Fault:
    """All pumps of a CDU fail."""
    # "…, then restart a pump", or "Restart a pump. Until then …" while another CDU carries the loop.
    texts = ("no pump runs", "estart a pump", *words)
    return Fault(
        ("all_pumps_failure", cdu),
        "DcimCduAllPumpsStopped",
        texts,
        f"[data-cdu={cdu}][data-problem=critical]",
        f"[data-cdu={cdu}] .pump.fault",
    )


def silent(kind: str, pdu: str, rack: str) -> Fault:
    """A PDU does not answer: its feed is not known at the rack."""
    texts = (f"Rack {rack.rpartition('-')[2]}", "does not answer", "→ Check its power")
    return Fault(
        (kind, pdu),
        "DcimDeviceUnreachable",
        texts,
        f"[data-rack={rack}][data-problem]",
        f"[data-rack={rack}] .feeds .unknown",
    )


def blind(cdu: str) -> Fault:
    """A CDU does not answer."""
    return Fault(
        ("timeout", cdu),
        "DcimCoolingBlind",
        ("does not answer: cooling not observed", "→ Have someone"),
        f"[data-cdu={cdu}][data-problem]",
        f"[data-cdu={cdu}]{MARKED}",
    )


def dead_phase(pdu: str, rack: str) -> Fault:
    """A phase is lost before a PDU."""
    texts = (f"Rack {rack.rpartition('-')[2]}", "phase L2 dead", "→ Check the breaker")
    return Fault(
        ("phase_loss", pdu, "--phase", "L2"),
        "DcimPhaseDead",
        texts,
        f"[data-rack={rack}][data-problem=critical]",
        f"[data-rack={rack}]{MARKED}",
    )


def leak(loop: str) -> Fault:
    """A loop leaks."""
    return Fault(
        ("leak", loop, *BURST),
        "DcimLeakDetected",
        ("leak", "→ Send someone now."),
        "[data-cdu][data-problem=critical]",
        "[data-cdu][data-problem=critical]",
    )


def bypass(ups: str) -> Fault:
    """A UPS goes to bypass."""
    return Fault(("ups_bypass", ups), "DcimUpsOnBypass", ("on bypass",), ".card.critical", f".ups{MARKED}")


FAULTS: dict[str, tuple[Fault, ...]] = {
    "demo": (
        on_battery("mains_loss", "A", "UPS ups-a on battery", problem="DcimUpsOnBattery"),
        pump("cdu-1", 2),
        pumps("cdu-2", "Another CDU carries its loop"),
        leak("b-loop"),
        dead_phase("pdu-a4-b", "a4"),
        silent("timeout", "pdu-b3-b", "b3"),
        silent("breaker_trip", "pdu-a2-a", "a2"),
        blind("cdu-1"),
        bypass("ups-a"),
        on_battery("feed_loss", "B", "UPS ups-b on battery", problem="DcimUpsOnBattery"),
    ),
    "hall": (
        silent("breaker_trip", "pdu-dh1-a3-a1", "dh1-a3"),
        leak("dh1-b-tcs"),
        pump("dh1-a-cdu-2", 2),
        pumps("dh1-b-cdu-1", "row b"),
        dead_phase("pdu-dh1-a5-b1", "dh1-a5"),
        blind("dh1-a-cdu-1"),
        bypass("dh1-ups-a1"),
        silent("timeout", "pdu-dh1-b2-b1", "dh1-b2"),
        on_battery("mains_loss", "A", "Feed A: mains lost"),
        on_battery("feed_loss", "B", "Feed B: mains lost"),
    ),
    "ai-hall": (
        pumps("hall-1-a-cdu-1"),
        leak("hall-1-b-tcs"),
        dead_phase("pdu-hall-1-a5-b1", "hall-1-a5"),
        blind("hall-1-c-cdu-2"),
        on_battery("feed_loss", "A", "Feed A: mains lost"),
    ),
}
