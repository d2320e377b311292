"""Answers to a mail that another account has sent."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.buttons.registry import BUTTONS
from custom_components.qq_mail.outbox.core.models import Outcome
from homeassistant.core import HomeAssistant

from ..calls.test_send import send
from ..conftest import ADDRESS, shut_down
from ..house import (
    add_account,
    begin_process,
    end_process,
    house_of,
    later,
    on_disk,
    outbox_of,
    rooms_of,
    take_over,
    until,
)
from ..qq_server import AcceptedMessage, Hang, QQServer, Step, replies
from ..qq_server.imap import FOLDERS
from .conftest import ACTIONS, ANN, Household, answer_to
from .test_bounces import bounced

OTHER = "10002@qq.com"
ALARM: dict[str, Any] = {
    "title": "Water",
    "to": ANN,
    "actions": ACTIONS,
    "priority": "highest",
}


async def taken_over(
    household: Household,
    freezer: FrozenDateTimeFactory,
    *,
    reads: bool,
    **fields: Any,
) -> tuple[AcceptedMessage, MockConfigEntry]:
    """Return an alarm that another account has sent, and that one."""
    hass, server, first = household.hass, household.server, household.entry
    other = await second(household, reads=reads)
    await send(hass, **{**ALARM, **fields})
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: server.accepted and not len(outbox_of(first)))
    (mail,) = server.accepted
    assert mail.reverse_path == OTHER
    return mail, other


async def second(household: Household, *, reads: bool) -> MockConfigEntry:
    """Add an account that takes over what the first one may not send."""
    hass, server, first = household.hass, household.server, household.entry
    server.imap.folders |= {(OTHER, name): [] for name in FOLDERS}
    options = {**first.options, "service_name": "other", "answers_by_mail": reads}
    other = await add_account(hass, server, first, OTHER, options)
    await take_over(hass, first, other)
    return other


async def test_the_sender_reads_its_inbox(
    hass: HomeAssistant,
    server: QQServer,
    household: Household,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A code that QQ refuses reads no inbox either: the answer is found at the other."""
    server.accounts[ADDRESS] = "another"
    mail, other = await taken_over(household, freezer, reads=True)
    assert mail.message["Reply-To"] is None
    server.imap.put(OTHER, answer_to(mail, "Switch the lamp on"))
    await until(lambda: household.pressed)
    assert household.pressed == ["lamp"]
    await until(lambda: len(server.accepted) > 1 and not len(outbox_of(other)))
    told = server.accepted[1]
    assert (told.reverse_path, told.recipients) == (OTHER, (ANN,))
    (known,) = house_of(hass).buttons.answerable(household.entry.entry_id)
    assert known.sent_by == other.entry_id
    house_of(hass).buttons.note_sender("another mail", "nobody")
    assert known.sent_by == other.entry_id
    # And so after a restart.
    (record,) = (one for key, one in on_disk(hass).items() if key[0] == BUTTONS)
    assert record["sent_by"] == other.entry_id


@pytest.mark.parametrize("answered", [None, "bo@example.com"])
async def test_the_first_reads_its_inbox(
    server: QQServer,
    household: Household,
    freezer: FrozenDateTimeFactory,
    answered: str | None,
) -> None:
    """Where the sender reads none, answers go there, unless a call says where."""
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS, times=None, match=ADDRESS)
    fields = {"reply_to": answered} if answered else {}
    mail, _ = await taken_over(household, freezer, reads=False, **fields)
    assert mail.message["Reply-To"] == (answered or ADDRESS)
    if not answered:
        household.answer(mail, "Switch the lamp on")
        await until(lambda: household.pressed)


async def test_nobody_reads(
    server: QQServer, household: Household, freezer: FrozenDateTimeFactory
) -> None:
    """Then an answer goes to the sender, as with any mail."""
    server.accounts[ADDRESS] = "another"
    outbox_of(household.entry).reads_answers = False
    mail, _ = await taken_over(household, freezer, reads=False)
    assert mail.message["From"].addresses[0].addr_spec == OTHER


async def test_it_comes_back_to_the_sender(
    hass: HomeAssistant,
    server: QQServer,
    household: Household,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What the second account has sent is known by the first one's history."""
    server.accounts[ADDRESS] = "another"
    mail, other = await taken_over(household, freezer, reads=True)
    server.imap.put(OTHER, bounced(mail))
    history = rooms_of(hass, household.entry).history
    await until(lambda: history.items[0].recipients_of(Outcome.BOUNCED))
    assert history.items[0].recipients_of(Outcome.BOUNCED) == (ANN,)
    assert not rooms_of(hass, other).history.items


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_it_comes_back_after_a_restart(
    hass: HomeAssistant,
    server: QQServer,
    household: Household,
    freezer: FrozenDateTimeFactory,
    order: tuple[int, int],
) -> None:
    """The sender still reads its inbox for what it has sent, whoever is loaded first."""
    server.accounts[ADDRESS] = "another"
    mail, other = await taken_over(household, freezer, reads=True, actions=[])
    await shut_down(hass, other)
    await end_process(hass, household.entry)
    server.imap.put(OTHER, bounced(mail))
    first, last = ((household.entry, other)[place] for place in order)
    await begin_process(hass, first)
    assert await hass.config_entries.async_setup(last.entry_id)
    history = rooms_of(hass, household.entry).history
    await until(lambda: history.items[0].recipients_of(Outcome.BOUNCED))


async def test_a_copy_is_answered_at_home(
    hass: HomeAssistant,
    server: QQServer,
    household: Household,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Its buttons are those of the first one, which nobody else knows of."""
    server.script(Step.ACCEPTED, Hang())
    other = await second(household, reads=True)
    await send(hass, **ALARM, wait=0)
    queue = outbox_of(household.entry).state.queue
    await until(lambda: any(one.text_since for one in queue.in_progress.values()))
    freezer.tick(60.0)
    manager = outbox_of(other).manager
    manager.happen(manager.scheduler.time_passed)
    await until(lambda: len(server.accepted) > 1)
    copy = server.accepted[1]
    assert (copy.reverse_path, copy.message["Reply-To"]) == (OTHER, ADDRESS)
    household.answer(copy, "Switch the lamp on")
    await until(lambda: household.pressed)
