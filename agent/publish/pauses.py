"""How long to wait between two attempts to connect to the broker. Pure."""

from typing import Final

from rackflow.process.takeover import PAUSE_S

# First and largest ceiling of the pause between connection attempts; the pause itself is drawn from 0 to the ceiling, which doubles
# (full jitter), so that the agents of a site do not all reconnect in the same instant when the broker returns. Chosen values: the
# pause adds about half a second after a restart of the broker, and at most 30 s after a long outage.
RETRY_S: Final = (0.5, 30.0)
# Pause after a failure that only a person can fix (wrong credentials, a bad certificate file, a second client of one name). Trying
# faster would fill the broker's log and may lock the account. Chosen values.
SLOW_RETRY_S: Final = PAUSE_S


class Pauses:
    """The pauses of one publisher with one broker, each as a range to draw from."""

    def __init__(self) -> None:
        self._ceiling_s = RETRY_S[0]

    def after(self, lasted_s: float, *, needs_person: bool) -> tuple[float, float]:
        """The range of the pause after an attempt or a connection that lasted `lasted_s`.

        `needs_person`: only a person can fix the cause.
        """
        # A connection that lasted shows that the broker works, so pauses become short again. One that breaks at once does not.
        if lasted_s > RETRY_S[1]:
            self._ceiling_s = RETRY_S[0]
        span_s = SLOW_RETRY_S if needs_person else (0.0, self._ceiling_s)
        self._ceiling_s = min(self._ceiling_s * 2, RETRY_S[1])
        return span_s
