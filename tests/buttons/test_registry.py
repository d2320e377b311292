"""Which buttons work: over restarts, damage, and too many of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
import errno
import os
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.buttons.links import PLAIN_HTTP, link_base
from custom_components.qq_mail.buttons.models import SIGNAL_PRESS, Action, Mail, Press
from custom_components.qq_mail.buttons.registry import BUTTONS, Buttons
from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN, MAX_BUTTONS
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from ..house import house_of, on_disk
from .conftest import ACKNOWLEDGE, CLOSE, DAY, mail_of


@pytest.fixture
def buttons(hass: HomeAssistant, loaded_entry: MockConfigEntry) -> Buttons:
    """Return the buttons of a house that has sent none yet."""
    return house_of(hass).buttons


@pytest.fixture
def mail(entry: MockConfigEntry) -> Mail:
    """Return a mail of an account."""
    return mail_of(entry)


def issue(
    buttons: Buttons, mail: Mail, *actions: Action, lasts: timedelta = DAY
) -> tuple[str, ...]:
    """Return the tokens of buttons that are put on disk."""
    tokens = buttons.issue(mail, actions, lasts)
    buttons.keep(mail.queue_id)
    return tokens


async def restarted(hass: HomeAssistant) -> Buttons:
    """Return what another process reads of the disk once all is written."""
    await house_of(hass).store.written()
    return read(hass, on_disk(hass))


def read(hass: HomeAssistant, records: dict[Any, dict[str, Any]]) -> Buttons:
    """Return the buttons of these records."""
    buttons = Buttons(hass, house_of(hass).store, tuple)
    buttons.async_load(
        {
            (kind, name): record
            for (kind, _, name), record in records.items()
            if kind == BUTTONS
        }
    )
    return buttons


async def test_restart(hass: HomeAssistant, buttons: Buttons, mail: Mail) -> None:
    """A button works after a restart; not after its use and a restart."""
    tokens = issue(buttons, mail, ACKNOWLEDGE, CLOSE)
    again = await restarted(hass)
    for token, action in zip(tokens, (ACKNOWLEDGE, CLOSE), strict=True):
        button = again.find(token)
        assert button
        assert (button.mail, button.action, button.used_at) == (mail, action, None)
    first = again.find(tokens[0])
    assert first
    again.press(first)
    button, other = map((await restarted(hass)).find, tokens)
    assert button
    assert button.used_at == first.used_at is not None
    assert other
    assert other.used_at is None


async def test_only_a_hash_is_kept(
    hass: HomeAssistant, buttons: Buttons, mail: Mail
) -> None:
    """Who reads the disk cannot press."""
    (token,) = issue(buttons, mail, ACKNOWLEDGE)
    assert re.fullmatch("[0-9a-f]{64}", token)
    await house_of(hass).store.written()
    ((_, _, name),) = (key for key in on_disk(hass) if key[0] == BUTTONS)
    assert buttons.find(name) is None
    assert token not in repr(buttons.all()) + str(on_disk(hass))


async def test_told_once(buttons: Buttons, entry: MockConfigEntry) -> None:
    """Of however many at once: who is told looks at all that are left."""
    ids = [f"{number}" for number in range(9)]
    for queue_id in ids:
        mail = mail_of(entry, queue_id=queue_id, tag="")
        buttons.issue(mail, [ACKNOWLEDGE, CLOSE], DAY, queue_id)
    left: list[int] = []
    account = entry.entry_id
    buttons.async_listen(
        account, callback(lambda: left.append(len(buttons.answerable(account))))
    )
    buttons.revoke(*ids[:5])
    assert left == [4]
    buttons.revoke_account(account)
    assert left == [4, 0]


async def test_bounded(buttons: Buttons, entry: MockConfigEntry) -> None:
    """A thousand for an account, of which the oldest go; others' stay."""
    (others,) = buttons.issue(mail_of(entry, account="b"), [ACKNOWLEDGE], DAY)
    mails = [mail_of(entry, queue_id=str(number), tag="") for number in range(1002)]
    assert len(mails) == MAX_BUTTONS + 2
    tokens = [
        buttons.issue(mail, [ACKNOWLEDGE], DAY, mail.queue_id)[0] for mail in mails
    ]
    assert [buttons.find(token) is None for token in tokens[:3]] == [True, True, False]
    assert buttons.find(tokens[-1])
    assert buttons.find(others)
    assert len(buttons.all()) == MAX_BUTTONS + 1
    # An answer to the mail would press nothing either.
    answerable = buttons.answerable(entry.entry_id)
    assert [one.mail.queue_id for one in answerable[:2]] == ["2", "3"]
    assert buttons.answered(entry.entry_id, ["0"]) == []
    assert buttons.answered(entry.entry_id, ["2"]) == [buttons.find(tokens[2])]


async def test_what_makes_room(
    hass: HomeAssistant, buttons: Buttons, entry: MockConfigEntry
) -> None:
    """First what was used or ended, then the oldest of whom most is kept."""

    def issue_one(queue_id: str, tag: str = "") -> str:
        mail = mail_of(entry, queue_id=queue_id, tag=tag)
        return buttons.issue(mail, [ACKNOWLEDGE], DAY)[0]

    rare, used, ended = map(issue_one, ("rare", "used", "ended"))
    button = buttons.find(used)
    assert button
    buttons.press(button)
    buttons.end(["ended"], "replaced")
    flood = [issue_one(str(number), "door") for number in range(MAX_BUTTONS - 1)]
    assert [bool(buttons.find(one)) for one in (used, ended)] == [False, False]
    assert all(map(buttons.find, flood))
    more = issue_one("last")
    assert [bool(buttons.find(one)) for one in flood[:2]] == [False, True]
    assert buttons.find(rare)
    assert buttons.find(more)


async def test_mails_with_many_make_room(
    buttons: Buttons, entry: MockConfigEntry
) -> None:
    """Those of a fire alarm stay, whatever two hundred others bring."""
    (valve,) = buttons.issue(mail_of(entry, queue_id="fire"), [CLOSE], DAY)
    for number in range(200):
        mail = mail_of(entry, queue_id=str(number), tag="")
        buttons.issue(mail, [ACKNOWLEDGE] * 5, DAY)
    assert buttons.find(valve)
    assert len(buttons.all()) == 200 * 5 - 4


@pytest.mark.parametrize("known", ["protected", "other"])
async def test_protected(
    hass: HomeAssistant, entry: MockConfigEntry, buttons: Buttons, known: str
) -> None:
    """The buttons of an alarm that is repeated stay, be they the oldest of many."""
    buttons = Buttons(hass, house_of(hass).store, lambda: ["protected"])
    (token,) = buttons.issue(mail_of(entry, queue_id=known), [ACKNOWLEDGE], DAY)
    for number in range(MAX_BUTTONS):
        buttons.issue(mail_of(entry, queue_id=str(number)), [ACKNOWLEDGE], DAY)
    assert bool(buttons.find(token)) == (known == "protected")


async def test_forgotten_when_over(
    hass: HomeAssistant, buttons: Buttons, mail: Mail, freezer: FrozenDateTimeFactory
) -> None:
    """What has expired is kept no longer than until the next one."""
    issue(buttons, mail, ACKNOWLEDGE, lasts=timedelta(hours=1))
    freezer.tick(timedelta(hours=2))
    issue(buttons, replace(mail, queue_id="2"), CLOSE)
    for known in (buttons, await restarted(hass)):
        assert [button.action for button in known.all()] == [CLOSE]


@pytest.mark.parametrize(
    ("revoke", "left"),
    [
        pytest.param(lambda buttons: buttons.revoke("1"), "234", id="mail"),
        pytest.param(lambda buttons: buttons.revoke("1", "3"), "24", id="mails"),
        pytest.param(lambda buttons: buttons.revoke_tag("a", "t"), "134", id="tag"),
        pytest.param(lambda buttons: buttons.revoke_account("a"), "4", id="account"),
        pytest.param(lambda buttons: buttons.revoke("5"), "1234", id="none"),
    ],
)
async def test_revoked(
    hass: HomeAssistant,
    buttons: Buttons,
    entry: MockConfigEntry,
    revoke: Callable[[Buttons], None],
    left: str,
) -> None:
    """What is revoked works no longer, after a restart neither."""
    for queue_id, account, tag in (
        ("1", "a", ""),
        ("2", "a", "t"),
        ("3", "a", "u"),
        ("4", "b", "t"),
    ):
        mail = mail_of(entry, queue_id=queue_id, account=account, tag=tag)
        issue(buttons, mail, ACKNOWLEDGE, CLOSE)
    await house_of(hass).store.written()
    revoke(buttons)
    for known in (buttons, await restarted(hass)):
        assert sorted(button.mail.queue_id for button in known.all()) == [
            number for number in left for _ in range(2)
        ]


async def test_refused_for_some(buttons: Buttons, mail: Mail) -> None:
    """Who has the mail can press, until there is nobody who has it."""
    (token,) = issue(buttons, mail, ACKNOWLEDGE)
    buttons.revoke_for("another", mail.recipients)
    buttons.revoke_for(mail.queue_id, mail.recipients[:1])
    assert buttons.find(token)
    buttons.revoke_for(mail.queue_id, mail.recipients[1:])
    assert buttons.find(token) is None


async def test_ended(hass: HomeAssistant, buttons: Buttons, mail: Mail) -> None:
    """Of a mail that has no meaning any more, what was pressed stays as it was."""
    used, ended = issue(buttons, mail, ACKNOWLEDGE, CLOSE)
    button = buttons.find(used)
    assert button
    buttons.press(button)
    buttons.end([mail.queue_id, "another"], "replaced")
    for known in (buttons, await restarted(hass)):
        found = list(map(known.find, (used, ended)))
        assert [one and one.ended for one in found] == [None, "replaced"]


async def test_from_a_backup(
    hass: HomeAssistant, buttons: Buttons, mail: Mail, entry: MockConfigEntry
) -> None:
    """They work once a person has decided so, and are gone if not."""
    (token,) = issue(buttons, mail, ACKNOWLEDGE)
    issue(buttons, mail_of(entry, account="another", queue_id="1"), ACKNOWLEDGE)
    await house_of(hass).store.written()
    records = {key: one | {"restored": True} for key, one in on_disk(hass).items()}
    restored = read(hass, records)
    assert restored.find(token) is None
    restored.async_decide(mail.account, send=True)
    assert restored.find(token)
    assert sum(one.group.restored for one in restored.all()) == 1
    assert (await restarted(hass)).find(token)
    restored = read(hass, records)
    restored.async_decide(mail.account, send=False)
    assert [one.mail.account for one in restored.all()] == ["another"]
    assert (await restarted(hass)).find(token) is None


@pytest.mark.parametrize("by", [timedelta(days=-20_000), timedelta(days=20_000)])
async def test_clock_set_before_it_is_issued(
    buttons: Buttons,
    mail: Mail,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    by: timedelta,
) -> None:
    """A mail raised by a wrong clock has buttons that work for as long as any other."""
    steady = read_clock().steady
    with monkeypatch.context() as patch:
        # Set alone; the other one goes on.
        patch.setattr("time.clock_gettime", lambda _: steady)
        freezer.move_to(mail.time + by)
        (token,) = buttons.issue(mail, (ACKNOWLEDGE,), timedelta(hours=1))
        patch.setattr("time.clock_gettime", lambda _: steady + 3599)
        freezer.tick(3599)
        assert buttons.find(token)
        # Either clock is enough.
        patch.setattr("time.clock_gettime", lambda _: steady + 3600)
        assert buttons.find(token) is None
        patch.setattr("time.clock_gettime", lambda _: steady + 3599)
        freezer.tick(1)
        assert buttons.find(token) is None


async def test_clock_set_back_over_a_restart(
    hass: HomeAssistant, buttons: Buttons, mail: Mail, freezer: FrozenDateTimeFactory
) -> None:
    """A machine that wakes up in the past gives a button no more than it had."""
    (token,) = issue(buttons, mail, ACKNOWLEDGE, lasts=timedelta(hours=1))
    await house_of(hass).store.written()
    freezer.move_to(dt_util.utcnow() - timedelta(days=100))
    again = await restarted(hass)
    freezer.tick(3599)
    assert again.find(token)
    freezer.tick(1)
    assert again.find(token) is None


async def test_expired_while_away(
    hass: HomeAssistant, buttons: Buttons, mail: Mail, freezer: FrozenDateTimeFactory
) -> None:
    """It is forgotten at once."""
    issue(buttons, mail, ACKNOWLEDGE, lasts=timedelta(hours=1))
    await house_of(hass).store.written()
    freezer.tick(3600)
    assert (await restarted(hass)).all() == []
    await house_of(hass).store.written()
    assert [key for key in on_disk(hass) if key[0] == BUTTONS] == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"time": "2026-11-28T12:00:00"}, id="no zone"),
        pytest.param({"expires_at": "tomorrow"}, id="no time"),
        pytest.param({"lifetime": None}, id="no number"),
        pytest.param({"recipients": 7}, id="no list"),
        pytest.param({"ended": "somehow"}, id="no reason"),
    ],
)
async def test_damaged_record(
    hass: HomeAssistant,
    buttons: Buttons,
    mail: Mail,
    damage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is whole is read."""
    tokens = [
        issue(buttons, replace(mail, queue_id=one.action), one)[0]
        for one in (ACKNOWLEDGE, CLOSE)
    ]
    await house_of(hass).store.written()
    records = on_disk(hass)
    first, second = (key for key in records if key[0] == BUTTONS)
    empty = (BUTTONS, mail.account, "empty")
    another = (BUTTONS, mail.account, "another")
    damaged = records[first] | damage
    for part in (damaged["mail"], *damaged["buttons"]):
        part.update(damage)
    records |= {first: damaged, empty: {}, another: records[second]}
    again = read(hass, records)
    assert [again.find(token) is None for token in tokens] == [True, False]
    assert caplog.text.count("Ignoring a record (buttons)") == 3


async def test_disk_that_refuses(
    hass: HomeAssistant,
    buttons: Buttons,
    mail: Mail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Buttons work until a restart, and are kept once the disk takes them."""

    def refuse(_: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    store = house_of(hass).store
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        patch.setattr(os, "fsync", refuse)
        (token,) = issue(buttons, mail, ACKNOWLEDGE)
        with pytest.raises(OSError, match="Read-only"):
            await store.written()
    assert buttons.find(token)
    assert (await restarted(hass)).find(token)


async def test_listener_that_fails(
    hass: HomeAssistant,
    buttons: Buttons,
    mail: Mail,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The others hear of it all the same; and who has left hears nothing."""
    heard: list[Press] = []
    missed: list[Press] = []

    @callback
    def fail(press: Press) -> None:
        raise RuntimeError(press.action.action)

    @callback
    def hear(press: Press) -> None:
        heard.append(press)

    @callback
    def miss(press: Press) -> None:
        missed.append(press)

    async_dispatcher_connect(hass, SIGNAL_PRESS, fail)
    async_dispatcher_connect(hass, SIGNAL_PRESS, hear)
    tokens = issue(buttons, mail, ACKNOWLEDGE, CLOSE)
    first, second = map(buttons.find, tokens)
    assert first
    buttons.press(first)
    assert [press.action for press in heard] == [ACKNOWLEDGE]
    assert "RuntimeError: acknowledge" in caplog.text
    leave = async_dispatcher_connect(hass, SIGNAL_PRESS, miss)
    leave()
    assert second
    buttons.press(second)
    assert len(heard) == 2
    assert missed == []


async def test_wanted(buttons: Buttons, mail: Mail) -> None:
    """Who listens says which presses are handled; most only look on."""
    press, other = (Press(mail=mail, action=action) for action in (CLOSE, ACKNOWLEDGE))
    assert not buttons.is_handled(SIGNAL_PRESS, press)
    buttons.handlers[SIGNAL_PRESS].add(lambda one: one == press)
    assert [buttons.is_handled(SIGNAL_PRESS, one) for one in (press, other)] == [
        True,
        False,
    ]
    buttons.handlers[SIGNAL_PRESS].clear()
    assert not buttons.is_handled(SIGNAL_PRESS, press)


@pytest.mark.parametrize(
    ("external", "internal", "base"),
    [
        (None, None, None),
        (None, "http://192.168.1.5:8123", ("http://192.168.1.5:8123", True)),
        (
            "https://home.example.com",
            "http://192.168.1.5:8123",
            ("https://home.example.com", False),
        ),
    ],
)
async def test_link_base(
    hass: HomeAssistant,
    external: str | None,
    internal: str | None,
    base: tuple[str, bool] | None,
) -> None:
    """The address that works everywhere, else the one at home, else none."""
    await hass.config.async_update(external_url=external, internal_url=internal)
    assert link_base(hass) == base


@pytest.mark.parametrize(
    ("external", "told"),
    [
        (None, False),
        ("https://home.example.com", False),
        ("http://home.example.com", True),
        ("http://203.0.113.5:8123", True),
        ("http://192.168.1.5:8123", False),
        ("http://homeassistant.local:8123", False),
    ],
)
async def test_plain_http(
    hass: HomeAssistant, buttons: Buttons, mail: Mail, external: str, told: bool
) -> None:
    """Who reads along outside the house could press; that is told as long as it is so."""
    issues = ir.async_get(hass)
    await hass.config.async_update(
        external_url=external, internal_url="http://192.168.1.5:8123"
    )
    for _ in range(2):
        buttons.issue(mail, (Action(action="a", title="A"),), DAY)
    issue = issues.async_get_issue(DOMAIN, PLAIN_HTTP)
    assert (issue is not None) == told
    await hass.config.async_update(external_url="https://home.example.com")
    buttons.issue(mail, (ACKNOWLEDGE,), DAY)
    assert issues.async_get_issue(DOMAIN, PLAIN_HTTP) is None


async def test_plain_http_once(
    hass: HomeAssistant, buttons: Buttons, mail: Mail
) -> None:
    """Who has ignored it is not told again."""
    await hass.config.async_update(external_url="http://home.example.com")
    buttons.issue(mail, (ACKNOWLEDGE,), DAY)
    ir.async_ignore_issue(hass, DOMAIN, PLAIN_HTTP, True)
    buttons.issue(mail, (ACKNOWLEDGE,), DAY)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, PLAIN_HTTP)
    assert issue
    assert issue.dismissed_version
    assert issue.translation_placeholders == {"url": "http://home.example.com"}
    # With the last account's buttons it has no meaning any more.
    buttons.revoke_account("another")
    assert ir.async_get(hass).async_get_issue(DOMAIN, PLAIN_HTTP)
    buttons.revoke_account(mail.account)
    assert ir.async_get(hass).async_get_issue(DOMAIN, PLAIN_HTTP) is None
