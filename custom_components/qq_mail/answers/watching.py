"""Reads an account's answers while a mail can be answered, and does what they mean."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util import dt as dt_util
from homeassistant.util.ssl import client_context

from ..accounts import QQMailConfigEntry, async_loaded
from ..buttons.models import SIGNAL_REPLY, Button, MailButtons, Press, Reply, Told
from ..buttons.registry import Buttons
from ..clock import read_clock
from ..const import CONF_ANSWERS_FROM, DOMAIN, LOGGER, MEGABYTE
from ..content.request import MessageRequest
from ..history import History
from ..inbox.link import FOLDER
from ..inbox.mailbox import Mailbox as Inbox, ReadMail
from ..inbox.models import Cursor, Head, MailboxError
from ..inbox.reading import Incoming, Kind
from ..mime.address import Mailbox, Recipients
from ..mime.models import Priority
from ..outbox.outbox import Outbox
from ..sending.submit import async_submit
from ..smtp.models import Account
from ..smtp.replies import Cause
from ..started import async_listened
from ..texts import Texts, async_texts, literal, time_of
from ..typed import read_json
from .bounces import Bounces
from .choice import choose
from .issues import BOUNCED, INBOX, RETURNED, STRANGER, UNREAD, Issues

CURSOR: Final = "cursor"
"""The kind of their records in the store."""
_UNREAD_AFTER: Final = 3600.0
"""Seconds without a look at the inbox, after which a person is told."""
_MAX_WITHOUT_CODE: Final = 4 * MEGABYTE
"""Octets of a recipient's mail that is read though its head has no code: whatever else
people send to the account's address would be downloaded."""
_MOST_TOLD: Final = 3
"""Answers of ours to one mail: more would be a loop, or a quarrel."""


class Answers:
    """Owns the mailbox of one account; lives as long as its outbox."""

    def __init__(
        self,
        entry: QQMailConfigEntry,
        outbox: Outbox,
        history: History,
        buttons: Buttons,
        bounces: dict[str, Bounces],
    ) -> None:
        """Know how far the inbox was read; nothing is read yet.

        `bounces` are those of all accounts.
        """
        self._hass = hass = outbox.hass
        self._entry = entry
        self._outbox = outbox
        self._buttons = buttons
        self._issues = Issues(hass, entry)
        self._account: Account | None = None
        self._mailbox: Inbox | None = None
        self._task: asyncio.Task[None] | None = None
        self._timeout: asyncio.Timeout | None = None
        self._failing_since: float | None = None
        """Since when the inbox cannot be read, by the steady clock."""
        self._cursors: dict[str, Cursor] = outbox.manager.known(
            outbox.id, CURSOR, lambda _, one: read_json(Cursor, one, read_clock())
        )
        """How far each folder was read."""
        self._owed = [
            (known, told)
            for known in self._buttons.answerable(outbox.id)
            if known.mail.account == outbox.id
            for told in known.owed
        ]
        """What is told next: first of all what an earlier run did not come to."""
        outbox.async_on_close(buttons.async_listen(outbox.id, self._update))
        self._bounces = Bounces(outbox, history, self._issues, bounces, self._update)
        # Those are still true after a restart.
        outbox.async_on_close(lambda: self._issues.withdraw(BOUNCED, RETURNED))

    def configure(self, account: Account | None) -> None:
        """Read this inbox, or none.

        What is read goes on unless it is another. Where QQ refused the login, there is
        another one now, rather than after hours: a person has done something.
        """
        if account != self._account or not self._outbox.reads_answers:
            self._account = account
            self._cancel()
        self._outbox.reads_answers = account is not None
        self._update()

    def begin(self, account: Account, end: Cursor) -> None:
        """Read an inbox from where a form has seen its end.

        While a mail can be answered, rather all that came since it was read last.
        """
        if self._left <= 0:
            self._keep_cursor(end)
        self.configure(account)

    async def async_stop(self) -> None:
        """Read no more."""
        self._account = None
        self._issues.withdraw(INBOX, UNREAD, STRANGER)
        if task := self._cancel():
            with suppress(asyncio.CancelledError):
                await task

    # What the mailbox asks of its owner

    def may_log_in(self) -> float:
        """Return 0 and count a login, or the seconds until one may be made."""
        return self._outbox.async_log_in_to_read()

    def wanted_since(self) -> datetime:
        """Return when the oldest mail went out that can be answered, or come back."""
        times = [one.mail.time for one in self._buttons.answerable(self._outbox.id)]
        return min([*times, *self._bounces.times], default=dt_util.utcnow())

    async def received(
        self, heads: Sequence[Head], read: ReadMail, cursor: Cursor
    ) -> None:
        """Do what new mail means, and keep how far it was read by the same round."""
        await self._async_ready()
        mails = [
            (head, mail)
            for head in heads
            if self._is_wanted(head) and (mail := await read(head))
        ]
        texts = await async_texts(self._hass)
        # From here on without an await, so that all of it is one round.
        for head, mail in mails:
            self._take(head.mail, mail, texts)
        self._keep_cursor(cursor)
        kept = await self._outbox.manager.async_written()
        self._tell_owed("" if kept else texts("answer_not_kept_text"))

    def problem(self, error: MailboxError | None) -> None:
        """Report why the mailbox cannot be read for a while, or that it can again."""
        if error is None:
            self._outbox.reads_answers = True
            self._failing_since = None
            self._issues.withdraw(INBOX, UNREAD)
            return
        LOGGER.info("Answers to %s are not read: %s", self._entry.title, error)
        now, state = read_clock().steady, self._outbox.state
        since = self._failing_since = self._failing_since or now
        texts = {"reply": literal(error.detail or str(error.cause))}
        # What was told of another reason is no longer what is to be mended.
        self._issues.withdraw(UNREAD if error.cause.of_login else INBOX)
        if error.cause.of_login:
            self._outbox.reads_answers = False
            self._issues.show(INBOX, texts)
        elif (
            now - since >= _UNREAD_AFTER
            # Else the house may be offline, which the outbox tells once it is to send.
            and not state.down
            and state.accepted_at is not None
            and state.accepted_at >= since
        ):
            self._outbox.reads_answers = False
            self._issues.show(UNREAD, texts)

    # How it does that

    @callback
    def _update(self) -> None:
        """Begin to read, or go on for as long as a mail can be answered."""
        if self._account is None:
            return
        left = self._left
        if self._timeout and self._timeout.expired():
            # It is leaving, and cannot be kept any more: the next one begins.
            self._task = self._mailbox = self._timeout = None
        if self._timeout:
            loop = asyncio.get_running_loop()
            self._timeout.reschedule(loop.time() + left)
        if self._mailbox:
            self._mailbox.hurry()
        if left > 0 and self._task is None:
            self._task = self._hass.async_create_background_task(
                self._async_read(self._account), f"{DOMAIN} answers"
            )

    def _cancel(self) -> asyncio.Task[None] | None:
        task, self._task = self._task, None
        self._mailbox = self._timeout = self._failing_since = None
        if task:
            task.cancel()
        return task

    @property
    def _left(self) -> float:
        """For how many seconds a mail may still be answered, or come back."""
        return max(self._buttons.left(self._outbox.id), self._bounces.left)

    async def _async_read(self, account: Account) -> None:
        """Read until no mail can be answered or come back any more."""
        await async_listened(self._hass)
        self._tell_owed()
        mailbox = Inbox(account, client_context(), self, self._cursors.get(FOLDER))
        self._mailbox = mailbox
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left) as self._timeout:
                await mailbox.run()
        if self._task is asyncio.current_task():
            self._mailbox = self._timeout = self._task = self._failing_since = None
            self._issues.withdraw(INBOX, UNREAD)

    def _keep_cursor(self, cursor: Cursor) -> None:
        """Have it written how far the inbox was read."""
        self._cursors[FOLDER] = cursor
        key = (CURSOR, self._outbox.id, FOLDER)
        self._outbox.manager.store.put(key, partial(asdict, cursor))

    async def _async_ready(self) -> None:
        """Wait until the account's entities are there. Raises MailboxError."""
        try:
            await async_loaded(self._entry)
        except ServiceValidationError as err:
            # The same mails are read again.
            raise MailboxError(Cause.TEMPORARY, "The account is not loaded") from err

    def _is_wanted(self, head: Head) -> bool:
        """Tell by its head whether all of a mail is read.

        That is what may answer one of ours, or says that one came back.
        """
        mail = head.mail
        if mail.kind is Kind.BOUNCE:
            return self._bounces.left > 0
        return mail.kind is Kind.ANSWER and bool(
            self._buttons.answered(self._outbox.id, mail.secrets)
            or (
                head.size <= _MAX_WITHOUT_CODE
                and any(
                    self._is_allowed(one, mail.sender)
                    for one in self._buttons.answerable(self._outbox.id)
                )
            )
        )

    def _is_allowed(self, known: MailButtons, sender: str) -> bool:
        """Tell whether whoever has a mail's secret may answer it from an address."""
        if sender in {*known.people, self._outbox.account.username.lower()}:
            return True
        others = map(Mailbox.stored, self._entry.options.get(CONF_ANSWERS_FROM, ()))
        return any(
            one.addr_spec.lower() == sender
            and one.display_name.lower() in ("", *known.people)
            for one in others
        )

    def _take(self, head: Incoming, mail: Incoming, texts: Texts) -> None:
        """Do what a mail means."""
        if mail.bounce:
            self._bounces.take(mail.bounce, mail.references, texts)
        # Nobody in particular can be told anything, or be allowed from now on.
        if mail.kind is not Kind.ANSWER or not mail.sender:
            return
        find = partial(self._buttons.answered, self._outbox.id)
        # What stands in the head is of the mail that is answered; the text may also
        # quote others.
        found = find(head.secrets) or find(mail.secrets)
        meant = [one for one in found if self._is_allowed(one.group, mail.sender)]
        # As they stand in a digest, which begins with the newest.
        meant.sort(key=lambda one: one.group.first)
        if not meant:
            for one in found[:1]:
                self._issues.tell_stranger(one.mail, mail.sender)
            return
        meaning = choose(meant, mail.text)
        if several := meaning.several:
            choices = " · ".join(f"{one.number} {one.action.title}" for one in several)
            self._owe(several[0].group, mail, texts("reply_which", choices=choices))
            return
        if (button := meaning.button) is None:
            self._hear(meant, mail, meaning.text, texts)
            return
        title = button.action.title
        if meaning.needs_title:
            told = texts("reply_title_needed", title=button.shown)
        elif button.action.in_words and not meaning.text:
            told = texts("reply_words_needed", title=title)
        else:
            told = self._press(button, mail.sender, meaning.text, texts)
        self._owe(button.group, mail, told)

    def _press(self, button: Button, by: str, text: str, texts: Texts) -> str:
        """Press a button, unless that is over; say what became of it.

        One that is answered in words passes the text on, and can be answered again.
        """
        now, action = dt_util.utcnow(), button.action
        if not self._buttons.works(button):
            until = time_of(min(button.group.expires_at, now), now)
            return texts("reply_over", title=action.title, time=until)
        if button.used_at:
            time = time_of(button.used_at, now)
            if by := button.used_by:
                return texts("reply_used_by", title=action.title, time=time, by=by)
            return texts("reply_used", title=action.title, time=time)
        if button.ended:
            return texts(f"answer_{button.ended}_text", title=action.title)
        time = time_of(now, now)
        if action.in_words:
            reply = Reply(mail=button.mail, sender=by, text=text, action=action.action)
            if not self._buttons.is_handled(SIGNAL_REPLY, reply):
                return texts("reply_words_unheard", title=action.title)
            async_dispatcher_send(self._hass, SIGNAL_REPLY, reply)
        else:
            press = Press(mail=button.mail, action=action, by=by)
            heard = self._buttons.is_heard(press)
            self._buttons.press(button, by)
            if not heard:
                return texts("reply_unheard", title=action.title, time=time)
        return texts("reply_done", title=action.title, time=time)

    def _hear(
        self, meant: list[Button], mail: Incoming, text: str, texts: Texts
    ) -> None:
        """Pass on what somebody wrote; say once that nobody understands it."""
        known = meant[0].group
        reply = Reply(mail=known.mail, sender=mail.sender, text=text)
        if text and self._buttons.is_handled(SIGNAL_REPLY, reply):
            async_dispatcher_send(self._hass, SIGNAL_REPLY, reply)
        elif not known.confused:
            known.confused = True
            shown = [button.shown for button in meant]
            # What two are called tells nobody which of them is meant.
            choices = " · ".join(one for one in shown if shown.count(one) == 1)
            self._owe(known, mail, texts("reply_not_understood", choices=choices))

    def _owe(self, known: MailButtons, mail: Incoming, text: str) -> None:
        """Have the sender told something, unless that was enough."""
        answers = next((one for one in mail.message_ids if one.isascii()), None)
        # No program that people write with leaves it out.
        if answers and known.told < _MOST_TOLD:
            told = Told(mail.sender, text, answers)
            known.told += 1
            known.owed += (told,)
            self._owed.append((known, told))
        self._buttons.write(known)

    def _pay(self, known: MailButtons, told: Told) -> None:
        """Owe it no longer: the outbox has it, by the same round."""
        known.owed = tuple(one for one in known.owed if one is not told)
        self._buttons.write(known)

    def _tell_owed(self, note: str = "") -> None:
        owed, self._owed = self._owed, []
        for known, told in owed:
            self._hass.async_create_task(self._async_tell(known, told, note))

    async def _async_tell(self, known: MailButtons, told: Told, note: str) -> None:
        """Confirm an answer within its conversation, so that nobody can answer that.

        It is owed until the outbox has it.
        """
        conversation = self._outbox.state.conversations.get(known.mail.tag)
        references = [conversation.references] if conversation else []
        request = MessageRequest(
            title=f"Re: {known.mail.subject}",
            message=f"{told.text}\n\n{note}".rstrip(),
            priority=Priority.HIGH,
            wait=0,
        )
        try:
            with self._outbox.making() as ticket:
                await async_submit(
                    self._hass,
                    self._entry,
                    self._outbox,
                    self._buttons,
                    request,
                    Recipients(to=(Mailbox(told.to),)),
                    ticket,
                    references=" ".join([*references, told.answers]),
                    answers=told.answers,
                    kept=partial(self._pay, known, told),
                )
        except HomeAssistantError as err:
            LOGGER.warning("An answer to %s was not confirmed: %s", known.mail, err)
