"""Whom a call uses: several accounts, groups, accounts that are away, and rights."""

import asyncio
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components import qq_mail
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.texts import Texts, async_texts
from homeassistant.auth.models import Group
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)

from ..conftest import ADDRESS, Events, shut_down
from ..house import add_account, house_of, outbox_of, until
from ..qq_server import QQServer, Step, replies
from ..test_notify import ENTITY, RECIPIENT

FAMILY = "notify.family"
OTHER = "notify.2_qq_com"
OTHER_ADDRESS = "2@qq.com"
BUTTON = "button.123456_qq_com_send_test_message"


@pytest.fixture
async def other(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> MockConfigEntry:
    """Add a recipient to the first account, and a second account, loaded."""
    hass.config_entries.async_add_subentry(loaded_entry, RECIPIENT)
    await hass.async_block_till_done()
    options = {"service_name": "qq_mail_2", "messages_per_minute": 0}
    return await add_account(hass, server, loaded_entry, OTHER_ADDRESS, options)


async def call(
    hass: HomeAssistant, action: str, user: MockUser | None = None, /, **data: Any
) -> Any:
    """Call an action of ours, for a user or for nobody, and return its answer."""
    domain, _, name = action.rpartition(".")
    domain = domain or DOMAIN
    return await hass.services.async_call(
        domain,
        name,
        data,
        blocking=True,
        return_response=hass.services.supports_response(domain, name) != "none",
        context=Context(user_id=user.id if user else None),
    )


def sent(server: QQServer) -> list[tuple[str, list[str]]]:
    """Return by whom and to whom mails went."""
    return sorted(
        (mail.reverse_path, sorted(mail.recipients)) for mail in server.accepted
    )


async def group_of(hass: HomeAssistant, name: str, *members: str) -> str:
    """Make a group of notify entities, as a person does in the helpers."""
    entry = MockConfigEntry(
        domain="group",
        title=name,
        options={
            "group_type": "notify",
            "name": name,
            "entities": list(members),
            "hide_members": False,
        },
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return f"notify.{name}"


async def test_default_account(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """Without target and account, it is the one behind notify.qq_mail."""
    answer = await call(hass, "send_message", message="Smoke!", to="a@example.com")
    assert sent(server) == [(ADDRESS, ["a@example.com"])]
    assert answer["account"] == ADDRESS
    assert "messages" not in answer
    assert (await call(hass, "preview_message", message="Smoke!"))["text"]


async def test_another_account_is_disabled(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """A call goes on waiting for its own account's attempt."""
    going_on = server.freeze()
    waiting = hass.async_create_task(
        call(hass, "send_message", message="Smoke!", to="a@example.com")
    )
    await until(lambda: len(outbox_of(loaded_entry)))
    await hass.config_entries.async_set_disabled_by(
        other.entry_id, ConfigEntryDisabler.USER
    )
    await until(lambda: other.entry_id not in house_of(hass).rooms)
    assert not waiting.done()
    going_on.set()
    assert (await waiting)["status"] == "accepted"


async def test_default_account_is_away(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
) -> None:
    """Who is left sends: an alert does not wait for a choice."""
    await hass.config_entries.async_set_disabled_by(
        loaded_entry.entry_id, ConfigEntryDisabler.USER
    )
    await call(hass, "send_message", message="Smoke!", to="a@example.com")
    assert sent(server) == [(OTHER_ADDRESS, ["a@example.com"])]


@pytest.mark.parametrize("named", [True, False])
async def test_account_that_is_meant_is_away(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    other: MockConfigEntry,
    named: bool,
) -> None:
    """Of several others the first sends, and says so; named or not."""
    options = {"service_name": "qq_mail_9", "messages_per_minute": 0}
    await add_account(hass, server, loaded_entry, "9@qq.com", options)
    await hass.config_entries.async_set_disabled_by(
        loaded_entry.entry_id, ConfigEntryDisabler.USER
    )
    data = {"config_entry_id": loaded_entry.entry_id} if named else {}
    answer = await call(hass, "send_message", message="x", to="a@example.com", **data)
    assert sent(server) == [(OTHER_ADDRESS, ["a@example.com"])]
    *disabled, note = answer["notes"]
    assert note.startswith(f"{OTHER_ADDRESS} sent this mail, because")
    assert [f"{ADDRESS} is disabled" in one for one in disabled] == [True] * named


@pytest.mark.parametrize(
    ("data", "note"),
    [
        pytest.param({"entity_id": "unknown"}, "target: unknown", id="entity"),
        pytest.param({"entity_id": ""}, "", id="empty"),
        pytest.param({"entity_id": []}, "", id="empty list"),
        pytest.param(
            {"entity_id": [ENTITY, "unavailable"]},
            "target: unavailable",
            id="one of two",
        ),
        pytest.param({"entity_id": [ENTITY, None]}, "", id="nothing of two"),
        pytest.param({"entity_id": {"a": 1}}, "target: {'a': 1}", id="mapping"),
        pytest.param({"label_id": [5]}, "target: 5", id="number"),
        pytest.param(
            {"entity_id": ENTITY, "exclude": {"entity_id": "unknown"}},
            "exclude: unknown",
            id="exclude",
        ),
        pytest.param({"exclude": "unknown"}, "exclude: unknown", id="no exclude"),
        pytest.param({"exclude": None}, "", id="exclude nothing"),
        pytest.param({"config_entry_id": ""}, "", id="no account"),
        pytest.param({"config_entry_id": None}, "", id="nothing for account"),
        pytest.param(
            {"config_entry_id": "unavailable"},
            "config_entry_id: unavailable",
            id="account away",
        ),
        pytest.param(
            {"config_entry_id": ["x"]}, "config_entry_id: ['x']", id="list of accounts"
        ),
        pytest.param({"to": "unavailable"}, "address: unavailable", id="address away"),
        pytest.param(
            {"cc": ["unknown", "none"]}, "address: unknown", id="addresses away"
        ),
    ],
)
async def test_values_that_are_away(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
    note: str,
) -> None:
    """What a template makes of a sensor that is away stops nothing, wherever it is."""
    answer = await call(hass, "send_message", message="Smoke!", **data)
    assert sent(server) == [(ADDRESS, [ADDRESS])]
    assert note in " ".join(answer["notes"])
    assert bool(answer["notes"]) is bool(note)


async def test_account_being_loaded_holds_up_no_other(
    hass: HomeAssistant,
    server: QQServer,
    other: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A set-up that hangs is waited for by who needs that account, and by no other."""
    await shut_down(hass, other)
    go_on = asyncio.Event()

    async def slow(hass: HomeAssistant) -> Texts:
        await go_on.wait()
        return await async_texts(hass)

    monkeypatch.setattr(qq_mail, "async_texts", slow)
    setup = hass.async_create_task(hass.config_entries.async_setup(other.entry_id))
    await call(hass, "send_message", message="x", entity_id=FAMILY)
    assert len(server.accepted) == 1
    needed = hass.async_create_task(
        call(hass, "send_message", message="x", entity_id=[FAMILY, OTHER])
    )
    go_on.set()
    assert (await needed)["notes"] == []
    await setup
    assert len(server.accepted) == 3


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            {"entity_id": [ENTITY, OTHER]},
            [(ADDRESS, [ADDRESS]), (OTHER_ADDRESS, [OTHER_ADDRESS])],
            id="entities",
        ),
        pytest.param(
            {"entity_id": "all"},
            [
                (ADDRESS, [ADDRESS, *(f"{name}@example.com" for name in "abc")]),
                (OTHER_ADDRESS, [OTHER_ADDRESS]),
            ],
            id="all",
        ),
        pytest.param(
            {"entity_id": [OTHER, ENTITY], "to": "d@example.com", "cc": "nobody"},
            [(ADDRESS, [ADDRESS, "d@example.com"]), (OTHER_ADDRESS, [OTHER_ADDRESS])],
            id="addresses get one mail",
        ),
        pytest.param(
            {"entity_id": [OTHER, ENTITY], "config_entry_id": "{other}"},
            [(OTHER_ADDRESS, [ADDRESS, OTHER_ADDRESS])],
            id="by one account",
        ),
    ],
)
async def test_several_accounts(
    hass: HomeAssistant,
    server: QQServer,
    other: MockConfigEntry,
    data: dict[str, Any],
    expected: list[tuple[str, list[str]]],
) -> None:
    """One mail for each account; what it is asked for, each does."""
    chosen = {"{other}": other.entry_id}
    data = {name: chosen.get(str(value), value) for name, value in data.items()}
    answer = await call(hass, "send_message", message="Smoke!", **data)
    assert sent(server) == expected
    answers = answer.get("messages", [answer])
    assert [one["account"] for one in answers] == [account for account, _ in expected]
    assert {one["status"] for one in answers} == {"accepted"}
    assert answer["queue_id"] == answers[0]["queue_id"]


async def test_cleared_by_several(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """First comes the account that had something to say."""
    await call(hass, "send_message", message="x", tag="t", entity_id=OTHER)
    answer = await call(
        hass, "send_message", tag="t", clear=True, entity_id=[ENTITY, OTHER]
    )
    assert [answer["account"], answer["status"]] == [OTHER_ADDRESS, "accepted"]
    assert [one["status"] for one in answer["messages"]] == ["accepted", "cleared"]


async def test_one_account_fails(
    hass: HomeAssistant,
    server: QQServer,
    other: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What another account sent counts; what was not is said in the answer."""
    server.script(Step.MAIL, replies.SENDER_MISMATCH, times=None, match=ADDRESS)
    answer = await call(
        hass, "send_message", message="Smoke!", entity_id=[ENTITY, OTHER]
    )
    good, bad = answer["messages"]
    assert answer["status"] == good["status"] == "accepted"
    assert answer["account"] == good["account"] == OTHER_ADDRESS
    assert bad["account"] == ADDRESS
    assert bad["status"] == "failed"
    assert "the sender is not the account" in bad["error"]
    assert f"Not sent by {ADDRESS}" in caplog.text
    await hass.services.async_call(
        DOMAIN,
        "send_message",
        {"message": "Smoke!", "entity_id": [ENTITY, OTHER]},
        blocking=True,
    )
    assert sent(server) == [(OTHER_ADDRESS, [OTHER_ADDRESS])] * 2


async def test_every_account_fails(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """Then it is an error, as with one."""
    server.script(Step.MAIL, replies.SENDER_MISMATCH, times=2)
    with pytest.raises(HomeAssistantError) as refused:
        await call(hass, "send_message", message="Smoke!", entity_id="all")
    assert refused.value.translation_key == "sender_mismatch"


async def test_outboxes(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry, events: Events
) -> None:
    """Without an account, all are meant, and each message names its own."""
    events.listen(other)
    server.stop()
    try:
        for title in ("Fire", "Again"):
            await call(hass, "send_message", title=title, entity_id=[OTHER, ENTITY])
    finally:
        server.start()
    waiting = (await call(hass, "get_outbox"))["messages"]
    assert [message["account"] for message in waiting] == [ADDRESS] * 2 + [
        OTHER_ADDRESS
    ] * 2
    (chosen,) = (
        message
        for message in (await call(hass, "get_outbox", config_entry_id=other.entry_id))[
            "messages"
        ]
        if message["subject"] == "Again"
    )
    await call(hass, "discard", queue_id=chosen["queue_id"])
    waiting = (await call(hass, "get_outbox"))["messages"]
    assert len(waiting) == 3
    assert chosen["queue_id"] not in {message["queue_id"] for message in waiting}
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "retry", queue_id=chosen["queue_id"])
    assert refused.value.translation_placeholders == {
        "account": f"{ADDRESS}, {OTHER_ADDRESS}",
        "queue_id": chosen["queue_id"],
    }
    known = len(events.all)
    await call(hass, "retry")
    await events.wait(known + 3)
    assert sent(server) == [
        (ADDRESS, [ADDRESS]),
        (ADDRESS, [ADDRESS]),
        (OTHER_ADDRESS, [OTHER_ADDRESS]),
    ]


async def test_group(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """Its members of ours get it, those of groups within too; a note names others."""
    hass.states.async_set("notify.phone", "unknown")
    inner = await group_of(hass, "parents", FAMILY, "notify.phone")
    outer = await group_of(hass, "everyone", OTHER, inner)
    answer = await call(hass, "send_message", message="Smoke!", entity_id=outer)
    assert sent(server) == [
        (ADDRESS, ["a@example.com", "b@example.com", "c@example.com"]),
        (OTHER_ADDRESS, [OTHER_ADDRESS]),
    ]
    for one in answer["messages"]:
        (note,) = one["notes"]
        assert note.startswith("notify.phone is in the group")


async def test_group_by_its_label(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """A group stands for its members however it is found, one in itself as well."""
    group = await group_of(hass, "everyone", OTHER, "notify.everyone")
    label = lr.async_get(hass).async_create("Alarm").label_id
    registry = er.async_get(hass)
    registry.async_get_or_create("notify", "group", "x", suggested_object_id="everyone")
    hass.states.async_set(group, "unknown", {"entity_id": [OTHER, group]})
    registry.async_update_entity(
        registry.async_get_or_create("notify", "group", "y").entity_id, labels={label}
    )
    labelled = registry.async_get_or_create("notify", "group", "y").entity_id
    hass.states.async_set(labelled, "unknown", {"entity_id": [group, labelled]})
    await call(hass, "send_message", message="Smoke!", label_id=label)
    assert sent(server) == [(OTHER_ADDRESS, [OTHER_ADDRESS])]


async def test_group_of_others(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """Nobody in it is ours."""
    hass.states.async_set("notify.phone", "unknown")
    group = await group_of(hass, "phones", "notify.phone")
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "send_message", message="Smoke!", entity_id=group)
    assert refused.value.translation_key == "not_our_member"


@pytest.mark.parametrize(
    "target",
    [
        pytest.param({"entity_id": "light.hall"}, id="not ours"),
        pytest.param({"entity_id": BUTTON}, id="no notify entity"),
        pytest.param({"area_id": "nowhere"}, id="nobody"),
    ],
)
async def test_target_is_nobody_but_an_address_is_given(
    hass: HomeAssistant,
    server: QQServer,
    other: MockConfigEntry,
    target: dict[str, Any],
) -> None:
    """There is somebody to send it to, so it goes out, with a note."""
    answer = await call(
        hass, "send_message", message="Smoke!", to="a@example.com", **target
    )
    assert sent(server) == [(ADDRESS, ["a@example.com"])]
    assert len(answer["notes"]) == 1
    with pytest.raises(ServiceValidationError):
        await call(hass, "send_message", message="Smoke!", **target)


@pytest.fixture
def places(hass: HomeAssistant) -> dict[str, str]:
    """Return an area, a floor, a label and a device in which nobody of ours is."""
    entry = MockConfigEntry(domain="test")
    entry.add_to_hass(hass)
    return {
        "area_id": ar.async_get(hass).async_create("Hall").id,
        "floor_id": fr.async_get(hass).async_create("Attic").floor_id,
        "label_id": lr.async_get(hass).async_create("Alarm").label_id,
        "device_id": dr.async_get(hass)
        .async_get_or_create(
            config_entry_id=entry.entry_id, identifiers={("test", "x")}
        )
        .id,
    }


@pytest.mark.parametrize("kind", ["area_id", "floor_id", "label_id", "device_id"])
async def test_target_not_found(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    places: dict[str, str],
    kind: str,
) -> None:
    """One that is gone and one that holds nobody are told beside one that is used."""
    target = {kind: ["nowhere", places[kind]]}
    answer = await call(hass, "send_message", message="x", entity_id=ENTITY, **target)
    assert sent(server) == [(ADDRESS, [ADDRESS])]
    gone, empty = answer["notes"]
    assert gone.startswith(f"Field target.{kind}: nowhere does not exist.")
    assert empty.startswith(f"Field target.{kind}: there is nothing in {places[kind]}")
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "send_message", message="x", **target)
    assert refused.value.translation_key == "target_not_found"


@pytest.mark.parametrize("kind", ["area_id", "floor_id", "label_id", "device_id"])
async def test_entities_not_found(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    places: dict[str, str],
    kind: str,
) -> None:
    """In a table of entities as well; what is there is shown."""
    hass.states.async_set("sensor.a", "5")
    table = {"entity_id": "sensor.a", kind: ["nowhere", places[kind]]}
    answer = await call(hass, "send_message", message="x", entities=table)
    gone, empty = answer["notes"]
    assert gone.startswith(f"Field entities.{kind}: nowhere does not exist.")
    assert empty.startswith(f"Field entities.{kind}: there is nothing in")
    (mail,) = server.accepted
    text = mail.message.get_body(("plain",))
    assert text
    assert "a: 5" in text.get_content()


async def test_empty_groups(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Nobody and nothing is in them, and that is told."""
    group = await group_of(hass, "nobody")
    hass.states.async_set("light.none", "off", {"entity_id": []})
    answer = await call(
        hass,
        "send_message",
        message="x",
        entity_id=[group, ENTITY],
        entities=["light.none", "sensor.gone"],
    )
    nobody, gone, nothing = answer["notes"]
    assert nobody.startswith(f"Field target.entity_id: there is nothing in {group}")
    assert gone.startswith("Not shown: sensor.gone does not exist.")
    assert nothing.startswith(
        "Field entities.entity_id: there is nothing in light.none"
    )


async def test_area_with_a_group(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """Whose members are meant is not empty."""
    label = lr.async_get(hass).async_create("Alarm").label_id
    group = await group_of(hass, "everyone", OTHER)
    er.async_get(hass).async_update_entity(group, labels={label})
    answer = await call(hass, "send_message", message="x", label_id=label)
    assert sent(server) == [(OTHER_ADDRESS, [OTHER_ADDRESS])]
    assert answer["notes"] == []


async def test_excluded(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """Who is excepted from a target gets nothing, be it all, or by a group."""
    parents = await group_of(hass, "parents", FAMILY, ENTITY)
    everyone = await group_of(hass, "everyone", parents, OTHER)
    for chosen, excluded in (
        ("all", [FAMILY, ENTITY]),
        ([OTHER, FAMILY], [FAMILY]),
        ("all", [parents]),
        ([FAMILY, OTHER], [parents]),
        (everyone, [parents]),
        (everyone, [FAMILY, ENTITY]),
    ):
        await call(
            hass,
            "send_message",
            message="Smoke!",
            entity_id=chosen,
            exclude={"entity_id": excluded},
        )
    assert sent(server) == [(OTHER_ADDRESS, [OTHER_ADDRESS])] * 6


@pytest.mark.parametrize("members", [None, 5, [None]], ids=str)
async def test_odd_group(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, members: Any
) -> None:
    """An entity that says nonsense of who is in it has nobody in it."""
    hass.states.async_set("notify.odd", "unknown", {"entity_id": members})
    await call(
        hass, "send_message", message="x", to="a@example.com", entity_id="notify.odd"
    )
    assert sent(server) == [(ADDRESS, ["a@example.com"])]


@pytest.mark.parametrize("action", ["send_message", "preview_message", "get_outbox"])
async def test_disabled_account(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, action: str
) -> None:
    """It is called disabled, by its name, in whatever way it is meant."""
    data = {"get_outbox": {}}.get(action, {"message": "Smoke!"})
    registered = er.async_get(hass).async_get(ENTITY)
    assert registered
    await hass.config_entries.async_set_disabled_by(
        loaded_entry.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done()
    ways: list[dict[str, Any]] = [{}, {"config_entry_id": loaded_entry.entry_id}]
    targets: list[dict[str, Any]] = [
        {"entity_id": ENTITY},
        {"device_id": registered.device_id},
    ]
    no_targets: dict[str, list[dict[str, Any]]] = {"get_outbox": []}
    ways += no_targets.get(action, targets)
    for way in ways:
        with pytest.raises(ServiceValidationError) as refused:
            await call(hass, action, **data, **way)
        assert refused.value.translation_key == "account_disabled"
        assert refused.value.translation_placeholders == {"account": ADDRESS}


@pytest.mark.parametrize("way", ["group", "group of it alone", "label"])
async def test_disabled_account_of_a_member(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry, way: str
) -> None:
    """It is called disabled also where it is found by a group or a label."""
    label = lr.async_get(hass).async_create("Alarm").label_id
    er.async_get(hass).async_update_entity(OTHER, labels={label})
    targets = {
        "group": {"entity_id": await group_of(hass, "some", OTHER, FAMILY)},
        "group of it alone": {"entity_id": await group_of(hass, "alone", OTHER)},
        "label": {"label_id": label},
    }
    await hass.config_entries.async_set_disabled_by(
        other.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done()
    answer = await call(
        hass, "send_message", message="x", to="d@example.com", **targets[way]
    )
    (note,) = answer["notes"]
    assert f"{OTHER_ADDRESS} is disabled" in note


@pytest.mark.parametrize("removed", [False, True])
async def test_account_that_goes_meanwhile(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    removed: bool,
) -> None:
    """Disabled or removed while a picture is fetched: it is called that."""
    fetching, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> None:
        fetching.set()
        await go_on.wait()
        raise OSError

    monkeypatch.setattr(
        "custom_components.qq_mail.content.attachments.fetching._async_from_entity",
        slow,
    )
    job = hass.async_create_task(
        call(hass, "send_message", message="x", attachments="camera.x")
    )
    await fetching.wait()
    entries = hass.config_entries
    if removed:
        await entries.async_remove(loaded_entry.entry_id)
    else:
        # Not until nothing is under way: the picture would be waited for.
        assert await entries.async_unload(loaded_entry.entry_id)
    go_on.set()
    with pytest.raises(HomeAssistantError) as refused:
        await job
    assert refused.value.translation_key == "account_not_loaded"


async def test_disabled_entities(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """One that a person disabled, or whose account is disabled, is a note."""
    registry = er.async_get(hass)
    registry.async_update_entity(FAMILY, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.config_entries.async_set_disabled_by(
        other.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done()
    answer = await call(
        hass, "send_message", message="Smoke!", entity_id=[FAMILY, OTHER, ENTITY]
    )
    assert sent(server) == [(ADDRESS, [ADDRESS])]
    disabled_account, disabled = answer["notes"]
    assert disabled_account.startswith(f"The QQ Mail account {OTHER_ADDRESS} is")
    assert disabled.startswith(f"{FAMILY} is disabled")


async def test_account_that_was_not_set_up(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Its entities are known, and it is called by its name."""
    await shut_down(hass, loaded_entry)
    ways: list[dict[str, Any]] = [{}, {"entity_id": ENTITY}]
    for way in ways:
        with pytest.raises(ServiceValidationError) as refused:
            await call(hass, "send_message", message="Smoke!", **way)
        assert refused.value.translation_key == "account_not_loaded"
        assert refused.value.translation_placeholders == {"account": ADDRESS}


def person(hass: HomeAssistant, *entity_ids: str) -> MockUser:
    """Add a user who may see everything, and control these entities alone."""
    entities = {"all": {"read": True}}
    group = Group(
        name="Some",
        policy={
            "entities": {
                "entity_ids": {
                    entity_id: {"read": True, "control": True}
                    for entity_id in entity_ids
                },
                **entities,
            }
        },
    )
    return MockUser(groups=[group]).add_to_hass(hass)


@pytest.mark.parametrize(
    ("may", "action", "data"),
    [
        pytest.param(ENTITY, "notify.qq_mail", {"message": "x"}, id="notify.<name>"),
        pytest.param(ENTITY, "send_message", {"message": "x"}, id="default"),
        pytest.param(
            ENTITY, "send_message", {"message": "x", "to": "a@b.cn"}, id="address"
        ),
        pytest.param(
            FAMILY, "send_message", {"message": "x", "entity_id": FAMILY}, id="entity"
        ),
        pytest.param(ENTITY, "preview_message", {"message": "x"}, id="preview"),
        pytest.param(
            FAMILY,
            "notify.send_message",
            {"message": "x", "entity_id": FAMILY},
            id="notify.send_message",
        ),
    ],
)
async def test_control(
    hass: HomeAssistant,
    server: QQServer,
    other: MockConfigEntry,
    may: str,
    action: str,
    data: dict[str, Any],
) -> None:
    """Who may control the notify entity may send by it; who may not sends nothing."""
    with pytest.raises(Unauthorized) as refused:
        await call(hass, action, person(hass, OTHER, BUTTON), **data)
    assert refused.value.entity_id == may
    with pytest.raises(UnknownUser):
        await call(hass, action, MockUser(), **data)
    assert server.accepted == []
    await call(hass, action, person(hass, may), **data)
    await call(hass, action, None, **data)


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        pytest.param({"entity_id": FAMILY, "to": "a@b.cn"}, ENTITY, id="addresses too"),
        pytest.param({"entity_id": [FAMILY, OTHER]}, OTHER, id="one of two"),
        pytest.param(
            {"entity_id": FAMILY, "config_entry_id": "{other}"}, OTHER, id="by another"
        ),
        pytest.param({"entity_id": FAMILY, "cc": "nobody"}, ENTITY, id="bad address"),
        pytest.param(
            {"entity_id": FAMILY, "tag": "fire", "clear": True}, ENTITY, id="clear"
        ),
    ],
)
async def test_control_of_everything_used(
    hass: HomeAssistant,
    server: QQServer,
    other: MockConfigEntry,
    data: dict[str, Any],
    missing: str,
) -> None:
    """One right is no right to the rest."""
    chosen = {"{other}": other.entry_id}
    data = {name: chosen.get(str(value), value) for name, value in data.items()}
    with pytest.raises(Unauthorized) as refused:
        await call(hass, "send_message", person(hass, FAMILY), message="x", **data)
    assert refused.value.entity_id == missing
    assert server.accepted == []


async def test_all_that_a_user_has(
    hass: HomeAssistant, server: QQServer, other: MockConfigEntry
) -> None:
    """As with Home Assistant's own, `all` are those that the user may control."""
    user = person(hass, OTHER)
    await call(hass, "send_message", user, message="x", entity_id="all")
    assert sent(server) == [(OTHER_ADDRESS, [OTHER_ADDRESS])]
    with pytest.raises(Unauthorized):
        await call(hass, "send_message", person(hass), message="x", entity_id="all")


@pytest.mark.parametrize(
    ("action", "data"),
    [("get_outbox", {}), ("retry", {}), ("discard", {"all": True})],
)
async def test_outbox_is_for_administrators(
    hass: HomeAssistant,
    server: QQServer,
    other: MockConfigEntry,
    hass_admin_user: MockUser,
    action: str,
    data: dict[str, Any],
) -> None:
    """What waits is of everybody."""
    with pytest.raises(Unauthorized):
        await call(hass, action, person(hass, ENTITY, FAMILY, OTHER), **data)
    await call(hass, action, hass_admin_user, **data)
    await call(hass, action, None, **data)
