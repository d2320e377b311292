"""What a call may ask for in which spelling, and what is said of mistakes."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

import custom_components.qq_mail as integration
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.mail.address import Mailbox, Recipients
from custom_components.qq_mail.mail.card import Link
from custom_components.qq_mail.mail.models import Priority
from custom_components.qq_mail.message.fields import Attachment, MessageField, Source
from custom_components.qq_mail.message.request import (
    MessageRequest,
    read_notification,
    read_request,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.selector import validate_selector
from homeassistant.util.yaml import load_yaml_dict

ANN = Mailbox("ann@example.com")
BEN = Mailbox("ben@example.com", "Ben")
FIELDS = ", ".join(MessageField)
SOURCES = "entity_id, media_source, path, url"
ATTACHMENT_FIELDS = "media_source, entity_id, path, url, filename, content_id, inline"


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


def test_clear() -> None:
    """Clearing needs a tag and nothing else."""
    assert read_request({"clear": True, "tag": "door"}) == MessageRequest(
        clear=True, tag="door"
    )


def refused(value: str, key: str, **shown: str) -> tuple[str, dict[str, str]]:
    """Return an error that shows a value."""
    return key, {"value": value, **shown}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param({}, ("nothing_to_say", {}), id="nothing"),
        pytest.param({"title": "x"}, ("nothing_to_say", {}), id="title-alone"),
        pytest.param({"clear": True}, ("clear_needs_tag", {}), id="clear"),
        pytest.param(
            {"messages": "x"},
            ("unknown_field", {"field": "messages", "suggestion": "message"}),
            id="near",
        ),
        pytest.param(
            {1: "x"},
            ("unknown_field_options", {"field": "1", "options": FIELDS}),
            id="far",
        ),
        pytest.param(
            {"attachments": {"pth": "x"}},
            ("unknown_field_of_attachment", {"field": "pth", "suggestion": "path"}),
            id="attachment-near",
        ),
        pytest.param(
            {"attachments": {"zzz": "x"}},
            (
                "unknown_field_of_attachment_options",
                {"field": "zzz", "options": ATTACHMENT_FIELDS},
            ),
            id="attachment-far",
        ),
        pytest.param(
            {"message": ["x"]}, ("invalid_text", {"field": "message"}), id="list"
        ),
        pytest.param(
            {"title": {"x": 1}}, ("invalid_text", {"field": "title"}), id="dict"
        ),
        pytest.param(
            {"clear": "perhaps"},
            refused("perhaps", "invalid_yes_no", field="clear"),
            id="yes-no",
        ),
        pytest.param(
            {"priority": "urgent"},
            refused(
                "urgent",
                "invalid_priority",
                options="highest, high, normal, low, lowest",
            ),
            id="priority",
        ),
        pytest.param(
            {"format": "rtf"},
            refused("rtf", "invalid_format", options="text, markdown, html"),
            id="format",
        ),
        pytest.param(
            {"to": ["nobody"]}, ("invalid_address", {"address": "nobody"}), id="to"
        ),
        pytest.param(
            {"reply_to": "nobody"},
            ("invalid_address", {"address": "nobody"}),
            id="reply-to",
        ),
        pytest.param({"tag": "a" * 256}, ("tag_too_long", {"number": "255"}), id="tag"),
        *(
            pytest.param(
                {"expires_after": value},
                refused(str(value), "invalid_expires_after"),
                id=f"expires-{value}",
            )
            for value in (59, "soon", -60, 30 * 86400 + 1, 1e300)
        ),
        *(
            pytest.param(
                {"wait": value}, refused(str(value), "invalid_wait"), id=f"wait-{value}"
            )
            for value in (True, -1, 301, "nan", "long", [1])
        ),
        *(
            pytest.param({"link": value}, refused(str(value), "invalid_link"), id=case)
            for case, value in {
                "link-script": "javascript:alert(1)",
                "link-other-host": "//a.example",
                "link-backslash": "/\\a.example",
                "link-blank": "https://a.example/b c",
                "link-broken": "http://[",
                "link-no-host": "https:",
                "link-number": 5,
                "link-field": {"url": "/a", "name": "x"},
            }.items()
        ),
        *(
            pytest.param(
                {"entities": value}, refused(str(value), "invalid_entities"), id=case
            )
            for case, value in {
                "entities-name": "Kitchen",
                "entities-number": 5,
                "entities-kind": {"room_id": "x"},
            }.items()
        ),
        *(
            pytest.param(
                {"attachments": value},
                ("attachment_source", {"options": SOURCES}),
                id=case,
            )
            for case, value in {
                "attachment-text": "camera.door",
                "attachment-none": {"filename": "a"},
                "attachment-two": {"path": "a", "url": "http://a.example"},
            }.items()
        ),
        *(
            pytest.param(
                {"attachments": {"entity_id": value}},
                refused(value, "attachment_entity"),
                id=f"attachment-{value}",
            )
            for value in ("sensor.a", "camera.")
        ),
        pytest.param(
            {"attachments": {"url": "ftp://a.example"}},
            refused("ftp://a.example", "invalid_url"),
            id="url",
        ),
        *(
            pytest.param(
                {"attachments": {"media_source": value}},
                refused(str(value), "invalid_media_source"),
                id=case,
            )
            for case, value in {"media": "a.jpg", "media-dict": {"x": 1}}.items()
        ),
        *(
            pytest.param(
                {"attachments": {"path": "a", "content_id": value}},
                refused(value, "invalid_content_id"),
                id=case,
            )
            for case, value in {
                "content-id-blank": "a b",
                "content-id-quote": "a'b",
                "content-id-chinese": "门",
                "content-id-empty": "<>",
            }.items()
        ),
        pytest.param(
            {"attachments": {"path": "a", "content_id": "a" * 201}},
            refused("a" * 100, "invalid_content_id"),
            id="content-id-long",
        ),
    ],
)
def test_mistake(data: dict[Any, Any], error: tuple[str, dict[str, str]]) -> None:
    """Every mistake is named, with what was written."""
    with pytest.raises(ServiceValidationError) as caught:
        read_request(data)
    assert caught.value.translation_domain == DOMAIN
    assert (
        caught.value.translation_key,
        caught.value.translation_placeholders,
    ) == error


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


def test_images_in_html() -> None:
    """HTML refers to images by their names, where a name can be referred to."""
    request = read_notification(
        "x",
        None,
        None,
        {
            "html": "<p>",
            "attachments": {"path": "/z"},
            "images": ["/a/b.jpg", "/a/c d.jpg"],
        },
    )
    assert request.attachments == (
        Attachment(source=Source.PATH, value="/z"),
        Attachment(source=Source.PATH, value="/a/b.jpg", content_id="b.jpg"),
        Attachment(source=Source.PATH, value="/a/c d.jpg"),
    )


def test_image_that_is_no_path() -> None:
    """The field is named as the caller knows it."""
    with pytest.raises(ServiceValidationError) as caught:
        read_notification("x", None, None, {"images": [{"path": "a"}]})
    assert caught.value.translation_key == "invalid_text"
    assert caught.value.translation_placeholders == {"field": "images"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Source, "url", "title", "content_id", "hours", "area_id"])
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


# The first draw loads tables of characters, which takes its time on a slow disk.
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(list(MessageField)), VALUES, max_size=4))
def test_no_other_error(data: dict[str, Any]) -> None:
    """Whatever is given, it is read or refused in words that are translated."""
    outcome: MessageRequest | str | None
    try:
        outcome = read_request({"message": "x", **data})
    except ServiceValidationError as err:
        outcome = err.translation_key
    assert outcome


@pytest.mark.parametrize("action", ["send_message", "preview_message"])
def test_form_offers_every_field(action: str) -> None:
    """The form, with its sections, has all the fields that are read."""
    file = Path(integration.__file__).parent / "services.yaml"
    fields: dict[str, Any] = {}
    for name, field in load_yaml_dict(str(file))[action]["fields"].items():
        fields |= field.get("fields", {name: field})
    assert set(fields) == {*MessageField, "config_entry_id"}
    for field in fields.values():
        assert validate_selector(field["selector"])
