"""What people write in answer to mails, and who wants to know it."""

from collections.abc import Callable
from dataclasses import dataclass

from homeassistant.core import CALLBACK_TYPE, callback

from ..buttons.models import Mail
from ..const import LOGGER


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to a mail that presses no button."""

    mail: Mail
    sender: str
    """The addr_spec of who wrote it."""
    text: str
    """What the sender wrote, without quotes and signatures; at most 2,000 characters."""
    action: str = ""
    """Of the button that asked for it; empty: none did, or it may be any of several."""


class Replies:
    """Tells automations what people answer."""

    def __init__(self) -> None:
        """Begin with nobody who wants to know."""
        self._listeners: dict[Callable[[Reply], None], Callable[[Reply], bool]] = {}

    @callback
    def async_add_listener(
        self, listener: Callable[[Reply], None], wants: Callable[[Reply], bool]
    ) -> CALLBACK_TYPE:
        """Tell of each answer; `wants` tells which ones are handled."""
        self._listeners[listener] = wants

        @callback
        def remove() -> None:
            self._listeners.pop(listener, None)

        return remove

    @callback
    def tell(self, reply: Reply) -> bool:
        """Tell everyone of an answer; return whether somebody handles it."""
        wanted = [one for one, wants in self._listeners.items() if wants(reply)]
        for listener in wanted:
            try:
                listener(reply)
            except Exception:  # noqa: BLE001 - whatever it is, the others hear of it
                LOGGER.exception("A listener failed at an answer to %s", reply.mail)
        return bool(wanted)
