"""Floods against the real server: what is made of them, whatever comes between."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
import errno
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.content import digest as digest_module
from custom_components.qq_mail.outbox import (
    composing as composing_module,
    digests as digests_module,
    listeners as listeners_module,
    outbox as outbox_module,
    sessions as sessions_module,
)
from custom_components.qq_mail.outbox.composing import WireStream
from custom_components.qq_mail.outbox.core import merge as merge_module
from custom_components.qq_mail.outbox.core.turn import MESSAGE
from custom_components.qq_mail.store import Journal
from custom_components.qq_mail.store.journal import Change
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util

from ..calls.test_send import body_of, send
from ..conftest import Events, shut_down
from ..house import (
    Gate,
    hold_up,
    large_texts,
    later,
    open_full,
    outbox_of,
    outbox_shown,
    restart,
    subjects,
    until,
    waiting,
)
from ..qq_server import QQServer, Step, replies

OPTIONS = {"service_name": "qq_mail", "burst": 1, "messages_per_minute": 2}
"""Four wait: more than the pace lets out within a minute."""
TO_GO_OUT = "to go out in one mail with them."
HOURLY: dict[str, Any] = {"options": {"messages_per_day": 1}}
"""What is not important goes but once an hour, after the first."""
TAGS = ("leak", "door", "leak", "window")
HALF_A_MINUTE = timedelta(seconds=31)
AN_HOUR = timedelta(hours=1, seconds=1)


async def flood(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    number: int = 4,
    options: dict[str, Any] | None = None,
    tags: Sequence[str] = (),
    **data: Any,
) -> list[dict[str, Any]]:
    """Have one accepted, and so many others wait; return the answers of these."""
    hass.config_entries.async_update_entry(entry, options=OPTIONS | (options or {}))
    await hass.async_block_till_done()
    await send(hass, title="Before")
    answers = [
        await send(hass, **{"title": f"Alert {n}", "wait": 0, **tag, **data})
        for n, tag in enumerate([{"tag": tag} for tag in tags] or [{}] * number)
    ]
    assert {answer["status"] for answer in answers} == {"deferred"}
    return answers


def hold_up_digest(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Have a digest wait before it is put on disk."""
    gate, real = Gate(), Journal.write

    def slow(journal: Journal, changes: Sequence[Change]) -> Any:
        if is_digest(changes):
            gate()
        return real(journal, changes)

    monkeypatch.setattr(Journal, "write", slow)
    return gate


def is_digest(changes: Sequence[Change]) -> bool:
    """Tell whether messages are taken away, and another one put in their place."""
    messages = [one for one in changes if one.key[0] == MESSAGE]
    return {one.record is None for one in messages} == {True, False} and any(
        one.text for one in messages
    )


async def test_one_mail(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All that waited in it, the newest first; each is told of, and nothing is left."""
    monkeypatch.setattr(listeners_module, "_AT_ONCE", 2)
    answers = await flood(hass, loaded_entry)
    await later(hass, freezer, HALF_A_MINUTE)
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject.startswith("4 alerts, ")
    text = body_of(mail)
    places = [text.index(f"Alert {number}") for number in range(4)]
    assert places == sorted(places, reverse=True)
    assert text.count("Smoke!") == 4
    assert "Alert 3" in body_of(mail, "html")
    await events.wait(5)
    _, *parts = events.all
    assert len({part.digest for part in parts}) == 1
    assert parts[0].digest
    assert [part.queue_id for part in parts] == [one["queue_id"] for one in answers]
    assert set(events.outcomes) == {"accepted"}
    await until(lambda: not waiting(hass))
    assert len(server.accepted) == 2


async def test_call_that_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It is told why its alert does not go out by itself, and what comes next too."""
    await flood(hass, loaded_entry, 3)
    call = hass.async_create_task(send(hass, title="Last"))
    await until(lambda: len(outbox_of(loaded_entry)) == 4)
    await later(hass, freezer, HALF_A_MINUTE)
    answer = await call
    assert answer["status"] in ("deferred", "accepted")
    await asyncio.to_thread(server.wait_for, 2)
    answer = await send(hass, title="Next")
    assert answer["status"] == "deferred"
    assert answer["next_attempt"]
    assert answer["notes"] == [
        f"So many alerts were raised that this one waits for the others, {TO_GO_OUT}"
    ]


async def test_call_near_the_day_s_limit(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It is told why its alert waits, and for how long; an important one goes out."""
    await flood(hass, loaded_entry, **HOURLY)
    await later(hass, freezer, AN_HOUR)
    await asyncio.to_thread(server.wait_for, 2)
    await until(lambda: not list(outbox_of(loaded_entry).plans()))
    for _ in range(2):
        answer = await send(hass, title="Next")
        assert answer["status"] == "deferred"
        wait = datetime.fromisoformat(answer["next_attempt"]) - dt_util.utcnow()
        assert timedelta(minutes=59) < wait <= timedelta(hours=1)
        assert answer["reason"] == "day"
        assert len(answer["notes"]) == 1
        shown = outbox_of(loaded_entry).next_attempt
        assert shown == datetime.fromisoformat(answer["next_attempt"])
    answer = await send(hass, title="Alarm", priority="highest")
    assert answer["status"] == "accepted"
    assert answer["notes"] == []


async def test_call_that_comes_to_the_day_s_limit(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It is told as well where others took what was left when it came."""
    options = OPTIONS | {"burst": 5, "messages_per_day": 1}
    hass.config_entries.async_update_entry(loaded_entry, options=options)
    await hass.async_block_till_done()
    answers = await asyncio.gather(
        *(send(hass, title=f"Alert {n}", wait=3) for n in range(3))
    )
    assert [answer["status"] for answer in answers] == ["accepted"] + ["deferred"] * 2
    assert [answer["reason"] for answer in answers] == [None, "day", "day"]
    told = [datetime.fromisoformat(answer["next_attempt"]) for answer in answers[1:]]
    hour = datetime.now(UTC) + timedelta(hours=1)
    assert all(abs(one - hour) < timedelta(minutes=1) for one in told)
    assert [len(answer["notes"]) for answer in answers] == [0, 1, 1]


async def test_switched_off(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """One by one."""
    await flood(hass, loaded_entry, options={"digest": False})
    await later(hass, freezer, HALF_A_MINUTE)
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject == "Alert 0"


async def digest_that_waits(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    after: timedelta = HALF_A_MINUTE,
    **data: Any,
) -> list[dict[str, Any]]:
    """Have a digest refused for now; return the answers of what is in it."""
    answers = await flood(hass, entry, **data)
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await later(hass, freezer, after)
    await until(lambda: outbox_of(entry).pause)
    return answers


async def outbox(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return what get_outbox shows."""
    return list((await outbox_shown(hass))["messages"])


async def test_a_digest_that_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It survives a restart, shows what it holds, and can be discarded as a whole."""
    answers = await digest_that_waits(hass, server, loaded_entry, freezer)
    ids = [answer["queue_id"] for answer in answers]
    (shown,) = await outbox(hass)
    assert shown["parts"] == ids
    with pytest.raises(ServiceValidationError) as unknown:
        await hass.services.async_call(
            "qq_mail", "discard", {"queue_id": ids[0]}, blocking=True
        )
    assert unknown.value.translation_key == "part_of_digest"
    await restart(hass, loaded_entry)
    assert [one["parts"] for one in await outbox(hass)] == [ids]
    assert waiting(hass) == [shown["queue_id"]]
    await hass.services.async_call(
        "qq_mail", "discard", {"queue_id": shown["queue_id"]}, blocking=True
    )
    assert await outbox(hass) == []
    assert waiting(hass) == []


async def test_cleared_as_its_originals(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It has their tag."""
    await digest_that_waits(hass, server, loaded_entry, freezer, tag="leak")
    answer = await send(hass, tag="leak", clear=True, wait=0)
    assert answer["status"] == "cleared"
    assert answer["discarded"] == 1
    assert len(outbox_of(loaded_entry)) == 0


async def test_cleared_in_a_digest_of_several_tags(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The others are still to be told, so that it is said that this one is over."""
    await digest_that_waits(
        hass, server, loaded_entry, freezer, AN_HOUR, tags=TAGS, **HOURLY
    )
    await restart(hass, loaded_entry)
    answer = await send(hass, tag="leak", clear=True, wait=0)
    assert (answer["status"], answer["discarded"]) == ("deferred", 0)
    assert sorted(len(one["parts"]) for one in await outbox(hass)) == [0, 4]
    for tag in ("smoke", "leak"):
        # Of another nothing was to be said, and of this one that was said.
        answer = await send(hass, tag=tag, clear=True, wait=0)
        assert answer["status"] == "cleared"


@pytest.mark.parametrize("written", [False, True])
async def test_cleared_while_several_tags_are_merged(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    *,
    written: bool,
) -> None:
    """In time it is left out; too late, it is said that it is over."""
    await flood(hass, loaded_entry, tags=TAGS, **HOURLY)
    if written:
        gate = hold_up_digest(monkeypatch)
    else:
        gate = hold_up(monkeypatch, digest_module, "read_alert")
    await later(hass, freezer, AN_HOUR)
    await until(gate.reached.is_set)
    clear = hass.async_create_task(send(hass, tag="leak", clear=True, wait=0))
    await asyncio.sleep(0)
    gate.opened.set()
    answer = await clear
    assert answer["status"] == ("deferred" if written else "cleared")
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    number = 4 if written else 2
    assert mail.subject.startswith(f"{number} alerts, ")
    assert mail.message["References"] is None


async def test_conversation_is_kept(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A digest belongs to that of its tag."""
    await flood(hass, loaded_entry, tag="leak")
    await later(hass, freezer, HALF_A_MINUTE)
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    await later(hass, freezer, timedelta(minutes=2))
    await send(hass, title="Later", tag="leak")
    assert mail.message["References"] == server.accepted[-1].message["References"]
    assert mail.message["References"]


async def test_too_long_for_one_mail(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """What no digest has room for goes out one by one."""
    await flood(hass, loaded_entry, message="&" * 20_000)
    for number in (2, 3):
        await later(hass, freezer, HALF_A_MINUTE)
        await asyncio.to_thread(server.wait_for, number)
    assert subjects(server) == ["Before", "Alert 0", "Alert 1"]


async def test_discarded_while_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next one that is made is without it."""
    answers = await flood(hass, loaded_entry, 5)
    gate = hold_up(monkeypatch, digest_module, "read_alert")
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    await outbox_of(loaded_entry).async_discard(answers[2]["queue_id"])
    gate.opened.set()
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject.startswith("4 alerts")
    assert "Alert 2" not in body_of(mail)
    await until(lambda: not waiting(hass))


@pytest.mark.parametrize("tag", ["", "leak"])
async def test_all_gone_while_written(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    tag: str,
) -> None:
    """What is put on disk just then goes as well."""
    await flood(hass, loaded_entry, tag=tag or None)
    gate = hold_up_digest(monkeypatch)
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    discarding = hass.async_create_task(outbox_of(loaded_entry).async_discard())
    await asyncio.sleep(0)
    gate.opened.set()
    await discarding
    await until(lambda: not waiting(hass))
    await until(lambda: not len(outbox_of(loaded_entry)))
    assert len(server.accepted) == 1


async def test_reloaded_while_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An option was changed: the digest is made all the same."""
    await flood(hass, loaded_entry)
    gate = hold_up(monkeypatch, digest_module, "read_alert")
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    hass.config_entries.async_update_entry(
        loaded_entry, options={**loaded_entry.options, "timeout": 20}
    )
    await hass.async_block_till_done()
    gate.opened.set()
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject.startswith("4 alerts")


async def test_unloaded_while_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The messages wait as before, and nothing else is left."""
    answers = await flood(hass, loaded_entry)
    gate = hold_up(monkeypatch, digest_module, "read_alert")
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    unloading = hass.async_create_task(shut_down(hass, loaded_entry))
    await asyncio.sleep(0)
    gate.opened.set()
    await unloading
    ids = sorted(answer["queue_id"] for answer in answers)
    await until(lambda: waiting(hass) == ids)


async def test_unloaded_while_a_file_hangs(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for it for long."""
    answers = await flood(hass, loaded_entry)
    monkeypatch.setattr(sessions_module, "STOP_GRACE", 0)
    gate = hold_up(monkeypatch, digest_module, "read_alert")
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    await restart(hass, loaded_entry)
    shown = [one["queue_id"] for one in await outbox(hass)]
    assert shown == [answer["queue_id"] for answer in answers]
    gate.opened.set()
    await later(hass, freezer, HALF_A_MINUTE)
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject.startswith("4 alerts")


async def test_removed_while_one_that_is_of_no_use_is_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Another digest begins with the same message: neither outlives the account."""
    answers = await flood(hass, loaded_entry, 5)
    monkeypatch.setattr(sessions_module, "STOP_GRACE", 0)
    gate = hold_up(monkeypatch, digest_module, "read_alert")
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    outbox = outbox_of(loaded_entry)
    await outbox.async_discard(answers[2]["queue_id"])
    first = f"qq_mail {answers[0]['queue_id']}"

    def digests() -> list[str]:
        return [
            one.get_name() for one in asyncio.all_tasks() if first in one.get_name()
        ]

    await until(lambda: len(digests()) == 2)
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert digests() == []
    gate.opened.set()
    assert outbox.manager.troubles == 0
    assert "one by one" not in caplog.text


async def test_error_while_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that nobody expected is reported; they go out one by one."""
    await flood(hass, loaded_entry)

    def broken(*_: Any) -> None:
        raise ValueError

    monkeypatch.setattr(digest_module, "read_alert", broken)
    await later(hass, freezer, HALF_A_MINUTE)
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject == "Alert 0"
    assert outbox_of(loaded_entry).manager.troubles == 1


async def test_stopped_while_written(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The digest is on disk when Home Assistant has stopped, and nothing beside it."""
    await flood(hass, loaded_entry)
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    gate = hold_up_digest(monkeypatch)
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await asyncio.sleep(0)
    gate.opened.set()
    await hass.async_block_till_done()
    await until(lambda: len(waiting(hass)) == 1)


def full(*_: Any) -> Any:
    """Refuse to write."""
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_no_room_for_the_draft(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They go out one by one, and none is lost."""
    await flood(hass, loaded_entry)
    with monkeypatch.context() as patch:
        patch.setattr(WireStream, "write", full)
        await later(hass, freezer, HALF_A_MINUTE)
        await asyncio.to_thread(server.wait_for, 2)
    for number in (3, 4, 5):
        await later(hass, freezer, HALF_A_MINUTE)
        await asyncio.to_thread(server.wait_for, number)
    assert [mail.subject for mail in server.accepted[1:]] == [
        f"Alert {number}" for number in range(4)
    ]
    await until(lambda: not waiting(hass))


@pytest.mark.parametrize("then", [None, full], ids=["closed", "dropped"])
async def test_no_room_for_the_draft_s_end(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    then: Callable[..., Any] | None,
) -> None:
    """What the disk refuses as the file is closed is refused, also after a failure."""
    await flood(hass, loaded_entry)
    with monkeypatch.context() as patch:
        if then:
            # Not all is written yet: that is tried once more as the file is closed.
            patch.setattr(WireStream, "text", then)
        patch.setattr(digests_module, "SMALL", 1)
        patch.setattr(composing_module, "_open_private", open_full)
        await later(hass, freezer, HALF_A_MINUTE)
        await until(lambda: not outbox_of(loaded_entry).state.queue.groups.merging)
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject == "Alert 0"
    await outbox_of(loaded_entry).manager.async_written()
    assert large_texts(hass) == []


async def test_disk_that_refuses(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The digest goes out from memory, and the disk follows later."""
    await flood(hass, loaded_entry)
    real = Journal.write

    def refuse(journal: Journal, changes: Sequence[Change]) -> Any:
        if is_digest(changes):
            full()
        return real(journal, changes)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", refuse)
        await later(hass, freezer, HALF_A_MINUTE)
        _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert [body_of(mail).count(f"Alert {number}") for number in range(4)] == [1] * 4
    await until(lambda: not waiting(hass))
    assert len(server.accepted) == 2


async def test_trouble_while_deciding(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was to be merged has an owner again."""
    await flood(hass, loaded_entry)
    real = merge_module.merge

    def broken(*args: Any) -> bool:
        merged = real(*args)
        if merged:
            raise RuntimeError
        return merged

    with monkeypatch.context() as patch:
        patch.setattr(merge_module, "merge", broken)
        await later(hass, freezer, HALF_A_MINUTE)
    assert outbox_of(loaded_entry).manager.troubles == 1
    await later(hass, freezer, timedelta(minutes=2))
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject.startswith("4 alerts")


async def test_discarded_in_slices(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some were discarded while it was written, and the others when it was there."""
    await flood(hass, loaded_entry)
    monkeypatch.setattr(outbox_module, "_DISCARDED_AT_ONCE", 2)
    outbox = outbox_of(loaded_entry)
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    gate = hold_up_digest(monkeypatch)
    await later(hass, freezer, HALF_A_MINUTE)
    await until(gate.reached.is_set)
    real = asyncio.sleep

    async def merged_meanwhile(_: float) -> None:
        gate.opened.set()
        while len(outbox) > 1:
            await real(0.001)

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", merged_meanwhile)
        await outbox.async_discard()
    # One that is being tried goes once the server has answered.
    await until(lambda: not list(outbox.plans()) and not waiting(hass))
    assert len(outbox) == 0
