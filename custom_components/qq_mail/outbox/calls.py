"""The calls that wait for the first attempts of their messages."""

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from .events import Release
from .message import QueuedMessage
from .outcome import OutboxEvent, Receipt


@dataclass(eq=False, slots=True, weakref_slot=True)
class Call:
    """A call that waits for the first attempt of its message."""

    receipt: Receipt
    tried: asyncio.Event = field(default_factory=asyncio.Event)


class Calls:
    """Finds who waits for a message. A call that was cancelled drops out by itself."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._calls = WeakValueDictionary[str, Call]()

    def open(self, message: QueuedMessage) -> Call:
        """Return the call for a message; it is known for as long as that is held."""
        receipt = Receipt(
            queue_id=message.queue_id,
            message_id=message.message_id,
            recipients=message.recipients,
        )
        call = self._calls[message.queue_id] = Call(receipt)
        return call

    def note(self, event: OutboxEvent) -> None:
        """Write an outcome down for the call that it concerns."""
        if call := self._calls.get(event.queue_id):
            call.receipt.events.append(event)

    def release(self, queue_id: str, why: Release) -> None:
        """Let the call return that waits for a message, if one does."""
        if call := self._calls.get(queue_id):
            call.receipt.for_digest |= why.for_digest
            call.tried.set()

    def release_all(self, but: Container[str] = ()) -> None:
        """Let calls return whose messages will not be tried for a while."""
        for queue_id, call in list(self._calls.items()):
            if queue_id not in but:
                call.tried.set()
