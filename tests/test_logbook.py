"""The logbook: what became of each mail, in the words that a person reads."""

from collections.abc import Callable
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.outbox.core.models import OutboxEvent, Outcome
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .conftest import ADDRESS
from .house import decide, forget_mark, later, outbox_of, restart, rooms_of, until
from .qq_server import Answer, Close, QQServer, Step, replies
from .test_notify import ENTITY, RECIPIENT

LANGUAGES = ("en", "zh-Hans")
LATER = Answer(451, "later")


class Logbook:
    """A house with a recipient, and what its logbook says."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        self.hass = hass
        self.entry = entry
        self._entries: list[Event[Any]] = []
        hass.bus.async_listen("logbook_entry", self._entries.append)

    async def begin(self, language: str) -> None:
        """Load the account in a language."""
        self.hass.config.language = language
        await self.hass.config.async_set_time_zone("Asia/Shanghai")
        self.hass.config_entries.async_add_subentry(self.entry, RECIPIENT)
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()

    async def send(self, title: str, to: str | list[str], **data: Any) -> None:
        """Send a mail, and wait for what is told of it."""
        await self.hass.services.async_call(
            DOMAIN,
            "send_message",
            {"title": title, "message": "x", "to": to, **data},
            blocking=True,
        )
        await self.hass.async_block_till_done()

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Each line, and the entity that it stands with."""
        return [(one.data["message"], one.data["entity_id"]) for one in self._entries]


@pytest.fixture
def logbook(hass: HomeAssistant, server: QQServer, entry: MockConfigEntry) -> Logbook:
    """Return the logbook of a house whose account is not loaded yet."""
    return Logbook(hass, entry)


@pytest.fixture
def family() -> list[str]:
    """Return the addresses of the recipient that is set up."""
    return ["a@example.com", "b@example.com", "c@example.com"]


def script(*args: Any, **kwargs: Any) -> Callable[[QQServer], None]:
    """Let the server answer so."""
    return lambda server: server.script(*args, **kwargs)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        pytest.param(
            script(Step.NOOP, LATER),
            {
                "en": "“煤气泄漏” to Family: accepted by QQ.",
                "zh-Hans": "“煤气泄漏”发给 Family：QQ 已接受。",
            },
            id="accepted",
        ),
        pytest.param(
            script(Step.CONNECT, Close(), times=None),
            {
                "en": "“煤气泄漏” to Family: waits to be tried again (Connection lost). "
                "127.0.0.1 could not be reached, or took nothing, a moment ago. It is "
                "tried again at {time}, and at once with the next alert. If it goes on, "
                "check your internet connection.",
                "zh-Hans": "“煤气泄漏”发给 Family：等待重试（连接中断）。刚才无法连接 "
                "127.0.0.1，或对方未接收邮件。将于 {time} 重试；有新的提醒时会立即重试。"
                "如果一直如此，请检查家里能否上网。",
            },
            id="no server",
        ),
        pytest.param(
            script(Step.MAIL, replies.TOO_MANY_ATTEMPTS),
            {
                "en": "“煤气泄漏” to Family: waits to be tried again (Rate limited by "
                f"QQ). QQ limits how much {ADDRESS} may send, so nothing is sent until "
                "{time}. Then this message goes out by itself.",
                "zh-Hans": "“煤气泄漏”发给 Family：等待重试（QQ 限制了发信频率）。QQ 限制了 "
                f"{ADDRESS} 的发信频率，{{time}} 之前不会发送；之后，此邮件会自动发出。",
            },
            id="rate limit",
        ),
        pytest.param(
            script(Step.ACCEPTED, Close()),
            {
                "en": "“煤气泄漏” to Family: sent, but the server's answer was lost; it "
                "may come twice. The last attempt failed, so it is tried again at {time}.",
                "zh-Hans": "“煤气泄漏”发给 Family：已发送，但没有收到服务器的回复，"
                "可能会收到两次。上次尝试未成功，将于 {time} 重试。",
            },
            id="unknown",
        ),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_outcome(
    logbook: Logbook,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    family: list[str],
    prepare: Callable[[QQServer], None],
    said: dict[str, str],
    language: str,
) -> None:
    """One sentence says who gets what, what came of it, and when it goes on."""
    # Noon in Shanghai: a time of another day has its date.
    freezer.move_to("2026-11-29 04:00:00+00:00")
    await logbook.begin(language)
    prepare(server)
    await logbook.send("煤气泄漏", family)
    at = outbox_of(logbook.entry).next_attempt
    time = f"{dt_util.as_local(at or dt_util.utcnow()):%H:%M}"
    expected = said[language].format(time=time)
    assert logbook.lines == [(expected, "notify.family")]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param(
            "en",
            f"“火警” to {ADDRESS}: refused for good. Mail from {ADDRESS} was not "
            "accepted: QQ's filter refused the content. Word title and text differently "
            "and leave out links; the account itself is not affected. QQ's "
            f"answer: 550 {replies.CONTENT.text!s}",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            f"“火警”发给 {ADDRESS}：被拒收，不再重试。{ADDRESS} 的邮件未被接受：QQ 的过滤器"
            "拒绝了邮件内容。请换一种方式写主题和正文，并去掉链接；账号本身不受影响。QQ 的"
            f"答复：550 {replies.CONTENT.text!s}",
            id="zh-Hans",
        ),
    ],
)
async def test_refused(
    logbook: Logbook, server: QQServer, language: str, said: str
) -> None:
    """What was refused says why; who has no entity stands with the account's."""
    await logbook.begin(language)
    server.script(Step.DOT, replies.CONTENT)
    with pytest.raises(HomeAssistantError):
        await logbook.send("火警", ADDRESS)
    await logbook.hass.async_block_till_done()
    assert logbook.lines == [(said, ENTITY)]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param(
            "en",
            "“火警” to a@b.cn: could not be sent in time, and was given up.",
            id="en",
        ),
        pytest.param(
            "zh-Hans", "“火警”发给 a@b.cn：未能及时发出，已放弃。", id="zh-Hans"
        ),
    ],
)
async def test_expired(
    logbook: Logbook,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    language: str,
    said: str,
) -> None:
    """What became too old says so."""
    await logbook.begin(language)
    server.script(Step.RCPT, LATER)
    await logbook.send("火警", "a@b.cn")
    await later(logbook.hass, freezer, timedelta(hours=25))
    await until(lambda: len(logbook.lines) == 2)
    assert logbook.lines[1] == (said, ENTITY)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param(
            "en",
            "“火警” to a@b.cn: sent, but the server's answer was lost several times; "
            "it is not sent again. Look into the Sent folder.",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            "“火警”发给 a@b.cn：已发送，但多次没有收到服务器的回复，不再重发。"
            "请查看「已发送」文件夹。",
            id="zh-Hans",
        ),
    ],
)
async def test_never_answered(
    logbook: Logbook,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    language: str,
    said: str,
) -> None:
    """What may have arrived several times is not sent again."""
    await logbook.begin(language)
    server.script(Step.ACCEPTED, Close(), times=None)
    await logbook.send("火警", "a@b.cn")
    for number in (2, 3):
        await later(logbook.hass, freezer, timedelta(hours=1))
        await until(lambda number=number: len(logbook.lines) == number)
    assert logbook.lines[2] == (said, ENTITY)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param(
            "en",
            "23 alerts in one mail, the first: “Door 1” to Family: accepted by QQ.",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            "23 次提醒合并成一封邮件，第一次：“Door 1”发给 Family：QQ 已接受。",
            id="zh-Hans",
        ),
    ],
)
async def test_digest(
    logbook: Logbook,
    server: QQServer,
    family: list[str],
    freezer: FrozenDateTimeFactory,
    language: str,
    said: str,
) -> None:
    """Of a digest one line is enough."""
    hass, entry = logbook.hass, logbook.entry
    options = {**entry.options, "messages_per_minute": 1, "burst": 1}
    hass.config_entries.async_update_entry(entry, options=options)
    await logbook.begin(language)
    for number in range(24):
        await logbook.send(f"Door {number}", family, wait=0)
    await until(lambda: logbook.lines)
    before = len(logbook.lines)
    for minute in (1, 2):
        await later(hass, freezer, timedelta(minutes=minute))
    await until(lambda: len(logbook.lines) > before)
    await hass.async_block_till_done()
    assert logbook.lines[before:] == [(said, "notify.family")]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param("en", "“火警” to Family, d@e.cn: discarded by {person}.", id="en"),
        pytest.param(
            "zh-Hans", "“火警”发给 Family, d@e.cn：已被 {person} 丢弃。", id="zh-Hans"
        ),
    ],
)
@pytest.mark.parametrize("person", ["Mum", "Home Assistant"])
async def test_discarded(
    logbook: Logbook,
    server: QQServer,
    hass_admin_user: MockUser,
    language: str,
    said: str,
    person: str,
) -> None:
    """Who takes back what waits is named; an automation is Home Assistant."""
    hass_admin_user.name = "Mum"
    callers = {"Mum": Context(user_id=hass_admin_user.id), "Home Assistant": Context()}
    hass = logbook.hass
    alone = ConfigSubentry(
        subentry_type="recipient",
        title="Family",
        unique_id=None,
        data=MappingProxyType({"name": "Family", "to": ["a@example.com"]}),
    )
    hass.config_entries.async_add_subentry(logbook.entry, alone)
    await logbook.begin(language)
    server.script(Step.MAIL, LATER)
    await logbook.send("火警", ["A@example.com", "d@e.cn"])
    await hass.services.async_call(
        DOMAIN, "discard", {"all": True}, blocking=True, context=callers[person]
    )
    await hass.async_block_till_done()
    assert logbook.lines[1:] == [(said.format(person=person), ENTITY)]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        pytest.param("en", "“火警” to d@e.cn: discarded.", id="en"),
        pytest.param("zh-Hans", "“火警”发给 d@e.cn：已丢弃。", id="zh-Hans"),
    ],
)
async def test_discarded_of_a_backup(
    logbook: Logbook, server: QQServer, language: str, said: str
) -> None:
    """The repair's dialog does not know who answers it; the history tells it too."""
    await logbook.begin(language)
    server.script(Step.MAIL, LATER)
    await logbook.send("火警", "d@e.cn")
    forget_mark(logbook.hass)
    await restart(logbook.hass, logbook.entry)
    before = len(logbook.lines)
    await decide(logbook.hass, logbook.entry, "discard")
    await logbook.hass.async_block_till_done()
    assert logbook.lines[before:] == [(said, ENTITY)]
    (item,) = rooms_of(logbook.hass, logbook.entry).history.items
    assert [one.outcome for one in item.results] == ["discarded"]


async def test_text_that_is_lost(logbook: Logbook) -> None:
    """What never reached a server says so in the system's words."""
    await logbook.begin("en")
    outbox_of(logbook.entry).listeners.tell(
        OutboxEvent(
            account=logbook.entry.entry_id,
            by=logbook.entry.entry_id,
            outcome=Outcome.REJECTED,
            queue_id="1",
            subject="火警",
            recipients=("a@b.cn",),
            attempts=1,
            detail="No such file",
        )
    )
    await logbook.hass.async_block_till_done()
    said = "“火警” to a@b.cn: refused for good. No such file"
    assert logbook.lines == [(said, ENTITY)]
