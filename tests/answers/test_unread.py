"""What is told where the inbox of a house cannot be read."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.qq_mail.answers.watching import Answers
from custom_components.qq_mail.inbox import mailbox
from custom_components.qq_mail.inbox.link import Link
from custom_components.qq_mail.inbox.models import MailboxError
from custom_components.qq_mail.smtp.replies import Cause
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from ..house import later, rooms_of, until
from ..qq_server import QQServer
from .conftest import Household
from .test_answers import issue


@pytest.mark.parametrize("online", [True, False])
async def test_cannot_be_read(
    hass: HomeAssistant,
    household: Household,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    online: bool,
) -> None:
    """After an hour it is said, if a mail went out meanwhile; then it reads again."""
    for name in ("FIRST_RETRY", "LAST_RETRY"):
        monkeypatch.setattr(mailbox, name, 0.01)
    rooms = rooms_of(hass, household.entry)
    mail = await household.alert()
    await until(lambda: server.imap.logins)
    await later(hass, freezer, timedelta(minutes=9))
    server.imap.habits.answers = False
    server.imap.drop()
    told = problems(monkeypatch, rooms.answers)
    await until(lambda: len(told) > 1)
    assert issue(hass, household.entry, "inbox_unread") is None
    for title in ["Fire"] * online:
        await household.alert(title=title)
    await later(hass, freezer, timedelta(minutes=61))
    told.clear()
    await until(lambda: len(told) > 1)
    shown = issue(hass, household.entry, "inbox_unread")
    assert bool(shown) is online
    assert rooms.outbox.reads_answers is not online
    server.imap.habits.answers = True
    household.answer(mail, "2")
    await household.told()
    assert household.pressed == ["lamp"]
    assert rooms.outbox.reads_answers
    assert not ir.async_get(hass).issues


async def test_cannot_be_read_for_another_reason(
    hass: HomeAssistant,
    household: Household,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the newest is told: a login that works was not refused."""
    monkeypatch.setattr(mailbox, "RESTS", (0.01,))
    for name in ("FIRST_RETRY", "LAST_RETRY"):
        monkeypatch.setattr(mailbox, name, 0.01)
    failing = {"log_in": MailboxError(Cause.LOGIN_REFUSED, "No")}

    def fail(step: str) -> Callable[[Link], Awaitable[Any]]:
        real = getattr(Link, step)

        async def do(link: Link) -> Any:
            if error := failing.get(step):
                raise error
            return await real(link)

        return do

    for step in ("log_in", "examine"):
        monkeypatch.setattr(Link, step, fail(step))
    answers = rooms_of(hass, household.entry).answers
    monkeypatch.setattr(answers, "may_log_in", lambda: 0)
    told = problems(monkeypatch, answers)

    def shown() -> list[str]:
        keys = ("inbox", "inbox_unread")
        return [key for key in keys if issue(hass, household.entry, key)]

    async def fail_again() -> None:
        told.clear()
        await until(lambda: len(told) > 1)

    await household.alert()
    await fail_again()
    assert shown() == ["inbox"]
    refused = failing.pop("log_in")
    failing["examine"] = MailboxError(Cause.CONNECTION_LOST, "Reset")
    await fail_again()
    assert shown() == []
    await household.alert(title="Fire")
    await later(hass, freezer, timedelta(minutes=61))
    await fail_again()
    assert shown() == ["inbox_unread"]
    failing["log_in"] = refused
    await fail_again()
    assert shown() == ["inbox"]
    failing.clear()
    await until(lambda: not shown())


def problems(
    monkeypatch: pytest.MonkeyPatch, answers: Answers
) -> list[MailboxError | None]:
    """Return what is told of the inbox from now on."""
    told: list[MailboxError | None] = []
    real = answers.problem

    def problem(error: MailboxError | None) -> None:
        real(error)
        told.append(error)

    monkeypatch.setattr(answers, "problem", problem)
    return told
