"""Which buttons work: over restarts, damage, and too many of them."""

from collections.abc import Callable
from datetime import timedelta
import json
from pathlib import Path
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

(
    Action,
    Answers,
    Press,
    Mail,
    async_answers,
    link_base,
)
from custom_components.qq_mail.buttons.links import PLAIN_HTTP
from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN, MAX_LINKS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from .conftest import ACKNOWLEDGE, CLOSE, DAY, mail_of

KEY = f"{DOMAIN}.answers"


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Let Home Assistant use the disk, where its test plugin would pretend to."""
    return {}


@pytest.fixture
async def answers(hass: HomeAssistant) -> Answers:
    """Return the answers of a house that has sent none yet."""
    return await async_answers(hass)


@pytest.fixture
def mail(entry: MockConfigEntry) -> Mail:
    """Return a mail of an account."""
    return mail_of(entry)


async def restarted(hass: HomeAssistant) -> Answers:
    """Return what is read from the disk."""
    answers = Answers(hass)
    await answers.async_load()
    return answers


def file_of(hass: HomeAssistant) -> Path:
    """Return where the buttons are kept."""
    return Path(hass.config.path(".storage", KEY))


def write(hass: HomeAssistant, content: str) -> None:
    """Put a file in their place."""
    file = file_of(hass)
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, encoding="utf-8")


def keep(hass: HomeAssistant, data: Any) -> None:
    """Put a sound file with other contents in their place."""
    write(
        hass, json.dumps({"version": 1, "minor_version": 1, "key": KEY, "data": data})
    )


async def test_restart(hass: HomeAssistant, answers: Answers, mail: Mail) -> None:
    """A link works after a restart; not after its use and a restart."""
    tokens = answers.issue(mail, (ACKNOWLEDGE, CLOSE), DAY)
    await answers.async_save()
    again = await restarted(hass)
    for token, action in zip(tokens, (ACKNOWLEDGE, CLOSE), strict=True):
        link = again.find(token)
        assert link
        assert (link.mail, link.action, link.used_at) == (mail, action, None)
    first = again.find(tokens[0])
    assert first
    again.press(first)
    await again.async_save()
    once_more = await restarted(hass)
    link, other = map(once_more.find, tokens)
    assert link
    assert link.used_at == first.used_at is not None
    assert other
    assert other.used_at is None
    # Whoever asks a second time gets the same.
    assert await async_answers(hass) is answers


async def test_only_a_hash_is_kept(
    hass: HomeAssistant, answers: Answers, mail: Mail
) -> None:
    """Who reads the file cannot press; and others on the machine cannot read it."""
    (token,) = answers.issue(mail, (ACKNOWLEDGE,), DAY)
    assert re.fullmatch("[0-9a-f]{64}", token)
    await answers.async_save()

    def check() -> tuple[str, int]:
        file = file_of(hass)
        return file.read_text(encoding="utf-8"), file.stat().st_mode

    text, mode = await hass.async_add_executor_job(check)
    assert token not in text
    assert mode & 0o777 == 0o600
    assert token not in repr(answers.all())
    (row,) = json.loads(text)["data"]["links"]
    assert answers.find(row["sha256"]) is None


async def test_bounded(answers: Answers, entry: MockConfigEntry) -> None:
    """A thousand for an account, of which the oldest go; others' stay."""
    (others,) = answers.issue(mail_of(entry, entry_id="b"), (ACKNOWLEDGE,), DAY)
    tokens = [
        answers.issue(mail_of(entry, queue_id=str(number)), (ACKNOWLEDGE,), DAY)[0]
        for number in range(MAX_LINKS + 2)
    ]
    assert [answers.find(token) is None for token in tokens[:3]] == [True, True, False]
    assert answers.find(tokens[-1])
    assert answers.find(others)
    assert len(answers.all()) == MAX_LINKS + 1


async def test_forgotten_when_over(
    answers: Answers, mail: Mail, freezer: FrozenDateTimeFactory
) -> None:
    """What has expired is kept no longer than until the next one."""
    answers.issue(mail, (ACKNOWLEDGE,), timedelta(hours=1))
    freezer.tick(timedelta(hours=2))
    answers.issue(mail, (CLOSE,), DAY)
    assert [link.action for link in answers.all()] == [CLOSE]


@pytest.mark.parametrize(
    ("revoke", "left"),
    [
        pytest.param(lambda answers: answers.revoke("1"), "234", id="mail"),
        pytest.param(lambda answers: answers.revoke("1", "3"), "24", id="mails"),
        pytest.param(lambda answers: answers.revoke_tag("a", "t"), "134", id="tag"),
        pytest.param(lambda answers: answers.revoke_entry("a"), "4", id="account"),
        pytest.param(lambda answers: answers.revoke("5"), "1234", id="none"),
    ],
)
async def test_revoked(
    hass: HomeAssistant,
    answers: Answers,
    entry: MockConfigEntry,
    revoke: Callable[[Answers], None],
    left: str,
) -> None:
    """What is revoked works no longer, after a restart neither."""
    for queue_id, entry_id, tag in (
        ("1", "a", ""),
        ("2", "a", "t"),
        ("3", "a", "u"),
        ("4", "b", "t"),
    ):
        one = mail_of(entry, queue_id=queue_id, entry_id=entry_id, tag=tag)
        answers.issue(one, (ACKNOWLEDGE, CLOSE), DAY)
    revoke(answers)
    await answers.async_save()
    for known in (answers, await restarted(hass)):
        assert [link.mail.queue_id for link in known.all()] == [
            number for number in left for _ in range(2)
        ]


async def test_revoked_reaches_the_disk(
    hass: HomeAssistant, answers: Answers, mail: Mail
) -> None:
    """Nobody has to ask for that."""
    answers.issue(mail, (ACKNOWLEDGE,), DAY)
    await answers.async_save()
    assert (await restarted(hass)).all()
    answers.revoke(mail.queue_id)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
    await hass.async_block_till_done()
    assert (await restarted(hass)).all() == []


async def test_refused_for_some(answers: Answers, mail: Mail) -> None:
    """Who has the mail can press, until there is nobody who has it."""
    (token,) = answers.issue(mail, (ACKNOWLEDGE,), DAY)
    answers.revoke_for("another", mail.recipients)
    answers.revoke_for(mail.queue_id, mail.recipients[:1])
    assert answers.find(token)
    answers.revoke_for(mail.queue_id, mail.recipients[1:])
    assert answers.find(token) is None


@pytest.mark.parametrize("by", [timedelta(days=-20_000), timedelta(days=20_000)])
async def test_clock_set_before_it_is_issued(
    answers: Answers,
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
        (token,) = answers.issue(mail, (ACKNOWLEDGE,), timedelta(hours=1))
        patch.setattr("time.clock_gettime", lambda _: steady + 3599)
        freezer.tick(3599)
        assert answers.find(token)
        # Either clock is enough.
        patch.setattr("time.clock_gettime", lambda _: steady + 3600)
        assert answers.find(token) is None
        patch.setattr("time.clock_gettime", lambda _: steady + 3599)
        freezer.tick(1)
        assert answers.find(token) is None


async def test_clock_set_back_over_a_restart(
    hass: HomeAssistant,
    answers: Answers,
    mail: Mail,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A machine that wakes up in the past gives a link no more than it had."""
    (token,) = answers.issue(mail, (ACKNOWLEDGE,), timedelta(hours=1))
    await answers.async_save()
    freezer.move_to(dt_util.utcnow() - timedelta(days=100))
    again = await restarted(hass)
    freezer.tick(3599)
    assert again.find(token)
    freezer.tick(1)
    assert again.find(token) is None


async def test_expired_while_away(
    hass: HomeAssistant,
    answers: Answers,
    mail: Mail,
    freezer: FrozenDateTimeFactory,
) -> None:
    """It is not even read."""
    answers.issue(mail, (ACKNOWLEDGE,), timedelta(hours=1))
    await answers.async_save()
    freezer.tick(3600)
    assert (await restarted(hass)).all() == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 99, "data": {}}', "\x00" * 100]
)
async def test_damaged_file(
    hass: HomeAssistant, entry: MockConfigEntry, content: str
) -> None:
    """Damage stops neither the account nor the buttons to come."""
    await hass.async_add_executor_job(write, hass, content)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    answers = await async_answers(hass)
    assert answers.all() == []
    (token,) = answers.issue(mail_of(entry), (ACKNOWLEDGE,), DAY)
    await answers.async_save()
    assert (await restarted(hass)).find(token)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"time": "2026-11-28T12:00:00"}, id="no zone"),
        pytest.param({"expires_at": "tomorrow"}, id="no time"),
        pytest.param({"lifetime": None}, id="no number"),
        pytest.param({"recipients": 7}, id="no list"),
    ],
)
async def test_damaged_row(
    hass: HomeAssistant,
    answers: Answers,
    mail: Mail,
    damage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is whole is read."""
    tokens = answers.issue(mail, (ACKNOWLEDGE, CLOSE), DAY)
    await answers.async_save()

    def spoil() -> None:
        rows = json.loads(file_of(hass).read_text(encoding="utf-8"))["data"]["links"]
        keep(hass, {"links": [rows[0] | damage, rows[1], {}, "x"]})

    await hass.async_add_executor_job(spoil)
    again = await restarted(hass)
    assert [again.find(token) is None for token in tokens] == [True, False]
    assert "3 are damaged" in caplog.text


@pytest.mark.parametrize("data", [{}, {"links": 5}, [], 5])
async def test_damaged_rows(
    hass: HomeAssistant, data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Sound JSON of another form."""
    await hass.async_add_executor_job(keep, hass, data)
    assert (await restarted(hass)).all() == []
    assert "1 are damaged" in caplog.text


async def test_disk_that_refuses(
    hass: HomeAssistant,
    answers: Answers,
    mail: Mail,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is told, and links work until a restart."""

    def block() -> None:
        folder = file_of(hass).parent
        folder.rename(folder.with_suffix(".moved"))
        folder.touch()

    await answers.async_save()
    await hass.async_add_executor_job(block)
    (token,) = answers.issue(mail, (ACKNOWLEDGE,), DAY)
    await answers.async_save()
    assert "The buttons of mails cannot be kept" in caplog.text
    assert answers.find(token)


async def test_file_that_cannot_be_read(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """The same where it is the reading."""
    await hass.async_add_executor_job(lambda: file_of(hass).mkdir(parents=True))
    assert (await restarted(hass)).all() == []
    assert "The buttons of earlier mails cannot be read" in caplog.text


async def test_listener_that_fails(
    answers: Answers, mail: Mail, caplog: pytest.LogCaptureFixture
) -> None:
    """The others hear of it all the same; and who has left hears nothing."""
    heard: list[Press] = []

    def fail(click: Press) -> None:
        raise RuntimeError(click.action)

    answers.async_add_listener(fail)
    answers.async_add_listener(heard.append)
    tokens = answers.issue(mail, (ACKNOWLEDGE, CLOSE), DAY)
    first, second = (answers.find(token) for token in tokens)
    assert first
    answers.press(first)
    assert [click.action for click in heard] == ["acknowledge"]
    assert "RuntimeError: acknowledge" in caplog.text
    leave = answers.async_add_listener(heard.clear)  # type: ignore[arg-type] # is not called
    leave()
    assert second
    answers.press(second)
    assert len(heard) == 2


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
    hass: HomeAssistant, answers: Answers, mail: Mail, external: str, told: bool
) -> None:
    """Who reads along outside the house could press; that is told as long as it is so."""
    issues = ir.async_get(hass)
    await hass.config.async_update(
        external_url=external, internal_url="http://192.168.1.5:8123"
    )
    for _ in range(2):
        answers.issue(mail, (Action(action="a", title="A"),), DAY)
    issue = issues.async_get_issue(DOMAIN, PLAIN_HTTP)
    assert (issue is not None) == told
    await hass.config.async_update(external_url="https://home.example.com")
    answers.issue(mail, (ACKNOWLEDGE,), DAY)
    assert issues.async_get_issue(DOMAIN, PLAIN_HTTP) is None


async def test_plain_http_once(
    hass: HomeAssistant, answers: Answers, mail: Mail
) -> None:
    """Who has ignored it is not told again."""
    await hass.config.async_update(external_url="http://home.example.com")
    answers.issue(mail, (ACKNOWLEDGE,), DAY)
    ir.async_ignore_issue(hass, DOMAIN, PLAIN_HTTP, True)
    answers.issue(mail, (ACKNOWLEDGE,), DAY)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, PLAIN_HTTP)
    assert issue
    assert issue.dismissed_version
    assert issue.translation_placeholders == {"url": "http://home.example.com"}
    # With the last account's buttons it has no meaning any more.
    answers.revoke_entry("another")
    assert ir.async_get(hass).async_get_issue(DOMAIN, PLAIN_HTTP)
    answers.revoke_entry(mail.entry_id)
    assert ir.async_get(hass).async_get_issue(DOMAIN, PLAIN_HTTP) is None
