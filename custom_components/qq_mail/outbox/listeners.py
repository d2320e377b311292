"""Who is told of what became of messages, and when."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from functools import partial

from homeassistant.core import CALLBACK_TYPE, CoreState, HomeAssistant, callback

from ..const import DOMAIN, LOGGER
from ..started import async_listened
from .core.models import OutboxEvent

_AT_ONCE = 20
"""Messages of a digest that are told of in one turn of the event loop."""
_MOST_MISSED = 1000


class Listeners:
    """Tells an account's listeners of outcomes, once automations can be among them."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.early: list[Callable[[OutboxEvent], None]] = []
        """Told of each outcome when it happens, be it before others can listen."""
        self.discards: list[Callable[[Collection[str]], None]] = []
        """Told which messages are discarded or cleared; of a digest, those in it too."""
        self._hass = hass
        self._listeners: set[Callable[[OutboxEvent | None], None]] = set()
        self._entity: Callable[[OutboxEvent], None] | None = None
        self._missed: deque[OutboxEvent] | None = None
        """What was told while the entry was loaded anew; None: it is not."""
        self._waiting = deque[OutboxEvent]()
        """What is told later, in the order in which it happened."""

    @callback
    def async_add(
        self, listener: Callable[[OutboxEvent | None], None]
    ) -> CALLBACK_TYPE:
        """Tell of each outcome, and by None of any other change."""
        self._listeners.add(listener)
        return partial(self._listeners.discard, listener)

    @callback
    def async_set_entity(self, entity: Callable[[OutboxEvent], None]) -> CALLBACK_TYPE:
        """Tell the account's event entity, also of what it missed in a reload."""
        missed, self._missed = self._missed, None
        self._entity = entity
        for event in missed or ():
            self._call([entity], event)

        @callback
        def remove() -> None:
            self._entity, self._missed = None, deque(maxlen=_MOST_MISSED)

        return remove

    def report(self, event: OutboxEvent) -> None:
        """Tell of an outcome; what Home Assistant's start would hide, after it."""
        self._call(self.early, event)
        starting = self._hass.state in (CoreState.not_running, CoreState.starting)
        if not (self._waiting or starting or event.part):
            self.tell(event)
            return
        self._waiting.append(event)
        if len(self._waiting) == 1:
            # Home Assistant waits for it when it stops, but not to be started.
            begin = (
                self._hass.async_create_background_task
                if starting
                else self._hass.async_create_task
            )
            begin(self._async_tell_waiting(starting=starting), f"{DOMAIN} outcomes")

    def tell(self, event: OutboxEvent | None) -> None:
        """Tell everyone at once."""
        self._call(self._listeners, event)
        if event and self._entity:
            self._call([self._entity], event)
        elif event and self._missed is not None:
            self._missed.append(event)

    def tell_discarded(self, queue_ids: Collection[str]) -> None:
        """Tell who is concerned by what is taken back."""
        self._call(self.discards, queue_ids)

    def _call[E](self, listeners: Iterable[Callable[[E], None]], event: E) -> None:
        for listener in list(listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
                LOGGER.exception("A listener failed at %s", event)

    async def _async_tell_waiting(self, *, starting: bool) -> None:
        if starting:
            await async_listened(self._hass)
        while self._waiting:
            # A digest can be of a thousand.
            await asyncio.sleep(0)
            for _ in range(min(_AT_ONCE, len(self._waiting))):
                self.tell(self._waiting.popleft())
