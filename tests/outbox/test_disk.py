"""A disk that hangs or refuses: mail goes on from memory, and nothing goes out twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.content.errors import field_error
from custom_components.qq_mail.outbox import composing, intake as intake_module
from custom_components.qq_mail.outbox.core.models import Level
from custom_components.qq_mail.outbox.manager import DISK_TIMEOUTS
from custom_components.qq_mail.smtp import transaction as transaction_module
from custom_components.qq_mail.store import Journal
from custom_components.qq_mail.store.store import RETRY_INTERVAL
from custom_components.qq_mail.texts import async_texts
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..calls.test_send import body_of, send
from ..house import (
    hold_up,
    house_of,
    large_texts,
    outbox_of,
    refuse,
    restart,
    subjects,
    until,
    waiting,
)
from ..qq_server import Answer, Close, Hang, QQServer, Step
from ..sending.test_buttons import ACTIONS, BASE, tokens_of


@pytest.mark.parametrize("priority", ["highest", "high"])
async def test_disk_that_hangs(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    priority: str,
) -> None:
    """An alarm does not wait for it, and is not sent again once it goes on."""
    assert DISK_TIMEOUTS == {Level.HIGHEST: 2.0, Level.HIGH: 10.0}
    for level in (Level.HIGHEST, Level.HIGH):
        monkeypatch.setitem(DISK_TIMEOUTS, level, 0.05)
    await send(hass, title="before")
    with monkeypatch.context() as patch:
        gate = hold_up(patch, Journal, "write")
        calls = [
            hass.async_create_task(send(hass, title=title, priority=priority, wait=0.5))
            for title in ("alarm", "another")
        ]
        await until(lambda: len(server.accepted) == 3)
        answers = await asyncio.gather(*calls)
        gate.opened.set()
    assert [answer["status"] for answer in answers] == ["accepted"] * 2
    assert "The disk hangs" in caplog.text
    await until(lambda: not waiting(hass))
    assert len(outbox_of(loaded_entry)) == 0
    await restart(hass, loaded_entry)
    await send(hass, title="after")
    assert subjects(server) == ["before", "alarm", "another", "after"]


def refuses(patch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have the disk take nothing; return what has it go on."""
    patch.setattr(Journal, "write", refuse)
    return lambda: None


def hangs(patch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have the disk hang; return what has it go on."""
    patch.setitem(DISK_TIMEOUTS, Level.HIGH, 0.05)
    return hold_up(patch, Journal, "write").opened.set


@pytest.mark.parametrize("disk", [refuses, hangs])
async def test_done_on_a_disk_without_writes(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    disk: Callable[[pytest.MonkeyPatch], Callable[[], None]],
) -> None:
    """Nobody waits long for it, and whoever asked hears that it was not stored."""
    note = (await async_texts(hass)).of(field_error("done_not_kept"))
    server.script(Step.CONNECT, Close(), times=None)
    await send(hass, title="one", tag="one", repeat_after="01:00:00")
    await send(hass, title="two", tag="two")
    with monkeypatch.context() as patch:
        go_on = disk(patch)
        counted = await send(hass, title="one", tag="one", repeat_after="01:00:00")
        cleared = await send(hass, message="", tag="one", clear=True)
        for action, tag in (("discard", "two"), ("acknowledge", "water")):
            with pytest.raises(HomeAssistantError) as raised:
                await hass.services.async_call(
                    DOMAIN, action, {"tag": tag}, blocking=True
                )
            assert raised.value.translation_key == "done_not_kept"
        go_on()
    assert (counted["status"], counted["notes"]) == ("repeated", [note])
    assert (cleared["status"], cleared["notes"]) == ("cleared", [note])
    assert list(outbox_of(loaded_entry).plans()) == []
    await house_of(hass).store.async_stop()
    await restart(hass, loaded_entry)
    assert list(outbox_of(loaded_entry).plans()) == []


@pytest.mark.parametrize("wait", [0, 10])
async def test_accepted_on_a_disk_without_writes(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    wait: int,
) -> None:
    """A kill undoes what belongs to a mail, and what a clear ended: the answer says so."""
    note = (await async_texts(hass)).of(field_error("done_not_kept"))
    alarm = {"tag": "water", "repeat_until_acknowledged": "00:10:00"}
    stored = await send(hass, **alarm)
    monkeypatch.setattr(Journal, "write", refuse)
    cleared = await send(hass, message="", tag="water", clear=True, wait=wait)
    sent = await send(hass, **alarm, wait=wait)
    assert stored["notes"] == []
    assert [one["status"] for one in (cleared, sent)] == ["accepted"] * 2
    assert [one["notes"] for one in (cleared, sent)] == [[note]] * 2


async def test_refused_once_it_was_accepted(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk has the mail, and would send it once more."""
    note = (await async_texts(hass)).of(field_error("done_not_kept"))

    def refuse_from_now_on(_: object) -> None:
        monkeypatch.setattr(Journal, "write", refuse)

    outbox_of(loaded_entry).listeners.early.append(refuse_from_now_on)
    answer = await send(hass)
    assert (answer["status"], answer["notes"]) == ("accepted", [note])


async def test_normal_waits_for_the_disk(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is not urgent is on disk first."""
    await send(hass, title="before")
    with monkeypatch.context() as patch:
        gate = hold_up(patch, Journal, "write")
        call = hass.async_create_task(send(hass))
        await until(gate.reached.is_set)
        assert not call.done()
        gate.opened.set()
        assert (await call)["status"] == "accepted"


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        pytest.param(Journal, "write", refuse, id="refuses"),
        pytest.param(intake_module, "MAX_BYTES", composing.SMALL, id="has no room"),
    ],
)
async def test_large_on_a_full_disk(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    pass_time: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    value: Any,
) -> None:
    """What is too large for the journal goes out as well, and leaves no draft."""
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, value)
        answer = await send(hass, message="xy\n" * composing.SMALL)
    assert answer["status"] == "accepted"
    (mail,) = server.accepted
    assert body_of(mail).count("xy") == composing.SMALL
    pass_time(RETRY_INTERVAL)
    await until(lambda: large_texts(hass) == [])


async def test_answer_lost_from_memory(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have arrived, so its buttons work."""
    hass.config.external_url = BASE
    await send(hass)
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", 0.2)
    server.script(Step.ACCEPTED, Hang())
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", refuse)
        answer = await send(hass, actions=ACTIONS)
    assert answer["status"] == "unknown"
    assert answer["next_attempt"] is None
    tokens = tokens_of(server.accepted[-1])
    assert all(map(house_of(hass).buttons.find, tokens))
    assert len(outbox_of(loaded_entry)) == 0


async def test_refused_from_memory(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody has it, so nobody can press."""
    hass.config.external_url = BASE
    server.script(Step.RCPT, Answer(451, "later"))
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", refuse)
        with pytest.raises(HomeAssistantError) as raised:
            await send(hass, actions=ACTIONS)
    assert raised.value.translation_key == "not_kept"
    assert house_of(hass).buttons.all() == []
