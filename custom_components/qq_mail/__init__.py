"""Send mail from Home Assistant by a QQ Mail account."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.helpers.typing import ConfigType
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.ssl import client_context

from .accounts import QQMailConfigEntry, account_from, imap_account_from
from .answers.watching import Answers
from .buttons.view import ButtonView
from .calls.house import DATA_HOUSE, SIGNAL_OUTBOX, House, Rooms
from .calls.send import async_send_again, async_tell_counted
from .const import CONF_FALLBACK, DOMAIN
from .content.attachments.fetching import remove_all
from .content.digest import DigestWriter
from .fallback import async_review
from .history import History
from .log_entries import async_log_outcomes, async_setup_log_entries
from .notify import async_remove_action
from .options import option
from .outbox.core.limits import Settings as Limits
from .outbox.core.models import Level, OutboxEvent, Outcome
from .outbox.outbox import Outbox
from .outbox.view import Settings
from .page.commands import async_setup_page
from .page.panel import async_remove_panel, async_show_panel
from .repairs import AccountIssues, async_tell_removed, async_watch_presses
from .repeats.duplicates import Duplicates
from .repeats.reminders import Reminders
from .sending.submit import budget
from .services import async_setup_services
from .store import Store
from .takeover.leftover import async_watch_leftover
from .takeover.source import async_offer
from .takeover.switch import async_finish, async_undo
from .texts import Texts, async_texts

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

_NEW_FOR = timedelta(minutes=1)
"""Age up to which an entry comes from the flow that has just logged in."""
PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NOTIFY,
    Platform.SENSOR,
]


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Set up what stays while accounts come and go: store, actions, buttons' page."""
    store = Store(Path(hass.config.path(STORAGE_DIR, DOMAIN)))
    house = hass.data[DATA_HOUSE] = House(hass, store)
    await house.async_load()
    async_setup_services(hass)
    written = house.manager.async_written
    hass.http.register_view(ButtonView(hass, house.buttons, written))
    async_setup_log_entries(hass)
    async_setup_page(hass)
    async_watch_presses(hass)
    # Before any account is there that could download.
    await hass.async_add_executor_job(remove_all, hass)
    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, partial(_async_stop, house))
    async_at_started(hass, async_offer)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> bool:
    """Set up an account. It needs no connection: an alert may come at any time."""
    house, options = hass.data[DATA_HOUSE], entry.options
    texts = await async_texts(hass)
    account = account_from(entry.data, options)
    settings = Settings(
        limits=Limits(
            option(options, "burst"),
            option(options, "messages_per_minute"),
            option(options, "messages_per_day"),
            digest=option(options, "digest"),
            server=account.host,
            fallback=option(options, CONF_FALLBACK) or "",
            fallback_from=(
                Level.BELOW if option(options, "fallback_for_all") else Level.HIGH
            ),
        ),
        expires_after=timedelta(hours=option(options, "expires_after")),
        digest=partial(_async_digest_writer, hass, entry),
        late=partial(_late_note, texts),
        by_other=partial(_by_other, texts, account.username),
    )
    # An outbox outlives the loading of its entry: what is being tried, and who waits for
    # it, is not to notice that an option was changed.
    if rooms := house.rooms.get(entry.entry_id):
        outbox = rooms.outbox
        outbox.configure(account, settings)
        if outbox.state.asked:
            # Home Assistant withdraws the question when an entry is loaded anew.
            entry.async_start_reauth(hass)
    else:
        outbox = Outbox(
            hass, house.manager, entry.entry_id, account, client_context(), settings
        )
        rooms = _add_rooms(hass, entry, house, outbox, texts)
    rooms.history.async_review()
    entry.runtime_data = outbox
    await async_show_panel(hass)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    if not outbox.running:
        # The flow that has made an entry logged in a moment ago.
        age = dt_util.utcnow() - entry.created_at
        outbox.start(check_login=not hass.is_running or age > _NEW_FOR)
    rooms.answers.configure(imap_account_from(entry.data, options))
    async_finish(hass, entry)
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    async_watch_leftover(hass, entry)
    async_review(hass)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> bool:
    """Take the account's entities away; the rest waits whether it is loaded anew."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    hass.async_create_task(_async_end_unless_loaded(hass, entry))
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Remove what waits together with the account, and tell what that was."""
    # Where all accounts were disabled at the start, nothing is set up.
    await async_setup_component(hass, DOMAIN, {})
    house = hass.data[DATA_HOUSE]
    if rooms := house.rooms.get(entry.entry_id):
        rooms.outbox.abandoned = True
    house.buttons.revoke_account(entry.entry_id)
    await _async_end(hass, entry)
    async_tell_removed(hass, entry, house.manager.waiting(entry.entry_id))
    if not hass.config_entries.async_entries(DOMAIN):
        async_remove_panel(hass)
    house.manager.remove_account(entry.entry_id)
    await house.manager.async_written()
    async_review(hass)
    # Last, for core's entry takes its time to log in.
    await async_undo(hass, entry, removed=True)


def _add_rooms(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    house: House,
    outbox: Outbox,
    texts: Texts,
) -> Rooms:
    """Have an account's outbox, duplicates and reminders work together."""
    outbox.listeners.async_add(partial(async_dispatcher_send, hass, SIGNAL_OUTBOX))
    outbox.listeners.early.append(partial(_async_hear_outcome, house))
    outbox.listeners.discards.append(lambda queue_ids: house.buttons.revoke(*queue_ids))
    history = History(entry, outbox)
    rooms = Rooms(
        entry=entry,
        outbox=outbox,
        duplicates=Duplicates(outbox, partial(async_tell_counted, hass, entry)),
        reminders=Reminders(
            outbox,
            partial(async_send_again, hass, entry),
            house.buttons.end,
            house.leave_unanswered,
        ),
        history=history,
        answers=Answers(entry, outbox, history, house.buttons, house.bounces),
    )
    house.add(entry.entry_id, rooms)
    AccountIssues(hass, house, rooms, texts)
    async_log_outcomes(hass, rooms, texts)
    return rooms


async def _async_end_unless_loaded(
    hass: HomeAssistant, entry: QQMailConfigEntry
) -> None:
    """End what outlives a reload, if there was none: the account was disabled."""
    # Held until the reload is over, if this is one.
    async with entry.setup_lock:
        if entry.state is not ConfigEntryState.LOADED:
            await _async_end(hass, entry)
            async_review(hass)


async def _async_end(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Let an account's outbox end in good order, and its action go."""
    async_remove_action(hass, entry)
    house = hass.data[DATA_HOUSE]
    if rooms := house.rooms.get(entry.entry_id):
        await rooms.async_stop()
        await rooms.outbox.async_close()
        house.rooms.pop(entry.entry_id, None)


async def _async_stop(house: House, _event: Event) -> None:
    """Stop with Home Assistant; what is raised in the last moment is still kept."""
    await asyncio.gather(*(rooms.async_stop() for rooms in house.rooms.values()))
    house.manager.stop_timer()
    await house.store.async_stop()


async def _async_reload(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Load anew after any change; the flows leave it to this listener."""
    hass.config_entries.async_schedule_reload(entry.entry_id)


def _async_hear_outcome(house: House, event: OutboxEvent) -> None:
    """Revoke the buttons of a mail that nobody gets; note whom people will answer."""
    if event.outcome is Outcome.ACCEPTED and event.by != event.account:
        house.buttons.note_sender(event.queue_id, event.by)
    if event.outcome in (Outcome.REJECTED, Outcome.EXPIRED):
        house.buttons.revoke_for(event.queue_id, event.recipients)


async def _async_digest_writer(
    hass: HomeAssistant, entry: QQMailConfigEntry
) -> DigestWriter:
    """Return what makes one message of many."""
    house = hass.data[DATA_HOUSE]
    outbox = house.rooms[entry.entry_id].outbox
    return DigestWriter(
        await async_texts(hass),
        hass.config.location_name,
        hass.config.language,
        budget(entry.options, outbox),
        house.buttons.number,
    )


def _by_other(texts: Texts, account: str, sender: str, copy: bool) -> str:
    """Say in Home Assistant's language which account has sent a mail, and why."""
    key = f"sent_by_other{'_as_well' if copy else ''}"
    return texts(key, account=account, sender=sender)


def _late_note(texts: Texts, raised: datetime, late: timedelta) -> str:
    """Say in Home Assistant's language when an alert was raised."""
    return texts(
        "late",
        time=f"{dt_util.as_local(raised):%Y-%m-%d %H:%M}",
        minutes=str(round(late.total_seconds() / 60)),
    )
