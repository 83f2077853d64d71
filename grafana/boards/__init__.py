"""Grafana's dashboards, written as code: scripts/generate makes grafana/dashboards/*.json and their page in docs/ of it.

Each board is a module that says what it asks and how that is shown. Units, limits and descriptions come from the catalogue and
from the table of problems.
"""

from grafana.boards.generate import BOARDS, RUNBOOK_BASE, dashboards, dashboards_page

__all__ = ["BOARDS", "RUNBOOK_BASE", "dashboards", "dashboards_page"]
