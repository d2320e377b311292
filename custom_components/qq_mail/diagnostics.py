"""Diagnostics: how an account's outbox fares, and nothing of what it sends to whom."""

from itertools import islice
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant

from .accounts import QQMailConfigEntry
from .calls.house import DATA_HOUSE
from .const import CONF_SERVICE_NAME, CONF_TAKEN_OVER
from .options import DEFAULTS, OPTIONS
from .outbox.outbox import Outbox
from .smtp.models import Reply
from .smtp.transcript import redacted
from .texts import iso_of

TO_REDACT = {
    CONF_PASSWORD,
    # It names entities, and these name people.
    CONF_TAKEN_OVER,
    *(one.key for one in OPTIONS if one.private),
    # It may have the QQ number in it.
    CONF_SERVICE_NAME,
    CONF_USERNAME,
}

_MOST = 100
"""Messages that are described: ten thousand would help nobody."""


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: QQMailConfigEntry
) -> dict[str, Any]:
    """Return what helps to find a fault, safe to be shown in public."""
    loaded = entry.state is ConfigEntryState.LOADED
    rooms = hass.data[DATA_HOUSE].rooms.get(entry.entry_id)
    return {
        "data": async_redact_data(dict(entry.data), TO_REDACT),
        "options": async_redact_data({**DEFAULTS, **entry.options}, TO_REDACT),
        "recipients": len(entry.subentries),
        # Only how many: titles and recipients are nobody else's business.
        "history": rooms.history.counts if rooms else None,
        "outbox": _outbox(entry.runtime_data) if loaded else None,
    }


def _outbox(outbox: Outbox) -> dict[str, Any]:
    pause = outbox.pause
    return {
        "messages": len(outbox),
        "waiting": [
            {
                "age": round(outbox.age_of(message)),
                "attempts": message.attempts,
                "cause": message.cause,
                "reply": _reply(message.reply),
                "next_attempt": iso_of(outbox.time_of(plan)),
                "reason": plan.reason,
                "priority": message.priority,
                "size": message.size,
            }
            for message, plan in islice(outbox.plans(), _MOST)
        ],
        "pause": pause
        and {
            "cause": pause.cause,
            "until": iso_of(pause.until),
            "reply": _reply(pause.reply),
        },
        "session_open": outbox.sessions.is_open,
        "next_attempt": iso_of(outbox.next_attempt),
        "accepted_today": outbox.accepted_today,
        "left_today": outbox.left_today,
        "pace": outbox.pace,
        "last_accepted": iso_of(outbox.state.tally.last_accepted),
        "damaged": len(outbox.manager.damage) + len(outbox.unreadable),
        "unwritten": outbox.manager.store.unwritten,
        "sessions": [
            {"began": iso_of(one.began), "lines": one.lines}
            for one in outbox.sessions.transcripts
        ],
    }


def _reply(reply: Reply | None) -> dict[str, Any] | None:
    """Return a reply without the addresses that servers like to repeat."""
    if not reply:
        return None
    return {"code": reply.code, "text": redacted(reply.text)}
