"""The quick form of `make truth`, as tests: two, so that two processes can have one each."""

from tests.truth.__main__ import Report, failures, lines, quick_rows


def test_derived_figures_are_within_their_tolerance_of_the_simulated_truth() -> None:
    report = Report(quick_rows())
    print(*lines(report), sep="\n")  # noqa: T201 - shown where it fails
    assert report.beyond == []
    assert all(row.at_once for row in report.rows)
    unknown = {row.metric for row in report.rows if row.unknown}
    # Means of minutes, which are not over when they are first looked for.
    assert unknown <= {"ups_losses_watts", "loop_heat_capture_ratio", "loop_air_heat_watts"}


def test_what_is_predicted_for_a_failure_is_what_happens() -> None:
    report = Report(cases=failures(5, seed=1))
    print(*lines(report), sep="\n")  # noqa: T201 - shown where it fails
    assert report.beyond == []
    assert len(report.cases) == 5 * 6
    assert all(case.predicted_s is not None for case in report.cases)
