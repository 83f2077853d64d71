"""Which topics the broker refuses, why, and when each is tried again. Pure; `now_s` is monotonic seconds.

A refusal usually concerns one topic (an access rule, no subscriber, a quota), so only this topic's messages are held back. After a pause
one of them is sent as a probe. If the broker accepts it, the topic is released, and so are all others of the same kind that were refused
for the same reason: a rule was corrected, or a collector came back.

A refusal may also concern one message, for example if the broker checks payloads. Then other messages of the topic, its neighbours, are
accepted, and the message is given up once it was refused three times with accepted neighbours in between.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from rackflow.outbox import Which

# First and longest pause before a refused topic is tried again. It doubles while the topic is refused: the collector may be back
# within a second after a restart, a wrong access rule is corrected by a person, within minutes or days. Chosen values.
RETRY_S: Final = (1.0, 30.0)
# After this many refusals, with an accepted neighbour between each two, a message is at fault and not its topic. Two could be an access
# rule that was changed and changed back; nobody changes one three times within the pauses above.
MAX_REFUSALS: Final = 3
# Refused messages remembered for each topic: as many as may be in flight, see WINDOW in connection.py.
MAX_REMEMBERED: Final = 32

# Reason codes of MQTT 5 (2.4) and the words for them in metrics and in the agent's status.
NO_SUBSCRIBERS: Final = 0x10
PACKET_TOO_LARGE: Final = 0x95
QUOTA: Final = 0x97
PAYLOAD_INVALID: Final = 0x99
REASON_NAMES: Final[Mapping[int, str]] = {NO_SUBSCRIBERS: "unheard", 0x87: "not_authorized", QUOTA: "quota"}
OTHER_REASON: Final = "refused"
# Reasons that never concern a single message: subscribers and quotas change from one moment to the next.
NEVER_ABOUT_A_MESSAGE: Final = frozenset({NO_SUBSCRIBERS, QUOTA})

# The level of a topic that has its kind, see rackflow/topics.py.
KIND_LEVEL: Final = 4

SentKey: TypeAlias = int | str
"""Names what was sent: the key of a message in the outbox, or the topic of a retained document."""
Verdict: TypeAlias = Literal["new", "again", "message"]
"""What a refusal says: a topic is refused for the first time; it is still refused; or the message is at fault and not the topic."""


@dataclass(slots=True)
class Refusal:
    """One topic that is refused, or was released a short time ago."""

    code: int
    """Reason code of MQTT, and the words for it."""
    text: str
    pause_s: float
    next_s: float
    """When it is tried again; of a released topic, when it is forgotten."""
    is_refused: bool = True
    may_probe: bool = False
    """Whether one message may be sent now, to find out whether the topic is still refused."""
    probe: SentKey | None = None
    """That message, until the broker answers it."""
    tries: int = 0
    """Probes since the topic was refused."""

    @property
    def reason(self) -> str:
        """The word for its reason code in metrics and in the agent's status."""
        return REASON_NAMES.get(self.code, OTHER_REASON)


@dataclass(slots=True)
class _RefusedMessage:
    """How often a message was refused although its neighbours (messages of the same topic) are accepted."""

    accepted_before: int
    """How many neighbours had been accepted when it was last refused."""
    count: int
    """How many of its refusals had a neighbour accepted since the refusal before."""


def kind_of(topic: str) -> str:
    """`batch`, `event`, `device` or `status`."""
    return topic.split("/")[KIND_LEVEL]


class Refusals:
    """Refused topics. `draw` gives random numbers in [0, 1)."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._topics: dict[str, Refusal] = {}
        """Includes topics that were released a short time ago: if one is refused again at once, its pause goes on growing."""
        self._messages: dict[str, dict[SentKey, _RefusedMessage]] = {}
        """By topic: its messages that were refused and not accepted since, the oldest refusal first."""
        self._accepted: dict[str, int] = {}
        """How many messages were accepted of each topic in `_messages`."""

    def __len__(self) -> int:
        return sum(each.is_refused for each in self._topics.values())

    def refused_topics(self) -> dict[str, Refusal]:
        """The refused topics."""
        return {topic: each for topic, each in self._topics.items() if each.is_refused}

    def count_by_reason(self) -> dict[str, int]:
        """How many topics are refused, by the word for the reason; 0 for reasons that none is refused for."""
        counts = dict.fromkeys((*REASON_NAMES.values(), OTHER_REASON), 0)
        for each in self.refused_topics().values():
            counts[each.reason] += 1
        return counts

    def admits(self, topic: str, key: SentKey) -> bool:
        """Whether something may be sent to this topic now. True once per probe if refused: the caller must send then."""
        each = self._topics.get(topic)
        if each is None or not each.is_refused:
            return True
        if not each.may_probe:
            return False
        each.may_probe, each.probe = False, key
        return True

    def note_refused(self, topic: str, key: SentKey, code: int, text: str, now_s: float) -> Verdict:
        """The broker has refused something. The verdict `message` does not change the state of the topic."""
        each = self._topics.get(topic)
        if code not in NEVER_ABOUT_A_MESSAGE and self._is_at_fault(topic, key):
            if each is not None and each.probe == key:
                each.probe, each.next_s = None, now_s
            return "message"
        if each is None:
            self._topics[topic] = Refusal(code, text, RETRY_S[0], now_s + self._jitter(RETRY_S[0]))
            return "new"
        is_new = not each.is_refused
        # Messages that were already in flight at the first refusal are not probes, so they do not lengthen the pause.
        each.tries = 0 if is_new else each.tries
        if is_new or each.probe == key:
            each.pause_s = min(2 * each.pause_s, RETRY_S[1])
            each.next_s = now_s + self._jitter(each.pause_s)
            each.is_refused, each.probe, each.may_probe = True, None, False
        each.code, each.text = code, text
        return "new" if is_new else "again"

    def note_accepted(self, topic: str, key: SentKey, now_s: float) -> list[str]:
        """The broker has accepted something. Returns the topics that are no longer refused."""
        if (refused := self._messages.get(topic)) is not None:
            refused.pop(key, None)
            self._accepted[topic] += 1
            if not refused:
                del self._messages[topic], self._accepted[topic]
        each = self._topics.get(topic)
        # Only a probe counts: any other message was sent before the topic was refused, and may have been accepted before that, too.
        if each is None or not each.is_refused or each.probe != key:
            return []
        same = kind_of(topic), each.code
        released = [name for name, other in self.refused_topics().items() if (kind_of(name), other.code) == same]
        for name in released:
            other = self._topics[name]
            other.is_refused, other.probe, other.may_probe, other.next_s = False, None, False, now_s + 2 * other.pause_s
        return released

    def due(self, now_s: float, most: int) -> list[tuple[str, Which]]:
        """Topics to try now, and which message of each: the oldest and the newest in turn, since one of them may be at fault."""
        found: list[tuple[str, Which]] = []
        for topic, each in sorted(self._topics.items(), key=lambda item: item[1].next_s):
            if each.next_s > now_s or len(found) >= most:
                break
            if not each.is_refused:
                del self._topics[topic]
            elif each.probe is None:
                each.may_probe = True
                each.tries += 1
                # In case nothing is sent. If something is, the answer to it decides when to try again.
                each.next_s = now_s + each.pause_s
                in_turn: tuple[Which, Which] = ("oldest", "newest")
                if each.code == PAYLOAD_INVALID:  # says that the refused message is at fault: its neighbour comes first
                    in_turn = ("newest", "oldest")
                found.append((topic, in_turn[(each.tries - 1) % 2]))
        return found

    def clear(self) -> list[str]:
        """Forget everything, because another broker is used. Returns the topics that were refused."""
        topics = list(self.refused_topics())
        for each in (self._topics, self._messages, self._accepted):
            each.clear()
        return topics

    def disconnected(self) -> None:
        """The connection has ended and probes in flight are lost. Pauses stay: a topic may be why the broker ends connections."""
        for each in self._topics.values():
            each.probe, each.may_probe = None, False

    def _is_at_fault(self, topic: str, key: SentKey) -> bool:
        """Note that a message was refused. Returns whether the message is at fault, and not its topic."""
        refused = self._messages.setdefault(topic, {})
        accepted = self._accepted.setdefault(topic, 0)
        # The first refusal counts, too, so a new message starts with a count that any number of accepted neighbours exceeds.
        message = refused.pop(key, None) or _RefusedMessage(accepted_before=-1, count=0)
        if accepted > message.accepted_before:
            message.count += 1
        if message.count >= MAX_REFUSALS:
            if not refused:
                del self._messages[topic], self._accepted[topic]
            return True
        message.accepted_before = accepted
        refused[key] = message
        if len(refused) > MAX_REMEMBERED:
            del refused[next(iter(refused))]
        return False

    def _jitter(self, pause_s: float) -> float:
        return pause_s * (0.5 + self._draw() / 2)
