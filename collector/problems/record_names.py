"""Names of the records that the rules of Prometheus need for a problem, in addition to those of the table (`records`).

`promql.py` writes their expressions.
"""

import re

from collector.problems.table import Condition, EarlierValue


def _snake(problem: str) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", problem).lower()


def name_of_share(problem: str) -> str:
    """The record of the share in which a problem holds, and of what it is while devices are silent."""
    return f"group:{_snake(problem)}:ratio"


def name_of_dark_elsewhere(problem: str) -> str:
    """The record of how many devices of its groups do not answer outside of the darkest feed."""
    return f"group:{_snake(problem)}_dark_elsewhere:count"


def name_of_going_dark(problem: str) -> str:
    """The record of its groups whose devices fall silent in several feeds at once (`Shares._darkening`)."""
    return f"group:{_snake(problem)}_going_dark:count"


def name_of_dark_of_one(problem: str) -> str:
    """The record of how many devices do not answer beside the first, of groups whose devices are of one feed at most."""
    return f"group:{_snake(problem)}_dark_of_one_feed:count"


def name_of_waited_for(problem: str) -> str:
    """The record of its groups for which it may be about to stand, so that what it explains does not begin (`Shares.waits`)."""
    return f"group:{_snake(problem)}_waited_for:count"


def name_of_shown(problem: str) -> str:
    """The record of the silent devices of a problem's groups in which one that answers shows the problem (`unless_shown`)."""
    return f"device:{_snake(problem)}_shown:info"


def name_of_held(problem: str) -> str:
    """The record of what holds at the moment of a problem that counts within a window."""
    return f"held:{_snake(problem)}:value"


def name_of_left_out(problem: str) -> str:
    """The record of the silent devices that the problem accounts for, which other problems leave out (`Share.except_in`)."""
    return f"device:{_snake(problem)}:info"


def name_of_history(each: Condition, after: EarlierValue) -> str:
    """The record of whether a value was at least `after.at_least`, or one of its states: conditions look back on it for days."""
    what = "_or_".join(after.states) or f"at_least_{after.at_least:g}"
    return f"history:{each.metric}:{what}".replace("-", "minus_").replace(".", "_")
