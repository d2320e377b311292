"""What is composed is what a mail program reads, and what QQ takes."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.mail.exceptions import InvalidMailboxError
from custom_components.qq_mail.mail.message import SENDER_NAME_MAX_BYTES, compose
from custom_components.qq_mail.mail.models import (
    Draft,
    Mailbox,
    Recipients,
    Submission,
    one_line,
)
from tests.qq_server.accepted import from_field_is_valid, unstuffed

DATE = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
SENDER = Mailbox("123456@qq.com")
GRANDMA = Mailbox("grandma@example.com", "奶奶")
GRANDPA = Mailbox("grandpa@example.com", 'Grand "Pa", Sr.')


def composed(
    *,
    subject: str = "Alarm",
    text: str = "Smoke!",
    sender: Mailbox = SENDER,
    reply_to: Mailbox | None = None,
    to: tuple[Mailbox, ...] = (GRANDMA,),
    cc: tuple[Mailbox, ...] = (),
    bcc: tuple[Mailbox, ...] = (),
) -> Submission:
    """Compose a message with what a test cares about."""
    return compose(
        Draft(
            recipients=Recipients(to=to, cc=cc, bcc=bcc),
            subject=subject,
            text=text,
            reply_to=reply_to,
        ),
        sender=sender,
        message_id="<1@qq.com>",
        date=DATE,
    )


def read(submission: Submission) -> EmailMessage:
    """Read a message as a mail program does, and insist that it has no defect."""
    message = message_from_bytes(unstuffed(submission.wire), policy=policy.default)
    assert message.defects == []
    assert all(not value.defects for value in message.values())
    return message


def test_header_fields() -> None:
    """Everything a reader needs, and the marks of an automatic message."""
    message = read(
        composed(to=(GRANDMA, GRANDPA), cc=(Mailbox("c@example.com"),), reply_to=SENDER)
    )
    assert message.items() == [
        ("From", "123456@qq.com"),
        (
            "To",
            '奶奶 <grandma@example.com>, "Grand \\"Pa\\", Sr." <grandpa@example.com>',
        ),
        ("Cc", "c@example.com"),
        ("Reply-To", "123456@qq.com"),
        ("Subject", "Alarm"),
        ("Date", "Mon, 23 Nov 2026 08:30:00 +0000"),
        ("Message-ID", "<1@qq.com>"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Type", 'text/plain; charset="utf-8"'),
        ("Content-Transfer-Encoding", "quoted-printable"),
        ("MIME-Version", "1.0"),
    ]


def test_envelope() -> None:
    """Blind copies are in the envelope alone, and each address is there once."""
    submission = composed(
        to=(GRANDMA,),
        cc=(Mailbox("Grandma@Example.com"),),
        bcc=(Mailbox("spy@example.com"), GRANDMA),
    )
    assert submission.envelope.reverse_path == "123456@qq.com"
    assert [a.lower() for a in submission.envelope.recipients] == [
        "grandma@example.com",
        "spy@example.com",
    ]
    assert b"spy" not in submission.wire


@pytest.mark.parametrize(
    ("cc", "to_field"), [((), "undisclosed-recipients:;"), ((GRANDMA,), None)]
)
def test_nobody_in_to(cc: tuple[Mailbox, ...], to_field: str | None) -> None:
    """A message for copies alone."""
    message = read(composed(to=(), cc=cc, bcc=(GRANDPA,)))
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
    submission = composed(sender=Mailbox("123456@qq.com", name))
    assert submission.wire.startswith(field)
    assert from_field_is_valid(submission.wire, "123456@qq.com")
    assert read(submission)["From"].addresses[0].display_name == name


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
    message = read(composed(text=".\n..dot\r\nbare\rcr\n"))
    assert message.get_content() == ".\r\n..dot\r\nbare\r\ncr\r\n"


def test_newline_in_a_title() -> None:
    """It becomes a blank, and no header field of the caller's."""
    message = read(composed(subject="Alarm\r\nBcc: spy@example.com\n\u2028now"))
    assert message["Subject"] == "Alarm Bcc: spy@example.com now"
    assert message["Bcc"] is None


def test_international_domain() -> None:
    """A domain in Chinese is written as A-labels."""
    mailbox = Mailbox.parse("爸爸 <papa@例子.中国>")
    assert mailbox == Mailbox("papa@xn--fsqu00a.xn--fiqs8s", "爸爸")
    assert composed(to=(mailbox,)).envelope.recipients == (mailbox.addr_spec,)


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
    parsed = Mailbox.parse_list(text)
    assert list(parsed) == mailboxes
    assert [Mailbox.parse(str(mailbox)) for mailbox in parsed] == mailboxes


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
    """What cannot be an address is refused, and named as it was typed."""
    with pytest.raises(InvalidMailboxError) as refused:
        Mailbox.parse(text)
    assert refused.value.text == text


NAMES = st.text().map(one_line)


@given(
    subject=st.text(),
    text=st.text(),
    sender_name=NAMES.filter(lambda name: len(name.encode()) <= SENDER_NAME_MAX_BYTES),
    name=NAMES.filter(lambda name: '"' not in name),
)
def test_any_unicode(subject: str, text: str, sender_name: str, name: str) -> None:
    """What goes in comes out, adds no header field, and QQ takes it."""
    submission = composed(
        subject=subject,
        text=text,
        sender=Mailbox("123456@qq.com", sender_name),
        to=(Mailbox("a@example.com", name),),
    )
    message = read(submission)
    assert len(message.keys()) == len(read(composed()).keys())
    assert str(make_header(decode_header(message["Subject"]))) == one_line(subject)
    assert message["To"].addresses[0].display_name == name
    assert message["From"].addresses[0].display_name == sender_name
    assert from_field_is_valid(submission.wire, "123456@qq.com")
    assert max(map(len, submission.wire.split(b"\r\n"))) <= 998
    kept = "".join(c for c in text if c.isprintable())
    got = "".join(c for c in message.get_content() if c.isprintable())
    assert got == kept
