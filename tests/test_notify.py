"""Sending by entities and by notify.<name>: what arrives, and what is raised."""

import asyncio
from pathlib import Path
import re
from types import MappingProxyType
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component

from .conftest import ADDRESS, CODE, shut_down
from .qq_server import AcceptedMessage, Answer, Close, QQServer, Step, replies

ENTITY = "notify.123456_qq_com"


RECIPIENT = ConfigSubentry(
    subentry_type="recipient",
    title="Family",
    unique_id=None,
    data=MappingProxyType(
        {
            "name": "Family",
            "to": ['"Ann" <a@example.com>'],
            "cc": ["b@example.com"],
            "bcc": ["c@example.com"],
        }
    ),
)


async def send(hass: HomeAssistant, **data: Any) -> None:
    """Send by an entity, as an automation does."""
    await hass.services.async_call(
        "notify",
        "send_message",
        {"entity_id": ENTITY, "message": "Smoke!", **data},
        blocking=True,
    )


async def notify(hass: HomeAssistant, **data: Any) -> None:
    """Send by notify.qq_mail, as a script does."""
    await hass.services.async_call(
        "notify", "qq_mail", {"message": "Smoke!", **data}, blocking=True
    )


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state
    return state.state


def stored_text(hass: HomeAssistant) -> str:
    """Return everything that waits on disk."""
    folder = Path(hass.config.path(".storage", DOMAIN))
    return "".join(file.read_text() for file in folder.rglob("*") if file.is_file())


def only(server: QQServer) -> AcceptedMessage:
    """Return the one message that arrived."""
    (mail,) = server.accepted
    return mail


async def test_account_entity(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The account's own entity writes to the account, if nobody else is set."""
    await send(hass, title="火警 🔥", message="厨房有烟")
    mail = only(server)
    assert mail.recipients == (ADDRESS,)
    assert mail.subject == "火警 🔥"
    assert mail.text.strip() == "厨房有烟"
    assert mail.message["From"] == f"test home <{ADDRESS}>"
    assert mail.message["To"] == ADDRESS
    assert mail.message["X-OQ-MSGID"].endswith("@qq.com>")
    assert state_of(hass, ENTITY) != "unknown"


async def test_default_title(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Without a title the subject says where the message comes from."""
    await send(hass)
    assert only(server).subject == "Home Assistant"


async def test_options_are_used(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Sender name, default recipients and reply address are in the message."""
    hass.config_entries.async_update_entry(
        loaded_entry,
        options={
            **loaded_entry.options,
            "sender_name": "我的家",
            "recipients": ['"爸爸" <a@example.com>', "b@example.com"],
            "reply_to": "c@example.com",
        },
    )
    await hass.async_block_till_done()
    await send(hass)
    await notify(hass)
    for mail in server.accepted:
        assert mail.recipients == ("a@example.com", "b@example.com")
        assert mail.message["From"] == "我的家 <123456@qq.com>"
        assert mail.message["To"] == "爸爸 <a@example.com>, b@example.com"
        assert mail.message["Reply-To"] == "c@example.com"
    assert len(server.accepted) == 2


async def test_entities_and_devices(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    device_registry: dr.DeviceRegistry,
) -> None:
    """Each recipient has a device and an entity, known by the subentry alone."""
    hass.config_entries.async_add_subentry(entry, RECIPIENT)
    await hass.config_entries.async_setup(entry.entry_id)
    (subentry_id,) = entry.subentries
    entities = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    devices = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert [
        (e.entity_id, e.unique_id, e.config_subentry_id)
        for e in entities
        if e.domain == "notify"
    ] == [
        (ENTITY, entry.entry_id, None),
        ("notify.family", subentry_id, subentry_id),
    ]
    assert [(d.name, d.identifiers, d.entry_type) for d in devices] == [
        (ADDRESS, {(DOMAIN, entry.entry_id)}, dr.DeviceEntryType.SERVICE),
        ("Family", {(DOMAIN, subentry_id)}, dr.DeviceEntryType.SERVICE),
    ]


async def test_recipient_entity(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """One mail goes to everyone behind a recipient, blind copies unseen."""
    hass.config_entries.async_add_subentry(entry, RECIPIENT)
    await hass.config_entries.async_setup(entry.entry_id)
    await send(hass, entity_id="notify.family", title="Hi")
    mail = only(server)
    assert mail.recipients == ("a@example.com", "b@example.com", "c@example.com")
    assert mail.message["To"] == "Ann <a@example.com>"
    assert mail.message["Cc"] == "b@example.com"
    assert b"c@example.com" not in mail.content


async def test_recipient_removed(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    """With the recipient go its entity and device."""
    hass.config_entries.async_add_subentry(entry, RECIPIENT)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entity_registry.async_get("notify.family")
    (subentry_id,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    assert entity_registry.async_get("notify.family") is None
    assert hass.states.get("notify.family") is None
    assert hass.states.get(ENTITY)


async def test_targets(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """notify.<name> writes to anyone, with or without a name."""
    await notify(
        hass, title="Hi", target=["爷爷 <a@example.com>", "b@example.com，c@例子.中国"]
    )
    mail = only(server)
    assert mail.recipients == (
        "a@example.com",
        "b@example.com",
        "c@xn--fsqu00a.xn--fiqs8s",
    )
    assert mail.message["To"].startswith("爷爷 <a@example.com>")
    assert mail.subject == "Hi"


@pytest.mark.parametrize("data", [{}, {"target": []}, {"data": {}}])
async def test_without_targets(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
) -> None:
    """Without a target the default recipients get it."""
    await notify(hass, **data)
    assert only(server).recipients == (ADDRESS,)


@pytest.mark.parametrize(
    ("data", "key", "placeholders"),
    [
        ({"target": "nobody"}, "invalid_address", {"address": "nobody"}),
        ({"target": [["a"]]}, "invalid_address", {"address": "['a']"}),
        ({"data": {"bcc": "@, x"}}, "invalid_address", {"address": "@, x"}),
        ({"message": " "}, "nothing_to_say", {}),
    ],
)
async def test_faults_of_the_caller(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
    key: str,
    placeholders: dict[str, str],
) -> None:
    """They are named before anything is sent."""
    with pytest.raises(ServiceValidationError) as refused:
        await notify(hass, **data)
    assert refused.value.translation_domain == DOMAIN
    assert refused.value.translation_key == key
    assert refused.value.translation_placeholders == placeholders
    assert server.connections == 0
    assert list(loaded_entry.runtime_data.plans()) == []


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("send_message", {"entity_id": ENTITY}),
        ("qq_mail", {}),
        ("qq_mail", {"data": {"priority": 5}}),
    ],
)
async def test_title_alone(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    action: str,
    data: dict[str, Any],
) -> None:
    """A title is something to say."""
    await hass.services.async_call(
        "notify", action, {"message": "", "title": "Door", **data}, blocking=True
    )
    assert only(server).subject == "Door"


async def test_nothing_by_an_entity(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Neither a title nor a message."""
    with pytest.raises(ServiceValidationError) as refused:
        await send(hass, message="")
    assert refused.value.translation_key == "nothing_to_say"
    assert server.connections == 0


PHONE = {
    "ttl": 0,
    "priority": 5,
    "tag": {"id": 1},
    "push": {"sound": "default"},
    "actions": [{"action": "OPEN", "title": "Open"}],
    "image": "/local/door.jpg",
    "attachment": {"url": "/local/door.jpg"},
}


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"data": PHONE}, ["priority", "tag"]),
        ({"data": ["x"]}, ["data"]),
        ({"data": "x"}, ["data"]),
        ({"message": ["Smoke!"], "title": {"a": 1}, "target": [ADDRESS, 5]}, []),
    ],
)
async def test_data_made_for_others(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
    fields: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The alert goes out; the log names what has another meaning here."""
    await notify(hass, **data)
    text = only(server).text
    assert "Smoke!" in text
    assert re.findall(r"Field (\w+):", caplog.text) == fields
    assert text.count("is not set up right") == bool(fields)
    assert "ttl" not in text
    assert "push" not in text


@pytest.fixture
def picture(hass: HomeAssistant) -> None:
    """Put a picture into the folder that everybody in the house can see."""
    folder = Path(hass.config.path("www"))
    folder.mkdir()
    (folder / "door.jpg").write_bytes(b"\xff\xd8\xff")
    hass.config.allowlist_external_dirs = {str(folder)}


async def test_pictures_made_for_phones(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    picture: None,
) -> None:
    """What both makes of phones show with the notification is shown in the mail, once."""
    await notify(hass, data=PHONE)
    (door,) = (part for part in only(server).message.walk() if part.get_filename())
    assert door.get_filename() == "door.jpg"
    assert door.get_content_disposition() == "inline"


@pytest.mark.parametrize(
    "more", [{"entity_id": None}, {"topic": "x", 5: {"a": 1}}, {"alarm_state": "on"}]
)
async def test_keys_made_for_others(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    more: dict[Any, Any],
) -> None:
    """A key that another program sends for another service costs nobody the alert."""
    caplog.set_level("DEBUG")
    await hass.services.async_call(
        "notify", "qq_mail", {"message": ["Smoke!", 1], **more}, blocking=True
    )
    assert only(server).text == "Smoke!\n1\n"
    names = ", ".join(sorted(map(str, more)))
    assert f"Not for mail, and ignored: {names}" in caplog.text


async def test_cleared_as_on_phones(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What takes an alert off the phones of a group is no text for a mail."""
    clear = {"message": "clear_notification", "data": {"tag": "smoke"}}
    await notify(hass, **clear)
    assert server.accepted == []
    await notify(hass, title="Kitchen", data={"tag": "smoke"})
    await notify(hass, **clear)
    _, over = server.accepted
    assert (over.subject, over.text) == ("Re: Kitchen", "This is over.\n")
    with pytest.raises(ServiceValidationError, match="tag"):
        await notify(hass, message="clear_notification")
    assert len(server.accepted) == 2


@pytest.mark.parametrize(
    ("step", "action", "key"),
    [
        (Step.DOT, replies.CONTENT, "content"),
        (Step.RCPT, replies.MAILBOX_NOT_FOUND, "recipient"),
        (Step.MAIL, replies.SENDER_MISMATCH, "sender_mismatch"),
    ],
)
async def test_refused_for_good(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    step: Step,
    action: Any,
    key: str,
) -> None:
    """The action says why, nothing waits, and the next message is not concerned."""
    server.script(step, action)
    with pytest.raises(HomeAssistantError) as refused:
        await send(hass)
    assert refused.value.translation_domain == DOMAIN
    assert refused.value.translation_key == key
    assert refused.value.translation_placeholders
    assert refused.value.translation_placeholders["account"] == ADDRESS
    assert list(loaded_entry.runtime_data.plans()) == []
    await send(hass, title="again")
    assert server.accepted[-1].subject == "again"


@pytest.mark.parametrize(
    ("step", "action"),
    [
        (Step.DATA, Answer(451, "later")),
        (Step.ACCEPTED, Close()),
        (Step.CONNECT, Close()),
        (Step.AUTH, replies.LOGIN_AMBIGUOUS),
        (Step.MAIL, replies.TOO_MANY_ATTEMPTS),
    ],
)
async def test_kept(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    step: Step,
    action: Any,
) -> None:
    """Anything else is no failure of the action: the message waits."""
    server.script(step, action)
    await send(hass)
    assert len(list(loaded_entry.runtime_data.plans())) == 1


async def test_in_a_group_and_in_alert(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """notify.<name> works where Home Assistant wants a legacy notify action."""
    hass.states.async_set("binary_sensor.smoke", "off")
    assert await async_setup_component(
        hass,
        "notify",
        {
            "notify": {
                "platform": "group",
                "name": "everyone",
                "services": [
                    {
                        "action": "qq_mail",
                        "data": {"target": "a@example.com", "data": {"sticky": True}},
                    }
                ],
            }
        },
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert await async_setup_component(
        hass,
        "alert",
        {
            "alert": {
                "smoke": {
                    "name": "Smoke",
                    "message": "It smokes",
                    "entity_id": "binary_sensor.smoke",
                    "repeat": 30,
                    "notifiers": ["qq_mail"],
                    "data": {"push": {"sound": "alarm"}, "ttl": 0},
                }
            }
        },
    )
    await hass.async_block_till_done()
    await hass.services.async_call(
        "notify",
        "everyone",
        {"message": "To all", "data": {"importance": "high", "actions": []}},
        blocking=True,
    )
    hass.states.async_set("binary_sensor.smoke", "on")
    await asyncio.to_thread(server.wait_for, 2)
    hass.states.async_set("binary_sensor.smoke", "off")
    await hass.async_block_till_done()
    assert [(mail.text.strip(), mail.recipients) for mail in server.accepted] == [
        ("To all", ("a@example.com",)),
        ("It smokes", (ADDRESS,)),
    ]


async def test_unload(hass: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    """With the entry goes its action, and comes back with it."""
    assert hass.services.has_service("notify", "qq_mail")
    await shut_down(hass, loaded_entry)
    assert not hass.services.has_service("notify", "qq_mail")
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    assert hass.services.has_service("notify", "qq_mail")


async def test_name_taken_by_another(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """Another's action is neither replaced nor taken away; the log says so."""
    calls = []

    async def other(call: Any) -> None:
        calls.append(call)

    hass.services.async_register("notify", "qq_mail", other)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert "notify.qq_mail belongs to another integration" in caplog.text
    await hass.config_entries.async_unload(entry.entry_id)
    await notify(hass)
    assert len(calls) == 1


async def test_the_code_stays_secret(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither plain nor base64 is it in any log, at any level, or in the store."""
    caplog.set_level("DEBUG")
    await send(hass)
    server.accounts[ADDRESS] = "renewed"
    await shut_down(hass, loaded_entry)
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    await send(hass)
    assert "login_ambiguous" in caplog.text
    stored = stored_text(hass)
    assert "Smoke!" in stored
    for secret in (CODE, "YWJjZGVmZ2hpamtsbW5vcA"):
        assert secret not in caplog.text + stored
