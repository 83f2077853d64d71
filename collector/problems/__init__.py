"""What is wrong: a table of problems, their evaluation, and who is notified of them, once each.

`problems.yaml` defines each problem: condition, words, severity, cause. `Monitor` evaluates it as readings arrive; `Pusher` notifies
Alertmanagers and webhooks. `scripts/generate` makes the rules of Prometheus and the reference page from the same table.

* The table: `table` reads and checks it, `sentence` its texts; `limits_file` has what a site changes of it.
* Evaluation: `monitor` calls the others. `subjects` gathers what is known of a device, agent or site, `conditions` decides which problems
  hold for it, `shares` which hold for groups of devices, and `settled` skips devices whose problems cannot have changed.
* Time and causes: `tracker` follows when problems begin and end, and how long one goes on while its device is silent; `causes` finds which
  of them are consequences of others.
* Readings that come after an outage: `late_queue` lets them wait, `late` finds what was wrong when they were taken.
* Words: `report` describes a problem; `whereabouts` adds where its sensor is, `feed_reserve` what the UPSs of a lost feed have left.
* Who is notified: `push` sends to webhooks and Alertmanagers. `maintenance` has the windows in which nobody is notified, `silences` keeps
  them at Alertmanagers, `ended_elsewhere` finds there what another collector has ended, and `acknowledged` reads there who takes care of a
  problem.
* Over a restart: `files`, with the formats in `saved` and `history`.
* Prometheus: `promql` and `silent_devices` write expressions, `record_names` has the names of records, `rule_files` writes the files;
  `reference_page` writes the page of all problems.
* `config` has the section of the configuration, `starting` starts the tasks.
"""

from collector.problems.acknowledged import ACKNOWLEDGED_PART, Acknowledgements, Unread
from collector.problems.config import ProblemsConfig, WebhookConfig
from collector.problems.files import FILE_PART
from collector.problems.history import KEEP_S, Ended, History, care_of, history_files, is_known_format
from collector.problems.late_queue import LATE_PART
from collector.problems.limits_file import LimitsFile, load_limits
from collector.problems.maintenance import (
    MAINTENANCE_PART,
    Maintenance,
    Window,
    load_windows,
    maintenance_notes,
    values_of,
)
from collector.problems.monitor import PART, Monitor
from collector.problems.push import PUSH_PART, Pusher, targets
from collector.problems.reference_page import problems_page
from collector.problems.report import ProblemReport, describe, in_order, problem_id
from collector.problems.rule_files import inhibit_rules, operator_drop, rules_yaml, scrape_drop
from collector.problems.saved import remembered_file
from collector.problems.silences import Silencer
from collector.problems.starting import start_problems
from collector.problems.table import SEVERITY_RANK, Condition, Limit, Problem, Table, load_table, parse_table
from collector.problems.tracker import Acknowledgement, TrackedProblem

PROBLEM_PARTS = (PART, FILE_PART, PUSH_PART, MAINTENANCE_PART, ACKNOWLEDGED_PART, LATE_PART)

__all__ = [
    "ACKNOWLEDGED_PART",
    "FILE_PART",
    "KEEP_S",
    "LATE_PART",
    "MAINTENANCE_PART",
    "PART",
    "PROBLEM_PARTS",
    "PUSH_PART",
    "SEVERITY_RANK",
    "Acknowledgement",
    "Acknowledgements",
    "Condition",
    "Ended",
    "History",
    "Limit",
    "LimitsFile",
    "Maintenance",
    "Monitor",
    "Problem",
    "ProblemReport",
    "ProblemsConfig",
    "Pusher",
    "Silencer",
    "Table",
    "TrackedProblem",
    "Unread",
    "WebhookConfig",
    "Window",
    "care_of",
    "describe",
    "history_files",
    "in_order",
    "inhibit_rules",
    "is_known_format",
    "load_limits",
    "load_table",
    "load_windows",
    "maintenance_notes",
    "operator_drop",
    "parse_table",
    "problem_id",
    "problems_page",
    "remembered_file",
    "rules_yaml",
    "scrape_drop",
    "start_problems",
    "targets",
    "values_of",
]
