"""Send mail from Home Assistant by a QQ Mail account."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import CONF_TIMEOUT, EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.helpers.typing import ConfigType
from homeassistant.util import dt as dt_util
from homeassistant.util.ssl import client_context

from .answered import async_hear_discarded, async_hear_outcome, async_setup_logbook
from .buttons import async_answers, async_setup_view, get_answers
from .const import DOMAIN, LOGINS_PER_HOUR
from .content.attachments.folder import remove_all
from .coordinator import (
    SIGNAL_OUTBOX_EVENT,
    QQMailConfigEntry,
    QQMailCoordinator,
    QQMailRuntimeData,
    account_from,
)
from .loading import async_load_sending, async_load_soon
from .notify import async_remove_action
from .options import option
from .outbox.clock import read_clock
from .outbox.manager import Settings
from .outbox.merging import WriteDigest
from .outbox.outbox import DATA_OUTBOXES, Outbox
from .outbox.outcome import OutboxEvent
from .outbox.pace import Pace
from .outbox.spool import Spool
from .repairs import async_tell_removed, async_watch
from .repeating import (
    alerts_counted,
    async_end_repeats,
    async_remove_repeats,
    async_resume_repeats,
    async_setup_acknowledge,
    async_stop_repeats,
)
from .services import async_setup_services
from .takeover.card import async_offer
from .takeover.leftover import async_watch_leftover
from .texts import Texts, async_texts

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NOTIFY,
    Platform.SENSOR,
]


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Register what stays while accounts come and go: the actions, the buttons' page."""
    async_setup_services(hass)
    await async_setup_view(hass)
    async_setup_logbook(hass)
    async_setup_acknowledge(hass)
    # Before any account is there that could download.
    await hass.async_add_executor_job(remove_all, hass)
    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, partial(_async_stop, hass))
    async_at_started(hass, async_offer)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> bool:
    """Set up an account. It needs no connection: an alert may come at any time."""
    options = entry.options
    account = account_from(entry.data, option(options, CONF_TIMEOUT))
    settings = Settings(
        pace=Pace(
            option(options, "burst"),
            option(options, "messages_per_minute"),
            option(options, "messages_per_day"),
            LOGINS_PER_HOUR,
        ),
        expires_after=timedelta(hours=option(options, "expires_after")),
        digest=partial(_async_digest_writer, hass, entry)
        if option(options, "digest")
        else None,
        late_note=partial(_late_note, await async_texts(hass)),
    )
    # An outbox outlives the loading of its entry: what is in the air, and who waits for
    # it, is not to notice that an option was changed.
    outboxes = hass.data.setdefault(DATA_OUTBOXES, {})
    outbox = outboxes.get(entry.entry_id)
    if outbox:
        outbox.configure(account, settings)
    else:
        outbox = Outbox(
            hass,
            account,
            client_context(),
            spool_of(hass, entry),
            settings,
            ask_for_code=partial(entry.async_start_reauth, hass),
            stop_asking=partial(_async_stop_asking, hass, entry),
        )
        await outbox.async_load()
        outboxes[entry.entry_id] = outbox
        outbox.async_add_listener(partial(_async_tell_triggers, hass, entry))
        answers = get_answers(hass)
        outbox.async_add_listener(partial(async_hear_outcome, answers))
        outbox.async_add_discard_listener(partial(async_hear_discarded, answers))
        async_watch(hass, entry, outbox)
        await async_resume_repeats(hass, entry, outbox)
    entry.runtime_data = QQMailRuntimeData(
        outbox,
        QQMailCoordinator(
            hass, entry, outbox, partial(alerts_counted, hass, entry.entry_id)
        ),
    )
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    if not outbox.running:
        # After a flow the login was checked a moment ago.
        outbox.start(check_login=not hass.is_running)
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    entry.async_on_unload(async_at_started(hass, async_load_soon))
    async_watch_leftover(hass, entry)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> bool:
    """Take the account's entities away; the rest waits whether it is loaded anew."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    hass.async_create_task(_async_end_unless_loaded(hass, entry))
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Remove what waits together with the account, and tell how much that was."""
    outbox = hass.data.get(DATA_OUTBOXES, {}).get(entry.entry_id)
    if outbox:
        outbox.abandon()
    answers = await async_answers(hass)
    answers.revoke_entry(entry.entry_id)
    await answers.async_save()
    await _async_end(hass, entry)
    spool = spool_of(hass, entry)
    if outbox:
        dropped = outbox.messages()
    else:
        # The account may have been disabled.
        loaded = await hass.async_add_executor_job(spool.load, read_clock())
        dropped = list(loaded.queue)
    async_tell_removed(hass, entry, dropped)
    await async_remove_repeats(hass, entry)
    await hass.async_add_executor_job(spool.delete)


async def _async_end_unless_loaded(
    hass: HomeAssistant, entry: QQMailConfigEntry
) -> None:
    """End what outlives a reload, if there was none: the account was disabled."""
    # Held until the reload is over, if this is one.
    async with entry.setup_lock:
        if entry.state is not ConfigEntryState.LOADED:
            await _async_end(hass, entry)


async def _async_end(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Let an account's outbox end in good order, and its action go."""
    await async_remove_action(hass, entry)
    outboxes = hass.data.get(DATA_OUTBOXES, {})
    if outbox := outboxes.get(entry.entry_id):
        await async_end_repeats(hass, entry)
        await outbox.async_stop()
        await outbox.async_close()
        outboxes.pop(entry.entry_id, None)


async def _async_stop(hass: HomeAssistant, _event: Event) -> None:
    """Stop with Home Assistant; what is raised in the last moment is still kept."""
    async_stop_repeats(hass)
    outboxes = hass.data.get(DATA_OUTBOXES, {}).values()
    await asyncio.gather(*(outbox.async_stop() for outbox in outboxes))


def spool_of(hass: HomeAssistant, entry: QQMailConfigEntry) -> Spool:
    """Return the account's own folder."""
    return Spool(Path(hass.config.path(STORAGE_DIR, DOMAIN, entry.entry_id)))


async def _async_reload(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Load anew after any change; the flows leave it to this listener."""
    hass.config_entries.async_schedule_reload(entry.entry_id)


@callback
def _async_stop_asking(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Withdraw the question for a new code: the old one works again."""
    for flow in list(entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
        hass.config_entries.flow.async_abort(flow["flow_id"])


@callback
def _async_tell_triggers(
    hass: HomeAssistant, entry: QQMailConfigEntry, event: OutboxEvent | None
) -> None:
    """Pass an outcome on to automations, which know accounts by their entries."""
    if event:
        async_dispatcher_send(hass, SIGNAL_OUTBOX_EVENT, entry, event)


async def _async_digest_writer(
    hass: HomeAssistant, entry: QQMailConfigEntry
) -> WriteDigest:
    """Load what makes one message of many, which most accounts never need."""
    await async_load_sending(hass)
    from .calls.send import async_digest_writer  # noqa: PLC0415 - loaded just before, by a thread

    outbox = hass.data[DATA_OUTBOXES][entry.entry_id]
    return await async_digest_writer(hass, entry, outbox)


def _late_note(texts: Texts, created: datetime, late: timedelta) -> str:
    """Say in Home Assistant's language when an alert was raised."""
    return texts(
        "late",
        time=f"{dt_util.as_local(created):%Y-%m-%d %H:%M}",
        minutes=str(round(late.total_seconds() / 60)),
    )
