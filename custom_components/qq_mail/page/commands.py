"""What the page asks for over Home Assistant's WebSocket: for administrators alone."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import voluptuous as vol

from homeassistant.components import websocket_api
from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.components.websocket_api import (
    ActiveConnection,
    WebSocketCommandHandler,
)
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
from homeassistant.util.ssl import client_context

from ..accounts import QQMailConfigEntry, async_loaded, called_entries
from ..calls.house import DATA_HOUSE
from ..calls.targets import shares_of, split_target
from ..const import CODE_URL, DOMAIN
from ..errors import action_error
from ..history import DISCARDED
from ..outbox.core.models import Outcome
from ..smtp.errors import MailError
from ..smtp.models import Step
from ..smtp.session import SubmissionSession
from ..texts import async_texts, time_of
from .panel import VERSION, FilesView
from .shown import async_follow, history
from .step import MAX_LENGTH, read_step, render, write_step

type _Answer = Callable[
    [HomeAssistant, ActiveConnection, dict[str, Any]], Coroutine[Any, Any, Any]
]

_MOST_ROWS: Final = 100
_FOR_OTHERS: Final = {
    *("to", "cc", "bcc", "reply_to"),
    *("tag", "clear", "repeat_after", "repeat_until_acknowledged"),
}
"""Fields that do not belong into a mail that is only to be looked at."""
_LANGUAGE: Final[VolDictType] = {
    vol.Required("language"): vol.All(
        str, vol.Match(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$")
    )
}
_ROWS: Final = vol.All(int, vol.Range(1, _MOST_ROWS))
_PLACE: Final = vol.All(int, vol.Range(0, 1_000_000))
_SHORT: Final = vol.All(str, vol.Length(max=1000))
_MESSAGE: Final[VolDictType] = {
    vol.Required("data"): {str: object},
    vol.Optional("target", default={}): {str: object},
}
_ACCOUNT: Final[VolDictType] = {vol.Required(ATTR_CONFIG_ENTRY_ID): _SHORT}
_COMMANDS: Final[list[WebSocketCommandHandler]] = []


@callback
def async_setup_page(hass: HomeAssistant) -> None:
    """Open the page's addresses and commands, once for all accounts."""
    hass.http.register_view(FilesView())
    hass.http.register_view(hass.data[DATA_HOUSE].frames)
    for command in _COMMANDS:
        websocket_api.async_register_command(hass, command)


def _command(name: str, fields: VolDictType) -> Callable[[_Answer], _Answer]:
    """Make a command of a function: what it returns is the answer."""

    def make(answer: _Answer) -> _Answer:
        @websocket_api.websocket_command(
            {vol.Required("type"): f"{DOMAIN}/{name}", **fields}
        )
        @websocket_api.require_admin
        @websocket_api.async_response
        async def handle(
            hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
        ) -> None:
            connection.send_result(msg["id"], await answer(hass, connection, msg))

        _COMMANDS.append(handle)
        return answer

    return make


@_command(
    "outbox/subscribe",
    {
        vol.Optional("first", default={}): {_SHORT: _PLACE},
        vol.Optional("number", default=50): _ROWS,
        **_LANGUAGE,
    },
)
async def _async_subscribe(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Show the accounts and what waits, and again whenever that changes.

    `first` says from which message on, by the accounts' ids.
    """
    texts = await async_texts(hass, msg["language"])

    @callback
    def send(accounts: list[dict[str, Any]]) -> None:
        shown = {"version": VERSION, "accounts": accounts}
        connection.send_event(msg["id"], shown)

    task = hass.async_create_background_task(
        async_follow(hass, texts, msg["first"], msg["number"], send),
        f"{DOMAIN} page",
        # The answer goes before the first event.
        eager_start=False,
    )
    connection.subscriptions[msg["id"]] = task.cancel


@_command(
    "history",
    {
        vol.Optional("first", default=0): _PLACE,
        vol.Optional("number", default=50): _ROWS,
        vol.Optional("outcome", default=""): vol.In(["", *Outcome, DISCARDED]),
        vol.Optional("recipient", default=""): _SHORT,
        vol.Optional("text", default=""): _SHORT,
        **_LANGUAGE,
    },
)
async def _async_history(
    hass: HomeAssistant, _: ActiveConnection, msg: dict[str, Any]
) -> dict[str, Any]:
    """Answer with what became of messages."""
    return history(hass, await async_texts(hass, msg["language"]), msg)


@_command("preview", _MESSAGE)
async def _async_preview(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> dict[str, Any]:
    """Answer with a mail as it would be, and which templates could not be rendered."""
    unknown: list[str] = []
    data = render(hass, msg["data"], unknown)
    target = render(hass, msg["target"], unknown)
    answer = await _async_call(hass, connection, msg, "preview_message", data, target)
    # The texts are in the page at its address.
    return {key: answer[key] for key in ("url", "size", "notes")} | {"unknown": unknown}


@_command("send", {vol.Optional("to_me", default=False): bool, **_MESSAGE})
async def _async_send(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> dict[str, Any]:
    """Send a message, with `to_me` to its account alone; answer what became of it."""
    unknown: list[str] = []
    data = render(hass, msg["data"], unknown)
    target = render(hass, msg["target"], unknown)
    if msg["to_me"]:
        # A step may name its target among the data.
        called, data = split_target({**data, **target}, [])
        account = data.get(ATTR_CONFIG_ENTRY_ID)
        (share, *_), _ = shares_of(hass, called, account, lambda _: True, needed=False)
        entry = share.entry
        data = {key: value for key, value in data.items() if key not in _FOR_OTHERS}
        data |= {ATTR_CONFIG_ENTRY_ID: entry.entry_id, "to": entry.data[CONF_USERNAME]}
        target = {}
    answer = await _async_call(hass, connection, msg, "send_message", data, target)
    return answer | {"unknown": unknown}


@_command("check", {**_ACCOUNT, **_LANGUAGE})
async def _async_check(
    hass: HomeAssistant, _: ActiveConnection, msg: dict[str, Any]
) -> dict[str, Any]:
    """Answer with an account's last sessions, and to whom a test can be sent."""
    entry = _entry(hass, msg)
    outbox = await async_loaded(entry)
    now = dt_util.utcnow()
    return {
        "sessions": [
            {"began": time_of(one.began, now), "lines": one.lines}
            for one in reversed(list(outbox.sessions.transcripts))
        ],
        "recipients": [
            {"entity_id": one.entity_id, "name": _name(hass, one)}
            for one in er.async_entries_for_config_entry(
                er.async_get(hass), entry.entry_id
            )
            if one.domain == NOTIFY_DOMAIN and not one.disabled_by
        ],
        "code_url": CODE_URL,
    }


@_command("log_in", {**_ACCOUNT, **_LANGUAGE})
async def _async_log_in(
    hass: HomeAssistant, _: ActiveConnection, msg: dict[str, Any]
) -> dict[str, Any]:
    """Log in, as sending would; answer what was said, and why it failed if it did."""
    outbox = await async_loaded(_entry(hass, msg))
    texts = await async_texts(hass, msg["language"])
    session = SubmissionSession(outbox.account, client_context())
    outbox.sessions.transcripts.append(session.transcript)
    why = ""
    try:
        async with session:
            outbox.async_count_login()
            outbox.async_code_renewed(outbox.account)
    except MailError as err:
        if err.step is Step.AUTH:
            outbox.async_count_login()
        why = texts.of(action_error(err, outbox.account))
    return {"works": not why, "why": why, "lines": session.transcript.lines}


@_command("renew_code", _ACCOUNT)
async def _async_renew_code(
    hass: HomeAssistant, _: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Have Home Assistant ask for a new authorization code."""
    _entry(hass, msg).async_start_reauth(hass)


@_command("step/read", {vol.Required("text"): vol.All(str, vol.Length(max=MAX_LENGTH))})
async def _async_read_step(
    hass: HomeAssistant, _: ActiveConnection, msg: dict[str, Any]
) -> dict[str, Any]:
    """Answer with target and data of an automation's step."""
    target, data = await hass.async_add_executor_job(read_step, msg["text"])
    return {"target": target, "data": data}


@_command("step/write", _MESSAGE)
async def _async_write_step(
    _hass: HomeAssistant, _: ActiveConnection, msg: dict[str, Any]
) -> dict[str, Any]:
    """Answer with an automation's step."""
    return {"text": write_step(msg["target"], msg["data"])}


async def _async_call(
    hass: HomeAssistant,
    connection: ActiveConnection,
    msg: dict[str, Any],
    action: str,
    data: dict[str, Any],
    target: dict[str, Any],
) -> dict[str, Any]:
    """Call an action of ours as whoever looks at the page, and return its answer."""
    answer = await hass.services.async_call(
        DOMAIN,
        action,
        data,
        target=target,
        blocking=True,
        return_response=True,
        context=connection.context(msg),
    )
    return answer or {}


def _entry(hass: HomeAssistant, msg: dict[str, Any]) -> QQMailConfigEntry:
    (entry,) = called_entries(hass, msg[ATTR_CONFIG_ENTRY_ID])
    return entry


def _name(hass: HomeAssistant, entity: er.RegistryEntry) -> str:
    state = hass.states.get(entity.entity_id)
    return state.name if state else entity.entity_id
