"""What is worked out once for each plan is shared by the devices of the plan, and forgotten with it."""

import gc

from agent.poll.per_plan import PerPlan
from agent.profile import ClassPlan, Plan


def test_it_is_worked_out_once_for_each_plan_and_anew_for_an_equal_one() -> None:
    seen: list[Plan] = []

    def classes(plan: Plan) -> list[str]:
        seen.append(plan)
        return list(plan.classes)

    of = PerPlan(classes)
    first, equal, other = Plan({"fast": ClassPlan(())}), Plan({"fast": ClassPlan(())}), Plan({"slow": ClassPlan(())})
    assert (of(first), of(equal), of(other)) == (["fast"], ["fast"], ["slow"])
    assert of(first) is of(first)
    assert [id(each) for each in seen] == [id(first), id(equal), id(other)]


def test_a_plan_that_is_gone_leaves_nothing_behind_for_one_that_gets_its_place_in_memory() -> None:
    of = PerPlan(lambda plan: list(plan.classes))
    for poll in ("fast", "slow") * 20:  # each is freed before the next is made, which nearly always gets its id
        assert of(Plan({poll: ClassPlan(())})) == [poll]
    gc.collect()
    assert not of._known  # noqa: SLF001 - what is left has no other sign than memory
