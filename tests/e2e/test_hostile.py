"""Calls as people have reported them, made by mistake or with ill will, in a real Home Assistant."""

import asyncio
from pathlib import Path

from .home_assistant import begin
from .test_blueprints import ADDRESS, text_of
from .test_calls import add_account

CONFIGURATION = """\
homeassistant:
  external_url: "https://home.example"
  internal_url: "http://127.0.0.1"
input_button:
  bell:
    name: Bell
"""
TOKEN = "4d2f9c0e5a77"


async def test_what_people_reported(tmp_path: Path, socket_enabled: None) -> None:
    """No secret is shown, no login page is a picture, and what is over has no button."""
    async with begin(tmp_path, ADDRESS, configuration=CONFIGURATION) as (home, server):
        www = tmp_path / "config" / "www"
        www.mkdir(exist_ok=True)
        (www / "snap.jpg").write_text("<!DOCTYPE html><title>Log in</title>")
        await add_account(home, server, ADDRESS)
        await home.action("input_button.press", entity_id="input_button.bell")
        await home.action(
            "qq_mail.send_message",
            title="Reported",
            message=["first line", "second line"],
            attachments=[
                f"/api/camera_proxy/camera.front?token={TOKEN}",
                "/local/snap.jpg",
            ],
            entities=["input_button.bell", "sensor.renamed"],
            link="tel:110",
            tag="water",
            actions=[{"action": "close_valve", "title": "Close"}],
        )
        await home.action(
            "notify.qq_mail",
            title="Odd",
            message="Odd",
            data={
                "entity_id": None,
                "whatever": 1,
                "images": [f"/api/image_proxy/image.front?token={TOKEN}"],
            },
        )
        await home.action(
            "qq_mail.send_message",
            tag="water",
            clear=True,
            actions=[{"action": "close_valve", "title": "Close"}],
        )
        reported, odd, over = await asyncio.to_thread(server.wait_for, 3)
    whole = reported.message.as_string() + text_of(reported) + text_of(odd)
    assert TOKEN not in whole
    types = [part.get_content_type() for part in reported.message.walk()]
    assert "image/jpeg" not in types
    assert "first line\nsecond line" in text_of(reported)
    assert "/api/qq_mail/" in text_of(reported)
    assert "/api/qq_mail/" not in text_of(over)
