"""Which messages can become one digest, which are becoming one, and who is flooded."""

from .limits import people_of
from .models import Group, Merge, Message


class Groups:
    """Knows of each message whom it could be merged with, at the same cost for all."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self.merging: dict[str, Merge] = {}
        """By the queue id of the first of each."""
        self.floods: dict[Group, float] = {}
        """Until when the next of a group wait for each other; steady seconds."""
        self.digests: dict[str, str] = {}
        """By queue ids: the digests that messages have become a part of."""
        self.owned: dict[str, Merge] = {}
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

    def own(self, merge: Merge) -> None:
        """Begin to merge."""
        self.merging[merge.queue_ids[0]] = merge
        self.owned |= dict.fromkeys(merge.queue_ids, merge)

    def end(self, first: str) -> Merge | None:
        """Let go of what was being merged; None: that was given up before."""
        merge = self.merging.pop(first, None)
        for queue_id in merge.queue_ids if merge else ():
            del self.owned[queue_id]
        return merge

    def _alike(self, group: Group, *, any_tag: bool) -> list[dict[str, None]]:
        if not any_tag:
            return [self._waiting.get(group, {})]
        return [each for other, each in self._waiting.items() if other[:2] == group[:2]]


def group_of(message: Message) -> Group:
    """Return with whom a message could be merged."""
    return (message.level, people_of(message.recipients), message.tag)
