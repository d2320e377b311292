"""Alarms, what their callers were told of them, and what must then be true."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from .home_assistant import Channel

HOUR = 3600


class Kind(Enum):
    """What an alarm is, by the fields of its call."""

    PLAIN = auto()
    BUTTONS = auto()
    REMINDER = auto()
    COUNTED = auto()


class Deed(Enum):
    """What is done with an alarm."""

    SEND = auto()
    COUNT = auto()
    PRESS = auto()
    CLEAR = auto()
    DISCARD = auto()


ENDS = {Deed.PRESS, Deed.CLEAR, Deed.DISCARD}
BUTTONS = {
    "actions": [
        {"action": "acknowledge", "title": "Acknowledge"},
        {"action": "close_valve", "title": "Close the valve"},
    ]
}
FIELDS: dict[Kind, dict[str, Any]] = {
    Kind.PLAIN: {},
    Kind.BUTTONS: BUTTONS,
    Kind.REMINDER: {**BUTTONS, "repeat_until_acknowledged": HOUR},
    Kind.COUNTED: {"repeat_after": HOUR},
}


class Page(Enum):
    """What the page of a button shows."""

    ASKS = auto()
    USED = auto()
    GONE = auto()


@dataclass
class Outbox:
    """What get_outbox tells."""

    waiting: set[str]
    reminders: set[str]
    counts: dict[str, int]

    @classmethod
    async def read(cls, channel: Channel) -> Outbox:
        """Ask for it."""
        answer = await channel.response("qq_mail.get_outbox")
        return cls(
            {message["subject"] for message in answer["messages"]},
            {reminder["tag"] for reminder in answer["reminders"]},
            {count["tag"]: count["count"] for count in answer["repeats"]},
        )


@dataclass
class Alarm:
    """An alarm, what was begun with it, and what was told of that."""

    name: str
    """Its title and its tag."""
    kind: Kind
    begun: set[Deed] = field(default_factory=set)
    told: set[Deed] = field(default_factory=set)
    counts_begun: int = 0
    count_told: int = 0
    queue_id: str = ""
    link: str = ""
    busy: bool = False
    is_in_doubt: bool = False
    """Whether something was begun with it, and nobody was told what became of that."""
    checked: int = 0
    """How often, since it was ended."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is done with it."""
        return bool(self.begun & ENDS) or self.is_in_doubt

    def contradictions(
        self, outbox: Outbox, accepted: set[str], page: Page | None
    ) -> Iterator[str]:
        """Say where what is so contradicts what was told."""
        begun, told, name = self.begun, self.told, self.name
        is_kept = Deed.SEND in told and not begun & {Deed.CLEAR, Deed.DISCARD}
        if is_kept and name not in accepted | outbox.waiting:
            yield f"{name} is lost"
        if told & {Deed.CLEAR, Deed.DISCARD} and name in outbox.waiting:
            yield f"{name} waits again after {told}"
        if Deed.DISCARD in told and name in accepted:
            yield f"{name} was sent after it was discarded"
        if told & ENDS and name in outbox.reminders:
            yield f"the reminder of {name} is there again after {told}"
        is_repeated = self.kind is Kind.REMINDER and is_kept and Deed.PRESS not in begun
        if is_repeated and name not in outbox.reminders:
            yield f"the reminder of {name} is lost"
        if self.kind is Kind.COUNTED and is_kept:
            count = outbox.counts.get(name, 0)
            if not self.count_told <= count <= self.counts_begun:
                yield (
                    f"{name} was counted {count} times: told {self.count_told},"
                    f" raised {self.counts_begun}"
                )
        if page and page not in self._pages():
            yield f"the button of {name} {page.name} after {begun}, of which {told}"

    def _pages(self) -> set[Page]:
        """Return what the page of its button may show."""
        if Deed.CLEAR in self.told:
            return {Page.GONE}
        pages = {Page.USED if Deed.PRESS in self.told else Page.ASKS}
        if Deed.PRESS in self.begun:
            pages.add(Page.USED)
        if Deed.CLEAR in self.begun:
            pages.add(Page.GONE)
        return pages
