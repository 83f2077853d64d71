"""The quick form of `make truth`, as a test."""

from tests.truth.__main__ import lines, quick, summary


def test_derived_figures_are_within_their_tolerance_of_the_simulated_truth() -> None:
    report = quick(seed=1)
    print(*lines(report), summary(report), sep="\n")  # noqa: T201 - shown where it fails
    assert report.beyond == []
    assert all(row.at_once for row in report.rows)
    unknown = {row.metric for row in report.rows if row.unknown}
    # Means of minutes, which are not over when they are first looked for.
    assert unknown <= {"ups_losses_watts", "loop_heat_capture_ratio", "loop_air_heat_watts"}
    assert len(report.cases) == 5 * 6
    assert all(case.predicted_s is not None for case in report.cases)
