"""Makes digests, and copies of alarms, off the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
import shutil
from typing import BinaryIO, cast

from homeassistant.core import HomeAssistant, callback

from ..clock import read_clock
from ..const import DOMAIN, LOGGER
from ..mime.models import KeptMessage, WriteDigest, WrittenDigest
from .composing import SMALL, WireStream
from .core.account import Account
from .core.groups import Merging
from .core.models import Merge, Message, Part, TakeOver
from .core.record import message_as_dict
from .core.turn import MESSAGE
from .manager import Manager, async_end

type Prepare = Callable[[], Awaitable[WriteDigest]]


class _NotWantedError(Exception):
    """One of the messages was discarded meanwhile, or the account stops."""


class Digests:
    """Owns a task for each digest that is being made for an account."""

    def __init__(self, hass: HomeAssistant, manager: Manager, account_id: str) -> None:
        """Begin with none."""
        self._hass = hass
        self._manager = manager
        self._id = account_id
        self._tasks: dict[asyncio.Task[None], str] = {}

    @property
    def at_work(self) -> set[str]:
        """The first messages of what is being merged."""
        return set(self._tasks.values())

    @callback
    def merge(self, action: Merge, prepare: Prepare) -> None:
        """Make a digest of messages."""
        first = action.messages[0].queue_id
        merging = self._manager.account(self._id).queue.groups.merging[first]
        task = self._hass.async_create_background_task(
            self._merge(action.messages, merging, prepare), f"{DOMAIN} merge {first}"
        )
        self._tasks[task] = first
        task.add_done_callback(partial(self._tasks.pop))

    async def async_stop(self) -> None:
        """Let what is being written be written to its end: the account has stopped."""
        await async_end(self._tasks)

    def _account(self, merging: Merging) -> Account | None:
        """Return the account, if nobody has discarded one of the messages meanwhile."""
        account = self._manager.scheduler.accounts.get(self._id)
        known = account and account.queue.groups.merging.get(merging.queue_ids[0])
        return account if known is merging else None

    def _check(self, merging: Merging) -> None:
        """Raise _NotWantedError where what is made is of no use. Also for threads."""
        account = self._account(merging)
        if not (account and account.running):
            raise _NotWantedError

    async def _merge(
        self, messages: tuple[Message, ...], merging: Merging, prepare: Prepare
    ) -> None:
        manager, store = self._manager, self._manager.store
        first, queue_id = messages[0].queue_id, manager.new_id()
        stream = WireStream(store, queue_id, SMALL)
        try:
            write, now = await prepare(), read_clock()
            kept = [
                KeptMessage(
                    queue_id=one.queue_id,
                    tag=one.tag,
                    subject=one.subject,
                    raised=now.wall_at(one.raised),
                    open=store.text((MESSAGE, self._id, one.queue_id)),
                )
                for one in messages
            ]
            written = await self._hass.async_add_executor_job(
                write, cast("BinaryIO", stream), kept, partial(self._check, merging)
            )
            self._check(merging)
        except BaseException as err:
            await asyncio.shield(self._hass.async_add_executor_job(stream.drop))
            again = isinstance(err, _NotWantedError | asyncio.CancelledError)
            if isinstance(err, OSError):
                LOGGER.error("Messages go out one by one: %s", err)
            elif not again:
                manager.report_trouble("Messages go out one by one")
            self._tell_failed(merging, again=again)
            if not isinstance(err, Exception):
                raise
            return
        if written is None:
            self._tell_failed(merging)
            return
        digest = _digest(queue_id, written, messages)
        key = (MESSAGE, self._id, queue_id)
        record = partial(message_as_dict, digest, read_clock())
        store.put(key, record, stream.text())
        # By the same round the disk has nothing of its parts. The attempt waits for it.
        manager.happen(manager.scheduler.merged, self._id, first, digest, written.alone)

    def _tell_failed(self, merging: Merging, *, again: bool = False) -> None:
        if self._account(merging):
            self._manager.happen(
                self._manager.scheduler.merge_failed,
                self._id,
                merging.queue_ids[0],
                again=again,
            )


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


def _copy(text: Callable[[], BinaryIO], stream: WireStream) -> None:
    with text() as source:
        shutil.copyfileobj(source, cast("BinaryIO", stream))
