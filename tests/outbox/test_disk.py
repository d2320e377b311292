"""A disk that hangs or refuses: mail goes on from memory, and nothing goes out twice."""

import asyncio
import errno
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.outbox import composing
from custom_components.qq_mail.outbox.core.models import Level
from custom_components.qq_mail.outbox.manager import DISK_TIMEOUTS
from custom_components.qq_mail.smtp import transaction as transaction_module
from custom_components.qq_mail.store import Journal
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..calls.test_send import body_of, send
from ..house import (
    hold_up,
    house_of,
    large_texts,
    outbox_of,
    restart,
    subjects,
    until,
    waiting,
)
from ..qq_server import Answer, Hang, QQServer, Step
from ..sending.test_buttons import ACTIONS, BASE, tokens_of


def full(*_: Any) -> None:
    """Refuse to write."""
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("priority", ["highest", "high"])
async def test_disk_that_hangs(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
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
    await until(lambda: not waiting(hass))
    assert len(outbox_of(loaded_entry)) == 0
    await restart(hass, loaded_entry)
    await send(hass, title="after")
    assert subjects(server) == ["before", "alarm", "another", "after"]


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
        pytest.param(Journal, "write", full, id="refuses"),
        pytest.param(composing, "MAX_BYTES", composing.SMALL, id="has no room"),
    ],
)
async def test_large_on_a_full_disk(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
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
        patch.setattr(Journal, "write", full)
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
        patch.setattr(Journal, "write", full)
        with pytest.raises(HomeAssistantError) as raised:
            await send(hass, actions=ACTIONS)
    assert raised.value.translation_key == "not_kept"
    assert house_of(hass).buttons.all() == []
