"""Try QQ Mail without a QQ account: a QQ-like server beside a real Home Assistant.

Everything runs on this machine. With --check it does the whole journey by itself
and ends with 0 only if every mail arrived as it should.
"""

import argparse
import asyncio
from functools import partial
from pathlib import Path
import shutil
import signal
import sys
import tempfile
from typing import Any

from homeassistant.util import yaml
from scripts.demo_journey import ADDRESS, CODE, ENTITY, NO_CAMERA, PICTURE, Journey
from scripts.demo_texts import LANGUAGES, Texts
from tests.e2e.home_assistant import PASSWORD, USER, HomeAssistant
from tests.qq_server import AcceptedMessage, Certificates, QQServer

ROOT = Path(__file__).parents[1]

PORT = 8123


def configuration(say: Texts) -> str:
    """Return what the house has, for configuration.yaml."""
    door = {"name": say("door"), "icon": "mdi:door"}
    return yaml.dump({"input_boolean": {"front_door": door}})


def scripts(say: Texts) -> str:
    """Return the scripts to run from the pages, for scripts.yaml."""
    hello = {
        "title": say("hello_title"),
        "message": say("hello_message"),
        "target": f"{say('grandma')} <grandma@example.com>",
    }
    card = {
        "title": say("bell_title"),
        "message": say("bell_message"),
        "format": "markdown",
        "cc": f"{say('grandpa')} <grandpa@example.com>",
        "priority": "high",
        "attachments": [
            {"path": "www/door.png", "inline": True},
            {"entity_id": NO_CAMERA},
        ],
        "entities": "input_boolean.front_door",
        "link": "https://www.home-assistant.io",
    }
    leak = {
        "title": say("leak_title"),
        "message": say("leak_message"),
        "priority": "highest",
        "tag": "water",
        "actions": [
            {
                "action": "close_valve",
                "title": say("close_valve"),
                "destructive": True,
            },
            {"action": "acknowledge", "title": say("acknowledge")},
            {"action": "URI", "title": say("dashboard"), "uri": "/"},
        ],
    }
    target = {"entity_id": ENTITY}
    send = {"action": "qq_mail.send_message", "target": target}
    return yaml.dump(
        {
            "say_hello": {
                "alias": say("hello"),
                "sequence": [{"action": "notify.qq_mail", "data": hello}],
            },
            "say_it_all": {
                "alias": say("card"),
                "sequence": [
                    {**send, "data": card, "response_variable": "sent"},
                    {"stop": "Sent", "response_variable": "sent"},
                ],
            },
            "ask_by_mail": {"alias": say("ask"), "sequence": [{**send, "data": leak}]},
        }
    )


def automations(say: Texts) -> str:
    """Return the automations, for automations.yaml."""

    def notify(title: str, message: str) -> dict[str, Any]:
        data = {"title": title, "message": message}
        target = {"entity_id": ENTITY}
        return {"action": "notify.send_message", "target": target, "data": data}

    return yaml.dump(
        [
            {
                "id": "front_door",
                "alias": say("opens"),
                "triggers": [
                    {
                        "trigger": "state",
                        "entity_id": "input_boolean.front_door",
                        "to": "on",
                    }
                ],
                "actions": [notify(say("door_title"), say("door_message"))],
            },
            {
                "id": "answered",
                "alias": say("answers"),
                "triggers": [
                    {
                        "trigger": "qq_mail.action_clicked",
                        "options": {"tag": "water"},
                    }
                ],
                "actions": [notify(say("pressed"), "{{ trigger.title }}")],
            },
        ]
    )


async def main() -> int:
    """Run the demo until Ctrl-C, or the journey once."""
    options = parse_options()
    if options.check:
        # Of its own: several may run at the same time, beside the demo.
        with tempfile.TemporaryDirectory() as temporary:
            return await run(options, Path(temporary))
    folder = ROOT / ".demo"
    folder.mkdir(exist_ok=True)
    return await run(options, folder)


async def run(options: argparse.Namespace, folder: Path) -> int:
    """Start the server and Home Assistant, and do what was asked for."""
    say = Texts(options.language)
    certificates = Certificates()
    ca_file = folder / "ca.pem"
    certificates.write_ca(ca_file)
    with QQServer(certificates, accounts={ADDRESS: CODE}) as server:
        server.delay = options.latency / 1000
        print(say("starting"))
        async with HomeAssistant(
            folder / "config",
            ca_file=ca_file,
            configuration=configuration(say),
            automations=automations(say),
            scripts=scripts(say),
            language=options.language,
            port=None if options.check else PORT,
        ) as home_assistant:
            www = home_assistant.config_dir / "www"
            www.mkdir(exist_ok=True)
            shutil.copy(PICTURE, www / "door.png")
            # Or the buttons of a mail would lead nowhere.
            await home_assistant.command(
                "config/core/update", external_url=home_assistant.url
            )
            if options.check:
                return await Journey(home_assistant, server, say).check()
            server.on_accepted = partial(print_mail, say)
            print_welcome(home_assistant, server, say)
            await interrupted()
    print(f"\n{say('ended')}")
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
        choices=LANGUAGES,
        help="the language of Home Assistant, of the mails, and of what is said here",
    )
    return parser.parse_args()


def print_welcome(home_assistant: HomeAssistant, server: QQServer, say: Texts) -> None:
    """Say what to open and what to type in."""
    print(
        say(
            "welcome",
            url=home_assistant.url,
            user=USER,
            password=PASSWORD,
            address=ADDRESS,
            code=CODE,
            host=server.host,
            tls_port=server.tls_port,
            starttls_port=server.starttls_port,
            **{key: say(key) for key in ("door", "hello", "card", "ask")},
        )
    )


def print_mail(say: Texts, mail: AcceptedMessage) -> None:
    """Show a mail as its recipient would see it."""
    message = mail.message
    attachments = [part.get_filename() for part in message.iter_attachments()]
    recipients = ", ".join(mail.recipients)
    print(f"── {say('mail', account=mail.account, recipients=recipients)}")
    for field in ("Subject", "From", "To", "Cc", "Date"):
        if field in message:
            print(f"   {field + ':':9}{message[field]}")
    if attachments:
        print(f"   {say('attachments')}: {', '.join(map(str, attachments))}")
    for line in mail.text.splitlines():
        print(f"   │ {line}")
    print(flush=True)


async def interrupted() -> None:
    """Wait for Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
