"""The logbook: who could press which button."""

from typing import Any

from aiohttp.test_utils import TestClient
import pytest

from custom_components.qq_mail.const import DOMAIN
from homeassistant.core import Event

from .conftest import ENTITY, House, path_of

Browser = TestClient[Any, Any]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param(
            "en",
            "“Acknowledge” was pressed in the mail “Water in the cellar” by someone "
            "who has it; it went to a@b.cn, c@d.cn",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            "有人按下了邮件“Water in the cellar”中的“Acknowledge”；持有这封邮件的人都可以按，"
            "邮件发给了：a@b.cn, c@d.cn",
            id="zh-Hans",
        ),
        pytest.param(
            "zh-Hant",
            "有人按下了郵件「Water in the cellar」中的「Acknowledge」；持有這封郵件的人都可以按，"
            "郵件寄給了：a@b.cn, c@d.cn",
            id="zh-Hant",
        ),
    ],
)
async def test_logbook(
    house: House, browser: Browser, language: str, said: str
) -> None:
    """The logbook says in words what was pressed, and who could."""
    hass = house.hass
    hass.config.language = language
    entries: list[Event[Any]] = []
    hass.bus.async_listen("logbook_entry", entries.append)
    (token,) = house.issue()
    await browser.post(path_of(token))
    await hass.async_block_till_done()
    assert [entry.data for entry in entries] == [
        {
            "name": "Water in the cellar",
            "message": said,
            "domain": DOMAIN,
            "entity_id": ENTITY,
        }
    ]
