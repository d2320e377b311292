"""The page in the front end of the lowest Home Assistant."""

from playwright.sync_api import expect
import pytest

from .browser import THREAD, Desk, picture
from .home_assistant import ROOT
from .test_page import ADDRESS, PAGE, outage, row, send

PYTHON = ROOT / ".venv-lowest" / "bin" / "python"


@pytest.fixture
def here(here: Desk) -> Desk:
    """Return the desk with an account."""
    THREAD.submit(here.add, ADDRESS).result()
    return here


def test_opens_sends_and_discards(here: Desk) -> None:
    """It works as in the highest one, the form included."""
    with outage(here) as end, here.page(PAGE) as page:
        for title in ("地下室漏水", "大门未关"):
            send(here, title)
        expect(page.get_by_text("起无法连接").first).to_be_visible()
        row(page, "大门未关").get_by_role("button", name="丢弃").click()
        page.get_by_role("dialog").get_by_role("button", name="丢弃").click()
        expect(row(page, "大门未关")).to_have_count(0)
        end()
        row(page, "地下室漏水").get_by_role("button", name="立即发送").click()
        expect(page.get_by_text("没有排队中的邮件")).to_be_visible()
        page.get_by_role("link", name="撰写与预览").click()
        expect(page.locator("ha-form").first).to_be_visible()
        picture(page, "page-compose-lowest-zh-Hans")
    assert [mail.subject for mail in here.server.wait_for(1)] == ["地下室漏水"]
