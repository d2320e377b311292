"""Repair issues: they come when something is wrong, and go when it is not any more."""

from datetime import timedelta
import errno
import os
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)

from custom_components.qq_mail.buttons.models import Action, Mail
from custom_components.qq_mail.const import CODE_URL, DOMAIN
from custom_components.qq_mail.store import Store
from custom_components.qq_mail.texts import async_texts
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .calls.test_send import send
from .conftest import ADDRESS, Events, shut_down
from .house import (
    house_of,
    later,
    outbox_of,
    pause_of,
    set_up_in_shanghai,
    store_folder,
    until,
)
from .qq_server import Answer, QQServer, Step, replies
from .test_translations import texts_of


async def notify(hass: HomeAssistant) -> None:
    """Raise an alert."""
    await hass.services.async_call(
        "notify", "qq_mail", {"message": "Smoke!"}, blocking=True
    )


def issue_of(
    hass: HomeAssistant, entry: MockConfigEntry, key: str
) -> ir.IssueEntry | None:
    """Return an account's issue."""
    return ir.async_get(hass).async_get_issue(DOMAIN, f"{key}_{entry.entry_id}")


def placeholders_of(
    hass: HomeAssistant, entry: MockConfigEntry, key: str
) -> dict[str, str] | None:
    """Return what the texts of an account's issue name."""
    issue = issue_of(hass, entry, key)
    assert issue
    assert issue.translation_key == key
    return issue.translation_placeholders


async def confirm(hass: HomeAssistant, issue: ir.IssueEntry) -> None:
    """Open an issue's dialog and submit it."""
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager
    form = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    assert form["step_id"] == "confirm"
    assert form["description_placeholders"] == issue.translation_placeholders
    result = await manager.async_configure(form["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def expire(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    number: int = 1,
) -> None:
    """Let messages wait for too long."""
    server.script(Step.RCPT, Answer(451, "later"), times=number)
    for _ in range(number):
        await notify(hass)
    await hass.async_block_till_done()
    await later(hass, freezer, timedelta(hours=25))
    # The message is gone from the queue a moment before that is told.
    await until(lambda: _expired(hass, entry) == number)


def _expired(hass: HomeAssistant, entry: MockConfigEntry) -> int:
    """Return how many messages the issue counts."""
    issue = issue_of(hass, entry, "expired")
    texts = issue.translation_placeholders if issue else None
    return int((texts or {"number": "0"})["number"])


@pytest.fixture
async def damaged(hass: HomeAssistant) -> Path:
    """Have a record that cannot be read; return where it is set aside."""
    store = Store(store_folder(hass))
    await store.async_load()
    for name in ("first", "second"):
        store.put(("message", "account", name), lambda: {"subject": "Alarm"})
        await store.written()
    await store.async_stop()
    for file in store_folder(hass).glob("records-*"):
        content = file.read_bytes()
        file.write_bytes(content.replace(b"first", b"f\xffrst"))
    return store_folder(hass) / "damaged"


async def test_nothing_wrong(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """No issue where there is none, a deferred message included."""
    await notify(hass)
    server.script(Step.MAIL, Answer(421, "closing"))
    await notify(hass)
    assert not ir.async_get(hass).issues


async def test_paused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The pause is shown with its end in local time, and goes when it is over."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to("2026-12-20 08:00:00+00:00")
    server.script(Step.MAIL, replies.FREQUENCY_LIMITED)
    await notify(hass)
    issue = issue_of(hass, loaded_entry, "paused")
    assert issue
    assert issue.severity is ir.IssueSeverity.WARNING
    assert not issue.is_fixable
    assert issue.learn_more_url == "homeassistant://qq-mail/outbox"
    assert placeholders_of(hass, loaded_entry, "paused") == {
        "account": ADDRESS,
        "time": "2026-12-20 17:00",
        "advice": (await async_texts(hass))("advice_second_account"),
    }
    # It still holds after a reload.
    await shut_down(hass, loaded_entry)
    assert issue_of(hass, loaded_entry, "paused") is None
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    assert issue_of(hass, loaded_entry, "paused")
    await later(hass, freezer, timedelta(hours=1, seconds=1))
    await until(lambda: issue_of(hass, loaded_entry, "paused") is None)
    await until(lambda: len(server.accepted) == 1)


async def test_expired(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Expired messages are counted until another one is accepted."""
    await expire(hass, server, loaded_entry, freezer, number=2)
    issue = issue_of(hass, loaded_entry, "expired")
    assert issue
    assert issue.severity is ir.IssueSeverity.ERROR
    assert issue.is_fixable
    assert placeholders_of(hass, loaded_entry, "expired") == {
        "account": ADDRESS,
        "number": "2",
        "page": "/qq-mail/history",
    }
    await notify(hass)
    assert events.outcomes[-1] == "accepted"
    assert issue_of(hass, loaded_entry, "expired") is None


async def test_expired_and_read(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Who has read it can put it away; the next one counts from one."""
    await expire(hass, server, loaded_entry, freezer)
    issue = issue_of(hass, loaded_entry, "expired")
    assert issue
    await confirm(hass, issue)
    assert issue_of(hass, loaded_entry, "expired") is None
    await expire(hass, server, loaded_entry, freezer)
    assert placeholders_of(hass, loaded_entry, "expired") == {
        "account": ADDRESS,
        "number": "1",
        "page": "/qq-mail/history",
    }


async def test_damaged(
    hass: HomeAssistant,
    server: QQServer,
    damaged: Path,
    loaded_entry: MockConfigEntry,
) -> None:
    """It says where the files are; put away, it stays away until the next start."""
    issue = issue_of(hass, loaded_entry, "damaged")
    assert issue
    assert issue.severity is ir.IssueSeverity.ERROR
    assert placeholders_of(hass, loaded_entry, "damaged") == {
        "account": ADDRESS,
        "folder": str(damaged),
        "number": "1",
        "page": "/qq-mail/outbox",
    }
    await confirm(hass, issue)
    await notify(hass)
    assert issue_of(hass, loaded_entry, "damaged") is None
    await hass.config_entries.async_reload(loaded_entry.entry_id)
    assert issue_of(hass, loaded_entry, "damaged") is None


@pytest.mark.parametrize(
    ("action", "left"),
    [
        pytest.param("async_unload", set(), id="unloaded"),
        # That messages were dropped with it.
        pytest.param("async_remove", {"removed"}, id="removed"),
    ],
)
async def test_issues_go_with_the_account(
    hass: HomeAssistant,
    server: QQServer,
    damaged: Path,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    action: str,
    left: set[str],
) -> None:
    """Without the account, nothing is left of its issues."""
    await expire(hass, server, loaded_entry, freezer)
    server.script(Step.MAIL, replies.FREQUENCY_LIMITED)
    await notify(hass)
    await later(hass, freezer, timedelta(seconds=301))
    issues = ir.async_get(hass).issues
    assert {issue.translation_key for issue in issues.values()} == {
        "damaged",
        "delayed",
        "expired",
        "paused",
    }
    assert await getattr(hass.config_entries, action)(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert {issue.translation_key for issue in issues.values()} == left


@pytest.mark.parametrize("disabled", [False, True])
async def test_removed_while_messages_wait(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    disabled: bool,
) -> None:
    """What was dropped is told: the titles, and for whom they were."""
    server.script(Step.MAIL, Answer(451, "later"), times=None)
    for title in ("Flood", "Flood", "Fire"):
        await hass.services.async_call(
            "notify", "qq_mail", {"title": title, "message": "Smoke!"}, blocking=True
        )
    by_whom = ConfigEntryDisabler.USER if disabled else None
    await hass.config_entries.async_set_disabled_by(loaded_entry.entry_id, by_whom)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    await hass.async_block_till_done()
    assert placeholders_of(hass, loaded_entry, "removed") == {
        "account": ADDRESS,
        "number": "3",
        "titles": f"- `Flood` → {ADDRESS} (2)\n- `Fire` → {ADDRESS}",
    }
    assert f"{ADDRESS} was removed with 3 messages" in caplog.text
    issue = issue_of(hass, loaded_entry, "removed")
    assert issue
    await confirm(hass, issue)
    assert issue_of(hass, loaded_entry, "removed") is None


async def test_removed_with_nothing_waiting(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """There is nothing to tell."""
    await notify(hass)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert not ir.async_get(hass).issues


async def test_removed_while_the_disk_refuses(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the outbox knows is told, whatever the disk says: no more, and no less."""
    server.script(Step.RCPT, Answer(451, "later"))
    server.script(Step.RCPT, Answer(451, "later"), match="b@", times=None)
    await notify(hass)
    await send(hass, to="b@example.com")
    outbox = loaded_entry.runtime_data
    (first, _), _ = outbox.plans()

    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        assert outbox.async_retry(first.queue_id)
        await until(lambda: len(outbox) == 1)
        await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert len(server.accepted) == 1
    placeholders = placeholders_of(hass, loaded_entry, "removed")
    assert placeholders
    assert placeholders["number"] == "1"


async def test_day_nearly_used(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Who sends most is named, over a restart as well; a higher limit ends it."""
    options = {"service_name": "qq_mail", "messages_per_minute": 0}
    hass.config_entries.async_update_entry(
        loaded_entry, options={**options, "messages_per_day": 5}
    )
    await hass.async_block_till_done()
    for number, title in enumerate(
        ("Door `open`", "Door `open`", "Rain", "Door `open`")
    ):
        assert not issue_of(hass, loaded_entry, "day_nearly_used"), number
        await send(hass, title=title)
    expected = {
        "account": ADDRESS,
        "sent": "4",
        "limit": "5",
        "titles": "- `Door 'open'`: 3\n- `Rain`: 1",
    }
    assert placeholders_of(hass, loaded_entry, "day_nearly_used") == expected
    await shut_down(hass, loaded_entry)
    assert not issue_of(hass, loaded_entry, "day_nearly_used")
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    assert placeholders_of(hass, loaded_entry, "day_nearly_used") == expected
    hass.config_entries.async_update_entry(
        loaded_entry, options={**options, "messages_per_day": 6}
    )
    await hass.async_block_till_done()
    assert not issue_of(hass, loaded_entry, "day_nearly_used")


def read(
    hass: HomeAssistant, entry: MockConfigEntry, key: str, language: str
) -> tuple[str, str]:
    """Return the title and the text of an account's issue, as a person reads them."""
    given, texts = placeholders_of(hass, entry, key) or {}, texts_of(language)
    found = [
        texts[path].format(**given)
        for part in ("title", "description")
        for path in (
            f"issues.{key}.{part}",
            f"issues.{key}.fix_flow.step.confirm.{part}",
        )
        if path in texts
    ]
    return found[0], found[-1]


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        pytest.param(
            "en",
            f"QQ refused the login of {ADDRESS}",
            f"QQ refused the login of {ADDRESS} and said: `535 {{reply}}`. Messages wait; "
            "they are sent once a login succeeds. The next one is made at 20:15, because "
            "QQ counts every login. If the code was changed or revoked, do not wait: "
            "open Settings, Devices & services, QQ Mail, the account's menu, "
            "Reconfigure, and enter a new authorization code. [How to get one]({url})",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            f"QQ 拒绝了 {ADDRESS} 的登录",
            f"QQ 拒绝了 {ADDRESS} 的登录，回复是：`535 {{reply}}`。邮件正在等待，登录成功后会"
            "自动发出。由于 QQ 限制登录次数，下次登录在 20:15。如果授权码已更换或失效，请不要"
            "等待：打开「设置」→「设备与服务」→「QQ 邮箱」，在该账号的菜单 ⋮ 中选「重新配置」，填写新的"
            "授权码。[如何获取授权码]({url})",
            id="zh-Hans",
        ),
    ],
)
async def test_login_refused(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    language: str,
    title: str,
    text: str,
) -> None:
    """The first refusal is told at once, with what to do; the second one asks."""
    await set_up_in_shanghai(hass, freezer, entry, language)
    server.script(Step.AUTH, replies.LOGIN_AMBIGUOUS, times=2)
    await notify(hass)
    reply = str(pause_of(entry).reply).removeprefix("535 ")
    expected = text.format(reply=reply, url=CODE_URL)
    shown, said = read(hass, entry, "login_refused", language)
    said, advice = said.rsplit("\n\n", 1)
    assert (shown, said) == (title, expected)
    assert advice == (await async_texts(hass))("advice_second_account")
    # Who has it set needs no advice.
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "fallback": "other"}
    )
    await hass.async_block_till_done()
    placeholders = placeholders_of(hass, entry, "login_refused")
    assert placeholders
    assert placeholders["advice"] == ""
    issue = issue_of(hass, entry, "login_refused")
    assert issue
    assert issue.translation_placeholders
    assert issue.translation_placeholders["advice"] == ""
    assert issue.learn_more_url == "homeassistant://qq-mail/check"
    assert not list(entry.async_get_active_flows(hass, {"reauth"}))
    await later(hass, freezer, timedelta(minutes=15, seconds=1))
    await until(lambda: list(entry.async_get_active_flows(hass, {"reauth"})))
    assert issue_of(hass, entry, "login_refused") is None
    # The right code again: what waits starts at once.
    outbox_of(entry).async_retry()
    await until(lambda: server.accepted)
    await hass.async_block_till_done()
    assert not list(entry.async_get_active_flows(hass, {"reauth"}))


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        pytest.param(
            "en",
            f"{ADDRESS} was removed while messages waited",
            f"The account {ADDRESS} was removed while 12 messages had not been accepted "
            "yet. They were removed with it and will not be sent. If something is "
            "important among them, send it again by another account:\n\n{titles}\n- …",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            f"移除 {ADDRESS} 时还有邮件在等待",
            f"移除账号 {ADDRESS} 时，还有 12 封邮件没有发出。它们已随账号一起删除，不会再发送。"
            "如果其中有重要内容，请用其他账号重新发送：\n\n{titles}\n- …",
            id="zh-Hans",
        ),
    ],
)
async def test_removed_is_read(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    language: str,
    title: str,
    text: str,
) -> None:
    """Of many titles the first ones stand there, as they are."""
    hass.config.language = language
    assert await hass.config_entries.async_setup(entry.entry_id)
    server.script(Step.MAIL, Answer(451, "later"), times=None)
    for number in range(12):
        await send(hass, title=f"`Door {number:02}`", to="a@b.cn")
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    titles = "\n".join(f"- `'Door {number:02}'` → a@b.cn" for number in range(10))
    expected = text.format(titles=titles)
    assert read(hass, entry, "removed", language) == (title, expected)


def press(hass: HomeAssistant, entry: MockConfigEntry, action: str) -> None:
    """Press a button of a mail."""
    buttons = house_of(hass).buttons
    (token,) = buttons.issue(
        Mail(
            account=entry.entry_id,
            queue_id="01JD0000000000000000000000",
            tag="water",
            subject="地下室漏水",
            recipients=("a@b.cn",),
            time=dt_util.utcnow(),
        ),
        [Action(action=action, title="关总阀")],
        timedelta(hours=1),
    )
    button = buttons.find(token)
    assert button
    buttons.press(button)


UNHEARD = "unheard_close_valve"


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        pytest.param(
            "en",
            "Nobody listens to the button “关总阀”",
            "Somebody pressed the button “关总阀” (action `close_valve`) in the mail "
            "“地下室漏水”, but no automation listens to it, so nothing happened. Make an "
            "automation with the trigger “Button of a mail pressed” and this action, or "
            "leave the button out of the mail. If an automation does react in a way "
            "that cannot be seen here, ignore this notice.",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            "没有自动化处理按钮“关总阀”",
            "有人按下了邮件“地下室漏水”中的按钮“关总阀”（操作 `close_valve`），但没有自动化"
            "会处理它，因此什么也没有发生。请创建一个自动化，用“邮件按钮被按下”触发并填写此操作；"
            "或者从邮件中去掉这个按钮。如果确有自动化以其他方式处理，可忽略此通知。",
            id="zh-Hans",
        ),
    ],
)
async def test_button_that_nobody_hears(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    language: str,
    title: str,
    text: str,
) -> None:
    """It names the button and the mail, and goes when somebody hears the next press."""
    texts, registry = texts_of(language), ir.async_get(hass)
    press(hass, loaded_entry, "close_valve")
    issue = registry.async_get_issue(DOMAIN, UNHEARD)
    assert issue
    given = issue.translation_placeholders or {}
    assert texts["issues.unheard.title"].format(**given) == title
    assert texts["issues.unheard.description"].format(**given) == text
    config = {
        "triggers": {
            "trigger": "qq_mail.action_clicked",
            "options": {"action": ["close_valve"], "tag": ["water"]},
        },
        "actions": {"action": "test.automation"},
    }
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    async_mock_service(hass, "test", "automation")
    press(hass, loaded_entry, "close_valve")
    await hass.async_block_till_done()
    assert registry.async_get_issue(DOMAIN, UNHEARD) is None


EVENT = "event.123456_qq_com_action"
WATCH = {"trigger": "state", "entity_id": EVENT}
TELL = {"action": "test.automation"}


@pytest.mark.parametrize(
    ("domain", "config"),
    [
        pytest.param(
            "automation", {"triggers": [WATCH], "actions": [TELL]}, id="automation"
        ),
        pytest.param(
            "script",
            {"wait": {"sequence": [{"wait_for_trigger": [WATCH]}]}},
            id="script",
        ),
    ],
)
async def test_event_entity_that_somebody_watches(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    domain: str,
    config: dict[str, Any],
) -> None:
    """An automation or a script that names the event entity hears every button."""
    async_mock_service(hass, "test", "automation")
    assert await async_setup_component(hass, domain, {domain: config})
    await hass.async_block_till_done()
    press(hass, loaded_entry, "close_valve")
    await hass.async_block_till_done()
    assert ir.async_get(hass).async_get_issue(DOMAIN, UNHEARD) is None


async def test_button_that_we_hear(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """To acknowledge needs no automation, however it is written."""
    press(hass, loaded_entry, "Acknowledge")
    assert not ir.async_get(hass).issues


async def test_button_whose_entity_is_gone(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
) -> None:
    """Without an event entity nobody can watch it."""
    entity_registry.async_remove(EVENT)
    await hass.async_block_till_done()
    press(hass, loaded_entry, "close_valve")
    assert ir.async_get(hass).async_get_issue(DOMAIN, UNHEARD)
