"""Cards: what goes in is shown, nothing else can get in, and it can be read."""

from dataclasses import replace
from html.parser import HTMLParser
import re
from typing import override

from bs4 import BeautifulSoup
from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.mime.card import (
    Button,
    Card,
    Chart,
    ChartRow,
    Link,
    Look,
    Mark,
    Row,
)
from custom_components.qq_mail.mime.markup import content_ids, text_of
from custom_components.qq_mail.mime.models import BodyPart, Priority
from custom_components.qq_mail.mime.render import (
    _ACCENTS,
    extend_html,
    extend_text,
    fitted,
    render_html,
    render_text,
)


def picture(content_id: str, name: str, width: int = 0) -> BodyPart:
    """Return a picture whose content does not matter."""
    return BodyPart(
        content=b"",
        media_type="image/png",
        filename=name,
        content_id=content_id,
        width=width,
    )


FULL = Card(
    title="水浸报警",
    text="厨房水槽下有水。\n请尽快处理！",
    columns=("名称", "状态", "变更时间"),
    rows=(
        Row("厨房水浸", "检测到水", "2026-11-23 16:30"),
        Row("温度 <室内>", "21.5 °C", "2026-11-23 16:28"),
    ),
    left_out=37,
    more="还有 {number} 项",
    links=(Link("https://example.com/lovelace?a=1&b=2", "打开仪表盘"),),
    buttons=(
        Button("关闭水阀", "https://example.com/act?a=1&b=2", Look.DESTRUCTIVE),
        Button("知道了", "https://example.com/ack"),
    ),
    above_buttons=("下面的按钮只在家里有效。",),
    small_print=("有效期至 2026-11-24 16:31。", "每个按钮一次。"),
    pictures=(picture("snap shot@1", "厨房", 320),),
    notes=("未附上：camera.hall 离线。",),
    label="紧急",
    priority=Priority.HIGHEST,
    sent_by="由 Home Assistant 自动发送",
    home="我的家",
    time="2026-11-23 16:31",
    language="zh-Hans",
)
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]))


class Elements(HTMLParser):
    """Collects what a browser would make of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def visible(html: str) -> str:
    """Return the text that a reader sees, without white space."""
    soup = BeautifulSoup(html, "html.parser")
    assert soup.body
    for hidden in soup("div", style=re.compile("display:none")):
        hidden.decompose()
    return squeezed(soup.body.get_text())


def preheader_of(card: Card) -> str:
    """Return what a list of mails shows beside the subject."""
    soup = BeautifulSoup(render_html(card), "html.parser")
    hidden = soup.find("div", style=re.compile("display:none"))
    return hidden.get_text().rstrip("\u2007\u034f ") if hidden else ""


def squeezed(text: str) -> str:
    """Return a text without white space and control characters."""
    return "".join(c for c in text if c.isprintable() and not c.isspace())


def test_everything_is_shown() -> None:
    """In the order in which it matters."""
    html = render_html(FULL)
    assert visible(html) == squeezed(
        "紧急水浸报警厨房水槽下有水。请尽快处理！"
        "下面的按钮只在家里有效。关闭水阀知道了"
        "有效期至 2026-11-24 16:31。每个按钮一次。名称状态变更时间"
        "厨房水浸检测到水2026-11-23 16:30温度 <室内>21.5 °C2026-11-23 16:28还有37项"
        "打开仪表盘未附上：camera.hall 离线。"
        "由 Home Assistant 自动发送 · 我的家 · 2026-11-23 16:31"
    )
    soup = BeautifulSoup(html, "html.parser")
    assert soup.html
    assert soup.html["lang"] == "zh-Hans"
    (picture,) = soup("img")
    assert (picture["src"], picture["alt"]) == ("cid:snap%20shot@1", "厨房")
    assert picture["width"] == "320"
    assert [cell["scope"] for cell in soup("th")] == ["col"] * 3
    assert [(link.get_text(), link["href"]) for link in soup("a")] == [
        ("关闭水阀", "https://example.com/act?a=1&b=2"),
        ("知道了", "https://example.com/ack"),
        ("打开仪表盘", "https://example.com/lovelace?a=1&b=2"),
    ]
    assert "厨房水槽下有水。<br>" in html


def test_text() -> None:
    """The same for those who show no HTML."""
    assert render_text(FULL) == (
        "紧急\n水浸报警\n\n"
        "厨房水槽下有水。\n请尽快处理！\n\n"
        "[厨房]\n\n"
        "下面的按钮只在家里有效。\n\n"
        "[关闭水阀]\nhttps://example.com/act?a=1&b=2\n\n"
        "[知道了]\nhttps://example.com/ack\n\n"
        "有效期至 2026-11-24 16:31。\n每个按钮一次。\n\n"
        "厨房水浸：检测到水（2026-11-23 16:30）\n"
        "温度 <室内>：21.5 °C（2026-11-23 16:28）\n"
        "还有 37 项\n\n"
        "打开仪表盘 https://example.com/lovelace?a=1&b=2\n\n"
        "未附上：camera.hall 离线。\n\n"
        "由 Home Assistant 自动发送 · 我的家 · 2026-11-23 16:31"
    )


@pytest.mark.parametrize("text", ["", "Smoke!", " two\n\nlines \n"])
def test_text_alone(text: str) -> None:
    """Nothing is added to it."""
    assert extend_text(text, Card(title="Alarm", text=text, home="Home")) == text


@pytest.mark.parametrize(
    ("card", "line"),
    [
        pytest.param(FULL, "厨房水槽下有水。 请尽快处理！", id="text"),
        pytest.param(
            replace(FULL, text="# Report\n* a **b**", markdown=True),
            "Report a b",
            id="Markdown",
        ),
        pytest.param(
            replace(FULL, text=""),
            "厨房水浸：检测到水，温度 <室内>：21.5 °C",
            id="states",
        ),
        pytest.param(replace(FULL, text="", rows=()), "厨房", id="pictures"),
        pytest.param(replace(FULL, text="长" * 151), "长" * 150 + "…", id="long"),
        pytest.param(Card(title="Fire", text=""), "", id="nothing but a title"),
    ],
)
def test_preheader(card: Card, line: str) -> None:
    """A list of mails shows what is not in the subject."""
    assert preheader_of(card) == line


@pytest.mark.parametrize(
    ("state", "whole"),
    [
        pytest.param("186.5 kWh", ["186.5 kWh"], id="number"),
        pytest.param("-18.2 °C", ["-18.2 °C"], id="negative"),
        pytest.param("检测到水 <1>", ["检测到水 <1>"], id="Hanzi"),
        pytest.param("2026-11-24 07:00", ["2026-11-24", "07:00"], id="time"),
        pytest.param("洗衣机已经洗完衣服", [], id="long in Hanzi"),
        pytest.param("https://example.com/ up", ["up"], id="long word"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_short_states_do_not_break(state: str, whole: list[str]) -> None:
    """A phone breaks no number in two."""
    card = Card(title="", text="", rows=(Row("a", state, ""),))
    soup = BeautifulSoup(render_html(card), "html.parser")
    cell = soup("td", class_="line")[1]
    assert cell.get_text() == state
    assert [found.get_text() for found in cell("nobr")] == whole


def test_entries() -> None:
    """A digest says of each alert what is its own."""
    card = Card(
        title="2 alerts",
        text="Leak ×1 · Door ×1",
        above_buttons=("At home only.",),
        entries=(
            Card(
                title="Leak",
                time="12:10",
                text="Kitchen <sink>\n\nCellar",
                priority=Priority.HIGHEST,
                label="Urgent",
                buttons=(Button("Close", "https://a.b/1"),),
                small_print=("Until 13:00.",),
                links=(Link("https://a.b/2"), Link("mailto:a@b.cn", "Reply")),
            ),
            Card(title="Door", time="12:09", text=""),
        ),
        small_print=("Each once.",),
    )
    html = render_html(card)
    assert visible(html) == squeezed(
        "2 alerts Leak ×1 · Door ×1 At home only. Urgent Leak 12:10"
        "Kitchen <sink> Cellar Close Until 13:00. https://a.b/2 Reply Door 12:09"
        "Each once."
    )
    assert "background-color:#c62828;border-radius:4px" in html
    assert render_text(card) == (
        "2 alerts\n\nLeak ×1 · Door ×1\n\nAt home only.\n\n"
        "Urgent\nLeak (12:10)\nKitchen <sink>\n\nCellar\n\n"
        "[Close]\nhttps://a.b/1\n\nUntil 13:00.\n\n"
        "https://a.b/2\n\nReply mailto:a@b.cn\n\n"
        "Door (12:09)\n\nEach once."
    )


def test_title_of_a_card_without_one() -> None:
    """It has its mail's subject."""
    soup = BeautifulSoup(render_html(Card(title="", text="x")), "html.parser")
    assert soup.title
    assert soup.title.string == "Home Assistant"
    assert not soup("h1")


def test_fitted() -> None:
    """As many rows as there is room for; without room, none."""
    rows = tuple(Row(f"{number:04}", "on", "16:30") for number in range(500))
    card = Card(title="Alarm", text="", rows=rows)
    fewer, html = fitted(card, render_html)
    assert len(fewer.rows) + fewer.left_out == 500
    assert html == render_html(fewer)
    number = len(fewer.rows)
    one_more = replace(fewer, rows=rows[: number + 1], left_out=499 - number)
    assert len(html) <= 100_000 < len(render_html(one_more))
    long, html = fitted(replace(card, text="x" * 200_000), render_html)
    assert (long.rows, long.left_out) == ((), 500)
    assert ">500<" in html
    short = replace(card, rows=rows[:9])
    assert fitted(short, render_html) == (short, render_html(short))


def test_own_html_with_too_many_rows() -> None:
    """They are cut as well, and counted."""
    rows = tuple(Row(f"{number:04}", "on", "16:30") for number in range(500))
    card = replace(FULL, rows=rows, left_out=0)
    fewer, html = fitted(card, lambda card: extend_html("<p>own</p>", card))
    assert 0 < fewer.left_out < 500
    assert f"还有 {fewer.left_out} 项" in html


def test_no_external_resource() -> None:
    """Opening the mail tells nobody."""
    html = render_html(FULL)
    values = [value for name, value in Elements(html).attributes if name != "href"]
    assert not [value for value in values if value and "//" in value]
    assert not re.search(r"@import|url\(", html)


@pytest.mark.parametrize("priority", Priority)
def test_accent(priority: Priority) -> None:
    """Urgent mails look different from the others."""
    html = render_html(Card(title="Alarm", text="", priority=priority))
    bars = re.findall(r"border-top:5px solid (#\w{6})", html)
    urgent = priority in (Priority.HIGHEST, Priority.HIGH)
    assert (bars[0] in ("#c62828", "#c63c0e")) == urgent


@pytest.mark.parametrize("look", Look)
def test_buttons(look: Look) -> None:
    """As wide as the card and as high as a thumb; red where that is meant."""
    card = Card(title="Alarm", text="", buttons=(Button("Close", "https://a.b", look),))
    soup = BeautifulSoup(render_html(card), "html.parser")
    (link,) = soup("a")
    cell = link.parent
    assert cell
    style = str(link["style"])
    assert "display:block" in style
    padding, line = re.findall(r"padding:(\d+)px|line-height:(\d+)px", style)
    assert 2 * int(padding[0]) + int(line[1]) >= 48
    # Outlook knows the cell alone.
    ground = str(cell["bgcolor"])
    assert f"background-color:{ground};" in str(cell["style"])
    assert (ground == "#c62828") == (look is Look.DESTRUCTIVE)
    ink = re.search(r";color:(#\w{6})", style)
    assert ink
    assert contrast(ground, ink[1]) >= 4.5
    # A reader's dark mode has a ground of its own for what is not red.
    dark = re.search(rf"\.{look} {{ background-color: (#\w{{6}})", render_html(card))
    assert bool(dark) == (look is not Look.DESTRUCTIVE)


@pytest.mark.parametrize(
    ("selector", "ink"),
    [pytest.param("act", "#ffffff"), pytest.param("link", "#e6eaee")],
)
def test_buttons_in_the_dark(selector: str, ink: str) -> None:
    """They can be read there."""
    ground = re.search(
        rf"\.{selector} {{ background-color: (#\w{{6}})", render_html(FULL)
    )
    assert ground
    assert contrast(ground[1], ink) >= 4.5


@pytest.mark.parametrize("look", [Look.ACT, Look.DESTRUCTIVE])
def test_buttons_at_home(look: Look) -> None:
    """An outline and a house, by day and by night: one sees that they are different."""
    button = Button("Close", "https://a.b", look, at_home=True)
    html = render_html(Card(title="Alarm", text="", buttons=(button,)))
    (link,) = BeautifulSoup(html, "html.parser")("a")
    cell = link.parent
    assert cell
    assert link.get_text() == "⌂ Close"
    assert "border:2px dashed #" in str(cell["style"])
    assert cell["bgcolor"] == "#ffffff"
    ink = re.search(r";color:(#\w{6})", str(link["style"]))
    assert ink
    assert contrast("#ffffff", ink[1]) >= 4.5
    ground, dark_ink = (
        re.search(rf"\.{look}-home{part} {{ {name}: (#\w{{6}})", html)
        for part, name in (("", "background-color"), (" a", "color"))
    )
    assert ground
    assert dark_ink
    assert contrast(ground[1], dark_ink[1]) >= 4.5
    assert button.text == "[⌂ Close]\nhttps://a.b"


@pytest.mark.parametrize("at_home", [False, True])
@pytest.mark.parametrize("look", Look)
def test_marks(look: Look, at_home: bool) -> None:
    """A button is read again from what it is in a mail."""
    button = Button("⌂ x", "https://a.b", look, at_home)
    assert Button.marked(button.mark, button.caption, button.url) == button


@pytest.mark.parametrize("mark", ["", "-home", "title", "act-house"])
def test_marks_of_others(mark: str) -> None:
    """What is no button is none."""
    assert Button.marked(mark, "x", "https://a.b") is None


def test_cells_have_colours_of_their_own() -> None:
    """A web page without a doctype gives its cells others, black on a dark ground."""
    chart = Chart(
        title="Rooms",
        caption="Today",
        columns=("Now",),
        rows=(
            ChartRow(name="Kitchen", colour="#0277bd", values=("21",)),
            ChartRow(name="Door", marks=(Mark("#0277bd", "Open"),)),
        ),
    )
    card = replace(FULL, charts=(chart,))
    for html in (render_html(card), extend_html("<p>own</p>", card)):
        soup = BeautifulSoup(html, "html.parser")
        cells = soup.select("table.states td, table.states th")
        assert len(cells) == 16
        colourless = [
            cell.get_text()
            for cell in cells
            if not re.search(r"(^|;)color:#", str(cell.get("style", "")))
        ]
        # But for the corner of a table, where nothing stands.
        assert colourless == [""]


def test_button_that_leads_nowhere() -> None:
    """A preview shows it, and there is nothing to open."""
    card = Card(title="Alarm", text="", buttons=(Button("Close"),))
    (link,) = BeautifulSoup(render_html(card), "html.parser")("a")
    assert link.get_text() == "Close"
    assert "href" not in link.attrs
    assert render_text(card) == "Alarm\n\n[Close]"


@pytest.mark.parametrize("accents", _ACCENTS.values(), ids=_ACCENTS)
def test_contrast(accents: tuple[str, str]) -> None:
    """White on a button, a title on its card: 4.5 to 1 or more (WCAG AA)."""
    light, dark = accents
    assert contrast(light, "#ffffff") >= 4.5
    assert contrast(dark, "#1b2127") >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return how bright a colour is, as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (((channel + 0.055) / 1.055) ** 2.4 for channel in channels)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


MARKDOWN = """\
# Report

* **All** well
* `code`

| Name | Value |
| ---- | ----: |
| 温度 | 21 |

> quoted

    block

![front](cid:front) [link](https://example.com)
first
second
"""


def test_markdown() -> None:
    """CommonMark with tables; line ends stay, and styles are in the elements."""
    card = Card(title="", text=MARKDOWN, markdown=True, widths={"front": 320})
    html = render_html(card)
    soup = BeautifulSoup(html, "html.parser")
    div = soup.find("div", class_="md")
    assert div
    elements = div.find_all(True)
    assert {"h1", "ul", "li", "strong", "code", "th", "td", "blockquote", "pre"} <= {
        element.name for element in elements
    }
    unstyled = {element.name for element in elements if not element.get("style")}
    assert unstyled <= {"strong", "br", "thead", "tbody", "tr", "pre", "code"}
    for name in ("th", "td", "code", "a"):
        found = div.find(name)
        assert found
        assert "color:" in str(found["style"])
    assert all(cell["scope"] == "col" for cell in div("th"))
    (picture,) = div("img")
    assert picture["width"] == "320"
    (value,) = [cell for cell in div("td") if cell.get_text() == "21"]
    assert str(value["style"]).endswith("text-align:right")
    assert content_ids(html) == {"front"}
    assert "first<br" in html


def test_picture_of_a_width_that_is_not_known() -> None:
    """It is as wide as it is, and no wider than the card."""
    card = Card(title="x", text="![front](cid:front)", markdown=True)
    (picture,) = BeautifulSoup(render_html(card), "html.parser")("img")
    assert "width" not in picture.attrs
    assert "max-width:100%" in str(picture["style"])


def test_headings_below_the_title() -> None:
    """The title is the only heading of the first level; the others keep their looks."""
    text = "# a\n\nb\n===\n\n###### c"
    alone = BeautifulSoup(
        render_html(Card(title="", text=text, markdown=True)), "html.parser"
    )
    below = BeautifulSoup(
        render_html(Card(title="x", text=text, markdown=True)), "html.parser"
    )
    headings = re.compile(r"h\d")
    assert [found.name for found in alone(headings)] == ["h1", "h1", "h6"]
    title, *others = below(headings)
    assert [title.name, *(found.name for found in others)] == ["h1", "h2", "h2", "h6"]
    assert [found["style"] for found in others] == [
        found["style"] for found in alone(headings)
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<script>alert(1)</script>", id="HTML"),
        pytest.param("[x](javascript:alert(1))", id="javascript"),
        pytest.param("[x](data:text/html,x)", id="data"),
        pytest.param("<img src=x onerror=alert(1)>", id="picture"),
        pytest.param("a <b onclick='x'>b</b>", id="inline"),
    ],
)
def test_no_code_by_markdown(text: str) -> None:
    """HTML is shown as text, and links lead to pages only."""
    elements = Elements(render_html(Card(title="", text=text, markdown=True)))
    plain = Elements(render_html(Card(title="", text="x", markdown=True)))
    assert set(elements.tags) == set(plain.tags)
    assert {name for name, _ in elements.attributes} == {
        name for name, _ in plain.attributes
    }


@pytest.mark.parametrize(
    ("html", "before", "after"),
    [
        pytest.param("<p>own</p>", "<p>own</p>", "", id="snippet"),
        pytest.param(
            "<body><p>own</p></BODY >\n</html>",
            "<body><p>own</p>",
            "</BODY >\n</html>",
            id="document",
        ),
        pytest.param(
            "<body>a</body><!-- </body> -->",
            "<body>a",
            "</body><!-- </body> -->",
            id="comment",
        ),
    ],
)
def test_own_html(html: str, before: str, after: str) -> None:
    """It stays as it is, and what is to be shown stands at its end."""
    assert extend_html(html, Card(title="Alarm", text="text", home="Home")) == html
    extended = extend_html(html, FULL)
    assert extended.startswith(before)
    assert extended.endswith(after)
    for shown in ("厨房水浸", "打开仪表盘", "cid:snap%20shot@1", "camera.hall"):
        assert shown in extended
    assert "我的家" not in extended
    assert "还有 37 项" in extended


@pytest.mark.parametrize(
    "small",
    [
        "Until 2026-11-24 16:31.",
        "每个按钮一次，2026-11-24 16:31 前有效。",
        "每個按鈕一次，2026-11-24 16:31 前有效。",
    ],
)
def test_a_date_is_in_one_line(small: str) -> None:
    """On a phone a line ended after one of its hyphens."""
    html = render_html(
        Card(title="x", text="x", buttons=(Button("x", "x"),), small_print=(small,))
    )
    assert "<nobr>2026-11-24 16:31</nobr>" in html
    assert squeezed(small) in visible(html)


def test_each_small_print_has_its_line() -> None:
    """How to answer is read line by line: what to do, the choices, the code."""
    button = Button("x", "x")
    card = Card(title="x", text="x", buttons=(button,), small_print=("One.", "Two."))
    assert "One.</span><br><span" in render_html(card)


@given(
    texts=st.lists(ANYTHING, min_size=11, max_size=11),
    url=ANYTHING.filter(bool),
    markdown=st.booleans(),
)
def test_any_unicode(texts: list[str], url: str, markdown: bool) -> None:
    """Whatever the texts are, they are shown, and no element is theirs."""
    title, text, name, state, since, link_title, alt, note, home, press, small = texts
    label = alt
    card = Card(
        title=title,
        text="x" if markdown else text,
        markdown=markdown,
        label=label,
        columns=("Name", "State", "Since"),
        rows=(Row(name, state, since),),
        links=(Link(url, link_title),),
        buttons=(Button(press, url),),
        small_print=(small,),
        pictures=(picture(url, alt),),
        notes=(note,),
        home=home,
        time="now",
    )
    html = render_html(card)
    elements = Elements(html)
    plain = Elements(
        render_html(
            Card(
                title=title and "x",
                text=card.text and "x",
                markdown=markdown,
                label=label and "x",
                columns=card.columns,
                rows=(Row("x", "x", "x"),),
                links=(Link("x", "x"),),
                buttons=(Button("x", "x"),),
                small_print=("x",),
                pictures=(picture("x", "x"),),
                notes=("x",),
                home="x",
            )
        )
    )
    breaks = ("br", "nobr")
    without_breaks = [tag for tag in elements.tags if tag not in breaks]
    assert without_breaks == [tag for tag in plain.tags if tag not in breaks]
    shown = visible(html)
    for given_text in (title, card.text, name, state, since, link_title, note, home):
        assert squeezed(given_text) in shown
    assert squeezed(press) in shown
    assert squeezed(small) in shown
    assert [v for k, v in elements.attributes if k == "href"] == [url, url]
    assert content_ids(html) == {url}


@given(html=ANYTHING)
def test_any_html(html: str) -> None:
    """Nothing that a template makes can break it."""
    assert "\n\n\n" not in text_of(html)
    assert extend_html(html, FULL).count("打开仪表盘") == 1 + html.count("打开仪表盘")
