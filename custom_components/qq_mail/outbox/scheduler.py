"""The heart of an outbox: what comes next.

Functions and frozen dataclasses, without Home Assistant, disk, socket or clock: given
the messages, how the account stands, an event and the time, they return how it stands
then, and what is to be done. Whoever calls does it, and tells what came of it.
"""

from collections.abc import Callable
from dataclasses import replace
import logging

from ..smtp.models import Step
from .clock import Now
from .digest import (
    discard_merging,
    end_floods,
    forget_tag,
    gather,
    merge,
    merge_failed,
    merged,
)
from .events import (
    AskForCode,
    Attempt,
    AttemptBroke,
    AttemptCut,
    AttemptFailed,
    CheckLogin,
    DataBegins,
    DataEnds,
    Decision,
    DigestWriting,
    DiscardAsked,
    Event,
    KeepStanding,
    LoginFailed,
    Merged,
    MergeFailed,
    OverSaid,
    Recall,
    Release,
    RetryAsked,
    SessionOpened,
    Started,
    StopAsking,
    Submitted,
    Submitting,
    Taken,
    TimePassed,
    Write,
)
from .message import QueuedMessage
from .outcome import Outcome
from .queue import Flight, Queue
from .results import broke, cut, cut_off, failed, submitted
from .retry import LOGIN_CHECK_INTERVAL, MAX_SESSIONS, PATIENCE, PATIENCE_OF_IMPORTANT
from .standing import Standing
from .turn import Turn

_OF_CHECK = 0
"""How important it is to check the login."""
EXPIRE_AT_ONCE = 20
"""Messages that are given up in one turn: whoever is told has something to do."""


def step(
    queue: Queue,
    standing: Standing,
    event: Event,
    now: Now,
    *,
    chance: Callable[[], float],
    may_start: bool = True,
    session_open: bool = False,
    digest: bool = False,
) -> tuple[Standing, list[Decision]]:
    """Return how the account stands after an event, and what is to be done.

    The queue is handed on, and changed in place. Without `may_start` nothing new is
    begun: the outbox is about to stop. With `session_open` the next message needs no
    login. With `digest`, floods are merged.
    """
    turn = Turn(queue, standing, now, chance, session_open=session_open, digest=digest)
    _take_in(turn, event, may_start=may_start)
    end_floods(turn)
    _give_up_expired(turn)
    _end_hold(turn)
    _recall(turn)
    if may_start:
        _start_attempts(turn)
        _check_login(turn)
    return turn.standing, turn.decisions


def wake_at(
    queue: Queue, standing: Standing, now: float, *, session_open: bool = False
) -> float:
    """Return when there is something to do if nothing happens before."""
    times = [queue.next_expiry(), *(until for *_, until in _followers(queue))]
    if not standing.hold and not queue.in_air:
        login_at = standing.logins.next_at(now, _OF_CHECK)
        times.append(max(standing.check_login_at, login_at))
    if standing.hold:
        times.append(standing.hold.until)
    else:
        leads = queue.leader and not standing.word_by_word(now)
        look_at = now if leads else _look_again_at(queue, now)
        since = max(look_at, standing.down.until) if standing.down else look_at
        needs_login = not (leads or session_open)
        if first := queue.first(float("-inf")):
            at = _goes_at(queue, standing, first, now, needs_login=needs_login)
            times.append(max(since, at))
        if (later := queue.next_later()) is not None:
            times.append(max(since, later))
        if probe := _probe(queue, standing):
            at = _goes_at(queue, standing, probe, now, needs_login=needs_login)
            times.append(max(look_at, at))
    return min((at for at in times if at is not None), default=float("inf"))


def _take_in(turn: Turn, event: Event, *, may_start: bool) -> None:
    match event:
        case TimePassed():
            pass
        case Started():
            _started(turn, event)
        case Taken():
            _taken(turn, event.message)
        case SessionOpened():
            _session_opened(turn)
        case Submitting() | DataBegins() | DataEnds():
            _under_way(turn, event)
        case Submitted():
            submitted(turn, event)
        case AttemptFailed():
            failed(turn, event, may_start=may_start)
        case AttemptBroke():
            broke(turn, event)
        case AttemptCut():
            cut(turn, event.queue_id)
        case LoginFailed():
            if event.error.step is Step.AUTH:
                turn.count_login()
            if not turn.hold_if_needed(event.error):
                # Being offline is not worth more than that.
                turn.log(logging.DEBUG, f"Login not checked: {event.error}")
        case RetryAsked():
            _retry(turn, event.queue_id)
        case DiscardAsked():
            _discard(turn, event)
        case OverSaid():
            forget_tag(turn, event.tag)
        case DigestWriting():
            turn.queue.groups.begin_writing(event.first)
        case Merged():
            merged(turn, event)
        case MergeFailed():
            merge_failed(turn, event)
        case _:
            # A person gave a new code, with which a login worked.
            turn.count_login()
            _code_works(turn)
            _retry(turn, None, restored=False)


def _started(turn: Turn, event: Started) -> None:
    """Take up what the last process left; ask again for what nobody gave."""
    if turn.standing.asked:
        turn.do(AskForCode())
    for queue_id in event.cut_off:
        if message := turn.queue.get(queue_id):
            cut_off(turn, replace(message, attempts=message.attempts + 1))


def _taken(turn: Turn, message: QueuedMessage) -> None:
    """Let a new message be tried at once, unless the account rests."""
    message = gather(turn, message)
    turn.queue.put(message)
    standing = turn.standing
    now = turn.now.steady
    rests = standing.allowance.next_at(now, message.importance) > now
    if rests or standing.hold or (standing.down and standing.down.refused):
        turn.do(Release(message.queue_id))
    elif standing.down:
        # Where there was no server, an alarm is a reason to look again.
        turn.change(down=replace(standing.down, probe=message.queue_id, times=0))


def _under_way(turn: Turn, event: Submitting | DataBegins | DataEnds) -> None:
    """Note how far an attempt is, on disk where the server may come to have it."""
    flight = turn.queue.in_air.get(event.queue_id)
    message = turn.queue.get(event.queue_id)
    if not flight or not message:
        return
    if isinstance(event, DataBegins):
        message = replace(message, in_data=True)
        turn.queue.put(message)
        turn.do(Write(message))
    busy = flight.busy_since
    flight = replace(
        flight,
        busy_since=turn.now.steady if busy is None else busy,
        ending=isinstance(event, DataEnds),
    )
    turn.queue.change_flight(event.queue_id, flight)


def _session_opened(turn: Turn) -> None:
    turn.count_login()
    if turn.standing.asked:
        # Nobody gave a new code, and the old one works again.
        turn.do(StopAsking())
    _code_works(turn)
    turn.change(check_login_at=turn.after(LOGIN_CHECK_INTERVAL))


def _code_works(turn: Turn) -> None:
    """Forget that logins were refused."""
    standing = turn.standing
    held = standing.hold is not None and standing.hold.for_login
    if held or standing.asked or standing.login_refusals:
        turn.change(login_refusals=0, asked=0)
        if held:
            turn.change(hold=None)
        turn.do(KeepStanding())


def _retry(turn: Turn, queue_id: str | None, *, restored: bool = True) -> None:
    """Try at once: a person knows that it works again.

    Refusals are remembered: the next one is not the first. Without `restored`, what
    comes from a backup waits on for its own decision.
    """
    if queue_id is None:
        changed = turn.queue.hurry(restored=restored)
    elif message := turn.queue.get(queue_id):
        hurried = turn.queue.hurry_one(message)
        changed = [hurried] if hurried else []
    else:
        return
    for message in changed:
        turn.do(Write(message))
    if turn.standing.hold:
        turn.change(hold=None, check_login_at=turn.after(LOGIN_CHECK_INTERVAL))
        turn.do(KeepStanding())
    bucket = turn.standing.bucket.filled_up(turn.now.steady)
    turn.change(down=None, lost=None, bucket=bucket)


def _discard(turn: Turn, event: DiscardAsked) -> None:
    """Remove messages; one that is in the air goes if it is not accepted."""
    for queue_id in event.queue_ids:
        if flight := turn.queue.in_air.get(queue_id):
            turn.queue.change_flight(queue_id, replace(flight, unwanted=True))
        elif message := turn.queue.get(queue_id):
            if merging := turn.queue.groups.merging_of(queue_id):
                discard_merging(turn, message, merging)
            else:
                turn.remove(message)


def _give_up_expired(turn: Turn) -> None:
    for message in turn.queue.expired(turn.now.steady, EXPIRE_AT_ONCE):
        turn.log(
            logging.ERROR,
            f"Message {message.queue_id} expired after {message.attempts} attempts:"
            f" {message.reply or message.cause}",
        )
        turn.remove(message)
        turn.tell(message, Outcome.EXPIRED, cause=message.cause, reply=message.reply)


def _end_hold(turn: Turn) -> None:
    hold = turn.standing.hold
    if hold and hold.until <= turn.now.steady:
        turn.change(hold=None)
        # Or a restart would find it again, and rest once more.
        turn.do(KeepStanding())


def _recall(turn: Turn) -> None:
    """Let nobody wait long for another's answer while there can be another session."""
    now = turn.now.steady
    for queue_id, leader, until in _followers(turn.queue):
        if until <= now:
            turn.do(Recall(queue_id, leader))
            cut(turn, queue_id)
            # Once answered, its session is left: the server waits for another text.
            flight = replace(turn.queue.in_air[leader], ending=False)
            turn.queue.change_flight(leader, flight)


def _followers(queue: Queue) -> list[tuple[str, str, float]]:
    """Return who follows whom over one session, and until when that may be."""
    if queue.sessions >= MAX_SESSIONS:
        return []
    flights = queue.in_air
    return [
        (one, leader, _patience_ends(flight, flights[leader], flight.importance))
        for one, flight in flights.items()
        if (leader := flight.behind)
    ]


def _start_attempts(turn: Turn) -> None:
    while message := _next(turn):
        if merge(turn, message):
            continue
        now = turn.now.steady
        turn.change(bucket=turn.standing.bucket.take(now))
        if down := turn.standing.down:
            turn.change(down=replace(down, probe=None))
        if leader := _leader(turn):
            turn.queue.take_off(message, busy_since=now, behind=leader)
        else:
            turn.queue.take_off(message)
        turn.do(Attempt(message, word_by_word=turn.word_by_word, behind=leader))


def _next(turn: Turn) -> QueuedMessage | None:
    """Return the message to try now, if there is one and it may go."""
    standing, now = turn.standing, turn.now.steady
    if standing.hold:
        return None
    message = turn.queue.first(now)
    if probe := _probe(turn.queue, standing):
        message = probe
    elif standing.down and standing.down.until > now:
        return None
    if not message:
        return None
    leader = _leader(turn)
    needs_login = not (leader or turn.session_open)
    at = _goes_at(turn.queue, standing, message, now, needs_login=needs_login)
    if at > now:
        return None
    if leader or _free_at(turn.queue, message) <= now:
        return message
    return None


def _probe(queue: Queue, standing: Standing) -> QueuedMessage | None:
    """Return the message that is a reason to look whether there is a server again."""
    queue_id = standing.down and standing.down.probe
    if not queue_id or queue_id in queue.in_air:
        return None
    return queue.get(queue_id)


def _goes_at(
    queue: Queue,
    standing: Standing,
    message: QueuedMessage,
    now: float,
    *,
    needs_login: bool,
) -> float:
    """Return when the account may send a message whose turn it is."""
    importance = message.importance
    busy = queue.in_air or queue.groups.merging
    if busy and standing.allowance.hourly(now, importance):
        # Whether one has gone out in this hour is known when that has landed, and a
        # digest is not to wait an hour more for who came while it was made.
        return float("inf")
    at = standing.goes_at(now, importance)
    return max(at, standing.logins.next_at(now, importance)) if needs_login else at


def _leader(turn: Turn) -> str | None:
    """Return whom a message can follow over its session."""
    return None if turn.word_by_word else turn.queue.leader


def _free_at(queue: Queue, message: QueuedMessage) -> float:
    """Return when a message need not wait any longer for those in the air.

    One session is the rule. But an answer may take ten minutes, and a large message
    longer: then the others go on over another one.
    """
    if queue.sessions >= MAX_SESSIONS:
        return float("inf")
    return max(
        (
            _patience_ends(flight, flight, message.importance)
            for flight in queue.in_air.values()
        ),
        default=float("-inf"),
    )


def _patience_ends(since: Flight, flight: Flight, importance: int) -> float:
    """Return until when a message waits for one in the air, since this one began."""
    if since.busy_since is None:
        # It will be known soon whether there is a server at all.
        return float("inf")
    wait = PATIENCE_OF_IMPORTANT if importance > flight.importance else PATIENCE
    return since.busy_since + wait


def _look_again_at(queue: Queue, now: float) -> float:
    """Return when someone's patience with those in the air may end.

    Whose turn it will be is not known before: to find out would change whose it is.
    """
    flights = queue.in_air.values()
    since = [flight.busy_since for flight in flights if flight.busy_since is not None]
    if len(since) < len(flights) or queue.sessions >= MAX_SESSIONS:
        return float("inf")
    ends = [at + wait for at in since for wait in (PATIENCE_OF_IMPORTANT, PATIENCE)]
    return min((at for at in ends if at > now), default=now)


def _check_login(turn: Turn) -> None:
    """Check the login now and then: a revoked code is to be noticed by day."""
    standing, now = turn.standing, turn.now.steady
    if standing.hold or turn.queue.in_air or standing.check_login_at > now:
        return
    if not turn.may_log_in(_OF_CHECK):
        return
    turn.change(check_login_at=turn.after(LOGIN_CHECK_INTERVAL))
    turn.do(CheckLogin())
