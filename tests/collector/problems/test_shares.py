"""Problems of many devices: a feed is lost when more than half of its devices, of four at least, say so."""

from collector.problems.conditions import Evaluator, Labels, Subject, labels_of
from collector.problems.shares import MAX_RACKS, Found, Shares
from collector.problems.table import load_table

LOST, BLIND = "DcimFeedLost", "DcimAgentSeesNothing"
FEED_A = labels_of({"site": "s", "feed": "A"})


class Group:
    """Devices, and what they share. Their agent also sees a device that has no feed, so that it is not blind."""

    def __init__(self, *, is_blind: bool = False) -> None:
        table = load_table()
        self.shares = Shares(table, Evaluator(table))
        if not is_blind:
            for number in range(MAX_RACKS):
                self.note(f"meter{number}", 1.0, feed="")

    def note(
        self,
        name: str,
        up: float,
        *,
        rack: str = "r1",
        feed: str = "A",
        site: str = "s",
        silent: bool = False,
        agent: str = "g",
    ) -> None:
        """A device says whether it is up; what is `silent` is not observed."""
        subject = Subject(
            {"site": site, "device": name, "feed": feed, "rack": rack}, is_silent=silent or not up, agent=agent
        )
        subject.add("dcim_device_observed", {}, float(not silent))
        if not silent:
            subject.add("dcim_device_up", {}, up)
        self.shares.note(("device", site, name), subject)

    def lost(self) -> dict[Labels, Found]:
        return self.shares.found()[LOST]


def test_more_than_half_of_at_least_four_devices_make_it_and_their_racks_are_named() -> None:
    group = Group()
    for number, rack in enumerate(("r3", "r1", "r3", "")):
        group.note(f"d{number}", 0.0 if number < 2 else 1.0, rack=rack)
    assert group.lost() == {}, "half of them"
    group.note("d2", 0.0, rack="r3")
    assert group.lost() == {FEED_A: Found(0.75, ("r1", "r3"))}
    group.note("d3", 0.0, rack="")
    assert group.lost() == {FEED_A: Found(1.0, ("r1", "r3"))}
    group.note("d0", 1.0)
    group.note("d1", 1.0)
    assert group.lost() == {}, "what a device said last counts"


def test_a_rack_whose_devices_answer_again_is_not_named_any_more() -> None:
    group = Group()
    for number in range(6):
        group.note(f"d{number}", 0.0, rack=f"r{number // 2}")
    assert group.lost() == {FEED_A: Found(1.0, ("r0", "r1", "r2"))}
    group.note("d0", 1.0, rack="r0")
    assert group.lost()[FEED_A].racks == ("r0", "r1", "r2")
    group.note("d1", 1.0, rack="r0")
    assert group.lost() == {FEED_A: Found(4 / 6, ("r1", "r2"))}


def test_mains_that_are_lost_are_not_about_the_racks_in_which_the_upss_stand() -> None:
    group = Group()
    for name in ("ups-1", "ups-2"):
        subject = Subject({"site": "s", "device": name, "feed": "A", "rack": "r9"}, is_silent=False, agent="g")
        subject.add("dcim_device_info", {"device_class": "ups"}, 1.0)
        subject.add("dcim_ups_output_source", {}, "battery")
        group.shares.note(("device", "s", name), subject)
    assert [each.racks for each in group.shares.found()["DcimMainsLost"].values()] == [()]


def test_facility_water_that_is_warm_is_not_about_the_racks_in_which_the_cdus_stand() -> None:
    group = Group()
    for name in ("cdu-1", "cdu-2", "cdu-3"):
        subject = Subject({"site": "s", "device": name, "room": "dh1", "rack": "r9"}, is_silent=False, agent="g")
        subject.add("dcim_device_info", {"device_class": "cdu"}, 1.0)
        subject.add("dcim_cdu_supply_temperature_celsius", {"loop": "primary"}, 30.0)
        subject.add("dcim_cdu_supply_temperature_setpoint_celsius", {"loop": "secondary"}, 25.0)
        group.shares.note(("device", "s", name), subject)
    assert group.shares.found()["DcimFacilityCoolingShort"] == {labels_of({"site": "s", "room": "dh1"}): Found(1.0, ())}


def test_an_agent_that_reaches_none_of_its_devices_is_the_group_of_these() -> None:
    """They may be on any feed, or on none; the agent is in no label of a device."""
    group = Group(is_blind=True)
    for number in range(10):
        group.note(f"d{number}", 0.0, feed="")
    found = group.shares.found()[BLIND]
    assert {labels: each.value for labels, each in found.items()} == {labels_of({"site": "s", "agent": "g"}): 1.0}


def test_devices_of_an_agent_that_sees_nothing_count_neither_as_dark_nor_among_all() -> None:
    group = Group()
    for number in range(4):
        group.note(f"dark{number}", 0.0, rack="r1")
        group.note(f"unseen{number}", 0.0, rack=f"r{number}", agent="blind")
        group.note(f"lit{number}", 1.0, rack="r9")
    assert group.shares.found()[BLIND].keys() == {labels_of({"site": "s", "agent": "blind"})}
    assert group.lost() == {}, "four of eight"
    group.note("lit0", 0.0, rack="r9")
    assert group.lost() == {FEED_A: Found(5 / 8, ("r1", "r9"))}
    assert group.shares.is_open(LOST, FEED_A), "what was lost before stays so as long as nobody can see"
    group.note("unseen0", 1.0, rack="r0", agent="blind")
    assert group.lost() == {FEED_A: Found(8 / 12, ("r1", "r2", "r3", "r9"))}, "three of its four: it is not blind"
    was_blind = {labels_of({"site": "s", "agent": "blind"})}
    found = group.shares.found(lambda name: was_blind if name == BLIND else set())
    assert found[LOST] == {FEED_A: Found(5 / 9, ("r1", "r9"))}, "its devices answer one after the other, and count then"
    g_alone = {("device", "s", f"{kind}{number}") for kind in ("dark", "lit", "meter") for number in range(MAX_RACKS)}
    group.shares.forget_absent(g_alone)
    assert group.shares.found(lambda _: was_blind)[LOST] == {FEED_A: Found(5 / 8, ("r1", "r9"))}, "they are forgotten"


def test_three_devices_are_too_few_to_speak_of_their_feed() -> None:
    group = Group()
    for number in range(3):
        group.note(f"d{number}", 0.0)
    assert group.lost() == {}
    group.note("d3", 0.0)
    assert group.lost().keys() == {FEED_A}


def test_feeds_and_sites_are_counted_apart_and_a_device_without_a_feed_belongs_to_none() -> None:
    group = Group()
    for number in range(3):
        group.note(f"a{number}", 0.0)
        group.note(f"b{number}", 0.0, feed="B")
        group.note(f"c{number}", 0.0, site="other")
        group.note(f"n{number}", 0.0, feed="")
    assert group.lost() == {}
    for number in range(3):
        group.note(f"b{number}", 1.0, feed="B")
    group.note("a3", 0.0)
    assert group.lost().keys() == {FEED_A}
    # All of them are of one agent, which sees less than nine tenths of its devices down.
    assert group.shares.found()[BLIND] == {}


def test_a_device_that_is_forgotten_counts_no_more() -> None:
    """Neither among those that are ill nor among all."""
    group = Group()
    for number in range(4):
        group.note(f"d{number}", 0.0 if number < 3 else 1.0)
    group.shares.forget_absent({("device", "s", f"d{number}") for number in range(4)})
    assert group.lost().keys() == {FEED_A}
    group.shares.forget_absent({("device", "s", f"d{number}") for number in (1, 2, 3)})
    assert group.lost() == {}
    group.note("d4", 1.0)
    assert group.lost() == {}, "two of four"


def test_a_device_that_changes_its_feed_counts_in_the_new_one_alone() -> None:
    group = Group()
    for number in range(4):
        group.note(f"d{number}", 0.0)
    group.note("d0", 0.0, feed="B")
    assert group.lost() == {}, "three are left"
    group.note("d0", 0.0)
    assert group.lost()[FEED_A] == Found(1.0, ("r1",))
    group.note("d0", 0.0, feed="")
    assert group.lost() == {}, "it belongs to none"
    for number in range(4):
        group.note(f"d{number}", 0.0, feed=f"F{number}")
    assert group.shares.groups(LOST) == {labels_of({"site": "s", "feed": f"F{number}"}) for number in range(4)}


def test_what_is_silent_may_be_as_bad_as_it_can_be_and_decides_nothing() -> None:
    """A lost feed takes the network cards of its devices with it."""
    group = Group()
    for number in range(6):
        group.note(f"d{number}", 1.0, silent=number < 4)
    assert group.lost() == {}
    assert group.shares.is_open(LOST, FEED_A)
    assert not group.shares.decides(LOST, FEED_A)
    for number in range(2):
        group.note(f"d{number}", 1.0)
    assert not group.shares.is_open(LOST, FEED_A), "two of six may be ill"
    assert group.shares.decides(LOST, FEED_A)
    other = labels_of({"site": "s", "feed": "B"})
    assert not group.shares.is_open(LOST, other)
    assert not group.shares.decides(LOST, other), "of this feed nothing is known"


def test_a_bounded_number_of_racks_is_named() -> None:
    group = Group()
    for number in range(MAX_RACKS + 1):
        group.note(f"d{number}", 0.0, rack=f"r{number}")
    assert len(group.lost()[FEED_A].racks) == MAX_RACKS == 500


def test_silent_devices_leave_it_open_only_if_they_could_make_it_more_than_half() -> None:
    group = Group()
    for number in range(6):
        group.note(f"up-{number}", 1.0)
    for number in range(4):
        group.note(f"silent-{number}", 0.0, silent=True)
    assert not group.shares.is_open(LOST, FEED_A), "four of ten"
    assert group.shares.decides(LOST, FEED_A)
    for number in range(4, 6):
        group.note(f"silent-{number}", 0.0, silent=True)
    assert not group.shares.is_open(LOST, FEED_A), "six of twelve: half is not more than half"
    group.note("silent-6", 0.0, silent=True)
    assert group.shares.is_open(LOST, FEED_A), "seven of thirteen"
    assert not group.shares.decides(LOST, FEED_A)
