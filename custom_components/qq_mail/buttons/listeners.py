"""Who is told what people do with mails, and which of it automations handle."""

from collections.abc import Callable

from homeassistant.core import CALLBACK_TYPE, callback

from ..const import LOGGER
from .models import Press, Reply


class ListenersTo[Told: (Press, Reply)]:
    """Tells everyone of something; one that fails does not concern the others."""

    def __init__(self) -> None:
        """Begin with nobody who wants to know."""
        self._listeners: dict[Callable[[Told], None], Callable[[Told], bool]] = {}

    @callback
    def async_add_listener(
        self,
        listener: Callable[[Told], None],
        wants: Callable[[Told], bool] = lambda _: False,
    ) -> CALLBACK_TYPE:
        """Tell of each from now on; `wants` says which ones are handled."""
        self._listeners[listener] = wants

        @callback
        def remove() -> None:
            self._listeners.pop(listener, None)

        return remove

    @callback
    def is_wanted(self, told: Told) -> bool:
        """Say whether a listener handles it."""
        return any(wants(told) for wants in self._listeners.values())

    @callback
    def tell(self, told: Told) -> None:
        """Tell everyone, with nothing that could come between."""
        for listener in list(self._listeners):
            try:
                listener(told)
            except Exception:  # noqa: BLE001 - whatever it is, the others hear of it
                LOGGER.exception(
                    "A listener failed at a press or an answer of %s", told.mail
                )
