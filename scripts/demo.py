"""Try QQ Mail without a QQ account: a QQ-like server beside a real Home Assistant.

Everything runs on this machine. With --check it does the whole journey by itself
and ends with 0 only if every mail arrived as it should.
"""

import argparse
import asyncio
from pathlib import Path
import re
import shutil
import signal
import sys
from typing import Any

import aiohttp
from yarl import URL

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.home_assistant import PASSWORD, USER, HomeAssistant, HomeAssistantError  # noqa: E402 - needs the path above
from tests.qq_server import AcceptedMessage, Certificates, QQServer  # noqa: E402

ADDRESS = "10001@qq.com"
CODE = "abcdefghijklmnop"
PICTURE = ROOT / "custom_components" / "qq_mail" / "brand" / "icon.png"
"""What a camera would have seen."""
ENTITY = "notify.10001_qq_com"

ALERT_TIMEOUT = 12
"""Seconds for an alert: the action waits up to ten for the first attempt."""
PACE_TIMEOUT = 60
"""Seconds for what waited: after four mails at once, one goes out every six."""

CONFIGURATION = """\
input_boolean:
  front_door:
    name: Front door
    icon: mdi:door
"""
SCRIPTS = f"""\
say_hello:
  alias: Say hello by mail
  sequence:
    - action: notify.qq_mail
      data:
        title: Hello from a script
        message: 你好！This came by notify.qq_mail.
        target: Grandma <grandma@example.com>
say_it_all:
  alias: Show what mail can do
  sequence:
    - action: qq_mail.send_message
      target:
        entity_id: {ENTITY}
      data:
        title: 门口有人
        message: "**The doorbell** rang."
        format: markdown
        cc: Grandpa <grandpa@example.com>
        priority: high
        attachments:
          - path: www/door.png
            inline: true
          - entity_id: camera.not_there
        entities: input_boolean.front_door
        link: https://www.home-assistant.io
      response_variable: sent
    - stop: Sent
      response_variable: sent
ask_by_mail:
  alias: Send a mail with buttons
  sequence:
    - action: qq_mail.send_message
      target:
        entity_id: {ENTITY}
      data:
        title: 💧 Water in the cellar
        message: Press a button.
        priority: highest
        tag: water
        actions:
          - action: close_valve
            title: Close the valve
            destructive: true
          - action: acknowledge
            title: Acknowledge
          - action: URI
            title: Open the dashboard
            uri: /
"""
AUTOMATIONS = f"""\
- id: front_door
  alias: Mail when the front door opens
  triggers:
    - trigger: state
      entity_id: input_boolean.front_door
      to: "on"
  actions:
    - action: notify.send_message
      target:
        entity_id: {ENTITY}
      data:
        title: 🚪 大门打开了
        message: The front door was opened.
- id: answered
  alias: Answer whoever presses a button in a mail
  triggers:
    - trigger: qq_mail.action_clicked
      options:
        tag: water
  actions:
    - action: notify.send_message
      target:
        entity_id: {ENTITY}
      data:
        title: Button pressed
        message: "{{{{ trigger.title }}}}"
"""


async def main() -> int:
    """Run the demo until Ctrl-C, or the journey once."""
    options = parse_options()
    folder = ROOT / ".demo"
    folder.mkdir(exist_ok=True)
    certificates = Certificates()
    ca_file = folder / "ca.pem"
    certificates.write_ca(ca_file)
    with QQServer(certificates, accounts={ADDRESS: CODE}) as server:
        server.delay = options.latency / 1000
        print("Starting Home Assistant; the first time this takes a minute …")
        async with HomeAssistant(
            folder / ("check" if options.check else "config"),
            ca_file=ca_file,
            configuration=CONFIGURATION,
            automations=AUTOMATIONS,
            scripts=SCRIPTS,
            language=options.language,
        ) as home_assistant:
            www = home_assistant.config_dir / "www"
            www.mkdir(exist_ok=True)
            shutil.copy(PICTURE, www / "door.png")
            # Or the buttons of a mail would lead nowhere.
            await home_assistant.command(
                "config/core/update", external_url=home_assistant.url
            )
            if options.check:
                return await check(home_assistant, server)
            server.on_accepted = print_mail
            print_welcome(home_assistant, server)
            await interrupted()
    print("\nEnded.")
    return 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="do the whole journey unattended"
    )
    parser.add_argument(
        "--latency",
        type=float,
        default=0,
        metavar="MS",
        help="milliseconds the server waits before each answer",
    )
    parser.add_argument(
        "--language",
        default="en",
        choices=("en", "zh-Hans", "zh-Hant"),
        help="the language of Home Assistant's pages",
    )
    return parser.parse_args()


def print_welcome(home_assistant: HomeAssistant, server: QQServer) -> None:
    """Say what to open and what to type in."""
    print(
        f"""
  Home Assistant    {home_assistant.url}
  User, password    {USER}, {PASSWORD}

  Add the account: Settings → Devices & services → Add integration → QQ Mail
    Mail address         {ADDRESS}
    Authorization code   {CODE}
    Server               {server.host}
    Port, encryption     {server.tls_port}, TLS  (or {server.starttls_port}, STARTTLS)

  Then switch on "Front door" (Settings → Devices & services → Helpers), or run the
  script "Say hello by mail" or "Show what mail can do" (Settings → Automations &
  scenes → Scripts). "Send a mail with buttons" sends links: open one and press.
  Each mail that arrives is shown here. Ctrl-C ends everything.
"""
    )


def print_mail(mail: AcceptedMessage) -> None:
    """Show a mail as its recipient would see it."""
    message = mail.message
    attachments = [part.get_filename() for part in message.iter_attachments()]
    print(f"── mail accepted from {mail.account} for {', '.join(mail.recipients)}")
    for field in ("Subject", "From", "To", "Cc", "Date"):
        if field in message:
            print(f"   {field + ':':9}{message[field]}")
    if attachments:
        print(f"   Attachments: {', '.join(map(str, attachments))}")
    for line in mail.text.splitlines():
        print(f"   │ {line}")
    print(flush=True)


async def interrupted() -> None:
    """Wait for Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


class CheckError(Exception):
    """The journey did not go as it should."""


async def check(home_assistant: HomeAssistant, server: QQServer) -> int:
    """Do the whole journey, by the interfaces that the front end uses as well."""
    try:
        await add_account(home_assistant, server)
        await home_assistant.action(
            "notify.send_message",
            entity_id=ENTITY,
            title="Hello from an entity",
            message="第一封邮件 📬\n.a line that begins with a dot",
        )
        await expect(
            server,
            1,
            subject="Hello from an entity",
            text="第一封邮件 📬\n.a line that begins with a dot\n",
            recipients=(ADDRESS,),
        )
        await home_assistant.action("script.say_hello")
        await expect(
            server,
            2,
            subject="Hello from a script",
            text="你好！This came by notify.qq_mail.\n",
            recipients=("grandma@example.com",),
        )
        await home_assistant.action(
            "input_boolean.turn_on", entity_id="input_boolean.front_door"
        )
        await expect(
            server,
            3,
            subject="🚪 大门打开了",
            text="The front door was opened.\n",
            recipients=(ADDRESS,),
        )
        await say_it_all(home_assistant, server)
        await press_a_button(home_assistant, server)
        await survive_outage(home_assistant, server)
        verify("no login in plaintext", server.plaintext_logins, 0)
        verify("the code in Home Assistant's log", CODE in home_assistant.log, False)
        verify("errors of the integration in the log", errors(home_assistant.log), [])
    except (CheckError, HomeAssistantError, TimeoutError) as err:
        print(f"✗ {err!r}\n\n{home_assistant.log}")
        return 1
    print("✓ Every mail arrived as it should.")
    return 0


def errors(log: str) -> list[str]:
    """Return what the log says of errors in the integration, tracebacks included."""
    return [
        line
        for line in log.splitlines()
        if "custom_components/qq_mail/" in line
        or (" ERROR " in line and "qq_mail" in line)
    ]


async def add_account(home_assistant: HomeAssistant, server: QQServer) -> None:
    """Go through the config flow: first with a wrong code, then with the right one."""
    flows = "/api/config/config_entries/flow"
    texts = await home_assistant.translations("config")
    form = await home_assistant.post(flows, {"handler": "qq_mail"})
    fields = [field["name"] for field in form["data_schema"]]
    verify(
        "fields of the form",
        fields,
        ["username", "password", "host", "port", "encryption"],
    )
    typed = {
        "username": ADDRESS,
        "host": server.host,
        "port": server.tls_port,
        "encryption": "tls",
    }
    form = await home_assistant.post(
        f"{flows}/{form['flow_id']}", {**typed, "password": "wrongwrongwrongw"}
    )
    verify("error after a wrong code", form["errors"], {"password": "login_ambiguous"})
    text = texts["component.qq_mail.config.error.login_ambiguous"]
    print(f"  {text.format(**form['description_placeholders'])}")
    entry = await home_assistant.post(
        f"{flows}/{form['flow_id']}", {**typed, "password": CODE}
    )
    verify("the entry after the right code", entry["title"], ADDRESS)


async def say_it_all(home_assistant: HomeAssistant, server: QQServer) -> None:
    """Send a card with a picture, and without one that cannot be had."""
    number = len(server.accepted) + 1
    async with home_assistant.channel() as channel:
        sent = await channel.response("script.say_it_all")
    note = "camera.not_there"
    verify("status", sent["status"], "accepted")
    verify("what was left out", [note in line for line in sent["notes"]], [True])
    mail = (await asyncio.to_thread(server.wait_for, number))[number - 1]
    html = mail.message.get_body(("html",))
    text = mail.message.get_body(("plain",))
    pictures = [
        part for part in mail.message.walk() if part.get_content_maintype() == "image"
    ]
    arrived = {
        "subject": mail.subject,
        "recipients": mail.recipients,
        "priority": mail.message["X-Priority"],
        "bold": html is not None and "<strong>The doorbell" in html.get_content(),
        "states": text is not None and "Front door: On" in text.get_content(),
        "note": text is not None and note in text.get_content(),
        "pictures": [
            (part.get_filename(), part.get_content() == PICTURE.read_bytes())
            for part in pictures
        ],
    }
    verify(
        f"mail {number}",
        arrived,
        {
            "subject": "门口有人",
            "recipients": (ADDRESS, "grandpa@example.com"),
            "priority": "2 (High)",
            "bold": True,
            "states": True,
            "note": True,
            "pictures": [("door.png", True)],
        },
    )


async def press_a_button(home_assistant: HomeAssistant, server: QQServer) -> None:
    """Open the first button of a mail, and press until nothing is left to press."""
    number = len(server.accepted) + 1
    await home_assistant.action("script.ask_by_mail")
    mail = (await asyncio.to_thread(server.wait_for, number))[number - 1]
    address = re.search(r"http\S+/api/qq_mail/action/\S+", mail.text)
    if not address:
        raise CheckError(f"no button in {mail.text!r}")
    pages: list[int] = []
    async with aiohttp.ClientSession() as browser:
        async with browser.get(address[0]) as answer:
            page = await answer.text()
        while form := re.search(r'<form method="post" action="([^"]*)"', page):
            pages.append(len(server.accepted) - number)
            async with browser.post(answer.url.join(URL(form[1]))) as answer:
                page = await answer.text()
    verify("mails before each press", pages, [0, 0])
    await expect(
        server,
        number + 1,
        subject="Button pressed",
        text="Close the valve\n",
        recipients=(ADDRESS,),
    )


async def survive_outage(home_assistant: HomeAssistant, server: QQServer) -> None:
    """Raise alerts while the server is away, and restart before it is back."""
    arrived = [mail.subject for mail in server.accepted]
    alerts = [f"Raised in the outage: {number}" for number in (1, 2, 3)]
    server.stop()
    for alert in alerts:
        async with asyncio.timeout(ALERT_TIMEOUT):
            await home_assistant.action(
                "notify.send_message", entity_id=ENTITY, title=alert, message="水浸"
            )
    verify("alerts that arrived in the outage", len(server.accepted) - len(arrived), 0)
    print("  Restarting Home Assistant …")
    await home_assistant.restart()
    verify("what waits after the restart", await waiting(home_assistant), alerts)
    server.start()
    await home_assistant.action("qq_mail.retry")
    await asyncio.to_thread(server.wait_for, len(arrived) + 3, PACE_TIMEOUT)
    # Until nothing is left there might be second copies.
    async with asyncio.timeout(PACE_TIMEOUT):
        while await waiting(home_assistant):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
    subjects = [mail.subject for mail in server.accepted]
    verify("mails once the server is back", subjects, [*arrived, *alerts])


async def waiting(home_assistant: HomeAssistant) -> list[str]:
    """Return the subjects of what waits in the outbox."""
    async with home_assistant.channel() as channel:
        response = await channel.response("qq_mail.get_outbox")
    return [message["subject"] for message in response["messages"]]


async def expect(server: QQServer, number: int, **expected: Any) -> None:
    """Wait for a mail and look at what arrived."""
    mails = await asyncio.to_thread(server.wait_for, number, PACE_TIMEOUT)
    mail = mails[number - 1]
    arrived = {
        "subject": mail.message["Subject"],
        "text": mail.text,
        "sender": str(mail.message["From"]),
        "recipients": mail.recipients,
        "encrypted": mail.secure,
    }
    verify(
        f"mail {number}",
        arrived,
        {"sender": f"Demo <{ADDRESS}>", "encrypted": True, **expected},
    )


def verify(what: str, seen: object, expected: object) -> None:
    """Print what was seen. Raises CheckError where it is not what was expected."""
    if seen != expected:
        raise CheckError(f"{what}: saw {seen!r}, expected {expected!r}")
    print(f"✓ {what}: {seen!r}", flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
