"""Checks a profile: each key must be possible with the profile's protocol, the device's registers and the catalogue's metric.

Everything that can be wrong with a profile is refused here, so that planning and polling need not check it again. A key without effect is
a fault too, because its author believes that it does something.

| module | what |
|---|---|
| `points` | `faults`: goes through the head and all points; points that are never reached, or that give one series twice |
| `head` | how the device is recognised and identified, its coolants and limits |
| `conditions` | conditions that would change while the device works |
| `places` | what the protocol has; registers, bits, and the codes that they can form |
| `meaning` | labels, states, units and ranges, as the catalogue has them |
| `fault` | a fault and its place in the file |
"""

from agent.profile.loading.validation.fault import Fault, PointInFile, YamlPath
from agent.profile.loading.validation.points import faults

__all__ = ["Fault", "PointInFile", "YamlPath", "faults"]
