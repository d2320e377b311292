"""A user who may send to single recipients has no hold over what others raised."""

from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.content.errors import field_error
from custom_components.qq_mail.texts import async_texts
from homeassistant.core import HomeAssistant

from ..buttons.test_trigger import automate
from ..house import house_of, outbox_shown, subjects
from ..qq_server import QQServer
from ..repeats.test_reminding import WATER, reminders
from ..sending.test_buttons import ACTIONS, BASE, buttons_of
from ..test_notify import ENTITY, RECIPIENT
from .test_send import send
from .test_targets import FAMILY, call, person


async def test_no_buttons_that_act(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Whoever could press those would have every automation act that listens."""
    hass.config.external_url = BASE
    hass.config_entries.async_add_subentry(loaded_entry, RECIPIENT)
    await hass.async_block_till_done()
    calls = await automate(hass, {})
    said: dict[str, Any] = {"message": "x", "tag": "water", "actions": ACTIONS}
    answer = await call(
        hass, "send_message", person(hass, FAMILY), entity_id=FAMILY, **said
    )
    texts = await async_texts(hass)
    assert answer["notes"] == [texts.of(field_error("not_allowed_to_act"))]
    (mail,) = server.accepted
    assert buttons_of(mail) == [("Open the dashboard", f"{BASE}/lovelace/water")]
    assert house_of(hass).buttons.all() == []
    assert calls == []
    # Who may use the account itself has them.
    await call(
        hass, "send_message", person(hass, ENTITY, FAMILY), entity_id=FAMILY, **said
    )
    assert len(house_of(hass).buttons.all()) == 2


async def test_alarm_of_others(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It is neither replaced nor ended nor counted."""
    hass.config_entries.async_add_subentry(loaded_entry, RECIPIENT)
    await hass.async_block_till_done()
    first = await send(hass, **WATER, entity_id=FAMILY)
    alarm = WATER | {"title": "Nothing", "repeat_after": "01:00:00"}
    for _ in "ab":
        answer = await call(
            hass, "send_message", person(hass, FAMILY), entity_id=FAMILY, **alarm
        )
        assert answer["status"] == "accepted"
    (shown,) = await reminders(hass)
    assert shown["queue_id"] == first["queue_id"]
    answer = await send(hass, **WATER, repeat_after="01:00:00", entity_id=FAMILY)
    assert answer["status"] == "accepted"
    assert subjects(server) == ["Water", "Nothing", "Nothing", "Water"]
    assert (await outbox_shown(hass))["repeats"] == []
