"""Mails as people, their programs and servers write them."""

from base64 import b64encode
from email.header import Header

SECRET = "hqabcdefghijklmnopqrstuvwxyz"
OTHER = "hq234567abcdefghijklmnopqrst"
REFERENCE = f"<{SECRET}@qq.com>"
TENCENT = "<tencent_0123456789ABCDEF0123456789ABCDEF01234567@qq.com>"
PERSON = "person@example.com"

ANSWERING = (
    f"From: =?gb18030?B?1cXI/Q==?= <{PERSON}>\n"
    "To: 123456@qq.com\n"
    "Subject: =?gb18030?B?u9i4tKO6?= Water\n"
    "Message-ID: <answer@example.com>\n"
    f"In-Reply-To: {TENCENT}\n"
    f"References: {REFERENCE}\n {TENCENT}\n"
    "MIME-Version: 1.0\n"
)


def wire(text: str, charset: str = "utf-8") -> bytes:
    """Write a mail with the line ends of a mail."""
    return text.replace("\n", "\r\n").encode(charset)


def answer(
    text: str,
    *,
    subtype: str = "plain",
    charset: str = "utf-8",
    parameters: str = "",
    header: str = ANSWERING,
) -> bytes:
    """Return an answer whose one part is this text, in base64."""
    encoded = b64encode(text.encode(charset)).decode()
    return wire(
        f"{header}Content-Type: text/{subtype}; charset={charset}{parameters}\n"
        f"Content-Transfer-Encoding: base64\n\n{encoded}\n"
    )


def both(plain: str, html: str) -> bytes:
    """Return an answer in both forms, as most programs write it."""
    return wire(
        f'{ANSWERING}Content-Type: multipart/alternative; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{plain}\n"
        f"--b\nContent-Type: text/html; charset=utf-8\n\n{html}\n--b--\n"
    )


def vacation() -> bytes:
    """Return a vacation answer as QQ writes it: without any field that says so."""
    subject = Header("自动回复: Water", "gb18030").encode()
    return answer(
        "<div>1</div>",
        subtype="html",
        charset="gb18030",
        header=ANSWERING.replace("=?gb18030?B?u9i4tKO6?= Water", subject),
    )


def qq_bounce(
    recipient: str = "nobody@example.com",
    reason: str = "",
    *,
    original: str = f"Message-ID: {TENCENT}\nX-OQ-MSGID: <ours@qq.com>\n\n水\n",
    tencent_id: str = TENCENT,
    report: str = "multipart/report",
) -> bytes:
    """Return a bounce as QQ writes it."""
    said = reason or (
        f"收件人邮件地址（{recipient}）不存在，邮件无法送达。<br>host example.com"
        "[192.0.2.1] said: 550 No Such User Here (in reply to RCPT TO command)"
    )
    html = (
        "<p>很抱歉您发送的邮件被退回，以下是该邮件的相关信息：</p>"
        "<table><tr><td>被退回邮件</td><td>主 题：Spam 不存在<br>"
        "时 间：2026-09-15 14:31:25</td></tr></table>"
        f"<p>无法发送到 {recipient}</p><p>退信原因</p><div>{said}</div>"
        "<p>解决方案</p><p>请确认邮箱空间已满</p>"
    )
    eml = b64encode(wire(original)).decode()
    return wire(
        'From: "PostMaster" <PostMaster@qq.com>\n'
        f"To: 123456@qq.com\nSubject: {Header('来自qq.com的退信', 'gb2312').encode()}\n"
        f"In-Reply-To: {tencent_id}\nReferences: {tencent_id}\n"
        "Auto-Submitted: auto-generated\nReturn-Path: <PostMaster@qq.com>\n"
        f'Content-Type: {report}; boundary="b"\n\n'
        "--b\nContent-Type: text/html; charset=gb18030\n"
        "Content-Transfer-Encoding: base64\n\n"
        f"{b64encode(html.encode('gb18030')).decode()}\n"
        '--b\nContent-Type: application/octet-stream; name="mail.eml"\n'
        f"Content-Transfer-Encoding: base64\n\n{eml}\n--b--\n"
    )


def report(
    status: str,
    *,
    original: str = "message/rfc822",
    ours: str = "<ours@qq.com>",
    reference: str = REFERENCE,
) -> bytes:
    """Return a report as RFC 3464 has it, of another server."""
    return wire(
        "From: Mail Delivery System <MAILER-DAEMON@mx.example.com>\n"
        "To: 123456@qq.com\nSubject: Undelivered Mail Returned to Sender\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nI'm sorry.\n"
        "--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.com\n\n{status}\n"
        f"--b\nContent-Type: {original}\n\n"
        f"Message-ID: {TENCENT}\nX-OQ-MSGID: {ours}\nReferences: {reference}\n"
        "\nHello\n--b--\n"
    )


FAILED = (
    "Final-Recipient: rfc822; Nobody@example.com\nAction: failed\nStatus: 5.1.1\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <nobody@example.com>: unknown\n"
)
