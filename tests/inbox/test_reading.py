"""What a mail is, who wrote it, and what of it is theirs."""

import pytest

from custom_components.qq_mail.inbox.reading import Kind, read_mail

from .mails import (
    ANSWERING,
    OTHER,
    PERSON,
    REFERENCE,
    SECRET,
    TENCENT,
    answer,
    both,
    vacation,
    wire,
)


def test_answer() -> None:
    """Who wrote it, what to, and the secret that came back."""
    mail = read_mail(answer("1"))
    assert mail.kind is Kind.ANSWER
    assert mail.sender == PERSON
    assert mail.message_ids == ("<answer@example.com>",)
    assert mail.references == (REFERENCE, TENCENT)
    assert mail.secrets == (SECRET,)
    assert mail.text == "1"
    assert mail.bounce is None


def test_header_alone() -> None:
    """It tells all but the text."""
    mail = read_mail(answer("1").partition(b"\r\n\r\n")[0])
    assert (mail.kind, mail.sender, mail.text) == (Kind.ANSWER, PERSON, "")
    assert mail.secrets == (SECRET,)


@pytest.mark.parametrize(
    "quote",
    [
        pytest.param("------------------ 原始邮件 ------------------\n{}", id="QQ"),
        pytest.param(
            "------------------&nbsp;Original&nbsp;------------------\n{}".replace(
                "&nbsp;", "\xa0"
            ),
            id="QQ in English",
        ),
        pytest.param("---Original---\nFrom: x\n{}", id="QQ on a phone"),
        pytest.param("---原始邮件---\n发件人：x\n{}", id="WeChat"),
        pytest.param("---- 回复的原邮件 ----\n| 发件人 | x |\n{}", id="NetEase"),
        pytest.param(
            '在 2026-09-15 14:31:25，"家" <123456@qq.com> 写道：\n> {}',
            id="NetEase, quoted",
        ),
        pytest.param("-----Original Message-----\nFrom: x\n{}", id="old Outlook"),
        pytest.param("________________________________\nFrom: x\n{}", id="Outlook"),
        pytest.param(
            "发件人：家 <123456@qq.com>\n发送时间：2026年\n收件人：x\n{}", id="Foxmail"
        ),
        pytest.param("*From:* x\n*Sent:* y\n{}", id="Outlook in Gmail"),
        pytest.param(
            "On Tue, Sep 15, 2026 at 2:31 PM Home <123456@qq.com>\nwrote:\n\n> {}",
            id="Gmail",
        ),
        pytest.param(
            "家 <123456@qq.com> 于2026年9月15日周二\n14:31写道：\n\n> {}",
            id="Gmail in Chinese",
        ),
        pytest.param(
            "> 在 2026年9月15日，14:31，家 <123456@qq.com> 写道：\n> {}", id="Apple"
        ),
        pytest.param(
            "On 15 Sep 2026, at 14:31,\nHome\n<123456@qq.com> wrote:\n{}",
            id="not marked",
        ),
        pytest.param("Begin forwarded message:\n{}", id="Apple, forwarded"),
        pytest.param("> {}", id="marked alone"),
        pytest.param("-- \n{}", id="signature"),
        pytest.param("发自我的iPhone\n\n> {}", id="iPhone in Chinese"),
        pytest.param("Sent from my iPhone", id="iPhone"),
        pytest.param("获取 Outlook for iOS", id="Outlook on a phone"),
        pytest.param("来自我的华为手机", id="Huawei"),
        pytest.param("從我的 iPhone 傳送", id="iPhone in Taiwan"),
    ],
)
def test_quotes_and_signatures(quote: str) -> None:
    """What the programs add is not the sender's, above it and below."""
    added = quote.format("2 Close the valve")
    assert read_mail(answer(f"Yes, 1\n\n{added}\n")).text == "Yes, 1"
    assert read_mail(answer(f"{added}\n")).text == ""


@pytest.mark.parametrize(
    ("text", "own"),
    [
        pytest.param("On 15 Sep 2026, x wrote:\n> a\n\n1\n", "1", id="below a quote"),
        pytest.param("From: me\n1", "From: me\n1", id="no header field after it"),
        pytest.param("She wrote:\nhello", "She wrote:\nhello", id="no date"),
        pytest.param("a\n\n\nb", "a\n\n\nb", id="blank lines"),
        pytest.param("On a\nb\nc\nd", "On a\nb\nc\nd", id="On, and no quote"),
        pytest.param("来自客厅", "来自客厅", id="from the living room"),
        pytest.param("---\n1", "---\n1", id="dashes"),
    ],
)
def test_not_a_quote(text: str, own: str) -> None:
    """What looks like one is kept."""
    assert read_mail(answer(text)).text == own


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(
            "<div>1</div><div><br></div><div>------------------&nbsp;原始邮件&nbsp;------------------</div><div>2</div>",
            id="QQ",
        ),
        pytest.param(
            "1<br><sign signid=0><div>张三</div></sign><div id='original-content'>2</div>",
            id="QQ with signature",
        ),
        pytest.param(
            "<p>1</p><div id=appendonsend></div><hr><div id=divRplyFwdMsg>From: x</div>2",
            id="Outlook",
        ),
        pytest.param(
            "<div dir=ltr>1</div><div class=gmail_signature><div>Me</div></div><div class=gmail_quote><div>On 15 Sep, x &lt;a@b.cn&gt; wrote:<br></div><blockquote>2</blockquote></div>",
            id="Gmail",
        ),
        pytest.param(
            "<html><head><title>2</title><style>2</style></head><body>1<blockquote type=cite>2<blockquote>3</blockquote></blockquote></body></html>",
            id="Apple",
        ),
        pytest.param("<head><body>1</body>", id="head that does not end"),
        pytest.param("1<div class='yahoo_quoted x'>2</div>", id="Yahoo"),
        pytest.param("</blockquote><p>1</p><![x", id="malformed"),
        pytest.param("1<blockquote cite=a/>2</blockquote>", id="value with a slash"),
        pytest.param("<head/><style/><p>1</p>", id="ends with its start, as in XML"),
        pytest.param(
            f"<p>1</p><blockquote>&#{'9' * 5000};</blockquote>", id="huge reference"
        ),
    ],
)
def test_html_alone(html: str) -> None:
    """Elements and lines of a quote are left out."""
    assert read_mail(answer(html, subtype="html")).text == "1"


def test_html_lines() -> None:
    """Blocks are lines, and blanks are one."""
    html = "<table><tr><td>a  b</td></tr></table>c<br><br>d<ul><li>e</li></ul>"
    assert read_mail(answer(html, subtype="html")).text == "a b\nc\n\nd\ne"


@pytest.mark.parametrize("charset", ["gbk", "gb18030", "utf-8", "big5", "utf-16"])
def test_charsets(charset: str) -> None:
    """In base64, as QQ's programs write."""
    assert read_mail(answer("關水", charset=charset)).text == "關水"


@pytest.mark.parametrize(
    ("content_type", "octets"),
    [
        pytest.param(
            "text/plain; charset=gb2312", "關水".encode("gbk"), id="too narrow"
        ),
        pytest.param("text/plain", "關水".encode(), id="none, UTF-8"),
        pytest.param(
            "text/plain; charset=x-unknown", "關水".encode("gbk"), id="unknown, GBK"
        ),
        pytest.param(
            "text/plain; charset=iso-0", "關水".encode(), id="none of Python's"
        ),
        pytest.param(
            "text/plain; charset=punycode", "關水".encode(), id="none of a mail"
        ),
    ],
)
def test_wrong_charsets(content_type: str, octets: bytes) -> None:
    """What it is called is not always what it is."""
    header = wire(f"{ANSWERING}Content-Type: {content_type}\n\n")
    assert read_mail(header + octets).text == "關水"


def test_flowed() -> None:
    """Lines that were wrapped are one again (RFC 3676)."""
    text = "Close the \nvalve\n > stuffed\n> a \n> b\n-- \nMe"
    flowed = read_mail(answer(text, parameters="; format=flowed"))
    assert flowed.text == "Close the valve"
    delsp = read_mail(answer("关总 \n阀", parameters="; format=flowed; delsp=yes"))
    assert delsp.text == "关总阀"


def test_plain_text_counts_before_html() -> None:
    """Unless it is blank; where all of it is a quote, nothing was written."""
    assert read_mail(both("1", "<p>2</p>")).text == "1"
    assert read_mail(both(" \n", "<p>2</p>")).text == "2"
    assert read_mail(both("> x", "<p>2</p>")).text == ""


def test_attachments_are_no_text() -> None:
    """A file that came with an answer is not read."""
    octets = both("1", "x").replace(
        b"plain; charset=utf-8", b"plain; charset=utf-8; name=a.txt"
    )
    assert read_mail(octets).text == "x"


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(f"References: <{OTHER}@qq.com>\n\n1", id="References"),
        pytest.param(f"In-Reply-To: <{OTHER.upper()}@qq.com>\n\n1", id="In-Reply-To"),
        pytest.param(f"Subject: =?utf-8?q?1_=28{OTHER}=29?=\n\n1", id="subject"),
        pytest.param(f"Subject: x\n\n1\n\n> {OTHER}", id="quote"),
        pytest.param(
            f"Content-Type: text/html\n\n<a href='mailto:a@b.cn?subject=1%20{OTHER}'>1</a>",
            id="link in a quote",
        ),
    ],
)
def test_places_of_a_secret(place: str) -> None:
    """Programs keep some of them, and others lose them."""
    assert read_mail(wire(f"From: {PERSON}\n{place}")).secrets == (OTHER,)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        pytest.param("Auto-Submitted: auto-generated", Kind.AUTOMATIC, id="our own"),
        pytest.param("Auto-Submitted: auto-replied (x)", Kind.AUTOMATIC, id="RFC 3834"),
        pytest.param("Auto-Submitted: no", Kind.ANSWER, id="by hand"),
        pytest.param("Precedence: Bulk", Kind.AUTOMATIC, id="bulk"),
        pytest.param("List-Id: <x.example.com>", Kind.AUTOMATIC, id="list"),
        pytest.param("X-Autoreply: yes", Kind.AUTOMATIC, id="X-Autoreply"),
        pytest.param("Return-Path: <>", Kind.AUTOMATIC, id="null reverse path"),
        pytest.param("Subject: Automatic reply: Water", Kind.AUTOMATIC, id="Outlook's"),
        pytest.param("Subject: Fwd: Water", Kind.FORWARDED, id="forwarded"),
        pytest.param(
            "Subject: =?utf-8?b?6L2s5Y+R77yaV2F0ZXI=?=", Kind.FORWARDED, id="in Chinese"
        ),
        pytest.param(
            "Subject: Re: Automatic watering", Kind.ANSWER, id="of that subject"
        ),
        pytest.param("X: y", Kind.ANSWER, id="plain"),
    ],
)
def test_kinds(header: str, kind: Kind) -> None:
    """A machine's mail has no text, so it presses nothing."""
    mail = read_mail(wire(f"{header}\nFrom: {PERSON}\n\n1"))
    assert mail.kind is kind
    assert mail.text == {Kind.ANSWER: "1"}.get(kind, "")


def test_vacation_answer_of_qq() -> None:
    """It is known by its subject alone."""
    mail = read_mail(vacation())
    assert (mail.kind, mail.text) == (Kind.AUTOMATIC, "")


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        pytest.param("From: A@Example.com", "a@example.com", id="alone"),
        pytest.param('From: "b@x.cn" <a@example.com>', "a@example.com", id="in a name"),
        pytest.param(
            "From: =?utf-8?q?b=40x=2Ecn=2C?= <a@example.com>",
            "a@example.com",
            id="encoded",
        ),
        pytest.param("From: a@example.com, b@x.cn", "", id="two"),
        pytest.param("From: a@example.com\nFrom: b@x.cn", "", id="two fields"),
        pytest.param("From: a b@example.com", "", id="malformed"),
        pytest.param("From: nobody", "", id="no address"),
        pytest.param(f"From: {'x' * 2000} <a@example.com>", "", id="too long"),
        pytest.param("Sender: a@example.com", "", id="none"),
    ],
)
def test_senders(header: str, sender: str) -> None:
    """There has to be just one."""
    assert read_mail(wire(f"{header}\n\n1")).sender == sender


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        pytest.param(
            "=?gb2312?b?19S2r7vYuLQ=?= =?gb2312?b?o7ox?=",
            Kind.AUTOMATIC,
            id="two words",
        ),
        pytest.param(
            "=?gb2312?b?19S2r7vYuA==?=\n =?gb2312?b?tKO6MQ==?=",
            Kind.AUTOMATIC,
            id="a character in two",
        ),
        pytest.param("=?utf-8?b?%?=Fwd: x", Kind.FORWARDED, id="bad base64"),
        pytest.param("=?utf-8?b?A?=Fwd: x", Kind.FORWARDED, id="a digit of base64"),
        pytest.param(
            "=?utf-8?b?6Ieq5Yqo5Zue5aSN77ya?= =?utf-8?b?x?=",
            Kind.AUTOMATIC,
            id="one of two is broken",
        ),
        pytest.param("Re: =?utf-8?q?Fwd=3A_x?=", Kind.ANSWER, id="behind a text"),
        pytest.param("转=?utf-8?b?5Y+R?=: x", Kind.FORWARDED, id="half of it not"),
        pytest.param("=?utf-8*zh?q?Fwd=3A_x?=", Kind.FORWARDED, id="with a language"),
    ],
)
def test_encoded_words(subject: str, kind: Kind) -> None:
    """As other programs write them."""
    assert read_mail(wire(f"Subject: {subject}\n\n1")).kind is kind


def test_subject_without_encoding() -> None:
    """GBK stands in headers as it is."""
    assert (
        read_mail("Subject: 自动回复：x\r\n\r\n1".encode("gbk")).kind is Kind.AUTOMATIC
    )


def test_more_parts_than_are_read() -> None:
    """A bomb of parts costs no more than some."""
    part = "--b\nContent-Type: text/plain\n\n \n"
    text = "--b\nContent-Type: text/plain\n\n1\n"
    head = "Content-Type: multipart/mixed; boundary=b\n\n"
    assert read_mail(wire(head + part * 90 + text)).text == "1"
    assert read_mail(wire(head + part * 110 + text)).text == ""


def test_multiparts_without_end() -> None:
    """What cannot be parsed is nobody's mail, and says nothing."""
    header = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(3000)
    )
    mail = read_mail(b"From: a@example.com\r\n" + header + b"\r\n1")
    assert (mail.sender, mail.text, mail.secrets) == ("", "", ())


@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: text/plain; charset*=utf-8''euc%00",
        "Content-Type: text/plain; name*=idna''a%ff..b",
        "Content-Type: multipart/mixed; boundary*=undefined''a%ff",
        "Subject: =?euc\0?q?a?=",
    ],
)
def test_what_python_does_not_take(header: str) -> None:
    """It is nobody's answer, and those that come after it are read."""
    mail = read_mail(f"From: a@example.com\r\n{header}\r\n\r\n1".encode())
    assert (mail.kind, mail.sender, mail.text) == (Kind.AUTOMATIC, "", "")
