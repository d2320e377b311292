"""What the page can do: preview, send, read and write a step, check an account."""

from http import HTTPStatus
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.const import CODE_URL
from custom_components.qq_mail.page.panel import MODULE_URL, VERSION
from custom_components.qq_mail.sending import preview as previews
from homeassistant.components.frontend import async_panel_exists
from homeassistant.core import HomeAssistant
from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers import device_registry as dr

from ..conftest import ADDRESS, CODE
from ..house import add_account, outbox_of, until
from ..qq_server import Answer, QQServer, Step, replies
from ..test_notify import ENTITY, RECIPIENT
from .conftest import Page
from .test_scale import Ticks

ACCOUNTS: dict[str, dict[str, Any]] = {
    "outbox/subscribe": {"language": "en"},
    "history": {"language": "en"},
    "preview": {"data": {"message": "x"}},
    "send": {"data": {"message": "x"}},
    "check": {"config_entry_id": "x", "language": "en"},
    "log_in": {"config_entry_id": "x", "language": "en"},
    "renew_code": {"config_entry_id": "x"},
    "step/read": {"text": "x"},
    "step/write": {"data": {}},
}


@pytest.mark.parametrize(
    ("command", "data"),
    [pytest.param(command, data, id=command) for command, data in ACCOUNTS.items()],
)
async def test_administrators_alone(
    guest_page: Page, server: QQServer, command: str, data: dict[str, Any]
) -> None:
    """Somebody else gets nothing, and can do nothing."""
    assert (await guest_page.refused(command, **data))["code"] == "unauthorized"
    assert server.accepted == []


async def test_language_is_a_language(page: Page) -> None:
    """It becomes a part of a file's name."""
    error = await page.refused("history", language="../../secrets")
    assert error["code"] == "invalid_format"


async def test_every_language_of_the_front_end(page: Page) -> None:
    """Whoever reads another one than ours gets the page, in English."""
    languages = sorted(LANGUAGES)
    assert "es-419" in languages
    for language in languages:
        await page.get("history", language=language)
        await page.get("outbox/subscribe", language=language)


async def test_preview(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """A mail to be looked at by whoever has its address; what is unknown is told."""
    answer = await page.get(
        "preview",
        data={
            "title": "{{ 1 + 1 }} leaks",
            "message": "{{ trigger.id }}",
            "format": "markdown",
            "actions": [{"action": "a", "title": "{{ 'Shut' }} it"}],
            "priority": 7,
        },
    )
    assert answer["unknown"] == ["UndefinedError: 'trigger' is undefined"]
    assert 1000 < answer["size"] < 20_000
    (note,) = answer["notes"]
    assert "priority" in note
    path = answer["url"][answer["url"].index("/api/") :]
    client = await hass_client_no_auth()
    response = await client.get(path)
    assert response.status == HTTPStatus.OK
    assert response.headers["Content-Security-Policy"] == (
        "sandbox; default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'"
    )
    assert response.headers["Cache-Control"] == "no-store"
    shown = await response.text()
    assert "2 leaks" in shown
    assert "{{ trigger.id }}" in shown
    assert "Shut it" in shown
    assert server.accepted == []


@pytest.mark.parametrize(
    ("scheme", "dark", "light"),
    [
        pytest.param("", b"(prefers-color-scheme: dark)", b"x", id="as it is"),
        pytest.param("?dark", b"(min-width:0)", b"color-scheme:dark", id="dark"),
        pytest.param("?light", b"(max-width:0)", b"color-scheme:light", id="light"),
    ],
)
async def test_colours(
    hass: HomeAssistant,
    page: Page,
    hass_client_no_auth: ClientSessionGenerator,
    scheme: str,
    dark: bytes,
    light: bytes,
) -> None:
    """A frame can be shown as in a dark house, wherever it is looked at."""
    data = {"message": "x", "format": "markdown"}
    url = (await page.get("preview", data=data))["url"]
    client = await hass_client_no_auth()
    shown = await (await client.get(url[url.index("/api/") :] + scheme)).read()
    assert dark in shown
    assert light in shown


async def test_no_frames(
    page: Page, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """A frame within the mail connects before any policy can refuse that."""
    html = "<p>a</p><IFRAME src='http://b.example'></iframe><object data='c'></object>"
    url = (await page.get("preview", data={"html": html}))["url"]
    client = await hass_client_no_auth()
    shown = await (await client.get(url[url.index("/api/") :])).text()
    assert "<p>a</p><no-IFRAME" in shown
    assert "<object" not in shown


async def test_plain_text(
    page: Page, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """A mail without HTML is shown by its text."""
    url = (await page.get("preview", data={"message": "1 < 2"}))["url"]
    client = await hass_client_no_auth()
    shown = await (await client.get(url[url.index("/api/") :])).text()
    assert "1 &lt; 2" in shown


async def test_previews_go(
    hass: HomeAssistant,
    page: Page,
    hass_client_no_auth: ClientSessionGenerator,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After ten minutes, or when there are too many; one that is too large at once."""
    client = await hass_client_no_auth()

    async def status(url: str) -> int:
        return (await client.get(url[url.index("/api/") :])).status

    async def preview(message: str) -> str:
        return str((await page.get("preview", data={"message": message}))["url"])

    first = await preview("x")
    freezer.tick(599)
    assert await status(first) == HTTPStatus.OK
    freezer.tick(2)
    response = await client.get(first[first.index("/api/") :] + "?dark")
    assert response.status == HTTPStatus.NOT_FOUND
    # Whoever changes its colours then does not look at nothing.
    assert "Press Preview again" in await response.text()
    monkeypatch.setattr(previews, "MAX_OCTETS", 1000)
    second = await preview("x")
    assert await status(second) == HTTPStatus.OK
    third = await preview("y" * 700)
    assert await status(third) == HTTPStatus.OK
    assert await status(second) == HTTPStatus.NOT_FOUND
    assert await status(await preview("z" * 2000)) == HTTPStatus.NOT_FOUND


async def test_preview_by_an_action(hass: HomeAssistant, page: Page) -> None:
    """Its answer has an address that works from the house's own."""
    await hass.config.async_update(internal_url="http://house.local:8123")
    answer = await hass.services.async_call(
        "qq_mail",
        "preview_message",
        {"message": "x"},
        blocking=True,
        return_response=True,
    )
    assert answer
    assert str(answer["url"]).startswith("http://house.local:8123/api/qq_mail/preview/")


async def test_send(hass: HomeAssistant, server: QQServer, page: Page) -> None:
    """To those it is for; the answer says what became of it."""
    data = {"title": "{{ 1 + 1 }}", "message": "x", "to": ["a@example.com"]}
    answer = await page.get("send", data=data)
    assert answer["status"] == "accepted"
    (mail,) = server.accepted
    assert (mail.subject, mail.recipients) == ("2", ("a@example.com",))


async def test_send_tells_what_is_unknown(page: Page) -> None:
    """What only an automation knows goes out as it is written, and the answer says so."""
    data = {"title": "{{ trigger.id }}", "message": "x"}
    answer = await page.get("send", data=data)
    assert answer["unknown"] == ["UndefinedError: 'trigger' is undefined"]


async def test_send_to_me_by_the_account_that_sends(
    hass: HomeAssistant,
    server: QQServer,
    page: Page,
    loaded_entry: MockConfigEntry,
) -> None:
    """To its own address, whether the message names it, its entity, or nothing."""
    hass.config_entries.async_update_entry(
        loaded_entry, options={**loaded_entry.options, "service_name": "first"}
    )
    other = "10002@qq.com"
    options = {"service_name": "qq_mail"}
    entry = await add_account(hass, server, loaded_entry, other, options)
    for message in (
        {"data": {"message": "x", "config_entry_id": entry.entry_id}},
        {"data": {"message": "x"}, "target": {"entity_id": "notify.10002_qq_com"}},
        {"data": {"message": "x"}},
    ):
        await page.get("send", to_me=True, **message)
        mail = server.accepted[-1]
        assert (mail.reverse_path, mail.recipients) == (other, (other,))
    for message in (
        {"data": {"message": "x"}, "target": {"entity_id": ENTITY}},
        {"data": {"message": "x", "entity_id": ENTITY}},
    ):
        await page.get("send", to_me=True, **message)
        mail = server.accepted[-1]
        assert (mail.reverse_path, mail.recipients) == (ADDRESS, (ADDRESS,))
    assert len(server.accepted) == 5


async def test_send_to_me(hass: HomeAssistant, server: QQServer, page: Page) -> None:
    """To the account alone, without what concerns others."""
    data = {
        "message": "x",
        "to": ["a@example.com"],
        "bcc": ["b@example.com"],
        "tag": "leak",
        "repeat_until_acknowledged": "00:10:00",
    }
    target = {"entity_id": ["notify.123456_qq_com"]}
    answer = await page.get("send", data=data, target=target, to_me=True)
    assert answer["status"] == "accepted"
    (mail,) = server.accepted
    assert mail.recipients == (ADDRESS,)
    assert "References" not in mail.message


async def test_what_is_wrong_is_told(page: Page) -> None:
    """By the key of its text, so that the page says it in its user's language."""
    error = await page.refused("send", data={})
    assert error["translation_key"] == "nothing_to_say"


STEP = """\
action: qq_mail.send_message
target:
  entity_id: notify.family
data:
  title: 漏水
"""


async def test_step(page: Page) -> None:
    """What is written can be read again, also as the only one of a list."""
    message = {"target": {"entity_id": "notify.family"}, "data": {"title": "漏水"}}
    text = (await page.get("step/write", **message))["text"]
    assert text == STEP
    assert await page.get("step/read", text=text) == message
    indented = "\n".join(f"  {line}" for line in STEP.splitlines())
    assert await page.get("step/read", text=f"-{indented[1:]}") == message
    bare = await page.get("step/read", text="service: qq_mail.preview_message")
    assert bare == {"target": {}, "data": {}}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("a: [", id="no YAML"),
        pytest.param("a: &a [1]\nb: *a", id="a copy"),
        pytest.param("a: !include secrets.yaml", id="a file"),
        pytest.param("action: light.turn_on", id="another action"),
        pytest.param("- action: qq_mail.send_message\n" * 2, id="two steps"),
        pytest.param("[" * 200_000, id="nested too deep"),
        pytest.param("a: 2026-02-30", id="no such day"),
        pytest.param("a: !!int x", id="no number"),
        pytest.param("a: !!bool x", id="neither true nor false"),
        pytest.param("a: !!timestamp x", id="no time"),
        pytest.param("a: !!binary YWI=", id="octets"),
        pytest.param("action: qq_mail.send_message\ndata: x", id="no data"),
        pytest.param("action: qq_mail.send_message\ntarget: x", id="no target"),
    ],
)
async def test_no_step(page: Page, text: str) -> None:
    """What sends no message is refused with a sentence."""
    error = await page.refused("step/read", text=text)
    assert error["translation_key"] == "page_no_step"


async def test_large_step(page: Page) -> None:
    """However much is pasted, Home Assistant goes on meanwhile."""
    rows = ", ".join(["1"] * 60_000)
    async with Ticks() as ticks:
        error = await page.refused("step/read", text=f"a: [{rows}]")
    assert error["translation_key"] == "page_no_step"
    assert ticks.longest < 0.1


async def test_check(
    hass: HomeAssistant, server: QQServer, page: Page, loaded_entry: MockConfigEntry
) -> None:
    """The last sessions, newest first, and whom a test can be sent to."""
    hass.config_entries.async_add_subentry(loaded_entry, RECIPIENT)
    await hass.async_block_till_done()
    # An entity that has no state yet is named by its id.
    hass.states.async_remove("notify.family")
    await page.get("send", data={"message": "x"})
    await hass.services.async_call("qq_mail", "retry", {}, blocking=True)
    answer = await page.get(
        "check", config_entry_id=loaded_entry.entry_id, language="en"
    )
    assert answer["code_url"] == CODE_URL
    assert answer["recipients"] == [
        {"entity_id": "notify.123456_qq_com", "name": ADDRESS},
        {"entity_id": "notify.family", "name": "notify.family"},
    ]
    sessions = outbox_of(loaded_entry).sessions.transcripts
    assert [one["lines"] for one in answer["sessions"]] == [
        one.lines for one in reversed(list(sessions))
    ]


async def test_log_in(
    hass: HomeAssistant, server: QQServer, page: Page, loaded_entry: MockConfigEntry
) -> None:
    """A login that works lets a paused account go on; its code is shown nowhere."""
    server.script(Step.AUTH, replies.LOGIN_AMBIGUOUS, times=2)
    await page.get("send", data={"message": "x", "wait": 5})
    account = {"config_entry_id": loaded_entry.entry_id, "language": "en"}
    failed = await page.get("log_in", **account)
    assert not failed["works"]
    assert "15 minutes" in failed["why"]
    outbox = outbox_of(loaded_entry)
    assert outbox.pause
    assert len(outbox.state.limits.logins) == 2
    assert outbox.sessions.transcripts[-1].lines == failed["lines"]
    worked = await page.get("log_in", **account)
    assert worked["works"]
    assert worked["why"] == ""
    assert any("235" in line for line in worked["lines"])
    assert CODE not in str((failed, worked))
    assert not outbox.pause
    await until(lambda: server.accepted)
    # QQ counts it, so we do.
    logins = len(outbox.state.limits.logins)
    worked = await page.get("log_in", **account)
    assert len(outbox.state.limits.logins) == logins + 1
    assert outbox.sessions.transcripts[-1].lines == worked["lines"]


async def test_log_in_without_a_server(
    server: QQServer, page: Page, loaded_entry: MockConfigEntry
) -> None:
    """What is no refusal of the login counts as none."""
    account = {"config_entry_id": loaded_entry.entry_id, "language": "en"}
    server.script(Step.GREETING, Answer(421, "Busy"))
    failed = await page.get("log_in", **account)
    assert not failed["works"]
    assert outbox_of(loaded_entry).state.login_refusals == 0


async def test_renew_code(
    hass: HomeAssistant, page: Page, loaded_entry: MockConfigEntry
) -> None:
    """Home Assistant asks for a new code."""
    await page.get("renew_code", config_entry_id=loaded_entry.entry_id)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == "reauth"


async def test_files(
    hass: HomeAssistant,
    page: Page,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """The page's own files, for as long as they are of this version."""
    client = await hass_client_no_auth()
    module = await client.get(MODULE_URL)
    assert module.status == HTTPStatus.OK
    assert module.content_type == "text/javascript"
    assert "immutable" in module.headers["Cache-Control"]
    style = await client.get(MODULE_URL.replace("page.js", "page.css"))
    assert style.content_type == "text/css"
    for gone in (
        MODULE_URL.replace(VERSION, "0"),
        MODULE_URL.replace("page.js", "nothing.js"),
        MODULE_URL.replace("page.js", "..%2fpanel.py"),
    ):
        assert (await client.get(gone)).status in (
            HTTPStatus.NOT_FOUND,
            HTTPStatus.BAD_REQUEST,
        )


@pytest.mark.parametrize(
    ("language", "title"), [("en", "QQ Mail"), ("zh-Hans", "QQ 邮箱")]
)
async def test_name_in_the_sidebar(
    hass: HomeAssistant, entry: MockConfigEntry, language: str, title: str
) -> None:
    """It is the page's own name, in the house's language."""
    hass.config.language = language
    assert await hass.config_entries.async_setup(entry.entry_id)
    panel = hass.data["frontend_panels"]["qq-mail"].to_response()
    assert panel["title"] == title


async def test_panel(
    hass: HomeAssistant, page: Page, loaded_entry: MockConfigEntry
) -> None:
    """It is there as long as there is an account, whose device leads to it."""
    (device,) = dr.async_entries_for_config_entry(
        dr.async_get(hass), loaded_entry.entry_id
    )
    assert device.configuration_url == "homeassistant://qq-mail"
    assert await hass.config_entries.async_reload(loaded_entry.entry_id)
    assert async_panel_exists(hass, "qq-mail")
    panel = hass.data["frontend_panels"]["qq-mail"].to_response()
    assert panel["require_admin"]
    assert not panel["default_visible"]
    assert panel["config_panel_domain"] is None
    other = MockConfigEntry(domain="qq_mail", data=loaded_entry.data)
    other.add_to_hass(hass)
    await hass.config_entries.async_remove(other.entry_id)
    assert async_panel_exists(hass, "qq-mail")
    await hass.config_entries.async_remove(loaded_entry.entry_id)
    assert not async_panel_exists(hass, "qq-mail")
