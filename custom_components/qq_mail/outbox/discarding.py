"""Removes messages of an account, so many at once that nobody has to wait for it."""

import asyncio

from .manager import Manager

_AT_ONCE = 200


async def async_discard(manager: Manager, account_id: str, queue_ids: list[str]) -> int:
    """Remove messages; return how many went at once.

    One that is being tried goes if it is not accepted. With an account that is removed
    meanwhile go all of its messages.
    """
    scheduler, removed = manager.scheduler, 0
    for start in range(0, len(queue_ids), _AT_ONCE):
        some = tuple(queue_ids[start : start + _AT_ONCE])
        if account := scheduler.accounts.get(account_id):
            before = len(account.queue)
            manager.happen(scheduler.discard, account_id, some)
            removed += before - len(account.queue)
        await asyncio.sleep(0)
    if account := scheduler.accounts.get(account_id):
        # What some of many became while the others were discarded.
        chosen, queue = set(queue_ids), account.queue
        digests = {queue.get(queue.groups.digests.get(one, "")) for one in chosen}
        whole = [
            digest.queue_id
            for digest in digests
            if digest and chosen.issuperset(part.queue_id for part in digest.parts)
        ]
        manager.happen(scheduler.discard, account_id, tuple(whole))
    return removed
