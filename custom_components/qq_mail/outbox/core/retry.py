"""How long to wait, in seconds: after a failure, a refused login, a rate limit."""

from typing import Final

from .models import DAY, HOUR, MINUTE, Level

BACK_OFF: Final = tuple(minutes * MINUTE for minutes in (1, 2, 5, 15, 30, 60))
"""After the first failure, the second, …; the last one repeats."""
JITTER: Final = 0.1
"""Share of a back-off that chance may add, so that houses do not march in step."""

LOGIN_PAUSE: Final = 15 * MINUTE
"""After a refused login: each further one counts against QQ's login limit."""
LOGIN_INTERVALS: Final = (HOUR, 6 * HOUR, DAY)
"""Between logins once a new code was asked for: the old one may come to work again."""

RATE_LIMIT_PAUSE: Final = HOUR
"""After a rate-limit reply, doubling each time: every try prolongs the refusal."""
MAX_RATE_LIMIT_PAUSE: Final = 6 * HOUR
LONGEST_PAUSE: Final = max(*LOGIN_INTERVALS, MAX_RATE_LIMIT_PAUSE)

LOGIN_CHECK_INTERVAL: Final = DAY
"""So often a login is tried if no message did it: a code is revoked silently."""

MAX_UNANSWERED: Final = 3
"""So often all of a message is sent without an answer before it is given up."""

MAX_SESSIONS: Final = 3
"""At once: QQ counts connections, and one is the rule."""
MAX_SESSIONS_OF_HIGHEST: Final = 10
PATIENCE: Final = 10.0
"""So long a message waits for one that is just being sent."""
PATIENCE_OF_IMPORTANT: Final = 3.0
"""So long if it is more important than that one, or of the highest priority."""

TAKEN_OVER_AFTER: Final = {Level.BELOW: 60.0, Level.HIGH: 60.0, Level.HIGHEST: 20.0}
"""So long an account has to send a message before another one takes it over."""
COPIED_AFTER: Final = 60.0
"""So long an alarm's text is on its way before another account sends it as well."""


def back_off(failures: int, chance: float) -> float:
    """Return the wait after so many failures; chance is between 0 and 1."""
    step = BACK_OFF[min(max(failures, 1), len(BACK_OFF)) - 1]
    return round(step * (1 + JITTER * chance), 3)
