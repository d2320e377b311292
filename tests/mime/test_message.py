"""What is composed is what a mail program reads, and what QQ takes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
import re
from typing import Any

from bs4 import BeautifulSoup
from fast_mail_parser import parse_email
from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.const import SENDER_NAME_MAX_BYTES
from custom_components.qq_mail.mime.address import (
    InvalidMailboxError,
    Mailbox,
    Recipients,
    one_line,
)
from custom_components.qq_mail.mime.card import Card
from custom_components.qq_mail.mime.header import head
from custom_components.qq_mail.mime.message import (
    UnreadablePartError,
    compose,
    insertions,
)
from custom_components.qq_mail.mime.models import (
    BodyPart,
    Composed,
    Draft,
    Insertion,
    Priority,
)
from custom_components.qq_mail.mime.render import render_html
from tests.qq_server.accepted import from_field_is_valid, unstuffed

DATE = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
SENDER = Mailbox("123456@qq.com")
GRANDMA = Mailbox("grandma@example.com", "奶奶")
GRANDPA = Mailbox("grandpa@example.com", 'Grand "Pa", Sr.')


@dataclass(frozen=True)
class Written:
    """A message as it is submitted, and what is known of it without its head."""

    wire: bytes
    known: Composed
    head: bytes


def composed(
    *,
    subject: str = "Alarm",
    text: str = "Smoke!",
    html: str = "",
    parts: tuple[BodyPart, ...] = (),
    sender: Mailbox = SENDER,
    reply_to: Mailbox | None = None,
    to: tuple[Mailbox, ...] = (GRANDMA,),
    cc: tuple[Mailbox, ...] = (),
    bcc: tuple[Mailbox, ...] = (),
    priority: Priority = Priority.NORMAL,
    references: str = "",
) -> Written:
    """Compose a message with what a test cares about."""
    stream = BytesIO()
    known = compose(
        stream,
        Draft(
            recipients=Recipients(to=to, cc=cc, bcc=bcc),
            subject=subject,
            text=text,
            html=html,
            parts=parts,
            reply_to=reply_to,
            priority=priority,
            references=references,
        ),
    )
    assert known.size == len(stream.getvalue())
    first = head(sender, "<1@qq.com>", DATE)
    return Written(first + stream.getvalue(), known, first)


def submitted(written: Written, put_in: Iterable[Insertion]) -> bytes:
    """Return a message as it is submitted with a note."""
    kept = written.wire.removeprefix(written.head)
    pieces = [written.head]
    at = 0
    for insertion in put_in:
        pieces += [kept[at : insertion.at], insertion.octets]
        at = insertion.at
    return b"".join([*pieces, kept[at:]])


def read(wire: bytes) -> EmailMessage:
    """Read a message as a mail program does, and insist that it has no defect.

    But for the file name in the form that QQ Mail and Outlook read, which Python
    calls a defect and reads all the same.
    """
    message = message_from_bytes(unstuffed(wire), policy=policy.default)
    for part in message.walk():
        assert part.defects == []
        fields = {name.lower(): value for name, value in part.items()}
        if "filename" in fields.get("content-disposition", ""):
            del fields["content-type"]
        assert all(not value.defects for value in fields.values())
    return message


def test_header_fields() -> None:
    """Everything a reader needs, and the marks of an automatic message."""
    written = composed(
        to=(GRANDMA, GRANDPA), cc=(Mailbox("c@example.com"),), reply_to=SENDER
    )
    message = read(written.wire)
    assert message.items() == [
        ("From", "123456@qq.com"),
        ("Date", "Mon, 23 Nov 2026 08:30:00 +0000"),
        ("Message-ID", "<1@qq.com>"),
        (
            "To",
            '奶奶 <grandma@example.com>, "Grand \\"Pa\\", Sr." <grandpa@example.com>',
        ),
        ("Cc", "c@example.com"),
        ("Reply-To", "123456@qq.com"),
        ("Subject", "Alarm"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", 'text/plain; charset="utf-8"'),
        ("Content-Transfer-Encoding", "quoted-printable"),
    ]


def test_what_is_kept_is_of_no_account() -> None:
    """Who writes, when and as which message is said when it is submitted."""
    written = composed()
    kept = message_from_bytes(written.wire.removeprefix(written.head))
    assert {"From", "Date", "Message-ID"}.isdisjoint(kept.keys())


@pytest.mark.parametrize(
    ("date", "field"),
    [
        pytest.param(
            datetime(2026, 11, 25, 3, 9, 53, tzinfo=UTC),
            b"\r\nDate: Wed, 25 Nov 2026 03:09:53 +0000\r\n",
            id="UTC",
        ),
        pytest.param(
            datetime(2031, 1, 1, 23, 59, 59, tzinfo=timezone(timedelta(hours=-3.5))),
            b"\r\nDate: Wed, 01 Jan 2031 23:59:59 -0330\r\n",
            id="another zone",
        ),
    ],
)
def test_date(date: datetime, field: bytes) -> None:
    """With the zone that the house is in (RFC 5322 section 3.3)."""
    assert field in head(SENDER, "<1@qq.com>", date)


def test_recipients() -> None:
    """Blind copies are in the envelope alone, and each address is there once."""
    written = composed(
        to=(GRANDMA,),
        cc=(Mailbox("Grandma@Example.com"),),
        bcc=(Mailbox("spy@example.com"), GRANDMA),
    )
    assert [a.lower() for a in written.known.recipients] == [
        "grandma@example.com",
        "spy@example.com",
    ]
    assert b"spy" not in written.wire


@pytest.mark.parametrize(
    ("cc", "to_field"), [((), "undisclosed-recipients:;"), ((GRANDMA,), None)]
)
def test_nobody_in_to(cc: tuple[Mailbox, ...], to_field: str | None) -> None:
    """A message for copies alone."""
    message = read(composed(to=(), cc=cc, bcc=(GRANDPA,)).wire)
    assert message["To"] == to_field


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("", b"From: 123456@qq.com\r\n"),
        ("Home", b"From: Home <123456@qq.com>\r\n"),
        ("Smith, Home", b'From: "Smith, Home" <123456@qq.com>\r\n'),
        ("我的家", b"From: =?utf-8?b?5oiR55qE5a62?= <123456@qq.com>\r\n"),
        ("Café", b"From: =?utf-8?b?Q2Fmw6k=?= <123456@qq.com>\r\n"),
        ("=?x?", b"From: =?utf-8?b?PT94Pw==?= <123456@qq.com>\r\n"),
    ],
)
def test_from_field(name: str, field: bytes) -> None:
    """QQ's rule: ASCII, or one base64 encoded-word, and a blank before the <."""
    wire = composed(sender=Mailbox("123456@qq.com", name)).wire
    assert wire.startswith(field)
    assert from_field_is_valid(wire, "123456@qq.com")
    assert read(wire)["From"].addresses[0].display_name == name


def test_wire_form() -> None:
    """CRLF line ends, dots stuffed, nothing but ASCII, no line over 998 octets."""
    text = ".\n..dot\r\nbare\rcr " + "长" * 3000 + "\n" + "x" * 3000 + "🚨\x00\x1b"
    wire = composed(text=text).wire
    assert wire.endswith(b"\r\n")
    lines = wire.removesuffix(b"\r\n").split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 998
    assert not any(line == b"." for line in lines)
    assert wire.isascii()


def test_text_with_dots_and_other_line_ends() -> None:
    """Lines that begin with a dot survive the way."""
    message = read(composed(text=".\n..dot\r\nbare\rcr\n").wire)
    assert message.get_content() == ".\r\n..dot\r\nbare\r\ncr\r\n"


def test_newline_in_a_title() -> None:
    """It becomes a blank, and no header field of the caller's."""
    message = read(composed(subject="Alarm\r\nBcc: spy@example.com\n\u2028now").wire)
    assert message["Subject"] == "Alarm Bcc: spy@example.com now"
    assert message["Bcc"] is None


def test_international_domain() -> None:
    """A domain in Chinese is written as A-labels."""
    mailbox = Mailbox.parse("爸爸 <papa@例子.中国>")
    assert mailbox == Mailbox("papa@xn--fsqu00a.xn--fiqs8s", "爸爸")
    assert composed(to=(mailbox,)).known.recipients == (mailbox.addr_spec,)


@pytest.mark.parametrize(
    ("text", "mailboxes"),
    [
        ("a@b.cn", [Mailbox("a@b.cn")]),
        (" Ann <a@b.cn> ", [Mailbox("a@b.cn", "Ann")]),
        ("张三<a@b.cn>", [Mailbox("a@b.cn", "张三")]),
        ("<a@b.cn>", [Mailbox("a@b.cn")]),
        ('"Smith, Ann" <a@b.cn>', [Mailbox("a@b.cn", "Smith, Ann")]),
        ("a@b.cn, b@b.cn;c@b.cn", [Mailbox(f"{x}@b.cn") for x in "abc"]),
        ("a@b.cn，b@b.cn；\nc@b.cn、", [Mailbox(f"{x}@b.cn") for x in "abc"]),
        ("A@B.CN", [Mailbox("A@b.cn")]),
        ("", []),
    ],
)
def test_mailboxes(text: str, mailboxes: list[Mailbox]) -> None:
    """Addresses as people write them, and back again."""
    parsed, invalid = Mailbox.parse_all(text)
    assert parsed == mailboxes
    assert not invalid
    assert [Mailbox.parse(str(mailbox)) for mailbox in parsed] == mailboxes
    assert [Mailbox.stored(str(mailbox)) for mailbox in parsed] == mailboxes


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a@",
        "a@b",
        "a b@c.cn",
        "a@b.cn>",
        "a@b.cn b@b.cn",
        "Ann <a@b.cn> <c@b.cn>",
        "爸@qq.com",
        "a@b.cn\r\nRCPT TO",
        "a@[127.0.0.1]",
    ],
)
def test_no_mailbox(text: str) -> None:
    """What cannot be an address is refused."""
    with pytest.raises(InvalidMailboxError):
        Mailbox.parse(text)


def picture(content: bytes | Path, **more: Any) -> BodyPart:
    """Return a picture with what a test cares about."""
    return BodyPart(
        content=content, media_type="image/jpeg", filename="door.jpg", **more
    )


def test_text_and_html() -> None:
    """A program takes the last form that it can show (RFC 2046 section 5.1.4)."""
    message = read(composed(html="<p>烟雾 alarm</p>").wire)
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert text.get_content() == "Smoke!"
    assert html.get_content_type() == "text/html"
    assert html.get_content() == "<p>烟雾 alarm</p>"


def test_pictures_and_files(tmp_path: Path) -> None:
    """What is shown belongs to the HTML, the rest to the message."""
    file = tmp_path / "any"
    # Longer than one piece, and no whole number of lines.
    content = bytes(range(256)) * 500
    file.write_bytes(content)
    written = composed(
        html='<img src="cid:door">',
        parts=(
            BodyPart(content=file, media_type="text/csv", filename="月报 1.csv"),
            picture(b"\xff\xd8jpeg", content_id="door", inline=True),
            BodyPart(content=b"", media_type="message/rfc822", filename='a"b\\.eml'),
        ),
    )
    message = read(written.wire)
    body, report, mail = message.iter_parts()
    assert body.get_content_type() == "multipart/alternative"
    related = list(body.iter_parts())[1]
    assert related.get_content_type() == "multipart/related"
    shown = list(related.iter_parts())[1]
    assert shown.get_content() == b"\xff\xd8jpeg"
    assert shown["Content-ID"] == "<door>"
    assert shown.get_content_disposition() == "inline"
    assert report.get_content_disposition() == "attachment"
    assert report.get_payload(decode=True) == content
    assert report.get_filename() == "月报 1.csv"
    assert report.get_content_type() == "text/csv"
    assert mail.get_content_type() == "application/octet-stream"
    assert mail.get_filename() == 'a"b\\.eml'


def test_files_without_html() -> None:
    """A text with a file needs no alternative."""
    message = read(composed(parts=(picture(b"jpeg"),)).wire)
    assert message.get_content_type() == "multipart/mixed"
    text, file = message.iter_parts()
    assert text.get_content() == "Smoke!"
    assert file.get_content() == b"jpeg"


def test_file_name_in_chinese() -> None:
    """As the standard wants (RFC 2231), and as QQ Mail and Outlook read it."""
    name = "今天的门口监控截图与门锁记录（前门）.jpg"
    wire = composed(
        parts=(BodyPart(content=b"x", media_type="image/jpeg", filename=name),)
    ).wire
    (_, part) = read(wire).iter_parts()
    assert part.get_filename() == name
    assert part["Content-Disposition"].params["filename"] == name
    assert b"filename*0*=utf-8''%E4%BB%8A" in wire
    words = re.findall(rb'name="((?:=\?utf-8\?b\?[^?]+\?=\s*)+)"', wire)
    assert str(make_header(decode_header(words[0].decode()))) == name


@pytest.mark.parametrize("name", [";", '"', "a;b", 'a"b\\c.jpg', "a=b", "'"])
def test_file_name_that_programs_stumble_over(name: str) -> None:
    """What would need quotes is encoded: both parsers read the same."""
    part = BodyPart(content=b"x", media_type="image/jpeg", filename=name)
    wire = composed(parts=(part,)).wire
    (_, read_part) = read(wire).iter_parts()
    (other_part,) = parse_email(unstuffed(wire)).attachments
    assert read_part.get_filename() == other_part.filename == name


def test_priority_and_conversation() -> None:
    """Marks for the reader; a normal message has none."""
    message = read(
        composed(priority=Priority.HIGHEST, references="<thread@qq.com>").wire
    )
    assert message["X-Priority"] == "1 (Highest)"
    assert message["Importance"] == "high"
    assert message["References"] == "<thread@qq.com>"
    assert {"X-Priority", "Importance", "References"}.isdisjoint(
        read(composed().wire).keys()
    )


def test_unreadable_part(tmp_path: Path) -> None:
    """The caller learns which part it is, and can compose without it."""
    part = picture(tmp_path / "gone")
    with pytest.raises(UnreadablePartError) as failed:
        composed(parts=(picture(b"jpeg"), part))
    assert failed.value.part is part


@pytest.mark.parametrize("text", ["Smoke!", "烟雾报警！", ".", "烟a", "烟雾ab"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "", id="snippet"),
        pytest.param("<!doctype html><html><BODY class='x'>", "", id="document"),
        pytest.param("<html><body>", "烟雾烟雾烟雾烟雾烟雾", id="Chinese"),
        pytest.param(
            "<!--[if !mso]><!--><body><!--<![endif]-->", "", id="not for Outlook"
        ),
    ],
)
def test_insertions(text: str, before: str, after: str) -> None:
    """A line can be put before each text of a message that is composed already."""
    written = composed(text=text, html=f"{before}{after}<p>{text}</p>")
    late = insertions(written.known.gaps, "迟到 <late> ...")
    plain, html = read(submitted(written, late)).iter_parts()
    assert plain.get_content().split() == ["迟到", "<late>", "...", text]
    content = html.get_content()
    assert content.lstrip().startswith(before)
    soup = BeautifulSoup(content, "html.parser")
    assert "".join(soup.get_text().split()) == f"迟到<late>...{after}{text}"
    (note,) = soup("td")
    assert note.get_text() == "迟到 <late> ..."
    assert {"font-family", "background-color"} <= set(
        re.findall(r"[\w-]+(?=:)", str(soup))
    )


def test_late_card() -> None:
    """In a card of ours, the line stands below its title, as its notes do."""
    html = render_html(Card(title="Alarm", text="Smoke!", notes=("No picture.",)))
    written = composed(html=html)
    _, late = read(
        submitted(written, insertions(written.known.gaps, "Late."))
    ).iter_parts()
    soup = BeautifulSoup(late.get_content(), "html.parser")
    assert soup.body
    preheader, *seen = soup.body.stripped_strings
    assert preheader.startswith("Smoke!")
    assert seen[:3] == ["Alarm", "Late.", "Smoke!"]
    first, last = soup("table", class_="note")
    assert str(first).replace("Late.", "No picture.") == str(last)


@pytest.mark.parametrize("text", ["烟", "🚨", "é", "👨\u200d👩\u200d👧 "])
def test_encoded_words(text: str) -> None:
    """None is longer than 75 octets (RFC 2047 section 2), and no line than 76."""
    for length in range(1, 60):
        name = (text * length)[:60]
        wire = composed(
            subject="x" * (length % 20) + text * length,
            sender=Mailbox("123456@qq.com", text.strip()),
            to=(Mailbox("a@example.com", name),),
            parts=(BodyPart(content=b"", media_type="image/png", filename=name),),
        ).wire
        words = re.findall(rb"=\?utf-8\?[^\s\"]+\?=", wire)
        assert max(map(len, words)) <= 75


NAMES = st.text().map(one_line)


@given(
    subject=st.text(),
    text=st.text(),
    html=st.text(),
    sender_name=NAMES.filter(lambda name: len(name.encode()) <= SENDER_NAME_MAX_BYTES),
    name=NAMES.filter(lambda name: '"' not in name),
    filename=NAMES.filter(bool),
    content=st.binary(),
)
def test_any_unicode(
    subject: str,
    text: str,
    html: str,
    sender_name: str,
    name: str,
    filename: str,
    content: bytes,
) -> None:
    """What goes in comes out, adds no header field, and QQ takes it.

    Two parsers say so that have nothing in common: Python's, and one in Rust.
    """
    part = BodyPart(content=content, media_type="image/png", filename=filename)
    wire = composed(
        subject=subject,
        text=text,
        html=html,
        parts=(part, replace(part, inline=True, content_id="x")),
        sender=Mailbox("123456@qq.com", sender_name),
        to=(Mailbox("a@example.com", name),),
    ).wire
    message = read(wire)
    assert set(message.keys()) == set(read(composed().wire).keys()) - {
        "Content-Transfer-Encoding"
    }
    other = parse_email(unstuffed(wire))
    assert not other.warnings
    assert printable(other.subject) == printable(one_line(subject))
    assert printable("".join(other.text_plain)) == printable(text)
    # Blanks may stand before it, where a line can be put in.
    assert printable("".join(other.text_html)).lstrip() == printable(html).lstrip()
    assert [file.content for file in other.attachments] == [content] * 2
    assert {file.filename for file in other.attachments} == {filename}
    assert str(make_header(decode_header(message["Subject"]))) == one_line(subject)
    assert message["To"].addresses[0].display_name == name
    assert message["From"].addresses[0].display_name == sender_name
    assert from_field_is_valid(wire, "123456@qq.com")
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    plain, *others = [part for part in message.walk() if not part.is_multipart()]
    assert printable(plain.get_content()) == printable(text)
    for shown in (part for part in others if part.get_content_type() == "text/html"):
        assert printable(shown.get_content()).lstrip() == printable(html).lstrip()
    for file in (part for part in others if part.get_content_type() == "image/png"):
        assert file.get_content() == content
        # Python's get_filename takes brackets away that are a part of the name.
        assert file["Content-Disposition"].params["filename"] == filename


def printable(text: str) -> str:
    """Return what a person sees of a text."""
    return "".join(c for c in text if c.isprintable())
