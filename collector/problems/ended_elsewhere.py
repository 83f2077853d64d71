"""Finds the problems that another collector has ended at an Alertmanager, while this one cannot know whether they still hold.

Of two collectors with one Alertmanager, one may have lost the broker, or its network to it. What was wrong then is uncertain to it for an
hour, and it would repeat each of these alerts every minute: those that the other collector sees end would begin again, and page somebody.
"""

from collections.abc import Collection

import aiohttp
import msgspec

from collector.http import read_bounded
from collector.problems.tracker import Key, TrackedProblem

# An alert has some 800 bytes: 5,000 of them, of the problems that are uncertain.
MAX_ANSWER_BYTES = 4_000_000
# HTTPException and the like come as ClientError; ValueError: an answer that is too long or no JSON.
_FAULTS = (OSError, TimeoutError, aiohttp.ClientError, msgspec.DecodeError, UnicodeDecodeError, ValueError)


class _Alert(msgspec.Struct):
    """The field used of an alert (API v2, gettableAlert)."""

    labels: dict[str, str]


async def ended_elsewhere(
    session: aiohttp.ClientSession, url: str, uncertain: Collection[TrackedProblem]
) -> frozenset[Key]:
    """Those of the uncertain problems that an Alertmanager does not have any more. None of them while it cannot be asked.

    It was told a minute ago that they last for minutes yet, so somebody else has ended them; or it was started anew, and then nobody is
    notified of their end. `url` is that of its alerts.
    """
    names = "|".join(sorted({each.problem.name for each in uncertain}))
    try:
        async with session.get(url, params={"filter": f'alertname=~"{names}"'}) as answer:
            answer.raise_for_status()
            alerts = msgspec.json.decode(await read_bounded(answer, MAX_ANSWER_BYTES), type=list[_Alert])
    except _FAULTS:
        return frozenset()
    lasting = {frozenset(each.labels.items()) for each in alerts}
    # Alertmanager leaves out labels without a value.
    return frozenset(
        each.key
        for each in uncertain
        if frozenset((name, text) for name, text in each.alert_labels().items() if text) not in lasting
    )
