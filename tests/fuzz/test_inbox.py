"""Mail from anybody: whatever its octets, it is read, and presses nothing by chance."""

from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.answers.choice import Meaning, choose
from custom_components.qq_mail.inbox.reading import Kind, read_mail
from custom_components.qq_mail.mime.address import tidy
from custom_components.qq_mail.mime.secret import find_secrets
from tests.answers.test_choice import button, offered
from tests.inbox import mails

from .conftest import fuzz

MAILS = (
    mails.answer("1\n\n> 2", charset="gb18030"),
    mails.answer("<p>1</p><blockquote>2</blockquote>", subtype="html"),
    mails.both("1\n\nOn 15 Sep, x wrote:\n> 2", "<div>1</div>"),
    mails.vacation(),
    mails.qq_bounce(),
    mails.report(mails.FAILED),
)
ACTIONS = (
    button("Close the valve", "CLOSE", destructive=True),
    button("Light on", "LIGHT_ON"),
    button("收到", "acknowledge"),
)
ANY = st.text(st.characters(), max_size=100)
# What means something to whoever reads a mail.
PIECES = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\0", b"--b\r\n", b"--b--", b"\xff\xfe"),
        *(
            b"From: ",
            b"Subject: ",
            b"Content-Type: ",
            b"multipart/report",
            b"text/html",
        ),
        *(
            b"message/delivery-status",
            b"message/rfc822",
            b"; charset=",
            b"; boundary=b",
        ),
        *(
            b"=?gb2312?b?",
            b"=?utf-8?q?",
            b"?=",
            b"<",
            b">",
            b"@",
            b"a@b.cn",
            b'"',
            b"(",
        ),
        *(
            b"<div>",
            b"</div>",
            b"<blockquote>",
            b"<!--",
            b"<![",
            b"&#",
            b"> ",
            b"wrote:",
        ),
        *("水原始邮件".encode("gbk"), "在写道：".encode(), mails.SECRET.encode()),
        b"Content-Transfer-Encoding: base64\r\n",
    ]
)
OCTETS = st.one_of(
    st.binary(max_size=300), st.lists(PIECES | st.binary(max_size=5)).map(b"".join)
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a mail in which some pieces are others."""
    octets = draw(st.sampled_from(MAILS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(octets)))
        end = draw(st.integers(at, min(len(octets), at + 50)))
        octets = octets[:at] + draw(PIECES | st.binary(max_size=8)) + octets[end:]
    return octets


@fuzz(400)
@given(octets=OCTETS | damaged())
def test_any_mail(octets: bytes) -> None:
    """It is read, and only an answer has a text."""
    mail = read_mail(octets)
    assert mail.sender.isascii()
    assert mail.sender == mail.sender.lower()
    assert (mail.bounce is not None) == (mail.kind is Kind.BOUNCE)
    assert not mail.text or mail.kind is Kind.ANSWER
    assert len(mail.secrets) <= 20


@fuzz(200)
@given(octets=st.binary(max_size=200), text=ANY)
def test_no_secret_by_chance(octets: bytes, text: str) -> None:
    """What was not made is not found."""
    assert read_mail(octets).secrets == ()
    assert find_secrets(text) == ()


def letters(text: str) -> str:
    """Return what tells one title from another, at the least."""
    return "".join(filter(str.isalnum, tidy(text).casefold()))


@fuzz(400)
@given(text=ANY, title=ANY, destructive=st.booleans())
def test_any_answer(text: str, title: str, destructive: bool) -> None:
    """A button is pressed only by what is its own, and a destructive one by its title."""
    choices = offered(*ACTIONS, button(title, "X", destructive=destructive))
    meaning = choose(choices, text)
    assert len(meaning.text) <= 2000
    if meaning.button:
        action = meaning.button.action
        first = letters(text.strip().splitlines()[0])
        assert action.destructive or not meaning.needs_title
        assert (
            not action.destructive
            or meaning.needs_title
            or letters(action.title) in first
        )
    (choice,) = offered(button(f"t{title}", "X", destructive=destructive))
    assert choose([choice], f"t{title}") in (
        Meaning(choice),
        Meaning(text=f"t{title}".strip()[:2000]),
    )


@pytest.mark.parametrize(
    "piece",
    [
        *(b"<", b"<a ", b"<!", b"<![", b"<?", b"</", b"&", b"&#", b"<div>", b"<!--"),
        *(b"=?", b"=?a?b?", b"a@", b"<@", b"(", b'"', b"> ", b"-- ", b"--", b"\n"),
        *(b"From: a\n", b"On 1 <", b"wrote: ", b"hq", b"%20hq", b"--b\n", b"; ", b", "),
    ],
)
@pytest.mark.parametrize("kind", ["text/plain", "text/html", "message/delivery-status"])
def test_no_text_takes_long(piece: bytes, kind: str) -> None:
    """However often something is repeated, in a header or below it."""
    many = piece * (200_000 // len(piece))
    body = f"Content-Type: {kind}; boundary=b\r\n\r\n".encode()
    assert read_mail(body + many).secrets == ()
    for name in (b"From", b"Subject", b"References", b"Content-Type"):
        assert read_mail(name + b": " + many.replace(b"\n", b" ")).bounce is None
