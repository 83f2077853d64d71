"""The problems on the status page: each cause with its words, consequences only counted."""

from collections.abc import Sequence
from datetime import UTC, datetime

from collector.problems import ProblemReport
from collector.web.humanise import duration
from rackflow.escape import escape_html as escape

# Chosen so that the list fits on one screen; the rest is on /api/v1/problems.
SHOWN = 30


def problems_card(problems: Sequence[ProblemReport], wall_s: float) -> str:
    """HTML of what is wrong now, the most severe first; empty if nothing is."""
    causes = [problem for problem in problems if problem.cause is None]
    if not causes:
        return ""
    rows = "".join(_row(problem, wall_s) for problem in causes[:SHOWN])
    more = len(causes) - SHOWN
    rest = f'<p class="note">and {more} more, on <a href="api/v1/problems">api/v1/problems</a></p>' if more > 0 else ""
    return f'<section class="down"><h2>Problems <small>{len(causes)}</small></h2><table>{rows}</table>{rest}</section>'


def _row(problem: ProblemReport, wall_s: float) -> str:
    notes = [f"for {duration(max(0, round(wall_s - problem.since / 1000)))}"]
    if problem.status == "uncertain":
        notes.append("nobody can tell whether it goes on")
    if problem.maintenance is not None:
        until = datetime.fromtimestamp(problem.maintenance.until / 1000, UTC)
        notes.append(f"in maintenance until {until:%Y-%m-%d %H:%M} UTC, nobody is notified: {problem.maintenance.why}")
    if problem.acknowledged is not None:
        until = datetime.fromtimestamp(problem.acknowledged.until / 1000, UTC)
        by, comment = problem.acknowledged.by, problem.acknowledged.comment
        notes.append(f"acknowledged by {by} until {until:%Y-%m-%d %H:%M} UTC: {comment}")
    if problem.consequences:
        notes.append(f"explains {problem.consequences} more")
    return (
        f'<tr title="{escape(problem.name)}"><th><span class="alarm">{escape(problem.severity)}</span> '
        f"{escape(problem.description)} <i>{escape(', '.join(notes))}</i></th></tr>"
    )
