"""What a call may ask for in which spelling, and what is said of mistakes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

import custom_components.qq_mail as integration
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.content.actions import ActionRow
from custom_components.qq_mail.content.attachments.fields import Attachment, Source
from custom_components.qq_mail.content.fields import FIELDS
from custom_components.qq_mail.content.request import (
    MessageRequest,
    read_notification,
    read_request,
)
from custom_components.qq_mail.mime.address import Mailbox, Recipients
from custom_components.qq_mail.mime.card import Link
from custom_components.qq_mail.mime.models import Priority
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.selector import validate_selector
from homeassistant.util.yaml import load_yaml_dict
from tests.mime.test_markup import assert_linear

ANN = Mailbox("ann@example.com")
BEN = Mailbox("ben@example.com", "Ben")
NAMES = ", ".join(FIELDS)
SOURCES = "entity_id, media_source, path, url"
ACTION_FIELDS = "action, title, uri, destructive, behavior, authenticationRequired"
ATTACHMENT_FIELDS = "media_source, entity_id, path, url, filename, content_id, inline"


def unusable(field: str, value: str, key: str = "invalid_value", **more: str) -> Any:
    """Return what is said of a value."""
    return (key, {"field": field, "value": value, **more})


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        pytest.param({"to": "ann@example.com"}, "recipients", (ANN,), id="to"),
        pytest.param(
            {"to": "ann@example.com; Ben <ben@example.com>"},
            "recipients",
            (ANN, BEN),
            id="to-text",
        ),
        pytest.param(
            {"to": ["ann@example.com", None, "Ben <ben@example.com>"]},
            "recipients",
            (ANN, BEN),
            id="to-list",
        ),
    ],
)
def test_recipients(data: dict[str, Any], name: str, expected: Any) -> None:
    """One or several, in a text or a list."""
    assert getattr(read_request({"message": "x", **data}), name).to == expected


@pytest.mark.parametrize(
    "value",
    [
        "ann@example.com ben@example.com",
        "mailto:ann@example.com, MAILTO:ben@example.com?subject=x",
        '["ann@example.com", "ben@example.com"]',
        ["ann@example.com\nben@example.com"],
    ],
)
def test_addresses_as_others_write_them(value: Any) -> None:
    """Other programs and people separate them in other ways."""
    request = read_request({"message": "x", "to": value})
    assert request.recipients.addr_specs == ("ann@example.com", "ben@example.com")
    assert request.notes == ()


def test_name_before_a_number() -> None:
    """As a person writes it."""
    request = read_request({"message": "x", "to": "老婆 10002，老公 <10003>"})
    assert request.recipients.to == (
        Mailbox("10002@qq.com", "老婆"),
        Mailbox("10003@qq.com", "老公"),
    )


def test_copies() -> None:
    """Each kind of recipient is kept apart."""
    data = {"message": "x", "cc": "ann@example.com", "bcc": "Ben <ben@example.com>"}
    assert read_request(data).recipients == Recipients(cc=(ANN,), bcc=(BEN,))


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        pytest.param("message", 21.5, "message", "21.5", id="message-number"),
        pytest.param("title", 7, "title", "7", id="title-number"),
        pytest.param("reply_to", "ann@example.com", "reply_to", ANN, id="reply-to"),
        pytest.param("sender_name", "家" * 15, "sender_name", "家" * 15, id="sender"),
        pytest.param("sender_name", "a\nb", "sender_name", "a b", id="sender-lines"),
        pytest.param("link", "tel:110", "link", Link("tel:110"), id="link-number"),
        pytest.param("format", "Markdown", "markdown", True, id="markdown"),
        pytest.param("format", "text", "markdown", False, id="text"),
        pytest.param("html", "<p>", "html", "<p>", id="html"),
        pytest.param("priority", " HIGH", "priority", Priority.HIGH, id="priority"),
        pytest.param("priority", None, "priority", Priority.NORMAL, id="none"),
        pytest.param("priority", " ", "priority", Priority.NORMAL, id="blank"),
        pytest.param("tag", "a\r\nb", "tag", "a b", id="tag-line-end"),
        pytest.param("tag", "a" * 255, "tag", "a" * 255, id="tag-longest"),
        pytest.param("clear", "no", "clear", False, id="clear-no"),
        pytest.param("wait", "2.5", "wait", 2.5, id="wait-text"),
        pytest.param("wait", 0, "wait", 0.0, id="wait-least"),
        pytest.param("wait", 300, "wait", 300.0, id="wait-most"),
        pytest.param(
            "expires_after", 60, "expires_after", timedelta(minutes=1), id="seconds"
        ),
        pytest.param(
            "expires_after", "02:00:00", "expires_after", timedelta(hours=2), id="clock"
        ),
        pytest.param(
            "expires_after",
            {"days": 30},
            "expires_after",
            timedelta(days=30),
            id="dict",
        ),
        pytest.param("link", "/a/b", "link", Link("/a/b"), id="link-path"),
        pytest.param(
            "link", "https://a.example", "link", Link("https://a.example"), id="link"
        ),
        pytest.param(
            "link",
            {"url": "homeassistant://navigate/a", "title": "A\nB"},
            "link",
            Link("homeassistant://navigate/a", "A B"),
            id="link-title",
        ),
        pytest.param(
            "entities",
            "Sensor.a, sensor.b",
            "entities",
            {"entity_id": ["sensor.a", "sensor.b"]},
            id="entities-text",
        ),
        pytest.param(
            "entities",
            ["sensor.a", None],
            "entities",
            {"entity_id": ["sensor.a"]},
            id="entities-list",
        ),
        pytest.param(
            "entities",
            {"area_id": "Attic", "label_id": ["x", "y"], "device_id": []},
            "entities",
            {"area_id": ["Attic"], "label_id": ["x", "y"]},
            id="entities-target",
        ),
        pytest.param(
            "entities",
            '{"area_id": "Attic"}',
            "entities",
            {"area_id": ["Attic"]},
            id="entities-json",
        ),
    ],
)
def test_field(name: str, value: Any, field: str, expected: Any) -> None:
    """Each field takes what forms, templates and people write."""
    assert getattr(read_request({"message": "x", name: value}), field) == expected


@pytest.mark.parametrize(
    ("data", "message", "html"),
    [
        pytest.param({"message": "<p>"}, "", "<p>", id="body"),
        pytest.param({"message": "x", "html": "<p>"}, "x", "<p>", id="both"),
        pytest.param({"html": "<p>"}, "", "<p>", id="html-alone"),
    ],
)
def test_format_html(data: dict[str, Any], message: str, html: str) -> None:
    """The message is the HTML body, unless there is one beside it."""
    request = read_request({"format": "html", **data})
    assert (request.message, request.html) == (message, html)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(
            {"media_source": "media-source://a/b.jpg"},
            Attachment(source=Source.MEDIA_SOURCE, value="media-source://a/b.jpg"),
            id="media-text",
        ),
        pytest.param(
            {
                "media_source": {
                    "media_content_id": "media-source://a/b.jpg",
                    "media_content_type": "image/jpeg",
                },
                "path": "",
            },
            Attachment(source=Source.MEDIA_SOURCE, value="media-source://a/b.jpg"),
            id="media-selector",
        ),
        pytest.param(
            [{"entity_id": "Camera.door", "content_id": "<door>", "inline": "yes"}],
            Attachment(
                source=Source.ENTITY_ID,
                value="camera.door",
                content_id="door",
                inline=True,
            ),
            id="camera",
        ),
        pytest.param(
            {"path": "/media/a.jpg", "filename": "b\nc.jpg"},
            Attachment(source=Source.PATH, value="/media/a.jpg", filename="b c.jpg"),
            id="path",
        ),
        pytest.param(
            [None, {"url": "http://a.example/b"}],
            Attachment(source=Source.URL, value="http://a.example/b"),
            id="url",
        ),
    ],
)
def test_attachment(item: Any, expected: Attachment) -> None:
    """An attachment alone is something to say."""
    assert read_request({"attachments": item}).attachments == (expected,)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(
            {
                "action": "close_valve",
                "title": "Close\nthe valve",
                "destructive": "yes",
            },
            ActionRow(title="Close the valve", action="close_valve", destructive=True),
            id="acts",
        ),
        pytest.param(
            [None, {"action": " ack ", "title": "", "uri": None}],
            ActionRow(title="ack", action="ack"),
            id="no-title",
        ),
        pytest.param(
            {"action": "URI", "title": "Open", "uri": " /lovelace/water "},
            ActionRow(title="Open", uri="/lovelace/water"),
            id="link",
        ),
        pytest.param(
            {"uri": "https://a.example/b?c=d"},
            ActionRow(title="https://a.example/b?c=d", uri="https://a.example/b?c=d"),
            id="link-alone",
        ),
        pytest.param(
            {
                "action": "alarm",
                "title": "水" * 101,
                "uri": "app://a.example",
                "icon": "sfsymbols:bell",
                "activationMode": "background",
                "authenticationRequired": False,
                "behavior": "default",
                "textInputButtonTitle": "Send",
                "textInputPlaceholder": "Say it",
            },
            ActionRow(title="水" * 100, action="alarm"),
            id="phone",
        ),
        pytest.param(
            {"title": "关闭水阀"},
            ActionRow(title="关闭水阀", action="关闭水阀"),
            id="title-alone",
        ),
        pytest.param(
            "关闭水阀", ActionRow(title="关闭水阀", action="关闭水阀"), id="text"
        ),
        pytest.param(
            '[{"title": "水", "action": "ack"}]',
            ActionRow(title="水", action="ack"),
            id="json",
        ),
        *(
            pytest.param(
                {"title": "Call", "uri": uri}, ActionRow(title="Call", uri=uri), id=uri
            )
            for uri in ("tel:110", "SMS:+8613800000000", "mailto:a@b.cn", "geo:1,2")
        ),
    ],
)
def test_action(item: Any, expected: ActionRow) -> None:
    """A button alone is something to say; what phones alone understand is no fault."""
    request = read_request({"actions": item})
    assert request.actions == (expected,)
    assert request.notes == ()


def not_shown(field: str, value: str, title: str) -> Any:
    """Return what is said of a row that no button can be made of."""
    return unusable(field, value, "invalid_action", title=title)


@pytest.mark.parametrize(
    ("item", "notes"),
    [
        pytest.param(5, [not_shown("actions", "5", "…")], id="number"),
        pytest.param("unknown", [not_shown("actions", "unknown", "…")], id="text-away"),
        pytest.param(
            {"destructive": True},
            [not_shown("actions", "{'destructive': True}", "…")],
            id="neither",
        ),
        pytest.param(
            {"title": "unknown"},
            [not_shown("actions.title", "unknown", "unknown")],
            id="title-away",
        ),
        pytest.param(
            {"title": "Open", "action": "uri", "uri": ""},
            [
                not_shown(
                    "actions", "{'title': 'Open', 'action': 'uri', 'uri': ''}", "Open"
                )
            ],
            id="no-uri",
        ),
        *(
            pytest.param(
                {"action": "URI", "title": "Open", "uri": uri},
                [not_shown("actions.uri", uri, "Open")],
                id=f"uri-{uri}",
            )
            for uri in ("javascript:x", "data:text/html,x", "file:///etc", "tel:")
        ),
        *(
            pytest.param({"title": "Open", "uri": uri}, [], id=f"uri-{uri}")
            for uri in ("app://a.b", "entityId:sun.sun", "noAction", "intent:#x;end")
        ),
        pytest.param(
            {"action": "unknown", "title": ["Close"]},
            [not_shown("actions.action", "unknown", "['Close']")],
            id="away",
        ),
        pytest.param(
            {"action": "a" * 256, "title": " "},
            [not_shown("actions.action", "a" * 100, "…")],
            id="long",
        ),
        *(
            pytest.param(
                {"title": "Answer", "authenticationRequired": "yes", **row},
                [unusable("actions", "Answer", "action_for_phones", title="Answer")],
                id=f"phone-{case}",
            )
            for case, row in (("locked", {}), ("text", {"action": "REPLY"}))
        ),
        pytest.param(
            {"acton": "x", 5: "x"},
            [
                (
                    "unknown_field_of_action",
                    {"field": "acton", "suggestion": "action"},
                ),
                (
                    "unknown_field_of_action_options",
                    {"field": "5", "options": ACTION_FIELDS},
                ),
                not_shown("actions", "{'acton': 'x', 5: 'x'}", "…"),
            ],
            id="fields",
        ),
    ],
)
def test_action_that_is_none(item: Any, notes: list[Any]) -> None:
    """It is left out, and the others stay."""
    request = read_request({"actions": [item, {"action": "ack", "title": "unknown"}]})
    assert notes_of(request) == [*notes, unusable("actions.title", "unknown")]
    assert request.actions == (ActionRow(title="ack", action="ack"),)


@pytest.mark.parametrize(
    ("row", "in_words"),
    [
        ({"action": "REPLY"}, True),
        ({"action": "answer", "behavior": "textInput"}, True),
        ({"action": "answer", "behavior": "default"}, False),
        ({"uri": "/lovelace", "behavior": "textInput"}, False),
    ],
)
def test_action_in_words(row: dict[str, str], in_words: bool) -> None:
    """A phone asks for a text; a link leads somewhere, whatever else it says."""
    request = read_request({"actions": {"title": "Answer", **row}})
    assert [one.in_words for one in request.actions] == [in_words]
    assert notes_of(request) == []


@pytest.mark.parametrize("value", ["unknown", "maybe", ["x"]])
def test_unclear_is_careful(value: Any) -> None:
    """A template that failed must not make a press easier than it was meant to be."""
    request = read_request(
        {
            "actions": [
                {"action": "close", "destructive": value},
                {"action": "open", "authenticationRequired": value},
                {"action": "ack", "destructive": "", "authenticationRequired": None},
            ]
        }
    )
    assert request.actions == (
        ActionRow(title="close", action="close", destructive=True),
        ActionRow(title="ack", action="ack"),
    )
    assert [key for key, _ in notes_of(request)][-1] == "action_for_phones"
    assert {placeholders["field"] for _, placeholders in notes_of(request)} == {
        "actions",
        "actions.authenticationRequired",
        "actions.destructive",
    }


def test_actions_are_few() -> None:
    """A mail is no remote control."""
    request = read_request({"actions": [{"action": str(n)} for n in range(6)]})
    assert [row.action for row in request.actions] == list("01234")
    assert notes_of(request) == [("too_many_actions", {"number": "5"})]


def test_clear() -> None:
    """Clearing needs a tag and nothing else."""
    assert read_request({"clear": True, "tag": "door"}) == MessageRequest(
        clear=True, tag="door"
    )


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param({}, ("nothing_to_say", {}), id="nothing"),
        pytest.param(
            {
                "to": "ann@example.com",
                "priority": 5,
                "message": "",
                "attachments": [""],
            },
            ("nothing_to_say", {}),
            id="nothing-but-empty",
        ),
        pytest.param({"clear": True}, ("clear_needs_tag", {}), id="clear"),
        pytest.param(
            {"clear": True, "tag": "unknown"}, ("clear_needs_tag", {}), id="clear-away"
        ),
        pytest.param(
            {"messages": "x"},
            ("unknown_field", {"field": "messages", "suggestion": "message"}),
            id="near",
        ),
        pytest.param(
            {"message": "x", "image": "/local/door.png"},
            ("unknown_field", {"field": "image", "suggestion": "attachments"}),
            id="of-phones",
        ),
        pytest.param(
            {"message": "x", "url": "/lovelace"},
            ("unknown_field", {"field": "url", "suggestion": "link"}),
            id="of-phones-link",
        ),
        pytest.param(
            {"message": "x", "target": ["ann@example.com"]},
            ("unknown_field", {"field": "target", "suggestion": "to"}),
            id="of-notify",
        ),
        pytest.param(
            {1: "x"},
            ("unknown_field_options", {"field": "1", "options": NAMES}),
            id="far",
        ),
    ],
)
def test_mistake(data: dict[Any, Any], error: tuple[str, dict[str, str]]) -> None:
    """With nothing to say, or a field that never exists, nothing is sent."""
    with pytest.raises(ServiceValidationError) as caught:
        read_request(data)
    assert caught.value.translation_domain == DOMAIN
    assert (
        caught.value.translation_key,
        caught.value.translation_placeholders,
    ) == error


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"title": "x"}, id="title"),
        pytest.param({"html": "<p>"}, id="html"),
        pytest.param({"attachments": "/a/b.jpg"}, id="picture"),
        pytest.param({"attachments": "unavailable"}, id="picture-away"),
        pytest.param({"entities": "sensor.a"}, id="table"),
        pytest.param({"link": "/lovelace"}, id="button"),
    ],
)
def test_enough_to_say(data: dict[str, Any]) -> None:
    """Each of these alone, in an action of ours and in a notify action."""
    assert read_request(data)
    assert read_notification("", None, None, data)


def notes_of(request: MessageRequest) -> list[tuple[Any, Any]]:
    """Return which texts say what was left out, and what they name."""
    assert {note.translation_domain for note in request.notes} <= {DOMAIN}
    return [
        (note.translation_key, note.translation_placeholders) for note in request.notes
    ]


AWAY = ("unknown", "Unavailable", "none", "None")
# What a template makes when a sensor is away, by fields that take any text else.
AWAY_FIELDS = ("tag", "html", "reply_to", "sender_name")


@pytest.mark.parametrize("value", AWAY)
@pytest.mark.parametrize(
    ("field", "key", "more"),
    [
        *(pytest.param(name, "invalid_value", {}, id=name) for name in AWAY_FIELDS),
        pytest.param(
            "format", "invalid_choice", {"options": "text, markdown, html"}, id="format"
        ),
        pytest.param(
            "priority",
            "invalid_choice",
            {"options": "highest, high, normal, low, lowest"},
            id="priority",
        ),
        pytest.param("clear", "invalid_yes_no", {}, id="clear"),
        pytest.param("wait", "invalid_wait", {}, id="wait"),
        pytest.param("expires_after", "invalid_expires_after", {}, id="expires"),
        pytest.param("link", "invalid_link", {}, id="link"),
        pytest.param("entities", "invalid_entities", {}, id="entities"),
        pytest.param(
            "attachments", "attachment_source", {"options": SOURCES}, id="attachments"
        ),
    ],
)
def test_away(field: str, key: str, more: dict[str, str], value: str) -> None:
    """A sensor that is away costs its field and no more, and a note says so."""
    request = read_request({"message": "x", field: value})
    assert notes_of(request) == [(key, {"field": field, "value": value, **more})]
    assert replace(request, notes=()) == MessageRequest(message="x")


@pytest.mark.parametrize("value", ["", " ", None, [], [None, ""], {}])
@pytest.mark.parametrize("field", list(FIELDS))
def test_empty(field: str, value: Any) -> None:
    """What forms leave empty is not given."""
    data: dict[str, Any] = {"title": "t", "message": "x", field: value}
    assert read_request({"link": "/a", **data}).notes == ()


@pytest.mark.parametrize(
    ("data", "note"),
    [
        pytest.param({"tag": {"a": 1}}, unusable("tag", "{'a': 1}"), id="tag"),
        pytest.param(
            {"tag": "a" * 256},
            unusable("tag", "a" * 100, "tag_too_long", number="255"),
            id="tag-long",
        ),
        pytest.param({"html": ["<p>"]}, unusable("html", "['<p>']"), id="html"),
        pytest.param(
            {"sender_name": "家" * 16},
            unusable("sender_name", "家" * 16, "sender_name_too_long", number="15"),
            id="sender-long",
        ),
        pytest.param(
            {"clear": "perhaps"},
            unusable("clear", "perhaps", "invalid_yes_no"),
            id="yes-no",
        ),
        *(
            pytest.param(
                {"priority": value},
                unusable(
                    "priority",
                    shown,
                    "invalid_choice",
                    options="highest, high, normal, low, lowest",
                ),
                id=f"priority-{shown}",
            )
            for value, shown in (
                ("urgent", "urgent"),
                (5, "5"),
                (["high", "low"], "['high', 'low']"),
                (10**5000, "int"),
            )
        ),
        pytest.param(
            {"format": "rtf"},
            unusable("format", "rtf", "invalid_choice", options="text, markdown, html"),
            id="format",
        ),
        *(
            pytest.param(
                {"reply_to": value}, unusable("reply_to", shown), id=f"reply-{shown}"
            )
            for value, shown in (
                ("nobody", "nobody"),
                (["ann@example.com"], "['ann@example.com']"),
                ("a" * 2000 + "@example.com", "a" * 100),
            )
        ),
        *(
            pytest.param(
                {"expires_after": value},
                unusable("expires_after", str(value), "invalid_expires_after"),
                id=f"expires-{value}",
            )
            for value in (59, "soon", -60, 30 * 86400 + 1, 1e300, [1])
        ),
        *(
            pytest.param(
                {"actions_expire_after": value},
                unusable(
                    "actions_expire_after", str(value), "invalid_actions_expire_after"
                ),
                id=f"actions-expire-{value}",
            )
            for value in (59, 7 * 86400 + 1, "soon")
        ),
        *(
            pytest.param(
                {"wait": value},
                unusable("wait", str(value), "invalid_wait"),
                id=f"wait-{value}",
            )
            for value in (True, -1, 301, "nan", "long", [1])
        ),
        *(
            pytest.param(
                {"link": value},
                unusable("link", str(value), "invalid_link"),
                id=case,
            )
            for case, value in {
                "link-script": "javascript:alert(1)",
                "link-other-host": "//a.example",
                "link-backslash": "/\\a.example",
                "link-blank": "https://a.example/b c",
                "link-broken": "http://[",
                "link-no-host": "https:",
                "link-number": 5,
                "link-list": ["/a"],
                "link-no-url": {"url": None, "title": "x"},
                "link-data": "data:text/html,x",
                "link-file": "file:///etc/passwd",
                "link-blank-number": "tel:1 2",
            }.items()
        ),
        *(
            pytest.param(
                {"entities": value},
                unusable("entities", shown, "invalid_entities"),
                id=case,
            )
            for case, value, shown in (
                ("entities-name", "Kitchen", "Kitchen"),
                ("entities-number", 5, "5"),
                ("entities-kind", {"room_id": "x"}, "x"),
                ("entities-dict", [{"entity": "sensor.a"}], "{'entity': 'sensor.a'}"),
                ("entities-none", {"area_id": ""}, "{'area_id': ''}"),
                ("entities-away", {"area_id": "unknown"}, "unknown"),
            )
        ),
        *(
            pytest.param(
                {"attachments": value},
                unusable("attachments", shown, "attachment_source", options=SOURCES),
                id=case,
            )
            for case, value, shown in (
                ("attachment-number", [5], "5"),
                ("attachment-list", [["a"]], "['a']"),
                ("attachment-none", {"filename": "a"}, "{'filename': 'a'}"),
                ("attachment-empty", {"entity_id": ""}, "{'entity_id': ''}"),
            )
        ),
        *(
            pytest.param(
                {"attachments": {"entity_id": value}},
                unusable("attachments.entity_id", value, "attachment_entity"),
                id=f"attachment-{value}",
            )
            for value in ("sensor.a", "camera.")
        ),
        pytest.param(
            {"attachments": {"entity_id": "unknown"}},
            unusable("attachments.entity_id", "unknown"),
            id="entity-away",
        ),
        pytest.param(
            {"attachments": {"path": "unavailable"}},
            unusable("attachments.path", "unavailable"),
            id="path-away",
        ),
        pytest.param(
            {"attachments": {"path": ["a"]}},
            unusable("attachments.path", "['a']"),
            id="path-list",
        ),
        pytest.param(
            {"attachments": {"url": "ftp://me:pw@a.example/b?c=d"}},
            unusable("attachments.url", "ftp://a.example/b?…", "invalid_url"),
            id="url",
        ),
        *(
            pytest.param(
                {"attachments": {"media_source": value}},
                unusable(
                    "attachments.media_source", str(value), "invalid_media_source"
                ),
                id=case,
            )
            for case, value in {
                "media": "a.jpg",
                "media-dict": {"x": 1},
                "media-away": "unknown",
            }.items()
        ),
    ],
)
def test_unusable(data: dict[str, Any], note: Any) -> None:
    """The mail goes out without it, and the note says what it was."""
    request = read_request({"message": "x", **data})
    assert notes_of(request) == [note]
    assert replace(request, notes=()) == MessageRequest(message="x")


@pytest.mark.parametrize(
    ("field", "value", "shown", "key"),
    [
        *(
            pytest.param(
                "content_id", value, value[:100], "invalid_content_id", id=case
            )
            for case, value in {
                "blank": "a b",
                "quote": "a'b",
                "chinese": "门",
                "empty": "<>",
                "long": "a" * 201,
            }.items()
        ),
        pytest.param("content_id", "none", "none", "invalid_value", id="away"),
        pytest.param("filename", "unknown", "unknown", "invalid_value", id="filename"),
        pytest.param("inline", "unknown", "unknown", "invalid_yes_no", id="inline"),
    ],
)
def test_unusable_beside_a_source(field: str, value: str, shown: str, key: str) -> None:
    """The attachment stays one."""
    request = read_request({"attachments": {"path": "a", field: value}})
    assert request.attachments == (Attachment(source=Source.PATH, value="a"),)
    assert notes_of(request) == [unusable(f"attachments.{field}", shown, key)]


def test_one_attachment_among_others() -> None:
    """What is wrong with one is not wrong with the others."""
    item = {"pth": "x", "zzz": 1, "path": "b", "url": "http://a.example"}
    request = read_request({"attachments": ["unknown", {"path": "a"}, item]})
    assert [(found.source, found.value) for found in request.attachments] == [
        (Source.PATH, "a"),
        (Source.PATH, "b"),
    ]
    assert notes_of(request) == [
        unusable("attachments", "unknown", "attachment_source", options=SOURCES),
        ("unknown_field_of_attachment", {"field": "pth", "suggestion": "path"}),
        (
            "unknown_field_of_attachment_options",
            {"field": "zzz", "options": ATTACHMENT_FIELDS},
        ),
        unusable("attachments", str(item)[:100], "attachment_source", options=SOURCES),
    ]


@pytest.mark.parametrize(
    ("text", "source", "value"),
    [
        pytest.param("/media/door/a.jpg", Source.PATH, "/media/door/a.jpg", id="path"),
        pytest.param(" a b.pdf", Source.PATH, "a b.pdf", id="relative"),
        pytest.param("HTTPS://a.example/", Source.URL, "HTTPS://a.example/", id="url"),
        pytest.param(
            "media-source://a/b", Source.MEDIA_SOURCE, "media-source://a/b", id="media"
        ),
        pytest.param("{not json", Source.PATH, "{not json", id="no json"),
    ],
)
def test_attachment_by_its_look(text: str, source: Source, value: str) -> None:
    """A text in the place of a mapping."""
    request = read_request({"attachments": text})
    assert request.attachments == (Attachment(source=source, value=value),)
    assert request.notes == ()


OWN = [
    pytest.param(
        "/api/camera_proxy/camera.door?token=S3CR",
        {"source": Source.ENTITY_ID, "value": "camera.door"},
        id="camera",
    ),
    pytest.param(
        "/api/camera_proxy_stream/Camera.door",
        {"source": Source.ENTITY_ID, "value": "camera.door"},
        id="stream",
    ),
    pytest.param(
        "/api/image_proxy/image.map?token=S3CR",
        {"source": Source.ENTITY_ID, "value": "image.map"},
        id="image",
    ),
    pytest.param(
        " /local/a/%E9%97%A8%20[1].png?v=2#x ",
        {"source": Source.PATH, "value": "www/a/门 [[]1].png"},
        id="www",
    ),
    pytest.param(
        "/media/local/a/b.jpg?authSig=S3CR",
        {
            "source": Source.MEDIA_SOURCE,
            "value": "media-source://media_source/local/a/b.jpg",
        },
        id="media",
    ),
]


@pytest.mark.parametrize(("text", "expected"), OWN)
def test_own_address(text: str, expected: dict[str, Any]) -> None:
    """What Home Assistant itself shows there is meant, in every form."""
    inline = expected["source"] is Source.ENTITY_ID
    attachment = Attachment(**expected, inline=inline)
    shown = Attachment(**expected, inline=True)
    for value in (
        text,
        [text],
        {"url": text},
        {"media_source": {"media_content_id": text}},
        {"entity_id": text},
    ):
        request = read_request({"attachments": value})
        assert (request.attachments, request.notes) == ((attachment,), ())
    request = read_notification("", None, None, {"images": [text]})
    assert (request.attachments, request.notes) == ((attachment,), ())
    for data in (
        {"image": text},
        {"video": text},
        {"attachment": text},
        {"image": text, "attachment": {"url": text, "content-type": "jpeg"}},
    ):
        request = read_notification("", None, None, data)
        assert (request.attachments, request.notes) == ((shown,), ())


@pytest.mark.parametrize(
    ("path", "source"),
    [
        pytest.param("/api/camera_proxy/camera.x", Source.ENTITY_ID, id="camera"),
        pytest.param("/media/local/a.jpg", Source.PATH, id="folder of that name"),
    ],
)
def test_own_address_as_a_path(path: str, source: Source) -> None:
    """It is taken for one, unless there can be such a file."""
    (attachment,) = read_request({"attachments": {"path": path}}).attachments
    assert attachment.source is source


@pytest.mark.parametrize(
    "value",
    [
        "/api/config?token=S3CR",
        "/api/camera_proxy/light.x?token=S3CR",
        "/local/?token=S3CR",
        "//me:S3CR@host/a.jpg",
        "http://me:S3CR@[",
    ],
)
def test_own_address_of_no_picture(value: str) -> None:
    """It is refused, and its secrets are shown nowhere."""
    request = read_request({"message": "x", "attachments": {"url": value}})
    assert request.attachments == ()
    [(key, placeholders)] = notes_of(request)
    assert key == "invalid_url"
    assert "S3CR" not in placeholders["value"]


@pytest.mark.parametrize(
    ("item", "inline"),
    [
        pytest.param("Camera.door", True, id="text"),
        pytest.param({"entity_id": "camera.door", "inline": "no"}, False, id="not"),
    ],
)
def test_camera_is_shown(item: Any, inline: bool) -> None:
    """Its picture is there to be looked at, unless somebody wants a file."""
    request = read_request({"attachments": item})
    assert request.attachments == (
        Attachment(source=Source.ENTITY_ID, value="camera.door", inline=inline),
    )


def test_link_for_phones() -> None:
    """What the companion app alone knows leads nowhere, and is no mistake."""
    assert read_request({"message": "x", "link": "noAction"}) == MessageRequest(
        message="x"
    )


def test_entities_that_are_none() -> None:
    """The others are shown."""
    request = read_request({"entities": ["sensor.a", "unknown", "Sensor.b, x"]})
    assert request.entities == {"entity_id": ["sensor.a", "sensor.b"]}
    assert notes_of(request) == [
        unusable("entities", "unknown", "invalid_entities"),
        unusable("entities", "x", "invalid_entities"),
    ]


@pytest.mark.parametrize(
    ("title", "notes"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("unknown", [unusable("link.title", "unknown")], id="away"),
        pytest.param(["a"], [unusable("link.title", "['a']")], id="list"),
    ],
)
def test_link_with_a_title_that_is_none(title: Any, notes: list[Any]) -> None:
    """The button stays."""
    request = read_request({"link": {"url": "/a", "title": title, "icon": "mdi:x"}})
    assert request.link == Link("/a")
    assert notes_of(request) == notes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(["a", None, 1], "a\n1", id="list"),
        pytest.param({"a": 1}, "{'a': 1}", id="dict"),
        pytest.param("unknown", "unknown", id="word"),
        pytest.param(10**5000, "int", id="huge"),
    ],
)
@pytest.mark.parametrize("field", ["title", "message"])
def test_any_text(field: str, value: Any, text: str) -> None:
    """What is no text is shown as one."""
    request = read_request({field: value})
    assert getattr(request, field) == text
    assert request.notes == ()


def test_clear_without_a_tag() -> None:
    """There is nothing to clear, but something to say."""
    request = read_request({"message": "x", "clear": True, "tag": "unavailable"})
    assert not request.clear
    assert notes_of(request) == [
        unusable("tag", "unavailable"),
        ("clear_needs_tag", {}),
    ]


def test_format_html_with_html_that_is_away() -> None:
    """The message takes its place."""
    request = read_request({"format": "html", "message": "<p>", "html": "unknown"})
    assert (request.message, request.html) == ("", "<p>")


@pytest.mark.parametrize(
    ("field", "value", "good", "refused"),
    [
        pytest.param(
            "to", ["nobody", "ann@example.com"], (ANN,), ("nobody",), id="list"
        ),
        pytest.param(
            "cc", "unknown; ann@example.com，@", (ANN,), ("unknown", "@"), id="text"
        ),
        pytest.param(
            "bcc",
            [5, {"a": "b,c"}, "ann@example.com"],
            (ANN,),
            ("5", "{'a': 'b,c'}"),
            id="no text",
        ),
        pytest.param(
            "to",
            '"Ann, the first" <ann@example.com>, "Ben',
            (Mailbox("ann@example.com", "Ann, the first"),),
            ('"Ben',),
            id="quotes",
        ),
        pytest.param("to", "a" * 2000, (), ("a" * 100,), id="long"),
        pytest.param(
            "to",
            "http://me:S3,CR@host/?a=1,b=2;ann@example.com",
            (ANN,),
            ("http://host/?…",),
            id="secret cut in two",
        ),
        pytest.param("to", "[" * 9999, (), ("[" * 100,), id="no json"),
    ],
)
def test_addresses_that_are_none(
    field: str, value: Any, good: tuple[Mailbox, ...], refused: tuple[str, ...]
) -> None:
    """They are kept apart from those that get the mail."""
    request = read_request({"message": "x", field: value})
    assert getattr(request.recipients, field) == good
    assert request.refused == refused
    assert notes_of(request) == [
        ("invalid_address", {"address": address}) for address in refused
    ]


def test_notification() -> None:
    """Targets join the recipients in the data; the title outranks the data's."""
    request = read_notification(
        "x", "Door", ["ann@example.com"], {"to": "Ben <ben@example.com>", "title": "y"}
    )
    assert request == MessageRequest(
        recipients=Recipients(to=(BEN, ANN)), title="Door", message="x"
    )


def test_notification_without_title() -> None:
    """Then the data's title holds."""
    assert read_notification("x", None, None, {"title": "y"}).title == "y"


def test_images() -> None:
    """Images are attached as they are, and alone are something to say."""
    request = read_notification("", None, None, {"images": ["/a/b.jpg", None]})
    assert request.attachments == (Attachment(source=Source.PATH, value="/a/b.jpg"),)


def test_images_beside_attachments() -> None:
    """They come last, and may be written in any way that attachments may."""
    request = read_notification(
        "",
        None,
        None,
        {"attachments": "/z", "images": ["/a", {"path": "b"}, "unknown"]},
    )
    assert [attachment.value for attachment in request.attachments] == ["/z", "/a", "b"]
    assert notes_of(request) == [
        unusable("attachments", "unknown", "attachment_source", options=SOURCES)
    ]


def test_data_as_json() -> None:
    """What another program sends as text is what it stands for."""
    request = read_notification("x", None, None, '{"tag": "door", "wait": 5}')
    assert (request.tag, request.wait, request.notes) == ("door", 5.0, ())


PHONE = {
    "ttl": 0,
    "importance": "high",
    "channel": "alarm",
    "push": {"sound": "default"},
    "sticky": True,
    "actions": [{"action": "X", "title": "x"}],
    "image": "/local/x.jpg",
    "video": "/local/x.mp4",
    "clickAction": "/lovelace",
    1: "x",
}


def test_data_of_a_phone(caplog: pytest.LogCaptureFixture) -> None:
    """What means nothing here is told to the log alone."""
    caplog.set_level("DEBUG")
    assert read_notification("x", None, None, PHONE) == MessageRequest(
        message="x",
        actions=(ActionRow(title="x", action="X"),),
        attachments=tuple(
            Attachment(source=Source.PATH, value=f"www/x.{name}", inline=True)
            for name in ("jpg", "mp4")
        ),
    )
    assert (
        "Not for mail, and ignored: ttl, importance, channel, push, sticky,"
        " clickAction, 1" in caplog.text
    )


@pytest.mark.parametrize(
    ("data", "note"),
    [
        pytest.param("x", unusable("data", "x"), id="text"),
        pytest.param(["x"], unusable("data", "['x']"), id="list"),
        pytest.param(
            {"tag": {"a": 1}, "group": "x"}, unusable("tag", "{'a': 1}"), id="tag"
        ),
        pytest.param(
            {"attachment": {"url": "ftp://me:pw@a/x?y"}},
            unusable("attachments.url", "ftp://a/x?…", "invalid_url"),
            id="attachment",
        ),
    ],
)
def test_data_of_another_meaning(data: Any, note: Any) -> None:
    """It is left out, with a note."""
    request = read_notification("x", None, None, data)
    assert notes_of(request) == [note]
    assert replace(request, notes=()) == MessageRequest(message="x")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(*Source, "url", "title", "content_id", "hours", "area_id"),
                    *("action", "uri", "destructive", "behavior"),
                    "authenticationRequired",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


# The first draw loads tables of characters, which takes its time on a slow disk.
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(list(FIELDS)), VALUES, max_size=4))
def test_no_other_error(data: dict[str, Any]) -> None:
    """Whatever is given, the message is read, and what is left out has a text."""
    for read in (
        read_request({**data, "message": "x", "clear": False}),
        read_notification("x", None, None, data | {"message": "x", "clear": False}),
    ):
        assert "x" in (read.message, read.html)
        assert {note.translation_domain for note in read.notes} <= {DOMAIN}


@pytest.mark.parametrize(
    "repeated",
    [
        *('"', ",", " ", "<", ">", "@", "/", ".", "_", "a", "//", "a//b@", "?", "水"),
        *("a@b.cn,", "a <", "sensor.a,", "sensor.", "http://", "cid:a ", "\\"),
    ],
)
def test_work_grows_with_the_size(repeated: str) -> None:
    """Whatever stands in a field, reading it takes as long as it is, and no square."""
    assert_linear(
        lambda size: repeated * (size // len(repeated)),
        lambda text: (
            [
                read_request({"link": "/", "title": "x", field: text})
                for field in FIELDS
            ],
            [read_request({"attachments": {name: text}}) for name in Source],
            [read_request({"actions": {name: text}}) for name in ("action", "uri")],
            read_notification("x" + text, text, text, {"images": text, text: text}),
        ),
    )


FORM = [
    *("title", "message", "attachments", "actions", "entities", "charts", "priority"),
    ("recipients", "to", "cc", "bcc", "reply_to", "sender_name", "config_entry_id"),
    ("text", "format", "html", "link"),
    ("repeats", "tag", "clear", "repeat_after", "repeat_until_acknowledged"),
    ("times", "expires_after", "actions_expire_after", "wait"),
]
"""The fields as the editor shows them: first what people want, then the sections."""


@pytest.mark.parametrize("action", ["send_message", "preview_message"])
def test_form_offers_every_field(action: str) -> None:
    """The form, with its sections, has all the fields that are read, in its order."""
    file = Path(integration.__file__).parent / "services.yaml"
    rows = load_yaml_dict(str(file))[action]["fields"]
    shown = [
        (name, *row["fields"]) if "fields" in row else name
        for name, row in rows.items()
    ]
    assert shown == FORM
    fields: dict[str, Any] = {}
    for name, field in rows.items():
        fields |= field.get("fields", {name: field})
    assert set(fields) == {*FIELDS, "config_entry_id"}
    for field in fields.values():
        assert validate_selector(field["selector"])
    target = load_yaml_dict(str(file))[action]["target"]
    assert validate_selector({"target": target})
