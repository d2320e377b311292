"""HTML of the caller's own: what is read of it, and that it takes no longer than that."""

from collections.abc import Callable
from html import unescape
from time import thread_time

from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.mime.card import Card, Row
from custom_components.qq_mail.mime.markup import (
    Tag,
    Text,
    content_ids,
    end_of_body,
    image_sources,
    start_of_content,
    text_of,
    tokens,
)
from custom_components.qq_mail.mime.render import extend_html, render_html

ANYTHING = st.lists(
    st.sampled_from(
        [
            *(
                "<",
                ">",
                "</",
                "/>",
                "<!--",
                "-->",
                "<!",
                "<?",
                "=",
                '"',
                "'",
                " ",
                "\n",
            ),
            *(
                "&lt;",
                "&#",
                "&#x41;",
                "p",
                "a",
                "href",
                "pre",
                "td",
                "li",
                "ol",
                "body",
            ),
            *("style", "title", "url(cid:x)", "cid:y", "src", "门", "\ud800", "br"),
        ]
    ),
    max_size=30,
).map("".join)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("plain &amp; simple", "plain & simple", id="plain"),
        pytest.param(
            "<head><title>T</title><style>x</style></head><h1>Door</h1>"
            "<p>is <a href='https://example.com/a_b'>open_now</a></p><script>y</script>",
            "# Door\n\nis open_now (https://example.com/a_b)",
            id="document",
        ),
        pytest.param(
            "<a href='https://a.example'>https://a.example</a>"
            " <a href='https://b.example'><img src=x></a>"
            " <a href='cid:x'>x</a> <a>y</a> </a>",
            "https://a.example https://b.example x y",
            id="links",
        ),
        pytest.param(
            "<table>\n<tr><th>a</th><th>b</th></tr>\n<tr><td>1</td><td>2</td></tr></table>",
            "a | b\n1 | 2",
            id="table",
        ),
        pytest.param(
            "<table><tr><td><h1></h1></td><td>x</td></tr></table>y",
            "| x\n\ny",
            id="gap",
        ),
        pytest.param(
            "to do:<ul><li>one</li><li><ol><li>a</li><li>b<br>c</li></ol></ul></ul><li>x",
            "to do:\n\n- one\n  1. a\n  2. b\nc\n\n- x",
            id="lists",
        ),
        pytest.param("<p>a</p>\n\n\n<br><br><br>\n<p>b</p>", "a\n\nb", id="gaps"),
        pytest.param("<b>a</b> <i>b\n c</i>d", "a b cd", id="blanks"),
        pytest.param(
            "<pre>\n\n a  b\n\n\n\n  c</pre> d", "a  b\n\n  c\n\nd", id="preformatted"
        ),
        pytest.param("<img alt='Front door' src=x>", "Front door", id="picture"),
        pytest.param("<div>" * 100_000 + "deep", "deep", id="deep"),
        pytest.param("<ol start='²'><li>one</li></ol>", "1. one", id="start"),
        pytest.param("<table><td colspan='²'>one</td></table>", "one", id="span"),
        pytest.param("<![if x]>one<![foo", "one", id="declaration"),
        pytest.param("1 < 2 <3", "1 < 2 <3", id="less"),
        pytest.param("one</>two</ x>", "onetwo", id="no name"),
        pytest.param("one<!-- > two", "one", id="comment without end"),
        pytest.param("one<!--> two", "one two", id="empty comment"),
        pytest.param("one<p title='> two", "one", id="tag without end"),
        pytest.param("one<style>two", "one", id="style without end"),
        pytest.param("a&#" + "9" * 5000 + ";b", "a\ufffdb", id="number"),
    ],
)
def test_text_of_html(html: str, text: str) -> None:
    """Made to be read, whatever the HTML is."""
    assert text_of(html) == text


@pytest.mark.parametrize(
    ("html", "ids"),
    [
        ('<img src="cid:door">', {"door"}),
        ("<img src='CID:a%40b&amp;c'/>", {"a@b&c"}),
        ("<td style=\"background:url('cid:x')\" background=cid:y>", {"x", "y"}),
        ('<a href=" cid:file.pdf ">the file</a>', {"file.pdf"}),
        ("<p style='background:url(&quot;cid:a&quot;)'>", {"a"}),
        ("<style>p{background:url(cid:a)}</style>url(cid:b)", {"a"}),
        ("<!-- <img src='cid:a'> -->(cid:b) =cid:c", set()),
        ("<p title='cid:a'>write cid:door, please", set()),
        ("<title><img src='cid:a'></title>", set()),
        ('<img hidden src="cid:a">', {"a"}),
        ("<img src='cid:'></a href='cid:a'>", set()),
        ("<![foo", set()),
        ("", set()),
    ],
)
def test_content_ids(html: str, ids: set[str]) -> None:
    """Wherever HTML can refer to a part of the message."""
    assert content_ids(html) == ids


@pytest.mark.parametrize(
    ("html", "before", "after"),
    [
        pytest.param("<p>x</p>", "", "", id="snippet"),
        pytest.param(
            "<!-- <body> --><BODY class='>'>x</body>y",
            "<!-- <body> --><BODY class='>'>",
            "</body>y",
            id="document",
        ),
        pytest.param(
            "<!DOCTYPE html>\n<html><head><title>x</title><style>b{}</style></head>\n"
            "<p>y</html>\n",
            "<!DOCTYPE html>\n<html><head><title>x</title><style>b{}</style></head>\n",
            "</html>\n",
            id="document without body",
        ),
        pytest.param("<!DOCTYPE html>\n x", "<!DOCTYPE html>", "", id="doctype"),
        pytest.param(
            "<!doctype html><!--[if mso]><body><![endif]--><p>x",
            "<!doctype html><!--[if mso]><body><![endif]-->",
            "",
            id="body for Outlook alone",
        ),
        pytest.param(
            "<!doctype html><!--[if !mso]><!--><body><!--<![endif]--><p>x"
            "<!--[if !mso]><!--></body><!--<![endif]--></html>",
            "<!doctype html><!--[if !mso]><!--><body><!--<![endif]-->",
            "</html>",
            id="body for all but Outlook",
        ),
        pytest.param(
            "<!--[if mso]><body><![endif]--><!--[if !mso]>--><body><!--<![endif]-->"
            "<body><![if !mso]><p>x</p><![endif]></body>",
            "<!--[if mso]><body><![endif]--><!--[if !mso]>--><body><!--<![endif]-->"
            "<body>",
            "</body>",
            id="bodies for everyone",
        ),
        pytest.param(
            " <!DOCTYPE html>\n<html><![IF !mso]><body>x</body><![ENDIF]></html>",
            " <!DOCTYPE html>",
            "</html>",
            id="nothing for Outlook",
        ),
        pytest.param(
            "<!doctype html><head><!--[if !mso]>--><style></style></head><body>"
            "<h1>x</h1><!--<![endif]--></body><p>y",
            "<!doctype html>",
            "</body><p>y",
            id="some of it not for Outlook",
        ),
        pytest.param(
            "<![if !mso]><div id='qq-mail'>x</div><body>y",
            "<![if !mso]><div id='qq-mail'>",
            "",
            id="condition without end",
        ),
        pytest.param(
            "<body><h1>x</h1><div id='qq-mail'>y</div></body>",
            "<body><h1>x</h1><div id='qq-mail'>",
            "</body>",
            id="card",
        ),
        pytest.param("<meta name=x>", "", "", id="nothing to see"),
        pytest.param("x<!-- y", "", "<!-- y", id="comment without end"),
        pytest.param("x<p title='", "", "<p title='", id="tag without end"),
    ],
)
def test_body(html: str, before: str, after: str) -> None:
    """Where something can be put in so that all see it, Outlook as well."""
    assert html[: start_of_content(html)] == before
    assert html[end_of_body(html) :] == after


@given(html=ANYTHING)
def test_any_html(html: str) -> None:
    """Each token is where it says, one behind the other."""
    found = tokens(html)
    starts = [token.start for token in found]
    assert starts == sorted(set(starts))
    for token in found:
        match token:
            case Tag(start=start, end=end, source=source):
                assert html[start] == "<"
                assert html[start:end] == source
                assert source[-1:] in {"", ">"}
            case Text(text):
                assert text


@given(html=ANYTHING)
def test_any_picture(html: str) -> None:
    """Its address is where it is said to be."""
    html = f"<img {html}>"
    for url, start, end in image_sources(html):
        value = html[start:end]
        quote = value[0] if value[0] in "\"'" else ""
        assert unescape(value.removeprefix(quote).removesuffix(quote)) == url


# What is read again and again by a parser that is not careful.
REPEATED = {
    "comments": "<!--",
    "declarations": "<!",
    "conditions": "<!--[if x]>",
    "ends of conditions": "<![if x]><![endif]-->a",
    "tags": "<a ",
    "bodies": "<body",
    "end tags": "</a",
    "ends of body": "</body>",
    "quotes": "<a b='",
    "attributes": "a=",
    "slashes": "/",
    "less": "<",
    "ampersands": "&",
    "numbers": "&#9",
    "blanks": " ",
    "lines": " \n",
    "styles": "<style>",
    "titles": "<title></title",
    "cells": "<table><tr><td>",
    "items": "<li>a",
    "lists": "<ol><li>",
    "links": "<a href=http:>",
    "bold": "<b>a",
    "end of link": "</a>",
    "url": "url(",
    "brackets": "[",
    "pictures": "![",
    "stars": "*a ",
    "quoted": "> ",
    "pipes": "|",
    "ticks": "`a``",
}
LEAD_INS = ["", "<p style='", "<img src='cid:a", "<pre>", "<style>url("]


def read_all(html: str) -> None:
    """Read HTML in every way."""
    text_of(html)
    content_ids(html)
    start_of_content(html)
    extend_html(html, Card(title="", text="", rows=(Row("a", "b", "c"),)))


@pytest.mark.parametrize("repeated", REPEATED.values(), ids=REPEATED)
def test_work_grows_with_the_size(repeated: str) -> None:
    """Eight times as much HTML is eight times the work, and not sixty-four times."""
    assert_linear(lambda size: repeated * (size // len(repeated)), read_all)
    for lead_in in LEAD_INS:
        assert_linear(
            lambda size: lead_in + repeated * (size // len(repeated)),  # noqa: B023
            content_ids,
        )


@pytest.mark.parametrize("repeated", REPEATED.values(), ids=REPEATED)
def test_work_of_markdown(repeated: str) -> None:
    """Markdown is read by a library: so it is for that."""
    assert_linear(
        lambda size: repeated * (size // len(repeated) // 4),
        lambda text: render_html(Card(title="", text=text, markdown=True)),
    )


def assert_linear(make: Callable[[int], str], read: Callable[[str], object]) -> None:
    """Compare what a text costs with what a longer one does."""
    size, growth = 3_000, 8
    small, large = make(size), make(size * growth)
    cost = min(cost_of(read, small) for _ in range(2))
    # What a step costs differs; a square would be far above.
    limit = 3 * growth * cost + 0.02
    assert min(cost_of(read, large) for _ in range(2)) < limit


def cost_of(read: Callable[[str], object], text: str) -> float:
    """Return the seconds of this thread's own work."""
    start = thread_time()
    read(text)
    return thread_time() - start
