"""What goes wrong again and again is told to who can mend it, not to the readers."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from ..calls.test_send import body_of, send
from ..qq_server import QQServer
from ..test_translations import texts_of
from ..test_trigger import second_account

GONE = [{"entity_id": "camera.door"}]
ISSUE = "recurring_automation.wasser"


def action(title: str, *entity_ids: str, **data: Any) -> dict[str, Any]:
    """Return an action that sends a mail."""
    return {
        "action": "qq_mail.send_message",
        "target": {"entity_id": list(entity_ids or ("notify.123456_qq_com",))},
        "data": {"title": title, "message": "x", **data},
    }


async def automate(hass: HomeAssistant, *actions: dict[str, Any]) -> None:
    """Set up an automation that runs when it is told to."""
    config = {
        "id": "water",
        "alias": "Wasser",
        "triggers": [{"trigger": "event", "event_type": "leak"}],
        "actions": list(actions),
    }
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()


async def run(hass: HomeAssistant, times: int = 1, **data: Any) -> None:
    """Run it so many times."""
    for _ in range(times):
        hass.bus.async_fire("leak", data)
        await hass.async_block_till_done(wait_background_tasks=True)


def issue_of(hass: HomeAssistant) -> ir.IssueEntry | None:
    """Return the automation's issue."""
    return ir.async_get(hass).async_get_issue(DOMAIN, ISSUE)


@pytest.mark.parametrize(
    ("language", "title", "note", "said"),
    [
        pytest.param(
            "en",
            "Mails of “Wasser” keep having something missing",
            "- `Not attached: camera.door does not exist. Check how it is written.`",
            "A picture or file is missing here: camera.door.",
            id="en",
        ),
        pytest.param(
            "zh-Hans",
            "“Wasser”的邮件一直有缺漏",
            "- `未添加附件：camera.door 不存在。请检查写法是否正确。`",
            "这里少了一张图片或一个文件：camera.door。",
            id="zh-Hans",
        ),
    ],
)
async def test_third_time(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    language: str,
    title: str,
    note: str,
    said: str,
) -> None:
    """Two mails say so; then an issue names the automation, and no mail any more."""
    hass.config.language = language
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await automate(
        hass, action("Water", attachments="{{ trigger.event.data.attachments or [] }}")
    )
    await run(hass, 2, attachments=GONE)
    assert issue_of(hass) is None
    await run(hass, 2, attachments=GONE)
    assert [said in body_of(mail) for mail in server.accepted] == [
        *(True, True),
        *(False, False),
    ]
    issue = issue_of(hass)
    assert issue
    given = issue.translation_placeholders or {}
    assert texts_of(language)["issues.recurring.title"].format(**given) == title
    assert given["what"] == note
    assert note in texts_of(language)["issues.recurring.description"].format(**given)
    # The log goes on, for who looks there.
    plain = note.strip("-` ")
    assert caplog.text.count(plain) == 4
    # Mended: the issue goes, and it is counted anew.
    await run(hass, attachments=[])
    assert issue_of(hass) is None
    await run(hass, attachments=GONE)
    assert said in body_of(server.accepted[-1])


async def test_each_action_by_itself(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """That another mail of the automation is whole changes nothing; both are named."""
    await automate(
        hass,
        action("Water", wait="x"),
        action("Again"),
        action("Fire", format="`y`"),
    )
    await run(hass, 3)
    issue = issue_of(hass)
    assert issue
    given = issue.translation_placeholders or {}
    first, second = given["what"].splitlines()
    assert "wait" in first
    assert "format" in second
    assert "'y'" in second


async def test_what_differs_is_the_same(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A field that is wrong in another way each time is one thing that is wrong."""
    await automate(hass, action("Water", wait="{{ trigger.event.data.wait }}"))
    for wait in ("a", "b", "c"):
        await run(hass, wait=wait)
    assert issue_of(hass)


async def test_two_accounts(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """One call that two accounts send is counted once for each."""
    await second_account(hass, server, loaded_entry)
    await automate(
        hass, action("Water", "notify.123456_qq_com", "notify.second", wait="x")
    )
    await run(hass, 2)
    assert len(server.accepted) == 4
    assert issue_of(hass) is None
    await run(hass)
    assert issue_of(hass)


async def test_script(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A script is named as well."""
    config = {"script": {"tell": {"sequence": [action("Water", wait="x")]}}}
    assert await async_setup_component(hass, "script", config)
    for _ in range(3):
        await hass.services.async_call("script", "tell", blocking=True)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "recurring_script.tell")
    assert issue
    assert (issue.translation_placeholders or {})["name"] == "tell"


async def test_automation_without_an_id(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """It stands in no registry, and is named all the same; two are told apart."""
    config = [
        {
            "alias": alias,
            "triggers": [{"trigger": "event", "event_type": alias}],
            "actions": [action(alias, wait="x")],
        }
        for alias in ("Water", "Gas")
    ]
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    for event in ("Water", "Gas", "Water", "Gas", "Water"):
        hass.bus.async_fire(event)
        await hass.async_block_till_done(wait_background_tasks=True)
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.issue_id == "recurring_automation.water"
    assert (issue.translation_placeholders or {})["name"] == "Water"


async def test_without_a_name(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A person is told in each mail."""
    for _ in range(4):
        await send(hass, wait="x")
    assert not ir.async_get(hass).issues
    text = texts_of("en")["exceptions.mail_setting.message"]
    assert [text in body_of(mail) for mail in server.accepted] == [True] * 4
