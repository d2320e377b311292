"""Logging in: once, by one mechanism, and every way to be refused."""

from base64 import b64encode
from dataclasses import replace
import ssl
from typing import Any

import pytest

from custom_components.qq_mail.smtp.connecting import Client
from custom_components.qq_mail.smtp.errors import SessionError
from custom_components.qq_mail.smtp.models import Account, Reply, Step
from custom_components.qq_mail.smtp.replies import Cause, Treatment
from custom_components.qq_mail.smtp.transcript import Transcript
from tests.qq_server import Answer, Close, QQServer, Raw, Step as At, replies

from .submitting import submit


async def test_login_by_plain_where_login_is_not_offered(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """PLAIN is the second choice."""
    server.mechanisms = ("PLAIN",)
    await submit(account, tls_context)
    assert "AUTH PLAIN ***" in server.commands


LOGIN_REPLIES = [
    (replies.LOGIN_AMBIGUOUS, Cause.LOGIN_AMBIGUOUS, Treatment.LOGIN_LATER),
    (replies.LOGIN_NEEDS_CODE, Cause.LOGIN_NEEDS_CODE, Treatment.NEW_CODE),
    (replies.LOGIN_NEEDS_CODE_GBK, Cause.LOGIN_NEEDS_CODE, Treatment.NEW_CODE),
    (replies.LOGIN_EXMAIL, Cause.LOGIN_AT_EXMAIL, Treatment.NEW_CODE),
    (Answer(535, "No."), Cause.LOGIN_AMBIGUOUS, Treatment.LOGIN_LATER),
    (replies.TLS_REQUIRED, Cause.LOGIN_REFUSED, Treatment.LOGIN_LATER),
    (replies.INVALID_INPUT, Cause.LOGIN_REFUSED, Treatment.LOGIN_LATER),
    (replies.FREQUENCY_LIMITED, Cause.RATE_LIMIT, Treatment.PAUSE),
    (Answer(454, "later"), Cause.TEMPORARY, Treatment.RETRY),
    (Close(), Cause.LOGIN_CLOSED, Treatment.LOGIN_LATER),
]


@pytest.mark.parametrize("at", [At.AUTH, At.AUTH_COMMAND])
@pytest.mark.parametrize(("action", "cause", "treatment"), LOGIN_REPLIES)
async def test_login_refused(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    at: At,
    action: Any,
    cause: Cause,
    treatment: Treatment,
) -> None:
    """A refused login is tried once, by one mechanism, and understood."""
    server.script(at, action)
    with pytest.raises(SessionError) as refused:
        await submit(account, tls_context)
    assert (refused.value.step, refused.value.cause) == (Step.AUTH, cause)
    assert refused.value.cause.treatment is treatment
    assert len([c for c in server.commands if c.startswith("AUTH")]) == 1


@pytest.mark.parametrize("account_name", ["account", "starttls_account"])
@pytest.mark.parametrize(
    ("mechanism", "at", "action"),
    [
        pytest.param("LOGIN", At.AUTH, Close(reset=True), id="at the code"),
        pytest.param("LOGIN", At.AUTH_COMMAND, Close(reset=True), id="at the command"),
        # Here it may arrive before we write.
        pytest.param(
            "LOGIN",
            At.AUTH_COMMAND,
            Raw(b"334 UGFzc3dvcmQ6\r\n", reset=True),
            id="in between",
        ),
        pytest.param("PLAIN", At.AUTH, Close(reset=True), id="plain"),
    ],
)
async def test_login_reset(
    server: QQServer,
    request: pytest.FixtureRequest,
    tls_context: ssl.SSLContext,
    account_name: str,
    mechanism: str,
    at: At,
    action: Any,
) -> None:
    """A broken network says nothing about the code."""
    server.mechanisms = (mechanism,)
    server.script(at, action)
    with pytest.raises(SessionError) as failed:
        await submit(request.getfixturevalue(account_name), tls_context)
    assert failed.value.cause is Cause.CONNECTION_LOST
    assert failed.value.step is Step.AUTH
    assert not failed.value.speaks_of_session


async def test_connection_lost_before_the_login(
    account: Account, tls_context: ssl.SSLContext
) -> None:
    """Nobody is known then to offer no login, nor to have refused one."""
    client = Client(account, tls_context, Transcript(account))
    await client.open()
    client.close()
    with pytest.raises(SessionError) as failed:
        await client.log_in()
    assert failed.value.cause is Cause.CONNECTION_LOST


async def test_gbk_is_read(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """QQ's oldest wording is GBK; a person gets to read it."""
    server.script(At.AUTH, replies.LOGIN_NEEDS_CODE_GBK)
    with pytest.raises(SessionError) as refused:
        await submit(account, tls_context)
    assert "请使用授权码登录。详情请看" in str(refused.value)


async def test_a_wrong_code(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """The code is in no exception and no repr."""
    wrong = replace(account, password="secretsecretsecr")
    with pytest.raises(SessionError) as refused:
        await submit(wrong, tls_context)
    assert refused.value.reply == Reply(535, str(replies.LOGIN_AMBIGUOUS.text))
    assert "secret" not in repr(wrong)
    assert "secret" not in repr(refused.value) + str(refused.value)


@pytest.mark.parametrize("mechanisms", [(), ("XOAUTH2",)])
async def test_no_login_offered(
    server: QQServer,
    account: Account,
    tls_context: ssl.SSLContext,
    mechanisms: tuple[str, ...],
) -> None:
    """A server without LOGIN and PLAIN is of no use."""
    server.mechanisms = mechanisms
    server.offer_auth = bool(mechanisms)
    with pytest.raises(SessionError) as failed:
        await submit(account, tls_context)
    assert (failed.value.step, failed.value.cause) == (Step.AUTH, Cause.NO_LOGIN)


async def test_code_that_is_repeated_in_no_proper_reply(
    server: QQServer, account: Account, tls_context: ssl.SSLContext
) -> None:
    """It stands in no error."""
    code = b64encode(account.password.encode())
    server.script(At.AUTH, Raw(b"what is " + code + b"?\r\n"))
    with pytest.raises(SessionError) as failed:
        await submit(account, tls_context)
    assert "what is" in failed.value.detail
    assert code.decode() not in str(failed.value)
