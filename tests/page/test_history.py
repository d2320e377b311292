"""What the page shows of the history: in words, filtered, with a picture of the day."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.buttons.models import Action, Mail
from custom_components.qq_mail.outbox.core.models import Outcome
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..calls.test_send import send
from ..conftest import ADDRESS, Events
from ..house import add_account, house_of, later, take_over, until
from ..qq_server import Answer, QQServer, Step, replies
from .conftest import Page

ANN, BEN = "10001@qq.com", "ben@example.com"


async def test_in_words(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    events: Events,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
) -> None:
    """Each outcome, with whom it concerns, QQ's reply, and what to do about it."""
    freezer.move_to("2026-11-20 08:00:00+00:00")
    await hass.config.async_set_time_zone("Asia/Shanghai")
    refusal = Answer(550, "Mailbox not found")
    server.script(Step.RCPT, Answer(451, "later"), times=2)
    server.script(Step.RCPT, refusal, match=BEN)
    answer = await send(hass, title="Fire", tag="fire", to=[ANN, BEN], priority="high")
    await later(hass, freezer, timedelta(minutes=2))
    await events.wait(3)
    mail = Mail(
        account=loaded_entry.entry_id,
        queue_id=answer["queue_id"],
        tag="",
        subject="Fire",
        recipients=(ANN,),
        time=dt_util.utcnow(),
    )
    buttons = house_of(hass).buttons
    action = Action(action="shut", title="Shut it")
    (token,) = buttons.issue(mail, [action], timedelta(hours=1))
    button = buttons.find(token)
    assert button
    buttons.press(button, ANN)
    answer = await page.get("history", language="en")
    (message,) = answer["messages"]
    results = {one.pop("outcome"): one for one in message.pop("results")}
    accepted = results["accepted"]
    assert accepted.pop("reply").startswith("250")
    assert accepted == {
        "at": "16:02",
        "recipients": [ANN],
        "attempts": 2,
        "cause": None,
        "why": "",
        "by": "",
    }
    assert results["rejected"] == {
        "at": "16:02",
        "recipients": [BEN],
        "attempts": 2,
        "cause": "recipient",
        "by": "",
        "reply": "550 Mailbox not found",
        "why": f"Mail from {ADDRESS} was not accepted: QQ refused the recipient. Check "
        "the address. QQ's answer: 550 Mailbox not found",
    }
    assert message.pop("queue_id")
    assert message == {
        "account": ADDRESS,
        "title": "Fire",
        "tag": "fire",
        "priority": "high",
        "raised_at": "16:00",
        "accepted_at": "16:02",
        "delay": 120,
        "digest": None,
        "presses": [{"title": "Shut it", "at": "16:02", "by": ANN}],
    }


@pytest.mark.parametrize(
    ("asked", "titles"),
    [
        pytest.param({}, ["two", "one", "zero"], id="all"),
        pytest.param({"outcome": "accepted"}, ["two", "zero"], id="outcome"),
        pytest.param({"outcome": "expired"}, [], id="none of that outcome"),
        pytest.param({"recipient": BEN}, ["two"], id="recipient"),
        pytest.param({"text": "ONE"}, ["one"], id="title"),
        pytest.param({"text": "leak"}, ["two"], id="tag"),
        pytest.param({"first": 1, "number": 1}, ["one"], id="window"),
    ],
)
async def test_filters(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    asked: dict[str, object],
    titles: list[str],
) -> None:
    """By outcome, by whom it was for, and by what is remembered of its words."""
    await send(hass, title="zero")
    server.script(Step.RCPT, Answer(451, "later"))
    await send(hass, title="one")
    await hass.services.async_call("qq_mail", "discard", {"all": True}, blocking=True)
    await send(hass, title="two", tag="leak", to=BEN)
    answer = await page.get("history", language="en", **asked)
    assert [one["title"] for one in answer["messages"]] == titles
    assert answer["recipients"] == sorted([ADDRESS, BEN])


async def test_day(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Mails an hour, by outcome, of the last 24 hours of the house's clock."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-11-20 08:30:00+00:00")
    await send(hass, title="long ago")
    freezer.tick(timedelta(hours=24))
    await send(hass, title="now")
    server.script(Step.RCPT, Answer(451, "later"))
    await send(hass, title="not wanted")
    await hass.services.async_call("qq_mail", "discard", {"all": True}, blocking=True)
    hours = (await page.get("history", language="en"))["hours"]
    assert len(hours) == 24
    assert hours[0] == {"hour": "17", "numbers": {}}
    assert hours[-1] == {"hour": "16", "numbers": {"accepted": 1, "discarded": 1}}


@pytest.mark.parametrize(
    ("zone", "raised", "now", "place", "hour"),
    [
        ("Europe/Berlin", "2026-10-25 11:20", "2026-10-25 11:30", -1, "12"),
        # An hour that there is twice.
        ("Europe/Berlin", "2026-10-25 00:20", "2026-10-25 11:30", -12, "02"),
        ("Europe/Berlin", "2026-10-25 01:20", "2026-10-25 11:30", -11, "02"),
        ("America/New_York", "2026-03-08 18:30", "2026-03-08 18:40", -1, "14"),
        ("America/New_York", "2026-03-08 06:30", "2026-03-08 18:40", -13, "01"),
        ("Asia/Kolkata", "2026-03-08 06:40", "2026-03-08 07:20", -1, "12"),
    ],
)
async def test_day_of_a_clock_change(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    freezer: FrozenDateTimeFactory,
    zone: str,
    raised: str,
    now: str,
    place: int,
    hour: str,
) -> None:
    """Each mail stands in its own hour, also where the clock was changed since."""
    await hass.config.async_set_time_zone(zone)
    freezer.move_to(f"{raised}:00+00:00")
    await send(hass, title="Fire")
    freezer.move_to(f"{now}:00+00:00")
    hours = (await page.get("history", language="en"))["hours"]
    assert [one for one in hours if one["numbers"]] == [hours[place]]
    assert hours[place] == {"hour": hour, "numbers": {"accepted": 1}}


async def test_words_of_another_account(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
    events: Events,
) -> None:
    """What befell a mail that another account sent is said of that account."""
    second = "10002@qq.com"
    options = {"service_name": "second"}
    other = await add_account(hass, server, loaded_entry, second, options)
    await take_over(hass, loaded_entry, other)
    server.script(Step.MAIL, replies.FREQUENCY_LIMITED, match=ADDRESS)
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND, match=BEN, times=None)
    await send(hass, title="Fire", priority="highest", to=BEN)
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: Outcome.REJECTED in events.outcomes)
    (message,) = (await page.get("history", language="en"))["messages"]
    (result,) = message["results"]
    assert result["by"] == second
    assert f"Mail from {second} was not accepted" in result["why"]


async def test_no_account_is_loaded(
    hass: HomeAssistant, server: QQServer, page: Page, loaded_entry: MockConfigEntry
) -> None:
    """What is remembered of an account is shown while that is loaded."""
    await send(hass, title="Fire")
    assert await hass.config_entries.async_unload(loaded_entry.entry_id)
    assert (await page.get("history", language="en"))["messages"] == []
