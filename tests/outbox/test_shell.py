"""What happens while something else happens: clears, reloads, backups, files that hang."""

import asyncio
from datetime import timedelta
import json
from pathlib import Path, PurePath
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.outbox import (
    intake as intake_module,
    sessions as sessions_module,
)
from custom_components.qq_mail.outbox.core import plan as plan_module
from custom_components.qq_mail.outbox.core.scheduler import Scheduler
from custom_components.qq_mail.outbox.sessions import Sessions
from custom_components.qq_mail.smtp.session import SubmissionSession
from custom_components.qq_mail.store import Journal
from homeassistant.components.backup.const import EXCLUDE_FROM_BACKUP
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from ..buttons.conftest import ACKNOWLEDGE, mail_of
from ..calls.test_send import send
from ..conftest import ADDRESS, Events, shut_down
from ..house import (
    begin_process,
    decide,
    end_process,
    forget_mark,
    hold_up,
    house_of,
    later,
    notify,
    on_disk,
    outbox_of,
    outbox_shown,
    restart,
    store_folder,
    until,
    until_cleared,
    waiting,
)
from ..qq_server import Answer, Close, Hang, QQServer, Raw, Stall, Step, replies
from ..test_repairs import issue_of
from .test_outbox import FIRST


async def from_backup(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> ir.IssueEntry:
    """Have a message wait that was in a backup, and return the issue that says so."""
    server.script(Step.CONNECT, Close())
    await notify(hass)
    forget_mark(hass)
    await restart(hass, entry)
    issue = issue_of(hass, entry, "restored")
    assert issue
    return issue


@pytest.mark.parametrize(("choice", "sent"), [("send", 1), ("discard", 0)])
async def test_backup(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    choice: str,
    sent: int,
) -> None:
    """What was in a backup may have gone out since: a person decides."""
    await hass.config.async_update(external_url="https://home.example.com")
    actions = [{"action": "close", "title": "Close"}]
    server.script(Step.CONNECT, Close())
    await send(hass, title="Alarm", actions=actions)
    forget_mark(hass)
    await restart(hass, loaded_entry)
    issue = issue_of(hass, loaded_entry, "restored")
    assert issue
    outbox = outbox_of(loaded_entry)
    assert outbox.next_attempt is None
    assert [plan.reason for _, plan in outbox.plans()] == ["decision"]
    assert issue.translation_placeholders == {
        "account": ADDRESS,
        "number": "1",
        "alarms": "0",
        "counted": "0",
        "buttons": "1",
        "page": "/qq-mail/outbox",
    }
    # A restart does not forget it.
    await restart(hass, loaded_entry)
    assert len(outbox_of(loaded_entry).restored) == 1
    await notify(hass, title="other")
    assert [mail.subject for mail in server.accepted] == ["other"]
    await decide(hass, loaded_entry, choice)
    await until(lambda: waiting(hass) == [])
    assert len(server.accepted) == 1 + sent
    # Who discards it takes its buttons back as well.
    assert len(house_of(hass).buttons.all()) == sent
    assert house_of(hass).buttons.restored(loaded_entry.entry_id) == 0
    assert issue_of(hass, loaded_entry, "restored") is None


@pytest.mark.parametrize(("choice", "works"), [("send", True), ("discard", False)])
async def test_backup_of_a_button(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    choice: str,
    works: bool,
) -> None:
    """A person is asked as well where nothing but a button comes from a backup."""
    (token,) = house_of(hass).buttons.issue(
        mail_of(loaded_entry), [ACKNOWLEDGE], timedelta(days=1)
    )
    house_of(hass).buttons.keep(mail_of(loaded_entry).queue_id)
    await house_of(hass).store.written()
    forget_mark(hass)
    await restart(hass, loaded_entry)
    assert house_of(hass).buttons.find(token) is None
    await decide(hass, loaded_entry, choice)
    assert bool(house_of(hass).buttons.find(token)) == works
    assert issue_of(hass, loaded_entry, "restored") is None


@pytest.mark.parametrize("choice", ["send", "discard"])
async def test_backup_of_an_account_that_is_gone(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    choice: str,
) -> None:
    """A dialog that is still open then ends without a word."""
    issue = await from_backup(hass, server, loaded_entry)
    assert await async_setup_component(hass, "repairs", {})
    manager = repairs_flow_manager(hass)
    assert manager
    menu = await manager.async_init("qq_mail", data={"issue_id": issue.issue_id})
    await shut_down(hass, loaded_entry)
    await manager.async_configure(menu["flow_id"], {"next_step_id": choice})
    assert len(waiting(hass)) == 1


async def test_error_while_looking_ahead(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does that end the work."""

    def fail(*_: Any) -> float:
        raise ValueError("nobody expected this")

    server.script(Step.CONNECT, Close())
    with monkeypatch.context() as patch:
        patch.setattr(Scheduler, "wake_at", fail)
        await notify(hass)
    assert issue_of(hass, loaded_entry, "trouble")
    await later(hass, freezer, timedelta(minutes=2))
    await asyncio.to_thread(server.wait_for, 1)


async def test_error_that_nobody_expected(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged and shown, and a minute later all goes on."""

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("nobody expected this")

    with monkeypatch.context() as patch:
        patch.setattr(Scheduler, "take", fail)
        await notify(hass, data={"wait": 0})
    assert "goes on after an error" in caplog.text
    assert issue_of(hass, loaded_entry, "trouble")
    with monkeypatch.context() as patch:
        patch.setattr(Sessions, "attempt", fail)
        await notify(hass, data={"wait": 0})
        await later(hass, freezer, timedelta(minutes=2))
    assert "after an error at Attempt" in caplog.text
    await later(hass, freezer, timedelta(minutes=2))
    await asyncio.to_thread(server.wait_for, 1)


async def test_discarded_before_an_error_that_nobody_expected(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is gone all the same when its attempt has failed."""
    server.script(Step.ACCEPTED, Hang())
    call = hass.async_create_task(notify(hass))
    await until(lambda: server.accepted)
    await outbox_of(loaded_entry).async_discard()

    def fail(*_: Any, **__: Any) -> None:
        raise TypeError("nobody expected this")

    with monkeypatch.context() as patch:
        patch.setattr(Scheduler, "failed", fail)
        server.reset()
        await until(lambda: len(outbox_of(loaded_entry)) == 0)
    assert "goes on after an error" in caplog.text
    await until(lambda: waiting(hass) == [])
    # Nobody waits for it any longer.
    await call


async def test_cleared_before_it_was_taken(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An alarm that still waits for its picture when all is clear does not go out."""
    outbox_of(loaded_entry).conversation("door", "Door open")
    gate = hold_up(monkeypatch, Journal, "write")
    alarm = hass.async_create_task(send(hass, tag="door", title="Door open"))
    await until(gate.reached.is_set)
    clear = hass.async_create_task(send(hass, tag="door", clear=True))
    await until_cleared(outbox_of(loaded_entry))
    gate.opened.set()
    assert (await clear)["discarded"] == 1
    assert (await alarm)["status"] == "cleared"
    await until(lambda: waiting(hass) == [])
    assert server.accepted == []


async def test_clear_that_cannot_be_said(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
) -> None:
    """Where its mail is refused, the alarm is not over; the next clear says it."""
    await send(hass, tag="door", title="Door open")
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await send(hass, tag="door", clear=True)
    assert (await send(hass, tag="door", clear=True))["status"] == "accepted"
    assert [mail.subject for mail in server.accepted] == ["Door open", "Re: Door open"]


async def test_file_that_hangs(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A share that is away holds nobody up: the mail goes out without the file."""
    file = tmp_path / "door.jpg"
    file.write_bytes(b"\xff\xd8\xff" + bytes(100))
    hass.config.allowlist_external_dirs.add(str(tmp_path))
    gone_on = threading.Event()
    monkeypatch.setattr(intake_module, "_STALL_TIMEOUT", 0.2)
    hang = threading.Event()
    opened = Path.open

    def slow(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "door.jpg" and threading.current_thread().name.startswith(
            "SyncWorker"
        ):
            assert hang.wait(10)
            gone_on.set()
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", slow)
    answer = await send(hass, title="slow", attachments=[{"path": str(file)}])
    assert answer["status"] == "accepted"
    assert any("door.jpg" in note for note in answer["notes"])
    hang.set()
    await until(gone_on.is_set)
    await until(lambda: waiting(hass) == [])


async def test_accepted_while_the_disk_took_no_writes(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is removed as soon as that works, and not sent again."""
    await notify(hass)
    real, calls = Journal.write, iter(range(1000))

    def refuse_later(*args: Any) -> Any:
        # The message is kept, and marked.
        if next(calls) >= 2:
            raise PermissionError(1, "Read-only file system")
        return real(*args)

    store = house_of(hass).store
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", refuse_later)
        await notify(hass)
        await until(lambda: store.unwritten)
        assert len(waiting(hass)) == 1
    assert len(server.accepted) == 2
    await later(hass, freezer, timedelta(minutes=2))
    await until(lambda: waiting(hass) == [] and store.unwritten == 0)


async def test_told_once_automations_listen(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
) -> None:
    """What happens before Home Assistant has started is told afterwards."""
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_setup(entry.entry_id)
    events = Events()
    events.listen(entry)
    for title in ("one", "two"):
        await notify(hass, title=title)
    await asyncio.to_thread(server.wait_for, 2)
    assert events.all == []
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await events.wait(2)
    assert [event.subject for event in events.all] == ["one", "two"]


async def test_code_that_works_again(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Nobody gave a new code, and the old one works: the question goes away."""
    server.script(Step.AUTH, replies.LOGIN_NEEDS_CODE)
    await notify(hass)
    await hass.async_block_till_done()
    assert hass.config_entries.flow.async_progress()
    await restart(hass, loaded_entry)
    # Asked anew at each start.
    assert len(hass.config_entries.flow.async_progress()) == 1
    await later(hass, freezer, timedelta(hours=1, seconds=1))
    await asyncio.to_thread(server.wait_for, 1)
    await hass.async_block_till_done()
    assert not hass.config_entries.flow.async_progress()


async def test_clock_set_before_it_went_out(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mail raised in 1970 bears the right date, and is not called late."""
    server.script(Step.CONNECT, Close())
    steady = read_clock().steady
    with monkeypatch.context() as patch:
        # Set alone; the other one goes on.
        patch.setattr("time.clock_gettime", lambda _: steady)
        freezer.move_to("1970-01-01 00:05:00+00:00")
        await notify(hass)
        freezer.move_to("2026-11-25 08:00:00+00:00")
        outbox_of(loaded_entry).async_retry()
        await asyncio.to_thread(server.wait_for, 1)
    (mail,) = server.accepted
    date = mail.message["Date"].datetime
    assert date == dt_util.utcnow()
    assert date.utcoffset() == dt_util.now().utcoffset()
    assert mail.text == "Smoke!\n"


async def test_call_meets_a_reload(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
) -> None:
    """It waits for the reload, and goes on."""
    reload = hass.async_create_task(
        hass.config_entries.async_reload(loaded_entry.entry_id)
    )
    await asyncio.sleep(0)
    await asyncio.gather(send(hass, title="one"), notify(hass, title="two"), reload)
    assert sorted(mail.subject for mail in server.accepted) == ["one", "two"]


async def test_many_wait(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer that is long lets others come between."""
    monkeypatch.setattr("custom_components.qq_mail.calls.listing._AT_ONCE", 1)
    server.script(Step.CONNECT, Close(), times=None)
    for title in ("one", "two"):
        await notify(hass, title=title)
    answer = await outbox_shown(hass)
    assert len(json.loads(json.dumps(answer["messages"]))) == 2


@pytest.mark.parametrize("offered", [True, False], ids=["in one flight", "by words"])
async def test_discarded_before_its_data(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    offered: bool,
) -> None:
    """What is discarded before the server hears of it does not go out."""
    server.offer_pipelining = offered
    server.delay = 0.1
    call = hass.async_create_task(notify(hass, data={"wait": 1}))
    await until(lambda: any(line.startswith("MAIL") for line in server.commands))
    # It is not there any more, unless it is accepted all the same.
    assert len(await outbox_of(loaded_entry).async_discard()) == 1
    await call
    await until(lambda: waiting(hass) == [])
    assert server.accepted == []


async def test_refused_for_now_then_expired(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A message that is too old by its next try is given up, and told once."""
    server.script(Step.RCPT, Answer(450, "busy"), times=None)
    await notify(hass, data={"expires_after": "00:01:00"})
    await later(hass, freezer, FIRST)
    await events.wait(2)
    assert events.outcomes == ["deferred", "expired"]


async def test_account_changed_while_logging_in(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The login that counts is the one as the account is now."""
    server.delay = 0.1
    server.script(Step.EHLO, Answer(250, "host\nAUTH LOGIN"))
    call = hass.async_create_task(notify(hass))
    await until(lambda: server.login_attempts == 1)
    hass.config_entries.async_update_entry(
        loaded_entry, options={**loaded_entry.options, "timeout": 60}
    )
    await call
    assert server.logins == 2
    assert len(server.accepted) == 1


async def test_message_during_a_check_that_is_refused(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """It waits for the check, and is no second login that counts at QQ."""
    hass.set_state(CoreState.not_running)
    server.delay = 0.1
    server.script(Step.AUTH, replies.LOGIN_AMBIGUOUS)
    assert await hass.config_entries.async_setup(entry.entry_id)
    hass.set_state(CoreState.running)
    await notify(hass)
    assert outbox_of(entry).pause
    assert server.login_attempts == 1
    assert [message.attempts for message, _ in outbox_of(entry).plans()] == [0]


async def test_check_of_an_account_that_is_changed(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """A check in the middle of which the account changed says nothing."""
    hass.set_state(CoreState.not_running)
    server.delay = 0.1
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: server.login_attempts == 1)
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "timeout": 60}
    )
    await until(lambda: server.open_connections == 0)
    assert outbox_of(entry).pause is None


async def test_session_of_the_login_at_a_start(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The mail that comes next goes by it, and needs no login of its own."""
    await end_process(hass, loaded_entry)
    freezer.tick(timedelta(minutes=2))
    await begin_process(hass, loaded_entry)
    await until(lambda: server.logins)
    assert (await send(hass, title="Fire"))["status"] == "accepted"
    assert server.logins == 1


async def test_check_that_breaks(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told, and mail goes on."""

    def fail(_: object) -> None:
        raise ValueError("nobody expected this")

    hass.set_state(CoreState.not_running)
    with monkeypatch.context() as patch:
        patch.setattr(SubmissionSession, "open", fail)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await until(lambda: issue_of(hass, entry, "trouble"))
    hass.set_state(CoreState.running)
    await notify(hass)
    assert len(server.accepted) == 1


async def test_two_sessions(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Behind an answer that is late the others go on; one session is kept afterwards."""
    monkeypatch.setattr(plan_module, "PATIENCE", 0.0)
    monkeypatch.setattr(sessions_module, "IDLE_TIMEOUT", 3.0)
    server.delay = 0.1
    await asyncio.gather(*(notify(hass, title=title) for title in ("one", "two")))
    assert server.logins == 2
    await until(lambda: server.open_connections == 1)
    sessions = outbox_of(loaded_entry).sessions
    assert sessions.is_open
    server.script(Step.MAIL, Hang())
    await notify(hass, data={"wait": 0})
    # It is in use when its time is up, and goes on.
    await until(lambda: sessions._idle_timer is None)  # noqa: SLF001
    assert server.open_connections == 1


async def test_call_waits_for_its_account(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """An account that is being loaded anew is waited for."""
    entries = hass.config_entries
    async with loaded_entry.setup_lock:
        assert await entries.async_unload(loaded_entry.entry_id, _lock=False)
        call = hass.async_create_task(send(hass))
        await asyncio.sleep(0)
        assert not call.done()
        assert await entries.async_setup(loaded_entry.entry_id, _lock=False)
    assert (await call)["status"] == "accepted"


async def test_server_that_says_no_size(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What was known of it holds."""
    size = outbox_of(loaded_entry).max_size
    server.script(Step.EHLO, Answer(250, "host\nAUTH LOGIN"))
    await notify(hass)
    assert outbox_of(loaded_entry).max_size == size
    assert len(server.accepted) == 1


async def test_disk_full_and_server_slow(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is in the air is waited for: there is nothing to come back to."""
    monkeypatch.setattr(intake_module, "_MEMORY_TIMEOUT", 0.01)
    server.delay = 0.05

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", full)
        await notify(hass, data={"wait": 0})
    assert len(server.accepted) == 1


async def test_backup_leaves_the_mark_out(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Home Assistant's own list of what is no part of a backup names it."""
    server.script(Step.CONNECT, Close())
    await notify(hass)
    folder = store_folder(hass)
    config = Path(hass.config.config_dir)

    def left_out(file: Path) -> bool:
        path = PurePath("data") / file.relative_to(config)
        return any(path.full_match(f"data/{each}") for each in EXCLUDE_FROM_BACKUP)

    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {file.name for file in files if left_out(file)} == {"present"}


async def test_many_tagged_at_once(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Conversations are kept by one writer: what is on disk is whole."""
    await asyncio.gather(
        *(send(hass, title=str(number), tag=f"tag {number}") for number in range(30))
    )
    await house_of(hass).store.written()
    kept = {
        name: record
        for (kind, _, name), record in on_disk(hass).items()
        if kind == "conversation"
    }
    assert set(kept) == {f"tag {number}" for number in range(30)}
    assert all(one["went_out"] for one in kept.values())


@pytest.mark.parametrize(
    ("priority", "key"), [("lowest", "outbox_full"), ("highest", None)]
)
async def test_reserve(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    priority: str,
    key: str | None,
) -> None:
    """An outbox that is full of the rest still has room for the fire alarm."""
    server.script(Step.CONNECT, Close(), times=None)
    monkeypatch.setattr(intake_module, "MAX_MESSAGES", 10)
    for _ in range(10):
        await notify(hass, data={"priority": "lowest"})
    refused = None
    try:
        await notify(hass, data={"priority": priority})
    except HomeAssistantError as err:
        refused = err.translation_key
    assert refused == key


async def test_refused_and_hung_up(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
) -> None:
    """One recipient is refused and the connection dropped: the others get it at once."""
    server.script(
        Step.RCPT,
        Raw(b"521 5.7.1 no such user\r\n", close=True),
        match="b@",
        times=None,
    )
    await notify(hass, target=["a@example.com", "b@example.com", "c@example.com"])
    await events.wait(2)
    assert sorted((event.outcome.value, event.recipients) for event in events.all) == [
        ("accepted", ("a@example.com", "c@example.com")),
        ("rejected", ("b@example.com",)),
    ]


async def test_important_behind_a_large_one(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not wait for an upload that does not end."""
    monkeypatch.setattr(plan_module, "PATIENCE_OF_IMPORTANT", 0.1)
    server.script(Step.BODY, Stall())
    await notify(hass, title="large", message="x\n" * 4_000_000, data={"wait": 0})
    await until(lambda: "DATA" in server.commands)
    await notify(hass, title="fire", data={"priority": "highest"})
    assert [mail.subject for mail in server.accepted] == ["fire"]
