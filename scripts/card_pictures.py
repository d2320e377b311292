"""Show cards as a browser does: on a phone and on a desk, by day and by night."""

import asyncio
from base64 import b64encode
from io import BytesIO
from pathlib import Path
import sys
from typing import Literal

from PIL import Image, ImageDraw
from playwright.async_api import Browser, async_playwright

from custom_components.qq_mail.mime.card import Button, Card, Link, Look, Row
from custom_components.qq_mail.mime.models import BodyPart, Priority
from custom_components.qq_mail.mime.render import render_html
from scripts.chart_cards import WORDS, cards
from tests.e2e.browser import CHROMIUM

ROOT = Path(__file__).parents[1]

IMAGES = ROOT / "docs" / "images"
PHONE, DESK = 390, 800
GAP = 16
COLOURS = 256
"""Enough for flat colours, and the files stay small."""

REPORT = """\
All windows are closed. **Two batteries** should be changed this week:

| Device | Battery |
| ------ | ------: |
| Bedroom motion | 9 % |
| Letterbox | 6 % |

1. Bins go out *tonight*
2. Frost is expected: `sensor.outside` falls to -3 °C

> The dishwasher has finished.
"""


def picture(name: str) -> BodyPart:
    """Return a picture of a door, under a name."""
    return BodyPart(
        content=b"", media_type="image/jpeg", filename=name, content_id="door"
    )


CARDS = {
    "alarm": Card(
        title="水浸报警：厨房水槽",
        text="厨房水槽下检测到水。\n请尽快关闭水阀，并检查洗碗机的进水管。",
        columns=("名称", "状态", "上次变化"),
        rows=(
            Row("厨房水浸传感器", "检测到水", "16:30"),
            Row("主水阀", "打开", "11-21 08:02"),
            Row("厨房温度", "21.5 °C", "16:28"),
        ),
        links=(Link("https://example.com/lovelace/water", "打开仪表盘"),),
        pictures=(picture("厨房"),),
        notes=(
            "未添加附件：camera.basement 没有及时响应（10 秒）。请检查它是否正常、能否连接。",
        ),
        label="紧急",
        priority=Priority.HIGHEST,
        sent_by="由 Home Assistant 自动发送",
        home="我的家",
        time="2026-11-23 16:31",
        language="zh-Hans",
    ),
    "report": Card(
        title="Good morning",
        text=REPORT,
        markdown=True,
        columns=("Name", "State", "Since"),
        rows=(
            Row("Alarm", "Armed home", "11-22 23:10"),
            Row("Energy yesterday", "8.4 kWh", "00:00"),
        ),
        sent_by="Sent by Home Assistant",
        home="Home",
        time="2026-11-23 07:00",
    ),
    "doorbell": Card(
        title="门口有人",
        text="门铃响了。",
        pictures=(picture("前门"),),
        links=(Link("https://example.com/lovelace/doors", "查看实时画面"),),
        sent_by="由 Home Assistant 自动发送",
        home="我的家",
        time="2026-11-23 18:05",
        language="zh-Hans",
    ),
    "digest": Card(
        title="41 alerts, 12:03 to 12:10",
        text=" · ".join(
            f"{title} \N{MULTIPLICATION SIGN}{number}"
            for title, number in (
                ("Front door", 38),
                ("Water in the cellar", 2),
                ("Battery is low", 1),
            )
        ),
        entries=(
            Card(
                title="Front door",
                time="12:10",
                text="The front door was closed.",
                links=(Link("https://example.com/lovelace/doors", "Open the doors"),),
            ),
            Card(
                title="Water in the cellar",
                time="2 times, 12:08 to 12:09",
                text="Raised again since the last mail: 5 \N{MULTIPLICATION SIGN}, 12:03 to 12:07.",
                priority=Priority.HIGHEST,
                label="Urgent",
                buttons=(
                    Button("Close the main valve", "#", Look.DESTRUCTIVE),
                    Button("I am on my way", "#"),
                ),
            ),
            Card(
                title="Front door",
                time="37 times, 12:03 to 12:09",
                text="The front door was opened.\nNobody is at home.",
            ),
            Card(
                title="Battery is low",
                time="12:03",
                text="Motion sensor, upstairs corridor: 6 %",
            ),
        ),
        small_print=(
            "Whoever has this mail can press: each button once, until 2026-11-24 12:09.",
        ),
        priority=Priority.HIGHEST,
        pictures=(picture("12:09 front_door.jpg"),),
        notes=("Left out because there is no room: 3 pictures or files.",),
        sent_by="Sent by Home Assistant",
        home="Home",
        time="2026-11-23 12:10",
    ),
}


def snapshot() -> str:
    """Draw what a camera at a front door might see, as a data URL."""
    width, height = 960, 540
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        shade = 70 + y * 60 // height
        draw.line(((0, y), (width, y)), fill=(shade, shade + 14, shade + 26))
    draw.rectangle((0, 430, width, height), fill=(96, 90, 82))
    draw.rectangle(
        (360, 90, 600, 440), fill=(58, 72, 84), outline=(28, 36, 44), width=8
    )
    draw.rectangle((395, 125, 565, 250), fill=(250, 214, 140))
    draw.ellipse((560, 280, 582, 302), fill=(214, 190, 120))
    draw.ellipse((690, 180, 770, 260), fill=(40, 46, 54))
    draw.rounded_rectangle((670, 262, 790, 470), 40, fill=(46, 54, 64))
    draw.text((16, 14), "FRONT DOOR  2026-11-23 18:05:12", fill="white", font_size=24)
    file = BytesIO()
    picture.save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"


async def photograph(
    browser: Browser, html: str, width: int, scheme: Literal["light", "dark"]
) -> Image.Image:
    """Return what is seen in a window of this width, and insist that it fits in."""
    page = await browser.new_page(
        viewport={"width": width, "height": 100}, color_scheme=scheme
    )
    await page.set_content(html, wait_until="load")
    needed = await page.evaluate("document.documentElement.scrollWidth")
    if needed > width:
        raise SystemExit(f"The card needs {needed} pixels, and there are {width}.")
    picture = await page.screenshot(full_page=True)
    await page.close()
    return Image.open(BytesIO(picture))


async def main() -> None:
    """Write a sheet for each card."""
    pictures_by_id = {"cid:door": snapshot()}
    all_cards = dict(CARDS)
    for language in WORDS:
        all_cards |= cards(language, pictures_by_id)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu"],
        )
        for name, card in all_cards.items():
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            html = render_html(card)
            for content_id, data_url in pictures_by_id.items():
                html = html.replace(f'"{content_id}"', f'"{data_url}"')
            pictures = [
                await photograph(browser, html, width, scheme)
                for width in (PHONE, DESK)
                for scheme in ("light", "dark")
            ]
            sheet = Image.new(
                "RGB",
                (
                    sum(picture.width for picture in pictures) + GAP * 3,
                    max(picture.height for picture in pictures),
                ),
                "white",
            )
            left = 0
            for picture in pictures:
                sheet.paste(picture, (left, 0))
                left += picture.width + GAP
            file = IMAGES / f"card-{name}.png"
            sheet.quantize(COLOURS).save(file, optimize=True)
            print(f"card-pictures: {file.relative_to(ROOT)}")
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
