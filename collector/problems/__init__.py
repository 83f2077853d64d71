"""What is wrong, told once: a table of problems, their evaluation, and who is told.

`problems.yaml` defines each problem: condition, words, severity, cause. `Monitor` evaluates it as readings arrive; `Pusher` tells
Alertmanagers and webhooks. `scripts/generate` makes the rules of Prometheus and the reference page from the same table.
"""

from collector.problems.maintenance import MAINTENANCE_PART, Maintenance, load_windows
from collector.problems.monitor import FILE_PART, PART, Monitor
from collector.problems.page import problems_page
from collector.problems.promql import inhibit_rules, operator_drop, rules_yaml, scrape_drop
from collector.problems.push import PUSH_PART, Pusher, targets
from collector.problems.report import ProblemList, ProblemReport
from collector.problems.settings import ProblemsConfig, WebhookConfig
from collector.problems.silences import Silencer
from collector.problems.starting import start_problems
from collector.problems.table import Problem, Table, load_table, parse_table

PROBLEM_PARTS = (PART, FILE_PART, PUSH_PART, MAINTENANCE_PART)

__all__ = [
    "FILE_PART",
    "MAINTENANCE_PART",
    "PART",
    "PROBLEM_PARTS",
    "PUSH_PART",
    "Maintenance",
    "Monitor",
    "Problem",
    "ProblemList",
    "ProblemReport",
    "ProblemsConfig",
    "Pusher",
    "Silencer",
    "Table",
    "WebhookConfig",
    "inhibit_rules",
    "load_table",
    "load_windows",
    "operator_drop",
    "parse_table",
    "problems_page",
    "rules_yaml",
    "scrape_drop",
    "start_problems",
    "targets",
]
