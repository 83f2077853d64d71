"""The state of everything in one word and one line, for the head of the status page: ok, alarms, or not observed with its causes.

"No alarms" is only good news if devices are observed. So the page is green only if all of them are. Devices that are not observed make
it grey, never red.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from collector.latest import DeviceState, Observations, words_of
from rackflow.plural import count_of

State = Literal["ok", "alarms", "unknown"]
# Causes named at the head of the page; the rest is counted. One broken link has one cause however many agents are behind it, and
# more than this would push the alarms off the first screen.
CAUSES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state, its headline, and for each cause a line with the devices that are not observed because of it."""

    state: State
    headline: str
    causes: Sequence[str] = ()


def judge(
    devices: Sequence[DeviceState],
    observations: Observations,
    alarms: int,
    faults: Mapping[str, str],
    *,
    problems: int = 0,
    never_heard: Sequence[str] = (),
) -> Verdict:
    """The verdict on all devices. `faults` maps a part of the collector to what is wrong with it.

    `alarms` counts active alarms of devices, `problems` the reported problems that have no cause; `never_heard` are the devices of the
    site file of which nothing was received.
    """
    unobserved = [each for each in devices if (each.site, each.device) in observations.causes]
    down = [each for each in devices if each.up is False and (each.site, each.device) not in observations.causes]
    # A lost connection to the broker is not an alarm about any device: it is why none of them is observed.
    broken = [part for part in faults if part != "broker"]
    wrong = [
        *([count_of(problems, "problem")] if problems else []),
        *([count_of(alarms, "active alarm")] if alarms else []),
        *([f"{count_of(len(down), 'device')} down"] if down else []),
        *(f"{part} does not work" for part in broken),
    ]
    unseen, known = len(unobserved) + len(never_heard), len(devices) + len(never_heard)
    hidden = f"{unseen} of {count_of(known, 'device')} not observed" if unseen else ""
    causes = _causes(unobserved, observations)
    if never_heard:
        names = ", ".join([*never_heard[:CAUSES_SHOWN], *(["…"] if len(never_heard) > CAUSES_SHOWN else [])])
        causes = [*causes, f"{count_of(len(never_heard), 'device')} of the site file never heard of: {names}"]
    if "broker" in faults:
        causes = [f"broker: {faults['broker']}", *causes]
    if wrong:
        return Verdict("alarms", ", ".join([*wrong, hidden] if hidden else wrong), causes)
    if hidden:
        return Verdict("unknown", hidden, causes)
    if not devices or "broker" in faults:
        return Verdict("unknown", "no device has been heard of yet" if not devices else "no connection", causes)
    return Verdict("ok", f"all {count_of(len(devices), 'device')} observed and up, no active alarm", causes)


def _causes(unobserved: Sequence[DeviceState], observations: Observations) -> list[str]:
    """One line for each cause, the one that hides most devices first."""
    found: Counter[str] = Counter()
    for device in unobserved:
        cause = observations.causes[device.site, device.device]
        words = words_of(cause, device.agent)
        found[words if cause == "broker" else f"{device.site}: {words}"] += 1
    lines = [f"{words}: {count_of(count, 'device')} not observed" for words, count in found.most_common(CAUSES_SHOWN)]
    rest = len(found) - CAUSES_SHOWN
    return [*lines, f"and {count_of(rest, 'more cause')}"] if rest > 0 else lines
