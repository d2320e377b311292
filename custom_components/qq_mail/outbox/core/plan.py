"""The plan: when a message may go, and why not now. Nothing else computes a time."""

from collections.abc import Iterator
from dataclasses import replace

from .account import Account
from .lanes import in_turns
from .limits import people_of
from .models import NEVER, Group, Level, Message, Plan, Reason
from .queue import group_of
from .retry import (
    MAX_SESSIONS,
    MAX_SESSIONS_OF_HIGHEST,
    PATIENCE,
    PATIENCE_OF_IMPORTANT,
    TAKEN_OVER_AFTER,
)


def gate(
    account: Account, now: float, message: Message, *, ahead: int = 0
) -> Plan | None:
    """Return when its account lets a message go, and why not now; None: it may.

    `ahead` are mails that wait and go before it.
    """
    if pause := account.pause:
        return Plan(pause.until, Reason.PAUSED, pause.cause)
    queue, level = account.queue, message.level
    people = people_of(message.recipients)
    # Those being tried whose text is not announced, so that the limits have no count.
    uncounted = sum(not one.in_data for one in queue.trying)
    # Each becomes a mail, which was in turn before.
    digests = sum(one.group[0] >= level for one in queue.groups.merging.values())
    # A digest had its turn of the day when it was begun. What went to others since has
    # it wait no more, or who comes meanwhile would wait for nearly two hours.
    by_day = not message.parts
    if (
        by_day
        and account.limits.room_today(now, level) <= uncounted + digests
        and _hour_is_taken(account, level, people)
    ):
        # Whether that goes out in this hour is known when it has ended.
        return Plan(NEVER, Reason.DAY)
    plan = account.limits.next_at(
        now,
        level,
        people,
        pending=uncounted + ahead,
        digests=digests,
        by_day=by_day,
        # Also for a session beside one that takes long.
        needs_login=not account.idle_session and free_at(account, message) <= now,
    )
    down = account.down
    if down and down.until > max(now, plan.at if plan else now):
        return Plan(down.until, Reason.NO_SERVER, down.cause)
    return plan


def plan_of(
    account: Account, now: float, message: Message, ahead: int | None = None
) -> Plan:
    """Return when a message that is there goes, and why not now.

    `ahead` are the mails that go before it; None: those that are as important, as if it
    had just come.
    """
    plan = _plan_of(account, now, message, ahead)
    return replace(plan, by=plan.by or account.id) if message.home else plan


def _plan_of(account: Account, now: float, message: Message, ahead: int | None) -> Plan:
    queue = account.queue
    if message.queue_id in queue.in_progress:
        return Plan(now, Reason.ATTEMPT)
    if message.restored:
        return Plan(NEVER, Reason.DECISION)
    if message.queue_id in queue.groups.owned:
        return Plan(now, Reason.DIGEST)
    due = message.due
    if ahead is None:
        ahead = 0 if due > now else _mails_ahead(account, now, message)
    plan = gate(account, now, message, ahead=ahead)
    if due > now:
        if plan and due < plan.at < NEVER:
            return plan
        return Plan(due, Reason.BACK_OFF if message.failures else Reason.DIGEST)
    if plan and (taken := taken_over(account, now, message, plan)):
        at, other = taken
        return Plan(max(at, now), Reason.FALLBACK, plan.cause, other.id)
    if plan and plan.at < NEVER:
        return plan
    # NEVER: known once what is being tried has ended.
    free = plan.at if plan else free_at(account, message)
    return Plan(now if free == NEVER else max(free, now), Reason.TURN)


def plans(account: Account, now: float) -> Iterator[tuple[Message, Plan]]:
    """Yield what waits, in the order in which it goes out, with its plan."""
    ahead, digests = 0, dict[Group, int]()
    for message in in_turns(list(account.queue)):
        group = group_of(message)
        before = digests.get(group, ahead) if message.mergeable else ahead
        plan = plan_of(account, now, message, before)
        yield message, plan
        if plan.reason in (Reason.DECISION, Reason.BACK_OFF, Reason.ATTEMPT):
            continue
        if not message.mergeable or not _is_flooded(account, now, group):
            ahead += 1
        elif group not in digests:
            # Those that become one digest are one mail.
            digests[group] = ahead
            ahead += 1


def helper_of(
    account: Account, message: Message, plan: Plan | None = None
) -> Account | None:
    """Return the account that may take over what this one cannot send, as `plan` says.

    A message goes to another account once, and from there home again, but never what
    a server may have already.
    """
    settings = account.limits.settings
    if message.stays or message.in_data or message.restored:
        return None
    if message.home:
        other = account.house.get(message.home)
    elif message.level < settings.fallback_from:
        return None
    else:
        other = account.house.get(settings.fallback)
    if other is None or other is account or not other.running:
        return None
    if (
        plan
        and plan.reason is Reason.NO_SERVER
        and (other.limits.settings.server == settings.server)
    ):
        return None
    return other


def taken_over(
    account: Account, now: float, message: Message, plan: Plan
) -> tuple[float, Account] | None:
    """Return when another account takes a message over, if nothing changes, and which.

    What has just been raised waits no longer than the account has been in trouble.
    """
    if not (other := helper_of(account, message, plan)):
        return None
    since = message.arrived
    if plan.reason is Reason.PAUSED and account.pause:
        since = min(since, account.pause.until - account.pause.length)
    elif plan.reason is Reason.NO_SERVER and account.down:
        since = min(since, account.down.since)
    queue = other.queue
    guests = sum(not queue.is_owned(queue_id) for queue_id in queue.guests)
    held = gate(other, now, message, ahead=guests)
    at = round(since + TAKEN_OVER_AFTER[message.level], 3)
    at = max(at, held.at) if held else at
    return (at, other) if at < plan.at else None


def free_at(account: Account, message: Message) -> float:
    """Return when a message need not wait any longer for those being tried.

    One session is the rule. But an answer may take ten minutes, and a large message
    longer: then the others go on over another one. NEVER: not before one has ended.
    """
    attempts = account.queue.in_progress.values()
    highest = message.level is Level.HIGHEST
    most = MAX_SESSIONS_OF_HIGHEST if highest else MAX_SESSIONS
    if len(attempts) >= most:
        return NEVER
    ends = [float("-inf")]
    for one in attempts:
        # Who opens a session will know soon whether there is a server at all; but an
        # alarm does not wait for a connection that hangs.
        since = one.since if highest else one.busy_since
        if since is None:
            return NEVER
        important = highest or message.rank > one.message.rank
        patience = PATIENCE_OF_IMPORTANT if important else PATIENCE
        # To the millisecond, as the clock is read.
        ends.append(round(since + patience, 3))
    return max(ends)


def _hour_is_taken(account: Account, level: Level, people: str) -> bool:
    """Tell whether a message, or a digest, for the same people is on its way."""
    queue = account.queue
    merging = (one.group[:2] for one in queue.groups.merging.values())
    trying = ((one.level, people_of(one.recipients)) for one in queue.trying)
    return (level, people) in (*merging, *trying)


def _is_flooded(account: Account, now: float, group: Group) -> bool:
    """Tell whether a group's messages go out as a digest."""
    limits, groups = account.limits, account.queue.groups
    if not limits.settings.digest:
        return False
    flooded = group in groups.floods
    enough = 1 if flooded else limits.one_by_one(now, group[0])
    return groups.size(group) > enough


def _mails_ahead(account: Account, now: float, message: Message) -> int:
    """Return about how many mails go before a message that has just come."""
    mails = 0
    for group, number in account.queue.ready(message.rank).items():
        # Those that become one digest are one mail, also with this one among them.
        flooded = group and number > 1 and _is_flooded(account, now, group)
        mails += 1 if flooded else number
    return max(mails - 1, 0)


def heads(account: Account, now: float) -> Iterator[tuple[Message, float]]:
    """Yield those whose turn it could be, in that order, and when each of them goes.

    The last one is the first that may go, or what holds it up holds up all others too:
    only the day is counted for each set of recipients.
    """
    for message in account.queue.heads(now):
        plan = gate(account, now, message)
        yield message, plan.at if plan else free_at(account, message)
        if plan is None or plan.reason is not Reason.DAY:
            return


def next_plan(account: Account, now: float) -> Plan | None:
    """Return when something of an account is tried next, and why not now."""
    queue = account.queue
    plans = [plan_of(other, now, message, 0) for other, message in account.elsewhere()]
    messages = [message for message, _ in heads(account, now)]
    if later := queue.first_later():
        messages.append(later[1])
    plans += [plan_of(account, now, message, 0) for message in messages]
    if not messages and queue.in_progress:
        plans.append(Plan(now, Reason.ATTEMPT))
    elif not messages and queue.groups.merging:
        plans.append(Plan(now, Reason.DIGEST))
    return min(plans, key=lambda plan: plan.at, default=None)
