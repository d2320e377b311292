"""Cards: what goes in is shown, nothing else can get in, and it can be read."""

from html.parser import HTMLParser
import re
from typing import override

from bs4 import BeautifulSoup
from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.mail.card import (
    Card,
    Link,
    Picture,
    Row,
    extend_html,
    render_html,
    render_text,
)
from custom_components.qq_mail.mail.markup import content_ids, text_of
from custom_components.qq_mail.mail.models import Priority

FULL = Card(
    title="水浸报警",
    text="厨房水槽下有水。\n请尽快处理！",
    columns=("名称", "状态", "变更时间"),
    rows=(
        Row("厨房水浸", "检测到水", "2026-11-23 16:30"),
        Row("温度 <室内>", "21.5 °C", "2026-11-23 16:28"),
    ),
    link=Link("https://example.com/lovelace?a=1&b=2", "打开仪表盘"),
    pictures=(Picture("snap shot@1", "厨房"),),
    notes=("未附上：camera.hall 离线。",),
    priority=Priority.HIGHEST,
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
    return squeezed(soup.body.get_text())


def squeezed(text: str) -> str:
    """Return a text without white space and control characters."""
    return "".join(c for c in text if c.isprintable() and not c.isspace())


def test_everything_is_shown() -> None:
    """In the order in which it matters."""
    html = render_html(FULL)
    assert visible(html) == squeezed(
        "水浸报警厨房水槽下有水。请尽快处理！名称状态变更时间"
        "厨房水浸检测到水2026-11-23 16:30温度 <室内>21.5 °C2026-11-23 16:28"
        "打开仪表盘未附上：camera.hall 离线。我的家 · 2026-11-23 16:31"
    )
    soup = BeautifulSoup(html, "html.parser")
    assert soup.html
    assert soup.html["lang"] == "zh-Hans"
    (picture,) = soup("img")
    assert (picture["src"], picture["alt"]) == ("cid:snap%20shot@1", "厨房")
    (button,) = soup("a")
    assert button["href"] == "https://example.com/lovelace?a=1&b=2"
    assert "厨房水槽下有水。<br>" in html


def test_text() -> None:
    """The same for those who show no HTML."""
    assert render_text(FULL) == (
        "厨房水槽下有水。\n请尽快处理！\n\n"
        "厨房水浸: 检测到水 (2026-11-23 16:30)\n"
        "温度 <室内>: 21.5 °C (2026-11-23 16:28)\n\n"
        "打开仪表盘 https://example.com/lovelace?a=1&b=2\n\n"
        "未附上：camera.hall 离线。"
    )


@pytest.mark.parametrize("text", ["", "Smoke!", " two\n\nlines \n"])
def test_text_alone(text: str) -> None:
    """Nothing is added to it."""
    assert render_text(Card(title="Alarm", text=text, home="Home")) == text


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
    assert (bars[0] in ("#c62828", "#d84315")) == urgent


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
    html = render_html(Card(title="", text=MARKDOWN, markdown=True))
    soup = BeautifulSoup(html, "html.parser")
    div = soup.find("div")
    assert div
    elements = div.find_all(True)
    assert {"h1", "ul", "li", "strong", "code", "th", "td", "blockquote", "pre"} <= {
        element.name for element in elements
    }
    unstyled = {element.name for element in elements if not element.get("style")}
    assert unstyled <= {"strong", "br", "thead", "tbody", "tr", "a", "code"}
    (value,) = [cell for cell in div("td") if cell.get_text() == "21"]
    assert str(value["style"]).endswith("text-align:right")
    assert content_ids(html) == {"front"}
    assert "first<br" in html


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


@given(
    texts=st.lists(ANYTHING, min_size=9, max_size=9),
    url=ANYTHING.filter(bool),
    markdown=st.booleans(),
)
def test_any_unicode(texts: list[str], url: str, markdown: bool) -> None:
    """Whatever the texts are, they are shown, and no element is theirs."""
    title, text, name, state, since, link_title, alt, note, home = texts
    card = Card(
        title=title,
        text="x" if markdown else text,
        markdown=markdown,
        columns=("Name", "State", "Since"),
        rows=(Row(name, state, since),),
        link=Link(url, link_title),
        pictures=(Picture(url, alt),),
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
                columns=card.columns,
                rows=(Row("x", "x", "x"),),
                link=Link("x", "x"),
                pictures=(Picture("x", "x"),),
                notes=("x",),
                home="x",
            )
        )
    )
    without_breaks = [tag for tag in elements.tags if tag != "br"]
    assert without_breaks == [tag for tag in plain.tags if tag != "br"]
    shown = visible(html)
    for given_text in (title, card.text, name, state, since, link_title, note, home):
        assert squeezed(given_text) in shown
    assert ("href", url) in [(k, v) for k, v in elements.attributes if k == "href"]
    assert content_ids(html) == {url}


@given(html=ANYTHING)
def test_any_html(html: str) -> None:
    """Nothing that a template makes can break it."""
    assert "\n\n\n" not in text_of(html)
    assert extend_html(html, FULL).count("打开仪表盘") == 1 + html.count("打开仪表盘")
