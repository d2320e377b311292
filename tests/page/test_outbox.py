"""What the page shows of the outbox, and how it follows what changes."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.calls import listing
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.history import History
from custom_components.qq_mail.page.panel import VERSION
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant

from ..calls.test_send import send
from ..conftest import ADDRESS, Events
from ..house import add_account, later, outbox_of, rooms_of, take_over, until
from ..qq_server import Answer, Hang, QQServer, Step, replies
from .conftest import Page
from .test_scale import Ticks

LATER = Answer(451, "later")
OTHER = "10002@foxmail.com"


async def test_what_waits(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
) -> None:
    """Title, to whom, since when, why, and when it goes, in the house's time."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-11-20 08:00:00+00:00")
    server.script(Step.RCPT, LATER, times=None)
    people = [f"{number}@qq.com" for number in range(10001, 10013)]
    await send(hass, title="<b>Fire</b>", tag="fire", priority="high", to=people)
    await page.subscribe()
    (account,) = await page.seen()
    (message,) = account.pop("messages")
    ((waits, _),) = outbox_of(loaded_entry).plans()
    assert message == {
        "account": ADDRESS,
        "queue_id": waits.queue_id,
        "subject": "<b>Fire</b>",
        "tag": "fire",
        "same_tag": 1,
        "recipients": people,
        "priority": "high",
        "raised_at": "16:00",
        "why": "The last attempt failed, so it is tried again at 16:01.",
        "next_attempt": "16:01",
        "reason": "back_off",
        "may_retry": True,
        "by": ADDRESS,
        "attempts": 1,
        "reply": "451 later",
        "cause": "temporary",
        "size": waits.size,
        "parts": [],
        "titles": [],
    }
    assert account == {
        "id": loaded_entry.entry_id,
        "title": ADDRESS,
        "address": ADDRESS,
        "state": "Sends.",
        "works": True,
        "left": 400,
        "per_day": 400,
        "waiting": 1,
        "first": 0,
        "counted": [],
        "repeated": [],
    }


async def test_with_another_account(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    freezer: FrozenDateTimeFactory,
    loaded_entry: MockConfigEntry,
) -> None:
    """Who has raised it sees it, and which account sends it instead."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-11-20 08:00:00+00:00")
    second = "10002@qq.com"
    other = await add_account(hass, server, loaded_entry, second)
    await take_over(hass, loaded_entry, other)
    server.script(Step.MAIL, replies.FREQUENCY_LIMITED, match=ADDRESS)
    server.script(Step.MAIL, Hang(), match=second)
    await send(hass, title="Fire", priority="highest")
    await later(hass, freezer, timedelta(seconds=20))
    await until(lambda: any(second in one for one in server.commands))
    await page.ask("outbox/subscribe", language="zh-Hans")
    first, helper = await page.seen()
    (message,) = first["messages"]
    assert (message["by"], message["why"]) == (second, "正在发送。")
    assert first["state"] == (
        "已暂停至 17:00：QQ 限制了该账号的发信频率。 在此期间由 10002@qq.com 代发。"
    )
    assert (helper["messages"], helper["waiting"]) == ([], 0)
    assert helper["works"]


@pytest.mark.parametrize(
    ("step", "answer", "state"),
    [
        pytest.param(
            Step.MAIL,
            replies.FREQUENCY_LIMITED,
            "Paused until 17:00: QQ limits how much the account may send.",
            id="rate",
        ),
        pytest.param(
            Step.AUTH,
            replies.LOGIN_AMBIGUOUS,
            "QQ refused the login; the next one is at 16:15. If the authorization code "
            "was revoked, enter a new one under Check.",
            id="login",
        ),
        pytest.param(
            Step.MAIL,
            LATER,
            "127.0.0.1 takes nothing since 16:00; next try at 16:01.",
            id="refusing",
        ),
    ],
)
async def test_state(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    freezer: FrozenDateTimeFactory,
    step: Step,
    answer: Answer,
    state: str,
) -> None:
    """An account says in a sentence why it sends nothing."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-11-20 08:00:00+00:00")
    server.script(step, answer, times=None)
    await send(hass, title="Fire")
    await page.subscribe()
    (account,) = await page.seen()
    assert account["state"] == state
    assert not account["works"]
    # Another login with a code that was refused would only be counted.
    (message,) = account["messages"]
    assert message["may_retry"] is (step is not Step.AUTH)


async def test_unreachable(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    events: Events,
) -> None:
    """It changes by itself, in the language that was asked for."""
    freezer.move_to("2026-11-20 08:00:00+00:00")
    await hass.config.async_set_time_zone("Asia/Shanghai")
    await page.ask("outbox/subscribe", language="zh-Hans")
    (account,) = await page.seen()
    assert account["state"] == "可以正常发送。"
    server.stop()
    try:
        await send(hass, title="Fire")
        await events.wait(1)
        while not account["messages"] or account["works"]:
            (account,) = await page.seen()
    finally:
        server.start()
    assert account["state"] == "自 16:00 起无法连接 127.0.0.1，下次尝试：16:01。"
    await hass.services.async_call("qq_mail", "retry", {}, blocking=True)
    while account["waiting"]:
        (account,) = await page.seen()
    assert account["state"] == "可以正常发送。QQ 最近一次接受邮件是在 16:00。"


async def test_unreachable_for_others(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    loaded_entry: MockConfigEntry,
    events: Events,
) -> None:
    """What one account has found out of a server holds for those that have it too."""
    second = MockConfigEntry(
        domain=DOMAIN,
        title=OTHER,
        data={**loaded_entry.data, "username": OTHER},
        options={"service_name": "second"},
    )
    second.add_to_hass(hass)
    assert await hass.config_entries.async_setup(second.entry_id)
    server.accounts[OTHER] = loaded_entry.data["password"]
    server.stop()
    try:
        await send(hass, title="Fire")
        await events.wait(1)
    finally:
        server.start()
    await page.subscribe()
    first, other = await page.seen()
    assert "127.0.0.1 cannot be reached since" in first["state"]
    assert other["state"] == first["state"]
    assert not other["works"]
    # Until it has found out otherwise.
    data = {"message": "Smoke!", "config_entry_id": second.entry_id}
    await hass.services.async_call(DOMAIN, "send_message", data, blocking=True)
    while not other["works"]:
        first, other = await page.seen()
    assert not first["works"]


async def test_window(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some rows of all; not beyond their end, which may have come nearer."""
    monkeypatch.setattr(listing, "_AT_ONCE", 2)
    server.script(Step.RCPT, LATER, times=None)
    for number in range(5):
        await send(hass, title=str(number))
    number = await page.subscribe(first={loaded_entry.entry_id: 2}, number=2)
    (account,) = await page.seen()
    assert account["waiting"] == 5
    assert [one["subject"] for one in account["messages"]] == ["2", "3"]
    await page.socket.send_json_auto_id(
        {"type": "unsubscribe_events", "subscription": number}
    )
    assert (await page.socket.receive_json())["success"]
    await page.subscribe(first={loaded_entry.entry_id: 40}, number=2)
    (account,) = await page.seen()
    assert account["first"] == 4
    assert [one["subject"] for one in account["messages"]] == ["4"]


async def test_thousands(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many are planned for a window, others have their turns meanwhile."""
    monkeypatch.setattr(listing, "_AT_ONCE", 10)
    server.script(Step.RCPT, LATER, times=None)
    await send(hass, title="Fire")
    outbox = outbox_of(loaded_entry)
    planned = 200
    ((message, plan),) = outbox.plans()
    monkeypatch.setattr(outbox, "plans", lambda: iter([(message, plan)] * planned))
    async with Ticks() as ticks:
        plans = listing.async_plans(outbox, planned - 2, planned)
        assert len([one async for one in plans]) == 2
    assert ticks.number >= planned / 10 - 1


async def test_thousands_that_went_out(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So it is for what the action answers of the history."""
    monkeypatch.setattr(listing, "_AT_ONCE", 10)
    await send(hass, title="Fire")
    items = rooms_of(hass, loaded_entry).history.items * 200
    monkeypatch.setattr(History, "items", items)
    before = await turns_of(hass, "get_outbox")
    assert await turns_of(hass, "get_history") >= before + len(items) / 10


async def turns_of(hass: HomeAssistant, action: str) -> int:
    """Return how many turns others have while an action answers."""
    async with Ticks() as ticks:
        await hass.services.async_call(
            "qq_mail", action, {}, blocking=True, return_response=True
        )
    return ticks.number


async def test_digest(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    events: Events,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What is merged says so, and when; then the digest names what is in it."""
    options = {"service_name": "qq_mail", "burst": 1, "messages_per_minute": 2}
    hass.config_entries.async_update_entry(loaded_entry, options=options)
    await hass.async_block_till_done()
    await send(hass, title="Before")
    server.script(Step.RCPT, LATER)
    for number in range(4):
        await send(hass, title=f"Alert {number}", wait=0)
    await later(hass, freezer, timedelta(seconds=31))
    await events.wait(2)
    await page.subscribe()
    (account,) = await page.seen()
    (digest,) = account["messages"]
    assert digest["titles"] == [f"Alert {number}" for number in range(4)]
    assert digest["subject"].startswith("4 alerts")


async def test_counted_and_repeated(
    hass: HomeAssistant, server: QQServer, page: Page, freezer: FrozenDateTimeFactory
) -> None:
    """What is not sent now, or sent again, is beside what waits."""
    freezer.move_to("2026-11-20 08:00:00+00:00")
    await hass.config.async_set_time_zone("Asia/Shanghai")
    for _ in range(3):
        await send(hass, title="Door", tag="door", repeat_after="01:00:00")
    await send(hass, title="Water", tag="water", repeat_until_acknowledged="00:10:00")
    await page.subscribe()
    (account,) = await page.seen()
    (counted,) = account["counted"]
    (repeated,) = account["repeated"]
    assert counted.pop("queue_id") < repeated.pop("queue_id")
    assert counted == {
        "account": ADDRESS,
        "title": "Door",
        "tag": "door",
        "recipients": [ADDRESS],
        "count": 2,
        "since": "16:00",
    }
    assert repeated == {
        "account": ADDRESS,
        "title": "Water",
        "tag": "water",
        "recipients": [ADDRESS],
        "number": 1,
        "since": "16:00",
        "next": "16:10",
        "until": "11-21 16:00",
    }
    await hass.services.async_call(
        "qq_mail", "acknowledge", {"tag": "water"}, blocking=True
    )
    while account["repeated"]:
        (account,) = await page.seen()


async def test_accounts_come_and_go(
    hass: HomeAssistant, server: QQServer, page: Page, loaded_entry: MockConfigEntry
) -> None:
    """A disabled account says so; enabled again, it is followed again."""
    entry_id = loaded_entry.entry_id
    await page.subscribe()
    (account,) = await page.seen()
    await hass.config_entries.async_set_disabled_by(entry_id, ConfigEntryDisabler.USER)
    while account["works"] or "disabled" not in account["state"]:
        (account,) = await page.seen()
    assert account["messages"] == []
    await hass.config_entries.async_set_disabled_by(entry_id, None)
    while not account["works"]:
        (account,) = await page.seen()
    await send(hass, title="Fire")
    while account["left"] == 400:
        (account,) = await page.seen()
    await hass.config_entries.async_remove(entry_id)
    shown = [account]
    while shown:
        shown = await page.seen()


async def test_version(page: Page) -> None:
    """A page learns which version is served."""
    await page.subscribe()
    await page.seen()
    answer = await page.ask("outbox/subscribe", language="en")
    assert answer["success"]
    event = (await page.socket.receive_json())["event"]
    assert event["version"] == VERSION
