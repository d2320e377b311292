"""What comes of an attempt, for the message and for the account."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import SystemRandom
from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from ..const import (
    BACK_OFF,
    JITTER,
    LOGGER,
    LOGIN_PAUSE,
    MAX_RATE_LIMIT_PAUSE,
    RATE_LIMIT_PAUSE,
)
from ..mail.diagnosis import Cause, Treatment, diagnose
from ..mail.errors import (
    MailError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from ..mail.models import Reply, Step, SubmissionResult
from .outcome import Hold, Outcome
from .spool import QueuedMessage

if TYPE_CHECKING:
    from .outbox import Outbox

_CHANCE = SystemRandom()
_UNKNOWN = Cause.OUTCOME_UNKNOWN


class Policy:
    """Decides on the messages of an outbox after each attempt, and reports it."""

    def __init__(self, outbox: Outbox, request_new_code: Callable[[], None]) -> None:
        """Prepare; a code that QQ refused twice is asked for anew."""
        self._outbox = outbox
        self._waiting = outbox.waiting
        self._request_new_code = request_new_code

    async def async_recover(self) -> None:
        """Report what was in the air when Home Assistant was killed."""
        for message in self._waiting.in_order():
            if message.in_data:
                await self._went_out(message)
                deferred = await self._deferred(message, _UNKNOWN, None)
                self._outbox.report(deferred, Outcome.UNKNOWN, cause=_UNKNOWN)

    async def async_expire(self) -> None:
        """Remove what waited too long."""
        for message in self._waiting.expired():
            LOGGER.error(
                "Message %s expired after %s attempts: %s",
                message.queue_id,
                message.attempts,
                message.reply or message.cause,
            )
            await self._waiting.async_forget(message)
            self._outbox.report(
                message, Outcome.EXPIRED, cause=message.cause, reply=message.reply
            )

    async def async_lost(self, message: QueuedMessage, err: FileNotFoundError) -> None:
        """Give up a message whose file somebody removed."""
        LOGGER.error("Cannot read message %s: %s", message.queue_id, err)
        self._outbox.damaged.append(str(err.filename))
        await self._waiting.async_forget(message)
        self._outbox.report(message, Outcome.REJECTED, detail=str(err))

    async def async_defer(self, message: QueuedMessage, detail: str) -> None:
        """Keep a message for its next attempt, whatever it was that went wrong."""
        deferred = await self._deferred(message, Cause.TEMPORARY, None)
        self._outbox.report(
            deferred, Outcome.DEFERRED, cause=deferred.cause, detail=detail
        )

    async def async_accepted(
        self, message: QueuedMessage, result: SubmissionResult
    ) -> None:
        """Go on with whoever was refused, and wake the others: the way is free."""
        self._outbox.state.count_accepted()
        await self._went_out(message)
        self._waiting.hurry()
        accepted = replace(
            message, recipients=result.accepted, attempts=message.attempts + 1
        )
        if not result.refused:
            await self._waiting.async_forget(message)
        waiting = await self._without_rejected(message, result.refused)
        self._outbox.report(accepted, Outcome.ACCEPTED, reply=result.reply)
        self._report_refused(message, result.refused, waiting)

    async def async_failed(self, message: QueuedMessage, err: MailError) -> None:
        """Defer a message or reject it, and let the account rest where needed."""
        if isinstance(err, RecipientsRefusedError):
            waiting = await self._without_rejected(message, err.refused)
            self._report_refused(message, err.refused, waiting)
            return
        if err.cause.treatment in (
            Treatment.REJECT_MESSAGE,
            Treatment.REJECT_RECIPIENT,
        ):
            await self._waiting.async_forget(message)
            self._report_rejected(message, err.cause, err.reply)
            return
        await self.async_hold_if_needed(err)
        deferred = await self._deferred(message, err.cause, err.reply)
        if isinstance(err, SessionError):
            # It would be the same for the others.
            self._waiting.put_off(deferred.next_attempt)
        unknown = isinstance(err, OutcomeUnknownError)
        if unknown:
            await self._went_out(message)
        self._outbox.report(
            deferred,
            Outcome.UNKNOWN if unknown else Outcome.DEFERRED,
            cause=err.cause,
            reply=err.reply,
            detail=err.detail,
        )
        if self._outbox.state.hold or isinstance(err, SessionError):
            self._outbox.release_calls()

    async def _went_out(self, message: QueuedMessage) -> None:
        """Remember it before the message is forgotten: a clear has to be told."""
        if message.tag and self._outbox.state.mark_thread(message.tag, went_out=True):
            await self._outbox.async_keep_state()

    async def _without_rejected(
        self, message: QueuedMessage, refused: Mapping[str, Reply]
    ) -> QueuedMessage | None:
        """Keep a message for those who were refused for now, if there are any."""
        if not refused:
            return None
        deferred = {
            recipient: reply
            for recipient, reply in refused.items()
            if diagnose(reply, Step.RCPT).treatment is Treatment.RETRY
        }
        if not deferred:
            await self._waiting.async_forget(message)
            return None
        reply = next(iter(deferred.values()))
        return await self._deferred(
            replace(message, recipients=tuple(deferred)),
            diagnose(reply, Step.RCPT),
            reply,
        )

    def _report_refused(
        self,
        message: QueuedMessage,
        refused: Mapping[str, Reply],
        waiting: QueuedMessage | None,
    ) -> None:
        """Report those who were refused for good, and those who were for now."""
        if waiting:
            self._outbox.report(
                waiting, Outcome.DEFERRED, cause=waiting.cause, reply=waiting.reply
            )
        kept = waiting.recipients if waiting else ()
        for recipient, reply in refused.items():
            if recipient not in kept:
                self._report_rejected(
                    replace(message, recipients=(recipient,)),
                    diagnose(reply, Step.RCPT),
                    reply,
                )

    def _report_rejected(
        self, message: QueuedMessage, cause: Cause, reply: Reply | None
    ) -> None:
        LOGGER.error("Message %s was rejected: %s", message.queue_id, reply or cause)
        self._outbox.report(
            replace(message, attempts=message.attempts + 1),
            Outcome.REJECTED,
            cause=cause,
            reply=reply,
        )

    async def _deferred(
        self, message: QueuedMessage, cause: Cause, reply: Reply | None
    ) -> QueuedMessage:
        """Keep a message for its next attempt, later after each one."""
        attempts = message.attempts + 1
        back_off = BACK_OFF[min(attempts, len(BACK_OFF)) - 1]
        deferred = replace(
            message,
            attempts=attempts,
            next_attempt=dt_util.utcnow() + back_off * (1 + _CHANCE.uniform(0, JITTER)),
            in_data=False,
            cause=cause,
            reply=reply,
        )
        await self._waiting.async_update(deferred)
        return deferred

    async def async_hold_if_needed(self, err: MailError) -> None:
        """Let the account rest where each further try would make it worse."""
        now = dt_util.utcnow()
        state = self._outbox.state
        match err.cause.treatment:
            case Treatment.PAUSE:
                pause = min(RATE_LIMIT_PAUSE * 2**state.pauses, MAX_RATE_LIMIT_PAUSE)
                state.pauses += 1
                state.hold = Hold(err.cause, now + pause, err.reply)
            case Treatment.LOGIN_LATER if not state.login_refused:
                state.login_refused = True
                state.hold = Hold(err.cause, now + LOGIN_PAUSE, err.reply)
            case Treatment.LOGIN_LATER | Treatment.NEW_CODE:
                state.hold = Hold(err.cause, None, err.reply)
                self._request_new_code()
            case _:
                return
        LOGGER.warning("Nothing is submitted until %s: %s", state.hold.until, err)
        await self._outbox.async_keep_state()
        self._outbox.changed()
