"""What a newcomer does with QQ Mail, from the form to an outage: the demo's check."""

import asyncio
from pathlib import Path
import re

import aiohttp
from yarl import URL

from tests.e2e.home_assistant import HomeAssistant, HomeAssistantError
from tests.qq_server import AcceptedMessage, QQServer

from .demo_texts import Texts

ADDRESS = "10001@qq.com"
CODE = "abcdefghijklmnop"
ENTITY = "notify.10001_qq_com"
NO_CAMERA = "camera.not_there"
PICTURE = Path(__file__).parents[1] / "custom_components/qq_mail/brand/icon.png"
"""What a camera would have seen."""
PATIENCE = 180
"""Seconds for a mail to arrive: after four at once, one goes out every six."""


class CheckError(Exception):
    """The journey did not go as it should."""


def errors(log: str) -> list[str]:
    """Return what the log says of errors in the integration, tracebacks included."""
    return [
        line
        for line in log.splitlines()
        if "custom_components/qq_mail/" in line
        or (" ERROR " in line and "qq_mail" in line)
    ]


class Journey:
    """What a newcomer does, by the interfaces that the front end uses as well."""

    def __init__(
        self, home_assistant: HomeAssistant, server: QQServer, say: Texts
    ) -> None:
        """Begin in a house that knows no account yet."""
        self._home = home_assistant
        self._server = server
        self._say = say

    async def check(self) -> int:
        """Do the whole journey; return 0 only if every mail arrived as it should."""
        say = self._say
        try:
            await self._add_account()
            await self._send_mails()
            await self._say_it_all()
            await self._press_a_button()
            await self._survive_outage()
            log = self._home.log
            self._verify("plaintext", self._server.plaintext_logins, 0)
            self._verify("code_in_log", CODE in log, False)
            self._verify("errors", errors(log), [])
        except (CheckError, HomeAssistantError, TimeoutError) as err:
            print(f"✗ {err!r}\n\n{self._home.log}")
            return 1
        print(f"✓ {say('passed')}")
        return 0

    async def _add_account(self) -> None:
        """Go through the form: first with a wrong code, then with the right one."""
        flows = "/api/config/config_entries/flow"
        texts = await self._home.translations("config")
        form = await self._home.post(flows, {"handler": "qq_mail"})
        fields = [field["name"] for field in form["data_schema"]]
        self._verify(
            "fields", fields, ["username", "password", "host", "port", "encryption"]
        )
        typed = {
            "username": ADDRESS,
            "host": self._server.host,
            "port": self._server.tls_port,
            "encryption": "tls",
        }
        form = await self._home.post(
            f"{flows}/{form['flow_id']}", {**typed, "password": "wrongwrongwrongw"}
        )
        self._verify("wrong_code", form["errors"], {"password": "login_ambiguous"})
        text = texts["component.qq_mail.config.error.login_ambiguous"]
        print(f"  {text.format(**form['description_placeholders'])}")
        entry = await self._home.post(
            f"{flows}/{form['flow_id']}", {**typed, "password": CODE}
        )
        self._verify("entry", entry["title"], ADDRESS)

    async def _send_mails(self) -> None:
        """Send by an entity, by notify.<name> and by an automation."""
        say = self._say
        await self._home.action(
            "notify.send_message",
            entity_id=ENTITY,
            title=say("entity_title"),
            message=say("entity_message"),
        )
        await self._expect(1, say("entity_title"), say("entity_message"))
        await self._home.action("script.say_hello")
        await self._expect(
            2, say("hello_title"), say("hello_message"), "grandma@example.com"
        )
        await self._home.action(
            "input_boolean.turn_on", entity_id="input_boolean.front_door"
        )
        await self._expect(3, say("door_title"), say("door_message"))

    async def _say_it_all(self) -> None:
        """Send a card with a picture, and without one that cannot be had."""
        say = self._say
        number = len(self._server.accepted) + 1
        async with self._home.channel() as channel:
            sent = await channel.response("script.say_it_all")
        self._verify("status", sent["status"], "accepted")
        self._verify("left_out", [NO_CAMERA in line for line in sent["notes"]], [True])
        states = await self._home.translations("entity_component", "input_boolean")
        on = states["component.input_boolean.entity_component._.state.on"]
        mail = await self._mail(number)
        html = mail.message.get_body(("html",))
        text = mail.message.get_body(("plain",))
        parts = [
            part
            for part in mail.message.walk()
            if part.get_content_maintype() == "image"
        ]
        arrived = {
            "subject": mail.subject,
            "recipients": mail.recipients,
            "priority": mail.message["X-Priority"],
            "bold": html is not None
            and f"<strong>{say('bell_bold')}" in html.get_content(),
            "states": text is not None
            and say("state", name=say("door"), state=on) in text.get_content(),
            "note": text is not None and NO_CAMERA in text.get_content(),
            "pictures": [
                (part.get_filename(), part.get_content() == PICTURE.read_bytes())
                for part in parts
            ],
        }
        expected = {
            "subject": say("bell_title"),
            "recipients": (ADDRESS, "grandpa@example.com"),
            "priority": "2 (High)",
            "bold": True,
            "states": True,
            "note": True,
            "pictures": [("door.png", True)],
        }
        self._verify("number", arrived, expected, number=number)

    async def _press_a_button(self) -> None:
        """Open the first button of a mail; press until nothing is left to press."""
        number = len(self._server.accepted) + 1
        await self._home.action("script.ask_by_mail")
        mail = await self._mail(number)
        address = re.search(r"http\S+/api/qq_mail/action/\S+", mail.text)
        if not address:
            raise CheckError(self._say("no_button", text=mail.text))
        pages: list[int] = []
        async with aiohttp.ClientSession() as browser:
            async with browser.get(address[0]) as answer:
                page = await answer.text()
            while form := re.search(r'<form method="post" action="([^"]*)"', page):
                pages.append(len(self._server.accepted) - number)
                async with browser.post(answer.url.join(URL(form[1]))) as answer:
                    page = await answer.text()
        self._verify("presses", pages, [0, 0])
        await self._expect(number + 1, self._say("pressed"), self._say("close_valve"))

    async def _survive_outage(self) -> None:
        """Raise alerts while the server is away, and restart before it is back."""
        say, server = self._say, self._server
        arrived = [mail.subject for mail in server.accepted]
        alerts = [say("outage_title", number=number) for number in (1, 2, 3)]
        server.stop()
        for alert in alerts:
            await self._home.action(
                "notify.send_message",
                entity_id=ENTITY,
                title=alert,
                message=say("outage_message"),
            )
        self._verify("in_outage", len(server.accepted) - len(arrived), 0)
        print(f"  {say('restarting')}")
        await self._home.restart()
        self._verify("waits", await self._waiting(), alerts)
        server.start()
        await self._home.action("qq_mail.retry")
        await self._mail(len(arrived) + 3)
        # Until nothing is left there might be second copies.
        async with asyncio.timeout(PATIENCE):
            while await self._waiting():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        subjects = [mail.subject for mail in server.accepted]
        self._verify("after", subjects, [*arrived, *alerts])

    async def _waiting(self) -> list[str]:
        """Return the subjects of what waits in the outbox."""
        async with self._home.channel() as channel:
            response = await channel.response("qq_mail.get_outbox")
        return [message["subject"] for message in response["messages"]]

    async def _mail(self, number: int) -> AcceptedMessage:
        """Return the mail with this number, counted from 1, once it has arrived."""
        mails = await asyncio.to_thread(self._server.wait_for, number, PATIENCE)
        return mails[number - 1]

    async def _expect(
        self, number: int, subject: str, text: str, recipient: str = ADDRESS
    ) -> None:
        """Wait for a mail and look at what arrived."""
        mail = await self._mail(number)
        arrived = {
            "subject": mail.message["Subject"],
            "text": mail.text,
            "sender": str(mail.message["From"]),
            "recipients": mail.recipients,
            "encrypted": mail.secure,
        }
        expected = {
            "subject": subject,
            "text": f"{text}\n",
            "sender": f"Demo <{ADDRESS}>",
            "recipients": (recipient,),
            "encrypted": True,
        }
        self._verify("number", arrived, expected, number=number)

    def _verify(
        self, what: str, seen: object, expected: object, **values: object
    ) -> None:
        """Print what was seen. Raises CheckError where it is not what was expected."""
        name = self._say(what, **values)
        if seen != expected:
            raise CheckError(
                self._say("wrong", what=name, seen=seen, expected=expected)
            )
        print(f"✓ {self._say('seen', what=name, seen=seen)}", flush=True)
