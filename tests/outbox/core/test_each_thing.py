"""Whatever happens, the scheduler looks at once for what may go by now."""

from typing import Any

import pytest

from custom_components.qq_mail.smtp.models import SubmissionResult

from .play import AWAY, OK, UNLIMITED, Core, message

NOBODY = f"{999:026}"


@pytest.mark.parametrize(
    ("what", "arguments", "named"),
    [
        ("start", (), {"check_login": False}),
        ("configure", (UNLIMITED,), {}),
        ("retry", (NOBODY,), {}),
        ("discard", ((NOBODY,),), {}),
        ("session_opened", (None,), {}),
        ("session_idle", (), {"idle": True}),
        ("submitting", (NOBODY,), {}),
        ("accepted", (NOBODY, SubmissionResult(OK, (), {})), {}),
        ("failed", (NOBODY, AWAY), {}),
        ("broke", (NOBODY, "bug"), {}),
        ("cut", (NOBODY,), {}),
        ("login_failed", (AWAY,), {}),
        ("code_renewed", (), {}),
        ("merged", (NOBODY, message(998, Core().now)), {}),
        ("merge_failed", (NOBODY,), {}),
    ],
)
def test_who_may_go_goes(
    core: Core, what: str, arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Be it of a message that is gone: nothing waits for the next time."""
    waiting = message(1, core.now)
    core.queue.put(waiting)
    core.happen(what, *arguments, **named)
    assert core.attempted == [waiting.subject]
