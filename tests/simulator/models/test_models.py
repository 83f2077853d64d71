"""Models of devices: they keep the balance of energy, answer faults as the real thing does, and are the same for the same seed."""

import struct

import pytest

from rackflow.fluids import known_fluid
from rackflow.recording.snmprec import Record, read_snmprec
from simulator.live import RECORDINGS
from simulator.models.cdu import LEAK_BITS, TAKEOVER_S, CduModel
from simulator.models.cdu_registers import cdu_registers
from simulator.models.load_overlay import LoadFactor, overlay
from simulator.models.meter import MeterModel, meter_registers
from simulator.models.registers import IllegalAddress, MappedRegisters

PDU = "1.3.6.1.4.1.318.1.1.26"


def _register(model: CduModel, address: int) -> int:
    return cdu_registers(model).read("holding", address, 1)[0]


@pytest.mark.parametrize("seed", range(2))
def test_heat_is_flow_times_temperature_rise_as_far_as_registers_can_say(seed: int) -> None:
    model = CduModel(seed)
    for _ in range(48):
        model.advance(1800 - model.time_s % 900 + 600)  # well inside a job, where nothing has just changed
        flow, supply, back = (value * 0.1 for value in cdu_registers(model).read("holding", 0x9000, 3))
        heat_w = flow / 60_000 * known_fluid("pg25").volumetric_heat_capacity((supply + back) / 2) * (back - supply)
        low, high = _register(model, 0x9011), _register(model, 0xA034)
        assert 39e3 <= model.heat_w <= 121e3
        assert heat_w == pytest.approx(model.heat_w, rel=0.05)
        assert (high << 16 | low) * 0.1 == pytest.approx(model.heat_w, abs=1)


def test_the_load_moves_over_the_day() -> None:
    model = CduModel()
    seen = []
    for _ in range(96):
        model.advance(900)
        seen.append(model.heat_w)
    assert min(seen) < 60e3
    assert max(seen) > 100e3


def test_values_are_in_the_ranges_of_the_device() -> None:
    model = CduModel()
    model.advance(3600)
    assert _register(model, 0x9000) == pytest.approx(1500, abs=20)
    assert 315 <= _register(model, 0x9001) <= 335
    assert _register(model, 0x9002) > _register(model, 0x9001) + 30
    assert _register(model, 0x9003) > _register(model, 0x9004)
    assert [_register(model, at) for at in (0x9012, 0x9013, 0x9014)] == [2, 2, 1]
    assert [_register(model, at) > 0 for at in (0x900A, 0x900B, 0x900C)] == [True, True, False]
    assert _register(model, 0x910E) > _register(model, 0x9110)
    assert [_register(model, at) for at in (0x9200, 0x9201, 0x9202, 0x9203)] == [0, 0, 0, 0]
    assert struct.pack(">8H", *cdu_registers(model).read("holding", 0x19CC, 8)).rstrip(b"\0") == b"RDF040DSS5193E0"
    with pytest.raises(IllegalAddress):
        cdu_registers(model).read("holding", 0x9300, 1)


def test_a_failed_pump_costs_flow_until_the_standby_takes_over() -> None:
    model = CduModel()
    model.advance(60)
    before = model.return_c
    model.fail_pump(1)
    model.advance(4)
    assert model.flow_lpm < 135
    assert model.return_c > before
    assert _register(model, 0x9012) == 4
    assert _register(model, 0x900A) == 0
    assert _register(model, 0x9201) & 1 << 6
    model.advance(60)
    assert model.running_pumps == {2, 3}
    assert model.flow_lpm == pytest.approx(150, abs=2)


def test_a_standby_pump_that_fails_as_soon_as_it_runs_is_replaced_no_sooner_than_the_first() -> None:
    model = CduModel()
    for failing, following in ((1, 3), (3, 1), (1, 3)):
        model.fail_pump(failing)
        model.repair_pump(following)
        seconds = 0
        while following not in model.running_pumps and seconds < 60:
            model.advance(1.0)
            seconds += 1
        assert seconds == TAKEOVER_S


def test_without_pumps_the_flow_stops_and_the_return_gets_hot() -> None:
    model = CduModel()
    for pump in (1, 2, 3):
        model.fail_pump(pump)
    model.advance(30)
    assert _register(model, 0x9000) == 0
    assert _register(model, 0x9002) > 600
    assert _register(model, 0x9009) == 0
    model.repair_pump(2)
    model.repair_pump(3)
    model.advance(60)
    assert model.flow_lpm > 140


@pytest.mark.parametrize(("detector", "bit"), LEAK_BITS.items())
def test_each_leak_detector_has_its_bit(detector: str, bit: int) -> None:
    model = CduModel()
    model.leak(detector)
    assert _register(model, 0x9202) == 1 << bit
    assert _register(model, 0x9017) & 1 << 2
    sticky = cdu_registers(model).read("holding", 0x19A1, 12)
    assert sum(sticky) == (bit < 12)  # the error bits of the rack's detectors have none
    model.leak(detector, wet=False)
    assert _register(model, 0x9202) == 0
    assert cdu_registers(model).read("holding", 0x19A1, 12) == sticky


def test_a_leak_detector_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        CduModel().leak("roof")


def test_a_flow_meter_that_fails_reads_as_all_ones_with_its_alarm() -> None:
    model = CduModel(flow_meter_failed=True, reservoir_low=True)
    assert (_register(model, 0x9000), _register(model, 0x9200)) == (0xFFFF, 1 << 4)
    assert _register(model, 0x9201) & 1


def test_the_same_seed_and_steps_give_the_same_values() -> None:
    def after(seed: int) -> list[int]:
        model = CduModel(seed)
        for _ in range(100):
            model.advance(7.3)
        return cdu_registers(model).read("holding", 0x9000, 20)

    assert after(1) == after(1) != after(2)


def test_a_meter_counts_the_energy_of_its_power() -> None:
    model = MeterModel()
    registers = meter_registers(model)
    before = _number("q", registers.read("holding", 0x0C83, 4))
    power_kw = []
    for _ in range(3600):
        model.advance(1)
        power_kw.append(model.total_kw)
    counted = _number("q", registers.read("holding", 0x0C83, 4)) - before
    assert counted == pytest.approx(sum(power_kw) / 3600 * 1000, rel=1e-3)


def test_a_meter_is_consistent_over_its_phases() -> None:
    model = MeterModel()
    model.advance(1234)
    registers = meter_registers(model)

    def value(documented: int) -> float:
        return _number("f", registers.read("holding", documented - 1, 2))

    phases_kw = [value(register) for register in (3054, 3056, 3058)]
    assert sum(phases_kw) == pytest.approx(value(3060), rel=1e-5)
    assert value(3076) ** 2 == pytest.approx(value(3060) ** 2 + value(3068) ** 2, rel=1e-5)
    for current, volts, power in zip((3000, 3002, 3004), (3028, 3030, 3032), phases_kw, strict=True):
        assert value(current) * value(volts) * value(3084) == pytest.approx(1000 * power, rel=1e-5)
    assert value(3020) == pytest.approx(400, abs=5)
    assert value(3110) == pytest.approx(50, abs=0.1)
    assert struct.pack(">20H", *registers.read("holding", 49, 20)).rstrip(b"\0") == b"iEM3255"


def test_an_overlay_keeps_a_recording_consistent() -> None:
    recording = read_snmprec(RECORDINGS / "apc-rpdu2.snmprec")
    moving = overlay(recording, LoadFactor(seed=3))
    for time_s in (0.0, 17.0, 400.0, 86400.0):
        phases = [moving[f"{PDU}.6.3.1.7.{phase}"](time_s) for phase in (1, 2, 3)]
        assert sum(phases) == pytest.approx(moving[f"{PDU}.4.3.1.5.1"](time_s), abs=3)
        outlets = [moving[oid](time_s) for oid in moving if oid.startswith(f"{PDU}.9.4.3.1.7.")]
        assert sum(outlets) == pytest.approx(10 * moving[f"{PDU}.4.3.1.5.1"](time_s), abs=30)


@pytest.mark.parametrize(
    ("name", "counter", "power", "watts", "kwh"),
    [
        ("apc-rpdu2", f"{PDU}.4.3.1.9.1", f"{PDU}.4.3.1.5.1", 10.0, 0.1),
        ("apc-ups", "1.3.6.1.4.1.318.1.1.1.4.3.6.0", "1.3.6.1.4.1.318.1.1.1.4.2.8.0", 1.0, 0.01),
    ],
)
def test_the_energy_of_an_overlay_is_the_integral_of_its_power(
    name: str, counter: str, power: str, watts: float, kwh: float
) -> None:
    moving = overlay(read_snmprec(RECORDINGS / f"{name}.snmprec"), LoadFactor())
    hours = 6
    seconds = range(0, hours * 3600, 10)
    counted = [moving[counter](float(second)) for second in seconds]
    assert counted == sorted(counted)
    mean_w = sum(moving[power](float(second)) for second in seconds) / len(seconds) * watts
    assert (counted[-1] - counted[0]) * kwh == pytest.approx(mean_w * hours / 1000, rel=0.02, abs=2 * kwh)


def test_an_overlay_stays_within_the_type_and_leaves_unknown_values_alone() -> None:
    runtime, percent = "1.3.6.1.2.1.33.1.2.3.0", "1.3.6.1.2.1.33.1.4.4.1.5.1"
    energy, power = "1.3.6.1.4.1.318.1.1.1.4.3.6.0", "1.3.6.1.4.1.318.1.1.1.4.2.8.0"
    unknown = [Record(runtime, "66", 2**32 - 1), Record(percent, "2", 2**31 - 1)]
    full = [Record(energy, "66", 2**32 - 2), Record(power, "2", 5000)]
    moving = overlay([*unknown, *full], LoadFactor())
    assert moving.keys() == {energy, power}
    assert [moving[energy](time_s) for time_s in (0.0, 3600.0)] == [2**32 - 2, pytest.approx(498, abs=60)]


def test_runtime_shrinks_as_the_load_grows() -> None:
    moving = overlay(read_snmprec(RECORDINGS / "rfc1628-ups.snmprec"), LoadFactor(slow=0.3, quick=0))
    load = moving["1.3.6.1.2.1.33.1.4.4.1.4.1"]
    runtime = moving["1.3.6.1.2.1.33.1.2.3.0"]
    assert load(225) > load(675)
    assert runtime(225) < runtime(675)


def _number(layout: str, registers: list[int]) -> float:
    value: float = struct.unpack(f">{layout}", struct.pack(f">{len(registers)}H", *registers))[0]
    return value


def test_registers_are_computed_again_when_their_state_is_another() -> None:
    state, computed = object(), 0

    def snapshot() -> dict[int, int]:
        nonlocal computed
        computed += 1
        return {7: computed}

    registers = MappedRegisters(snapshot, state=lambda: state)
    assert [registers.read("holding", 7, 1) for _ in range(3)] == [[1]] * 3
    state = object()
    assert registers.read("holding", 7, 1) == [2]
