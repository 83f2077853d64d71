"""Runs all checks of this package for one device. Both pollers use it, so that the order is the same."""

from collections.abc import Callable, Mapping

from agent.poll.checks.code_shift import CodeShift
from agent.poll.checks.fahrenheit import FahrenheitCheck
from agent.poll.checks.limits import LimitCheck
from agent.poll.checks.power import PowerCheck
from agent.poll.checks.power_factor import PowerFactorCheck
from agent.poll.checks.reactive import ReactiveCheck
from agent.profile import Plan, RawValue
from agent.readings import Readings
from rackflow.catalogue import PollClass


class Checks:
    """The checks of one device. `begin` is called with each plan, `reject` with the readings of each poll."""

    def __init__(self, device: str) -> None:
        self._power = PowerCheck()
        self._power_factor = PowerFactorCheck()
        self._reactive = ReactiveCheck()
        self._fahrenheit = FahrenheitCheck()
        self._limits = LimitCheck()
        self._codes = CodeShift(device)
        self._needed: list[Callable[[PollClass, Readings], None]] = []
        """`reject` of the checks that this plan needs. Most devices need few, and calling the others would cost time at each poll."""

    def forget(self) -> None:
        """Forget everything, even what is kept from plan to plan: the device was replaced or has rebooted. Call it before `begin`."""
        self._fahrenheit.forget()
        self._limits.forget()
        self._codes.forget()

    def begin(self, plan: Plan, known: Mapping[str, RawValue]) -> None:
        """Check the readings of this plan from now on. `known` are the answers from which the plan was made."""
        self._power.begin(plan, known)
        self._power_factor.begin(plan)
        self._reactive.begin(plan)
        self._fahrenheit.begin(plan, known)
        self._limits.begin(plan, known)
        self._codes.begin(plan, known)
        comparing = (self._power, self._power_factor, self._reactive, self._fahrenheit, self._limits)
        self._needed = [check.reject for check in comparing if check.is_needed]

    def reject(self, poll: PollClass, readings: Readings, raw: Mapping[str, RawValue]) -> None:
        """Move readings that contradict others to `bad`. `raw` are the answers of the poll."""
        for reject in self._needed:
            reject(poll, readings)
        if self._codes.is_needed:
            self._codes.reject(poll, readings, raw)
