"""Which messages can become one digest, which are becoming one, and who is flooded."""

from dataclasses import dataclass

from .limits import people_of
from .models import Level, Message

type Group = tuple[Level, str, str]
"""What messages of one digest have in common: level, recipients, and a tag, unless
they go but once an hour."""


@dataclass(eq=False, slots=True)
class Merging:
    """Messages of which a digest is being made: it owns them until that has ended."""

    group: Group
    queue_ids: tuple[str, ...]


class Groups:
    """Knows of each message whom it could be merged with, at the same cost for all."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self.merging: dict[str, Merging] = {}
        """By the queue id of the first of each."""
        self.floods: dict[Group, float] = {}
        """Until when the next of a group wait for each other; steady seconds."""
        self.digests: dict[str, str] = {}
        """By queue ids: the digests that messages have become a part of."""
        self.owned: dict[str, Merging] = {}
        """By queue ids: what is being merged."""
        self._waiting: dict[Group, dict[str, None]] = {}

    def know(self, message: Message) -> None:
        """Note what is known of a message."""
        group, queue_id = group_of(message), message.queue_id
        if message.mergeable:
            self._waiting.setdefault(group, {})[queue_id] = None
        for part in message.parts:
            self.digests[part.queue_id] = queue_id

    def forget(self, message: Message) -> None:
        """Forget a message that is gone."""
        group = group_of(message)
        if waiting := self._waiting.get(group):
            waiting.pop(message.queue_id, None)
            if not waiting:
                del self._waiting[group]
        for part in message.parts:
            self.digests.pop(part.queue_id, None)

    def candidates(self, group: Group, *, any_tag: bool = False) -> list[str]:
        """Return who can be merged, or is being tried and could be afterwards."""
        groups = self._alike(group, any_tag=any_tag)
        return [one for each in groups for one in each if one not in self.owned]

    def size(self, group: Group, *, any_tag: bool = False) -> int:
        """Return how many those are at most, at no cost unless tags do not matter."""
        return sum(map(len, self._alike(group, any_tag=any_tag)))

    def own(self, merging: Merging) -> None:
        """Begin to merge."""
        self.merging[merging.queue_ids[0]] = merging
        self.owned |= dict.fromkeys(merging.queue_ids, merging)

    def end(self, first: str) -> Merging | None:
        """Let go of what was being merged; None: that was given up before."""
        merging = self.merging.pop(first, None)
        if merging:
            for queue_id in merging.queue_ids:
                del self.owned[queue_id]
        return merging

    def _alike(self, group: Group, *, any_tag: bool) -> list[dict[str, None]]:
        if not any_tag:
            return [self._waiting.get(group, {})]
        return [each for other, each in self._waiting.items() if other[:2] == group[:2]]


def group_of(message: Message) -> Group:
    """Return with whom a message could be merged."""
    return (message.level, people_of(message.recipients), message.tag)
