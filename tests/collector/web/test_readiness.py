"""What /readyz says to whoever is woken by a probe: each part that does not work, why, and what to do, in one line."""

import pytest

from collector.web import STARTING, faults_of, readiness


@pytest.mark.parametrize(
    ("part", "fault", "remedy"),
    [
        ("broker", "not connected yet", "check the section `broker`, and that the broker runs"),
        ("broker", "Connection refused", "check broker.host and broker.port, and that the broker runs"),
        ("store", "ClientOSError: timeout", "see that the engine runs and has space, and check url and account"),
        ("store", "401: unauthorized; check url, org, bucket and token", "`rackflow doctor CONFIG` tries it"),
        ("ledger", "disk I/O error", "see that the disk of the ledger can be written"),
        ("ledger", STARTING, "the log of the collector says what it waits for"),
        ("another", "broken", "see the log of the collector"),
    ],
)
def test_each_part_that_does_not_work_is_named_with_a_remedy(part: str, fault: str, remedy: str) -> None:
    found = readiness({part: fault})
    assert found.startswith(f"{part}: {fault}; ")
    assert remedy in found.removeprefix(f"{part}: {fault}; ")
    assert found.count("check url") <= 1


def test_a_part_that_is_still_to_be_made_is_not_ready() -> None:
    """The ledger of a collector that starts: without it, a probe would have messages sent to it that nothing acknowledges."""
    assert faults_of({"ledger": None}) == {"ledger": STARTING}


def test_it_stays_one_line_without_passwords() -> None:
    found = readiness({"store": "https://me:secret@db/ refused\nwith a second line", "broker": "lost"})
    assert "\n" not in found
    assert "secret" not in found
    assert "; broker: lost; " in found
    assert readiness({}) == ""
