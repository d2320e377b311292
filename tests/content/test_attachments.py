"""Attachments of every source, what can go wrong with each, and making them fit."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import count
import os
from pathlib import Path
import struct
import threading
from typing import Any, override
from unittest.mock import Mock
from urllib.parse import quote
import zlib

from aiohttp import web
from aiohttp.test_utils import TestServer
from bs4 import BeautifulSoup
from hypothesis import example, given, strategies as st
from PIL import ExifTags, Image
import pytest
from pytest_homeassistant_custom_component.common import (
    MockModule,
    mock_integration,
    mock_platform,
    setup_test_component_platform,
)

from custom_components.qq_mail.const import DOMAIN, MAX_READS, MEGABYTE
from custom_components.qq_mail.content.attachments import (
    embedded,
    fetching as module,
    pictures,
)
from custom_components.qq_mail.content.attachments.embedded import async_embedded
from custom_components.qq_mail.content.attachments.fetching import async_fetched
from custom_components.qq_mail.content.attachments.fields import Attachment, Source
from custom_components.qq_mail.content.attachments.parts import (
    Found,
    safe_filename,
    split,
)
from custom_components.qq_mail.content.attachments.pictures import async_fit
from custom_components.qq_mail.mime.models import BodyPart
from homeassistant.components.camera import Camera
from homeassistant.components.image import ImageEntity
from homeassistant.components.media_source import (
    MediaSource,
    MediaSourceItem,
    PlayMedia,
)
from homeassistant.components.tts import TextToSpeechEntity
from homeassistant.components.tts.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from tests.house import until

type Failures = list[tuple[str | None, dict[str, str] | None]]


def picture(
    format_: str = "JPEG", size: tuple[int, int] = (4, 2), **options: Any
) -> bytes:
    """Return a small picture."""
    file = BytesIO()
    Image.new("RGB", size, "red").save(file, format_, **options)
    return file.getvalue()


def noise(side: int, format_: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    """Return a picture that no format makes small."""
    file = BytesIO()
    octets = os.urandom(side * side * len(mode))
    Image.frombytes(mode, (side, side), octets).save(file, format_, **options)
    return file.getvalue()


def parts_of(fetched: Found) -> tuple[BodyPart, ...]:
    """Return what was fetched."""
    return tuple(split(fetched)[0])


def only_picture(fetched: Found) -> Image.Image:
    """Return the picture that was fetched, which is in memory."""
    (found,) = parts_of(fetched)
    assert isinstance(found.content, bytes)
    return Image.open(BytesIO(found.content))


def failures(fetched: Found) -> Failures:
    """Return which texts say what failed, and what they name."""
    errors = split(fetched)[1]
    assert {error.translation_domain for error in errors} <= {DOMAIN}
    return [(error.translation_key, error.translation_placeholders) for error in errors]


async def fetch(
    hass: HomeAssistant, *attachments: Attachment, max_bytes: int = MEGABYTE
) -> Found:
    """Fetch attachments."""
    async with async_fetched(hass, attachments, max_bytes) as fetched:
        return fetched


async def fetch_one(hass: HomeAssistant, source: Source, value: str) -> BodyPart:
    """Fetch one attachment that nothing is wrong with."""
    fetched = await fetch(hass, Attachment(source=source, value=value))
    assert failures(fetched) == []
    (part,) = parts_of(fetched)
    return part


async def fail(hass: HomeAssistant, source: Source, value: str) -> Failures:
    """Fetch one attachment that cannot be fetched."""
    fetched = await fetch(hass, Attachment(source=source, value=value))
    assert parts_of(fetched) == ()
    return failures(fetched)


# Cameras and images.


class TestCamera(Camera):
    """A camera that shows what a test wants."""

    __test__ = False

    def __init__(
        self, name: str, content: bytes | BaseException | None, *, is_on: bool = True
    ) -> None:
        super().__init__()
        self._attr_name = name
        self._attr_is_on = is_on
        self._content = content
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    @override
    async def async_camera_image(
        self, width: int | None = None, height: int | None = None
    ) -> bytes | None:
        """Return or raise it."""
        self.asked.set()
        await self.go_on.wait()
        match self._content:
            case BaseException() as err:
                raise err
            case content:
                return content


class TestImage(ImageEntity):
    """An image that shows what a test wants."""

    __test__ = False

    def __init__(self, hass: HomeAssistant, name: str, content: bytes | None) -> None:
        super().__init__(hass)
        self._attr_name = name
        self._attr_content_type = "image/png"
        self._attr_image_last_updated = dt_util.utcnow()
        self._content = content

    @override
    async def async_image(self) -> bytes | None:
        """Return it."""
        return self._content


async def add_cameras(hass: HomeAssistant, *cameras: TestCamera) -> None:
    """Set up cameras."""
    setup_test_component_platform(hass, "camera", cameras)
    assert await async_setup_component(hass, "camera", {"camera": {"platform": "test"}})
    await hass.async_block_till_done()


async def add_images(hass: HomeAssistant, *images: TestImage) -> None:
    """Set up images."""
    setup_test_component_platform(hass, "image", images)
    assert await async_setup_component(hass, "image", {"image": {"platform": "test"}})
    await hass.async_block_till_done()


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param(Source.ENTITY_ID, "camera.door", id="entity"),
        pytest.param(Source.MEDIA_SOURCE, "media-source://camera/camera.door", id="ms"),
    ],
)
async def test_camera(hass: HomeAssistant, source: Source, value: str) -> None:
    """What a camera shows now, named after it."""
    await add_cameras(hass, TestCamera("Door", picture()))
    assert await fetch_one(hass, source, value) == BodyPart(
        content=picture(), media_type="image/jpeg", filename="door.jpg", title="Door"
    )


@pytest.mark.parametrize(
    ("source", "value"),
    [
        pytest.param(Source.ENTITY_ID, "image.map", id="entity"),
        pytest.param(Source.MEDIA_SOURCE, "media-source://image/image.map", id="media"),
    ],
)
async def test_image(hass: HomeAssistant, source: Source, value: str) -> None:
    """What an image shows now, named after it, and by what it really is."""
    await add_images(hass, TestImage(hass, "Map", picture("WEBP")))
    assert await fetch_one(hass, source, value) == BodyPart(
        content=picture("WEBP"),
        media_type="image/webp",
        filename="map.webp",
        title="Map",
    )


async def test_how_a_part_is_shown(hass: HomeAssistant) -> None:
    """A call names the part and says where it goes."""
    await add_cameras(hass, TestCamera("Door", picture()))
    attachment = Attachment(
        source=Source.ENTITY_ID,
        value="camera.door",
        filename="../../Front door\r\n.jpg",
        content_id="door",
        inline=True,
    )
    assert await fetch(hass, attachment) == [
        BodyPart(
            content=picture(),
            media_type="image/jpeg",
            filename="Front door.jpg",
            content_id="door",
            inline=True,
            title="Door",
        )
    ]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        pytest.param("light.lamp", "attachment_not_supported", id="light"),
        pytest.param("door", "attachment_not_supported", id="no entity id"),
        pytest.param("camera.none", "attachment_not_found", id="no such camera"),
        pytest.param("image.none", "attachment_not_found", id="no images at all"),
    ],
)
async def test_no_such_entity(hass: HomeAssistant, value: str, key: str) -> None:
    """Neither a camera nor an image."""
    await add_cameras(hass)
    # A state alone, of no entity.
    hass.states.async_set("image.none", "unknown")
    assert await fail(hass, Source.ENTITY_ID, value) == [(key, {"attachment": value})]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(OSError(113, "rtsp://me:pw@x"), "No route to host", id="os"),
        pytest.param(OSError("x", "rtsp://me:pw@x"), "OSError", id="os in words"),
        pytest.param(OSError(), "OSError", id="os without words"),
    ],
)
async def test_camera_not_reached(
    hass: HomeAssistant, content: BaseException | None, reason: str
) -> None:
    """The system's own words say why."""
    await add_cameras(hass, TestCamera("Door", content))
    assert await fail(hass, Source.ENTITY_ID, "camera.door") == [
        ("attachment_failed", {"attachment": "camera.door", "reason": reason})
    ]


@pytest.mark.parametrize(
    ("content", "logged"),
    [
        pytest.param(None, "Unable to get image", id="nothing"),
        pytest.param(
            HomeAssistantError(
                "No stream of rtsp://me:pw@10.0.0.1/s?key=secret, sorry"
            ),
            "camera.door cannot be had: No stream of rtsp://10.0.0.1/s?… sorry",
            id="error",
        ),
    ],
)
async def test_camera_offline(
    hass: HomeAssistant,
    caplog: pytest.LogCaptureFixture,
    content: BaseException | None,
    logged: str,
) -> None:
    """Its integration's own words may hold secrets: the log has the rest of them."""
    await add_cameras(hass, TestCamera("Door", content))
    assert await fail(hass, Source.ENTITY_ID, "camera.door") == [
        ("attachment_unavailable", {"attachment": "camera.door"})
    ]
    assert logged in caplog.text
    assert "pw" not in caplog.text
    assert "secret" not in caplog.text


async def test_camera_switched_off(hass: HomeAssistant) -> None:
    """A camera that is off has no picture."""
    await add_cameras(hass, TestCamera("Door", picture(), is_on=False))
    assert await fail(hass, Source.ENTITY_ID, "camera.door") == [
        ("attachment_unavailable", {"attachment": "camera.door"})
    ]


async def test_image_offline(hass: HomeAssistant) -> None:
    """An image that has no picture says so."""
    await add_images(hass, TestImage(hass, "Map", None))
    [(key, placeholders)] = await fail(hass, Source.ENTITY_ID, "image.map")
    assert key == "attachment_unavailable"
    assert placeholders is not None
    assert placeholders["attachment"] == "image.map"


async def test_camera_with_a_bug(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the whole of it; the mail only its kind."""
    await add_cameras(hass, TestCamera("Door", KeyError("http://me:pw@x")))
    assert await fail(hass, Source.ENTITY_ID, "camera.door") == [
        (
            "attachment_failed",
            {"attachment": "camera.door", "reason": "KeyError"},
        )
    ]
    assert "Unexpected error while fetching camera.door" in caplog.text
    assert "KeyError: 'http://x'" in caplog.text
    assert "pw@" not in caplog.text


async def test_camera_cancels_itself(hass: HomeAssistant) -> None:
    """What a camera cancels is its own task, not the alert."""
    await add_cameras(hass, TestCamera("Door", asyncio.CancelledError()))
    [(key, _)] = await fail(hass, Source.ENTITY_ID, "camera.door")
    assert key == "attachment_unavailable"


async def test_slow_camera(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow camera holds up neither the alert nor another camera."""
    slow = TestCamera("Slow", picture())
    slow.go_on.clear()
    await add_cameras(hass, slow, TestCamera("Door", picture()))
    monkeypatch.setattr(module, "FETCH_TIMEOUT", 0.1)
    fetched = await fetch(
        hass,
        Attachment(source=Source.ENTITY_ID, value="camera.slow"),
        Attachment(source=Source.ENTITY_ID, value="camera.door"),
    )
    assert [part.filename for part in parts_of(fetched)] == ["door.jpg"]
    assert failures(fetched) == [
        ("attachment_too_slow", {"attachment": "camera.slow", "seconds": "0.1"})
    ]


async def test_slow_image(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of one that raises when it is told to stop."""

    class SlowImage(TestImage):
        @override
        async def async_image(self) -> bytes | None:
            """Wait until told to stop."""
            try:
                return await asyncio.Future()
            except asyncio.CancelledError:
                raise HomeAssistantError("Stopped") from None

    await add_images(hass, SlowImage(hass, "Map", None))
    monkeypatch.setattr(module, "FETCH_TIMEOUT", 0.1)
    assert await fail(hass, Source.ENTITY_ID, "image.map") == [
        ("attachment_too_slow", {"attachment": "image.map", "seconds": "0.1"})
    ]


async def test_all_at_once_in_order(hass: HomeAssistant) -> None:
    """The first does not have to come before the second is asked; the order stays."""
    first, second = TestCamera("First", picture()), TestCamera("Second", picture())
    first.go_on = second.asked
    await add_cameras(hass, first, second)
    fetched = await fetch(
        hass,
        Attachment(source=Source.ENTITY_ID, value="camera.first"),
        Attachment(source=Source.ENTITY_ID, value="light.first"),
        Attachment(source=Source.ENTITY_ID, value="camera.second"),
        Attachment(source=Source.ENTITY_ID, value="light.second"),
    )
    assert [part.filename for part in parts_of(fetched)] == ["first.jpg", "second.jpg"]
    assert [placeholders for _, placeholders in failures(fetched)] == [
        {"attachment": "light.first"},
        {"attachment": "light.second"},
    ]


async def test_cancelled(hass: HomeAssistant) -> None:
    """Who cancels the call gets no answer, even of a camera that swallows it."""
    camera = TestCamera("Door", picture())
    camera.go_on.clear()
    await add_cameras(hass, camera)
    task = hass.async_create_task(
        fetch(hass, Attachment(source=Source.ENTITY_ID, value="camera.door"))
    )
    await camera.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Media sources.


class Radio(MediaSource):
    """A source that has streams, and no files."""

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return where a station is to be heard."""
        return PlayMedia("http://example.com/stream", "audio/mpeg")


async def radio(hass: HomeAssistant) -> Radio:
    """Set it up."""
    return Radio("radio")


@pytest.fixture
async def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return Home Assistant's media folder."""
    folder = tmp_path / "media"
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    mock_integration(hass, MockModule("radio"))
    platform = Mock(async_get_media_source=radio)
    mock_platform(hass, "radio.media_source", platform)
    assert await async_setup_component(hass, "radio", {})
    assert await async_setup_component(hass, "media_source", {})
    return folder


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        pytest.param("x.jpg", picture(), "image/jpeg", id="picture"),
        pytest.param("x.txt", b"text", "text/plain", id="text"),
        pytest.param("x.jpg", picture("PNG"), "image/png", id="wrong extension"),
    ],
)
async def test_media(
    hass: HomeAssistant, media: Path, name: str, content: bytes, media_type: str
) -> None:
    """A file of the media folder, which stays there."""
    (media / name).write_bytes(content)
    value = f"media-source://media_source/local/{name}"
    assert await fetch_one(hass, Source.MEDIA_SOURCE, value) == BodyPart(
        content=media / name, media_type=media_type, filename=name
    )


@pytest.mark.parametrize(
    ("value", "key"),
    [
        pytest.param(
            "media-source://media_source/local/none.jpg",
            "attachment_not_found",
            id="no such file",
        ),
        pytest.param(
            "media-source://media_source/local/folder",
            "attachment_not_supported",
            id="folder",
        ),
        pytest.param(
            "media-source://media_source/local/folder.jpg",
            "attachment_not_supported",
            id="folder named like a file",
        ),
        pytest.param(
            "media-source://media_source/local/../secrets.yaml",
            "attachment_unavailable",
            id="out of the folder",
        ),
        pytest.param(
            "media-source://none/x", "attachment_unavailable", id="no such source"
        ),
        pytest.param("/x", "attachment_unavailable", id="no media"),
        pytest.param(
            "media-source://radio/x", "attachment_not_supported", id="a stream"
        ),
        pytest.param(
            "media-source://tts/tts.x", "attachment_not_found", id="no speech at all"
        ),
        pytest.param(
            "media-source://camera/light.x", "attachment_not_supported", id="light"
        ),
    ],
)
async def test_no_such_media(
    hass: HomeAssistant, media: Path, value: str, key: str
) -> None:
    """What a media source does not have, or not as a file."""
    (media / "folder").mkdir()
    (media / "folder.jpg").mkdir()
    [(failed, _)] = await fail(hass, Source.MEDIA_SOURCE, value)
    assert failed == key


async def test_no_media_source(hass: HomeAssistant) -> None:
    """Home Assistant can run without media sources."""
    value = "media-source://media_source/local/x.jpg"
    assert await fail(hass, Source.MEDIA_SOURCE, value) == [
        ("attachment_not_found", {"attachment": value})
    ]


class TestSpeech(TextToSpeechEntity):
    """Speaks any text alike."""

    __test__ = False
    _attr_name = "Speech"
    _attr_default_language = "en"
    _attr_supported_languages = ["en"]  # noqa: RUF012 (as the entity has it)

    @override
    async def async_get_tts_audio(
        self, message: str, language: str, options: dict[str, Any]
    ) -> tuple[str | None, bytes | None]:
        """Return or raise it."""
        return ("mp3", b"Beep") if message == "Fire" else (None, None)


async def add_speech(hass: HomeAssistant) -> None:
    """Set up a speaking entity."""
    assert await async_setup_component(hass, "tts", {})
    await hass.data[DATA_COMPONENT].async_add_entities([TestSpeech()])


async def test_speech(hass: HomeAssistant) -> None:
    """A text, spoken."""
    await add_speech(hass)
    value = "media-source://tts/tts.speech?message=Fire"
    part = await fetch_one(hass, Source.MEDIA_SOURCE, value)
    assert part == BodyPart(
        content=b"Beep", media_type="audio/mpeg", filename="tts.mp3"
    )


async def test_speech_fails(hass: HomeAssistant) -> None:
    """The text is what a secret may be in: it is not repeated."""
    await add_speech(hass)
    value = "media-source://tts/tts.speech?message=Secret"
    [(key, placeholders)] = await fail(hass, Source.MEDIA_SOURCE, value)
    assert key == "attachment_unavailable"
    assert placeholders is not None
    assert placeholders["attachment"] == "media-source://tts/tts.speech"


# Files.


@pytest.fixture
def folder(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return a folder that Home Assistant may read, beside one that it may not."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "secret.txt").write_bytes(b"secret")
    hass.config.allowlist_external_dirs = {str(allowed)}
    return allowed


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        pytest.param("x.csv", b"", "text/csv", id="by extension"),
        pytest.param("x.txt", picture("GIF"), "image/gif", id="by content"),
        pytest.param("x.svgz", b"", "application/octet-stream", id="compressed"),
        pytest.param("x.eml", b"", "application/octet-stream", id="message"),
        pytest.param("门 [1].pdf", b"", "application/pdf", id="looks like a glob"),
    ],
)
async def test_file(
    hass: HomeAssistant, folder: Path, name: str, content: bytes, media_type: str
) -> None:
    """A file, which stays where it is."""
    (folder / name).write_bytes(content)
    assert await fetch_one(hass, Source.PATH, str(folder / name)) == BodyPart(
        content=folder / name, media_type=media_type, filename=name
    )


async def test_relative_file(hass: HomeAssistant, folder: Path) -> None:
    """Seen from Home Assistant's own folder."""
    (folder / "x.txt").write_bytes(b"")
    hass.config.config_dir = str(folder.parent / "private")
    part = await fetch_one(hass, Source.PATH, "../allowed/x.txt")
    assert part.content == folder / "x.txt"
    # That folder itself holds secrets.
    [(key, _)] = await fail(hass, Source.PATH, "secret.txt")
    assert key == "attachment_not_allowed"


async def test_link_within(hass: HomeAssistant, folder: Path) -> None:
    """A link to an allowed file goes by its own name."""
    (folder / "2026.txt").write_bytes(b"")
    (folder / "latest.txt").symlink_to("2026.txt")
    part = await fetch_one(hass, Source.PATH, f"{folder}/latest.txt")
    assert part == BodyPart(
        content=folder / "2026.txt", media_type="text/plain", filename="latest.txt"
    )


@pytest.mark.parametrize(
    ("path", "key"),
    [
        pytest.param("../private/secret.txt", "not_allowed", id="up"),
        pytest.param("../private/none.txt", "not_allowed", id="outside, missing"),
        pytest.param("../private/*.txt", "not_allowed", id="glob outside"),
        pytest.param("../*/secret.txt", "not_allowed", id="glob above"),
        pytest.param("link/secret.txt", "not_allowed", id="through a linked folder"),
        pytest.param("linked.txt", "not_allowed", id="link"),
        pytest.param("l*d.txt", "not_allowed", id="glob of a link"),
        pytest.param("link/*.txt", "not_allowed", id="glob in a linked folder"),
        pytest.param("l*k/*.txt", "not_found", id="glob of a linked folder"),
        pytest.param("*/../../private/*", "not_found", id="glob that goes up"),
        pytest.param("f*r/..", "not_found", id="glob of a folder above"),
        pytest.param("none.txt", "not_found", id="missing"),
        pytest.param("x.txt/y", "not_found", id="below a file"),
        pytest.param("broken", "not_found", id="broken link"),
        pytest.param("b*n", "not_found", id="glob of a broken link"),
        pytest.param("*.none", "not_found", id="glob without match"),
        pytest.param("folder", "not_supported", id="folder"),
        pytest.param("fold*", "not_found", id="glob of a folder"),
        pytest.param("fifo", "not_supported", id="fifo"),
        pytest.param("fif*", "not_supported", id="glob of a fifo"),
        pytest.param("loop", "failed", id="link to itself"),
        pytest.param("lo*p", "failed", id="glob of a link to itself"),
        pytest.param("x.txt\0", "not_found", id="no path at all"),
        pytest.param("\ud83d.txt", "not_found", id="half a letter"),
    ],
)
async def test_no_such_file(
    hass: HomeAssistant, folder: Path, path: str, key: str
) -> None:
    """What is no file, or none that may be read."""
    (folder / "x.txt").write_bytes(b"")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("../private")
    (folder / "linked.txt").symlink_to("../private/secret.txt")
    (folder / "broken").symlink_to("none.txt")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    [(failed, _)] = await fail(hass, Source.PATH, f"{folder}/{path}")
    assert failed == f"attachment_{key}"


async def test_failure_tells_no_more_than_the_caller_wrote(
    hass: HomeAssistant, folder: Path
) -> None:
    """Where a link leads to is nobody's business."""
    (folder / "linked.txt").symlink_to("../private/secret.txt")
    assert await fail(hass, Source.PATH, f"{folder}/linked.txt") == [
        ("attachment_not_allowed", {"attachment": f"{folder}/linked.txt"})
    ]
    assert await fail(hass, Source.PATH, f"{folder}/*.txt") == [
        ("attachment_not_allowed", {"attachment": "linked.txt"})
    ]


async def test_glob(hass: HomeAssistant, folder: Path) -> None:
    """What matches, sorted; what is wrong with one is not wrong with the others."""
    for name in ("b/2.txt", "b/1.txt", "a/3.txt", "a/.hidden.txt", "a/4.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    (folder / "a" / "0.txt").symlink_to("../../private/secret.txt")
    attachment = Attachment(
        source=Source.PATH,
        value=f"{folder}/*/*.txt",
        filename="name.txt",
        content_id="id",
        inline=True,
    )
    fetched = await fetch(hass, attachment)
    assert [
        (part.content, part.filename, part.content_id, part.inline)
        for part in parts_of(fetched)
    ] == [
        (folder / "a" / "3.txt", "3.txt", "", True),
        (folder / "b" / "1.txt", "1.txt", "", True),
        (folder / "b" / "2.txt", "2.txt", "", True),
    ]
    assert failures(fetched) == [("attachment_not_allowed", {"attachment": "0.txt"})]


async def test_glob_of_one(hass: HomeAssistant, folder: Path) -> None:
    """A single match takes the name that the call gives."""
    (folder / "1.txt").write_bytes(b"")
    attachment = Attachment(
        source=Source.PATH,
        value=f"{folder}/*",
        filename="name.txt",
        content_id="id",
    )
    (part,) = await fetch(hass, attachment)
    assert isinstance(part, BodyPart)
    assert (part.filename, part.content_id) == ("name.txt", "id")


async def test_glob_of_many(hass: HomeAssistant, folder: Path) -> None:
    """A folder may hold thousands: a mail does not."""
    for number in range(60):
        (folder / f"{number:02}.txt").write_bytes(b"")
    fetched = await fetch(hass, Attachment(source=Source.PATH, value=f"{folder}/*.txt"))
    assert [part.filename for part in parts_of(fetched)] == [
        f"{number:02}.txt" for number in range(50)
    ]
    assert failures(fetched) == [
        (
            "attachment_too_many",
            {"attachment": f"{folder}/*.txt", "number": "50"},
        )
    ]


# URLs.

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve(
    hass: HomeAssistant, socket_enabled: None
) -> AsyncGenerator[Callable[[Handler], Awaitable[TestServer]]]:
    """Return what starts a web server whose folder `allowed` may be fetched from."""
    servers: list[TestServer] = []

    async def start(handler: Handler) -> TestServer:
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        server = TestServer(app, host="127.0.0.1")
        servers.append(server)
        await server.start_server()
        hass.config.allowlist_external_urls.add(str(server.make_url("/allowed/")))
        return server

    yield start
    for server in servers:
        await server.close()


type Serve = Callable[[Handler], Awaitable[TestServer]]


def show(content: bytes, content_type: str = "image/jpeg") -> Handler:
    """Return what answers any request with this."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=content, headers={"Content-Type": content_type})

    return handler


def files(folder: Path) -> list[Path]:
    """Return what is in a folder."""
    return list(folder.iterdir())


@pytest.fixture
def downloads(hass: HomeAssistant) -> Path:
    """Return the folder where downloads are put for a while."""
    folder = Path(hass.config.cache_path(DOMAIN))
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("path", "content", "content_type", "media_type", "filename"),
    [
        pytest.param("a.mp3", b"x", "audio/mpeg", "audio/mpeg", "a.mp3", id="plain"),
        pytest.param(
            "a.mp3%3Ftoken=1", b"x", "audio/mpeg", "audio/mpeg", "a.mp3", id="mark"
        ),
        pytest.param(
            "%E9%97%A8%2F1.jpg?token=1",
            picture("PNG"),
            "image/jpeg",
            "image/png",
            "1.jpg",
            id="by content, encoded name",
        ),
        pytest.param(
            "a.pdf",
            b"x",
            "application/octet-stream",
            "application/pdf",
            "a.pdf",
            id="by name",
        ),
        pytest.param("", b"", "text/html", "text/html", "127.0.0.1", id="no name"),
        pytest.param(
            "mjpeg",
            b"x",
            "multipart/x-mixed-replace",
            "application/octet-stream",
            "mjpeg",
            id="several in one",
        ),
        pytest.param(
            "a", b"x", "text/<b>", "application/octet-stream", "a", id="garbage"
        ),
    ],
)
async def test_url(
    hass: HomeAssistant,
    serve: Serve,
    downloads: Path,
    path: str,
    content: bytes,
    content_type: str,
    media_type: str,
    filename: str,
) -> None:
    """Downloaded to a file that is gone in the end."""
    server = await serve(show(content, content_type))
    url = f"{server.make_url('/allowed/')}{path}"
    attachment = Attachment(source=Source.URL, value=url)
    async with async_fetched(hass, [attachment], MEGABYTE) as fetched:
        assert failures(fetched) == []
        (part,) = parts_of(fetched)
        assert isinstance(part.content, Path)
        assert part.content.read_bytes() == content
        assert part.content.parent.parent == downloads
        assert (part.media_type, part.filename) == (media_type, filename)
    assert files(downloads) == []


async def test_large_url(hass: HomeAssistant, serve: Serve, downloads: Path) -> None:
    """It comes in pieces, and is whole in the end."""
    content = os.urandom(3 * MEGABYTE)

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=content)

    url = (await serve(handler)).make_url("/allowed/x")
    attachment = Attachment(source=Source.URL, value=str(url))
    async with async_fetched(hass, [attachment], 3 * MEGABYTE) as fetched:
        (part,) = parts_of(fetched)
        assert isinstance(part.content, Path)
        assert part.content.read_bytes() == content


async def test_downloads_are_removed_after_an_error(
    hass: HomeAssistant, serve: Serve, downloads: Path
) -> None:
    """Whatever becomes of the message."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x")

    url = (await serve(handler)).make_url("/allowed/x")
    attachment = Attachment(source=Source.URL, value=str(url))

    async def compose() -> None:
        async with async_fetched(hass, [attachment], MEGABYTE) as fetched:
            assert len(files(downloads)) == len(parts_of(fetched)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await compose()
    assert files(downloads) == []


@pytest.mark.parametrize(
    ("url", "attachment"),
    [
        pytest.param("http://{host}/x?t=1", "http://{host}/x", id="path"),
        pytest.param("http://me:pw@{host}/x#t", "http://{host}/x", id="credentials"),
        pytest.param("ftp://{host}/allowed/x", "url", id="scheme"),
        pytest.param("file:///etc/passwd", "url", id="file"),
        pytest.param("/allowed/x", "url", id="no host"),
        pytest.param("http://me:pw@[x/", "url", id="no URL"),
    ],
)
async def test_url_not_allowed(
    hass: HomeAssistant, serve: Serve, url: str, attachment: str
) -> None:
    """Only what is allowed is fetched, and no secret is repeated."""
    asked: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response()

    server = await serve(handler)
    host = f"{server.host}:{server.port}"
    assert await fail(hass, Source.URL, url.format(host=host)) == [
        ("attachment_url_not_allowed", {"attachment": attachment.format(host=host)})
    ]
    assert asked == []


async def test_url_that_goes_up(hass: HomeAssistant, serve: Serve) -> None:
    """A server may take it for another path: that is said, and nothing is fetched."""
    url = f"{(await serve(show(picture()))).make_url('/allowed/')}..%2Fx"
    assert await fail(hass, Source.URL, url) == [
        ("attachment_url_goes_up", {"attachment": url})
    ]


async def test_url_with_credentials(hass: HomeAssistant, serve: Serve) -> None:
    """A camera's own page wants them; where it is allowed, it is allowed with them."""
    asked: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization"))
        return web.Response(body=picture())

    url = (await serve(handler)).make_url("/allowed/x.jpg")
    url = url.with_user("me").with_password("pw")
    part = await fetch_one(hass, Source.URL, str(url))
    assert part.filename == "x.jpg"
    assert asked == ["Basic bWU6cHc="]


@pytest.mark.parametrize("base", ["http://192.168.1.2:8123", "HTTPS://home.example"])
async def test_own_url(hass: HomeAssistant, base: str) -> None:
    """With the house's own host it is the camera, and no token of it is told."""
    hass.config.internal_url = "http://192.168.1.2:8123"
    hass.config.external_url = "https://home.example"
    await add_cameras(hass, TestCamera("Door", picture()))
    part = await fetch_one(
        hass, Source.URL, f"{base}/api/camera_proxy/camera.door?token=S3CR"
    )
    assert part.title == "Door"
    assert await fail(
        hass, Source.URL, f"{base}/api/camera_proxy/camera.x?token=S3CR"
    ) == [("attachment_not_found", {"attachment": "camera.x"})]


async def test_redirect(hass: HomeAssistant, serve: Serve) -> None:
    """A redirect to what is allowed as well is followed, and gives the name."""

    async def handler(request: web.Request) -> web.Response:
        match request.path:
            case "/allowed/old":
                return web.Response(status=302, headers={"Location": "new.jpg"})
            case _:
                return web.Response(body=picture())

    url = (await serve(handler)).make_url("/allowed/old")
    part = await fetch_one(hass, Source.URL, str(url))
    assert (part.media_type, part.filename) == ("image/jpeg", "new.jpg")


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        pytest.param("/private?t=1", "http://{host}", id="path"),
        pytest.param("http://me:pw@example.com/t", "http://example.com", id="host"),
        pytest.param("file:///etc/passwd", "?", id="scheme"),
        pytest.param("http://[x/", "?", id="no URL"),
    ],
)
async def test_redirect_elsewhere(
    hass: HomeAssistant, serve: Serve, location: str, shown: str
) -> None:
    """A redirect is no way around the list."""
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": location})

    server = await serve(handler)
    url, host = server.make_url("/allowed/x"), f"{server.host}:{server.port}"
    assert await fail(hass, Source.URL, f"{url}?t=1") == [
        (
            "attachment_url_not_allowed",
            {"attachment": f"{url} → {shown.format(host=host)}"},
        )
    ]
    assert asked == ["/allowed/x"]


@pytest.mark.parametrize(
    ("status", "headers", "asked"),
    [
        pytest.param(404, {}, 1, id="not found"),
        pytest.param(500, {}, 1, id="broken"),
        pytest.param(204, {}, 1, id="nothing"),
        pytest.param(302, {"Location": ""}, 4, id="redirected to itself"),
    ],
)
async def test_status(
    hass: HomeAssistant, serve: Serve, status: int, headers: dict[str, str], asked: int
) -> None:
    """A page that says that there is none is no attachment."""
    requests: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        requests.append(request)
        return web.Response(status=status, headers=headers)

    url = (await serve(handler)).make_url("/allowed/x")
    assert await fail(hass, Source.URL, str(url)) == [
        (
            "attachment_failed",
            {"attachment": str(url), "reason": f"HTTP {status}"},
        )
    ]
    assert len(requests) == asked


async def test_slow_url(
    hass: HomeAssistant,
    serve: Serve,
    downloads: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that stops in the middle."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        return await asyncio.Future()

    url = (await serve(handler)).make_url("/allowed/x")
    monkeypatch.setattr(module, "FETCH_TIMEOUT", 0.3)
    assert await fail(hass, Source.URL, str(url)) == [
        ("attachment_too_slow", {"attachment": str(url), "seconds": "0.3"})
    ]
    assert files(downloads) == []


async def test_endless_url(hass: HomeAssistant, serve: Serve, downloads: Path) -> None:
    """No more is read than may be sent."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(100_000))

    url = (await serve(handler)).make_url("/allowed/x")
    assert await fail(hass, Source.URL, str(url)) == [
        (
            "attachment_too_large",
            {"attachment": str(url), "size": "> 1.0", "limit": "1.0"},
        )
    ]
    assert files(downloads) == []


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        pytest.param(
            5_000_000_000,
            ("attachment_too_large", {"size": "4768.4", "limit": "1.0"}),
            id="more than may be sent",
        ),
        pytest.param(
            900_000,
            ("attachment_failed", {"reason": "ClientPayloadError"}),
            id="more than there is",
        ),
    ],
)
@pytest.mark.usefixtures("socket_enabled")
async def test_lying_length(
    hass: HomeAssistant, length: int, expected: tuple[str, dict[str, str]]
) -> None:
    """What a server says of the length is not what counts."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nx" % length)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = "http://{}:{}/x".format(*server.sockets[0].getsockname())
        hass.config.allowlist_external_urls.add(url)
        [(key, placeholders)] = await fail(hass, Source.URL, url)
    assert (key, placeholders) == (expected[0], {"attachment": url, **expected[1]})


@pytest.mark.usefixtures("socket_enabled")
async def test_no_server(hass: HomeAssistant) -> None:
    """Nothing listens there."""
    hass.config.allowlist_external_urls.add("http://127.0.0.1:1/")
    [(key, placeholders)] = await fail(hass, Source.URL, "http://127.0.0.1:1/x")
    assert key == "attachment_failed"
    assert placeholders
    assert placeholders["reason"] == "Connection refused"


async def test_no_room_for_a_download(
    hass: HomeAssistant, serve: Serve, downloads: Path
) -> None:
    """A disk that takes nothing does not hold up the alert."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x")

    url = (await serve(handler)).make_url("/allowed/x")
    await hass.async_add_executor_job(downloads.rmdir)
    await hass.async_add_executor_job(downloads.touch)
    assert await fail(hass, Source.URL, str(url)) == [
        (
            "attachment_failed",
            {"attachment": str(url), "reason": "File exists"},
        )
    ]


async def test_downloads_of_a_run_that_was_killed(
    hass: HomeAssistant, downloads: Path
) -> None:
    """They are gone after the next start."""
    (downloads / "x").touch()
    assert await async_setup_component(hass, DOMAIN, {})
    assert files(downloads.parent) == []


async def test_downloads_are_private(hass: HomeAssistant, serve: Serve) -> None:
    """Neither the folder nor a file in it can be read by others."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x")

    url = (await serve(handler)).make_url("/allowed/x")
    attachment = Attachment(source=Source.URL, value=str(url))
    async with async_fetched(hass, [attachment], MEGABYTE) as fetched:
        (part,) = parts_of(fetched)
        assert isinstance(part.content, Path)
        assert part.content.stat().st_mode & 0o77 == 0
        assert part.content.parent.stat().st_mode & 0o77 == 0


# Files that hang.


class Share:
    """A network share that hangs until it comes back."""

    def __init__(self) -> None:
        self._back = threading.Event()

    def hang(self, *_args: Any) -> Any:
        """Read a file on it."""
        self._back.wait(30)
        return []

    async def come_back(self) -> None:
        """Let every read return."""
        self._back.set()
        await until(
            lambda: not any("qq_mail read" in t.name for t in threading.enumerate())
        )


async def test_files_that_hang(
    hass: HomeAssistant, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few are waited for, and the next not at all, until the share is back."""
    (folder / "x.txt").write_bytes(b"x")
    await add_cameras(hass, TestCamera("Door", picture()))
    share, path = Share(), f"{folder}/x.txt"
    with monkeypatch.context() as patched:
        patched.setattr(module, "from_path", share.hang)
        patched.setattr(module, "FETCH_TIMEOUT", 0.2)
        fetched = await fetch(
            hass,
            *[Attachment(source=Source.PATH, value=path)] * (MAX_READS + 2),
            Attachment(source=Source.ENTITY_ID, value="camera.door"),
        )
        assert [part.filename for part in parts_of(fetched)] == ["door.jpg"]
        slow = ("attachment_too_slow", {"attachment": path, "seconds": "0.2"})
        assert failures(fetched) == [slow] * (MAX_READS + 2)
        threads = [t for t in threading.enumerate() if "qq_mail read" in t.name]
        assert len(threads) == MAX_READS
    # With the usual limit: this would take too long for a test.
    slow = ("attachment_too_slow", {"attachment": path, "seconds": "10"})
    async with asyncio.timeout(5):
        assert await fail(hass, Source.PATH, path) == [slow]
    await share.come_back()
    part = await fetch_one(hass, Source.PATH, path)
    assert part.filename == "x.txt"


async def test_file_that_hangs_when_it_is_made_to_fit(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in memory goes without it."""
    share, path = Share(), tmp_path / "x.bin"
    path.write_bytes(bytes(20))
    monkeypatch.setattr(pictures, "shrunk", share.hang)
    monkeypatch.setattr(pictures, "FIT_TIMEOUT", 0.2)
    parts = (part(path, "x.bin"), part(b"1"))
    fetched = await async_fit(hass, parts, 10)
    assert parts_of(fetched) == parts[1:]
    assert failures(fetched) == [
        ("attachment_too_slow", {"attachment": "x.bin", "seconds": "0.2"})
    ]
    await share.come_back()


# What is called a picture and is none.

NO_PICTURES = [
    pytest.param(b"<!doctype html><title>Log in</title>", id="page"),
    pytest.param(bytes(99), id="zeros after a power cut"),
]


@pytest.mark.parametrize("content", NO_PICTURES)
@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.gif", "x.webp"])
async def test_file_that_is_no_picture(
    hass: HomeAssistant, folder: Path, name: str, content: bytes
) -> None:
    """It goes along as a plain file, and is not shown."""
    path = folder / name
    path.write_bytes(content)
    attachment = Attachment(
        source=Source.PATH, value=str(path), inline=True, content_id="x"
    )
    fetched = await fetch(hass, attachment)
    assert parts_of(fetched) == (
        BodyPart(content=path, media_type="application/octet-stream", filename=name),
    )
    assert failures(fetched) == [("attachment_no_picture", {"attachment": str(path)})]


@pytest.mark.parametrize("content", NO_PICTURES)
async def test_download_that_is_no_picture(
    hass: HomeAssistant, serve: Serve, content: bytes
) -> None:
    """A server asks for a login where it should show a picture."""
    url = str((await serve(show(content))).make_url("/allowed/snapshot"))
    fetched = await fetch(
        hass, Attachment(source=Source.URL, value=url, inline=True, filename="x.jpg")
    )
    assert [(part.media_type, part.inline) for part in parts_of(fetched)] == [
        ("application/octet-stream", False)
    ]
    assert failures(fetched) == [("attachment_no_picture", {"attachment": url})]


async def test_camera_that_shows_no_picture(hass: HomeAssistant) -> None:
    """Its integration may take an error page for one."""
    await add_cameras(hass, TestCamera("Door", b"<html>"))
    fetched = await fetch(
        hass, Attachment(source=Source.ENTITY_ID, value="camera.door", inline=True)
    )
    assert [(part.inline, part.title) for part in parts_of(fetched)] == [
        (False, "Door")
    ]
    assert failures(fetched) == [
        ("attachment_no_picture", {"attachment": "camera.door"})
    ]


async def test_empty_picture(hass: HomeAssistant, folder: Path) -> None:
    """A snapshot that is not written yet is no attachment at all."""
    (folder / "x.jpg").touch()
    assert await fail(hass, Source.PATH, f"{folder}/x.jpg") == [
        ("attachment_empty", {"attachment": f"{folder}/x.jpg"})
    ]


# Pictures in the caller's own HTML.


def as_data(content: bytes, start: str = "data:image/png;base64,") -> str:
    """Return a picture as it can stand in HTML."""
    return start + b64encode(content).decode()


@pytest.fixture
def own_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Number the ids that are made."""
    numbers = count()
    monkeypatch.setattr(embedded, "new_content_id", lambda: f"{next(numbers)}@qq_mail")


@pytest.mark.parametrize(
    ("source", "attachment"),
    [
        pytest.param(
            "/local/a.png?v=1", (Source.PATH, "www/a.png"), id="file, with a query"
        ),
        pytest.param(
            "http://192.168.1.2:8123/local/a.png",
            (Source.PATH, "www/a.png"),
            id="own host",
        ),
        pytest.param(
            "/api/camera_proxy/camera.x?token=S3CR&amp;x=1",
            (Source.ENTITY_ID, "camera.x"),
            id="camera",
        ),
    ],
)
@pytest.mark.parametrize("quotes", ['"{}"', "'{}'", "{} ", " {}\t"])
@pytest.mark.usefixtures("own_ids")
async def test_own_address_in_html(
    hass: HomeAssistant, source: str, attachment: tuple[Source, str], quotes: str
) -> None:
    """It becomes a body part; all around it stays as it is."""
    hass.config.internal_url = "http://192.168.1.2:8123"
    html = f"<p>{source}<img data-src=x SRC={quotes.format(source)}alt=x><img src=x>"
    made, attachments, parts = await async_embedded(hass, html)
    cid = f"0@{DOMAIN}"
    assert attachments == [
        Attachment(
            source=attachment[0], value=attachment[1], content_id=cid, inline=True
        )
    ]
    assert parts == []
    assert image_sources_of(made) == [f"cid:{cid}", "x"]
    assert made.startswith(f"<p>{source}<img data-src=x SRC=")
    assert made.endswith("alt=x><img src=x>")


def image_sources_of(html: str) -> list[str]:
    """Return where the pictures come from, as another parser reads it."""
    return [str(img["src"]) for img in BeautifulSoup(html, "html.parser")("img")]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(as_data(picture("PNG")), id="base64"),
        pytest.param(as_data(picture("PNG"), "DATA:image/x;BASE64,"), id="other type"),
        pytest.param(
            f"data:image/png,{quote(picture('PNG'), safe='')}", id="percent-encoded"
        ),
    ],
)
@pytest.mark.usefixtures("own_ids")
async def test_picture_in_html(hass: HomeAssistant, source: str) -> None:
    """It becomes a body part, once, however often it is shown."""
    html = f'<img src="{source}"> and <img src=" {source}">'
    made, attachments, parts = await async_embedded(hass, html)
    assert made == f'<img src="cid:0@{DOMAIN}"> and <img src="cid:0@{DOMAIN}">'
    assert attachments == []
    assert parts == [
        BodyPart(
            content=picture("PNG"),
            media_type="image/png",
            filename="picture.png",
            content_id=f"0@{DOMAIN}",
            inline=True,
        )
    ]


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<p>No picture", id="none"),
        pytest.param("<img>", id="no source"),
        pytest.param("<img src=''>", id="empty source"),
        pytest.param("<!-- <img src=/local/a.png> -->", id="comment"),
        pytest.param("<img src=/local/a.png", id="no end"),
        pytest.param("<img src=https://example.com/local/a.png>", id="elsewhere"),
        pytest.param("<img src=http://[x/local/a.png>", id="no URL"),
        pytest.param("<img src=cid:a>", id="content id"),
        pytest.param(f"<img src={as_data(b'<svg>')}>", id="no such picture"),
        pytest.param("<img src=data:image/png;base64,x>", id="no base64"),
        pytest.param(f"<img src={as_data(noise(600))}>", id="large"),
    ],
)
async def test_html_that_stays(hass: HomeAssistant, html: str) -> None:
    """What others can fetch, or nobody can, is not touched."""
    assert await async_embedded(hass, html) == (html, [], [])


# Names.


@given(st.text())
@example("a" * 300 + ".jpg")
@example("门" * 300 + ".jpeg")
@example("a." + "b" * 300)
@example("a" * 250 + " " * 9 + "b.jpg")
def test_any_text_makes_a_file_name(text: str) -> None:
    """Whatever a call or a server names, it is a name and no path."""
    name = safe_filename(text)
    assert name not in {"", ".", ".."}
    assert name.isprintable()
    assert not set(name) & set("/\\")
    assert len(name.encode()) <= 255
    assert safe_filename(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("x.jpg", "x.jpg", id="name"),
        pytest.param("/a/b/x.jpg", "x.jpg", id="path"),
        pytest.param(r"C:\a\x.jpg", "x.jpg", id="windows"),
        pytest.param("a/..", "attachment", id="up"),
        pytest.param("a/", "attachment", id="folder"),
        pytest.param("\r\n", "attachment", id="empty line"),
        pytest.param("x\r\nBcc: y.jpg", "x Bcc: y.jpg", id="header"),
        pytest.param(".hidden", ".hidden", id="hidden"),
        pytest.param("a" * 300 + ".jpg", "a" * 251 + ".jpg", id="long"),
        pytest.param("门" * 100 + ".jpg", "门" * 83 + ".jpg", id="long, wide"),
        pytest.param("a." + "b" * 300, "a." + "b" * 253, id="no extension"),
    ],
)
def test_file_name(text: str, name: str) -> None:
    """The extension stays, or nobody could open the file."""
    assert safe_filename(text) == name


# Making it fit.


def part(
    content: bytes | Path, filename: str = "x.jpg", media_type: str = "image/jpeg"
) -> BodyPart:
    """Return a part."""
    return BodyPart(
        content=content,
        media_type=media_type,
        filename=filename,
        content_id=f"id of {filename}",
        inline=True,
    )


def size(part: BodyPart) -> tuple[int, int]:
    """Return how large a shrunk picture is."""
    assert isinstance(part.content, bytes)
    with Image.open(BytesIO(part.content)) as image:
        assert image.format == "JPEG"
        return image.size


@pytest.mark.parametrize("limit", [11, 1000])
async def test_what_fits_stays(hass: HomeAssistant, tmp_path: Path, limit: int) -> None:
    """Nothing is touched that need not be."""
    (tmp_path / "x").write_bytes(b"123456")
    parts = (part(tmp_path / "x"), part(b"12345"))
    assert await async_fit(hass, parts, limit) == list(parts)


async def test_largest_picture_first(hass: HomeAssistant, tmp_path: Path) -> None:
    """As few pictures as possible are made smaller, and none more than needed."""
    large, small = noise(2000), noise(500)
    (tmp_path / "large.png").write_bytes(large)
    parts = (
        part(small, "small.png", "image/png"),
        part(tmp_path / "large.png", "large.png", "image/png"),
    )
    fetched = await async_fit(hass, parts, len(large))
    assert failures(fetched) == []
    assert parts_of(fetched)[0] == replace(parts[0], width=500)
    shrunk = parts_of(fetched)[1]
    assert size(shrunk) == (1920, 1920)
    assert (shrunk.filename, shrunk.media_type) == ("large.jpg", "image/jpeg")
    assert (shrunk.content_id, shrunk.inline) == ("id of large.png", True)
    assert shrunk.width == 1920
    assert (tmp_path / "large.png").read_bytes() == large


@pytest.mark.parametrize(
    ("share", "side"),
    [
        pytest.param(0.5, 1920, id="a little"),
        pytest.param(0.15, 1280, id="more"),
        pytest.param(0.05, 800, id="much"),
    ],
)
async def test_smaller_until_it_fits(
    hass: HomeAssistant, share: float, side: int
) -> None:
    """By steps."""
    content = noise(2000)
    limit = int(share * len(content))
    fetched = await async_fit(hass, [part(content, "x.png", "image/png")], limit)
    assert failures(fetched) == []
    assert size(parts_of(fetched)[0]) == (side, side)


async def test_jpeg_keeps_its_name_and_stands_upright(hass: HomeAssistant) -> None:
    """A camera's picture may say by a tag how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "A maker that nobody needs to know"
    file = BytesIO()
    octets = os.urandom(2400 * 1200 * 3)
    Image.frombytes("RGB", (2400, 1200), octets).save(file, "JPEG", exif=exif)
    content = file.getvalue()
    fetched = await async_fit(hass, [part(content, "x.JPEG")], len(content) - 1)
    assert parts_of(fetched)[0].filename == "x.JPEG"
    assert size(parts_of(fetched)[0]) == (960, 1920)
    assert parts_of(fetched)[0].width == 960
    with only_picture(fetched) as image:
        assert not image.getexif()


async def test_none_becomes_larger(hass: HomeAssistant) -> None:
    """A picture that was made small already stays as it is."""
    content = noise(2000)
    small = part(noise(700, "JPEG", quality=10), "small.jpg")
    fetched = await async_fit(
        hass,
        [part(content, "x.png", "image/png"), small],
        int(0.15 * len(content)),
    )
    assert failures(fetched) == []
    assert parts_of(fetched)[1] == replace(small, width=700)


@pytest.mark.parametrize(
    ("orientation", "width"),
    [
        pytest.param(1, 40, id="upright"),
        pytest.param(3, 40, id="upside down"),
        pytest.param(6, 30, id="on its side"),
    ],
)
async def test_width_as_it_is_shown(
    hass: HomeAssistant, orientation: int, width: int
) -> None:
    """A telephone may have been held in any way."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = BytesIO()
    Image.new("RGB", (40, 30)).save(file, "JPEG", exif=exif)
    fetched = await async_fit(hass, [part(file.getvalue())], 10_000)
    assert [found.width for found in parts_of(fetched)] == [width]


async def test_transparent_becomes_white(hass: HomeAssistant) -> None:
    """Dark lines on a transparent ground must not end on black."""
    file = BytesIO()
    Image.new("RGBA", (500, 500), (0, 0, 0, 0)).save(file, "PNG", compress_level=0)
    content = file.getvalue()
    fetched = await async_fit(hass, [part(content, "x.png", "image/png")], 100_000)
    with only_picture(fetched) as image:
        assert image.getpixel((250, 250)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("format_", "mode"),
    [
        pytest.param("JPEG", "CMYK", id="for print"),
        pytest.param("JPEG", "L", id="grey"),
        pytest.param("WEBP", "RGB", id="webp"),
        pytest.param("GIF", "P", id="palette"),
        pytest.param("PNG", "LA", id="grey and transparent"),
    ],
)
async def test_every_kind_of_picture(
    hass: HomeAssistant, format_: str, mode: str
) -> None:
    """Each becomes a plain JPEG."""
    content = noise(1000, format_, mode)
    fetched = await async_fit(
        hass,
        [part(content, f"x.{format_}", f"image/{format_.lower()}")],
        int(0.9 * len(content)),
    )
    assert failures(fetched) == []
    assert size(parts_of(fetched)[0]) in {(1000, 1000), (800, 800)}
    assert parts_of(fetched)[0].media_type == "image/jpeg"


async def test_preview_in_a_picture(hass: HomeAssistant) -> None:
    """A telephone's JPEG with a second picture in it is no animation."""
    file = BytesIO()
    second = Image.new("RGB", (10, 10))
    octets = os.urandom(1000 * 1000 * 3)
    Image.frombytes("RGB", (1000, 1000), octets).save(
        file, "MPO", save_all=True, append_images=[second]
    )
    content = file.getvalue()
    fetched = await async_fit(hass, [part(content)], int(0.7 * len(content)))
    assert failures(fetched) == []
    assert size(parts_of(fetched)[0]) == (800, 800)


def bomb() -> bytes:
    """Return a small PNG that says it is huge."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
        + chunk(b"IEND", b"")
    )


def wide() -> bytes:
    """Return a PNG that could be made smaller, if that did not take so much memory."""
    file = BytesIO()
    Image.new("1", (8000, 7000)).save(file, "PNG", compress_level=0)
    return file.getvalue()


def animation() -> bytes:
    """Return two pictures in one."""
    first, second = (Image.open(BytesIO(noise(300, "GIF", "P"))) for _ in range(2))
    file = BytesIO()
    first.save(file, "GIF", save_all=True, append_images=[second])
    return file.getvalue()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        pytest.param(bomb(), "image/png", id="bomb"),
        pytest.param(wide(), "image/png", id="too many pixels"),
        pytest.param(animation(), "image/gif", id="animation"),
        pytest.param(noise(900, "JPEG")[:-9999], "image/jpeg", id="truncated"),
        pytest.param(b"\xff\xd8\xff" + bytes(9999), "image/jpeg", id="broken"),
        pytest.param(picture(), "image/jpeg", id="as small as can be"),
        pytest.param(os.urandom(9999), "video/mp4", id="no picture"),
    ],
)
async def test_what_cannot_be_smaller_is_left_out(
    hass: HomeAssistant, content: bytes, media_type: str
) -> None:
    """The others go, and a failure says why this one does not."""
    parts = (part(b"1", "1.txt", "text/plain"), part(content, "x", media_type))
    fetched = await async_fit(hass, parts, len(content))
    assert parts_of(fetched) == parts[:1]
    [(key, placeholders)] = failures(fetched)
    assert key == "attachment_too_large"
    assert placeholders is not None
    assert placeholders["attachment"] == "x"


async def test_largest_is_left_out_first(hass: HomeAssistant) -> None:
    """Until the others fit; what is left out is told in the parts' order."""
    parts: Sequence[BodyPart] = [
        part(bytes(megabytes * MEGABYTE), f"{megabytes}.bin", "application/zip")
        for megabytes in (1, 7, 2, 9, 3)
    ]
    fetched = await async_fit(hass, parts, 6 * MEGABYTE)
    assert [part.filename for part in parts_of(fetched)] == ["1.bin", "2.bin", "3.bin"]
    assert failures(fetched) == [
        (
            "attachment_too_large",
            {
                "attachment": f"{megabytes}.bin",
                "size": f"{megabytes}.0",
                "limit": "6.0",
            },
        )
        for megabytes in (7, 9)
    ]


async def test_nothing_fits(hass: HomeAssistant) -> None:
    """Then the text goes alone."""
    fetched = await async_fit(hass, [part(b"123"), part(b"456")], 2)
    assert parts_of(fetched) == ()
    assert len(failures(fetched)) == 2


async def test_no_picture_suffers_in_vain(hass: HomeAssistant) -> None:
    """If the video cannot go anyway, the picture goes as it is."""
    content = noise(1000)
    parts = (
        part(bytes(len(content) + 1), "x.mp4", "video/mp4"),
        part(content, "x.png", "image/png"),
    )
    fetched = await async_fit(hass, parts, len(content))
    assert parts_of(fetched) == (replace(parts[1], width=1000),)
    assert len(failures(fetched)) == 1


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        pytest.param(
            "gone", ("attachment_not_found", {"attachment": "x.jpg"}), id="vanished"
        ),
        pytest.param(
            "n" * 999,
            (
                "attachment_failed",
                {"attachment": "x.jpg", "reason": "File name too long"},
            ),
            id="unreadable",
        ),
    ],
)
async def test_file_without_size(
    hass: HomeAssistant,
    tmp_path: Path,
    name: str,
    failure: tuple[str, dict[str, str]],
) -> None:
    """A file that is gone when the message is made does not stop it."""
    parts = (part(tmp_path / name), part(b"1"))
    fetched = await async_fit(hass, parts, 10)
    assert parts_of(fetched) == parts[1:]
    assert failures(fetched) == [failure]
