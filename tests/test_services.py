"""The actions on what waits: seeing it, trying it at once, giving it up."""

import asyncio
from datetime import UTC, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .calls.test_send import send
from .conftest import ADDRESS, Events
from .house import later, outbox_of, outbox_shown, until
from .qq_server import Answer, Hang, QQServer, Step, replies
from .test_translations import ACTIONS


async def notify(hass: HomeAssistant, title: str) -> None:
    """Raise an alert."""
    await hass.services.async_call(
        "notify", "qq_mail", {"title": title, "message": "Smoke!"}, blocking=True
    )


async def act(hass: HomeAssistant, action: str, **data: Any) -> None:
    """Call an action of the integration's own."""
    await hass.services.async_call(DOMAIN, action, data, blocking=True)


async def test_every_action_has_its_texts(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """Those that are registered are those that the translations describe."""
    assert set(hass.services.async_services_for_domain(DOMAIN)) == ACTIONS


async def waiting(hass: HomeAssistant, **data: Any) -> list[dict[str, Any]]:
    """Ask what waits."""
    response = await hass.services.async_call(
        DOMAIN, "get_outbox", data, blocking=True, return_response=True
    )
    messages: Any = (response or {})["messages"]
    return list(messages)


async def test_get_outbox(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """All that is known of a message, but its text."""
    freezer.move_to("2026-11-20 08:00:00+00:00")
    assert await waiting(hass) == []
    server.script(Step.RCPT, Answer(451, "later"))
    await notify(hass, "Fire")
    (event,) = await events.wait(1)
    assert event.plan
    at = dt_util.as_local(read_clock().wall_at(event.plan.at))
    freezer.tick(timedelta(seconds=30))
    (message,) = await waiting(hass)
    assert message.pop("size") > len("Smoke!")
    assert message == {
        "account": ADDRESS,
        "by": ADDRESS,
        "queue_id": event.queue_id,
        "subject": "Fire",
        "recipients": [ADDRESS],
        "age": 30,
        "raised_at": "2026-11-20T08:00:00+00:00",
        "attempts": 1,
        "next_attempt": at.astimezone(UTC).isoformat(),
        "reply": "451 later",
        "cause": "temporary",
        "priority": "normal",
        "reason": "back_off",
        "why": f"The last attempt failed, so it is tried again at {at:%H:%M}.",
        "tag": "",
        "parts": [],
    }


async def test_next_attempt_while_paused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A pause of the account counts, for messages that were not tried as well."""
    freezer.move_to("2026-11-20 08:00:00+00:00")
    server.script(Step.MAIL, replies.FREQUENCY_LIMITED)
    await notify(hass, "tried")
    await notify(hass, "not tried")
    messages = await waiting(hass)
    assert [message["attempts"] for message in messages] == [1, 0]
    assert [message["next_attempt"] for message in messages] == [
        "2026-11-20T09:00:00+00:00"
    ] * 2
    assert messages[1]["reply"] is None
    assert messages[1]["cause"] is None


async def test_next_attempt_without_a_code(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Until there is a new code, a login is tried now and then."""
    server.script(Step.AUTH, replies.LOGIN_NEEDS_CODE)
    await notify(hass, "Fire")
    (message,) = await waiting(hass)
    assert message["cause"] == "login_needs_code"
    assert message["next_attempt"]


async def test_retry_all(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """Everything goes out at once."""
    server.stop()
    try:
        await notify(hass, "one")
        await notify(hass, "two")
    finally:
        server.start()
    known = len(events.all)
    await act(hass, "retry")
    await events.wait(known + 2)
    assert [mail.subject for mail in server.accepted] == ["one", "two"]
    assert await waiting(hass) == []
    # With nothing left to try, that is no fault.
    await act(hass, "retry", config_entry_id=loaded_entry.entry_id)


async def test_retry_one(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """Only the message named is tried."""
    server.script(Step.MAIL, Answer(451, "later"), times=3)
    await notify(hass, "one")
    await notify(hass, "two")
    _, two = await waiting(hass)
    await act(hass, "retry", queue_id=two["queue_id"])
    await events.wait(2)
    assert [event.subject for event in events.all] == ["one", "two"]


async def test_discard(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What is discarded is gone; first one, then all."""
    server.script(Step.MAIL, Answer(451, "later"), times=3)
    for title in ("one", "two", "three"):
        await notify(hass, title)
    first, *_ = await waiting(hass)
    await act(hass, "discard", queue_id=first["queue_id"])
    assert first["subject"] == "two"
    # Who was refused goes after who was not tried yet.
    assert [m["subject"] for m in await waiting(hass)] == ["three", "one"]
    await act(hass, "discard", all=True)
    assert await waiting(hass) == []
    await act(hass, "discard", all=True)
    assert server.accepted == []


async def test_discard_what_is_counted(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """By the queue id of the mail that went out; the next alert is a mail again."""
    for _ in range(3):
        answer = await send(hass, title="Fire", repeat_after=600)
    assert answer["count"] == 2
    await act(hass, "discard", queue_id=answer["queue_id"])
    assert (await outbox_shown(hass))["repeats"] == []
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "discard", queue_id=answer["queue_id"])
    assert raised.value.translation_key == "unknown_queue_id"
    await send(hass, title="Fire", repeat_after=600)
    assert [mail.subject for mail in server.accepted] == ["Fire", "Fire"]


async def test_discard_twice_at_once(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A double click does what one does."""
    server.script(Step.RCPT, Answer(451, "later"), times=3)
    for title in ("one", "two", "three"):
        await notify(hass, title)
    await asyncio.gather(*(act(hass, "discard", all=True) for _ in range(2)))
    assert await waiting(hass) == []
    assert len(loaded_entry.runtime_data) == 0
    await notify(hass, "four")
    assert [mail.subject for mail in server.accepted] == ["four"]


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_unknown_queue_id(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, action: str
) -> None:
    """A message that does not wait cannot be chosen, and the others stay alone."""
    server.script(Step.RCPT, Answer(451, "later"))
    await notify(hass, "Fire")
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, action, queue_id="01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert raised.value.translation_key == "unknown_queue_id"
    assert raised.value.translation_placeholders == {
        "account": ADDRESS,
        "queue_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    }
    (message,) = await waiting(hass)
    assert message["attempts"] == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"queue_id": "", "tag": "", "all": False}, id="empty fields"),
        pytest.param({"config_entry_id": "any"}, id="only an account"),
    ],
)
async def test_discard_nothing_named(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
) -> None:
    """An empty call does not empty the outbox."""
    server.script(Step.RCPT, Answer(451, "later"))
    await notify(hass, "Fire")
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "discard", **data)
    assert raised.value.translation_key == "discard_what"
    assert len(await waiting(hass)) == 1


async def test_tag(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of a tag are tried, or discarded; the others stay alone."""
    monkeypatch.setattr("custom_components.qq_mail.calls.listing._AT_ONCE", 10)
    server.script(Step.RCPT, Answer(451, "later"), times=None)
    for tag in ("door", *("leak",) * 20):
        await send(hass, title=tag, tag=tag)
    assert len(await waiting(hass)) == 21
    known = len(events.all)
    await act(hass, "retry", tag="leak")
    await events.wait(known + 20)
    assert {event.subject for event in events.all[known:]} == {"leak"}
    await act(hass, "discard", tag="leak")
    assert [one["subject"] for one in await waiting(hass)] == ["door"]
    # With nothing left of it, that is no fault.
    await act(hass, "retry", tag="leak")
    await act(hass, "discard", tag="leak")


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_part_of_a_digest(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
    action: str,
) -> None:
    """What goes out with others is told by the digest in which it is."""
    options = {"service_name": "qq_mail", "burst": 1, "messages_per_minute": 2}
    hass.config_entries.async_update_entry(loaded_entry, options=options)
    await hass.async_block_till_done()
    await send(hass, title="Before")
    server.script(Step.RCPT, Answer(451, "later"))
    answers = [await send(hass, title=f"Alert {n}", wait=0) for n in range(4)]
    await later(hass, freezer, timedelta(seconds=31))
    await events.wait(2)
    (digest,) = await waiting(hass)
    assert digest["parts"] == [one["queue_id"] for one in answers]
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, action, queue_id=answers[1]["queue_id"])
    assert raised.value.translation_key == "part_of_digest"
    assert raised.value.translation_placeholders == {
        "queue_id": answers[1]["queue_id"],
        "digest": digest["queue_id"],
        "title": digest["subject"],
    }


async def test_acknowledge(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """An alarm is sent no more, as if somebody had pressed the button in its mail."""
    await send(hass, tag="water", repeat_until_acknowledged="00:10:00")
    (shown,) = (await outbox_shown(hass))["reminders"]
    assert shown["tag"] == "water"
    await act(hass, "acknowledge", tag="fire")
    assert (await outbox_shown(hass))["reminders"]
    await act(hass, "acknowledge", tag="water")
    assert (await outbox_shown(hass))["reminders"] == []


async def test_no_such_account(hass: HomeAssistant) -> None:
    """The actions are there even without an account, and say that it is missing."""
    assert await async_setup_component(hass, DOMAIN, {})
    for data in ({}, {"config_entry_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}):
        with pytest.raises(ServiceValidationError) as raised:
            await waiting(hass, **data)
        assert raised.value.translation_key == "account_not_found"


async def test_account_not_loaded(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """An account that is not loaded has no outbox."""
    assert await hass.config_entries.async_unload(loaded_entry.entry_id)
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "retry")
    assert raised.value.translation_key == "account_not_loaded"
    assert raised.value.translation_placeholders == {"account": ADDRESS}


@pytest.mark.parametrize(
    ("action", "data"),
    [
        pytest.param("discard", {"all": True}, id="discarded"),
        pytest.param("send_message", {"tag": "t", "clear": True}, id="cleared"),
        pytest.param(None, {}, id="account removed"),
    ],
)
async def test_dropped_while_a_call_waits(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    action: str | None,
    data: dict[str, Any],
) -> None:
    """What will never go out is not said to wait."""
    server.script(Step.DOT, Hang())
    calls = [
        hass.async_create_task(send(hass, title=title, tag=title, wait=60))
        for title in ("in the air", "t")
    ]
    outbox = outbox_of(loaded_entry)
    await until(lambda: len(outbox) == 2)
    if action:
        await hass.services.async_call(DOMAIN, action, data, blocking=True)
    else:
        await hass.config_entries.async_remove(loaded_entry.entry_id)
    answer = await calls[1]
    assert answer["status"] == "discarded"
    assert answer["next_attempt"] is None
    assert answer["recipients"] == {"accepted": [], "deferred": [], "refused": []}
    calls[0].cancel()


@pytest.mark.parametrize(
    "action", ["qq_mail.send_message", "qq_mail.preview_message", "notify.qq_mail"]
)
async def test_no_object(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, action: str
) -> None:
    """Any field may have any value; but what has no fields is refused, as everywhere."""
    fields: Any = [1]
    domain, name = action.split(".")
    asks = name == "preview_message"
    with pytest.raises(vol.Invalid):
        await hass.services.async_call(
            domain, name, fields, blocking=True, return_response=asks
        )
