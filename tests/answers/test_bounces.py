"""A mail comes back, and the house knows of it once."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
)

from custom_components.qq_mail.store import Journal
from custom_components.qq_mail.store.journal import Change
from homeassistant.const import EVENT_LOGBOOK_ENTRY
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from ..calls.test_send import send
from ..conftest import ADDRESS, Events
from ..house import begin_process, end_process, later, on_disk, rooms_of, until
from ..inbox.mails import FAILED, qq_bounce, report
from ..outbox.test_merging import HALF_A_MINUTE, flood
from ..qq_server import AcceptedMessage, QQServer
from .conftest import ACTIONS, ANN, Household
from .test_answers import automate

BOB = "bob@example.com"
FULL = "552 5.2.2 Over quota"


def bounced(mail: AcceptedMessage, recipient: str = ANN, reason: str = "") -> bytes:
    """Return what QQ writes of a mail that came back."""
    original = mail.content_within_qq.decode().replace("\r\n", "\n")
    return qq_bounce(recipient, reason, original=original, tencent_id=mail.tencent_id)


def issues(hass: HomeAssistant, key: str = "bounced") -> dict[str, str]:
    """Return the addresses that issues name which outlive a restart, and why."""
    found = ir.async_get(hass).issues.values()
    named = [
        one.translation_placeholders or {}
        for one in found
        if one.translation_key == key and one.is_persistent
    ]
    return {one["address"]: one["why"] for one in named}


async def read(hass: HomeAssistant, server: QQServer, *mails: bytes) -> None:
    """Have mails come, and wait until all of them were read."""
    for mail in mails:
        uid = server.imap.put(ADDRESS, mail)
    await until(lambda: read_to(hass) == uid + 1)
    await hass.async_block_till_done()


def read_to(hass: HomeAssistant) -> int:
    """Return the UID that is read next, if any was."""
    cursors = [one for (kind, _, _), one in on_disk(hass).items() if kind == "cursor"]
    return max((int(one["uid"]) for one in cursors), default=0)


async def sent(hass: HomeAssistant, server: QQServer, **fields: Any) -> AcceptedMessage:
    """Send a mail without buttons to somebody outside QQ."""
    await send(hass, **{"title": "Water", "to": ANN, "tag": "water", **fields})
    await hass.async_block_till_done()
    return server.accepted[-1]


async def test_told(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer, events: Events
) -> None:
    """As any other outcome: entity, trigger, logbook, history; and what to do."""
    calls = await automate(
        hass, "message_bounced", "subject", "recipients", "cause", "reply"
    )
    logged = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    mail = await sent(hass, server)
    await read(hass, server, bounced(mail, reason=FULL))
    event = events.all[-1]
    assert (event.outcome, event.recipients, event.tag) == ("bounced", (ANN,), "water")
    (call,) = calls
    assert call.data == {
        "subject": "Water",
        "recipients": [ANN],
        "cause": "box_full",
        "reply": FULL,
    }
    state = hass.states.get("event.123456_qq_com_message")
    assert state
    assert state.attributes["event_type"] == "bounced"
    assert state.attributes["reply"] == FULL
    said = "the recipient's mailbox is full. It has to be emptied"
    assert f"“Water” to {ANN}: came back." in logged[-1].data["message"]
    assert said in logged[-1].data["message"]
    assert said in issues(hass)[ANN]
    (item,) = rooms_of(hass, loaded_entry).history.items
    assert [one.outcome for one in item.results] == ["accepted", "bounced"]
    assert len(server.accepted) == 1


async def test_once(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer, events: Events
) -> None:
    """Of each recipient, whoever else says it, and not again after a restart."""
    mail = await sent(hass, server, to=[ANN, BOB])
    await read(hass, server, bounced(mail), bounced(mail), bounced(mail, BOB))
    told = [one.recipients for one in events.all if one.outcome == "bounced"]
    assert told == [(ANN,), (BOB,)]
    assert issues(hass).keys() == {ANN, BOB}
    await end_process(hass, loaded_entry)
    assert issues(hass).keys() == set()
    await begin_process(hass, loaded_entry)
    again = Events()
    again.listen(loaded_entry)
    await read(hass, server, bounced(mail), bounced(await sent(hass, server), ANN))
    assert [one.outcome for one in again.all] == ["accepted", "bounced"]


async def test_of_a_digest(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    server: QQServer,
    events: Events,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Each of its messages is told of; one line in the logbook is enough."""
    options = {**loaded_entry.options, "burst": 1, "messages_per_minute": 2}
    await flood(hass, loaded_entry, options=options, to=ANN)
    await later(hass, freezer, HALF_A_MINUTE)
    await asyncio.to_thread(server.wait_for, 2)
    *_, last = await events.wait(5)
    logged = async_capture_events(hass, EVENT_LOGBOOK_ENTRY)
    await read(hass, server, bounced(server.accepted[-1]))
    parts = [one for one in events.all if one.outcome == "bounced"]
    assert [one.subject for one in parts] == [f"Alert {number}" for number in range(4)]
    assert {one.digest for one in parts} == {last.digest}
    (line,) = logged
    assert "came back" in line.data["message"]


@pytest.mark.parametrize(
    ("to", "named", "about"),
    [
        pytest.param([ANN, BOB], "", f"{ANN}, {BOB}", id="several"),
        pytest.param([ANN, BOB], "box7@mx.example.com", f"{ANN}, {BOB}", id="another"),
        pytest.param([ANN, "10002@qq.com"], "", ANN, id="one outside"),
    ],
)
async def test_for_whom(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    server: QQServer,
    to: list[str],
    named: str,
    about: str,
) -> None:
    """A report may not name whom we have sent to: then it is said what is known."""
    mail = await sent(hass, server, to=to)
    status = FAILED.replace("Nobody@example.com", named)
    octets = report(status, ours=mail.message["X-OQ-MSGID"])
    await read(hass, server, octets)
    assert {*issues(hass), *issues(hass, "something_returned")} == {about}


async def test_of_which_mail(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer, events: Events
) -> None:
    """Where only an address is known, something came back; of others nothing is said."""
    await sent(hass, server)
    await read(hass, server, qq_bounce(ANN), qq_bounce(BOB))
    assert issues(hass) == {}
    assert "does not exist" in issues(hass, "something_returned")[ANN]
    assert issues(hass, "something_returned").keys() == {ANN}
    assert events.outcomes == ["accepted"]


async def test_hostile(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer, events: Events
) -> None:
    """An id that is none is no mail's; what is said is shown as it is."""
    await sent(hass, server)
    said = "550 [`Log in`](https://evil.example)"
    octets = qq_bounce(ANN, said, original="Message-ID: <@qq.com>\n\n")
    await read(hass, server, octets)
    assert events.outcomes == ["accepted"]
    (why,) = issues(hass, "something_returned").values()
    assert "`550 ['Log in'](https://evil.example)`" in why


async def test_only_late(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer, events: Events
) -> None:
    """What is late has not come back, and is no answer from a stranger."""
    mail = await sent(hass, server, actions=ACTIONS)
    ours, reference = mail.message["X-OQ-MSGID"], mail.message["References"]
    delayed = FAILED.replace("failed", "delayed")
    await read(hass, server, report(delayed, ours=ours, reference=reference))
    assert events.outcomes == ["accepted"]
    assert not ir.async_get(hass).issues


async def test_while_away(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer
) -> None:
    """What came back meanwhile is told after the start."""
    mail = await sent(hass, server)
    await until(lambda: server.imap.logins)
    await end_process(hass, loaded_entry)
    uid = server.imap.put(ADDRESS, bounced(mail))
    await begin_process(hass, loaded_entry)
    await until(lambda: issues(hass))
    await until(lambda: read_to(hass) == uid + 1)
    (item,) = rooms_of(hass, loaded_entry).history.items
    assert [one.outcome for one in item.results] == ["accepted", "bounced"]


async def test_two_days(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer, pass_time: Any
) -> None:
    """So long the inbox is read."""
    await sent(hass, server)
    await until(lambda: server.imap.open)
    pass_time(timedelta(hours=48, minutes=1).total_seconds())
    await until(lambda: not server.imap.open)


@pytest.mark.parametrize(
    ("options", "to"),
    [
        pytest.param({"answers_by_mail": False}, ANN, id="switched off"),
        pytest.param({"history_days": 0}, ANN, id="no history"),
        pytest.param({}, "10002@qq.com", id="within QQ"),
    ],
)
async def test_not_read(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    server: QQServer,
    options: dict[str, Any],
    to: str,
) -> None:
    """Where nothing can be found out, nobody logs in."""
    hass.config_entries.async_update_entry(
        loaded_entry, options={**loaded_entry.options, **options}
    )
    await hass.async_block_till_done()
    await sent(hass, server, to=to)
    assert server.imap.logins == 0


async def test_not_whole(
    hass: HomeAssistant, household: Household, server: QQServer
) -> None:
    """Where only answers are waited for, no bounce is read."""
    mail = await household.alert(to="10002@qq.com")
    await read(hass, server, bounced(mail))
    assert not [one for one in server.imap.commands if "BODY.PEEK[]" in one]


async def test_one_round(
    hass: HomeAssistant,
    loaded_entry: MockConfigEntry,
    server: QQServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a kill at any instant it was told and read, or neither."""
    mail = await sent(hass, server)
    await until(lambda: server.imap.logins)
    rounds, real = list[set[str]](), Journal.write

    def write(journal: Journal, changes: Sequence[Change]) -> Any:
        rounds.append({one.key[0] for one in changes})
        return real(journal, changes)

    monkeypatch.setattr(Journal, "write", write)
    await read(hass, server, bounced(mail))
    assert {"cursor", "history"} in rounds
    assert [one for one in rounds if "history" in one] == [{"cursor", "history"}]
