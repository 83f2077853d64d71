"""With the longest interval that a configuration may have, and cycles that take ten seconds more, what averages over minutes is known."""

from collections.abc import Sequence

import pytest

from collector.derive import DeriveConfig
from collector.derive.engine import Unknown, Value
from collector.derive.engine.stateful import Memory
from collector.derive.liquid.capture import HeatCapture
from collector.derive.liquid.coolant_loss import PressureChange, ReservoirFall
from collector.derive.liquid.exchanger import LoadedApproach, ValveStuck
from collector.derive.power.breaker_load import BreakerLoad
from rackflow.site.power import CURVES

BUSY_S = 10.0


def longest_s() -> float:
    return float(DeriveConfig.model_json_schema()["properties"]["interval_s"]["maximum"])


@pytest.mark.parametrize(
    ("memory", "values"),
    [
        (HeatCapture("water", 0.4), [80e3, 100e3, 30.0, 35.0]),
        (BreakerLoad(CURVES["C"]), [12.0, 16.0]),
        (LoadedApproach(), [4.0, 0.8]),
        (PressureChange(), [150e3]),
        (ReservoirFall("water", 1.0, 0.1), [0.8, 35.0]),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_figure_over_minutes_is_known_within_an_hour(memory: Memory, values: Sequence[Value | None]) -> None:
    step_s, found = longest_s() + BUSY_S, []
    for cycle in range(int(3600 / step_s) + 1):
        found = [*memory.update(values, cycle * step_s)]
    assert not [each for each in found if isinstance(each, Unknown)]


def test_a_valve_that_stands_still_is_reported() -> None:
    memory, step_s = ValveStuck(), longest_s() + BUSY_S
    found = [memory.update([0.4, 33.0, 30.0], cycle * step_s) for cycle in range(int(900 / step_s) + 1)]
    assert found[-1] == (1.0,)
