"""Click through the flow in Chromium, in Chinese, and keep what a person sees."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
import shutil
import sys
from typing import Any

from playwright.async_api import Page, ViewportSize, async_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from scripts.demo import ADDRESS, CODE, CONFIGURATION  # noqa: E402 - needs the path
from tests.e2e.home_assistant import PASSWORD, USER, HomeAssistant  # noqa: E402
from tests.qq_server import (  # noqa: E402
    Answer,
    Certificate,
    Certificates,
    Close,
    Hang,
    QQServer,
    Raw,
    Step,
    replies,
)

IMAGES = ROOT / "docs" / "images"
LANGUAGE = "zh-Hans"
WINDOW: ViewportSize = {"width": 900, "height": 1100}
ADD = "/config/integrations/dashboard/add?domain=qq_mail"
ACCOUNT = "/config/integrations/integration/qq_mail"
TIMEOUT = 45_000
"""Milliseconds: one of the mistakes is a server that keeps silent for 30 s."""
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
        Mistake(
            "login_at_exmail",
            prepare=lambda s: s.script(Step.AUTH, replies.LOGIN_EXMAIL),
        ),
        Mistake(
            "login_refused", prepare=lambda s: s.script(Step.AUTH, Answer(504, "No"))
        ),
        Mistake("connection_lost", prepare=lambda s: s.script(Step.GREETING, Close())),
        Mistake(
            "rate_limit",
            prepare=lambda s: s.script(Step.EHLO, replies.FREQUENCY_LIMITED),
        ),
        Mistake(
            "temporary",
            prepare=lambda s: s.script(Step.GREETING, Answer(421, "Busy")),
        ),
        Mistake("timed_out", prepare=lambda s: s.script(Step.GREETING, Hang())),
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
            await page.goto(f"{home_assistant.url}{ADD}")
            await page.get_by_role("button", name="确定").click()
            await page.locator("input[name=username]").wait_for()
            await picture(page, "user")
            await make_mistakes(page, server, texts)
            await finish(page, home_assistant, server)
    print("Done.")


async def log_in(page: Page, url: str) -> None:
    """Log in as the demo's user."""
    await page.goto(url)
    await page.locator("input[name=username]").fill(USER)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/home/**")


async def make_mistakes(page: Page, server: QQServer, texts: dict[str, str]) -> None:
    """Make each mistake once, and see that the form says what it should."""
    for mistake in mistakes(server):
        mistake.prepare(server)
        await fill(page, {**right(server), **mistake.typed})
        text = texts[f"component.qq_mail.config.error.{mistake.error}"]
        # Up to the first placeholder: that is enough to recognise it.
        beginning = max(text.split("{"), key=len).rpartition("}")[2]
        await page.get_by_text(beginning).first.wait_for(timeout=TIMEOUT)
        await picture(page, mistake.error.replace("_", "-"))
        server.reset()


async def finish(page: Page, home_assistant: HomeAssistant, server: QQServer) -> None:
    """Mend the form, add a recipient, and show the account."""
    await fill(page, right(server))
    await page.get_by_role("button", name="跳过并完成").click()
    await page.goto(f"{home_assistant.url}{ACCOUNT}")
    await page.get_by_role("button", name="添加收件人").first.click()
    await page.locator("input[name=name]").fill("家人")
    await page.get_by_role("button", name="添加收件人").last.click()
    await (
        page.locator("ha-selector-text")
        .nth(1)
        .locator("input")
        .fill("爸爸 <papa@example.com>")
    )
    await picture(page, "recipient")
    await page.get_by_role("button", name="提交").click()
    await page.get_by_role("button", name="完成").click()
    await page.get_by_text("家人").first.wait_for()
    await picture(page, "integration")


def right(server: QQServer) -> dict[str, str]:
    """Return what has to be typed in."""
    return {
        "username": ADDRESS,
        "password": CODE,
        "host": server.host,
        "port": str(server.tls_port),
    }


async def fill(page: Page, typed: dict[str, str]) -> None:
    """Fill in the form and send it."""
    for name, text in typed.items():
        field = "input[type=number]" if name == "port" else f"input[name={name}]"
        await page.locator("dialog-data-entry-flow").locator(field).fill(text)
    await page.get_by_role("button", name="提交").click()


async def picture(page: Page, name: str) -> None:
    """Keep what is on the page."""
    # The dialog's animation ends, and nothing tells when.
    await page.wait_for_timeout(500)
    await page.screenshot(path=IMAGES / f"{name}-{LANGUAGE}.png")
    print(f"{name}-{LANGUAGE}.png", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
