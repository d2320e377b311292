"""Whatever a value looks like, no secret of an address in it is shown."""

from html import escape
import json
from typing import Any
from urllib.parse import quote

from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.content.reading import shown_value
from custom_components.qq_mail.content.redaction import quoted, redacted
from tests.mime.test_markup import assert_linear


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("It is offline.", "It is offline.", id="no url"),
        pytest.param("Is it open?", "Is it open?", id="question"),
        pytest.param("/config/www/a.jpg", "/config/www/a.jpg", id="path"),
        pytest.param("100%25 a%20b", "100%25 a%20b", id="nothing but encoded"),
        pytest.param("see http://host:80/a b", "see http://host:80/a b", id="plain"),
        pytest.param("Ann <ann@example.com>", "Ann <ann@example.com>", id="mailbox"),
        pytest.param("mailto:ann@example.com", "mailto:ann@example.com", id="mailto"),
        pytest.param("(rtsp://me:pw@host/a), x", "(rtsp://host/a), x", id="user"),
        pytest.param("http://me:p@w@host/a", "http://host/a", id="at in password"),
        pytest.param("http://me:p/w@host/a", "http://host/a", id="slash in password"),
        pytest.param("http://me:p?w@host/a", "http://…", id="mark in password"),
        pytest.param("http://me:p#w@host/a", "http://…", id="hash in password"),
        pytest.param("me:p?w@host/a", "…", id="mark in password, no scheme"),
        pytest.param("me:p//w@host/a", "…//host/a", id="slashes in password"),
        pytest.param("http://h/a?user=me&pwd=pw", "http://h/a?…", id="query"),
        pytest.param("http://h/a?user=me@x&pwd=pw", "http://…", id="at in query"),
        pytest.param("http://me:pw@h/a?b=c@d", "http://h/a?…", id="both"),
        pytest.param("/api/x?t=a@b", "/api/x?…", id="at in a path's query"),
        pytest.param("//me:pw@host", "//host", id="without a scheme"),
        pytest.param("me:pw@host", "…@host", id="without slashes"),
        pytest.param("HTTP://me:pw@host/a", "HTTP://host/a", id="capitals"),
        pytest.param("http://a,http://me:pw@b", "http://b", id="two in a word"),
        pytest.param("%2Fa%3Ftoken%3Dx", "/a?…", id="encoded"),
        pytest.param("%252Fa%253Ftoken%253Dx", "/a?…", id="encoded twice"),
        pytest.param("%25252525253F", "…", id="encoded too often"),
        pytest.param(r"\/a\u003ftoken=x", "/a?…", id="as in JSON"),
        pytest.param(
            "a: 'b', 'password': 'p w'}", "a: 'b', 'password': …}", id="named"
        ),
        pytest.param("auth: ['me', 'pw']", "auth: …", id="named list"),
    ],
)
def test_redacted(text: str, shown: str) -> None:
    """Rather too little is left than too much."""
    assert redacted(text) == shown


# The two halves of a password, with any sign between them, and of a query.
HALVES = ("S3CR", "ETPW", "T0KN")
ENDS = ["?token=T0KN", "?T0KN", "#T0KN", "?a=b@c&t=T0KN", "?a#T0KN"]
SIGNS = st.sampled_from(list("@:/?#&=+.,;%\\'\"<>[]{}()|~$!*_-水")) | st.just("//")


@st.composite
def addresses(draw: st.DrawFn, *, blanks: bool = False) -> str:
    """Return an address of any form that holds secrets."""
    sign = draw(SIGNS | st.just(" ") if blanks else SIGNS)
    start = draw(
        st.sampled_from(["http://", "RTSP://", "//", "media-source://", "x+y://"])
    )
    user = draw(st.sampled_from(["", f"me:S3CR{sign}ETPW@", f":S3CR{sign}ETPW@"]))
    path = draw(st.sampled_from(["host", "host/a.jpg", "host:80/a b.jpg", "[::1]/"]))
    return start + user + path + draw(st.sampled_from(["", *ENDS]))


RELATIVE = st.builds(
    "{}{}".format,
    st.sampled_from(["/api/camera_proxy/camera.x", "/local/a.png", "a", ""]),
    st.sampled_from(ENDS),
)
# How a value may be written once more.
FORMS = [
    quote,
    lambda text: quote(quote(text, safe=""), safe=""),
    escape,
    json.dumps,
    lambda text: json.dumps({"url": text}),
    lambda text: json.dumps([1, text]).replace("/", "\\/").replace("?", "\\u003F"),
    repr,
    lambda text: f"see {text} for it",
    lambda text: f"({text})",
]


def assert_nothing_leaks(shown: str) -> None:
    """Neither half of a password nor a query may be shown."""
    assert [half for half in HALVES if half in shown] == []


@given(addresses() | RELATIVE, st.sampled_from(FORMS), st.sampled_from(FORMS))
def test_nothing_leaks_from_prose(text: str, first: Any, second: Any) -> None:
    """What another integration says, in whatever form it names an address."""
    assert_nothing_leaks(redacted(text))
    assert_nothing_leaks(redacted(first(text)))
    assert_nothing_leaks(redacted(second(first(text))))


@given(
    addresses(blanks=True) | RELATIVE, st.sampled_from(FORMS), st.sampled_from(FORMS)
)
def test_nothing_leaks_from_a_value(text: str, first: Any, second: Any) -> None:
    """Nor from a value of a call, alone, in lists and in mappings."""
    for value in (text, first(text), second(first(text))):
        assert_nothing_leaks(quoted(value))
        for whole in (value, [1, value], {"url": value, "x": [value]}, (value,)):
            assert_nothing_leaks(shown_value(whole))


@pytest.mark.parametrize(
    "name", ["password", "access_token", "api-key", "Authorization", "user_name"]
)
def test_nothing_leaks_by_its_name(name: str) -> None:
    """What is called a secret is one, whatever it looks like."""
    for secret in ("S3CR", "S3CR ETPW", ["S3CR", "ETPW"], {"a": "S3CR"}):
        assert_nothing_leaks(shown_value({"url": "http://a", name: secret}))
        assert_nothing_leaks(shown_value(json.dumps({name: secret})))


@pytest.mark.parametrize(
    "repeated",
    [
        "@",
        ":",
        "//",
        "?",
        "a:b@c ",
        "%25",
        "&amp;",
        "token",
        "token='",
        "a='",
        "[",
        "\\",
    ],
)
def test_time_grows_with_the_length_alone(repeated: str) -> None:
    """Whoever writes a megabyte holds nothing up."""
    assert_linear(
        lambda size: repeated * (size // len(repeated)),
        lambda text: (quoted(text), redacted(text)),
    )
