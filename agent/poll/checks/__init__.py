"""Rejects readings that are possible one by one, but contradict other readings of the same device. Both pollers call it at each poll.

The range check of a single metric (`agent/profile/normalising/normalise.py`) sees nothing wrong in them. What each module protects against:

* `power`: the current or the power of a line has a scale that is wrong by ten. It is unknown which of them, so both are rejected.
* `power_factor`: a power factor of 0 beside kilowatts, from a device that does not measure it.
* `reactive`: a reactive power above the apparent power of its line, because its sign was lost.
* `fahrenheit`: a device was switched to degrees Fahrenheit, and 75 degF would be shown as 75 degC.
* `limits`: a threshold or rating has another scale than its reading, and would raise an alarm for every rack.
* `code_shift`: state codes are counted from 0 instead of 1, so that "on" is read as off.

The reason (`bad`) is `state` for `code_shift`, `sentinel` for `power_factor` and `range` for the others. Two checks need the registers of
a Modbus unit, not only its readings: `agent/poll/word_order.py` and `register_fit.py`.

To add a check, write a module here with a class that has `begin`, `is_needed` and `reject`, and add it to `Checks` in `all_checks`; to its
`forget` only if the check keeps something from plan to plan. If it compares a series with others of its line, `line_check` has all but the
comparison (`power_factor` is the shortest example).
"""

from agent.poll.checks.all_checks import Checks

__all__ = ["Checks"]
