"""A real Home Assistant, the QQ-like server, and Chromium as a person uses it."""

import asyncio
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
import re
import shutil
import sys
import threading
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.qq_server import Certificates, QQServer

from .home_assistant import PASSWORD, ROOT, USER, HomeAssistant

CODE = "abcdefghijklmnop"
TIMEOUT = 45_000
"""Milliseconds: one of the mistakes is a server that keeps silent for 30 s."""
PICTURES = ROOT / "test-results" / "browser"
PICTURE = ROOT / "custom_components" / "qq_mail" / "brand" / "icon.png"
"""What a camera would have seen."""
ADD = "/config/integrations/dashboard/add?domain=qq_mail"
ACCOUNTS = "/config/integrations/integration/qq_mail"
FORGET = """\
Object.keys(localStorage).filter((key) => key !== "hassTokens")
  .forEach((key) => localStorage.removeItem(key))
"""
"""What the front end remembers of a visit, but for the login."""
THREAD = ThreadPoolExecutor(1)
"""Playwright has an event loop here, which tests must not meet in theirs."""
CHROMIUM = next(
    filter(
        None,
        map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome")),
    ),
    None,
)
"""The first takes two thirds of the others' processor time for a page."""
LOCALES = {"zh-Hans": "zh-CN", "en": "en-US"}

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Desk:
    """Where someone sits before Home Assistant; each test has an account of its own."""

    def __init__(
        self, home: HomeAssistant, server: QQServer, browser: Browser, *, loop: Any
    ) -> None:
        self.home = home
        self.server = server
        self._browser = browser
        self._loop: asyncio.AbstractEventLoop = loop
        self._contexts: dict[str, BrowserContext] = {}

    def do[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Have something done by Home Assistant's other interfaces."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    def texts(self, category: str, language: str = "zh-Hans") -> dict[str, str]:
        """Return the integration's texts."""
        result = self.do(
            self.home.command(
                "frontend/get_translations",
                language=language,
                category=category,
                integration=["qq_mail"],
            )
        )
        return {
            key.removeprefix(f"component.qq_mail.{category}."): text
            for key, text in result["resources"].items()
        }

    @contextmanager
    def page(self, path: str, language: str = "zh-Hans") -> Generator[Page]:
        """Open a page as someone who is logged in and reads this language.

        What it loads of the front end is loaded once for each language.
        """
        chosen = {"language": language, "number_format": "language"}
        self.do(
            self.home.command("frontend/set_user_data", key="language", value=chosen)
        )
        if language in self._contexts:
            page = self._contexts[language].new_page()
        else:
            context = self._browser.new_context(
                viewport={"width": 900, "height": 1100},
                locale=LOCALES[language],
                reduced_motion="reduce",
            )
            context.set_default_timeout(TIMEOUT)
            page = context.new_page()
            self._log_in(page)
            self._contexts[language] = context
        page.goto(f"{self.home.url}{path}")
        yield page
        page.evaluate(FORGET)
        page.close()

    @contextmanager
    def blank(self, width: int, scheme: Literal["light", "dark"]) -> Generator[Page]:
        """Open an empty page, as a mail program would for a mail."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        yield context.new_page()
        context.close()

    def _log_in(self, page: Page) -> None:
        page.goto(self.home.url)
        page.locator("input[name=username]").fill(USER)
        page.locator("input[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/home/**")

    def typed(self, address: str) -> dict[str, str]:
        """Return what has to be typed into the form of an account."""
        return {
            "username": address,
            "password": CODE,
            "host": self.server.host,
            "port": str(self.server.tls_port),
        }

    def remove_all(self) -> None:
        """Remove every account."""
        for entry in self.do(self.home.command("config_entries/get", domain="qq_mail")):
            path = f"/api/config/config_entries/entry/{entry['entry_id']}"
            self.do(self.home.delete(path))

    def add(self, address: str) -> str:
        """Add an account without a browser, and return its entry's id."""
        flows = "/api/config/config_entries/flow"
        form = self.do(self.home.post(flows, {"handler": "qq_mail"}))
        data = {**self.typed(address), "port": self.server.tls_port}
        entry = self.do(
            self.home.post(f"{flows}/{form['flow_id']}", {**data, "encryption": "tls"})
        )
        return str(entry["result"]["entry_id"])

    def recipient(self, entry: str, name: str) -> None:
        """Give an account a recipient, without a browser."""
        flows = "/api/config/config_entries/subentries/flow"
        form = self.do(self.home.post(flows, {"handler": [entry, "recipient"]}))
        data = {"name": name, "to": ["10017"], "send_test": False}
        self.do(self.home.post(f"{flows}/{form['flow_id']}", data))


@contextmanager
def desk(folder: Path, python: str) -> Generator[Desk]:
    """Start everything in a folder, Home Assistant by this Python, and end it."""
    expect.set_options(timeout=TIMEOUT)
    PICTURES.mkdir(parents=True, exist_ok=True)
    certificates = Certificates()
    ca_file = folder / "ca.pem"
    certificates.write_ca(ca_file)
    loop = asyncio.new_event_loop()
    # One thread, and from the beginning: a test must not leave a new one behind.
    executor = ThreadPoolExecutor(1)
    executor.submit(int).result()
    loop.set_default_executor(executor)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    accounts = {f"{number}@qq.com": CODE for number in range(10001, 10020)}
    home = HomeAssistant(
        folder / "config",
        ca_file=ca_file,
        language="zh-Hans",
        python=python,
        forked=python == sys.executable,
    )
    with QQServer(certificates, accounts=accounts) as server, sync_playwright() as it:
        browser = it.chromium.launch(
            executable_path=CHROMIUM,
            args=ARGUMENTS,
        )
        here = Desk(home, server, browser, loop=loop)
        here.do(home.__aenter__())
        # Its name stays in the house's language, and pictures are taken in others.
        hidden = {"panelOrder": [], "hiddenPanels": ["map"]}
        here.do(home.command("frontend/set_user_data", key="sidebar", value=hidden))
        try:
            yield here
        finally:
            here.do(home.stop())
            browser.close()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            executor.shutdown()


def fill(page: Page, typed: dict[str, str], submit: str = "提交") -> None:
    """Fill in the form and send it."""
    for name, text in typed.items():
        field = "input[type=number]" if name == "port" else f"input[name={name}]"
        page.locator("dialog-data-entry-flow").locator(field).fill(text)
    page.get_by_role("button", name=submit).click()


def beginning(text: str) -> str:
    """Return a part of a text without placeholders and links: enough to recognise it."""
    return max(re.split(r"`?{\w+}`?|[\[\]]", text), key=len).strip()


def picture(page: Page, name: str) -> None:
    """Keep what a person sees."""
    # Written here: Playwright would begin a thread for it, which the test then leaves.
    (PICTURES / f"{name}.png").write_bytes(page.screenshot(animations="disabled"))
