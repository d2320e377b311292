"""Messages that follow each other over one session, each behind another's final dot."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import shutil
import threading

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.outbox import scheduler as scheduler_module
from custom_components.qq_mail.outbox.outcome import OutboxEvent, Outcome
from custom_components.qq_mail.smtp import transaction as transaction_module
from custom_components.qq_mail.smtp.models import Encryption
from homeassistant.core import HomeAssistant

from ..conftest import Events, settle
from ..qq_server import Answer, Close, Hang, QQServer, Raw, Step, replies
from ..qq_server.connection import LEAKED
from .test_outbox import (
    notify,
    on_disk,
    outbox_of,
    record_of,
    spool_in_use,
    spool_of,
    until,
    waiting,
)


async def two(hass: HomeAssistant) -> None:
    """Raise two alerts; the second is taken while the first one logs in."""
    calls = (notify(hass, title=title) for title in ("one", "two"))
    await asyncio.gather(*calls, return_exceptions=True)


def subjects(server: QQServer) -> list[str]:
    """Return what was accepted."""
    return [mail.subject for mail in server.accepted]


def marks(hass: HomeAssistant, entry: MockConfigEntry) -> list[bool]:
    """Return for each message on disk whether QQ may have it."""
    folder = spool_of(hass, entry)
    keys = sorted(on_disk(folder).keys() - {"state"})
    return [record_of(folder, key)["in_data"] for key in keys]


class Scan:
    """Keeps the server from answering until a test lets it."""

    def __init__(self, server: QQServer) -> None:
        self.reached, self.done = threading.Event(), threading.Event()
        server.on_accepted = self

    def __call__(self, _: object) -> None:
        """Wait, once."""
        self.reached.set()
        assert self.done.wait(10)


@pytest.mark.parametrize(
    ("offered", "most"),
    [pytest.param(True, 1.2, id="offered"), pytest.param(False, 4.2, id="not offered")],
)
async def test_round_trips(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    offered: bool,
    most: float,
) -> None:
    """Each of many takes one; word by word, where the server takes no flights."""
    server.offer_pipelining = offered
    assert await hass.config_entries.async_setup(entry.entry_id)
    scan = Scan(server)
    calls = [
        hass.async_create_task(notify(hass, title=str(number))) for number in range(20)
    ]
    await until(scan.reached.is_set)
    await until(lambda: len(outbox_of(entry)) == 20)
    before = server.answers
    scan.done.set()
    await asyncio.gather(*calls)
    assert [mail.subject for mail in server.accepted] == [str(n) for n in range(20)]
    assert server.answers - before <= 20 * most
    assert server.logins == 1


@pytest.mark.parametrize(
    ("answer", "outcomes", "logins"),
    [
        pytest.param(
            replies.CONTENT, ["rejected", "accepted"], 1, id="refused for good"
        ),
        pytest.param(Answer(451, "later"), ["deferred", "accepted"], 1, id="for now"),
        pytest.param(Close(), ["unknown", "accepted"], 2, id="lost"),
        pytest.param(Raw(b"nonsense\r\n"), ["unknown", "accepted"], 2, id="nonsense"),
    ],
)
async def test_first_is_not_accepted(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    answer: Answer | Close | Raw,
    outcomes: list[str],
    logins: int,
) -> None:
    """What befalls it is its own: the other one is certainly not out by then."""
    server.script(Step.DOT, answer)
    await two(hass)
    await events.wait(2)
    assert events.outcomes == outcomes
    assert [event.subject for event in events.all] == ["one", "two"]
    assert subjects(server) == ["two"]
    assert server.logins == logins


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(replies.TOO_MANY_ATTEMPTS, id="rate limit"),
        pytest.param(Answer(421, "closing"), id="421"),
    ],
)
async def test_nothing_follows_a_refusal_of_all(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    answer: Answer,
) -> None:
    """The text of the second is not sent, nor does a crash find that it may be out."""
    server.script(Step.DOT, answer)
    await two(hass)
    await until(lambda: server.open_connections == 0)
    assert events.outcomes == ["deferred"]
    assert server.accepted == []
    await until(lambda: marks(hass, loaded_entry) == [False, False])
    attempts = sorted(one.attempts for one in outbox_of(loaded_entry).messages())
    assert attempts == [0, 1]


@pytest.mark.parametrize(
    ("step", "answer", "outcome"),
    [
        pytest.param(Step.MAIL, replies.CONTENT, "rejected", id="mail"),
        pytest.param(Step.RCPT, replies.MAILBOX_NOT_FOUND, "rejected", id="rcpt"),
        pytest.param(Step.DATA, Answer(451, "later"), "deferred", id="data"),
        pytest.param(Step.MAIL, Close(), "accepted", id="closed"),
    ],
)
async def test_second_is_refused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    step: Step,
    answer: Answer | Close,
    outcome: str,
) -> None:
    """The first one has its own answer."""
    server.script(step, answer, skip=1)
    await two(hass)
    await events.wait(2)
    assert events.outcomes == ["accepted", outcome]
    assert len({mail.subject for mail in server.accepted}) == len(server.accepted)


def discard_all(hass: HomeAssistant, entry: MockConfigEntry) -> asyncio.Task[int]:
    """Withdraw everything."""
    return hass.async_create_task(outbox_of(entry).async_discard())


def stop(hass: HomeAssistant, entry: MockConfigEntry) -> asyncio.Task[None]:
    """End the work on the account."""
    return hass.async_create_task(outbox_of(entry).async_stop())


@pytest.mark.parametrize(
    ("withdraw", "left"),
    [pytest.param(discard_all, 0, id="discard"), pytest.param(stop, 1, id="stop")],
)
async def test_withdrawn_between_two(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    withdraw: Callable[[HomeAssistant, MockConfigEntry], asyncio.Task[None]],
    left: int,
) -> None:
    """What was announced to the server, and is not wanted any more, stays here."""
    scan = Scan(server)
    calls = hass.async_create_task(two(hass))
    await until(scan.reached.is_set)
    await until(lambda: sum(marks(hass, loaded_entry)) == 2)
    withdrawn = withdraw(hass, loaded_entry)
    await asyncio.sleep(0)
    scan.done.set()
    await withdrawn
    await calls
    await until(lambda: len(waiting(hass, loaded_entry)) == left)
    assert marks(hass, loaded_entry) == [False] * left
    assert subjects(server) == ["one"]
    assert events.outcomes == ["accepted"]


async def test_stop_in_the_middle(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
) -> None:
    """Only of what may be out the disk says so."""
    server.script(Step.DOT, Hang())
    calls = hass.async_create_task(two(hass))
    await until(lambda: sum(marks(hass, loaded_entry)) == 2)
    await outbox_of(loaded_entry).async_stop()
    await calls
    assert marks(hass, loaded_entry) == [True, False]


async def test_answer_that_does_not_come(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who waits for another's answer for long goes over another session."""
    monkeypatch.setattr(scheduler_module, "PATIENCE", 0.1)
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", 1)
    server.script(Step.DOT, Hang())
    await two(hass)
    assert subjects(server) == ["two"]
    assert [(event.subject, event.outcome) for event in events.all] == [
        ("two", "accepted"),
        ("one", "unknown"),
    ]
    assert server.logins == 2
    await until(lambda: server.open_connections == 1)


async def test_leaked_octets_between_two(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
) -> None:
    """They are no answer, and nobody's fault: the flights go on."""
    queued = Answer(250, "OK: queued as.").wire
    server.script(Step.ACCEPTED, Raw(queued + LEAKED))
    await two(hass)
    await events.wait(2)
    assert events.outcomes == ["accepted", "accepted"]
    assert subjects(server) == ["one", "two"]
    assert server.logins == 1
    await two(hass)
    assert subjects(server) == ["one", "two"] * 2
    before = server.answers
    server.script(Step.ACCEPTED, Raw(queued + LEAKED))
    await two(hass)
    # Two for the first, and one for the one behind it.
    assert server.answers - before <= 4
    assert len(server.accepted) == 6


async def test_second_is_gone_from_the_disk(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    events: Events,
) -> None:
    """Its transaction is left, and nobody gets an empty mail."""
    server.delay = 0.05
    calls = hass.async_create_task(two(hass))
    spool = spool_of(hass, loaded_entry)
    await until(lambda: len(outbox_of(loaded_entry)) == 2)
    settle(spool_in_use(loaded_entry))
    sorted(spool.glob("0*.eml"))[1].unlink()
    await calls
    await events.wait(2)
    assert subjects(server) == ["one"]
    assert events.outcomes == ["accepted", "rejected"]


# What OpenSMTPD says, before it leaves.
NOT_SUPPORTED = Raw(
    Answer(500, "5.5.1 Invalid command: Pipelining not supported").wire, close=True
)


@pytest.mark.parametrize(
    ("step", "answer", "skip"),
    [
        pytest.param(Step.MAIL, NOT_SUPPORTED, 0, id="500 at mail"),
        pytest.param(Step.RCPT, NOT_SUPPORTED, 0, id="500 at rcpt"),
        pytest.param(Step.RCPT, replies.NEED_MAIL, 0, id="out of order"),
        pytest.param(Step.DATA, Hang(), 0, id="an answer is lost"),
        pytest.param(Step.DOT, NOT_SUPPORTED, 0, id="500 at the dot"),
        pytest.param(Step.MAIL, Close(), 1, id="closed behind the dot"),
        pytest.param(Step.RCPT, Hang(), 1, id="an answer is lost behind the dot"),
    ],
)
async def test_flights_that_are_not_meant(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    step: Step,
    answer: Raw | Hang | Close | Answer,
    skip: int,
) -> None:
    """The account goes on word by word, at once, and nothing is sent twice."""
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, "timeout": 0.5}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    events = Events()
    events.listen(entry)
    server.script(step, answer, skip=skip)
    await two(hass)
    assert events.outcomes == ["accepted", "accepted"]
    assert sorted(subjects(server)) == ["one", "two"]
    assert server.logins == 2
    before = server.answers
    await two(hass)
    assert server.answers == before + 8
    assert server.logins == 2


async def test_withdrawn_in_the_same_turn(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry, events: Events
) -> None:
    """Who hears of an outcome discards what was just to follow: nobody gets it."""
    outbox = outbox_of(loaded_entry)
    queue = outbox._manager.queue  # noqa: SLF001 - nothing else makes it too old now
    scan = Scan(server)
    server.script(Step.RCPT, Answer(450, "later"))
    await notify(hass, title="old")
    (old,) = outbox.messages()
    first = hass.async_create_task(notify(hass, title="one"))
    await until(scan.reached.is_set)

    def withdraw(event: OutboxEvent | None) -> None:
        if event and event.outcome is Outcome.EXPIRED:
            hass.async_create_task(outbox.async_discard())

    outbox.async_add_listener(withdraw)
    queue.put(replace(old, lifetime=0.0, raised=old.raised - 10))
    await notify(hass, title="two")
    scan.done.set()
    await first
    assert subjects(server) == ["one"]
    assert outbox.troubles == 0
    assert outbox.messages() == []


async def test_another_server_meanwhile(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What was to follow goes by the server that a person has named since."""
    outbox = outbox_of(loaded_entry)
    scan = Scan(server)
    calls = asyncio.ensure_future(two(hass))
    await until(scan.reached.is_set)
    await until(lambda: len(outbox) == 2)
    outbox.async_code_renewed(
        replace(
            outbox.account,
            port=server.starttls_port,
            encryption=Encryption.STARTTLS,
        )
    )
    scan.done.set()
    await calls
    await until(lambda: len(outbox) == 0)
    assert subjects(server) == ["one", "two"]
    assert server.logins == 2


async def test_folder_that_somebody_removed(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """What comes after that is on the disk again."""
    await notify(hass)
    shutil.rmtree(spool_of(hass, loaded_entry))
    server.script(Step.RCPT, Answer(450, "later"))
    await notify(hass)
    assert len(waiting(hass, loaded_entry)) == 1
