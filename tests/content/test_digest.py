"""Many alerts as one mail: what it says, and what goes with it."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from custom_components.qq_mail.content import digest as digest_module
from custom_components.qq_mail.content.digest import DigestWriter
from custom_components.qq_mail.mime import digest as mail_digest
from custom_components.qq_mail.mime.address import Mailbox, Recipients
from custom_components.qq_mail.mime.message import compose
from custom_components.qq_mail.mime.models import BodyPart, Draft, KeptMessage
from custom_components.qq_mail.texts import async_texts
from homeassistant.core import HomeAssistant

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ONE, TWO = Mailbox("a@example.com", "Anna"), Mailbox("b@example.com")
HOUSE = Mailbox("house@qq.com", "我的家")


def kept(
    minute: int, title: str = "Door", text: str = "Open", **values: Any
) -> KeptMessage:
    """Return an alert in wire form, raised so many minutes after noon."""
    time = NOON + timedelta(minutes=minute)
    stream = BytesIO()
    draft = {"recipients": Recipients(to=(ONE,)), "subject": title, "text": text}
    compose(
        stream,
        Draft(**{**draft, **values}),
        sender=HOUSE,
        message_id="<1@qq.com>",
        date=time,
    )
    return KeptMessage(time, time, title, stream.getvalue())


def part(name: str, size: int, *, inline: bool = False) -> BodyPart:
    """Return a picture or a file."""
    kind = "image/png" if inline else "text/plain"
    content_id = f"{name}@x" if inline else ""
    return BodyPart(
        content=b"." * size,
        media_type=kind,
        filename=name,
        inline=inline,
        content_id=content_id,
    )


@pytest.fixture
async def writer(hass: HomeAssistant) -> DigestWriter:
    """Return what writes digests with attachments of up to 1000 octets."""
    await hass.config.async_set_time_zone("UTC")
    return DigestWriter(await async_texts(hass), "Home", "en", 1000)


def digest_of(writer: DigestWriter, *messages: KeptMessage) -> EmailMessage:
    """Return the mail that tells these."""
    stream = BytesIO()
    subject, _ = writer(stream, messages, lambda: None)
    wire = stream.getvalue().replace(b"\r\n..", b"\r\n.")
    mail = message_from_bytes(wire, policy=default)
    assert mail["Subject"] == subject
    return mail


def text_of(mail: EmailMessage, subtype: str = "plain") -> str:
    """Return its text, or its HTML."""
    body = mail.get_body((subtype,))
    assert body
    return str(body.get_content()).replace("\r\n", "\n").rstrip()


async def test_text(writer: DigestWriter) -> None:
    """The newest first, equal ones counted; the most frequent names it."""
    mail = digest_of(
        writer,
        kept(-24 * 60, "Battery", "Low"),
        *(kept(minute) for minute in range(3, 10)),
        kept(4, "Window", ".one\n.two"),
        kept(10, "Door", "Closed"),
    )
    assert mail["Subject"] == "10 alerts, 11-24 12:00 to 12:10: Door and others"
    assert text_of(mail) == (
        "10 alerts, 11-24 12:00 to 12:10\n\n"
        "Door (12:10)\nClosed\n\n"
        "Window (12:04)\n.one\n.two\n\n"
        "Door (7 times, 12:03 to 12:09)\nOpen\n\n"
        "Battery (11-24 12:00)\nLow\n\n"
        "Sent by Home Assistant · Home · 2026-11-25 12:10"
    )
    html = text_of(mail, "html")
    assert html.index("Closed") < html.rindex("Window") < html.index("7 times")
    assert ".one<br>\n.two" in html


async def test_header(writer: DigestWriter) -> None:
    """As that of the newest, with a Message-ID of its own."""
    values: dict[str, Any] = {"references": "<tag@qq.com>", "reply_to": TWO}
    mail = digest_of(writer, kept(0, references="<tag@qq.com>"), kept(1, **values))
    assert mail["Date"].datetime == NOON + timedelta(minutes=1)
    assert mail["From"].addresses[0].display_name == "我的家"
    assert mail["To"].addresses[0].display_name == "Anna"
    assert mail["References"] == "<tag@qq.com>"
    assert mail["Reply-To"] == "b@example.com"
    assert mail["Message-ID"].endswith("@qq.com>")
    assert mail["Message-ID"] != "<1@qq.com>"


async def test_of_several_conversations(writer: DigestWriter) -> None:
    """It belongs to none of them."""
    mail = digest_of(writer, kept(0), kept(1, references="<tag@qq.com>"))
    assert mail["References"] is None


async def test_who_is_hidden_stays_hidden(writer: DigestWriter) -> None:
    """Named is who is named in all of them."""
    mail = digest_of(
        writer,
        kept(0, recipients=Recipients(to=(ONE,), bcc=(TWO,))),
        kept(1, recipients=Recipients(to=(ONE,), cc=(TWO,))),
    )
    assert mail["To"] == "Anna <a@example.com>"
    assert mail["Cc"] is None


async def test_equal_cards(writer: DigestWriter) -> None:
    """Their heading and their last line, which has the time, are no text of theirs."""
    texts = [
        f"Important\nDoor\n\nOpen\n\nSent by Home Assistant · Home · 12:0{minute}"
        for minute in range(2)
    ]
    mail = digest_of(writer, *(kept(n, text=text) for n, text in enumerate(texts)))
    assert "Door (2 times, 12:00 to 12:01)\nOpen\n\n" in text_of(mail)
    mail = digest_of(
        writer, kept(0, text="Sent by Home Assistant · Home"), kept(0, "Other")
    )
    assert "Door (12:00)\n\n" in text_of(mail)


async def test_parts(writer: DigestWriter) -> None:
    """The newest have a place first; what has none is told."""
    html = "<p>x</p>"
    mail = digest_of(
        writer,
        kept(
            0,
            html=html,
            parts=(part("old.txt", 100), part("old.png", 300, inline=True)),
        ),
        kept(1, html=html, parts=(part("new.png", 800, inline=True),)),
    )
    files = [one.get_filename() for one in mail.walk() if one.get_filename()]
    assert files == ["new.png", "old.txt"]
    text = text_of(mail)
    assert "[12:01 new.png]" in text
    assert "no room: 1 pictures" in text


async def test_few_places(
    writer: DigestWriter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nor is a message read to its end of which nothing more is needed."""
    monkeypatch.setattr(digest_module, "MAX_PARTS", 1)
    monkeypatch.setattr(mail_digest, "_HEAD", 1500)
    large = kept(0, parts=(part("large.bin", 5000),))
    file = tmp_path / "large.eml"
    assert isinstance(large.content, bytes)
    file.write_bytes(large.content)
    small = tmp_path / "small.eml"
    content = kept(1, parts=(part("small.bin", 10),)).content
    assert isinstance(content, bytes)
    small.write_bytes(content)
    mail = digest_of(
        writer,
        KeptMessage(NOON, NOON, "Door", file),
        KeptMessage(NOON, NOON, "Door", small),
        kept(2, parts=(part("one.bin", 10), part("two.bin", 10))),
    )
    files = [one.get_filename() for one in mail.walk() if one.get_filename()]
    assert files == ["one.bin"]
    assert "no room: 3 pictures" in text_of(mail)


async def test_a_thousand(writer: DigestWriter) -> None:
    """A mail that can be read; what is not shown is counted."""
    long = "门" * 5000
    mail = digest_of(
        writer, *(kept(n, f"{n} {long}", f"&{n} {long}") for n in range(200))
    )
    assert len(text_of(mail, "html").encode()) < 102_000
    text = text_of(mail)
    assert "\n199 门" in text
    assert "and 1" in text
    assert "more alerts: " in text
    assert text.count("…") < 100
    assert len(mail["Subject"]) < 250


async def test_no_longer_than_programs_show(writer: DigestWriter) -> None:
    """Signs that take five times their place in HTML."""
    mail = digest_of(
        writer, *(kept(n, f"{n} {'&' * 300}", "&" * 2000) for n in range(50))
    )
    assert 50_000 < len(text_of(mail, "html").encode()) < 102_000
    text = text_of(mail)
    shown = text.partition("\nand ")[0].count("…") // 2
    assert f"and {50 - shown} more alerts" in text


async def test_titles_without_room(
    writer: DigestWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is rare is not lost behind a sensor that always says something else."""
    monkeypatch.setattr(digest_module, "MAX_ENTRIES", 2)
    signal = [kept(n, "Signal", f"{n} dBm") for n in range(1, 6)]
    mail = digest_of(writer, kept(0, "Leak", "Wet"), *signal)
    assert "and 4 more alerts: Leak × 1 · Signal × 3\n" in text_of(mail)
    many = [kept(n, f"{n:02} {'long' * 20}", "x") for n in range(13)]
    text = text_of(digest_of(writer, *many))
    assert "and 11 more alerts: 10 longlong" in text
    assert "01 longlonglonglonglonglonglonglonglongl… × 1 · …\n" in text
    assert "00 long" not in text


async def test_one_title(writer: DigestWriter) -> None:
    """Nothing else is hidden behind it."""
    mail = digest_of(writer, kept(0), kept(1, text="Closed"))
    assert mail["Subject"] == "2 alerts, 12:00 to 12:01: Door"


async def test_nobody_wants_it(writer: DigestWriter) -> None:
    """It ends as soon as that is known."""

    def check() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        writer(BytesIO(), [kept(0)], check)
