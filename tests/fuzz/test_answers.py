"""Whole mails in the inbox: whatever their octets, no button is pressed by chance."""

from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.buttons.models import SIGNAL_REPLY, Reply
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from tests.answers.conftest import Household, answer_to
from tests.conftest import ADDRESS
from tests.house import house_of, until
from tests.inbox import mails
from tests.qq_server import QQServer

from .conftest import fuzz
from .test_inbox import OCTETS, PIECES, damaged

# Words of the buttons of a mail whose secret is nowhere in these octets.
WORDS = st.sampled_from([b"1", b"2", b"Light on", b"\r\n\r\n1", b"LIGHT_ON", b"ok"])
DESTRUCTIVE = {"action": "CLOSE", "title": "Close the valve", "destructive": True}
LIGHT = {"action": "LIGHT_ON", "title": "Light on"}
MANY = st.lists(OCTETS | damaged() | st.lists(PIECES | WORDS).map(b"".join), max_size=5)


class Heard:
    """An inbox of which it is known how far it was read."""

    def __init__(self, household: Household) -> None:
        """Raise two alarms: the secret of the first may be in any mail."""
        self.household = household
        self.secret = b""
        self._texts: list[str] = []
        self._number = 0
        async_dispatcher_connect(household.hass, SIGNAL_REPLY, self._hear)
        handlers = house_of(household.hass).buttons.handlers[SIGNAL_REPLY]
        handlers.add(lambda _: True)

    @callback
    def _hear(self, reply: Reply) -> None:
        self._texts.append(reply.text)

    async def begin(self) -> None:
        """Send both."""
        known = {"to": mails.PERSON}
        self.mail = await self.household.alert(actions=[DESTRUCTIVE], **known)
        await self.household.alert(actions=[LIGHT, LIGHT], title="Dark", **known)
        reference = str(self.mail.message["References"])
        self.secret = reference[1:].partition("@")[0].encode()

    async def read(self, many: list[bytes]) -> None:
        """Put mails into the inbox, and wait until all of them were read."""
        self._number += 1
        last = answer_to(self.mail, f"What? {self._number}", sender=mails.PERSON)
        for octets in (*many, last):
            known = octets.replace(mails.SECRET.encode(), self.secret)
            self.household.server.imap.put(ADDRESS, known)
        await until(lambda: f"What? {self._number}" in self._texts)


@pytest.fixture
async def heard(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer
) -> Heard:
    """Return the inbox of a household that waits for answers."""
    where = {"imap_host": server.host, "imap_port": server.imap.port}
    hass.config_entries.async_update_entry(
        loaded_entry,
        options={**loaded_entry.options, "answers_by_mail": True, **where},
    )
    await hass.async_block_till_done()
    heard = Heard(Household(hass, server, loaded_entry))
    await heard.begin()
    return heard


@fuzz(50)
@given(many=MANY)
async def test_any_mails(heard: Heard, many: list[bytes]) -> None:
    """Neither what is destructive without its words, nor a mail without its secret."""
    await heard.read(many)
    assert heard.household.pressed == []


async def test_the_words(heard: Heard) -> None:
    """Those are what the mails above lack."""
    await heard.read([mails.answer("Close the valve")])
    assert heard.household.pressed == ["CLOSE"]
