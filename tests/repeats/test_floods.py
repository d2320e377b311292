"""What is counted, repeated or answered, and becomes a part of a digest."""

import asyncio
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN
from homeassistant.core import HomeAssistant

from ..calls.test_send import body_of, send
from ..house import house_of, later, outbox_of, restart, subjects, until
from ..outbox.test_merging import HALF_A_MINUTE, digest_that_waits, flood
from ..qq_server import Answer, QQServer, Step
from ..sending.test_buttons import ACTIONS, BASE, tokens_of
from .test_counting import counted
from .test_reminding import reminders

REPEATS: dict[str, Any] = {"repeat_after": "12:00:00"}


async def test_counted_behind_a_digest(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """An alert in it stands for others as long as it waits, and after it went out."""
    answers = await digest_that_waits(hass, server, loaded_entry, freezer, **REPEATS)
    again = await send(hass, title="Alert 0", **REPEATS)
    assert (again["status"], again["count"]) == ("repeated", 1)
    assert again["queue_id"] == answers[0]["queue_id"]
    await restart(hass, loaded_entry)
    # Nobody took it for lost.
    assert len(outbox_of(loaded_entry)) == 1
    assert (await send(hass, title="Alert 0", **REPEATS))["count"] == 2
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    await until(lambda: len(server.accepted) == 2)
    assert (await send(hass, title="Alert 0", **REPEATS))["count"] == 3
    await later(hass, freezer, timedelta(hours=13))
    await until(lambda: len(server.accepted) == 3)
    assert subjects(server)[2].startswith("Alert 0")
    assert "3" in body_of(server.accepted[2])


async def test_counted_and_refused_for_one(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A digest that waits for another of its recipients has not failed."""
    data = REPEATS | {"to": ["ann@example.com", "bob@example.com"]}
    await digest_that_waits(hass, server, loaded_entry, freezer, **data)
    assert (await send(hass, title="Alert 0", **data))["count"] == 1
    server.script(Step.RCPT, Answer(550, "no"), match="ann@")
    server.script(Step.RCPT, Answer(450, "later"), match="bob@")
    await hass.services.async_call(DOMAIN, "retry", {}, blocking=True)
    outbox = outbox_of(loaded_entry)
    await until(lambda: next(outbox.plans())[0].recipients == ("bob@example.com",))
    (shown,) = await counted(hass)
    assert shown["count"] == 1
    assert len(outbox) == 1


async def test_discarded_with_what_is_counted(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The next alert goes out: what would have told of it is gone."""
    await digest_that_waits(hass, server, loaded_entry, freezer, **REPEATS)
    await send(hass, title="Alert 0", **REPEATS)
    assert len(await counted(hass)) == 1
    await discard_all_of(hass, loaded_entry)
    assert await counted(hass) == []
    again = await send(hass, title="Alert 0", wait=0, **REPEATS)
    assert again["status"] == "deferred"


async def test_discarded_with_what_is_repeated(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """An alarm has no button where nobody knows an address: then it may be in one."""
    hass.config.internal_url = hass.config.external_url = hass.config.api = None
    data: dict[str, Any] = {"tag": "water", "repeat_until_acknowledged": "00:10:00"}
    await digest_that_waits(hass, server, loaded_entry, freezer, **data)
    assert {one["tag"] for one in await reminders(hass)} == {"water"}
    await discard_all_of(hass, loaded_entry)
    assert await reminders(hass) == []
    await later(hass, freezer, timedelta(hours=13))
    assert len(server.accepted) == 1
    assert len(outbox_of(loaded_entry)) == 0


async def discard_all_of(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Discard the one digest that waits, by its queue id."""
    ((digest, _),) = outbox_of(entry).plans()
    assert len(digest.parts) == 4
    data = {"queue_id": digest.queue_id}
    await hass.services.async_call(DOMAIN, "discard", data, blocking=True)
    assert len(outbox_of(entry)) == 0


async def test_buttons_are_merged(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A digest has those of its newest alert of a title, which work after a restart."""
    hass.config.external_url = BASE
    await flood(hass, loaded_entry, title="Door", actions=ACTIONS)
    await restart(hass, loaded_entry)
    await later(hass, freezer, HALF_A_MINUTE)
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject.startswith("4 alerts")
    tokens = set(tokens_of(mail))
    assert len(tokens) == 2
    known = house_of(hass).buttons
    newest = max(one.mail.queue_id for one in known.all())
    found = [known.find(token) for token in tokens]
    assert {one and one.mail.queue_id for one in found} == {newest}


async def test_links_are_merged(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A button that only leads somewhere does so from a digest as well."""
    hass.config.external_url = BASE
    await flood(hass, loaded_entry, actions=ACTIONS[2:])
    await later(hass, freezer, HALF_A_MINUTE)
    _, mail = await asyncio.to_thread(server.wait_for, 2)
    assert mail.subject.startswith("4 alerts")
    for kind in ("plain", "html"):
        assert f"{BASE}/lovelace/water" in body_of(mail, kind)


async def test_number_in_a_digest(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """How many were counted is read, however long the alerts of a digest are."""
    alert: dict[str, Any] = {"title": "Flap", "message": "x" * 2000, "tag": "flap"}
    await send(hass, **alert, **REPEATS)
    for count in range(1, 8):
        assert (await send(hass, **alert, **REPEATS))["count"] == count
    await later(hass, freezer, timedelta(minutes=2))
    await flood(hass, loaded_entry, **alert)
    await later(hass, freezer, HALF_A_MINUTE)
    *_, mail = await asyncio.to_thread(server.wait_for, 3)
    assert mail.subject.startswith("4 alerts")
    assert body_of(mail).count("7 ×") == body_of(mail, "html").count("7 ×") == 1
