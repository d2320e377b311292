"""How long to wait, in seconds: after a failure, a refused login, a rate limit."""

from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0

BACK_OFF: Final = tuple(minutes * _MINUTE for minutes in (1, 2, 5, 15, 30, 60))
"""After the first failure, the second, …; the last one repeats."""
JITTER: Final = 0.1
"""Share of a back-off that chance may add, so that houses do not march in step."""

LOGIN_PAUSE: Final = 15 * _MINUTE
"""After a refused login: each further one counts against QQ's login limit."""
LOGIN_INTERVALS: Final = (1 * _HOUR, 6 * _HOUR, 24 * _HOUR)
"""Between logins once a new code was asked for: the old one may come to work again."""

RATE_LIMIT_PAUSE: Final = 1 * _HOUR
"""After a rate-limit reply, doubling each time: every try prolongs the refusal."""
MAX_RATE_LIMIT_PAUSE: Final = 6 * _HOUR

LOGIN_CHECK_INTERVAL: Final = 24 * _HOUR
"""So often a login is tried if no message did it: a code is revoked silently."""

MAX_UNANSWERED: Final = 3
"""So often all of a message is sent without an answer before it is given up."""

WORD_BY_WORD: Final = 24 * _HOUR
"""How long nothing goes in one flight with a server that failed at it."""

MAX_SESSIONS: Final = 3
"""At once: QQ counts connections, and one is the rule."""
PATIENCE: Final = 10.0
"""So long a message waits for one that is just being sent."""
PATIENCE_OF_IMPORTANT: Final = 3.0
"""So long if it is more important than that one."""


def back_off(failures: int, chance: float) -> float:
    """Return the wait after so many failures; chance is between 0 and 1."""
    step = BACK_OFF[min(max(failures, 1), len(BACK_OFF)) - 1]
    return round(step * (1 + JITTER * chance), 3)


def rate_limit_pause(pauses: int) -> float:
    """Return the pause after so many others without an accepted message."""
    return min(RATE_LIMIT_PAUSE * 2.0 ** min(pauses, 10), MAX_RATE_LIMIT_PAUSE)


def login_interval(asked: int) -> float:
    """Return the wait for the next login when a code was asked for so often."""
    return LOGIN_INTERVALS[min(max(asked, 1), len(LOGIN_INTERVALS)) - 1]
