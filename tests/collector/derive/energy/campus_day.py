"""A day of the campus by the hour: readings of its meters, counted from midnight."""

from collector.derive.energy.hourly import HOUR_S
from collector.derive.site_plan import Settings
from rackflow.site import Site
from tests.collector.derive.campus import FACILITY_W, PV_W, campus
from tests.collector.derive.hall import WALL_S, Readings

KWH = 3.6e6
MIDNIGHT = float(-WALL_S % 86_400)
"""Monotonic second of the first midnight, UTC."""
FIRST_HOUR = int((WALL_S + MIDNIGHT) // HOUR_S)
SITE_KW = sum(FACILITY_W.values()) / 1000
WIND_KW = [*range(31, 35), 30, 29, 27, 24, 21, 17, 13, 11, 10, 12, 14, 16, 18, 20, 22, 23, 25, 26, 28, 35]
"""As in campus.yaml, by hour of the day, UTC."""
IT_METER = ("  - {id: meter-pv, role: pv", "  - {id: meter-it, role: it, category: 1}\n  - {id: meter-pv, role: pv")


class Day:
    """The campus from midnight on, by meters that count: 143.64 kW all day, 100 kW of them IT, and PV as the sun shines."""

    def __init__(self, site: Site | None = None, settings: Settings | None = None) -> None:
        self.readings = Readings(site or campus(IT_METER), settings)
        self.counted: dict[str, float] = {"meter-ab": 5e9, "meter-c": 6e9, "meter-it": 7e9, "meter-pv": 8e9}
        self.now = MIDNIGHT

    def powers_w(self, hour: int) -> dict[str, float]:
        return {**FACILITY_W, "meter-it": 100_000.0, "meter-pv": PV_W[hour % 24]}

    def poll(self, silent: tuple[str, ...] = ()) -> None:
        """What the meters show now."""
        roles = {"meter-it": "it", "meter-pv": "pv"}
        for meter, counted in self.counted.items():
            if meter not in silent:
                key = f"meter_energy_joules_total{{direction=import,role={roles.get(meter, 'facility')}}}"
                self.readings.take(meter, {key: counted}, self.now, device_class="meter", interval_s=600.0)
        self.readings.engine.cycle(self.readings.latest, self.now, WALL_S + self.now)

    def run(self, hours: float, silent: tuple[str, ...] = ()) -> None:
        """Polled every half hour, or when it ends; at the end of a whole hour the next one has begun."""
        if self.now == MIDNIGHT:
            self.poll()
        end = self.now + hours * HOUR_S
        while self.now < end:
            step_s = min(1800.0, end - self.now)
            for meter, watts in self.powers_w(int((self.now - MIDNIGHT) // HOUR_S)).items():
                self.counted[meter] += watts * step_s
            self.now += step_s
            self.poll(silent)

    def value(self, name: str, window: str = "hour") -> float | None:
        figures = self.readings.figures(self.now + 1)
        return figures[f"site_{name}{{window={window}}}"].value

    def share(self, name: str, window: str) -> float:
        return self.readings.figures(self.now + 1)[f"site_{name}{{window={window}}}"].share
