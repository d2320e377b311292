"""What a mail says of itself: plain words for the family, the rest for the house."""

from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN, MAX_NOTES
from custom_components.qq_mail.content.errors import field_error
from custom_components.qq_mail.texts import async_texts
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..calls.test_send import body_of, mail_of, send
from ..qq_server import QQServer

SETTING = "这封邮件有的地方没有设置好，详情见 Home Assistant 的日志。"


@pytest.mark.parametrize(
    ("data", "lines", "technical"),
    [
        pytest.param(
            {"actions": {"title": "关闭水阀", "uri": "/\\x"}},
            ["按钮“关闭水阀”没有设置好，所以这里没有显示。"],
            ["actions.uri"],
            id="button",
        ),
        pytest.param(
            {"actions": {"title": "开门", "authenticationRequired": True}},
            ["按钮“开门”只能在手机 App 里用，所以这里没有显示。"],
            ["actions"],
            id="button-for-phones",
        ),
        pytest.param(
            {"tag": {"a": 1}, "wait": "long", "priority": 5},
            [SETTING],
            ["priority", "tag", "wait"],
            id="settings",
        ),
        pytest.param(
            {"attachments": ["unknown", {"entity_id": "sensor.x"}], "charts": 5},
            ["有的图片或文件没能附上。", "有的图表没能画出来。"],
            ["attachments", "attachments.entity_id", "charts"],
            id="pictures",
        ),
        pytest.param({"link": "x"}, ["这里少了一个链接。"], ["link"], id="link"),
        pytest.param(
            {"entities": "Kitchen"},
            ["有的状态没能显示出来。"],
            ["entities"],
            id="entities",
        ),
    ],
)
async def test_two_readers(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    data: dict[str, Any],
    lines: list[str],
    technical: list[str],
) -> None:
    """The mail has no names of fields, the answer and the log have all of them."""
    hass.config.language = "zh-Hans"
    notes = (await send(hass, message="水浸", **data))["notes"]
    assert body_of(mail_of(server)).splitlines() == ["水浸", "", *lines]
    fields = [note.partition("：")[0].removeprefix("字段 ") for note in notes]
    assert fields == technical
    assert all(note in caplog.text for note in notes)


async def test_as_many_lines_as_are_read(hass: HomeAssistant) -> None:
    """Those alike are one, and of those that differ some are told."""
    texts = await async_texts(hass)
    alike = [field_error("invalid_wait", field="wait", value="x")] * 99
    differ = [field_error("invalid_address", address=str(n)) for n in range(60)]
    lines = texts.notes_for_readers([*alike, *differ], {})
    assert len(lines) == MAX_NOTES + 1
    assert lines[-1] == "11 more were left out."


async def test_what_is_said_for_all(hass: HomeAssistant) -> None:
    """What names no field is in plain words already."""
    texts = await async_texts(hass)
    err = HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="repeats",
        translation_placeholders={"number": "3", "span": "12:00 / a/b"},
    )
    assert texts.notes_for_readers([err], {}) == (texts.of(err),)


async def test_pictures_in_html(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, www: Path
) -> None:
    """They are parts of the mail, and no address of the house is left in it."""
    (www / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    response = await send(
        hass,
        html='<img src="/local/a.png?v=S3CR"><img src="/local/b.png?v=S3CR">',
    )
    (note,) = response["notes"]
    assert "www/b.png" in note
    mail = mail_of(server)
    html = body_of(mail, "html")
    assert "/local/" not in html
    assert b"S3CR" not in mail.content
    (picture,) = (
        part for part in mail.message.walk() if part.get_content_type() == "image/png"
    )
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html
    assert picture.get_content_disposition() == "inline"


@pytest.mark.parametrize(
    "content", [pytest.param(b"<html>", id="page"), pytest.param(b"<svg/>", id="svg")]
)
@pytest.mark.parametrize("html", ["", "<p>own", "<img src=cid:x.jpg>"])
async def test_no_picture_is_shown(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    www: Path,
    content: bytes,
    html: str,
) -> None:
    """It goes along as a file, whatever its name is and whoever refers to it."""
    (www / "x.jpg").write_bytes(content)
    response = await send(
        hass,
        html=html,
        attachments={"path": "www/x.jpg", "inline": True, "content_id": "x.jpg"},
    )
    assert len(response["notes"]) == 1
    (part,) = mail_of(server).message.iter_attachments()
    assert part.get_filename() == "x.jpg"
    assert part.get_content_disposition() == "attachment"
    assert "could not be shown as a picture" in body_of(mail_of(server))
