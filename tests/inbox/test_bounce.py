"""Mail that came back, as QQ and other servers write it."""

import pytest

from custom_components.qq_mail.inbox.bounce import Bounce
from custom_components.qq_mail.inbox.parts import parse
from custom_components.qq_mail.inbox.reading import Kind, read_mail
from custom_components.qq_mail.smtp.replies import Cause

from .mails import FAILED, REFERENCE, SECRET, TENCENT, qq_bounce, report, wire

NOBODY = ("nobody@example.com",)
HEAD = qq_bounce().partition(b"\r\n\r\n")[0]


def test_of_qq() -> None:
    """It says for whom and why, and which mail it was."""
    mail = read_mail(qq_bounce())
    assert mail.kind is Kind.BOUNCE
    assert mail.sender == "postmaster@qq.com"
    assert mail.references == (TENCENT, "<ours@qq.com>")
    assert mail.text == ""
    assert mail.bounce == Bounce(
        Cause.NO_ADDRESS,
        NOBODY,
        "收件人邮件地址（nobody@example.com）不存在，邮件无法送达。 host example.com"
        "[192.0.2.1] said: 550 No Such User Here (in reply to RCPT TO command)",
    )


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        pytest.param(
            "550 5.7.515 Access denied, sending domain QQ.COM doesn't meet the required"
            " authentication level",
            Cause.NOT_TAKEN,
            id="authentication",
        ),
        pytest.param("554 blocked by Spamhaus", Cause.NOT_TAKEN, id="blocked"),
        pytest.param("对方邮箱拒收", Cause.NOT_TAKEN, id="in Chinese"),
        pytest.param("552 5.2.2 Over quota", Cause.BOX_FULL, id="full"),
        pytest.param("对方邮箱空间不足", Cause.BOX_FULL, id="full in Chinese"),
        pytest.param("550 5.1.1 x", Cause.NO_ADDRESS, id="code"),
        pytest.param("451 Try again", Cause.RETURNED, id="other"),
    ],
)
def test_reasons(said: str, cause: Cause) -> None:
    """By what stands under the reason alone, not by the subject or the advice."""
    bounce = read_mail(qq_bounce(reason=said)).bounce
    assert bounce == Bounce(cause, NOBODY, said)


@pytest.mark.parametrize(
    "original", ["message/rfc822", "text/rfc822-headers", "message/rfc822; name=x.eml"]
)
def test_of_another_server(original: str) -> None:
    """A report with fields of its own, and what it returns in either form."""
    mail = read_mail(report(FAILED, original=original))
    assert mail.kind is Kind.BOUNCE
    assert mail.references == (TENCENT, "<ours@qq.com>", REFERENCE)
    assert mail.secrets == (SECRET,)
    assert mail.bounce == Bounce(
        Cause.NO_ADDRESS, NOBODY, "smtp; 550 5.1.1 <nobody@example.com>: unknown 5.1.1"
    )


def test_of_some_recipients() -> None:
    """Only those who did not get it are named, in the words of who sent it."""
    status = (
        "Final-Recipient: rfc822; a@example.com\nAction: relayed\n\n"
        "Original-Recipient: rfc822; b@example.com\n"
        "Final-Recipient: rfc822; box7@mx.example.com\nAction: failed\n\n"
        "Final-Recipient: rfc822; nowhere\nAction: failed\n\n"
    )
    bounce = read_mail(report(status)).bounce
    said = "Undelivered Mail Returned to Sender"
    assert bounce == Bounce(Cause.RETURNED, ("b@example.com",), said)


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed"])
def test_not_failed(action: str) -> None:
    """What is late, or has arrived, did not come back."""
    mail = read_mail(report(FAILED.replace("failed", action)))
    assert mail.kind is Kind.AUTOMATIC
    assert mail.bounce is None


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        pytest.param(HEAD, "来自qq.com的退信", id="header alone"),
        pytest.param(
            qq_bounce(report="multipart/mixed")[:700], "来自qq.com的退信", id="cut off"
        ),
        pytest.param(wire("From: Postmaster@x.cn\n\n系统退信"), "", id="other form"),
    ],
)
def test_ambiguous(octets: bytes, said: str) -> None:
    """Something came back, and more is not known than its subject."""
    assert read_mail(octets).bounce == Bounce(Cause.RETURNED, (), said)


@pytest.mark.parametrize("kind", ["disposition-notification", "feedback-report"])
def test_other_reports(kind: str) -> None:
    """A read receipt, or a complaint, is none."""
    mail = read_mail(
        wire(f"From: a@b.cn\nContent-Type: multipart/report; report-type={kind}\n\n")
    )
    assert mail.kind is Kind.AUTOMATIC


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
def test_of_nobody(end: bytes) -> None:
    """Python makes a message of each empty line: of many, it would take seconds."""
    head = b"Content-Type: message/delivery-status\r\n\r\n"
    assert len(list(parse(head + end * 100_000).walk())) < 10_100
