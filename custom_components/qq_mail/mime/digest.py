"""Composed messages read back, for the digest that tells of many."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from email import message_from_binary_file
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from typing import cast

from .address import Mailbox, Recipients
from .card import Button, Card, Link
from .header import PRIORITIES
from .markup import Tag, Text, tokens
from .message import BASE64_LINE
from .models import BodyPart, KeptMessage, Priority, new_content_id

_HEAD = 512 * 1024
"""Octets that hold the header and the texts of most messages: files come after them."""
_PRIORITY_OF = {values[0]: priority for priority, values in PRIORITIES.items()}

type _Marked = tuple[str, str, str]
"""The mark of an element, its text, and where it leads if it is a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What a message says, without its files."""

    kept: KeptMessage
    card: Card
    """As it is told in a digest; when it was raised is not written yet."""
    whole: bool
    """Whether all of its texts were read; else it is too long for a digest anyway."""
    recipients: Recipients
    reply_to: Mailbox | None
    references: str
    files: int
    """How many pictures and files go with it, as far as it was read."""


def read_alert(kept: KeptMessage) -> Alert:
    """Read what a message says. It blocks. Raises OSError."""
    message, is_all = _read(kept, _HEAD)
    *_, last = message.walk()
    marked = list(_marked(_text(message, "html")))
    links = [one for one in marked if one[0] == "open"][-1:]
    buttons = (Button.marked(*one) for one in marked)
    card = Card(
        title=kept.subject,
        text="",
        priority=_PRIORITY_OF.get(str(message["X-Priority"]), Priority.NORMAL),
        above_buttons=tuple(
            line for text in _all(marked, "above") for line in text.split("\n")
        ),
        buttons=tuple(filter(None, buttons)),
        small_print=_all(marked, "small"),
        links=tuple(Link(url, text if text != url else "") for _, text, url in links),
    )
    text = _own_text(_text(message, "plain"), marked, card)
    reply_to = _mailboxes(message, "Reply-To")
    return Alert(
        kept=kept,
        card=replace(card, text=text),
        whole=is_all or bool(last.get_content_disposition()),
        recipients=Recipients(
            to=_mailboxes(message, "To"), cc=_mailboxes(message, "Cc")
        ),
        reply_to=reply_to[0] if reply_to else None,
        references=str(message["References"] or ""),
        files=sum(1 for _ in _files(message)),
    )


def read_files(
    alerts: Iterable[Alert], room: int, places: int, check: Callable[[], None]
) -> tuple[list[tuple[Alert, BodyPart]], int]:
    """Read so many files of messages, of so many octets together.

    Return them, each with the message that has it, and how many more there are. It
    blocks. Raises OSError, and whatever `check` does before each message. A message
    that is much longer than there is room for is not read to its end.
    """
    octets, encoded = BASE64_LINE
    found: list[tuple[Alert, BodyPart]] = []
    left_out = 0
    for alert in alerts:
        check()
        if not alert.files or len(found) == places:
            left_out += alert.files
            continue
        message, is_all = _read(alert.kept, _HEAD + room * encoded // octets)
        files = list(_files(message))
        for part in files:
            content = cast("bytes", part.get_payload(decode=True))
            is_cut = part is files[-1] and not is_all
            if is_cut or len(content) > room or len(found) == places:
                left_out += 1
                continue
            room -= len(content)
            body_part = BodyPart(
                content=content,
                media_type=part.get_content_type(),
                filename=part.get_filename(""),
                content_id=new_content_id(),
                inline=part.get_content_disposition() == "inline",
            )
            found.append((alert, body_part))
    return found, left_out


def _own_text(text: str, marked: Sequence[_Marked], card: Card) -> str:
    """Return a text without what surrounds it in a card, its buttons and its link."""
    heading = "\n".join(_all(marked, "label")[-1:] + _all(marked, "title")[-1:]).strip()
    origin = "".join(_all(marked, "origin")[-1:])
    if origin and text.startswith(heading) and text.endswith(origin):
        # A card of ours: nobody else's text begins and ends as its HTML does.
        text = text.removeprefix(heading).removesuffix(origin)
    if card.buttons:
        lines = ["\n".join(card.above_buttons), *(one.text for one in card.buttons)]
        text = _cut_out(text, "\n\n".join(filter(None, lines)))
    text = _cut_out(text, "\n".join(card.small_print))
    return _cut_out(text, "".join(link.text for link in card.links)).strip()


def _cut_out(text: str, paragraphs: str) -> str:
    """Return a text without the last place where these paragraphs stand."""
    if not paragraphs:
        return text
    before, found, after = f"\n\n{text}\n\n".rpartition(f"\n\n{paragraphs}\n\n")
    return f"{before}\n\n{after}".strip("\n") if found else text


def _marked(html: str) -> Iterator[_Marked]:
    """Go through the elements that our templates mark, also below a caller's HTML."""
    marked: Tag | None = None
    texts: list[str] = []
    for token in tokens(html):
        match token:
            case Tag(attributes={"data-qq": _}):
                marked, texts = token, []
            case Tag(name) if marked and name == f"/{marked.name}":
                attributes = marked.attributes
                yield attributes["data-qq"], "".join(texts), attributes.get("href", "")
                marked = None
            case Text():
                texts.append(token.text)


def _all(marked: Iterable[_Marked], name: str) -> tuple[str, ...]:
    return tuple(text for mark, text, _ in marked if mark == name)


def _read(kept: KeptMessage, most: int) -> tuple[EmailMessage, bool]:
    """Return a message, or its beginning; and whether that is all of it."""
    with kept.open() as stream:
        wire = stream.read(most)
        is_all = not stream.read(1)
    file = BytesIO(wire.replace(b"\r\n..", b"\r\n."))
    return message_from_binary_file(file, policy=default), is_all


def _text(message: EmailMessage, subtype: str) -> str:
    """Return a text of a message; without one, nothing."""
    part = cast("EmailMessage | None", message.get_body((subtype,)))
    return str(part.get_content()).replace("\r\n", "\n").strip() if part else ""


def _files(message: EmailMessage) -> Iterator[EmailMessage]:
    """Go through the pictures and files of a message."""
    for part in message.walk():
        if part.get_content_disposition() in ("inline", "attachment"):
            yield part


def _mailboxes(message: EmailMessage, field: str) -> tuple[Mailbox, ...]:
    """Return the addresses of a header field; a group without any has none."""
    header = cast("AddressHeader | None", message[field])
    if header is None:
        return ()
    return tuple(
        Mailbox(address.addr_spec, address.display_name) for address in header.addresses
    )
