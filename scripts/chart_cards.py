"""Cards with charts of a house that does not exist, for the pictures in the docs."""

from base64 import b64encode
from datetime import datetime
import json
import math
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from custom_components.qq_mail.content.charts.axes import (
    DAY,
    HOUR,
    Span,
    day_edges,
    scale,
)
from custom_components.qq_mail.content.charts.drawing import Plot, draw
from custom_components.qq_mail.content.charts.kinds.bars import BarGroups
from custom_components.qq_mail.content.charts.kinds.kind import AT_REST, COLOURS
from custom_components.qq_mail.content.charts.kinds.lines import Lines, Numbers
from custom_components.qq_mail.content.charts.kinds.timeline import Stretch, Timeline
from custom_components.qq_mail.mime.card import Card, Chart, ChartRow, Mark, Row

BLUE, RED = COLOURS[:2]
ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 29, 21, tzinfo=ZONE).timestamp()
TODAY = Span(NOW - DAY, NOW, ZONE)
WEEK = Span(NOW - 6 * DAY, NOW, ZONE)

TRANSLATIONS = Path(__file__).parents[1] / "custom_components/qq_mail/translations"
NUMBERS = ("chart_now", "chart_lowest", "chart_highest", "chart_mean")
AMOUNTS = ("chart_total", "chart_mean", "chart_highest")
COLUMNS = ("card_name", "card_state", "card_since")

WORDS = {
    "en": {
        "report": "Daily report",
        "week": "Energy of the week",
        "home": "Home",
        "temperatures": "Temperatures",
        "living": "Living room",
        "outside": "Outside",
        "door": "Front door",
        "heating": "Heating",
        "open": "Open 1 h 5 min",
        "closed": "Closed 22 h 55 min",
        "heat": "Heat 9 h 30 min",
        "off": "Off 14 h 30 min",
        "meter": "House",
        "alarm": ("Alarm", "Armed home", "11-28 23:10"),
        "tank": ("Rain barrel", "64 %", "20:40"),
    },
    "zh-Hans": {
        "report": "每日报告",
        "week": "每周用能",
        "home": "我的家",
        "temperatures": "温度",
        "living": "客厅",
        "outside": "室外",
        "door": "入户门",
        "heating": "地暖",
        "open": "已打开 1 小时 5 分钟",
        "closed": "已关闭 22 小时 55 分钟",
        "heat": "制热 9 小时 30 分钟",
        "off": "关闭 14 小时 30 分钟",
        "meter": "全屋用电",
        "alarm": ("安防", "在家布防", "11-28 23:10"),
        "tank": ("雨水桶", "64 %", "20:40"),
    },
}


def texts_of(language: str) -> dict[str, str]:
    """Return what the integration itself writes into mails."""
    file = TRANSLATIONS / f"{language}.json"
    texts = json.loads(file.read_text(encoding="utf-8"))["exceptions"]
    return {key: text["message"] for key, text in texts.items()}


def temperatures(
    base: float, swing: float, gap: bool
) -> list[tuple[float, float | None]]:
    """Return a day's temperatures, with the afternoon as its warmest time."""
    random = Random(base)  # noqa: S311 - no secret
    points: list[tuple[float, float | None]] = []
    for number in range(24 * 12):
        time = TODAY.start + number * 300
        value = base + swing * math.sin((number / 288 + 0.04) * 2 * math.pi + math.pi)
        away = gap and number in range(100, 112)
        points.append(
            (time, None if away else round(value + random.gauss(0, swing / 40), 1))
        )
    return points


def states() -> tuple[tuple[Stretch, ...], ...]:
    """Return a door that was opened now and then, and a heating that went on twice."""
    at = TODAY.start
    opened = ((9.5, 0.1), (10.2, 0.15), (15, 0.5), (19, 0.1), (21.5, 0.23))
    door = [(at, NOW, AT_REST)]
    door += [
        (at + start * HOUR, at + (start + length) * HOUR, BLUE)
        for start, length in opened
    ]
    heating = [(at, NOW, AT_REST)]
    heating += [
        (at + start * HOUR, at + end * HOUR, RED)
        for start, end in ((7, 12), (19.5, 24))
    ]
    return tuple(door), tuple(heating)


def shown(name: str, plot: Plot, span: Span, pictures: dict[str, str]) -> str:
    """Draw a chart, keep it as a data URL, and return its content id."""
    png = b64encode(draw(plot, span)).decode()
    pictures[f"cid:{name}"] = f"data:image/png;base64,{png}"
    return name


def cards(language: str, pictures: dict[str, str]) -> dict[str, Card]:
    """Return what the blueprints send, in a language."""
    words: dict[str, str] = WORDS[language]  # type: ignore[assignment]
    texts = texts_of(language)
    numbers, amounts, columns = (
        tuple(texts[key] for key in keys) for keys in (NUMBERS, AMOUNTS, COLUMNS)
    )
    inside, outside = temperatures(21, 1.2, True), temperatures(7, 5, False)
    period = "11-28 21:00 \u2013 11-29 21:00"
    rows = tuple(
        ChartRow(
            name=words[name],
            colour=colour,
            values=tuple(
                f"{value:.1f}"
                for value in (
                    known[-1],
                    min(known),
                    max(known),
                    sum(known) / len(known),
                )
            ),
        )
        for name, colour, points in (
            ("living", BLUE, inside),
            ("outside", RED, outside),
        )
        if (known := [value for _, value in points if value is not None])
    )
    held = [list(Numbers().held(points, NOW)) for points in (inside, outside)]
    lines = Lines(list(zip((BLUE, RED), held, strict=True)), scale(0, 23))
    edges = day_edges(WEEK)
    used = (11.2, 9.8, 10.4, 12.1, 9.1, 15.9, 14.6)
    whole = Span(edges[0], edges[-1], ZONE)
    common = {
        "home": words["home"],
        "language": language,
        "time": "2026-11-29 21:00",
        "text": "",
        "columns": columns,
        "sent_by": texts["card_sent_by"],
    }
    report = Card(
        title=words["report"],
        charts=(
            Chart(
                title=words["temperatures"],
                caption=f"{period} · °C",
                content_id=shown("lines", lines, TODAY, pictures),
                columns=numbers,
                rows=rows,
            ),
            Chart(
                caption=period,
                content_id=shown("states", Timeline(states()), TODAY, pictures),
                rows=(
                    ChartRow(
                        name=words["door"],
                        marks=(
                            Mark(AT_REST, words["closed"]),
                            Mark(BLUE, words["open"]),
                        ),
                    ),
                    ChartRow(
                        name=words["heating"],
                        marks=(Mark(AT_REST, words["off"]), Mark(RED, words["heat"])),
                    ),
                ),
            ),
        ),
        rows=(Row(*words["alarm"]), Row(*words["tank"])),
        **common,  # type: ignore[arg-type]
    )
    axis = scale(0, max(used), from_zero=True)
    bars = BarGroups(edges, ((BLUE, used),), daily=True, scale=axis)
    week = Card(
        title=words["week"],
        charts=(
            Chart(
                caption=f"11-23 \u2013 11-29 · kWh · {texts['chart_daily']}",
                content_id=shown("bars", bars, whole, pictures),
                columns=amounts,
                rows=(
                    ChartRow(
                        name=words["meter"],
                        colour=BLUE,
                        values=(
                            f"{sum(used):.1f}",
                            f"{sum(used) / 7:.1f}",
                            f"{max(used):.1f}",
                        ),
                    ),
                ),
            ),
        ),
        **common,  # type: ignore[arg-type]
    )
    return {f"charts-{language}": report, f"energy-{language}": week}
