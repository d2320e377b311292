"""The rich action and its other doors: what arrives, and what is answered."""

from datetime import timedelta
from pathlib import Path
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.content import material as material_module
from custom_components.qq_mail.mime.message import compose
from custom_components.qq_mail.smtp import transaction as transaction_module
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    label_registry as lr,
)
from homeassistant.util import dt as dt_util

from ..conftest import ADDRESS, CODE, Events
from ..house import later, on_disk, outbox_of, pause_of, until
from ..qq_server import AcceptedMessage, Answer, Close, Hang, QQServer, Step, replies
from ..test_notify import ENTITY, RECIPIENT

FAMILY = "notify.family"


async def send(hass: HomeAssistant, **data: Any) -> dict[str, Any]:
    """Send, and return the answer."""
    response = await hass.services.async_call(
        DOMAIN,
        "send_message",
        {"message": "Smoke!", **data},
        blocking=True,
        return_response=True,
    )
    assert response is not None
    return dict(response)


def mail_of(server: QQServer) -> AcceptedMessage:
    """Return the only mail that was accepted."""
    (mail,) = server.accepted
    return mail


def body_of(mail: AcceptedMessage, subtype: str = "plain") -> str:
    """Return a mail's text, or its HTML."""
    part = mail.message.get_body((subtype,))
    assert part
    return str(part.get_content()).replace("\r\n", "\n")


@pytest.fixture
async def with_family(hass: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    """Add a recipient to the account."""
    hass.config_entries.async_add_subentry(loaded_entry, RECIPIENT)
    await hass.async_block_till_done()


async def test_one_mail_to_everyone(
    hass: HomeAssistant, server: QQServer, with_family: None
) -> None:
    """Entities and addresses are joined, and each address gets one copy."""
    response = await send(
        hass,
        entity_id=[ENTITY, FAMILY],
        to=f"Ann <A@Example.com>, {ADDRESS}; d@example.com",
        cc=["b@example.com", "e@example.com"],
        bcc="f@example.com",
        reply_to="Boss <g@example.com>",
        title="Fire",
        priority="highest",
    )
    mail = mail_of(server)
    assert mail.subject == "Fire"
    assert mail.message["To"] == f"{ADDRESS}, Ann <a@example.com>, d@example.com"
    assert mail.message["Cc"] == "b@example.com, e@example.com"
    assert "Bcc" not in mail.message
    assert mail.message["Reply-To"] == "Boss <g@example.com>"
    assert mail.message["X-Priority"] == "1 (Highest)"
    everyone = [ADDRESS, *(f"{name}@example.com" for name in "adbecf")]
    assert sorted(mail.recipients) == sorted(everyone)
    assert sorted(response["recipients"].pop("accepted")) == sorted(everyone)
    assert response == {
        "account": ADDRESS,
        "status": "accepted",
        "queue_id": response["queue_id"],
        "message_id": mail.message["X-OQ-MSGID"],
        "recipients": {"deferred": [], "refused": []},
        "attempts": 1,
        "next_attempt": None,
        "reason": None,
        "reply": "250 OK: queued as.",
        "cause": None,
        "discarded": 0,
        "notes": [],
    }
    for entity_id in (ENTITY, FAMILY):
        state = hass.states.get(entity_id)
        assert state
        assert state.state != "unknown"


async def test_nobody_named(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The default recipients get it; without a response, nothing is answered."""
    await hass.services.async_call(
        DOMAIN, "send_message", {"message": "Smoke!"}, blocking=True
    )
    mail = mail_of(server)
    assert mail.recipients == (ADDRESS,)
    assert mail.subject == "Home Assistant"
    assert body_of(mail) == "Smoke!\n"
    assert mail.message.get_content_type() == "text/plain"


async def test_target_by_area(
    hass: HomeAssistant, server: QQServer, with_family: None
) -> None:
    """An area may hold other entities as well: only ours are meant."""
    area = ar.async_get(hass).async_create("Hall")
    registry = er.async_get(hass)
    button = "button.123456_qq_com_send_test_message"
    registry.async_update_entity(button, area_id=area.id)
    family = registry.async_get(FAMILY)
    assert family
    assert family.device_id
    dr.async_get(hass).async_update_device(family.device_id, area_id=area.id)
    await send(hass, area_id=area.id)
    assert mail_of(server).message["To"] == "Ann <a@example.com>"


async def test_target_all(
    hass: HomeAssistant, server: QQServer, with_family: None
) -> None:
    """Every entity of ours."""
    await send(hass, entity_id="all")
    assert mail_of(server).message["To"] == f"{ADDRESS}, Ann <a@example.com>"


async def test_entities_but_some(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The table leaves out what its target excepts, as the editor's selector has it."""
    hall = ar.async_get(hass).async_create("Hall").id
    registry = er.async_get(hass)
    for name in "abc":
        lock = registry.async_get_or_create("lock", "x", name, suggested_object_id=name)
        registry.async_update_entity(lock.entity_id, area_id=hall)
        hass.states.async_set(lock.entity_id, "locked", {"friendly_name": name})
    answer = await send(
        hass,
        entities={
            "area_id": hall,
            "entity_id": "lock.c",
            "exclude": {"entity_id": ["lock.b", "lock.c", "unknown"]},
        },
    )
    assert len(answer["notes"]) == 1
    text = body_of(mail_of(server))
    assert [f"{name}: locked" in text for name in "abc"] == [True, False, False]
    answer = await send(hass, entities={"entity_id": "lock.a", "exclude": "unknown"})
    assert "entities: unknown" in answer["notes"][0]


@pytest.mark.parametrize(
    ("data", "key", "placeholders"),
    [
        pytest.param(
            {"entity_id": "light.hall"},
            "not_our_entity",
            {"entity": "light.hall"},
            id="not ours",
        ),
        pytest.param(
            {"area_id": "nowhere"},
            "target_not_found",
            {"field": "target.area_id", "value": "nowhere"},
            id="nobody",
        ),
        pytest.param(
            {"entity_id": ENTITY, "titel": "x"},
            "unknown_field",
            {"field": "titel", "suggestion": "title"},
            id="unknown field",
        ),
        pytest.param(
            {"entity_id": ENTITY, "message": ""}, "nothing_to_say", {}, id="nothing"
        ),
        pytest.param(
            {"config_entry_id": "{entry_id}", "to": "nobody", "cc": ["x", "y"]},
            "invalid_address",
            {"address": "nobody, x, y"},
            id="no address",
        ),
    ],
)
async def test_faults_of_the_caller(
    hass: HomeAssistant,
    server: QQServer,
    with_family: None,
    data: dict[str, Any],
    key: str,
    placeholders: dict[str, str],
) -> None:
    """They are told before anything is stored."""
    other = MockConfigEntry(
        domain=DOMAIN,
        title="2@qq.com",
        data={
            "username": "2@qq.com",
            "password": CODE,
            "host": server.host,
            "port": server.tls_port,
            "encryption": "tls",
        },
        options={"service_name": "qq_mail_2"},
    )
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    chosen = {"{entry_id}": other.entry_id}
    data = {name: chosen.get(str(value), value) for name, value in data.items()}
    with pytest.raises(ServiceValidationError) as refused:
        await send(hass, **data)
    assert refused.value.translation_key == key
    assert (refused.value.translation_placeholders or {}) == placeholders
    assert server.accepted == []


async def test_account_not_loaded(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """Its entities cannot be found then, and it is named where it is asked for."""
    await hass.config_entries.async_unload(loaded_entry.entry_id)
    with pytest.raises(ServiceValidationError) as refused:
        await send(hass)
    assert refused.value.translation_key == "account_not_loaded"


@pytest.mark.parametrize(
    ("refused", "status", "recipients"),
    [
        pytest.param(
            {"b@": replies.MAILBOX_NOT_FOUND, "c@": Answer(451, "later")},
            "accepted",
            {
                "accepted": ["a@example.com"],
                "deferred": ["c@example.com"],
                "refused": [
                    {
                        "address": "b@example.com",
                        "reply": "550 Mailbox not found or access denied",
                        "cause": "recipient",
                    }
                ],
            },
            id="some",
        ),
        pytest.param(
            {"@": Answer(451, "later")},
            "deferred",
            {
                "accepted": [],
                "deferred": ["a@example.com", "b@example.com", "c@example.com"],
                "refused": [],
            },
            id="none",
        ),
    ],
)
async def test_response_for_each_recipient(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    refused: dict[str, Answer],
    status: str,
    recipients: dict[str, Any],
) -> None:
    """Who was accepted, who waits, and who was refused, and why."""
    for match, answer in refused.items():
        server.script(Step.RCPT, answer, times=None, match=match)
    response = await send(hass, to=["a@example.com", "b@example.com", "c@example.com"])
    assert response["status"] == status
    assert response["recipients"] == recipients
    assert response["attempts"] == 1
    assert response["next_attempt"] is not None


async def test_rejected(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What is refused for good raises, with the cause."""
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError) as refused:
        await send(hass)
    assert refused.value.translation_key == "content"


async def test_not_waiting(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """With wait: 0 the call returns when the message is on disk."""
    response = await send(hass, wait=0, to="a@example.com")
    assert response["status"] == "deferred"
    assert response["attempts"] == 0
    assert response["recipients"]["deferred"] == ["a@example.com"]
    await events.wait(1)
    assert events.all[0].queue_id == response["queue_id"]


async def test_expiry_of_its_own(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """An alert that is worth nothing after ten minutes."""
    server.script(Step.MAIL, Answer(451, "later"), times=None)
    await send(hass, expires_after={"minutes": 10})
    await later(hass, freezer, timedelta(minutes=10))
    await until(lambda: "expired" in events.outcomes)
    assert list(outbox_of(loaded_entry).plans()) == []


@pytest.mark.parametrize("door", ["action", "legacy"])
async def test_html_of_ones_own(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    www: Path,
    door: str,
) -> None:
    """As core's smtp takes it: HTML with a picture in it, and a text beside."""
    (www / "door.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (www / "log.txt").write_text("opened")
    html = '<body><h1>Door</h1><img src="cid:door.png"></body>'
    rich: dict[str, Any] = {
        "html": html,
        "attachments": [
            {"path": str(www / "door.png"), "content_id": "door.png"},
            {"path": "www/log.txt", "filename": "日志.txt"},
        ],
    }
    calls = {
        "action": (DOMAIN, "send_message", {"message": "Door", **rich}),
        "legacy": (
            "notify",
            "qq_mail",
            {
                "message": "Door",
                "data": {
                    "html": html,
                    "images": [str(www / "door.png")],
                    "attachments": rich["attachments"][1:],
                },
            },
        ),
    }
    await hass.services.async_call(*calls[door], blocking=True)
    mail = mail_of(server)
    assert body_of(mail).strip() == "Door"
    assert body_of(mail, "html").replace("\n", "") == html
    (attachment,) = mail.message.iter_attachments()
    assert attachment.get_filename() == "日志.txt"
    (picture,) = [
        part for part in mail.message.walk() if part.get_content_type() == "image/png"
    ]
    assert picture["Content-ID"] == "<door.png>"
    assert picture.get_content_disposition() == "inline"


async def test_html_alone(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A text is made of it for those who show no HTML."""
    await send(hass, format="html", message="<h1>Door</h1><p>is <b>open</b></p>")
    text = body_of(mail_of(server))
    assert "Door" in text
    assert "<" not in text


async def test_inline_pictures(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, www: Path
) -> None:
    """Shown below the text if that is wanted, with ids that nobody else has."""
    for name in ("a.png", "b.png", "c.txt"):
        (www / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    (www / "c.txt").write_text("no picture")
    await send(
        hass,
        format="markdown",
        message="# Doors\n![front](cid:front)",
        attachments=[
            {"path": "www/a.png", "content_id": "front"},
            {"path": "www/b.png", "inline": True},
            {"path": "www/c.txt", "inline": True},
        ],
    )
    mail = mail_of(server)
    parts = {
        part.get_filename(): part for part in mail.message.walk() if part.get_filename()
    }
    html = body_of(mail, "html")
    assert 'src="cid:front"' in html
    own_id = parts["b.png"]["Content-ID"].strip("<>")
    assert f'src="cid:{own_id}"' in html
    assert [part.get_content_disposition() for part in parts.values()] == [
        "inline",
        "inline",
        "attachment",
    ]


async def test_missing_picture(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The alert goes out; the answer says how to mend it, and the mail what is missing."""
    hass.config.language = "zh-Hans"
    hass.states.async_set("camera.gone", "idle", {"friendly_name": "门口"})
    response = await send(hass, attachments={"entity_id": "camera.gone"})
    assert response["notes"] == ["未添加附件：camera.gone 不存在。请检查写法是否正确。"]
    text = body_of(mail_of(server))
    assert text == "Smoke!\n\n这里少了一张图片或一个文件：门口。\n"


@pytest.mark.parametrize(
    ("language", "step", "refusal", "why"),
    [
        ("en", Step.DATA, replies.TOO_MANY_ATTEMPTS, "QQ limits how much"),
        ("zh-Hans", Step.DATA, replies.TOO_MANY_ATTEMPTS, "的发信频率"),
        ("zh-Hant", Step.DATA, replies.TOO_MANY_ATTEMPTS, "的寄信頻率"),
        ("en", Step.AUTH, replies.LOGIN_AMBIGUOUS, "refused the login"),
        ("zh-Hans", Step.AUTH, replies.LOGIN_AMBIGUOUS, "的登录"),
        ("zh-Hant", Step.AUTH, replies.LOGIN_AMBIGUOUS, "的登入"),
    ],
)
async def test_says_that_the_account_is_paused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    language: str,
    step: Step,
    refusal: Answer,
    why: str,
) -> None:
    """What is not even tried says why, until when, and no longer than that."""
    hass.config.language = language
    server.script(step, refusal)
    # Who has met it is told as well as who was not even tried.
    for attempts in (1, 0):
        response = await send(hass)
        assert response["status"] == "deferred"
        assert response["reason"] == "paused"
        assert response["attempts"] == attempts
        (note,) = response["notes"]
        pause = pause_of(loaded_entry)
        assert response["next_attempt"] == pause.until.isoformat()
        assert ADDRESS in note
        assert f"{dt_util.as_local(pause.until):%H:%M}" in note
        assert why in note
    freezer.move_to(pause_of(loaded_entry).until + timedelta(seconds=1))
    assert (await send(hass, wait=0))["reason"] != "paused"


@pytest.mark.parametrize("title", ["Doorbell", None])
async def test_everything_is_missing_but_the_title(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    title: str | None,
) -> None:
    """A doorbell's camera is away: the mail goes out, and says so."""
    response = await send(
        hass, title=title, message=None, attachments={"entity_id": "camera.gone"}
    )
    (note,) = response["notes"]
    assert "camera.gone" in note
    mail = mail_of(server)
    assert mail.subject == (title or "Home Assistant")
    assert body_of(mail) == "A picture or file is missing here: camera.gone.\n"
    assert note in caplog.text


async def test_values_that_are_away(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each is named in the answer and in the log; the mail says it in few words."""
    fields = ("reply_to", "priority", "wait", "link", "entities", "attachments", "tag")
    data = dict.fromkeys(fields, "unavailable")
    response = await send(hass, title="Fire", **data)
    assert response["status"] == "accepted"
    assert body_of(mail_of(server)).splitlines() == [
        "Smoke!",
        "",
        "Something about this mail is not set up right. Home Assistant's log says what.",
        "Not all pictures and files that belong here could be attached.",
        "Not all states that belong here could be shown.",
        "A link that belongs here could not be made.",
    ]
    for field in fields:
        (note,) = [note for note in response["notes"] if f"Field {field}: " in note]
        assert "unavailable" in note
        assert f"In the mail “Fire”: {note}" in caplog.text


async def test_addresses_that_are_none(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The others get the mail; these are among the refused, and that is told."""
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND, match="b@")
    response = await send(
        hass, to=["a@example.com", "b@example.com", "nobody"], cc="unknown"
    )
    assert mail_of(server).recipients == ("a@example.com",)
    assert [
        (refusal["address"], refusal["cause"])
        for refusal in response["recipients"]["refused"]
    ] == [
        ("b@example.com", "recipient"),
        ("nobody", "invalid_address"),
        ("unknown", "invalid_address"),
    ]
    assert response["recipients"]["refused"][1]["reply"] is None
    for address, note in zip(("nobody", "unknown"), response["notes"], strict=True):
        assert address in note
        assert f"did not go to {address}," in body_of(mail_of(server))
        assert note in caplog.text
    (told,) = (event for event in events.all if "nobody" in event.recipients)
    assert told.outcome == "rejected"
    assert told.recipients == ("nobody", "unknown")
    assert told.queue_id == response["queue_id"]
    state = hass.states.get("event.123456_qq_com_message")
    assert state
    assert state.attributes["event_type"] == "rejected"
    assert state.attributes["cause"] == "recipient"
    assert "nobody" in state.attributes["reply"]


async def test_thousands_of_mistakes(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A mail names some, and how many more there are; the answer has all addresses."""
    response = await send(hass, to="a@example.com" + ",x" * 2000, entities="y," * 100)
    assert len(response["notes"]) == 51
    assert response["notes"][-1] == "2050 more were left out."
    assert len(response["recipients"]["refused"]) == 2000
    with pytest.raises(ServiceValidationError) as refused:
        await send(hass, to=["x"] * 2000)
    assert len(str(refused.value)) < 500


async def test_entity_that_is_not_ours_among_others(
    hass: HomeAssistant, server: QQServer, with_family: None
) -> None:
    """It may be away for a while; the others get the mail."""
    response = await send(hass, entity_id=[ENTITY, "notify.gone"])
    assert mail_of(server).recipients == (ADDRESS,)
    (note,) = response["notes"]
    assert "notify.gone" in note


@pytest.mark.parametrize(
    ("data", "recipients"),
    [
        pytest.param({"to": "nobody", "entity_id": ENTITY}, (ADDRESS,), id="entity"),
        pytest.param({"to": "nobody", "bcc": "a@b.cn"}, ("a@b.cn",), id="bcc"),
    ],
)
async def test_an_address_that_is_none_among_others(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
    recipients: tuple[str, ...],
) -> None:
    """However the others were named."""
    await send(hass, **data)
    assert mail_of(server).recipients == recipients


@pytest.mark.parametrize("step", [Step.MAIL, Step.DOT])
async def test_server_finds_it_too_large(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, step: Step
) -> None:
    """What it said is shown, and nothing is kept."""
    server.script(step, Answer(552, "Message too large"))
    with pytest.raises(HomeAssistantError) as refused:
        await send(hass)
    assert refused.value.translation_key == "too_large"
    assert "552 Message too large" in str(refused.value)
    assert "{" not in str(refused.value)
    assert list(outbox_of(loaded_entry).plans()) == []


async def test_larger_than_the_server_has_said(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It is asked: it may take more by now."""
    server.script(Step.EHLO, Answer(250, "host\nAUTH LOGIN\nSIZE 2000"))
    await send(hass)
    await send(hass, message="x" * 3000)
    assert len(server.accepted) == 2
    last = [line for line in server.commands if line.startswith("MAIL")][-1]
    assert int(last.rpartition("SIZE=")[2]) > 3000


async def test_file_that_is_gone_when_it_is_composed(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    www: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was there a moment ago: the message is composed anew without it."""
    for name in ("a.bin", "b.bin"):
        (www / name).write_bytes(b"content")

    def lose_then_compose(*args: Any, **kwargs: Any) -> Any:
        (www / "b.bin").unlink(missing_ok=True)
        return compose(*args, **kwargs)

    monkeypatch.setattr(material_module, "compose", lose_then_compose)
    response = await send(hass, attachments=[{"path": "www/*.bin"}])
    (note,) = response["notes"]
    assert "b.bin" in note
    mail = mail_of(server)
    assert mail.message.defects == []
    text = mail.message.get_body()
    assert text
    assert "is missing here: b.bin" in text.get_content()
    (kept,) = mail.message.iter_attachments()
    assert kept.get_filename() == "a.bin"


async def test_states(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A table of entities: as they are called, as they are, and since when."""
    freezer.move_to("2026-11-23 08:30:00+00:00")
    await hass.config.async_set_time_zone("Asia/Shanghai")
    hass.config.location_name = "我的家"
    registry = er.async_get(hass)
    label = lr.async_get(hass).async_create("Battery")
    registered = registry.async_get_or_create(
        "sensor", "test", "1", suggested_object_id="low", original_name="Low"
    )
    registry.async_update_entity(registered.entity_id, labels={label.label_id})
    registry.async_update_entity_options(
        registered.entity_id, "sensor", {"display_precision": 1}
    )
    # Not there now, and nobody has asked for it by its name.
    absent = registry.async_get_or_create("sensor", "test", "2")
    registry.async_update_entity(absent.entity_id, labels={label.label_id})
    hass.states.async_set("sensor.low", "7.04", {"unit_of_measurement": "%"})
    hass.states.async_set("binary_sensor.door", "on", {"friendly_name": "<大门>"})
    hass.states.async_set("light.hall", "unavailable", {"friendly_name": "Hall"})
    hass.states.async_set(
        "sensor.sunset", "2026-11-23T10:00:00+00:00", {"device_class": "timestamp"}
    )
    response = await send(
        hass,
        entities={
            "entity_id": [
                "light.hall",
                "binary_sensor.door",
                "sensor.sunset",
                "sensor.gone",
            ],
            "label_id": "battery",
        },
        link={"url": "/lovelace/doors", "title": "Doors"},
    )
    mail = mail_of(server)
    text = body_of(mail)
    positions = [
        text.index(found)
        for found in (
            "Smoke!",
            "Hall",
            "Unavailable",
            "<大门>",
            "sunset",
            "18:00",
            "low",
            "7.0 %",
        )
    ]
    assert positions == sorted(positions)
    assert "(16:30)" in text
    assert text.rstrip().endswith("Sent by Home Assistant · 我的家 · 2026-11-23 16:30")
    html = body_of(mail, "html")
    assert "&lt;大门&gt;" in html
    assert "我的家" in html
    assert "/lovelace/doors" in html
    assert any("sensor.gone" in note for note in response["notes"])


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        pytest.param("2026-11-22T16:00:00+00:00", "(00:00)", id="today"),
        pytest.param("2026-11-22T15:59:00+00:00", "(11-22 23:59)", id="this year"),
        pytest.param("2025-12-31T15:59:00+00:00", "(2025-12-31 23:59)", id="before"),
    ],
)
async def test_short_times(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    changed: str,
    shown: str,
) -> None:
    """A time says no more than the mail's own time does not say."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to(changed)
    hass.states.async_set("binary_sensor.door", "on")
    freezer.move_to("2026-11-23 08:30:00+00:00")
    await send(hass, entities="binary_sensor.door")
    assert shown in body_of(mail_of(server))


@pytest.mark.parametrize(
    ("priority", "language", "label"),
    [
        pytest.param("highest", "en", "Urgent", id="highest"),
        pytest.param("high", "zh-Hans", "重要", id="high"),
    ],
)
async def test_priority_in_words(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    priority: str,
    language: str,
    label: str,
) -> None:
    """A plain message that is urgent has a card, and says so."""
    hass.config.language = language
    await send(hass, title="Fire", priority=priority)
    mail = mail_of(server)
    assert body_of(mail).startswith(f"{label}\nFire\n\nSmoke!\n\n")
    assert f">{label}</span>" in body_of(mail, "html")


@pytest.mark.parametrize("priority", ["normal", "low", "lowest"])
async def test_plain_stays_plain(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, priority: str
) -> None:
    """What is not urgent is a text, and no more than that."""
    await send(hass, title="Fire", priority=priority)
    mail = mail_of(server)
    assert mail.message.get_content_type() == "text/plain"
    assert body_of(mail) == "Smoke!\n"


@pytest.mark.parametrize(
    ("attachment", "told"),
    [
        pytest.param({"path": "{www}/secret/a.jpg"}, "a.jpg", id="path"),
        pytest.param({"path": "www/secret/*.jpg"}, "*.jpg", id="glob"),
        pytest.param({"path": "/secret/b.jpg"}, "b.jpg", id="not allowed"),
        pytest.param(
            {"path": "/secret/c.jpg", "url": "https://example.com/secret"},
            "c.jpg",
            id="two sources",
        ),
        pytest.param(
            {"media_source": "media-source://media_source/local/secret/d.jpg"},
            "d.jpg",
            id="media",
        ),
        pytest.param(
            {"url": "https://example.com/a/e.jpg"},
            "https://example.com/a/e.jpg",
            id="url",
        ),
    ],
)
async def test_no_folder_in_the_mail(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    www: Path,
    caplog: pytest.LogCaptureFixture,
    attachment: dict[str, str],
    told: str,
) -> None:
    """Who gets a mail learns a file's name; at home, the whole path is told."""
    given = {key: value.format(www=www) for key, value in attachment.items()}
    notes = (await send(hass, attachments=[given]))["notes"]
    assert all(value in notes[0] for value in given.values())
    assert all(note in caplog.text for note in notes)
    text = body_of(mail_of(server))
    assert told in text
    assert str(www) not in text
    assert "secret/" not in text


async def test_more_rows_than_are_shown(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Gmail cuts a mail at 102 kB: a last row says how many more there are."""
    for number in range(400):
        hass.states.async_set(
            f"sensor.a{number}", "21.5", {"friendly_name": f"卧室的温度传感器 {number}"}
        )
    hass.config.language = "zh-Hans"
    await send(hass, entities=[f"sensor.a{number}" for number in range(400)])
    mail = mail_of(server)
    html = body_of(mail, "html")
    assert 90_000 < len(html.encode()) < 102_000
    shown = html.count('<tr valign="top">')
    assert shown > 200
    more = f"还有 {400 - shown} 项"
    assert more in html
    assert more in body_of(mail)


@pytest.mark.parametrize(
    ("home", "name"),
    [
        pytest.param("我的家", "我的家", id="name"),
        pytest.param("家" * 20, "家" * 15, id="too long"),
        pytest.param("\u200b", "", id="nothing to see"),
    ],
)
async def test_home_is_the_sender(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    home: str,
    name: str,
) -> None:
    """Without a name of the account's own, recipients see which home writes."""
    hass.config.location_name = home
    await send(hass)
    (sender,) = mail_of(server).message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, ADDRESS)


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        pytest.param("https://example.com/x", "https://example.com/x", id="url"),
        pytest.param("/lovelace", None, id="no address"),
    ],
)
async def test_link(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    link: str,
    shown: str | None,
) -> None:
    """A button needs an address that works from outside; without one, a note."""
    hass.config.internal_url = hass.config.external_url = None
    hass.config.api = None
    response = await send(hass, link=link)
    text = body_of(mail_of(server))
    assert (shown or "A link that belongs here could not be made.") in text
    assert len(response["notes"]) == (shown is None)


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
@pytest.mark.parametrize(
    ("link", "said"),
    [
        pytest.param("tel:110", {"en": "Call 110", "zh-Hans": "拨打 110"}, id="number"),
        pytest.param(
            "https://a.b:1/c?d",
            {"en": "Open a.b", "zh-Hans": "打开 a.b"},
            id="another site",
        ),
        pytest.param(
            "mailto:a@b.cn", {"en": "Open a@b.cn", "zh-Hans": "打开 a@b.cn"}, id="mail"
        ),
        pytest.param(
            "homeassistant://navigate/energy",
            {"en": "Open Home Assistant", "zh-Hans": "打开 Home Assistant"},
            id="ours",
        ),
    ],
)
async def test_link_without_a_title(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    link: str,
    said: dict[str, str],
    language: str,
) -> None:
    """The button says what it does."""
    hass.config.language = language
    assert await hass.config_entries.async_setup(entry.entry_id)
    await send(hass, link=link)
    (button,) = re.findall(
        r'data-qq="open".*?>(.*?)</a>', body_of(mail_of(server), "html")
    )
    assert button == said[language]


async def test_preview(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What a mail would be, without sending it."""
    response = await hass.services.async_call(
        DOMAIN,
        "preview_message",
        {
            "title": "Report",
            "message": "**All** well",
            "format": "markdown",
            "attachments": [{"entity_id": "camera.gone"}],
        },
        blocking=True,
        return_response=True,
    )
    assert response
    assert str(response["text"]).startswith("Report\n\n**All** well")
    assert "<strong>All</strong>" in str(response["html"])
    assert len(list(response["notes"])) == 1  # type: ignore[arg-type]
    assert server.accepted == []
    assert list(outbox_of(loaded_entry).plans()) == []


async def test_preview_without_an_address(
    hass: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    """Who is in Home Assistant already finds it by its path."""
    hass.config.internal_url = hass.config.external_url = hass.config.api = None
    response = await hass.services.async_call(
        DOMAIN,
        "preview_message",
        {"message": "x"},
        blocking=True,
        return_response=True,
    )
    assert response
    assert str(response["url"]).startswith("/api/qq_mail/")


async def test_conversation(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """The same tag, the same conversation: for a week, and over a restart."""
    await send(hass, tag="door", title="Door open")
    await hass.config_entries.async_reload(loaded_entry.entry_id)
    await send(hass, tag="door", title="Door still open")
    await send(hass, tag="window")
    await later(hass, freezer, timedelta(days=7))
    await send(hass, tag="door")
    first, second, other, new = (mail.message["References"] for mail in server.accepted)
    assert first == second
    assert len({first, other, new}) == 3
    assert first not in [mail.message["Message-ID"] for mail in server.accepted]


async def test_conversations_are_bounded(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tag may be made by a template."""
    turn = "custom_components.qq_mail.outbox.core.turn"
    monkeypatch.setattr(f"{turn}.MAX_CONVERSATIONS", 2)
    for tag in "abc":
        await send(hass, tag=tag)
    kept = [name for kind, _, name in on_disk(hass) if kind == "conversation"]
    assert kept == ["b", "c"]


async def test_clear_what_waits(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Nobody heard of it, so nobody has to hear that it is over."""
    server.script(Step.MAIL, Answer(451, "later"), times=None)
    await send(hass, tag="door")
    await send(hass, tag="window")
    response = await send(hass, tag="door", clear=True, message=None)
    assert response == {
        "account": ADDRESS,
        "status": "cleared",
        "discarded": 1,
        "notes": [],
    }
    assert [message.tag for message, _ in list(outbox_of(loaded_entry).plans())] == [
        "window"
    ]
    assert server.accepted == []


@pytest.mark.parametrize(
    ("said", "title", "text"),
    [
        pytest.param({"message": None}, "Re: Door open", "This is over.", id="default"),
        pytest.param(
            {"title": "Closed", "message": "All well"}, "Closed", "All well", id="own"
        ),
    ],
)
async def test_clear_what_went_out(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    said: dict[str, Any],
    title: str,
    text: str,
) -> None:
    """Whoever heard of it hears that it is over: in the same conversation, once."""
    await send(hass, tag="door", title="Door open")
    await hass.config_entries.async_reload(loaded_entry.entry_id)
    response = await send(hass, tag="door", clear=True, **said)
    assert response["status"] == "accepted"
    assert response["discarded"] == 0
    alarm, over = server.accepted
    assert over.subject == title
    assert body_of(over) == f"{text}\n"
    assert over.message["References"] == alarm.message["References"]
    again = await send(hass, tag="door", clear=True, to=[ADDRESS, "nobody"])
    (note,) = again.pop("notes")
    assert "nobody" in note
    assert again == {"account": ADDRESS, "status": "cleared", "discarded": 0}


async def test_clear_what_may_have_gone_out(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """QQ may have it, although it did not say so: then it has to be told as well."""
    server.script(Step.ACCEPTED, Close())
    response = await send(hass, tag="door", title="Door open")
    assert response["status"] == "unknown"
    response = await send(hass, tag="door", clear=True)
    assert response["status"] == "accepted"
    assert response["discarded"] == 1
    assert [mail.subject for mail in server.accepted] == ["Door open", "Re: Door open"]


async def test_clear_what_is_in_the_air(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It cannot be taken back, so it has to be told that it is over."""
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", 0.5)
    server.script(Step.ACCEPTED, Hang())
    alarm = hass.async_create_task(send(hass, tag="door", title="Door open"))
    await until(lambda: server.accepted)
    response = await send(hass, tag="door", clear=True)
    assert response["discarded"] == 0
    assert (await alarm)["status"] == "unknown"
    assert [mail.subject for mail in server.accepted] == ["Door open", "Re: Door open"]
