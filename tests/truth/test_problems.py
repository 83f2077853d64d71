"""Problems of a simulated site, over the agent's real polls: none while it is well, and one for a fault of the site."""

from tests.truth.harness import truth_site
from tests.truth.leap import run_leaping
from tests.truth.problem_watch import ProblemWatch


def test_a_site_that_is_well_has_no_problem() -> None:
    async def play() -> None:
        async with truth_site("edge") as site:
            watch = ProblemWatch(site)
            await site.run(900.0)
            assert watch.descriptions() == []
            assert not watch.failures.counts
            assert list(site.latest.devices())

    run_leaping(play())


def test_a_feed_whose_mains_fail_is_one_problem_that_explains_its_upss_and_ends() -> None:
    """Each UPS then counts its time on battery itself: whether the generator takes the load is another question."""

    async def play() -> None:
        async with truth_site("edge") as site:
            watch = ProblemWatch(site)
            await site.run(60.0)
            fault = await site.begin("feed_loss", "A")
            await site.run(60.0)
            assert [dict(each.labels) for each in watch.causes()] == [{"site": "edge", "feed": "A"}]
            assert watch.cause_names() == ["DcimMainsLost"]
            explained = [each for each in watch.monitor.tracker.active() if each.cause is not None]
            assert {each.problem.name for each in explained} >= {"DcimUpsOnBattery", "DcimPhaseDead"}
            assert {dict(each.labels)["device"] for each in explained} == {"ups-a", "ups-net-a"}
            await site.end(fault)
            await site.run(300.0)
            assert watch.cause_names() == []
            assert {each.problem.name for each in watch.ever_active if each.cause is None and not each.ended_s} == set()

    run_leaping(play())
