"""The page in a browser while many wait: is it there soon, and is Home Assistant?"""

import asyncio
import time

from playwright.async_api import Page, async_playwright

from benchmarks.bench import Bench
from benchmarks.large import PING_PAUSE
from benchmarks.report import OURS, Row
from tests.e2e.browser import ARGUMENTS, CHROMIUM, TIMEOUT
from tests.e2e.home_assistant import PASSWORD, USER, Channel, HomeAssistant

AT_ONCE = 100


async def page(bench: Bench, channel: Channel) -> None:
    """Open the page, the front end being in the browser's cache as it is at home."""
    await bench.server.tell(listen=False)
    number = 500 if bench.quick else 5000
    for _ in range(number // AT_ONCE):
        titles = (f"Alarm {one}" for one in range(AT_ONCE))
        await asyncio.gather(
            *(bench.send(channel, OURS, title=title, wait=0) for title in titles)
        )
    shown, pings = [], []
    async with async_playwright() as started:
        browser = await started.chromium.launch(
            executable_path=CHROMIUM,
            args=ARGUMENTS,
        )
        page = await browser.new_page()
        page.set_default_timeout(TIMEOUT)
        await _log_in(page, bench.home)
        # The first time is for the cache.
        await _opened(page, bench.home)
        for _ in range(1 if bench.quick else 5):
            took, longest = await _watched(page, bench.home)
            shown.append(took)
            pings.append(longest * 1000)
        await browser.close()
    await channel.action("qq_mail.discard", all=True)
    await bench.server.tell(listen=True)
    what = f"The page in a browser, {number} waiting"
    bench.rows += [
        Row(f"{what}: first rows", "s", shown, most=2),
        Row(f"{what}: longest ping", "ms", pings, most=50),
    ]


async def _log_in(page: Page, home: HomeAssistant) -> None:
    await page.goto(home.url)
    await page.locator("input[name=username]").fill(USER)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/home/**")


async def _opened(page: Page, home: HomeAssistant) -> float:
    """Return how many seconds it took until the first row was there."""
    await page.goto("about:blank")
    start = time.perf_counter()
    await page.goto(f"{home.url}/qq-mail", wait_until="commit")
    await page.locator("qq-mail-page .rows > li").first.wait_for()
    return time.perf_counter() - start


async def _watched(page: Page, home: HomeAssistant) -> tuple[float, float]:
    """Return that, and the longest that Home Assistant took to answer meanwhile."""
    longest = 0.0
    async with home.channel() as pinged:
        opened = asyncio.ensure_future(_opened(page, home))
        while not opened.done():
            start = time.perf_counter()
            await pinged.command("ping")
            longest = max(longest, time.perf_counter() - start)
            await asyncio.sleep(PING_PAUSE)
        return await opened, longest
