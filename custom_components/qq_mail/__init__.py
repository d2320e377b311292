"""Send mail from Home Assistant by a QQ Mail account."""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from homeassistant.const import CONF_TIMEOUT, EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util
from homeassistant.util.ssl import client_context

from .const import (
    CONF_BURST,
    CONF_EXPIRES_AFTER,
    CONF_MESSAGES_PER_MINUTE,
    DEFAULT_BURST,
    DEFAULT_EXPIRES_AFTER,
    DEFAULT_MESSAGES_PER_MINUTE,
    DEFAULT_TIMEOUT,
    DOMAIN,
)
from .coordinator import (
    SIGNAL_OUTBOX_EVENT,
    QQMailConfigEntry,
    QQMailCoordinator,
    QQMailRuntimeData,
    account_from,
)
from .message.attachments.downloads import remove_all
from .message.texts import Texts, async_texts
from .outbox.outbox import Outbox
from .outbox.outcome import OutboxEvent
from .outbox.pace import Pace
from .outbox.spool import Spool
from .repairs import async_watch
from .services import async_setup_services

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NOTIFY,
    Platform.SENSOR,
]


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Register the actions, which stay while accounts come and go."""
    async_setup_services(hass)
    # Before any account is there that could download.
    await hass.async_add_executor_job(remove_all, hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> bool:
    """Set up an account. It needs no connection: an alert may come at any time."""
    options = entry.options
    texts = await async_texts(hass)
    outbox = Outbox(
        hass,
        account_from(entry.data, options.get(CONF_TIMEOUT, DEFAULT_TIMEOUT)),
        client_context(),
        spool_of(hass, entry),
        pace=Pace(
            options.get(CONF_BURST, DEFAULT_BURST),
            options.get(CONF_MESSAGES_PER_MINUTE, DEFAULT_MESSAGES_PER_MINUTE),
        ),
        expires_after=timedelta(
            hours=options.get(CONF_EXPIRES_AFTER, DEFAULT_EXPIRES_AFTER)
        ),
        request_new_code=partial(entry.async_start_reauth, hass),
        late_note=partial(_late_note, texts),
    )
    # After a reload, the login was checked by the start or by a flow before it.
    await outbox.async_load(check_login=not hass.is_running)
    entry.runtime_data = QQMailRuntimeData(
        outbox, QQMailCoordinator(hass, entry, outbox)
    )
    entry.async_on_unload(
        outbox.async_add_listener(partial(_async_tell_triggers, hass, entry))
    )
    async_watch(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    outbox.worker.start(
        entry.async_create_background_task(
            hass, outbox.worker.async_run(), f"{DOMAIN} {entry.title} outbox"
        )
    )

    async def stop(_: Event) -> None:
        await outbox.async_stop()

    entry.async_on_unload(hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, stop))
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> bool:
    """Take the account's entities and actions away."""
    # First, so that the entities still hear what becomes of an attempt in the air.
    outbox = entry.runtime_data.outbox
    await outbox.async_stop()
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    await outbox.async_close()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Remove what waits together with the account."""
    await hass.async_add_executor_job(spool_of(hass, entry).delete)


def spool_of(hass: HomeAssistant, entry: QQMailConfigEntry) -> Spool:
    """Return the account's own folder."""
    return Spool(Path(hass.config.path(STORAGE_DIR, DOMAIN, entry.entry_id)))


async def _async_reload(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Load anew after any change; the flows leave it to this listener."""
    hass.config_entries.async_schedule_reload(entry.entry_id)


@callback
def _async_tell_triggers(
    hass: HomeAssistant, entry: QQMailConfigEntry, event: OutboxEvent | None
) -> None:
    """Pass an outcome on to automations, which know accounts by their entries."""
    if event:
        async_dispatcher_send(hass, SIGNAL_OUTBOX_EVENT, entry, event)


def _late_note(texts: Texts, created: datetime, late: timedelta) -> str:
    """Say in Home Assistant's language when an alert was raised."""
    return texts(
        "late",
        time=f"{dt_util.as_local(created):%Y-%m-%d %H:%M}",
        minutes=str(round(late.total_seconds() / 60)),
    )
