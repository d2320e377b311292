"""Whether an account's mail is held up."""

from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .accounts import QQMailConfigEntry
from .entity import QQMailStateEntity
from .outbox.core.models import Outcome

# The outbox pushes its state; nothing is fetched.
PARALLEL_UPDATES = 0

ATTR_CAUSE: Final = "cause"
ATTR_FALLBACK: Final = "fallback"
ATTR_FALLBACK_SINCE: Final = "fallback_since"
ATTR_UNTIL: Final = "until"


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's binary sensor."""
    async_add_entities([QQMailProblemEntity(entry)])


class QQMailProblemEntity(
    QQMailStateEntity[tuple[str | None, ...]], BinarySensorEntity
):
    """On while something holds up the mail, and after an expiry until one is accepted."""

    entity_description = BinarySensorEntityDescription(
        key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
    )

    @override
    def read(self) -> tuple[str | None, ...]:
        """Return the cause, until when it holds, and who sends instead since when."""
        outbox = self._entry.runtime_data
        cause: str | None = None
        until: datetime | None = None
        if pause := outbox.pause:
            cause, until = pause.cause, pause.until
        elif delay := outbox.delays.current:
            cause, until = delay.plan.reason, outbox.time_of(delay.plan)
        elif outbox.manager.store.unwritten:
            cause = "disk"
        elif outbox.expired:
            cause = Outcome.EXPIRED
        since = outbox.helped_since
        return (
            cause,
            until.isoformat() if until else None,
            outbox.helped_by or None,
            since.isoformat() if since else None,
        )

    @property
    @override
    def is_on(self) -> bool:
        """Return whether there is a problem."""
        return self._shown[0] is not None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return why, until when if that is known, and which account sends instead."""
        cause, until, *helped = self._shown
        shown = {ATTR_CAUSE: cause, ATTR_UNTIL: until}
        if helped[0]:
            shown |= dict(
                zip((ATTR_FALLBACK, ATTR_FALLBACK_SINCE), helped, strict=True)
            )
        return shown
