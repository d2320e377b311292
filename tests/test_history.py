"""What became of messages: kept for some days, without texts, gone with the account."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail import history as history_module
from custom_components.qq_mail.buttons.models import Action, Mail
from custom_components.qq_mail.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .calls.test_send import send
from .conftest import ADDRESS, Events
from .house import house_of, later, notify, on_disk, outbox_of, restart, rooms_of
from .qq_server import Answer, QQServer, Step

ANN, BEN = "10001@qq.com", "ben@example.com"


async def history(hass: HomeAssistant, **data: Any) -> list[dict[str, Any]]:
    """Ask what became of messages."""
    answer: Any = await hass.services.async_call(
        DOMAIN, "get_history", data, blocking=True, return_response=True
    )
    return list(answer["messages"])


async def configure(
    hass: HomeAssistant, entry: MockConfigEntry, **options: Any
) -> None:
    """Change options, which loads the account anew."""
    hass.config_entries.async_update_entry(entry, options={**entry.options, **options})
    await hass.async_block_till_done()


def kept(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return what is on disk of it."""
    return [data for (kind, *_), data in on_disk(hass).items() if kind == "history"]


async def test_accepted(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """When it was raised, when QQ took it, and what it said; not the text."""
    freezer.move_to("2026-11-20 08:00:00+00:00")
    server.script(Step.RCPT, Answer(451, "later"))
    await notify(hass, "Fire")
    (deferred,) = await events.wait(1)
    assert await history(hass) == []
    await later(hass, freezer, timedelta(minutes=2))
    await events.wait(2)
    (message,) = await history(hass, config_entry_id=loaded_entry.entry_id)
    (result,) = message.pop("results")
    assert result.pop("reply").startswith("250 ")
    assert result == {
        "at": "2026-11-20T08:02:00+00:00",
        "outcome": "accepted",
        "recipients": [ADDRESS],
        "attempts": 2,
        "cause": None,
        "by": "",
    }
    assert message == {
        "account": ADDRESS,
        "queue_id": deferred.queue_id,
        "title": "Fire",
        "tag": "",
        "priority": "normal",
        "raised_at": "2026-11-20T08:00:00+00:00",
        "accepted_at": "2026-11-20T08:02:00+00:00",
        "delay": 120,
        "digest": None,
        "presses": [],
    }
    await house_of(hass).manager.async_written()
    (record,) = kept(hass)
    assert "Smoke" not in str(record)


async def test_refused_for_one(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """Each outcome stands beside the others, with whom it concerns."""
    server.script(Step.RCPT, Answer(550, "Mailbox not found"), match=BEN)
    await send(hass, title="Fire", to=[ANN, BEN])
    await events.wait(2)
    (message,) = await history(hass)
    results = {one["outcome"]: one for one in message["results"]}
    assert results["accepted"]["recipients"] == [ANN]
    assert results["rejected"]["recipients"] == [BEN]
    assert results["rejected"]["cause"] == "recipient"
    assert results["rejected"]["reply"] == "550 Mailbox not found"


async def test_survives_a_restart(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The newest comes first; what is damaged is left out and removed."""
    await notify(hass, "one")
    await notify(hass, "two")
    before = await history(hass)
    assert [one["title"] for one in before] == ["two", "one"]
    house = house_of(hass)
    for name in ("damaged", "01JD0000000000000000000000"):
        house.store.put(
            ("history", loaded_entry.entry_id, name),
            lambda: {**kept(hass)[0], "results": []},
        )
    await restart(hass, loaded_entry)
    assert await history(hass) == before
    await house_of(hass).manager.async_written()
    assert len(kept(hass)) == 2


async def test_discarded(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What a person took back is told apart from what QQ refused."""
    server.script(Step.RCPT, Answer(451, "later"))
    await notify(hass, "Fire")
    await outbox_of(loaded_entry).async_discard()
    (message,) = await history(hass)
    assert [one["outcome"] for one in message["results"]] == ["discarded"]
    assert message["accepted_at"] is None
    assert message["delay"] is None


async def test_cleared(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What is over before it went out was taken back as well."""
    server.script(Step.RCPT, Answer(451, "later"))
    await send(hass, title="Fire", tag="fire", repeat_after=600)
    await send(hass, title="Fire", tag="fire", repeat_after=600)
    await send(hass, message="", tag="fire", clear=True)
    (message,) = await history(hass)
    assert message["title"] == "Fire"
    assert [one["outcome"] for one in message["results"]] == ["discarded"]
    assert len(outbox_of(loaded_entry)) == 0


@pytest.mark.parametrize("over", [False, True], ids=["discarded", "cleared"])
async def test_digest(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
    *,
    over: bool,
) -> None:
    """Each message of a digest that is taken back is told of, with the digest's id."""
    await configure(hass, loaded_entry, burst=1, messages_per_minute=2)
    await send(hass, title="Before")
    server.script(Step.RCPT, Answer(451, "later"))
    for number in range(4):
        await send(hass, title=f"Alert {number}", tag="flood", wait=0)
    await later(hass, freezer, timedelta(seconds=31))
    await events.wait(2)
    (digest,) = outbox_of(loaded_entry).state.queue
    assert len(digest.parts) == 4
    if over:
        await outbox_of(loaded_entry).async_clear("flood")
    else:
        await outbox_of(loaded_entry).async_discard(digest.queue_id)
    *parts, _ = await history(hass)
    assert {one["digest"] for one in parts} == {digest.queue_id}
    assert [one["title"] for one in parts] == [f"Alert {n}" for n in (3, 2, 1, 0)]
    assert {one["tag"] for one in parts} == {"flood"}


async def test_titles_are_left_out(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """But for those of high priority; also those that were kept before."""
    await send(hass, title="Code 123456")
    await configure(hass, loaded_entry, history_titles=False)
    await send(hass, title="Code 654321")
    await send(hass, title="Fire", priority="high")
    assert [one["title"] for one in await history(hass)] == ["Fire", None, None]
    await house_of(hass).manager.async_written()
    assert sorted(one["title"] for one in kept(hass)) == ["", "", "Fire"]


async def test_old_ones_go(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the days of the option, and beyond what is kept at most."""
    monkeypatch.setattr(history_module, "MAX_ITEMS", 2)
    for title in ("one", "two", "three"):
        await send(hass, title=title)
    assert [one["title"] for one in await history(hass)] == ["three", "two"]
    await later(hass, freezer, timedelta(days=8))
    assert await history(hass) == []
    await house_of(hass).manager.async_written()
    assert kept(hass) == []
    await configure(hass, loaded_entry, history_days=0)
    await send(hass, title="four")
    assert await history(hass) == []


async def test_pressed(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A button that somebody pressed stands beside its mail; of others nothing does."""
    answer = await send(hass, title="Water")
    house = house_of(hass)
    for account, queue_id in (
        (loaded_entry.entry_id, answer["queue_id"]),
        (loaded_entry.entry_id, "01JD0000000000000000000000"),
        ("another", answer["queue_id"]),
    ):
        mail = Mail(
            account=account,
            queue_id=queue_id,
            tag="",
            subject="Water",
            recipients=(ADDRESS,),
            time=dt_util.utcnow(),
        )
        action = Action(action="shut", title="Shut it")
        (token,) = house.buttons.issue(mail, [action], timedelta(hours=1))
        button = house.buttons.find(token)
        assert button
        house.buttons.press(button)
    (message,) = await history(hass)
    assert [one["title"] for one in message["presses"]] == ["Shut it"]
    assert [one["by"] for one in message["presses"]] == [""]
    await restart(hass, loaded_entry)
    assert await history(hass) == [message]


async def test_gone_with_the_account(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Nothing of it stays on disk."""
    await send(hass, title="Fire")
    assert rooms_of(hass, loaded_entry).history.items
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert kept(hass) == []
