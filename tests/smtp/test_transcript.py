"""Transcripts: what QQ said stays whole, what is private is left out."""

from base64 import b64encode

import pytest

from custom_components.qq_mail.smtp.errors import SessionError
from custom_components.qq_mail.smtp.models import Account, Encryption, Reply, Step
from custom_components.qq_mail.smtp.replies import Cause
from custom_components.qq_mail.smtp.transcript import HIDDEN, Transcript
from tests.qq_server import replies

ACCOUNT = Account(
    username="li@foxmail.com",
    password="abcdefghijklmnop",
    host="smtp.qq.com",
    port=465,
    encryption=Encryption.TLS,
    timeout=10,
)
CODE_ON_THE_WIRE = b64encode(ACCOUNT.password.encode()).decode()
LOGIN_ON_THE_WIRE = b64encode(b"\0li@foxmail.com\0abcdefghijklmnop").decode()


def noted(text: str) -> str:
    """Return what a transcript keeps of an answer."""
    transcript = Transcript(ACCOUNT, ["Fire in the kitchen", ""])
    transcript.received(Reply(250, text))
    (line,) = transcript.lines
    return line.partition(" < 250 ")[2]


@pytest.mark.parametrize(
    "text",
    [
        str(answer.text)
        for answer in vars(replies).values()
        if hasattr(answer, "text") and "127.0.0.1" not in str(answer.text)
    ]
    + [
        (
            "250-newxmesmtplogicsvrszgpua5-0.qq.com PIPELINING SIZE 73400320 AUTH LOGIN"
            " PLAIN XOAUTH XOAUTH2 AUTH=LOGIN MAILCOMPRESS SMTPUTF8 8BITMIME"
        ),
        "220 newxmesmtplogicsvrszb20-0.qq.com XMail Esmtp QQ Mail Server.",
        "334 VXNlcm5hbWU6",
        "250 OK: queued as.",
        "your limit is too low",
    ],
)
def test_what_the_server_says(text: str) -> None:
    """It is kept in full."""
    assert noted(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("no LI@foxmail.com here", f"no {HIDDEN} here", id="account"),
        pytest.param("user Li unknown", f"user {HIDDEN} unknown", id="local part"),
        pytest.param("<wang@example.com>: no", f"<{HIDDEN}>: no", id="recipient"),
        pytest.param(
            "TLS from 203.0.113.7 to x.qq.com.",
            f"TLS from {HIDDEN} to x.qq.com.",
            id="house",
        ),
        pytest.param("from 2001:db8::17 to x", f"from {HIDDEN} to x", id="IPv6"),
        pytest.param(
            "IP: 127.0.0.1]. more", f"IP: {HIDDEN}]. more", id="address in brackets"
        ),
        pytest.param(
            "“fire in the KITCHEN” is no subject",
            f"“{HIDDEN}” is no subject",
            id="subject",
        ),
        pytest.param("not abcdefghijklmnop", f"not {HIDDEN}", id="code"),
        pytest.param("not 'ghijkl…'", f"not '{HIDDEN}…'", id="part of the code"),
        pytest.param(f"what is {CODE_ON_THE_WIRE}?", f"what is {HIDDEN}?", id="LOGIN"),
        pytest.param(
            f"what is {LOGIN_ON_THE_WIRE[:20]}?", f"what is {HIDDEN}?", id="PLAIN"
        ),
    ],
)
def test_what_is_private(text: str, kept: str) -> None:
    """It is not there, whoever repeats it."""
    assert noted(text) == kept


def test_connection() -> None:
    """What happened to it stands between what was said."""
    transcript = Transcript(ACCOUNT)
    transcript.failed(SessionError(Cause.CONNECTION_LOST, Step.MAIL))
    (line,) = transcript.lines
    assert line.endswith(" mail: connection_lost")


def test_long_session() -> None:
    """The beginning and the end are kept, and what is missing is said."""
    transcript = Transcript(ACCOUNT)
    for number in range(500):
        transcript.sent("RCPT", number)
    lines = transcript.lines
    assert len(lines) == 121
    assert lines[0].endswith(" > RCPT (0)")
    assert lines[40] == "(380 lines left out)"
    assert lines[-1].endswith(" > RCPT (499)")
