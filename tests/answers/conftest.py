"""A household whose mails are answered."""

from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.buttons.models import SIGNAL_PRESS, Press
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..calls.test_send import send
from ..conftest import ADDRESS
from ..house import house_of, outbox_of, until
from ..qq_server import AcceptedMessage, QQServer

ANN = "ann@example.com"
ACTIONS: list[dict[str, Any]] = [
    {"action": "close_valve", "title": "Close the valve", "destructive": True},
    {"action": "lamp", "title": "Switch the lamp on"},
    {"action": "acknowledge", "title": "Acknowledge"},
]


class Household:
    """Sends a mail with buttons, answers it, and knows what came of that."""

    def __init__(
        self, hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
    ) -> None:
        self.hass = hass
        self.server = server
        self.entry = entry
        self.presses: list[Press] = []
        async_dispatcher_connect(hass, SIGNAL_PRESS, self._hear)
        self.listens = True
        handlers = house_of(hass).buttons.handlers[SIGNAL_PRESS]
        handlers.add(lambda _: self.listens)

    @callback
    def _hear(self, press: Press) -> None:
        self.presses.append(press)

    @property
    def pressed(self) -> list[str]:
        """The actions of what was pressed."""
        return [press.action.action for press in self.presses]

    async def alert(self, **fields: Any) -> AcceptedMessage:
        """Raise an alert, and return the mail."""
        number = len(self.server.accepted)
        await send(
            self.hass, **{"title": "Water", "to": ANN, "actions": ACTIONS, **fields}
        )
        return self.server.accepted[number]

    def answer(self, mail: AcceptedMessage, text: str, **changes: Any) -> int:
        """Have somebody answer a mail, and return the answer's UID."""
        return self.server.imap.put(ADDRESS, answer_to(mail, text, **changes))

    async def told(self, number: int = 1) -> list[AcceptedMessage]:
        """Return what was told to those who answered, once it is so much."""
        # Sent, and known to be: else a restart would send it again.
        outbox = outbox_of(self.entry)
        await until(lambda: len(self._told) >= number and not len(outbox))
        await self.hass.async_block_till_done()
        return self._told

    @property
    def _told(self) -> list[AcceptedMessage]:
        return [
            mail
            for mail in self.server.accepted
            if mail.message["Auto-Submitted"] == "auto-replied"
        ]


def answer_to(
    mail: AcceptedMessage,
    text: str,
    *,
    sender: str = ANN,
    quotes: bool = True,
    refers: bool = True,
    **headers: str,
) -> bytes:
    """Return an answer as programs write it that follow RFC 5322 section 3.6.4."""
    answer = EmailMessage()
    answer["From"] = f"Somebody <{sender}>"
    answer["To"] = ADDRESS
    answer["Subject"] = headers.pop("Subject", f"Re: {mail.subject}")
    answer["Message-ID"] = "<answer@example.com>"
    if refers:
        answer["In-Reply-To"] = mail.tencent_id
        answer["References"] = f"{mail.message['References']} {mail.tencent_id}"
    for name, value in headers.items():
        answer[name] = value
    quoted = "".join(f"> {line}\n" for line in mail.text.splitlines())
    answer.set_content(
        f"{text}\n\nOn Sunday, {ADDRESS} wrote:\n{quoted}" if quotes else f"{text}\n"
    )
    return answer.as_bytes(policy=SMTP)


@pytest.fixture
async def entry(
    hass: HomeAssistant, entry: MockConfigEntry, server: QQServer
) -> MockConfigEntry:
    """Return an account whose mails can be answered."""
    hass.config_entries.async_update_entry(
        entry,
        options={
            **entry.options,
            "answers_by_mail": True,
            "imap_host": server.host,
            "imap_port": server.imap.port,
        },
    )
    return entry


@pytest.fixture
def household(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> Household:
    """Return a household whose account is loaded."""
    return Household(hass, server, loaded_entry)
