"""What belongs to a config entry while it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME

from .const import CONF_ENCRYPTION
from .mail.models import Account, Encryption
from .outbox import Outbox

type QQMailConfigEntry = ConfigEntry[QQMailRuntimeData]


@dataclass
class QQMailRuntimeData:
    """The loaded entry's outbox."""

    outbox: Outbox


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
