"""What waits too long is told early and once: a problem, a repair issue, a trigger."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import issue_registry as ir

from .conftest import ADDRESS
from .house import later, listen, outbox_of, set_up_in_shanghai, until
from .qq_server import Answer, Close, Hang, QQServer, Step, replies
from .test_translations import texts_of
from .test_trigger import second_account

PROBLEM = "binary_sensor.123456_qq_com_problem"
OLDEST = "sensor.123456_qq_com_oldest_waiting_message"


async def send(hass: HomeAssistant, title: str, **data: Any) -> None:
    """Send a mail that may have to wait."""
    await hass.services.async_call(
        DOMAIN, "send_message", {"title": title, "message": "x", **data}, blocking=True
    )


async def automate(hass: HomeAssistant, **options: str) -> list[ServiceCall]:
    """Have an automation listen to what is delayed."""
    names = (
        *("number", "titles", "recipients", "priority", "reason", "next_attempt"),
        "account",
    )
    return await listen(hass, "messages_delayed", names, options)


def issue_of(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    """Return the account's issue."""
    return ir.async_get(hass).async_get_issue(DOMAIN, f"delayed_{entry.entry_id}")


def read(hass: HomeAssistant, entry: MockConfigEntry, language: str) -> tuple[str, str]:
    """Return the issue's title and text, as a person reads them."""
    issue, texts = issue_of(hass, entry), texts_of(language)
    assert issue
    given = issue.translation_placeholders or {}
    title, text = (
        texts[f"issues.delayed.{part}"].format(**given)
        for part in ("title", "description")
    )
    return title, text


def problem_of(hass: HomeAssistant) -> tuple[str, str | None]:
    """Return the state of the problem sensor, and its cause."""
    state = hass.states.get(PROBLEM)
    assert state
    return state.state, state.attributes["cause"]


NO_SERVER = (Step.CONNECT, Close())
RATE_LIMIT = (Step.MAIL, replies.TOO_MANY_ATTEMPTS)


@pytest.mark.parametrize(
    ("priority", "patience"),
    [
        pytest.param("highest", 60, id="highest"),
        pytest.param("high", 60, id="high"),
        pytest.param("normal", 300, id="normal"),
        pytest.param("lowest", 300, id="lowest"),
    ],
)
async def test_when(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    priority: str,
    patience: int,
) -> None:
    """What is important waits for a minute, anything else for five."""
    server.script(*NO_SERVER, times=None)
    await send(hass, "煤气泄漏", priority=priority)
    await later(hass, freezer, timedelta(seconds=patience))
    assert issue_of(hass, loaded_entry) is None
    assert problem_of(hass) == ("off", None)
    await later(hass, freezer, timedelta(seconds=10))
    await until(lambda: issue_of(hass, loaded_entry))
    assert problem_of(hass)[0] == "on"


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        pytest.param(
            "en",
            f"2 messages of {ADDRESS} have not gone out",
            "These alerts wait for longer than they should:\n\n- `煤气泄漏`\n- `'Tea'`"
            f"\n\nQQ limits how much {ADDRESS} may send, so nothing is sent until 21:00."
            " Then this message goes out by itself.\n\nNothing is lost: they go out by"
            " themselves as soon as that is possible, and this notice goes then. Tell"
            " the people in the house by another way if it is urgent.",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            f"{ADDRESS} 有 2 封邮件未能发出",
            "以下提醒已等待过久：\n\n- `煤气泄漏`\n- `'Tea'`\n\nQQ 限制了"
            f" {ADDRESS} 的发信频率，21:00 之前不会发送；之后，此邮件会自动发出。\n\n"
            "邮件不会丢失：一旦条件允许就会自动发出，届时此通知会自动消失。如果情况紧急，"
            "请用其他方式通知家人。",
            id="zh-Hans",
        ),
    ],
)
async def test_what_a_person_reads(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    language: str,
    title: str,
    text: str,
) -> None:
    """How many wait, the most important ones, why, and when they go; then it is gone."""
    await set_up_in_shanghai(hass, freezer, entry, language)
    server.script(*RATE_LIMIT)
    await send(hass, "`Tea`")
    await later(hass, freezer, timedelta(minutes=5))
    await send(hass, "煤气泄漏", priority="high")
    await later(hass, freezer, timedelta(seconds=70))
    await until(lambda: issue_of(hass, entry))
    assert read(hass, entry, language) == (title, text)
    assert problem_of(hass) == ("on", "rate_limit")
    oldest = hass.states.get(OLDEST)
    assert oldest
    assert oldest.state == "2026-12-20T12:00:00+00:00"
    await later(hass, freezer, timedelta(hours=1))
    await until(lambda: server.accepted)
    # The pace is learned.
    await later(hass, freezer, timedelta(minutes=1))
    await until(lambda: not len(outbox_of(entry)))
    await later(hass, freezer, timedelta(seconds=10))
    assert issue_of(hass, entry) is None
    assert problem_of(hass) == ("off", None)
    oldest = hass.states.get(OLDEST)
    assert oldest
    assert oldest.state == "unknown"


async def test_trigger_once_for_each_episode(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A flood is one episode; what is more important is told again, and so the next."""
    calls = await automate(hass, config_entry_id=loaded_entry.entry_id)
    server.script(*RATE_LIMIT)
    for number in range(7):
        await send(hass, f"Door {number}", to="a@b.cn")
    for _ in range(3):
        await later(hass, freezer, timedelta(seconds=301))
    assert [call.data["number"] for call in calls] == [7]
    await send(hass, "Gas", priority="highest", to="c@d.cn")
    await later(hass, freezer, timedelta(seconds=61))
    at = outbox_of(loaded_entry).next_attempt
    assert at
    assert calls[1].data == {
        "number": 8,
        "titles": ["Gas", "Door 0", "Door 1", "Door 2", "Door 3"],
        "recipients": ["c@d.cn"],
        "priority": "highest",
        "reason": "paused",
        "next_attempt": at.isoformat(),
        "account": ADDRESS,
    }
    await send(hass, "Water", priority="high")
    await later(hass, freezer, timedelta(seconds=61))
    assert len(calls) == 2
    await hass.services.async_call(DOMAIN, "discard", {"all": True}, blocking=True)
    await later(hass, freezer, timedelta(seconds=10))
    assert issue_of(hass, loaded_entry) is None
    await send(hass, "Water", priority="high")
    await later(hass, freezer, timedelta(seconds=61))
    assert [call.data["titles"] for call in calls[2:]] == [["Water"]]


@pytest.mark.parametrize(
    ("least", "told"),
    [("highest", 0), ("high", 1), ("lowest", 1)],
)
async def test_trigger_from_a_priority_on(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    least: str,
    told: int,
) -> None:
    """Who wants to hear of what is important alone hears of nothing else."""
    calls = await automate(hass, priority=least)
    server.script(*RATE_LIMIT)
    await send(hass, "Water", priority="high")
    await later(hass, freezer, timedelta(seconds=61))
    assert len(calls) == told


async def test_trigger_of_another_account(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """With an account chosen, the others do not count."""
    second = await second_account(hass, server, loaded_entry)
    calls = await automate(hass, config_entry_id=second.entry_id)
    server.script(*RATE_LIMIT)
    await send(hass, "Water", priority="high")
    await later(hass, freezer, timedelta(seconds=61))
    assert issue_of(hass, loaded_entry)
    assert calls == []


def _pace(server: QQServer) -> dict[str, Any]:
    """Let the options hold messages up."""
    return {"messages_per_minute": 1, "burst": 1, "digest": False}


def _digest(server: QQServer) -> dict[str, Any]:
    """Let the day be nearly used up."""
    return {"messages_per_minute": 0, "messages_per_day": 1}


@pytest.mark.parametrize(
    ("prepare", "sent"), [(_pace, [2, 3, 4, 5]), (_digest, [1, 1, 1, 1])]
)
async def test_as_promised(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    prepare: Callable[[QQServer], dict[str, Any]],
    sent: list[int],
) -> None:
    """What waits for its pace, or its hour, waits as the house's options say."""
    hass.config_entries.async_update_entry(
        entry, options={"service_name": "qq_mail", **prepare(server)}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    calls = await automate(hass)
    for number in range(12):
        await send(hass, f"Door {number}", wait=0)
    await until(lambda: server.accepted)
    for number in sent:
        await later(hass, freezer, timedelta(seconds=100))
        await until(lambda left=12 - number: len(outbox_of(entry)) == left)
    assert len(server.accepted) == sent[-1]
    assert issue_of(hass, entry) is None
    assert calls == []


async def test_as_promised_behind_one_that_takes_long(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """In a day that is used up, what waits for its hour is not told of with it."""
    options = {"service_name": "qq_mail", "messages_per_day": 1}
    hass.config_entries.async_update_entry(loaded_entry, options=options)
    await hass.async_block_till_done()
    await send(hass, "Before", priority="highest")
    server.script(Step.ACCEPTED, Hang())
    await send(hass, "Tried", priority="high", wait=0)
    outbox = outbox_of(loaded_entry)
    in_progress = outbox.state.queue.in_progress
    await until(lambda: any(one.text_since for one in in_progress.values()))
    await send(hass, "Waits", priority="high", wait=0)
    await later(hass, freezer, timedelta(seconds=70))
    assert outbox.delays.current
    assert outbox.delays.current.titles == ("Tried",)


async def test_not_while_it_rests(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Nobody looks after an account that is switched off, and it leaves no issue."""
    server.script(*RATE_LIMIT)
    await send(hass, "Water", priority="high")
    await later(hass, freezer, timedelta(seconds=61))
    assert issue_of(hass, loaded_entry)
    assert await hass.config_entries.async_unload(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert issue_of(hass, loaded_entry) is None
    await later(hass, freezer, timedelta(hours=1))
    assert issue_of(hass, loaded_entry) is None


async def test_after_a_start(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What an earlier run has left is tried before it is told of."""
    server.script(Step.RCPT, Answer(451, "later"), times=None)
    await send(hass, "Water", priority="high")
    assert await hass.config_entries.async_unload(loaded_entry.entry_id)
    await hass.async_block_till_done()
    freezer.tick(timedelta(hours=1))
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert issue_of(hass, loaded_entry) is None
    await later(hass, freezer, timedelta(seconds=70))
    await until(lambda: issue_of(hass, loaded_entry))
