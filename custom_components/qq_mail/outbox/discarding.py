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
        if account_id in scheduler.accounts:
            before = _number(manager)
            manager.happen(scheduler.discard, account_id, some)
            removed += before - _number(manager)
        await asyncio.sleep(0)
    if account_id in scheduler.accounts:
        # What some of many became while the others were discarded.
        chosen = set(queue_ids)
        digests = {scheduler.find(account_id, one) for one in chosen}
        whole = [
            digest.queue_id
            for digest in digests
            if digest
            and digest.parts
            and chosen.issuperset(part.queue_id for part in digest.parts)
        ]
        manager.happen(scheduler.discard, account_id, tuple(whole))
    return removed


def _number(manager: Manager) -> int:
    return sum(len(one.queue) for one in manager.scheduler.accounts.values())
