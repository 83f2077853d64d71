"""Means of whole periods."""

from collector.derive.engine import PeriodMean


def test_a_mean_is_reported_when_its_period_has_ended() -> None:
    mean = PeriodMean(300.0)
    assert [mean.add(value, at) for at, value in ((0.0, 1.0), (299.0, 4.0))] == [None, None]
    assert mean.add(10.0, 300.0) == 2.5
    assert mean.add(20.0, 301.0) is None
    assert mean.add(7.0, 900.0) == 15.0  # an empty period is skipped
    assert mean.add(8.0, 1200.0) == 7.0
