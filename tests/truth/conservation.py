"""Energy balances of each stage of a hall without faults, computed from what was polled during a run.

Counters are read at two moments while the simulation is paused. Where there is no counter, polled power is summed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rackflow.fluids import volumetric_heat_capacity
from simulator.world.hydraulics import MOTOR_EFFICIENCY
from simulator.world.loop import PLATE_J_PER_K_W
from simulator.world.supply import CABLE_DROP, PANEL_LOSS, PDU_OWN_W
from simulator.world.ups import LINEAR_LOSS, NO_LOAD_LOSS, SQUARE_LOSS
from tests.truth.compare import Comparison
from tests.truth.harness import TruthSite, truth_site
from tests.truth.moments import Losses

SETTLE_S: Final = 70.0
"""Seconds after which every poll class has been polled again."""
MEGAJOULE: Final = 1e6
LOOPS: Final = ("primary", "secondary")
Sums = defaultdict[str, float]


@dataclass(frozen=True, slots=True)
class Stage:
    """One balance in J. `stated` is the energy lost or stored on the way."""

    name: str
    taken: float
    given: float
    stated: float
    limit: float

    @property
    def gap(self) -> float:
        """Unaccounted energy as a share of the input."""
        return (self.taken - self.given - self.stated) / self.taken

    @property
    def beyond(self) -> bool:
        """Whether the balance does not close."""
        return abs(self.gap) > self.limit

    def cells(self) -> tuple[str, ...]:
        """The cells of its row in the table."""
        joules = (f"{each / MEGAJOULE:.1f} MJ" for each in (self.taken, self.given, self.stated))
        return self.name, *joules, f"{100 * self.gap:+.2f} %", f"{100 * self.limit:g} %"


async def conserve(name: str | Mapping[str, Any], seconds: float) -> tuple[list[Stage], Comparison]:
    """Balances of every stage over a run, and the losses of UPSs, which are means over five minutes."""
    async with truth_site(name, both_sides=True) as site:
        await site.hold(SETTLE_S)
        run = _Run(site)
        found, losses = Comparison(run.site), Losses(site)
        before = run.counters()
        warm = run.stored()
        site.each = [run.add, lambda _: losses.compare(found)]
        await site.run(seconds)
        run.add(site)
        site.each = []
        await site.hold(SETTLE_S)
        run.counted = Sums(float, {what: joules - before[what] for what, joules in run.counters().items()})
        run.span_s = seconds
        return list(run.stages(run.stored() - warm)), found


class _Run:
    """Sums of what was polled."""

    def __init__(self, truth: TruthSite) -> None:
        self.truth = truth
        self.site = truth.simulation.world.site
        self.summed = Sums(float)
        self.counted = Sums(float)
        self._until_s = truth.now_s
        self.span_s = 0.0
        self._shares = {rack: each.liquid_share for rack, each in self.site.racks.items()}

    def _numbers(self, device: str, metric: str, label: str = "") -> list[float]:
        readings = self.truth.readings(device).items()
        return [
            value
            for key, value in readings
            if isinstance(value, float) and key.partition("{")[0] == f"dcim_{metric}" and label in key
        ]

    def add(self, truth: TruthSite) -> None:
        """Add one cycle of the collector."""
        span_s, self._until_s = truth.now_s - self._until_s, truth.now_s
        for name, ups in self.site.ups.items():
            taken = sum(self._numbers(name, "ups_input_power_watts"))
            given = sum(self._numbers(name, "ups_output_power_watts"))
            load = given / ups.rated_power_w
            loss_w = ups.rated_power_w * (NO_LOAD_LOSS + LINEAR_LOSS * load + SQUARE_LOSS * load * load)
            self._sum(span_s, {"ups in": taken, "ups out": given, "ups loss": loss_w})
        for name, pdu in self.site.pdus.items():
            phases = self._numbers(name, "pdu_phase_power_watts")
            amperes = self._numbers(name, "pdu_phase_current_amperes")
            ohms = CABLE_DROP * self.site.electrical.volts / pdu.breaker_a
            cable_w = sum(ohms * each * each for each in amperes)
            self._sum(span_s, {"pdu phases": sum(phases), "cables": cable_w})
        for name in self.site.cdus:
            heat = {loop: sum(self._numbers(name, "cdu_heat_removed_watts", f"loop={loop}")) for loop in LOOPS}
            self._sum(span_s, heat | {"pumps": sum(self._numbers(name, "cdu_power_watts"))})

    def _sum(self, span_s: float, watts: Mapping[str, float]) -> None:
        for what, each in watts.items():
            self.summed[what] += each * span_s

    def counters(self) -> Sums:
        """Energy counted so far, in J."""
        found = Sums(float)
        for name, meter in self.site.meters.items():
            found[f"meter {meter.role}"] += sum(self._numbers(name, "meter_energy_joules_total"))
        for name, pdu in self.site.pdus.items():
            joules = sum(self._numbers(name, "pdu_input_energy_joules_total"))
            found["pdu"] += joules
            found["liquid"] += joules * self._shares[pdu.rack]
        return found

    def stored(self) -> float:
        """Energy stored in coolant of secondary loops and in cold plates, from polled temperatures and heat, in J."""
        whole = 0.0
        for loop in self.site.loops.values():
            cdus = [cdu.id for cdu in self.site.cdus.values() if cdu.secondary == loop.id]
            if not cdus:
                continue
            ends = [
                self._numbers(cdu, f"cdu_{end}_temperature_celsius", "loop=secondary")
                for cdu in cdus
                for end in ("supply", "return")
            ]
            mean_c = sum(map(sum, ends)) / len(ends)
            design_w = sum(self.site.racks[rack].design_power_w * self._shares[rack] for rack in loop.racks)
            capacity = volumetric_heat_capacity(loop.coolant, mean_c) or 0.0
            whole += mean_c * (loop.volume_m3 * capacity + design_w * PLATE_J_PER_K_W)
        return whole

    def stages(self, stored: float) -> Iterator[Stage]:
        """Balances of every stage."""
        summed, counted = self.summed, self.counted
        panels = 2 * PANEL_LOSS * summed["ups out"]
        own = PDU_OWN_W * sum(self._shares[pdu.rack] for pdu in self.site.pdus.values()) * self.span_s
        yield Stage(
            "UPSs: power in = power out + their losses", summed["ups in"], summed["ups out"], summed["ups loss"], 0.005
        )
        yield Stage("IT meter = power out of UPSs", counted["meter it"], summed["ups out"], 0.0, 0.005)
        given = counted["pdu"] + counted["meter cooling"]
        lost = summed["ups in"] - summed["ups out"] + panels + summed["cables"]
        yield Stage(
            "site: main meter = rack PDUs + cooling meter + UPSs, panels, cables",
            counted["meter facility"],
            given,
            lost,
            0.005,
        )
        yield Stage("rack PDUs: energy counted = power of all phases", counted["pdu"], summed["pdu phases"], 0.0, 0.01)
        yield Stage(
            "racks: liquid share of their energy = heat of the secondary side",
            counted["liquid"] - own,
            summed["secondary"],
            stored,
            0.01,
        )
        shaft = MOTOR_EFFICIENCY * summed["pumps"]
        yield Stage(
            "CDUs: heat of the secondary side and of pumps = heat of the primary side",
            summed["secondary"] + shaft,
            summed["primary"],
            0.0,
            0.01,
        )
