"""Recognition: probes before sysObjectID, vendors before the standard, refusals, and no match where there is none."""

import pytest

from agent.normalise import RawValue
from agent.profile import load_profiles
from agent.recognise import SYS_OBJECT_ID, matches, probe_oids

PROFILES = list(load_profiles().values())
UPS_MIB = "1.3.6.1.2.1.33.1.4.1.0"
POWERNET_UPS = "1.3.6.1.4.1.318.1.1.1.4.1.1.0"
RPDU2 = "1.3.6.1.4.1.318.1.1.26.4.3.1.5.1"


@pytest.mark.parametrize(
    ("answers", "best"),
    [
        ({UPS_MIB: 3}, "rfc1628-ups"),
        ({UPS_MIB: 3, SYS_OBJECT_ID: "1.3.6.1.4.1.8072.3.2.10"}, "rfc1628-ups"),
        ({UPS_MIB: 3, POWERNET_UPS: 2, SYS_OBJECT_ID: "1.3.6.1.4.1.318.1.3.27"}, "apc-ups"),
        ({UPS_MIB: 3, POWERNET_UPS: 2}, "apc-ups"),
        ({RPDU2: 27, SYS_OBJECT_ID: "1.3.6.1.4.1.318.1.3.4.6"}, "apc-rpdu2"),
        ({SYS_OBJECT_ID: "1.3.6.1.4.1.318.1.3.27"}, None),
        ({SYS_OBJECT_ID: "1.3.6.1.4.1.9.1.1"}, None),
        ({UPS_MIB: None}, None),
        ({}, None),
    ],
)
def test_the_best_profile(answers: dict[str, RawValue], best: str | None) -> None:
    found = matches(PROFILES, answers)
    assert (found[0].profile.profile if found else None) == best
    assert all(match.reasons for match in found)


def test_a_prefix_ends_at_a_dot() -> None:
    found = matches(PROFILES, {POWERNET_UPS: 2, SYS_OBJECT_ID: "1.3.6.1.4.1.318.1.30"})
    assert found[0].reasons == (f"answers {POWERNET_UPS}",)


def test_all_probes_are_asked_once() -> None:
    oids = probe_oids(PROFILES)
    assert len(oids) == len(set(oids))
    assert {UPS_MIB, POWERNET_UPS, RPDU2, SYS_OBJECT_ID} <= set(oids)
