"""Decides how often a request is sent to an SNMP device, and how long each try waits for the answer. No I/O; `now_s` is the loop's clock.

The configuration gives the number of tries and their timeout. To a device that answers fast, the request is sent once more before these,
and that early try waits only briefly: a network that loses every tenth datagram loses the request or the answer of each fifth request.
With two tries of the full timeout alone, a device whose opening takes 75 requests was never opened there, and each loss cost a poll of a
1 s class.
"""

from typing import Final, Literal, TypeAlias

from agent.snmp.seam import SnmpTarget

# An early try is not shorter than QUICK_S, nor than TIMES_SLOWEST times the slowest answer lately: a card that answers one request after
# the other must not get a queue of them. Chosen values.
QUICK_S: Final = 0.5
TIMES_SLOWEST: Final = 4.0
# Factor per GET by which a slow moment is forgotten, within some 20 GETs. Chosen value.
FADE: Final = 0.9
# For how long a device gets no early tries after one that was answered late: it takes long for some requests only. And how long the slowest
# step of a walk counts: a single slow moment must not deny a device its early tries for ever. Tables are walked each hour. Chosen value.
PATIENT_S: Final = 3600.0

# Further tries of a request of an opening in which the device has answered. A network that loses three datagrams of ten, each way, loses
# all three tries of every eighth request. Most polls succeed there, and the opening of a PDU, which takes some 57 requests, never did.
# Chosen: with these, every hundredth request is lost.
OF_AN_OPENING: Final = 4

Asked: TypeAlias = Literal["get", "next row", "getnext", "other"]
"""What a request asks for: objects, the next row of a walk, one row by GETNEXT, or anything else, which is as fast as a GET."""


class TryTimeouts:
    """The timeouts of the tries of each request to one device, from what the configuration says and how fast the device answers."""

    def __init__(self, target: SnmpTarget) -> None:
        self.configured_s = (target.timeout_s,) * (target.retries + 1)
        """Seconds of each try, without an early one."""
        # Without retries, the configuration wants each request to be sent once.
        self._longest_early_s = target.timeout_s / 2 if target.retries else 0.0
        # The longest time that an answer took, by what was asked: of GETs, lately; of steps of a walk, within an hour, because most rows
        # come with the one before them, and would make a slow one forgotten. And when that was.
        self._slowest_s: dict[Asked, float] = {}
        self._slowest_at_s: dict[Asked, float] = {}
        self._patient_until_s = 0.0

    def early_s(self, asked: Asked, now_s: float) -> float:
        """Seconds of the early try of a request; 0 if it gets none. An early one is at most half as long as those of `configured_s`."""
        slowest_s = self._slowest_s.get("get" if asked == "other" else asked, 0.0)
        early_s = self._short_s(slowest_s)
        is_fast = slowest_s > 0 and early_s <= self._longest_early_s and now_s >= self._patient_until_s
        return early_s if is_fast else 0.0

    def tries_s(self, early_s: float, *, is_patient: bool) -> tuple[float, ...]:
        """Seconds of each try of a request. `early_s` is what `early_s` has returned; `is_patient`: OF_AN_OPENING."""
        tries_s = (early_s, *self.configured_s) if early_s else self.configured_s
        return tries_s + (early_s or self.configured_s[0],) * self.further(is_patient=is_patient)

    def further(self, *, is_patient: bool) -> int:
        """The number of further tries of a request."""
        # Without retries, the configuration wants each request to be sent once.
        return OF_AN_OPENING if is_patient and len(self.configured_s) > 1 else 0

    @property
    def usual_s(self) -> float:
        """Seconds of all tries of a request outside of an opening."""
        return self._longest_early_s + sum(self.configured_s)

    @property
    def brief_s(self) -> float:
        """Seconds in which a GET is answered, going by the last ones, if it is not lost."""
        return min(self._short_s(self._slowest_s.get("get", 0.0)), self.configured_s[0])

    @staticmethod
    def _short_s(slowest_s: float) -> float:
        return max(QUICK_S, slowest_s * TIMES_SLOWEST)

    def answered(self, asked: Asked, took_s: float, now_s: float) -> None:
        """Note how many seconds an answer took."""
        if asked == "other":
            return
        known_s = self._slowest_s.get(asked, 0.0)
        if asked == "get":
            known_s *= FADE
        elif now_s - self._slowest_at_s.get(asked, now_s) >= PATIENT_S:
            known_s = 0.0
        self._slowest_s[asked] = max(took_s, known_s)
        if took_s >= known_s:
            self._slowest_at_s[asked] = now_s

    def was_too_early(self, now_s: float) -> None:
        """The answer to an early try came after it had ended, or may have: make none for a while."""
        self._patient_until_s = now_s + PATIENT_S
