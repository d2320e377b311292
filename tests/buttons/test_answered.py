"""What Home Assistant makes of a press, and of a mail that goes nowhere."""

from datetime import timedelta
from typing import Any

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.buttons.models import Action
from custom_components.qq_mail.const import DOMAIN
from homeassistant.components.trace.util import async_get_trace, async_list_traces
from homeassistant.core import Event, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component

from ..calls.test_send import send
from ..conftest import ADDRESS, Events, shut_down
from ..house import house_of, later, outbox_of, until
from ..qq_server import Answer, QQServer, Step, replies
from ..test_diagnostics import download
from ..test_trigger import second_account
from .conftest import ACKNOWLEDGE, CLOSE, House, path_of

Browser = TestClient[Any, Any]
ENTITY = "event.123456_qq_com_action"
CLICK = {
    "action": "acknowledge",
    "title": "Acknowledge",
    "tag": "water",
    "queue_id": "01JD0000000000000000000000",
    "subject": "Water in the cellar",
    "recipients": ["a@b.cn", "c@d.cn"],
}


async def automate(
    hass: HomeAssistant, options: dict[str, Any] | None
) -> list[ServiceCall]:
    """Set an automation up, and return the calls it makes."""
    trigger: dict[str, Any] = {"trigger": f"{DOMAIN}.action_clicked"}
    if options is not None:
        trigger["options"] = options
    config = {
        # Only what has one is traced.
        "id": "answered",
        "triggers": trigger,
        "actions": {
            "action": "test.automation",
            "data": {name: f"{{{{ trigger.{name} }}}}" for name in (*CLICK, "account")},
        },
    }
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    return async_mock_service(hass, "test", "automation")


async def test_trigger(house: House, browser: Browser) -> None:
    """An automation learns which button of which mail was pressed, once."""
    calls = await automate(house.hass, None)
    (token,) = house.issue()
    for _ in range(2):
        await browser.post(path_of(token))
    await house.hass.async_block_till_done()
    (call,) = calls
    assert call.data == {**CLICK, "account": ADDRESS}
    assert token not in repr(call)


async def test_token_nowhere(
    house: House,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    hass_storage: dict[str, Any],
) -> None:
    """Neither states nor traces, diagnostics or stores have a token."""
    hass = house.hass
    assert await async_setup_component(hass, "diagnostics", {})
    browser = await hass_client_no_auth()
    calls = await automate(hass, None)
    (token,) = house.issue()
    await browser.post(path_of(token))
    await hass.async_block_till_done()
    assert calls
    _, diagnostics = await download(hass, hass_client, house.entry)
    key = "automation.answered"
    traces = [
        await async_get_trace(hass, key, trace["run_id"])
        for trace in await async_list_traces(hass, "automation", key)
    ]
    # Where a press is told, it is by its name alone.
    told = [str(traces), str(hass.states.async_all()), str(hass_storage)]
    assert [text for text in told if "acknowledge" in text] == told
    assert [text for text in (*told, diagnostics) if token in text] == []


@pytest.mark.parametrize(
    ("options", "pressed"),
    [
        ({}, ["acknowledge", "close_valve", "other tag"]),
        ({"action": []}, ["acknowledge", "close_valve", "other tag"]),
        ({"action": "acknowledge"}, ["acknowledge"]),
        ({"action": ["acknowledge", "other tag"]}, ["acknowledge", "other tag"]),
        ({"tag": "fire"}, ["other tag"]),
        ({"tag": ["water"], "action": "other tag"}, []),
        ({"tag": ["water", "fire"]}, ["acknowledge", "close_valve", "other tag"]),
    ],
)
async def test_trigger_options(
    house: House, options: dict[str, Any], pressed: list[str]
) -> None:
    """Each option narrows down; one that is missing does not."""
    calls = await automate(house.hass, options)
    answers = get_answers(house.hass)
    house.issue(ACKNOWLEDGE, CLOSE)
    house.issue(Action(action="other tag", title="A"), tag="fire")
    for link in answers.all():
        answers.press(link)
    await house.hass.async_block_till_done()
    assert [call.data["action"] for call in calls] == pressed


async def test_trigger_of_one_account(
    house: House, server: QQServer, caplog: pytest.LogCaptureFixture
) -> None:
    """With an account chosen, the others' buttons do not count."""
    hass = house.hass
    second = await second_account(hass, server, house.entry)
    calls = await automate(hass, {"config_entry_id": second.entry_id})
    answers = house_of(hass).buttons
    house.issue()
    house.issue(entry_id=second.entry_id)
    for link in answers.all():
        answers.press(link)
    await hass.async_block_till_done()
    assert [call.data["account"] for call in calls] == ["b@qq.com"]
    # The entities are each account's own.
    states = hass.states.async_all("event")
    assert [
        state.attributes["queue_id"]
        for state in states
        if state.attributes["event_types"] == ["clicked"]
    ] == [CLICK["queue_id"]] * 2
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )
    answers.press(answers.all()[1])
    await hass.async_block_till_done()
    assert len(calls) == 1
    assert "rror" not in caplog.text


async def test_trigger_without_such_account(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """It is refused, and not silently deaf."""
    await automate(house.hass, {"config_entry_id": "nobody"})
    assert "nobody is not a QQ Mail account" in caplog.text


async def test_event_entity(house: House, browser: Browser) -> None:
    """The entity shows the last button that was pressed."""
    hass = house.hass
    assert (state := hass.states.get(ENTITY)) is not None
    assert state.state == "unknown"
    (token,) = house.issue()
    await browser.post(path_of(token))
    state = hass.states.get(ENTITY)
    assert state
    assert state.attributes["event_type"] == "clicked"
    assert state.attributes.items() >= CLICK.items()
    assert token not in repr(state)
    # What has a new name goes on.
    hass.states.async_remove(ENTITY)
    await shut_down(hass, house.entry)
    await browser.post(path_of(token))


async def test_other_accounts_entity(house: House, server: QQServer) -> None:
    """A press at one account is not shown at the other."""
    second = await second_account(house.hass, server, house.entry)
    house.issue(entry_id=second.entry_id)
    answers = get_answers(house.hass)
    answers.press(answers.all()[0])
    state = house.hass.states.get(ENTITY)
    assert state
    assert state.state == "unknown"


@pytest.mark.parametrize(
    ("loaded", "language", "said"),
    [
        pytest.param(
            True,
            "en",
            "“Acknowledge” was pressed in the mail “Water in the cellar” by someone "
            "who has it; it went to a@b.cn, c@d.cn",
            id="en",
        ),
        pytest.param(
            True,
            "zh-Hans",
            "有人按下了邮件“Water in the cellar”中的“Acknowledge”；持有这封邮件的人都可以按，"
            "邮件发给了：a@b.cn, c@d.cn",
            id="zh-Hans",
        ),
        pytest.param(
            True,
            "zh-Hant",
            "有人按下了郵件「Water in the cellar」中的「Acknowledge」；持有這封郵件的人都可以按，"
            "郵件寄給了：a@b.cn, c@d.cn",
            id="zh-Hant",
        ),
        pytest.param(False, "en", "", id="none"),
    ],
)
async def test_logbook(
    house: House, browser: Browser, loaded: bool, language: str, said: str
) -> None:
    """The logbook says in words what was pressed, and who could; where there is one."""
    hass = house.hass
    hass.config.language = language
    entries: list[Event[Any]] = []
    hass.bus.async_listen("logbook_entry", entries.append)
    if loaded:
        hass.config.components.add("logbook")
    (token,) = house.issue()
    await browser.post(path_of(token))
    await hass.async_block_till_done()
    assert [entry.data for entry in entries] == [
        {
            "name": "Water in the cellar",
            "message": said,
            "domain": DOMAIN,
            "entity_id": ENTITY,
        }
    ] * loaded


async def sent(house: House, server: QQServer, **data: Any) -> tuple[str, str]:
    """Leave a mail with a button in the outbox; return its queue id and the token."""
    server.script(Step.RCPT, Answer(451, "later"))
    response = await send(house.hass, **data)
    queue_id = response["queue_id"]
    (message,) = outbox_of(house.entry).messages()
    (token,) = house.issue(
        queue_id=queue_id,
        recipients=message.recipients,
        tag=data.get("tag", ""),
        lasts=timedelta(days=7),
    )
    return queue_id, token


def works(house: House, token: str) -> bool:
    """Return whether a button works."""
    return get_answers(house.hass).find(token) is not None


async def test_revoked_when_refused(
    house: House, server: QQServer, events: Events
) -> None:
    """A mail that QQ refuses for good is had by nobody."""
    queue_id, token = await sent(house, server)
    assert works(house, token)
    server.script(Step.DOT, replies.CONTENT)
    await house.hass.services.async_call(
        DOMAIN, "retry", {"queue_id": queue_id}, blocking=True
    )
    await until(lambda: not works(house, token))


async def test_kept_when_accepted(
    house: House, server: QQServer, events: Events
) -> None:
    """A mail that went out keeps its buttons."""
    queue_id, token = await sent(house, server)
    await house.hass.services.async_call(
        DOMAIN, "retry", {"queue_id": queue_id}, blocking=True
    )
    await until(lambda: events.outcomes[-1:] == ["accepted"])
    assert works(house, token)


async def test_kept_for_who_got_it(
    house: House, server: QQServer, events: Events
) -> None:
    """One recipient is refused, the other has the mail, and can press."""
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND, match="c@d.cn")
    response = await send(house.hass, to=["a@b.cn", "c@d.cn"])
    (token,) = house.issue(
        queue_id=response["queue_id"], recipients=("a@b.cn", "c@d.cn")
    )
    assert sorted(events.outcomes) == ["accepted", "rejected"]
    assert works(house, token)


async def test_revoked_when_expired(
    house: House, server: QQServer, freezer: FrozenDateTimeFactory
) -> None:
    """A mail that was given up is had by nobody."""
    _, token = await sent(house, server)
    server.script(Step.RCPT, Answer(451, "later"), times=99)
    await later(house.hass, freezer, timedelta(hours=25))
    await until(lambda: not works(house, token))


@pytest.mark.parametrize("one", [True, False])
async def test_revoked_when_discarded(
    house: House, server: QQServer, one: bool
) -> None:
    """What a person takes back cannot be answered."""
    queue_id, token = await sent(house, server)
    (other,) = house.issue(queue_id="went out long ago")
    await house.hass.services.async_call(
        DOMAIN, "discard", {"queue_id": queue_id} if one else {}, blocking=True
    )
    assert not works(house, token)
    assert works(house, other)


async def test_discard_of_another(house: House, server: QQServer) -> None:
    """What is not discarded keeps its buttons."""
    _, token = await sent(house, server)
    with pytest.raises(HomeAssistantError):
        await house.hass.services.async_call(
            DOMAIN, "discard", {"queue_id": "nothing"}, blocking=True
        )
    assert works(house, token)


async def test_revoked_when_cleared(house: House, server: QQServer) -> None:
    """Once it is over, neither what waits nor what went out can be answered."""
    _, token = await sent(house, server, tag="water")
    (went_out,) = house.issue(tag="water", queue_id="earlier")
    (other,) = house.issue(tag="fire", queue_id="other")
    (others,) = house.issue(tag="water", entry_id="another")
    await house.hass.services.async_call(
        DOMAIN, "send_message", {"clear": True, "tag": "water"}, blocking=True
    )
    assert [works(house, each) for each in (token, went_out, other, others)] == [
        *(False, False),
        *(True, True),
    ]


async def test_revoked_when_removed(
    house: House, server: QQServer, hass_storage: dict[str, Any]
) -> None:
    """With the account go its buttons, on disk as well."""
    (token,) = house.issue()
    await get_answers(house.hass).async_save()
    assert hass_storage[f"{DOMAIN}.answers"]["data"]["links"]
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    assert not works(house, token)
    assert hass_storage[f"{DOMAIN}.answers"]["data"]["links"] == []
