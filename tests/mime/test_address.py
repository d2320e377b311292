"""Addresses as people type and paste them."""

import email_validator
import pytest

from custom_components.qq_mail.mime.address import (
    InvalidMailboxError,
    Mailbox,
    one_line,
    shown_texts,
    tidy,
)

QQ = "10001@qq.com"


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        pytest.param("10001", Mailbox(QQ), id="QQ number"),
        pytest.param("１０００１", Mailbox(QQ), id="full-width digits"),
        pytest.param("123456789012", Mailbox("123456789012@qq.com"), id="12 digits"),
        pytest.param("Name <10001>", Mailbox(QQ, "Name"), id="name, QQ number"),
        pytest.param("老婆 10001", Mailbox(QQ, "老婆"), id="name before a number"),
        pytest.param(
            "Li Lei 2　１０００１", Mailbox(QQ, "Li Lei 2"), id="full-width blank"
        ),
        pytest.param(
            "Name＜10001@qq.com＞", Mailbox(QQ, "Name"), id="full-width brackets"
        ),
        pytest.param(
            "爸爸＜１０００１＞", Mailbox(QQ, "爸爸"), id="all of it full-width"
        ),
        pytest.param("爸爸《10001@qq.com》", Mailbox(QQ, "爸爸"), id="title marks"),
        pytest.param(
            "《家》 <10001>", Mailbox(QQ, "《家》"), id="title marks in a name"
        ),
        pytest.param("１０００１＠ｑｑ．ｃｏｍ", Mailbox(QQ), id="full-width address"),
        pytest.param("10001@qq。com", Mailbox(QQ), id="Chinese full stop"),
        pytest.param(
            "\ufeff1000\u200b1@q\u00adq.com\u2060 ", Mailbox(QQ), id="invisible"
        ),
        pytest.param("\u202a10001@qq.com\u202c", Mailbox(QQ), id="direction marks"),
        pytest.param('"A, B"\u200b <10001>\u200b', Mailbox(QQ, "A, B"), id="around it"),
        pytest.param("老婆 <10001>", Mailbox(QQ, "老婆"), id="Hanzi"),
        pytest.param("老婆 10001", Mailbox(QQ, "老婆"), id="Hanzi without brackets"),
        pytest.param("老婆\u3000１０００１", Mailbox(QQ, "老婆"), id="all full-width"),
        pytest.param(
            "My wife 10001", Mailbox(QQ, "My wife"), id="name without brackets"
        ),
        pytest.param(
            "老 婆 10001@qq.com", Mailbox(QQ, "老 婆"), id="before an address"
        ),
        pytest.param('"My wife" 10001@qq.com', Mailbox(QQ, "My wife"), id="in quotes"),
        pytest.param("MailTo:10001@qq.com?subject=x", Mailbox(QQ), id="mailto"),
        pytest.param(
            "Ann <mailto:10001@qq.com>", Mailbox(QQ, "Ann"), id="mailto, name"
        ),
        pytest.param("a@b.test", Mailbox("a@b.test"), id=".test"),
        pytest.param("a@nas.local", Mailbox("a@nas.local"), id=".local"),
        pytest.param("a@nas.home.arpa", Mailbox("a@nas.home.arpa"), id="home.arpa"),
        pytest.param("a@b.localhost", Mailbox("a@b.localhost"), id=".localhost"),
        pytest.param("a@b.example", Mailbox("a@b.example"), id=".example"),
        pytest.param("a@b.invalid", Mailbox("a@b.invalid"), id=".invalid"),
        pytest.param("a@mail.lan1", Mailbox("a@mail.lan1"), id="in the house"),
    ],
)
def test_understood(text: str, mailbox: Mailbox) -> None:
    """What is meant is read, alone and in a list, and read again once stored."""
    assert Mailbox.parse(text) == mailbox
    assert Mailbox.parse_all(f"{text}、b@b.cn") == ([mailbox, Mailbox("b@b.cn")], [])
    assert Mailbox.parse(str(mailbox)) == Mailbox.stored(str(mailbox)) == mailbox


def test_reserved_domains_stay_refused_elsewhere() -> None:
    """Other integrations have the library as they know it."""
    Mailbox.parse("a@nas.local")
    with pytest.raises(email_validator.EmailNotValidError):
        email_validator.validate_email("a@nas.local", check_deliverability=False)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("1234", id="number too short"),
        pytest.param("10001 10002", id="two numbers"),
        pytest.param("a@b.cn 10002", id="two addresses"),
        pytest.param("Ann 10001 10002", id="name, two numbers"),
        pytest.param("Ann 1234", id="name, short number"),
        pytest.param("1234567890123", id="number too long"),
        pytest.param("a@1.2.3.4", id="IP address"),
        pytest.param("a@b.cn.", id="dot at the end"),
        pytest.param("Ann＜a@b.cn＞ <c@b.cn>", id="two"),
        pytest.param("Ann <a@b.cn> x", id="something behind"),
        pytest.param("Ann <a@b.cn", id="bracket not closed"),
        pytest.param("<>", id="nothing in the brackets"),
        pytest.param("zhang san@qq.com", id="blank in the address"),
        pytest.param("爸爸 10001 妈妈 10002", id="two with names"),
        pytest.param("家 10001 a@b.cn", id="number in a name"),
        pytest.param("老婆 1000", id="name and no number"),
        pytest.param("a\0@b.cn", id="NUL"),
        pytest.param(f"a@{'b' * 64}.cn", id="label too long"),
    ],
)
def test_refused(text: str) -> None:
    """It is named as it was typed."""
    with pytest.raises(InvalidMailboxError):
        Mailbox.parse(text)
    assert shown_texts([text]) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a@" + "b." * 160 + "cn", id="address"),
        pytest.param("A" * 1000 + " <a@b.cn>", id="name"),
        pytest.param("\ud800" * 200, id="not to be encoded"),
    ],
)
def test_too_long(text: str) -> None:
    """It is refused, and named by its beginning."""
    with pytest.raises(InvalidMailboxError):
        Mailbox.parse(text)
    assert shown_texts([text]).endswith("…")
    assert len(shown_texts([text]).encode()) < 110


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("10001@qq.com a@b.cn 10002", id="blanks"),
        pytest.param("10001@qq.com\ta@b.cn\n10002", id="a table's cells"),
        pytest.param("mailto:10001 a@b.cn, 10002", id="mixed"),
    ],
)
def test_blanks_between_addresses(text: str) -> None:
    """They are addresses, one beside the other."""
    found, invalid = Mailbox.parse_all(text)
    assert [one.addr_spec for one in found] == [QQ, "a@b.cn", "10002@qq.com"]
    assert not invalid


def test_several_wrong() -> None:
    """All are named, but no more than somebody reads."""
    _, invalid = Mailbox.parse_all("x, a@b.cn; y, x")
    assert shown_texts(invalid) == "x, y"
    _, invalid = Mailbox.parse_all("1,2,3,4,5,6,7")
    assert shown_texts(invalid) == "1, 2, 3, 4, 5, …"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" " * 1_000_000, id="blanks"),
        pytest.param(" " * 1_000_000 + "a@b.cn", id="blanks before an address"),
        pytest.param('a@b.cn,"",' * 100_000, id="quotes and separators"),
        pytest.param('"' * 999_999, id="quotes"),
        pytest.param("<" * 1_000_000, id="brackets"),
        pytest.param("x <" * 300_000 + ">", id="names"),
        pytest.param("\u200b" * 1_000_000, id="invisible"),
        pytest.param("," * 1_000_000, id="separators"),
        pytest.param("家 " * 300_000 + "a@b.cn", id="words"),
    ],
)
def test_time_grows_with_the_length_alone(text: str) -> None:
    """The square of such a length would take hours, and the time limit end this."""
    _, invalid = Mailbox.parse_all(text)
    assert len(shown_texts(invalid)) <= 110


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("我的\u200b家\ufeff", "我的家", id="zero width"),
        pytest.param("a\tb\r\nc\0d", "a b c d", id="control characters"),
        pytest.param("\u200d我 \u200c 家\u200d", "我 家", id="joiners of nothing"),
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="Persian"),
        pytest.param(
            "👨\u200d👩\u200d👧 家", "👨\u200d👩\u200d👧 家", id="joined emoji"
        ),
        pytest.param("\u200b\u2060", "", id="nothing to see"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    """What nobody sees goes, but for what joins and parts letters and emoji."""
    assert one_line(text) == line


def test_tidy() -> None:
    """For what a machine reads."""
    assert tidy("\u200b ｓｍｔｐ。ｑｑ．ｃｏｍ：４６５\u00ad ") == "smtp.qq.com:465"


def test_as_long_as_may_be() -> None:
    """What was just short enough to be typed is not too long once it is stored."""
    text = "A" * 991 + " <a@b.cn>"
    mailbox = Mailbox.parse(text)
    assert Mailbox.stored(str(mailbox)) == mailbox
