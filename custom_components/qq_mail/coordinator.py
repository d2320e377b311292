"""What belongs to a config entry while it is loaded."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, override

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.event import async_track_time_change
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util.signal_type import SignalType

from .const import CONF_ENCRYPTION, DOMAIN, LOGGER
from .content.errors import field_error
from .outbox.outbox import Outbox
from .outbox.outcome import OutboxEvent, Outcome
from .smtp.models import Account, Encryption
from .smtp.replies import Cause

_RELOAD_TIMEOUT = 30.0
"""Seconds that a call waits for its account to be loaded anew."""

type QQMailConfigEntry = ConfigEntry[QQMailRuntimeData]

SIGNAL_OUTBOX_EVENT: SignalType[QQMailConfigEntry, OutboxEvent] = SignalType(
    f"{DOMAIN}_outbox_event"
)
"""Every outcome of every account, for whoever does not belong to an entry."""


@dataclass
class QQMailRuntimeData:
    """The loaded entry's outbox, and what the entities show of it."""

    outbox: Outbox
    coordinator: QQMailCoordinator


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxView:
    """What the entities show."""

    queued: int
    repeats: int
    """Alerts that were counted and not sent, of which nobody was told yet."""
    accepted_today: int
    last_accepted: datetime | None
    next_attempt: datetime | None
    pace: float | None
    """Messages a minute; None: as fast as QQ takes them."""
    left_today: int | None
    """Messages of what may go out within 24 hours; None: there is no limit."""
    problem: Cause | Literal[Outcome.EXPIRED] | None
    """Why nothing goes out, or that something never did."""
    until: datetime | None
    """When the problem ends by itself, where that is known."""


class QQMailCoordinator(DataUpdateCoordinator[OutboxView]):
    """Passes what is seen of an outbox on to the entities, whenever it changes."""

    config_entry: QQMailConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: QQMailConfigEntry,
        outbox: Outbox,
        repeats: Callable[[], int],
    ) -> None:
        """Listen to the outbox until the entry is unloaded; `repeats` counts alerts."""
        super().__init__(
            hass, LOGGER, config_entry=config_entry, name=f"{DOMAIN} outbox"
        )
        self._outbox = outbox
        self._repeats = repeats
        self._expired = False
        self.data = self._view()
        config_entry.async_on_unload(outbox.async_add_listener(self._hear))
        config_entry.async_on_unload(
            # The count of the day falls to zero although nothing happens.
            async_track_time_change(hass, self._begin_day, hour=0, minute=0, second=0)
        )

    @override
    async def _async_update_data(self) -> OutboxView:
        """Answer homeassistant.update_entity; nothing here is polled."""
        return self._view()

    @callback
    def _hear(self, event: OutboxEvent | None) -> None:
        if event and event.outcome in (Outcome.ACCEPTED, Outcome.EXPIRED):
            self._expired = event.outcome is Outcome.EXPIRED
        self._pass_on()

    @callback
    def _begin_day(self, _: datetime) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        view = self._view()
        if view != self.data:
            self.async_set_updated_data(view)

    def _view(self) -> OutboxView:
        rest = self._outbox.rest
        expired: Literal[Outcome.EXPIRED] | None = (
            Outcome.EXPIRED if self._expired else None
        )
        return OutboxView(
            queued=len(self._outbox),
            repeats=self._repeats(),
            accepted_today=self._outbox.accepted_today,
            last_accepted=self._outbox.last_accepted,
            next_attempt=self._outbox.next_attempt,
            pace=self._outbox.pace,
            left_today=self._outbox.left_today,
            problem=rest.cause if rest else expired,
            until=rest.until if rest else None,
        )


def account_from(data: Mapping[str, Any], timeout: float) -> Account:
    """Read an entry's data, or what is to become it; the timeout is in seconds."""
    return Account(
        username=data[CONF_USERNAME],
        password=data[CONF_PASSWORD],
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        encryption=Encryption(data[CONF_ENCRYPTION]),
        timeout=timeout,
    )


async def async_loaded(entry: QQMailConfigEntry) -> Outbox:
    """Return an account's outbox; one that is just being loaded anew is waited for.

    Raises ServiceValidationError.
    """
    if entry.state is not ConfigEntryState.LOADED and entry.setup_lock.locked():
        with suppress(TimeoutError):
            async with asyncio.timeout(_RELOAD_TIMEOUT), entry.setup_lock:
                pass
    if entry.state is not ConfigEntryState.LOADED:
        raise not_loaded(entry)
    return entry.runtime_data.outbox


def not_loaded(entry: ConfigEntry) -> ServiceValidationError:
    """Return why an account cannot be used now."""
    disabled = entry.disabled_by is not None
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key="account_disabled" if disabled else "account_not_loaded",
        translation_placeholders={"account": entry.title},
    )


async def async_settled(entries: list[QQMailConfigEntry]) -> None:
    """Wait for accounts that are just being loaded anew: their entities come back."""

    async def wait_for(entry: QQMailConfigEntry) -> None:
        with suppress(ServiceValidationError):
            await async_loaded(entry)

    await asyncio.gather(*map(wait_for, entries))


def being_loaded(hass: HomeAssistant) -> list[QQMailConfigEntry]:
    """Return the accounts that will be there in a moment."""
    return [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN, include_disabled=False)
        if entry.state is not ConfigEntryState.LOADED
    ]


def called_entries(
    hass: HomeAssistant, entry_id: str | None
) -> list[QQMailConfigEntry]:
    """Return the account with this id, or all that are loaded.

    Raises ServiceValidationError where that is none.
    """
    entries: list[QQMailConfigEntry] = [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN)
        if entry_id in (None, entry.entry_id)
    ]
    loaded = [entry for entry in entries if entry.state is ConfigEntryState.LOADED]
    if not loaded:
        # Of one that is enabled there is more to say.
        entries.sort(key=lambda entry: bool(entry.disabled_by))
        raise not_loaded(entries[0]) if entries else field_error("account_not_found")
    return loaded
