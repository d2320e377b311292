"""What a call over several accounts answers, whatever stops one of them."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.calls.send import async_send
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..conftest import ADDRESS
from ..house import subjects
from ..qq_server import QQServer
from ..test_notify import ENTITY
from ..test_trigger import second_account
from .test_send import send

BOTH = [ENTITY, "notify.second"]
ERRORS = [
    pytest.param(HomeAssistantError("no template"), "no template", id="not ours"),
    pytest.param(
        ServiceValidationError(
            "gone", translation_domain="light", translation_key="gone"
        ),
        "gone",
        id="of another integration",
    ),
    pytest.param(HomeAssistantError(), "HomeAssistantError", id="without a word"),
    pytest.param(ValueError("unexpected"), "unexpected", id="unexpected"),
]


async def fail_for(
    monkeypatch: pytest.MonkeyPatch, error: Exception, entries: list[MockConfigEntry]
) -> None:
    """Have these accounts send nothing."""

    async def fail(hass: HomeAssistant, entry: Any, *args: Any) -> Any:
        if entry in entries:
            raise error
        return await async_send(hass, entry, *args)

    monkeypatch.setattr("custom_components.qq_mail.calls.actions.async_send", fail)


@pytest.mark.parametrize(("error", "said"), ERRORS)
async def test_one_fails(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    said: str,
) -> None:
    """What the other one has sent is told."""
    second = await second_account(hass, server, loaded_entry)
    await fail_for(monkeypatch, error, [second])
    answer = await send(hass, title="Water", entity_id=BOTH)
    assert subjects(server) == ["Water"]
    assert (answer["account"], answer["status"]) == (ADDRESS, "accepted")
    first, other = answer["messages"]
    assert first["status"] == "accepted"
    assert other["account"] == "b@qq.com"
    assert other["status"] == "failed"
    assert said in other["error"]
    assert f"Not sent by b@qq.com: {other['error']}" in caplog.text


@pytest.mark.parametrize(("error", "said"), ERRORS)
async def test_all_fail(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
) -> None:
    """The first one's error is raised as it is."""
    second = await second_account(hass, server, loaded_entry)
    await fail_for(monkeypatch, error, [loaded_entry, second])
    with pytest.raises(type(error)) as raised:
        await send(hass, entity_id=BOTH)
    assert raised.value is error
