"""Many alerts as one mail: what it says, and what goes with it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from types import MappingProxyType
from typing import Any

from bs4 import BeautifulSoup
import pytest

from custom_components.qq_mail.content import digest as digest_module
from custom_components.qq_mail.content.digest import DigestWriter
from custom_components.qq_mail.mime import digest as mail_digest
from custom_components.qq_mail.mime.address import Mailbox, Recipients
from custom_components.qq_mail.mime.card import Button, Card, Link, Look
from custom_components.qq_mail.mime.message import compose
from custom_components.qq_mail.mime.models import (
    BodyPart,
    Draft,
    KeptMessage,
    Priority,
    WrittenDigest,
)
from custom_components.qq_mail.mime.render import (
    MAX_OCTETS,
    extend_html,
    extend_text,
    render_html,
    render_text,
)
from custom_components.qq_mail.texts import async_texts
from homeassistant.core import HomeAssistant

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ONE, TWO = Mailbox("a@example.com", "Anna"), Mailbox("b@example.com")


def kept(
    minute: int,
    title: str = "Door",
    text: str = "Open",
    *,
    tag: str = "",
    **values: Any,
) -> KeptMessage:
    """Return an alert in wire form, raised so many minutes after noon."""
    stream = BytesIO()
    draft = {"recipients": Recipients(to=(ONE,)), "subject": title, "text": text}
    compose(stream, Draft(**{**draft, **values}))
    return KeptMessage(
        queue_id=f"{minute}",
        tag=tag,
        subject=title,
        raised=NOON + timedelta(minutes=minute),
        open=lambda: BytesIO(stream.getvalue()),
    )


def card(
    minute: int,
    title: str = "Door",
    *,
    tag: str = "",
    values: Mapping[str, Any] = MappingProxyType({}),
    **shown: Any,
) -> KeptMessage:
    """Return an alert that is a card of ours."""
    usual = {
        "title": title,
        "text": "Open",
        "sent_by": "Sent by Home Assistant",
        "home": "Home",
        "time": f"12:{minute:02}",
    }
    made = Card(**{**usual, **shown})
    return kept(
        minute, title, render_text(made), tag=tag, html=render_html(made), **values
    )


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
    return DigestWriter(await async_texts(hass), "Home", "en", 1000, lambda _: None)


def written(
    writer: DigestWriter, *messages: KeptMessage
) -> tuple[WrittenDigest, EmailMessage]:
    """Return what is known of a digest, and the mail itself."""
    stream = BytesIO()
    digest = writer(stream, messages, lambda: None)
    assert digest
    wire = stream.getvalue().replace(b"\r\n..", b"\r\n.")
    mail = message_from_bytes(wire, policy=default)
    assert mail["Subject"] == digest.subject
    assert len(text_of(mail, "html").encode()) <= MAX_OCTETS
    return digest, mail


def digest_of(writer: DigestWriter, *messages: KeptMessage) -> EmailMessage:
    """Return the mail that tells all of these."""
    digest, mail = written(writer, *messages)
    assert digest.parts == tuple(one.queue_id for one in messages)
    assert digest.alone == ()
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
        kept(3),
        kept(4, "Window", ".one\n.two"),
        *(kept(minute) for minute in range(4, 10)),
        kept(10, "Door", "Closed"),
    )
    assert mail["Subject"] == "10 alerts, 11-24 12:00 to 12:10: Door and others"
    assert text_of(mail) == (
        "10 alerts, 11-24 12:00 to 12:10\n\n"
        "Door ×8 · Window ×1 · Battery ×1\n\n"
        "Door (12:10)\nClosed\n\n"
        "Door (7 times, 12:03 to 12:09)\nOpen\n\n"
        "Window (12:04)\n.one\n.two\n\n"
        "Battery (11-24 12:00)\nLow\n\n"
        "Sent by Home Assistant · Home · 2026-11-25 12:10"
    )
    html = text_of(mail, "html")
    assert html.index("Closed") < html.index("7 times") < html.rindex("Window")
    assert ".one<br>\n.two" in html


async def test_header(writer: DigestWriter) -> None:
    """What all of them agree on; who writes is said when it is submitted."""
    values: dict[str, Any] = {"references": "<tag@qq.com>", "reply_to": TWO}
    mail = digest_of(writer, kept(0, **values), kept(1, **values))
    assert mail["To"].addresses[0].display_name == "Anna"
    assert mail["References"] == "<tag@qq.com>"
    assert mail["Reply-To"] == "b@example.com"
    assert {"From", "Date", "Message-ID", "X-Priority"}.isdisjoint(mail.keys())


async def test_answers_to_different_people(writer: DigestWriter) -> None:
    """Each alert says where answers to it go, and the header says nothing."""
    mail = digest_of(
        writer, kept(0, reply_to=TWO), kept(1, reply_to=ONE), kept(2, text="Closed")
    )
    assert mail["Reply-To"] is None
    assert text_of(mail) == (
        "3 alerts, 12:00 to 12:02\n\n"
        "Door ×3\n\n"
        "Door (12:02)\nClosed\n\n"
        "Door (12:01)\nOpen\n\n"
        "Reply to Anna mailto:a@example.com\n\n"
        "Door (12:00)\nOpen\n\n"
        "Reply to b@example.com mailto:b@example.com\n\n"
        "Sent by Home Assistant · Home · 2026-11-25 12:02"
    )
    assert links_of(mail) == [
        ("Reply to Anna", "mailto:a@example.com"),
        ("Reply to b@example.com", "mailto:b@example.com"),
    ]


@pytest.mark.parametrize(
    ("priorities", "field"),
    [
        pytest.param([Priority.LOW, Priority.LOW], "4 (Low)", id="low"),
        pytest.param([Priority.LOWEST, Priority.LOW], "4 (Low)", id="lowest"),
        pytest.param([Priority.LOW, Priority.NORMAL], None, id="normal"),
        pytest.param([Priority.HIGH, Priority.NORMAL], "2 (High)", id="high"),
    ],
)
async def test_priority(
    writer: DigestWriter, priorities: list[Priority], field: str | None
) -> None:
    """It is as important as its most important alert."""
    mail = digest_of(
        writer, *(kept(number, priority=one) for number, one in enumerate(priorities))
    )
    assert mail["X-Priority"] == field


async def test_important_alerts(writer: DigestWriter) -> None:
    """Each of them says that it is one."""
    mail = digest_of(
        writer,
        card(0, "Leak", label="Important", values={"priority": Priority.HIGH}),
        card(1),
    )
    assert "\n\nDoor (12:01)\nOpen\n\nImportant\nLeak (12:00)\nOpen\n\n" in text_of(
        mail
    )
    assert "background-color:#c63c0e" in text_of(mail, "html")


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
    mail = digest_of(writer, *(card(minute) for minute in range(2)))
    assert "\n\nDoor (2 times, 12:00 to 12:01)\nOpen\n\n" in text_of(mail)
    assert text_of(mail).count("Sent by") == 1


async def test_cards_without_a_text(writer: DigestWriter) -> None:
    """There is nothing else to say."""
    mail = digest_of(writer, *(card(minute, text="") for minute in range(2)))
    assert text_of(mail) == (
        "2 alerts, 12:00 to 12:01\n\n"
        "Door (2 times, 12:00 to 12:01)\n\n"
        "Sent by Home Assistant · Home · 2026-11-25 12:01"
    )


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("", id="text alone"),
        pytest.param("<p>Door</p><p>Open</p>", id="HTML"),
        pytest.param(
            '<h1 class="title">Door</h1><div id="qq-mail">Open</div>', id="alike"
        ),
        pytest.param('<h1 data-qq="title">Door</h1>', id="half a copy"),
    ],
)
async def test_texts_that_look_like_cards(writer: DigestWriter, html: str) -> None:
    """Who writes so has all of it told."""
    text = "Door\n\nOpen\n\nSent by Home Assistant · Home"
    mail = digest_of(writer, kept(0, text=text, html=html), kept(1, "Other"))
    assert f"\n\nDoor (12:00)\n{text}\n\n" in text_of(mail)


async def test_nothing_of_a_text_is_lost(writer: DigestWriter) -> None:
    """However long it is, as long as there is room in a mail."""
    text = "\n\n".join(f"Paragraph {number}" for number in range(500))
    counted = "Raised again since the last mail: 5 ×."
    mail = digest_of(writer, card(0, text=text, notes=(counted,)), kept(1, "Other"))
    assert f"\n\nDoor (12:00)\n{text}\n\n{counted}\n\n" in text_of(mail)
    assert counted in text_of(mail, "html")


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
    writer: DigestWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a message read to its end for which there is no room."""
    monkeypatch.setattr(digest_module, "MAX_PARTS", 2)
    monkeypatch.setattr(mail_digest, "_HEAD", 1500)
    mail = digest_of(
        writer,
        kept(0, parts=(part("small.bin", 10),)),
        kept(1, parts=(part("large.bin", 5000),)),
        kept(2, parts=(part("one.bin", 10),)),
        kept(3, parts=(part("two.bin", 10), part("big.bin", 2000))),
    )
    files = [one.get_filename() for one in mail.walk() if one.get_filename()]
    assert files == ["two.bin", "one.bin"]
    assert "no room: 3 pictures" in text_of(mail)


async def test_continued_in_the_next(writer: DigestWriter) -> None:
    """What exceeds a mail waits for the next one, and nothing of it is lost."""
    waiting = [kept(n, f"{n} {'&' * 300}", f"{n} {'门' * 3000}") for n in range(30)]
    told: list[str] = []
    digests = 0
    while waiting:
        digest, mail = written(writer, *waiting)
        assert digest.alone == ()
        assert len(mail["Subject"]) < 250
        text = text_of(mail)
        told += [n for n in digest.parts if f"{n} {'门' * 3000}" in text]
        waiting = [one for one in waiting if one.queue_id not in digest.parts]
        digests += 1
    assert told == [str(n) for n in range(30)]
    assert digests == 5


async def test_many_pictures_beside_long_texts(writer: DigestWriter) -> None:
    """There is room for both: names that HTML makes five times as long."""
    pictures = tuple(part(f"{'&' * 200}{n}.png", 1, inline=True) for n in range(20))
    alerts = [
        kept(0, html="<p>x</p>", parts=pictures),
        *(kept(n, f"{'&' * 45}{n}", "门" * 100) for n in range(1, 200)),
    ]
    digest, mail = written(writer, *alerts)
    assert len(text_of(mail, "html").encode()) > 84_000
    assert len(digest.parts) < len(alerts)


@pytest.mark.parametrize(
    "alert",
    [
        pytest.param(kept(0, text="&" * 20_000), id="text"),
        pytest.param(kept(0, text="烟" * 400_000), id="not read to its end"),
        pytest.param(kept(0, html=f"<p>{'x' * 600_000}</p>"), id="HTML"),
        pytest.param(
            card(0, buttons=(Button("Open", "https://a.b/1"),) * 11), id="buttons"
        ),
    ],
)
async def test_alone(writer: DigestWriter, alert: KeptMessage) -> None:
    """What fits into no digest gets a mail of its own."""
    digest, _ = written(writer, alert, kept(1), kept(2))
    assert digest.alone == ("0",)
    assert digest.parts == ("1", "2")


async def test_a_large_file_after_a_short_text(writer: DigestWriter) -> None:
    """Its text is told all the same."""
    large = kept(0, parts=(part("large.bin", 600_000),))
    assert "no room: 1 pictures" in text_of(digest_of(writer, large, kept(1)))


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([kept(0)], id="one"),
        pytest.param([kept(0, text="&" * 20_000), kept(1)], id="one is too long"),
        pytest.param(
            [kept(n, f"{n}", "门" * 20_000) for n in range(2)], id="not together"
        ),
    ],
)
async def test_nothing_to_merge(
    writer: DigestWriter, messages: list[KeptMessage]
) -> None:
    """Nothing is written."""
    stream = BytesIO()
    assert writer(stream, messages, lambda: None) is None
    assert stream.getvalue() == b""


async def test_flapping(writer: DigestWriter) -> None:
    """Texts that hold the time are told one by one, below a line of counts."""
    mail = digest_of(
        writer,
        *(kept(n, "Front door", f"Open at 12:{n:02}") for n in range(17)),
        *(kept(n, "Cellar", f"Open at 12:{n}") for n in range(17, 19)),
    )
    text = text_of(mail)
    assert text.startswith(
        "19 alerts, 12:00 to 12:18\n\n"
        "Front door ×17 · Cellar ×2\n\n"
        "Cellar (12:18)\nOpen at 12:18\n\n"
    )
    many = [kept(n, f"{n % 13:02} {'long' * 20}", f"{n}") for n in range(26)]
    counts = text_of(digest_of(writer, *many)).split("\n\n")[1]
    assert counts.startswith("12 longlonglonglonglonglonglonglonglongl… ×2 · 11 ")
    assert counts.endswith("03 longlonglonglonglonglonglonglonglongl… ×2 · …")


async def test_no_counts(writer: DigestWriter) -> None:
    """Where each title stands there but once, its number stands beside it."""
    assert "×" not in text_of(digest_of(writer, kept(0), kept(1), kept(2, "Other")))


def buttons(name: str, number: int = 2) -> tuple[Button, ...]:
    """Return buttons whose links belong to one mail."""
    return tuple(Button(f"Press {n}", f"https://a.b/{name}-{n}") for n in range(number))


UNTIL = ("Until 13:00.",)


async def test_buttons(writer: DigestWriter) -> None:
    """For each title and tag those of the newest alert; once what is said of them."""
    links = (Link("https://a.b/house", "Show"),)
    mail = digest_of(
        writer,
        card(0, buttons=buttons("old"), small_print=UNTIL, links=links),
        card(1, tag="x", buttons=buttons("tag"), small_print=UNTIL),
        card(2, text="Ajar", buttons=buttons("new"), small_print=UNTIL, links=links),
        card(3),
        card(4, "Leak", links=links),
    )
    assert text_of(mail) == (
        "5 alerts, 12:00 to 12:04\n\n"
        "Door ×4 · Leak ×1\n\n"
        "Leak (12:04)\nOpen\n\n"
        "Show https://a.b/house\n\n"
        "Door (2 times, 12:00 to 12:03)\nOpen\n\n"
        "Door (12:02)\nAjar\n\n"
        "[Press 0]\nhttps://a.b/new-0\n\n[Press 1]\nhttps://a.b/new-1\n\n"
        "Show https://a.b/house\n\n"
        "Door (12:01)\nOpen\n\n"
        "[Press 0]\nhttps://a.b/tag-0\n\n[Press 1]\nhttps://a.b/tag-1\n\n"
        "Until 13:00.\n\n"
        "Sent by Home Assistant · Home · 2026-11-25 12:04"
    )
    assert links_of(mail) == [
        ("Show", "https://a.b/house"),
        ("Press 0", "https://a.b/new-0"),
        ("Press 1", "https://a.b/new-1"),
        ("Show", "https://a.b/house"),
        ("Press 0", "https://a.b/tag-0"),
        ("Press 1", "https://a.b/tag-1"),
    ]


async def test_looks_of_buttons(writer: DigestWriter) -> None:
    """They stay, and what stands above or below them is said once."""
    looks = (
        Button("Close", "https://a.b/1", Look.DESTRUCTIVE, at_home=True),
        Button("See", "https://a.b/2", Look.LINK),
        Button("Stop", "https://a.b/3", Look.ACT, at_home=True),
    )
    above = ("At home only.", "Or by VPN.")
    shown: dict[str, Any] = {"buttons": looks, "above_buttons": above}
    mail = digest_of(
        writer,
        card(0, small_print=("Until 13:00.",), **shown),
        card(1, "Leak", small_print=("Until 13:01.", "Each once."), **shown),
        card(2, "Other"),
    )
    text = text_of(mail)
    assert text.count("At home only.\nOr by VPN.\n\nOther (12:02)") == 1
    assert text.count("At home only.") == 1
    assert "[⌂ Stop]\nhttps://a.b/3\n\nUntil 13:01.\nEach once.\n\nDoor" in text
    assert "[⌂ Stop]\nhttps://a.b/3\n\nUntil 13:00.\n\nSent by" in text
    soup = BeautifulSoup(text_of(mail, "html"), "html.parser")
    cells = [cell["class"][1] for cell in soup("td", class_="button")]
    assert cells == 2 * ["destructive-home", "link", "act-home"]


async def test_too_many_buttons(writer: DigestWriter) -> None:
    """At most ten in a digest: who has more waits for the next, or goes alone."""
    digest, mail = written(
        writer,
        card(0, "A", buttons=buttons("a", 6)),
        card(1, "B", buttons=buttons("b", 6)),
        card(2, "A", buttons=buttons("a2", 4)),
        card(3, "C", buttons=buttons("c", 6)),
        card(4, "C", buttons=buttons("c", 11)),
        card(5, "D"),
    )
    assert digest.parts == ("0", "2", "3", "5")
    assert digest.alone == ("4",)
    assert [url for _, url in links_of(mail)] == [
        *(f"https://a.b/c-{n}" for n in range(6)),
        *(f"https://a.b/a2-{n}" for n in range(4)),
    ]


async def test_buttons_below_html_of_the_callers_own(writer: DigestWriter) -> None:
    """Theirs is theirs; ours are found, and a link of no button is none."""
    card = Card(title="", text="Open", buttons=buttons("x", 1), small_print=UNTIL)
    html = extend_html(
        '<td class="button act"><a href="https://other.example">Buy</a></td>'
        '<a data-qq="other" href="https://other.example">Buy</a>',
        card,
    )
    own = kept(0, text=extend_text("Open", card), html=html)
    mail = digest_of(writer, own, kept(1))
    assert links_of(mail) == [("Press 0", "https://a.b/x-0")]


async def test_link_without_a_title(writer: DigestWriter) -> None:
    """It is its own title."""
    mail = digest_of(writer, card(0, links=(Link("https://a.b/c"),)), kept(1, "Other"))
    assert "Door (12:00)\nOpen\n\nhttps://a.b/c\n\nSent" in text_of(mail)
    assert links_of(mail) == [("https://a.b/c", "https://a.b/c")]


def links_of(mail: EmailMessage) -> list[tuple[str, str]]:
    """Return what its HTML leads to."""
    soup = BeautifulSoup(text_of(mail, "html"), "html.parser")
    return [(link.get_text(), str(link["href"])) for link in soup("a")]


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
