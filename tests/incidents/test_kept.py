"""What was played is kept: a run that broke off plays only what is missing, and its last line is the sum of all."""

from pathlib import Path

import msgspec

from tests.incidents.kept import Kept, Wave

RIGHT = Wave("edge", 0, ["| edge | … |"], {"DcimMainsLost": (1.5, 2.5)}, 15, 15, 1.5, [], 0.2)


def test_a_run_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    path = tmp_path / "played.json"
    Kept(path).add(RIGHT)
    one = Kept(path)
    assert one.has("edge", 0)
    assert not one.has("edge", 1)
    assert not one.has("ai-hall", 0)
    one.add(
        msgspec.structs.replace(
            RIGHT, number=1, faults=2, right=1, worst_safety_s=2.0, latencies={"DcimMainsLost": (None, 3.0)}
        )
    )
    one.add(msgspec.structs.replace(RIGHT, number=2, false=["edge: collector reported …"]))
    again = Kept(path)
    assert not again.has("edge", 1), "it was not right"
    assert not again.has("edge", 2), "it reported too much"
    assert again.last_line(["one more"]) == "32 faults, 31 right, worst safety latency 2.0 s, 2 false"
    assert again.latencies() == {"DcimMainsLost": (1.5, 3.0)}


def test_a_wave_that_is_played_again_takes_the_place_of_the_earlier_try() -> None:
    kept = Kept()
    kept.add(msgspec.structs.replace(RIGHT, right=14))
    kept.add(RIGHT)
    assert kept.last_line([]) == "15 faults, 15 right, worst safety latency 1.5 s, 0 false"
