"""Starts the tasks that evaluate, save and push problems, each behind the barrier of optional work."""

from collector.problems.acknowledged import ACKNOWLEDGED_PART, AcknowledgementReader
from collector.problems.config import ProblemsConfig
from collector.problems.files import FILE_PART
from collector.problems.late_queue import LATE_PART
from collector.problems.maintenance import MAINTENANCE_PART, Maintenance
from collector.problems.monitor import PART, Monitor
from collector.problems.push import PUSH_PART, Pusher, Webhook, targets
from collector.problems.silences import Silencer, is_of_window
from rackflow.process.bulkhead import Failures, Supervisor


def start_problems(
    optional: Supervisor,
    config: ProblemsConfig,
    *,
    client_id: str,
    monitor: Monitor,
    maintenance: Maintenance,
    failures: Failures,
) -> None:
    """Start the evaluation, its file, all targets, the readers of acknowledgements and, if there is a file, the maintenance windows."""
    optional.start(PART, monitor.run)
    optional.start(FILE_PART, monitor.files.run)
    optional.start(LATE_PART, monitor.late.run)
    if config.maintenance is not None:
        optional.start(MAINTENANCE_PART, maintenance.run)
        for url in config.alertmanagers:
            silencer = Silencer(url, client_id, maintenance, failures, monitor.tracker)
            monitor.listeners.append(silencer.note)
            optional.start(MAINTENANCE_PART, silencer.run)
    for url in config.alertmanagers:
        reader = AcknowledgementReader(
            url=url,
            is_of_window=lambda author, comment: is_of_window(author, comment, client_id, maintenance.windows),
            tracker=monitor.tracker,
            acknowledgements=monitor.acknowledgements,
            failures=failures,
        )
        monitor.listeners.append(reader.note)
        optional.start(ACKNOWLEDGED_PART, reader.run)
    for target in targets(config, monitor.files.notified):
        pusher = Pusher(target, monitor.tracker, failures, config.runbook_base)
        if isinstance(target, Webhook):
            for ended in monitor.files.untold_ends(target.url):
                pusher.offer(ended)
        monitor.listeners.append(pusher.offer)
        optional.start(PUSH_PART, pusher.run)
