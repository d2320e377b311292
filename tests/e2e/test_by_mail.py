"""A leak, and nobody at home: the valve is shut by an answer to the mail.

In a real Home Assistant without any address, with the mail programs of Python; the
house is offline when the answer comes. The inbox is QQ's, and one of others' making.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
import imaplib
from pathlib import Path
import smtplib
import ssl
from typing import Any
from urllib.parse import parse_qs

from tests.answers.test_bounces import bounced
from tests.forms import TYPED_OPTIONS
from tests.qq_server import AcceptedMessage, Certificates, QQServer

from .dovecot import Dovecot
from .home_assistant import CODE, STEP_TIMEOUT, HomeAssistant
from .test_blueprints import ADDRESS
from .test_calls import add_account

ANN = "10002@qq.com"
BOB = "bob@example.com"

CONFIGURATION = """\
input_boolean:
  leak:
    initial: false
  valve:
input_text:
  said:
template:
  - binary_sensor:
      - name: Cellar
        device_class: moisture
        state: "{{ is_state('input_boolean.leak', 'on') }}"
automation leak:
  triggers:
    - trigger: state
      entity_id: binary_sensor.cellar
      to: "on"
      from: "off"
  actions:
    - action: qq_mail.send_message
      data:
        title: 地下室漏水
        message: 请尽快处理。
        tag: leak
        to: 10002@qq.com
        actions:
          - action: close_valve
            title: 关总阀
            destructive: true
          - action: acknowledge
            title: 收到
          - action: REPLY
            title: 回话
automation said:
  triggers:
    - trigger: qq_mail.reply_received
      options: {tag: leak}
  actions:
    - action: input_text.set_value
      target: {entity_id: input_text.said}
      data:
        value: "{{ trigger.action }} {{ trigger.text }}"
automation valve:
  triggers:
    - trigger: qq_mail.action_clicked
      options: {action: close_valve, tag: leak}
  actions:
    - action: input_boolean.turn_off
      target: {entity_id: input_boolean.valve}
"""


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Return what another process says, once it says something."""
    async with asyncio.timeout(STEP_TIMEOUT):
        while not (found := await condition()):
            await asyncio.sleep(0.1)
    return found


async def switch_on(home: HomeAssistant, port: int) -> None:
    """Have answers read, by the account's options."""
    entries = "/api/config/config_entries"
    (entry,) = await home.get(f"{entries}/entry?domain=qq_mail")
    flow = f"{entries}/options/flow"
    form = await home.post(flow, {"handler": entry["entry_id"]})
    where = {"imap_host": "127.0.0.1", "imap_port": port}
    typed = {**TYPED_OPTIONS, "answers_by_mail": True, **where}
    result = await home.post(f"{flow}/{form['flow_id']}", typed)
    assert result["type"] == "create_entry"


def answer(
    server: QQServer, context: ssl.SSLContext, mail: AcceptedMessage, text: str
) -> None:
    """Answer a mail as its recipient, by a mail program of nobody here."""
    reply = EmailMessage()
    reply["From"], reply["To"] = f"Ann <{ANN}>", ADDRESS
    reply["Subject"] = f"回复：{mail.subject}"
    reply["Message-ID"] = "<answer@example.com>"
    reply["In-Reply-To"] = mail.tencent_id
    reply["References"] = f"{mail.message['References']} {mail.tencent_id}"
    quoted = "".join(f"> {line}\n" for line in mail.text.splitlines())
    separator = "------------------ 原始邮件 ------------------"
    reply.set_content(f"{text}\n\n{separator}\n{quoted}", charset="gb18030")
    post(server, context, reply)


def tap(
    server: QQServer, context: ssl.SSLContext, mail: AcceptedMessage, text: str
) -> None:
    """Tap the last button, which opens a mail, and write a text into it."""
    *_, url = (word for word in mail.text.split() if word.startswith("mailto:"))
    address, _, ready = url.removeprefix("mailto:").partition("?")
    (subject,), (body,) = parse_qs(ready).values()
    written = EmailMessage()
    written["From"], written["To"], written["Subject"] = ANN, address, subject
    written["Message-ID"] = "<words@example.com>"
    written.set_content(f"{text}{body}")
    post(server, context, written)


def post(server: QQServer, context: ssl.SSLContext, reply: EmailMessage) -> None:
    """Send a mail as its recipient does."""
    smtp = smtplib.SMTP_SSL(server.host, server.tls_port, "phone", context=context)
    smtp.login(ANN, CODE)
    smtp.send_message(reply, ANN, [ADDRESS])
    smtp.close()


def found(server: QQServer, context: ssl.SSLContext) -> list[EmailMessage]:
    """Return what the recipient finds in the inbox."""
    client = imaplib.IMAP4_SSL(server.host, server.imap.port, ssl_context=context)
    client.login(ANN, CODE)
    client.select("INBOX", readonly=True)
    _, fetched = client.uid("FETCH", "1:100", "(BODY.PEEK[])")
    client.logout()
    return [
        message_from_bytes(one[1], policy=policy.default)
        for one in fetched
        if isinstance(one, tuple)
    ]


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """Where the account's mail lies."""

    port: int
    put: Callable[[bytes], object]
    marked: Callable[[], list[Any]]
    """Those of its mails that somebody has marked."""


async def test_leak(
    tmp_path: Path,
    socket_enabled: None,
    tls_context: ssl.SSLContext,
    certificates: Certificates,
) -> None:
    """The answer counts after the start, once; and what came back is told."""
    ca_file = tmp_path / "ca.pem"
    certificates.write_ca(ca_file)
    with QQServer(certificates, accounts={ADDRESS: CODE, ANN: CODE}) as server:
        inbox = Inbox(
            port=server.imap.port,
            put=partial(server.imap.put, ADDRESS),
            marked=lambda: [*filter(None, server.imap.flags(ADDRESS))],
        )
        await leak(tmp_path, ca_file, tls_context, server, inbox)


async def test_leak_in_dovecot(
    tmp_path: Path,
    dovecot: Dovecot,
    tls_context: ssl.SSLContext,
    certificates: Certificates,
) -> None:
    """The same, where Debian's Dovecot has the answers."""
    ca_file = tmp_path / "ca.pem"
    certificates.write_ca(ca_file)
    with ca_file.open("ab") as file:
        file.write(dovecot.authority)
    inbox = Inbox(port=dovecot.port, put=dovecot.deliver, marked=lambda: dovecot.marked)
    with QQServer(certificates, accounts={ADDRESS: CODE, ANN: CODE}) as server:

        def deliver(mail: AcceptedMessage) -> None:
            if mail.recipients == (ADDRESS,):
                dovecot.deliver(mail.content_within_qq)

        server.on_accepted = deliver
        await leak(tmp_path, ca_file, tls_context, server, inbox)


async def leak(
    tmp_path: Path,
    ca_file: Path,
    tls_context: ssl.SSLContext,
    server: QQServer,
    inbox: Inbox,
) -> None:
    """Have a leak told, answered while the house is away, and asked about."""
    home = HomeAssistant(
        tmp_path / "config",
        ca_file=ca_file,
        configuration=CONFIGURATION,
        language="zh-Hans",
        forked=True,
    )

    async def state(entity_id: str) -> str:
        return str((await home.get(f"/api/states/{entity_id}"))["state"])

    async def shut() -> bool:
        return await state("input_boolean.valve") == "off"

    async def said() -> bool:
        return await state("input_text.said") == "REPLY 10 分钟后到家"

    async def returned() -> list[dict[str, Any]]:
        issues = (await home.command("repairs/list_issues"))["issues"]
        return [one for one in issues if one["translation_key"] == "bounced"]

    async with home:
        await add_account(home, server, ADDRESS)
        await switch_on(home, inbox.port)
        for name in ("valve", "leak"):
            await home.action(
                "input_boolean.turn_on", entity_id=f"input_boolean.{name}"
            )
        (mail,) = await asyncio.to_thread(server.wait_for, 1)
        assert "1 关总阀" in mail.text
        assert "回话：用文字回答" in mail.text
        await home.stop()
        await asyncio.to_thread(answer, server, tls_context, mail, "关总阀")
        await home.start()
        await until(shut)
        # The answer is among those that were accepted.
        await asyncio.to_thread(server.wait_for, 3)
        *_, told = await asyncio.to_thread(found, server, tls_context)
        assert told["In-Reply-To"] == server.accepted[1].tencent_id
        text = told.get_body(("plain",))
        assert text
        assert "关总阀" in str(text.get_content())
        await asyncio.to_thread(tap, server, tls_context, mail, "10 分钟后到家")
        await until(said)
        await asyncio.to_thread(server.wait_for, 5)
        assert "告知 Home Assistant：回话" in server.accepted[-1].text
        await home.action("qq_mail.send_message", title="Hi", message="x", to=BOB)
        lost = server.accepted[-1]
        assert lost.recipients == (BOB,)
        inbox.put(bounced(lost, BOB))
        (issue,) = await until(returned)
        message = await home.get("/api/states/event.10001_qq_com_message")
    assert "地址不存在" in issue["translation_placeholders"]["why"]
    assert message["attributes"]["event_type"] == "bounced"
    assert message["attributes"]["recipients"] == [BOB]
    assert inbox.marked() == []
