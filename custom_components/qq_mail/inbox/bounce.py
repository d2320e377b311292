"""What a mail says that came back: QQ's bounces, and reports of RFC 3464."""

from dataclasses import dataclass
from email.message import Message
import re
from typing import Final

from ..mime.address import one_line
from ..smtp.replies import Cause
from .parts import Mail, content, field, leaves, parameter, parse, sender, texts
from .quotes import html_text

_MAX_DETAIL: Final = 300
_MAX_RECIPIENTS: Final = 100

_SENDERS = ("postmaster@", "mailer-daemon@", "mail-daemon@")
_ADDRESS = r"([^\s()<>（）;,：:]{1,200}@[^\s()<>（）;,]{1,200})"
# https://service.mail.qq.com says nothing of this form; it was seen in bounces.
_QQ_RECIPIENTS = (
    re.compile(rf"无法发送到\s*{_ADDRESS}"),
    re.compile(rf"收件人邮件地址\s*[（(]\s*{_ADDRESS}\s*[）)]"),
)
_QQ_REASON = re.compile(r"退信原因(.{1,2000})", re.DOTALL)
_QQ_ADVICE = "解决方案"


# Words of QQ, Outlook, Gmail, Postfix and Exim; codes of RFC 3463 section 3.
_CAUSES = {
    Cause.BOX_FULL: re.compile(
        r"\b[45]\.2\.2\b|mailbox (?:is )?full|over ?quota|quota exceeded"
        r"|insufficient .{0,10}storage|空间不足|空間不足|已满|已滿",
        re.IGNORECASE,
    ),
    Cause.NO_ADDRESS: re.compile(
        r"\b5\.1\.(?:1|2|3|6|10)\b|no such user|user (?:is )?unknown|unknown user"
        r"|does(?: not|n't) exist|user not found|mailbox (?:not found|unavailable)"
        r"|recipient address rejected|不存在",
        re.IGNORECASE,
    ),
    Cause.NOT_TAKEN: re.compile(
        r"\b5\.7\.[0-9]+\b|access denied|spam|blocked|block ?list|blacklist|policy"
        r"|authentication|reputation|dmarc|\bspf\b|拒收|拒绝|拒絕|黑名单|黑名單",
        re.IGNORECASE,
    ),
}


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail that came back."""

    cause: Cause
    recipients: tuple[str, ...]
    """The addr_specs that it was for, in lower case; none where that is not said."""
    detail: str
    """The server's own words, in a line; else the bounce's subject."""


def looks_like_bounce(mail: Mail) -> bool:
    """Tell by its header whether a mail is a report that another one was not delivered.

    It may still turn out that the other one is only late: then `read_bounce` has none.
    """
    if mail.get_content_type() == "multipart/report":
        # QQ's may not say of what kind they are.
        return parameter(mail, "report-type") in ("", "delivery-status")
    return sender(mail).startswith(_SENDERS)


def read_bounce(mail: Mail) -> Bounce | None:
    """Read a report; None if it says that the mail is late or was delivered."""
    blocks = [
        block
        for part in leaves(mail)
        if part.get_content_type() == "message/delivery-status"
        for block in part.get_payload()
        if isinstance(block, Message)
    ]
    actions = {field(block, "Action").lower() for block in blocks} - {""}
    if actions and "failed" not in actions:
        return None
    failed = [block for block in blocks if field(block, "Action").lower() == "failed"]
    if failed:
        # Whom each block is about (RFC 3464 section 2.3).
        said_of = (
            field(block, "Original-Recipient") or field(block, "Final-Recipient")
            for block in failed
        )
        recipients = [
            found[1]
            for one in said_of
            if (found := re.search(_ADDRESS, one.rpartition(";")[2]))
        ]
        said = " ".join(
            field(failed[0], name) for name in ("Diagnostic-Code", "Status")
        )
    else:
        text = "\n".join([*texts(mail, "plain"), *map(html_text, texts(mail, "html"))])
        recipients = [found for form in _QQ_RECIPIENTS for found in form.findall(text)]
        reason = _QQ_REASON.search(text)
        said = reason[1].partition(_QQ_ADVICE)[0] if reason else ""
    known = dict.fromkeys(map(str.lower, recipients))
    return Bounce(
        next(
            (cause for cause, words in _CAUSES.items() if words.search(said)),
            Cause.RETURNED,
        ),
        tuple(known)[:_MAX_RECIPIENTS],
        (one_line(said) or field(mail, "Subject"))[:_MAX_DETAIL],
    )


def returned(mail: Mail) -> list[Mail]:
    """Return the mails, or their headers, that a report has with it."""
    found: list[Mail] = []
    for part in leaves(mail):
        payload = part.get_payload()
        name = str(part.get_filename() or "").lower()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list):
            found += [one for one in payload if isinstance(one, Message)]
        elif part.get_content_type() == "text/rfc822-headers" or name.endswith(".eml"):
            found.append(parse(content(part)))
    return found
