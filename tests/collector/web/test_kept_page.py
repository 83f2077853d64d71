"""The page of the safety class is what the whole page has of it, whatever has changed since the scrape before."""

import cProfile
import pstats
from collections.abc import Callable
from itertools import count

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.latest.latest import Latest
from collector.problems import load_table
from collector.readings import SeriesKeys, resolve
from collector.web.exposition import SeriesLines, render
from collector.web.kept_page import KeptPage
from rackflow.documents import Batch, DeviceFault
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import run_through
from tests.collector.documents import LABELS, batch, document, status
from tests.collector.polls import WALL_S
from tests.turns import counting_calls

NAMES = load_table().safety_metrics()
FLOW = "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"
LEAK = "dcim_cdu_leak_detected"
PUMP = "dcim_cdu_pump_state{pump=1}"
POWER = "dcim_cdu_power_watts"


class Hall:
    """Devices, and the page of the safety class that is kept of them."""

    def __init__(self) -> None:
        self.now, self.seq = 100.0, count(1)
        self.latest, self.keys, self.failures = Latest(1_000_000), SeriesKeys(), Failures()
        self.latest.note_connected(self.now)
        self.page = KeptPage(self.latest, NAMES)

    def poll(
        self,
        device: str,
        flow: float | None,
        state: str = "running",
        *,
        rack: str = "b07",
        device_class: str = "cdu",
        error: DeviceFault | None = None,
    ) -> None:
        values = {FLOW: flow, LEAK: 0.0, POWER: 900.0} if flow is not None else {}
        states = {PUMP: state} if flow is not None else {}
        one: Batch = msgspec.structs.replace(
            batch(device, seq=next(self.seq), time_ms=int((WALL_S + self.now) * 1000), values=values, states=states),
            labels=LABELS | {"rack": rack},
            device_class=device_class,
            up=error is None,
            error=error,
        )
        self.latest.apply_batch("cas1", one, resolve(one, self.keys), self.now, WALL_S + self.now)

    def shown(self) -> str:
        return "".join(text for _, text in run_through(self.page.steps(self.now, self.failures)))

    def expected(self) -> str:
        """What the whole page has of it."""
        lines = render(self.latest, self.now)[0].splitlines(keepends=True)
        named = [(line.split()[2] if line.startswith("#") else line.partition("{")[0], line) for line in lines]
        return "".join(line for name, line in named if name in NAMES)

    def written(self) -> int:
        """How many devices' lines of a metric were rewritten by a scrape."""
        return calls(self.shown)[SeriesLines.filled.__name__]


def calls(work: Callable[[], object]) -> dict[str, int]:
    """How often each function was called, by its name."""
    profile = cProfile.Profile()
    profile.runcall(work)
    found: dict[str, int] = {SeriesLines.filled.__name__: 0}
    for (_, _, name), (_, number, *_) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]  # not in its type hints
        found[name] = found.get(name, 0) + number
    return found


DEVICES = ("cdu-1", "cdu-2", "cdu-3")
STEPS = st.one_of(
    st.tuples(
        st.just("poll"), st.sampled_from(DEVICES), st.sampled_from([0.01, 0.02]), st.sampled_from(["running", "failed"])
    ),
    st.tuples(st.just("move"), st.sampled_from(DEVICES), st.sampled_from(["b07", "b08"])),
    st.tuples(st.just("fail"), st.sampled_from(DEVICES)),
    st.tuples(st.just("describe"), st.sampled_from(DEVICES), st.sampled_from(["L2L 100", "L2L 200"])),
    st.tuples(st.just("forget"), st.sampled_from(DEVICES)),
    st.tuples(st.just("agent"), st.sampled_from(["online", "offline"])),
    st.tuples(st.just("broker"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 40.0])),
)


def play(hall: Hall, step: tuple[object, ...]) -> None:
    """One thing that happens."""
    match step:
        case ("poll", str(device), float(flow), str(state)):
            hall.poll(device, flow, state)
        case ("move", str(device), str(rack)):
            hall.poll(device, 0.01, rack=rack)
        case ("fail", str(device)):
            hall.poll(device, None, error="timeout")
        case ("describe", str(device), str(model)):
            hall.latest.apply_document("cas1", msgspec.structs.replace(document(model=model), device=device))
        case ("forget", str(device)):
            hall.latest.remove_device("cas1", "gw-3", device)
        case ("agent", "online"):
            hall.latest.apply_status(status(*DEVICES), hall.now)
        case ("agent", _):
            hall.latest.apply_status(msgspec.structs.replace(status(), status="offline"), hall.now)
        case ("broker", bool(is_open)):
            (hall.latest.note_connected if is_open else hall.latest.note_disconnected)(hall.now)
        case ("wait", float(seconds)):
            hall.now += seconds


@settings(max_examples=80, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=12))
def test_it_is_what_the_whole_page_has_of_it_whatever_has_changed(steps: list[tuple[object, ...]]) -> None:
    hall = Hall()
    for step in steps:
        play(hall, step)
        assert hall.shown() == hall.expected()
    assert not hall.failures.counts


def test_it_follows_place_description_and_class_of_a_device_each_by_itself() -> None:
    hall = Hall()
    described = msgspec.structs.replace(document(), device="cdu-1", labels=LABELS | {"rack": "b08"})
    hall.latest.apply_document("cas1", described)
    hall.poll("cdu-1", 0.01)
    hall.shown()
    for change, text in (
        (lambda: hall.poll("cdu-1", 0.01, rack="b08"), 'rack="b08"'),
        (
            lambda: hall.latest.apply_document("cas1", msgspec.structs.replace(described, model="L2L 300")),
            'model="L2L 300"',
        ),
        (lambda: hall.poll("cdu-1", 0.01, rack="b08", device_class="meter"), 'device_class="meter"'),
    ):
        change()
        shown = hall.shown()
        assert text in shown
        assert shown == hall.expected()
    for device in DEVICES:
        hall.poll(device, 0.02)
    hall.shown()
    for device in DEVICES:
        hall.poll(device, 0.03)
    assert hall.shown() == hall.expected()


def test_only_lines_whose_value_has_changed_are_rewritten() -> None:
    hall = Hall()
    for number in range(600):
        hall.poll(f"cdu-{number}", 0.01)
    assert hall.written() == 3 * 600, "flow, leak and pump of each"
    for number in range(600):
        hall.poll(f"cdu-{number}", 0.01)
    assert hall.written() == 0
    hall.poll("cdu-7", 0.02)
    hall.poll("cdu-9", 0.01, "failed")
    assert hall.written() == 2
    assert hall.shown() == hall.expected()


def test_no_step_of_a_scrape_holds_the_loop_for_more_than_a_few_hundred_devices() -> None:
    """A call takes less than 1 us, and joining 200 kB takes 40: no step comes near 20 ms, however many devices there are."""
    hall = Hall()
    hall.poll("cdu-0", 0.01)
    hall.shown()  # what is read once by a process is not a matter of devices
    for number in range(1_500):
        hall.poll(f"cdu-{number}", 0.01)
    hall.latest.observe(hall.now)  # how long each device is fresh is found once
    for _ in range(2):
        steps, most, largest = hall.page.steps(hall.now), 0, 0
        with counting_calls() as counted:
            while not largest:
                before = counted()
                try:
                    next(steps)
                except StopIteration as end:
                    largest = max(len(text) for _, text in end.value)
                most = max(most, counted() - before)
        assert most < 4_000
        assert largest < 200_000
        for number in range(1_500):
            hall.poll(f"cdu-{number}", 0.02)


def test_only_a_device_whose_lines_cannot_be_written_is_left_out_and_reported() -> None:
    hall = Hall()
    for device in DEVICES:
        hall.poll(device, 0.01)
    hall.shown()
    held = next(each for key, each in hall.latest.readings_of("cas1", "cdu-2").items() if key == PUMP)
    held.value = "no such state"
    assert "dcim_cdu_pump_state{" not in hall.shown(), "lines of before must not stay either"
    assert hall.failures.counts
    after = hall.shown()
    assert 'device="cdu-1"' in after
    assert 'device="cdu-2"' not in after
    held.value = "failed"
    hall.poll("cdu-4", 0.01)
    assert hall.shown() == hall.expected()
