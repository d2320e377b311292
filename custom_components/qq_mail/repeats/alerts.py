"""What an alert is known by, and how often the same one was counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
import json
from typing import Self

from ..mime.address import Recipients
from ..mime.models import Priority

_MAX_TITLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What an alert is told by from others, and what a mail about it needs."""

    key: str
    """A hash of what makes it the same alert: its tag, or all that it says and shows; and
    its recipients."""
    tag: str
    title: str
    recipients: Recipients
    priority: Priority

    @classmethod
    def of(
        cls,
        *,
        tag: str,
        title: str,
        texts: tuple[str, ...],
        shown: Iterable[object] = (),
        recipients: Recipients,
        priority: Priority,
    ) -> Self:
        """Return what stands for an alert; its texts are only hashed.

        `shown` are the pictures, entities and charts that it names: the same camera is
        the same, whatever it sees.
        """
        same = [
            ["tag", tag] if tag else ["texts", title, *texts, *map(str, shown)],
            sorted(map(str.lower, recipients.addr_specs)),
        ]
        # Without a title, the text's beginning is what people know it by.
        known_by = " ".join((title or next(filter(None, texts), "")).split())
        return cls(
            key=sha256(json.dumps(same).encode()).hexdigest(),
            tag=tag,
            title=known_by[:_MAX_TITLE],
            recipients=recipients,
            priority=priority,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """How many alerts were not sent, and when they were raised."""

    number: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def plus(self, later: Counted) -> Counted:
        """Return both as one."""
        return Counted(
            self.number + later.number,
            self.first or later.first,
            later.last or self.last,
        )
