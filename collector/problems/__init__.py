"""What is wrong, told once: a table of problems, and what follows from it.

`problems.yaml` defines each problem: condition, words, severity, cause. `scripts/generate` makes the rules of Prometheus and the
reference page from it.
"""

from collector.problems.page import problems_page
from collector.problems.promql import rules_yaml
from collector.problems.table import Problem, Table, parse_table, table

__all__ = ["Problem", "Table", "parse_table", "problems_page", "rules_yaml", "table"]
