"""Floods: so many alerts were raised that they are being merged."""

import pytest

from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import Message, Part

from .play import Core, message

PACE = Settings(burst=1, per_minute=2, per_day=0)
"""One at once, then two within a minute."""
DIGEST_ID = f"{900:026}"


def parts_of(messages: list[Message]) -> tuple[Part, ...]:
    """Return messages as parts of a digest."""
    return tuple(Part(one.queue_id, one.subject, one.tag) for one in messages)


APART = [
    pytest.param({"restored": True}, id="from a backup"),
    pytest.param({"in_data": True}, id="the server may have it"),
    pytest.param({"in_memory": True}, id="not on disk"),
    pytest.param({"failures": 1}, id="failed for its own sake"),
    pytest.param({"unanswered": 1}, id="sent without an answer"),
    pytest.param({"alone": True}, id="could not be merged before"),
    pytest.param(
        {"parts": parts_of([message(901, Core().now)])}, id="a digest already"
    ),
]
"""What a message has that is not merged, however important it is."""


class Flood(Core):
    """A core at which some were raised while the minute's place was taken."""

    def __init__(
        self, number: int = 4, settings: Settings = PACE, **values: object
    ) -> None:
        """Have one go out, and so many others wait until it is their turn."""
        super().__init__(settings)
        self.before = self.take()
        self.flood = [self.take(**values) for _ in range(number)]
        self.accept(self.before)
        if not self.in_progress:
            # What is most important does not wait for its turn.
            self.sleep()

    @property
    def first(self) -> str:
        """By which its merging is known."""
        return self.flood[0].queue_id

    def made(self, **values: object) -> Message:
        """Return what is made of the flood."""
        parts = parts_of(self.flood)
        return message(900, self.now, parts=parts, subject="Digest", **values)

    def be_merged(self, **values: object) -> Message:
        """Have the digest made."""
        made = self.made(**values)
        self.happen("merged", self.first, made)
        return made
