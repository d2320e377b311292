"""Copies of alarms whose outcome is not known: another account sends them as well."""

from dataclasses import replace
from functools import partial
import shutil
from typing import BinaryIO, cast

from homeassistant.core import HomeAssistant

from ..clock import read_clock
from ..store import Text
from .composing import SMALL, WireStream
from .core.models import TakeOver
from .core.record import message_as_dict
from .core.turn import MESSAGE
from .manager import Manager


async def async_copy(hass: HomeAssistant, manager: Manager, action: TakeOver) -> None:
    """Keep a copy of an alarm, and have the other account send it.

    The disk's refusal is logged: the first one is still being tried.
    """
    store, first = manager.store, action.message
    copy = replace(
        first,
        queue_id=manager.new_id(),
        home=action.account,
        by=action.by,
        copy=True,
        attempts=0,
        in_data=False,
        arrived=read_clock().steady,
    )
    stream = WireStream(store, copy.queue_id, SMALL)
    text = store.text((MESSAGE, action.account, first.queue_id))
    try:
        await hass.async_add_executor_job(_copy, text, stream)
    except OSError:
        manager.report_trouble(f"Message {first.queue_id} cannot be copied")
        await hass.async_add_executor_job(stream.drop)
        return
    scheduler = manager.scheduler
    there = {action.account, action.by} <= scheduler.accounts.keys()
    now = scheduler.find(action.account, first.queue_id) if there else None
    # What was discarded while it is tried is in memory alone.
    if not now or now.in_memory:
        await hass.async_add_executor_job(stream.drop)
        return
    record = partial(message_as_dict, copy, read_clock())
    store.put((MESSAGE, action.account, copy.queue_id), record, stream.text())
    # The attempt waits for the disk, but not for long: it is an alarm.
    manager.happen(scheduler.take, action.by, copy)


def _copy(text: Text, stream: WireStream) -> None:
    with text.open() as source:
        shutil.copyfileobj(source, cast("BinaryIO", stream))
