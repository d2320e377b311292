"""Makes digests, and copies of alarms, off the event loop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
import shutil
from typing import BinaryIO, cast

from ..clock import read_clock
from ..const import LOGGER
from ..mime.models import KeptMessage, WrittenDigest
from ..store import LargeText
from .composing import SMALL, WireStream
from .core.models import Merge, Message, Part, TakeOver
from .core.record import message_as_dict
from .core.turn import MESSAGE
from .view import OutboxView


class _NotWantedError(Exception):
    """One of the messages was discarded meanwhile, or the account stops."""


async def async_merge(view: OutboxView, action: Merge) -> None:
    """Make a digest of messages, and tell what came of it."""
    hass, manager, messages = view.hass, view.manager, action.messages
    store, scheduler = manager.store, view.scheduler
    first, queue_id = messages[0].queue_id, manager.new_id()

    def is_wanted() -> bool:
        """Tell whether nobody has discarded one of the messages meanwhile."""
        return view.state.queue.groups.merging.get(first) is action

    def check() -> None:
        """Raise _NotWantedError where what is made is of no use. Also for threads."""
        if not (view.state.running and is_wanted()):
            raise _NotWantedError

    def tell_failed(*, again: bool = False) -> None:
        if is_wanted():
            view.happen(scheduler.merge_failed, first, again=again)

    stream = WireStream(store, queue_id, SMALL)

    def write() -> tuple[WrittenDigest | None, bytes | LargeText]:
        """Write it to its end, which the disk may refuse as well. In an executor."""
        return compose(cast("BinaryIO", stream), kept, check), stream.text()

    try:
        compose, now = await view.settings.digest(), read_clock()
        kept = [
            KeptMessage(
                queue_id=one.queue_id,
                tag=one.tag,
                subject=one.subject,
                raised=now.wall_at(one.raised),
                open=store.text((MESSAGE, view.id, one.queue_id)),
            )
            for one in messages
        ]
        written, text = await hass.async_add_executor_job(write)
        check()
    except BaseException as err:
        await asyncio.shield(hass.async_add_executor_job(stream.drop))
        again = isinstance(err, _NotWantedError | asyncio.CancelledError)
        if isinstance(err, OSError):
            LOGGER.error("Messages go out one by one: %s", err)
        elif not again:
            manager.report_trouble("Messages go out one by one")
        tell_failed(again=again)
        if not isinstance(err, Exception):
            raise
        return
    if written is None:
        tell_failed()
        return
    digest = _digest(queue_id, written, messages)
    record = partial(message_as_dict, digest, read_clock())
    store.put((MESSAGE, view.id, queue_id), record, text)
    written.kept()
    # By the same round the disk has nothing of its parts. The attempt waits for it.
    view.happen(scheduler.merged, first, digest, written.alone)


def _digest(
    queue_id: str, written: WrittenDigest, messages: Sequence[Message]
) -> Message:
    """Return what is known of a digest.

    It is as old as the newest of its messages, whose Date field it has, and too old
    when the last of them would be.
    """
    parts = [one for one in messages if one.queue_id in written.parts]
    newest = parts[-1]
    too_old = max(one.raised + one.lifetime for one in parts)
    return Message(
        queue_id=queue_id,
        subject=written.subject,
        recipients=newest.recipients,
        sender_name=newest.sender_name,
        priority=max(parts, key=lambda one: one.rank).priority,
        tag=newest.tag if len({one.tag for one in parts}) == 1 else "",
        size=written.composed.size,
        gaps=written.composed.gaps,
        reply_to=written.composed.reply_to,
        raised=newest.raised,
        arrived=read_clock().steady,
        lifetime=too_old - newest.raised,
        parts=tuple(Part(one.queue_id, one.subject, one.tag) for one in parts),
    )


async def async_copy(view: OutboxView, action: TakeOver) -> None:
    """Keep a copy of an alarm, and have the other account send it.

    The disk's refusal is logged: the first one is still being tried.
    """
    hass, manager, first = view.hass, view.manager, action.message
    store, scheduler = manager.store, view.scheduler
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
    source = store.text((MESSAGE, action.account, first.queue_id))
    try:
        text = await hass.async_add_executor_job(_copy, source, stream)
    except OSError:
        manager.report_trouble(f"Message {first.queue_id} cannot be copied")
        await hass.async_add_executor_job(stream.drop)
        return
    there = {action.account, action.by} <= scheduler.accounts.keys()
    now = view.find(first.queue_id) if there else None
    # What was discarded while it is tried is in memory alone.
    if not now or now.in_memory:
        await hass.async_add_executor_job(stream.drop)
        return
    record = partial(message_as_dict, copy, read_clock())
    store.put((MESSAGE, action.account, copy.queue_id), record, text)
    # The attempt waits for the disk, but not for long: it is an alarm.
    manager.happen(scheduler.take, action.by, copy)


def _copy(source: Callable[[], BinaryIO], stream: WireStream) -> bytes | LargeText:
    with source() as text:
        shutil.copyfileobj(text, cast("BinaryIO", stream))
    return stream.text()
