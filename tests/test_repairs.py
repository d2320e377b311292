"""Repair issues: they come when something is wrong, and go when it is not any more."""

from datetime import timedelta
import errno
import os
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.store import Store
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from .calls.test_send import send
from .conftest import ADDRESS, Events, shut_down
from .house import later, store_folder, until
from .qq_server import Answer, QQServer, Step, replies


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
    await store.async_close()
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
    assert placeholders_of(hass, loaded_entry, "paused") == {
        "account": ADDRESS,
        "time": "2026-12-20 17:00",
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
    outbox = loaded_entry.runtime_data.outbox
    (first, _), _ = outbox.messages()

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
