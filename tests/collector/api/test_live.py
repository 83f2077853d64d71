"""What streams carry: a whole document first, then only what changed, and never a queue."""

import json
from typing import Any

from collector.api.live import IDLE_S, MAX_PARTS, Live, PartName
from collector.api.merge_patch import apply_patch
from tests.collector.api.shown import Shown, powered

FLOOR = PartName("t1", "floor", "hall-1")


def read(event: bytes) -> tuple[dict[str, str], Any]:
    """The fields of one event, and its data."""
    assert event.endswith(b"\n\n")
    fields = dict(line.split(": ", 1) for line in event.decode().strip().split("\n"))
    return fields, json.loads(fields["data"])


def test_a_viewer_gets_the_document_and_then_its_changes() -> None:
    """The version is the event's id, the part its type."""
    live = Live()
    (part,) = live.join([FLOOR]) or []
    part.update({"racks": {"a1": {"power_watts": 1.0}, "a2": {"power_watts": 2.0}}})
    fields, data = read(part.since(0))
    assert (fields["event"], fields["id"]) == ("floor:hall-1", "1")
    assert data == {"whole": {"racks": {"a1": {"power_watts": 1.0}, "a2": {"power_watts": 2.0}}}}
    part.update({"racks": {"a1": {"power_watts": 1.5}, "a2": {"power_watts": 2.0}}})
    assert read(part.since(1))[1] == {"patch": {"racks": {"a1": {"power_watts": 1.5}}}}
    assert part.since(2) == b""


def test_what_did_not_change_is_no_version() -> None:
    """A floor at rest sends nothing."""
    live = Live()
    (part,) = live.join([FLOOR]) or []
    assert part.update({"a": 1, "b": {"c": {"d": 2}}})
    assert not part.update({"a": 1, "b": {"c": {"d": 2}}})
    assert part.version == 1


def test_a_client_that_missed_a_version_gets_the_whole_document() -> None:
    """A slow reader is behind, and then right; nothing is queued for it."""
    live = Live()
    (part,) = live.join([FLOOR]) or []
    for value in range(5):
        part.update({"value": value})
    assert read(part.since(2))[1] == {"whole": {"value": 4}}
    assert read(part.since(4))[1] == {"patch": {"value": 4}}


def test_who_comes_later_or_from_before_a_restart_gets_the_document_of_now() -> None:
    live = Live()
    (part,) = live.join([FLOOR]) or []
    part.update({"value": 1})
    assert read(part.since(0))[1] == {"whole": {"value": 1}}
    part.update({"value": 2})
    assert read(part.since(0))[1] == {"whole": {"value": 2}}
    assert read(part.since(7))[1] == {"whole": {"value": 2}}


def test_nobody_watches_what_is_only_kept_for_a_page_that_is_reloaded() -> None:
    live = Live()
    parts = live.join([FLOOR]) or []
    assert live.is_watched
    live.leave(parts, 10.0)
    assert not live.is_watched
    assert live.due(10.0) == []


def test_a_part_is_made_once_for_all_and_forgotten_when_nobody_looks() -> None:
    """It stays for some seconds, for a page that is reloaded."""
    live = Live()
    one, other = live.join([FLOOR]) or [], live.join([FLOOR, FLOOR]) or []
    assert one == other == live.due(0.0)
    live.leave(one, 10.0)
    assert live.due(10.0) == other
    live.leave(other, 10.0)
    assert live.due(10.0 + IDLE_S) == []
    assert live.join([FLOOR]) == one
    live.leave(one, 10.0)
    live.due(11.0 + IDLE_S)
    assert live.join([FLOOR]) != one


def test_what_everybody_looks_at_comes_before_single_devices() -> None:
    """And of these first the one that was made longest ago: each gets its turn."""
    live = Live()
    names = [PartName("t1", "device", "d1"), PartName("t1", "device", "d2"), PartName("t1", "problems")]
    parts = live.join(names) or []
    for part, due_at in zip(parts, (5.0, 4.0, 6.0), strict=True):
        part.due_at = due_at
    assert [part.name.of for part in live.due(7.0)] == ["", "d2", "d1"]
    assert [part.name.of for part in live.due(4.5)] == ["d2"]


def test_parts_are_bounded() -> None:
    """Somebody who shows every device one after the other gets no more of them."""
    live = Live()
    for at in range(MAX_PARTS):
        assert live.join([PartName("t1", "device", f"d{at}")]) is not None
    assert live.join([PartName("t1", "device", "one-more")]) is None
    assert live.join([PartName("t1", "device", "d0")]) is not None


def test_a_viewer_that_applies_each_event_has_the_present_document() -> None:
    """Over readings that change, a device that falls silent, and a problem."""
    shown = Shown()
    powered(shown)
    live = Live()
    parts = live.join([PartName("t1", kind) for kind in ("site", "floor", "problems", "agents")]) or []
    have: dict[str, Any] = {}
    versions = {part.name: 0 for part in parts}
    for at in range(8):
        now = 102.0 + 6 * at
        shown.readings.take("pdu-a1-a", {"pdu_input_power_watts{inlet=1}": 2300.0 + at}, now, up=at != 5)
        shown.derive(now)
        if at == 3:
            shown.problem("DcimUpsOnBypass", now=now, device="ups-b", room="plant", feed="B")
        for part in parts:
            part.update(shown.part(part.name.shown, now + 1))
            if event := part.since(versions[part.name]):
                fields, data = read(event)
                before = have.get(fields["event"])
                have[fields["event"]] = data["whole"] if "whole" in data else apply_patch(before, data["patch"])
                versions[part.name] = part.version
    for part in parts:
        assert without_nulls(have[part.name.kind]) == without_nulls(json.loads(json.dumps(part.document)))
    assert len(have["problems"]["causes"]) == 1


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A member that is null and one that is absent are the same to a receiver of patches."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def test_text_of_a_device_ends_no_event() -> None:
    """Line breaks in names are escaped by JSON."""
    live = Live()
    (part,) = live.join([FLOOR]) or []
    part.update({"model": "a\n\nevent: x\ndata: {}\n\n\u2028</script>"})
    assert part.since(0).count(b"\n\n") == 1
    assert read(part.since(0))[1]["whole"]["model"].endswith("</script>")
