"""Finds what each account counts or repeats; its room is loaded when there is something."""

from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from .buttons import Click, get_answers
from .const import ACKNOWLEDGE, DOMAIN, LOGGER
from .loading import async_load_sending
from .outbox.outbox import Outbox

# Most accounts have nothing of it.
if TYPE_CHECKING:
    from .repeats.kept import Repeats

_VERSION = 1
_DATA_REPEATS: HassKey[dict[str, Repeats]] = HassKey(f"{DOMAIN}_repeats")
"""By the entries' ids."""


@callback
def repeats_of(hass: HomeAssistant, entry_id: str) -> Repeats | None:
    """Return what an account counts or repeats, if there ever was anything."""
    return hass.data.get(_DATA_REPEATS, {}).get(entry_id)


@callback
def alerts_counted(hass: HomeAssistant, entry_id: str) -> int:
    """Return how many alerts were counted and not told yet."""
    repeats = repeats_of(hass, entry_id)
    return sum(c.untold.number for c in repeats.counting.shown) if repeats else 0


@callback
def async_setup_acknowledge(hass: HomeAssistant) -> None:
    """Hear who has acknowledged an alarm, for as long as the house runs."""

    @callback
    def hear(click: Click) -> None:
        if click.action.lower() == ACKNOWLEDGE:
            acknowledge(hass, click.entry_id, click.queue_id)

    get_answers(hass).async_add_listener(hear)


@callback
def acknowledge(hass: HomeAssistant, entry_id: str, queue_id: str) -> None:
    """Repeat an alarm no longer: somebody answered one of its mails.

    Where several accounts send it under one tag, that is so for all of them.
    """
    repeats = repeats_of(hass, entry_id)
    if repeats and (tag := repeats.reminding.async_acknowledge(queue_id)):
        for other in hass.data[_DATA_REPEATS].values():
            other.reminding.async_end(tag)


async def async_repeats(
    hass: HomeAssistant, entry: ConfigEntry, outbox: Outbox
) -> Repeats:
    """Return what an account counts or repeats, be it nothing yet."""
    await async_load_sending(hass)
    return _made(hass, entry, outbox)


async def async_resume_repeats(
    hass: HomeAssistant, entry: ConfigEntry, outbox: Outbox
) -> None:
    """Go on with what an earlier run has left, whatever the disk makes of it."""
    try:
        stored = await _store(hass, entry).async_load()
    except (HomeAssistantError, OSError) as err:
        LOGGER.error("What was counted or repeated cannot be read: %s", err)
        return
    if not isinstance(stored, dict) or not any(stored.values()):
        return
    if outbox.from_backup:
        # The house that it was copied from goes on with it.
        LOGGER.warning("What was counted or repeated before a backup is left")
        return
    await async_load_sending(hass)
    _made(hass, entry, outbox).async_resume(stored)


@callback
def async_stop_repeats(hass: HomeAssistant) -> None:
    """Let nothing happen any more: Home Assistant stops."""
    for repeats in hass.data.get(_DATA_REPEATS, {}).values():
        repeats.async_stop()


async def async_end_repeats(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Let all of it rest together with the outbox, until the account is loaded again."""
    if repeats := hass.data.get(_DATA_REPEATS, {}).pop(entry.entry_id, None):
        await repeats.async_end()


async def async_remove_repeats(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Forget all of it together with the account."""
    await _store(hass, entry).async_remove()


def _made(hass: HomeAssistant, entry: ConfigEntry, outbox: Outbox) -> Repeats:
    from .calls.send import async_send_again, async_tell_repeats  # noqa: PLC0415 - loaded with the first mail
    from .repeats.kept import Repeats  # noqa: PLC0415 - loaded with the first mail

    known = hass.data.setdefault(_DATA_REPEATS, {})
    if entry.entry_id not in known:
        known[entry.entry_id] = Repeats(
            hass,
            _store(hass, entry),
            outbox,
            partial(async_tell_repeats, hass, entry),
            partial(async_send_again, hass, entry),
        )
    return known[entry.entry_id]


def _store(hass: HomeAssistant, entry: ConfigEntry) -> Store[dict[str, Any]]:
    """Return where an account's is kept: only texts that a mail needs are in it."""
    return Store(
        hass,
        _VERSION,
        f"{DOMAIN}.repeats.{entry.entry_id}",
        private=True,
        atomic_writes=True,
    )
