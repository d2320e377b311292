"""An account by its id: loaded, being loaded, disabled, or away."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import (
    CONF_HOST,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_TIMEOUT,
    CONF_USERNAME,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from .const import (
    CONF_ANSWERS,
    CONF_ENCRYPTION,
    CONF_IMAP_HOST,
    CONF_IMAP_PORT,
    DOMAIN,
    IMAP_HOSTS,
    IMAP_PORT,
)
from .content.errors import field_error
from .options import option
from .outbox.outbox import Outbox
from .smtp.models import Account, Encryption

type QQMailConfigEntry = ConfigEntry[Outbox]

_RELOAD_TIMEOUT = 30.0
"""Seconds that a call waits for its account to be loaded anew."""


def account_from(data: Mapping[str, Any], options: Mapping[str, Any]) -> Account:
    """Read an entry's data and options, or what is to become them."""
    return Account(
        username=data[CONF_USERNAME],
        password=data[CONF_PASSWORD],
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        encryption=Encryption(data[CONF_ENCRYPTION]),
        timeout=option(options, CONF_TIMEOUT),
    )


def imap_account_from(
    data: Mapping[str, Any], options: Mapping[str, Any]
) -> Account | None:
    """Return where an entry's inbox is read for answers.

    None: nobody wants that, or has said where.
    """
    known = IMAP_HOSTS.get(data[CONF_HOST])
    host = known or option(options, CONF_IMAP_HOST)
    if not host or not option(options, CONF_ANSWERS):
        return None
    return replace(
        account_from(data, options),
        host=host,
        port=IMAP_PORT if known else option(options, CONF_IMAP_PORT),
        encryption=Encryption.TLS,
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
    return entry.runtime_data


def not_loaded(entry: ConfigEntry) -> ServiceValidationError:
    """Return why an account cannot be used now."""
    if entry.disabled_by:
        return field_error("account_disabled", account=entry.title)
    return field_error("account_not_loaded", account=entry.title)


async def async_settled(entries: list[QQMailConfigEntry]) -> None:
    """Wait for accounts that are just being loaded anew: their entities come back."""
    await asyncio.gather(*map(async_loaded, entries), return_exceptions=True)


def being_loaded(hass: HomeAssistant) -> list[QQMailConfigEntry]:
    """Return the accounts that will be there in a moment."""
    return [
        entry for entry in enabled(hass) if entry.state is not ConfigEntryState.LOADED
    ]


def enabled(hass: HomeAssistant) -> list[QQMailConfigEntry]:
    """Return the accounts that are not disabled."""
    return hass.config_entries.async_entries(
        DOMAIN, include_disabled=False, include_ignore=False
    )


def called_entries(
    hass: HomeAssistant, entry_id: str | None
) -> list[QQMailConfigEntry]:
    """Return the account with this id, or all that are loaded.

    Raises ServiceValidationError where that is none.
    """
    entries: list[QQMailConfigEntry] = [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        if entry_id in (None, entry.entry_id)
    ]
    loaded = [entry for entry in entries if entry.state is ConfigEntryState.LOADED]
    if not loaded:
        # Of one that is enabled there is more to say.
        entries.sort(key=lambda entry: bool(entry.disabled_by))
        raise not_loaded(entries[0]) if entries else field_error("account_not_found")
    return loaded
