"""Grafana's dashboards, written as code: scripts/generate makes grafana/dashboards/*.json and their page in docs/ of it.

Each board is a module that says what it asks and how that is shown. Units, limits and descriptions come from the catalogue and
from the table of problems.

* Written with: `board` (a board and what all have in common), `panels` (scopes, queries, panels), `expressions` (shared by several
  boards), `catalogued` (what comes from the catalogue and the problems). `render` makes JSON of it, `generate` all files and the page.
* Boards: `wall` (is anything wrong), `power`, `ups`, `pdu`, `racks`, `liquid`, `plant` (behind the halls), `sustainability`, `history` and
  `telemetry` (can the other boards be trusted).
"""

from grafana.boards.generate import BOARDS, RUNBOOK_BASE, dashboards, dashboards_page

__all__ = ["BOARDS", "RUNBOOK_BASE", "dashboards", "dashboards_page"]
