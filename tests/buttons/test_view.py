"""The page of a button: who looks changes nothing, and who presses does it once."""

import asyncio
from base64 import b64encode
from datetime import timedelta
import errno
from hashlib import sha256
import html
import logging
import re
import secrets
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.qq_mail.buttons.log_filter import keep_tokens_out
from custom_components.qq_mail.buttons.models import Action, Ended
from custom_components.qq_mail.buttons.registry import BUTTONS
from custom_components.qq_mail.outbox.core.models import Level
from custom_components.qq_mail.outbox.manager import DISK_TIMEOUTS
from custom_components.qq_mail.store import Journal
from custom_components.qq_mail.texts import async_texts
from homeassistant.components.http.ban import KEY_BAN_MANAGER
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.setup import async_setup_component

from ..conftest import shut_down
from ..house import hold_up, record_of, until
from .conftest import ACKNOWLEDGE, CLICK, CLOSE, House, path_of

Browser = TestClient[Any, Any]
STYLE = re.compile(r"<style>(.*)</style>", re.DOTALL)
HEADERS = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def page_of(response: ClientResponse) -> str:
    """Return a page without its style, once it is sure that it is safe."""
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    page = await response.text()
    (style,) = STYLE.findall(page)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert response.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    for part in ("<script", "<img", "<a ", "http", "onclick", "style="):
        assert part not in page
    return page.replace(style, "")


@pytest.mark.parametrize("end", ["", "/", "?from=qq"])
async def test_pressed_once(house: House, browser: Browser, end: str) -> None:
    """Looking changes nothing, one press does it, the next one says when that was."""
    (token,) = house.issue()
    path = path_of(token) + end
    for _ in range(20):
        looked = await browser.get(path)
        assert looked.status == 200
        assert (await browser.head(path)).status == 200
    page = await page_of(looked)
    assert '<form method="post" action="">' in page
    assert page.count("<button") == 1
    assert "Water in the cellar" in page
    assert house.presses == []
    done = await browser.post(path)
    assert done.status == 200
    assert '<h1 dir="auto">Done</h1>' in await page_of(done)
    (press,) = house.presses
    assert (press.action, press.mail.tag) == (ACKNOWLEDGE, "water")
    for again in (await browser.post(path), await browser.get(path)):
        assert again.status == 200
        page = await page_of(again)
        assert re.search(r"Already done at \d\d:\d\d<", page)
        assert "<button" not in page
    assert len(house.presses) == 1


async def test_pressed_twice_at_once(house: House, browser: Browser) -> None:
    """Two people press in the same moment."""
    (token,) = house.issue()
    answers = await asyncio.gather(*(browser.post(path_of(token)) for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert len(house.presses) == 1


async def test_head_has_no_body(house: House, browser: Browser) -> None:
    """A HEAD is answered as a GET, with the same headers."""
    (token,) = house.issue()
    response = await browser.head(path_of(token))
    assert response.headers["Cache-Control"] == "no-store"
    assert await response.read() == b""


async def test_asked_once_more(house: House, browser: Browser) -> None:
    """What destroys something is asked for a second time, and still by no GET."""
    (token,) = house.issue(CLOSE)
    assert 'class="destructive"' in await page_of(await browser.get(path_of(token)))
    page = await page_of(await browser.post(path_of(token)))
    assert "Are you sure?" in page
    assert "\u2068Close the valve\u2069" in page
    assert '<form method="post" action="?confirmed">' in page
    confirmed = path_of(token) + "?confirmed"
    assert (await browser.get(confirmed)).status == 200
    assert house.presses == []
    assert "Done" in await page_of(await browser.post(confirmed))
    assert [press.action for press in house.presses] == [CLOSE]


async def test_body_is_not_read(house: House, browser: Browser) -> None:
    """Whatever is sent along has no meaning."""
    (token,) = house.issue()
    response = await browser.post(
        path_of(token),
        data=b"\xff" * 4096,
        headers={"Content-Type": "application/json"},
    )
    assert response.status == 200
    assert len(house.presses) == 1


@pytest.mark.parametrize(
    ("site", "clicks"),
    [("cross-site", 0), ("same-origin", 1), ("none", 1), ("same-site", 1)],
)
async def test_press_from_another_site(
    house: House, browser: Browser, site: str, clicks: int
) -> None:
    """A page of somebody else cannot have a visitor's browser press."""
    (token,) = house.issue()
    headers = {"Sec-Fetch-Site": site, "Origin": "null"}
    # The link itself is opened from a mail's page, which is another site.
    assert (await browser.get(path_of(token), headers=headers)).status == 200
    response = await browser.post(path_of(token), headers=headers)
    assert response.status == (200 if clicks else 403)
    await page_of(response)
    assert len(house.presses) == clicks
    if not clicks:
        unknown = await browser.post(path_of("0" * 64), headers=headers)
        assert await unknown.text() == await response.text()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_other_methods(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
    method: str,
) -> None:
    """What is neither a look nor a press does nothing, and bans nobody."""
    config = {"ip_ban_enabled": True, "login_attempts_threshold": 1}
    assert await async_setup_component(hass, "http", {"http": config})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    house, browser = House(hass, entry), await hass_client_no_auth()
    (token,) = house.issue()
    pages = set()
    for path in (path_of(token), path_of(token) + "/", path_of("0" * 64)):
        answer = await browser.request(method, path, headers={"Origin": "null"})
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD, POST"
        pages.add(await page_of(answer))
    # Nothing tells one that works from one that does not.
    assert len(pages) == 1
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert (await browser.post(path_of(token), headers=elsewhere)).status == 403
    assert house.presses == []
    assert hass.http.app[KEY_BAN_MANAGER].ip_bans_lookup == {}
    assert (await browser.post(path_of(token))).status == 200
    assert len(house.presses) == 1


async def test_unknown_alike(house: House, browser: Browser) -> None:
    """Nothing tells a token that never was from one that is over or malformed."""
    (revoked,) = house.issue(queue_id="revoked")
    house.buttons.revoke("revoked")
    (removed,) = house.issue(account="removed")
    tokens = [
        *("0" * 64, "0" * 63, "0" * 65, "A" * 64, "x", "é" * 64),
        *(revoked, removed),
    ]
    pages = set()
    for token in tokens:
        for answer in (
            await browser.get(path_of(token)),
            await browser.post(path_of(token)),
        ):
            assert answer.status == 404
            pages.add(await page_of(answer))
    assert len(pages) == 1
    assert house.presses == []


async def test_guessing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A thousand guesses ban nobody, write a line an hour, and hinder no good link."""
    assert await async_setup_component(
        hass, "http", {"http": {"ip_ban_enabled": True, "login_attempts_threshold": 1}}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    house, browser = House(hass, entry), await hass_client_no_auth()
    (token,) = house.issue()

    async def guess(times: int) -> list[int]:
        return [
            (await browser.post(path_of(secrets.token_hex(32)))).status
            for _ in range(times)
        ]

    def lines() -> int:
        return caplog.text.count("as if somebody was guessing")

    assert await guess(1000) == [404] * 30 + [429] * 970
    assert lines() == 1
    assert hass.http.app[KEY_BAN_MANAGER].ip_bans_lookup == {}
    assert "Login attempt" not in caplog.text
    too_many = await browser.get(path_of("1"))
    assert too_many.headers["Retry-After"] == "60"
    await page_of(too_many)
    assert "Acknowledge" in await page_of(await browser.get(path_of(token)))
    freezer.tick(60)
    assert await guess(31) == [404] * 30 + [429]
    assert lines() == 1
    freezer.tick(3600)
    assert await guess(31) == [404] * 30 + [429]
    assert lines() == 2
    assert (await browser.post(path_of(token))).status == 200
    assert len(house.presses) == 1


def set_clock(house: House, by: timedelta) -> None:
    """Set the clock on the wall: what it then differs by from what people were told."""
    for button in house.buttons.all():
        button.group.expires_at -= by


@pytest.mark.parametrize("by", [timedelta(), timedelta(days=-3)])
async def test_expires_to_the_second(
    house: House, browser: Browser, freezer: FrozenDateTimeFactory, by: timedelta
) -> None:
    """The last second counts, the next does not; a clock set back adds nothing."""
    (token,) = house.issue(lasts=timedelta(hours=1))
    freezer.tick(3599)
    set_clock(house, by)
    assert (await browser.get(path_of(token))).status == 200
    freezer.tick(1)
    assert (await browser.post(path_of(token))).status == 404
    assert house.presses == []


async def test_clock_set_forward(
    house: House, browser: Browser, freezer: FrozenDateTimeFactory
) -> None:
    """What people were told holds by the clock that they see."""
    (token,) = house.issue()
    set_clock(house, timedelta(days=2))
    assert (await browser.get(path_of(token))).status == 404
    # It was wrong, and is right again.
    set_clock(house, timedelta(days=-2))
    assert (await browser.get(path_of(token))).status == 200


async def test_account_away(house: House, browser: Browser) -> None:
    """While the account is not loaded a press is not lost: it can be repeated."""
    hass, entry = house.hass, house.entry
    token, other = house.issue(ACKNOWLEDGE, CLOSE)
    await shut_down(hass, entry)
    for response in (
        await browser.get(path_of(token)),
        await browser.post(path_of(token)),
    ):
        assert response.status == 503
        assert response.headers["Retry-After"] == "30"
        assert "Not ready yet" in await page_of(response)
    assert house.presses == []
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert (await browser.post(path_of(token))).status == 200
    assert len(house.presses) == 1
    await hass.config_entries.async_set_disabled_by(
        entry.entry_id, ConfigEntryDisabler.USER
    )
    await hass.async_block_till_done()
    assert (await browser.post(path_of(other))).status == 503
    # What was done is told all the same.
    assert "Already done" in await page_of(await browser.get(path_of(token)))
    await hass.config_entries.async_remove(entry.entry_id)
    assert (await browser.get(path_of(token))).status == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_while_stopping(
    hass: HomeAssistant, house: House, browser: Browser, method: str
) -> None:
    """A page says that it is to be tried again, and nothing is pressed."""
    (token,) = house.issue()
    hass.set_state(CoreState.stopping)
    response = await browser.request(method, path_of(token))
    assert (response.status, response.headers["Retry-After"]) == (503, "30")
    assert "again" in await page_of(response)
    hass.set_state(CoreState.running)
    assert house.presses == []
    assert (await browser.post(path_of(token))).status == 200


async def test_before_automations_listen(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    """Until Home Assistant has started, nobody would hear of a press."""
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    house, browser = House(hass, entry), await hass_client_no_auth()
    (token,) = house.issue()
    assert (await browser.post(path_of(token))).status == 503
    hass.set_state(CoreState.running)
    hass.bus.async_fire("homeassistant_started")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await browser.post(path_of(token))).status == 200
    assert len(house.presses) == 1


HOSTILE = [
    pytest.param("<script>alert(1)</script>", id="script"),
    pytest.param("\"'><button formaction=//evil.example>", id="quotes"),
    pytest.param("{{ 77777 * 77777 }} {title} %s", id="templates"),
    pytest.param("关闭水阀 🚿👨‍👩‍👧", id="emoji"),
    pytest.param("إغلاق \u202egnp.evil\u2069\u202e", id="right to left"),
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts(house: House, browser: Browser, text: str) -> None:
    """A title may come from anywhere; the page has no tag more, and no other order."""
    plain = await page_of(await browser.get(path_of(house.issue(CLOSE)[0])))
    action = Action(action="a", title=text, destructive=True)
    (token,) = house.issue(action, subject=text)
    path = path_of(token)
    asked = await page_of(await browser.get(path))
    pages = [
        asked,
        await page_of(await browser.post(path)),
        await page_of(await browser.post(path + "?confirmed")),
        await page_of(await browser.get(path)),
    ]
    assert re.findall(r"<\w+", asked) == re.findall(r"<\w+", plain)
    for page in pages:
        assert str(77777 * 77777) not in page
        assert "\u202e" not in page
        # Each text that stands among others is isolated, and ends where that does.
        assert re.findall("[\u2068\u2069]", page)[::2] == ["\u2068"] * page.count(
            "\u2069"
        )
        assert re.findall("[\u2068\u2069]", page)[1::2] == ["\u2069"] * page.count(
            "\u2068"
        )
    assert house.presses[0].action == action


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("en", "Nothing has happened yet"),
        ("zh-Hans", "按下按钮"),
        ("zh-Hant", "按下按鈕"),
    ],
)
async def test_languages(
    house: House, browser: Browser, language: str, word: str
) -> None:
    """The page speaks Home Assistant's language."""
    house.hass.config.language = language
    page = await page_of(await browser.get(path_of(house.issue()[0])))
    assert f'<html lang="{language}">' in page
    assert word in page


async def test_another_day(
    house: House, browser: Browser, freezer: FrozenDateTimeFactory
) -> None:
    """What was not today has its date."""
    freezer.move_to("2026-11-28 12:00:00+00:00")
    (token,) = house.issue(lasts=timedelta(days=3))
    freezer.tick(timedelta(days=1))
    page = await page_of(await browser.get(path_of(token)))
    assert "2026-11-28 04:00" in page
    assert "2026-12-01 04:00" in page


async def test_token_in_no_log(
    house: House, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at debug, not where something is added to a link, not in an access log."""
    keep_tokens_out()
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiohttp.access").setLevel(logging.DEBUG)
    (token,) = house.issue()
    await browser.get(path_of(token))
    await browser.get(path_of(token) + "/")
    assert (await browser.get(path_of(token) + "?q=<script>")).status == 400
    await browser.post(path_of(token))
    await house.hass.async_block_till_done()
    assert "Serving /api/qq_mail/action/**REDACTED** to" in caplog.text
    assert "harmful query string: /api/qq_mail/action/**REDACTED**" in caplog.text
    assert token not in caplog.text
    # Others' lines are left alone.
    webhook = f"/api/webhook/{token}"
    logging.getLogger("homeassistant.helpers.http").debug("Serving %s", webhook)
    assert f"Serving {webhook}\n" in caplog.text


async def test_token_in_no_log_of_who_is_logged_in(
    house: House, hass_client: ClientSessionGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    """Home Assistant writes one line more of those."""
    caplog.set_level(logging.DEBUG)
    (token,) = house.issue()
    await (await hass_client()).get(path_of(token))
    assert "for /api/qq_mail/action/**REDACTED** using bearer token" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize(
    ("line", "statuses"),
    [
        pytest.param("BREW {path} HTTP/1.1", {400}, id="method"),
        pytest.param("GET {path} HTTP/9.9", {400}, id="version"),
        pytest.param("GET {path} and more HTTP/1.1", {400}, id="blank"),
        # Home Assistant 2026.8 takes it.
        pytest.param("GET http://:80{path} HTTP/1.1", {200, 400}, id="address"),
        pytest.param("GET {path}" + "0" * 100_000 + " HTTP/1.1", {400}, id="long"),
        pytest.param("GET /api/qq%5Fmail/action/{token} HTTP/1.1", {200}, id="encoded"),
        pytest.param(
            "GET /api//qq_mail//action//{token} HTTP/1.1", {404}, id="slashes"
        ),
        pytest.param("GET /x/../{path} HTTP/1.1", {400}, id="dots"),
    ],
)
async def test_odd_request(
    house: House,
    browser: Browser,
    caplog: pytest.LogCaptureFixture,
    line: str,
    statuses: set[int],
) -> None:
    """What is no proper request is quoted in the log, without its token."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiohttp.access").setLevel(logging.DEBUG)
    house.hass.loop.set_debug(True)
    (token,) = house.issue()
    reader, writer = await asyncio.open_connection("127.0.0.1", browser.port)
    request = line.format(path=path_of(token), token=token)
    writer.write(f"{request}\r\nHost: home\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert int(answer.split()[1]) in statuses
    await house.hass.async_block_till_done()
    assert "**REDACTED**" in caplog.text
    assert token[:32] not in caplog.text
    # Home Assistant shows on its page of logs what is kept beside a line.
    kept = [str(record.exc_info) for record in caplog.records]
    assert token[:32] not in "".join(kept)
    assert house.presses == []


async def test_who_presses_goes_away(
    house: House,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection that is cut does not keep the press from the disk."""
    (token,) = house.issue()
    gate = hold_up(monkeypatch, Journal, "write")
    press = asyncio.create_task(browser.session.post(browser.make_url(path_of(token))))
    await until(gate.reached.is_set)
    press.cancel()
    await asyncio.wait([press])
    gate.opened.set()
    await house.store.written()
    assert record_of(house.hass, BUTTONS)["buttons"][0]["used_at"]
    assert len(house.presses) == 1


async def test_disk_that_hangs(
    house: House, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits long for it, and the page says the same."""
    (token,) = house.issue()
    monkeypatch.setitem(DISK_TIMEOUTS, Level.HIGH, 0.05)
    with monkeypatch.context() as patch:
        gate = hold_up(patch, Journal, "write")
        page = await page_of(await browser.post(path_of(token)))
        gate.opened.set()
    texts = await async_texts(house.hass)
    assert texts("answer_not_kept_text") in html.unescape(page)
    await house.store.written()
    assert record_of(house.hass, BUTTONS)["buttons"][0]["used_at"]
    assert len(house.presses) == 1


async def test_disk_that_refuses(
    house: House, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done, and the page says that nobody may know of it after a restart."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    (token,) = house.issue()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", refuse)
        page = await page_of(await browser.post(path_of(token)))
    texts = await async_texts(house.hass)
    assert texts("answer_not_kept_text") in html.unescape(page)
    assert len(house.presses) == 1
    await house.store.async_stop()
    assert record_of(house.hass, BUTTONS)["buttons"][0]["used_at"]


@pytest.mark.parametrize("why", Ended)
async def test_ended(house: House, browser: Browser, why: Ended) -> None:
    """What has no meaning any more says why, and fires nothing."""
    (token,) = house.issue(CLOSE)
    house.buttons.end([CLICK["queue_id"]], why)
    texts = await async_texts(house.hass)
    for response in (
        await browser.get(path_of(token)),
        await browser.post(path_of(token)),
    ):
        page = await page_of(response)
        assert texts(f"answer_{why}") in html.unescape(page)
        assert "<button" not in page
    assert house.presses == []


async def test_unheard(house: House, browser: Browser) -> None:
    """A button that no automation listens to says so, and its press is noted."""
    texts = await async_texts(house.hass)
    known, close = house.issue(ACKNOWLEDGE, Action(action="close", title="Close"))
    pages = [
        html.unescape(await page_of(await browser.post(path_of(token))))
        for token in (known, close)
    ]
    keys = ("answer_done_text", "answer_unheard_text")
    for page, key, title in zip(pages, keys, ("Acknowledge", "Close"), strict=True):
        assert texts(key, title=f"\u2068{title}\u2069") in page
    assert len(house.presses) == 2
