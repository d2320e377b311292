"""Click through the flow in Chromium, in Chinese, and keep what a person sees."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
import shutil
import sys
from typing import Any

from playwright.async_api import Page, async_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from scripts.demo import ADDRESS, CODE, CONFIGURATION  # noqa: E402 - needs the path
from tests.e2e.home_assistant import PASSWORD, USER, HomeAssistant  # noqa: E402
from tests.qq_server import (  # noqa: E402
    Certificate,
    Certificates,
    Close,
    QQServer,
    Raw,
    Step,
    replies,
)

IMAGES = ROOT / "docs" / "images"
LANGUAGE = "zh-Hans"
WINDOW = {"width": 900, "height": 1100}
BROWSER_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Mistake:
    """Something typed wrongly, or a server that is not as it should be."""

    error: str
    """The key of the text that has to appear."""
    typed: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[QQServer], Any] = lambda _: None


def mistakes(server: QQServer) -> list[Mistake]:
    """Return one of each kind."""
    plain = str(server.starttls_port)
    return [
        Mistake("invalid_address", {"username": "nobody"}),
        Mistake("host_not_found", {"host": "smtp.qq.invalid"}),
        Mistake("connection_refused", {"port": "1"}),
        Mistake("starttls_port", {"port": plain}),
        Mistake(
            "certificate_name", prepare=lambda s: s.present(Certificate.WRONG_NAME)
        ),
        Mistake(
            "certificate_untrusted", prepare=lambda s: s.present(Certificate.UNTRUSTED)
        ),
        Mistake(
            "not_smtp",
            prepare=lambda s: s.script(Step.GREETING, Raw(b"SSH-2.0-OpenSSH\r\n")),
        ),
        Mistake("no_login", prepare=lambda s: setattr(s, "offer_auth", False)),
        Mistake("login_ambiguous", {"password": "wrong"}),
        Mistake(
            "login_needs_code",
            prepare=lambda s: s.script(Step.AUTH, replies.LOGIN_NEEDS_CODE_GBK),
        ),
        Mistake("login_closed", prepare=lambda s: s.script(Step.AUTH, Close())),
        Mistake(
            "login_ambiguous_exmail",
            {"username": "alarm@example.com", "password": "wrong"},
        ),
    ]


async def main() -> None:
    """Take every picture; fail where a text that belongs in one is missing."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    folder = ROOT / ".demo"
    folder.mkdir(exist_ok=True)
    certificates = Certificates()
    ca_file = folder / "ca.pem"
    certificates.write_ca(ca_file)
    with QQServer(certificates, accounts={ADDRESS: CODE}) as server:
        async with (
            HomeAssistant(
                folder / "screenshots",
                ca_file=ca_file,
                configuration=CONFIGURATION,
                language=LANGUAGE,
            ) as home_assistant,
            async_playwright() as playwright,
            await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=BROWSER_ARGS
            ) as browser,
        ):
            page = await browser.new_page(viewport=WINDOW, locale="zh-CN")
            texts = await home_assistant.translations("config")
            await log_in(page, home_assistant.url)
            await add_account(page, home_assistant, server, texts)


async def log_in(page: Page, url: str) -> None:
    """Log in as the demo's user."""
    await page.goto(url)
    await page.locator("input[name=username]").fill(USER)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/home/**")


async def add_account(
    page: Page, home_assistant: HomeAssistant, server: QQServer, texts: dict[str, str]
) -> None:
    """Open the flow, make each mistake once, and mend it."""


if __name__ == "__main__":
    asyncio.run(main())
