"""Actions, automations, mails and repairs, in Chromium before a real Home Assistant."""

import asyncio
from email.message import EmailMessage
from html import unescape
import re
import shutil
from typing import Literal

import aiohttp
from playwright.sync_api import expect
import pytest

from homeassistant.util.yaml import parse_yaml

from .browser import PICTURE, Desk, beginning, picture
from .home_assistant import ROOT
from .test_by_mail import switch_on


def test_send_from_the_developer_tools(here: Desk) -> None:
    """The form of the action is in Chinese, and what is typed into it arrives."""
    here.add("10003@qq.com")
    with here.page("/config/tools/action?service=qq_mail.send_message") as page:
        texts = here.texts("services")
        for name in ("title", "message", "priority", "attachments"):
            shown = texts[f"send_message.fields.{name}.name"]
            expect(page.get_by_text(shown, exact=True).first).to_be_visible()
        page.get_by_text("YAML 模式").click()
        page.locator(".cm-content").fill(
            "action: qq_mail.send_message\n"
            "target:\n  entity_id: notify.10003_qq_com\n"
            "data:\n  title: 来自开发者工具\n  message: 你好\n  priority: high\n"
        )
        picture(page, "action-zh-Hans")
        page.get_by_role("button", name="执行动作").click()
        (mail,) = here.server.wait_for(1)
    assert mail.subject == "来自开发者工具"
    assert mail.text.splitlines()[:4] == ["重要", "来自开发者工具", "", "你好"]
    assert mail.message["X-Priority"] == "2 (High)"


def test_charts_in_the_form(here: Desk) -> None:
    """A chart is chosen by its entities, and the rest is explained."""
    here.add("10015@qq.com")
    texts = here.texts("selector")
    with here.page("/config/tools/action?service=qq_mail.send_message") as page:
        row = page.locator("ha-settings-row").filter(has_text="图表").first
        row.get_by_role("button", name="添加").click()
        for name in ("entities", "period", "title"):
            for part in ("name", "description"):
                shown = texts[f"charts.fields.{name}.{part}"]
                expect(page.get_by_text(shown, exact=True).last).to_be_visible()
        page.get_by_text("选择一个实体").last.click()
        page.get_by_placeholder("搜索").locator("visible=true").last.fill("10015 排队")
        page.get_by_text("排队中的邮件").locator("visible=true").first.click()
        page.get_by_role("button", name="添加", exact=True).last.click()
        page.get_by_text("YAML 模式").click()
        written = page.locator(".cm-content")
        expect(written).to_contain_text("sensor.10015_qq_com_queued_messages")


def test_automation_editor(here: Desk) -> None:
    """The triggers and the action are offered by their names; what is made sends."""
    # With one account, the action need not be told which one sends.
    here.remove_all()
    here.add("10008@qq.com")
    triggers, services = here.texts("triggers"), here.texts("services")
    with here.page("/config/automation/edit/new") as page:
        page.get_by_role("button", name="添加触发条件").first.click()
        page.get_by_placeholder("搜索").last.fill("邮件")
        for trigger in ("message_rejected", "message_expired"):
            name = triggers[f"{trigger}.name"]
            expect(page.get_by_text(name, exact=True).first).to_be_visible()
        picture(page, "triggers-zh-Hans")
        page.get_by_text(triggers["message_expired.name"], exact=True).first.click()
        page.get_by_role("button", name="添加动作").first.click()
        page.get_by_placeholder("搜索").last.fill("发送邮件")
        action = services["send_message.name"]
        page.get_by_text(f"QQ 邮箱: {action}").first.click()
        shown = services["send_message.description"]
        expect(page.get_by_text(shown).first).to_be_visible()
        for number, text in enumerate(("来自自动化", "邮件过期了")):
            field = ("title", "message")[number]
            name = services[f"send_message.fields.{field}.name"]
            row = page.locator("ha-settings-row").filter(
                has=page.get_by_text(name, exact=True)
            )
            row.locator("ha-checkbox").first.click()
            row.locator("input:not([type=checkbox]), textarea").first.fill(text)
        picture(page, "automation-zh-Hans")
        page.get_by_role("button", name="保存").first.click()
        page.locator("ha-dialog, ha-wa-dialog, dialog").get_by_role(
            "button", name="保存"
        ).or_(page.get_by_role("button", name="重命名")).last.click()
        expect(page).to_have_url(re.compile(r"/config/automation/edit/\d+"))
    here.do(here.home.action("automation.trigger", entity_id="all"))
    (mail,) = here.server.wait_for(1)
    assert mail.subject == "来自自动化"
    assert mail.text.strip() == "邮件过期了"


@pytest.mark.parametrize(
    ("language", "readme", "name", "sensor", "mode"),
    [
        pytest.param(
            *("zh-Hans", "README.zh-Hans.md", "家人", "厨房水浸", "更改模式"),
            id="zh-Hans",
        ),
        pytest.param(
            *("en", "README.md", "Family", "Kitchen leak", "Change mode"), id="en"
        ),
    ],
)
def test_first_automation(
    here: Desk, language: str, readme: str, name: str, sensor: str, mode: str
) -> None:
    """What README shows in pictures and as YAML is one automation, and it sends."""
    here.remove_all()
    here.recipient(here.add("10016@qq.com"), name)
    leak = "/api/states/binary_sensor.kitchen_leak"
    shown = {"device_class": "moisture", "friendly_name": sensor}
    dry = {"state": "off", "attributes": shown}
    here.do(here.home.post(leak, dry))
    block = re.findall(r"```yaml\n(.*?)```", (ROOT / readme).read_text(), re.DOTALL)[0]
    automation = parse_yaml(block)
    assert isinstance(automation, dict)
    path = f"automation/config/first_{language}".replace("-", "_").lower()
    here.do(here.home.post(f"/api/config/{path}", automation))
    title = automation["actions"][0]["data"]["title"]
    with here.page(f"/config/automation/edit/{path.split('/')[-1]}", language) as page:
        rows = page.locator("ha-automation-row")
        # Beside its words, for those lead to what they name.
        rows.first.click(position={"x": 20, "y": 20})
        sidebar = page.locator("ha-automation-sidebar")
        expect(sidebar.get_by_text(sensor).first).to_be_visible()
        picture(page, f"first-trigger-{language}")
        rows.last.click(position={"x": 20, "y": 20})
        expect(sidebar.locator("ha-settings-row").first).to_be_visible()
        page.set_viewport_size({"width": 900, "height": 1900})
        picture(page, f"first-action-{language}")
        page.set_viewport_size({"width": 900, "height": 1100})
        page.locator("ha-dropdown").first.click()
        page.get_by_text(mode, exact=True).click()
        picture(page, f"first-mode-{language}")
    here.do(here.home.post(leak, dry | {"state": "on"}))
    (mail,) = here.server.wait_for(1)
    assert mail.subject == title


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800])
def test_card(here: Desk, width: int, scheme: Literal["light", "dark"]) -> None:
    """A mail fits on a phone and on a desk, shows everything, and asks for nothing."""
    here.remove_all()
    here.add("10010@qq.com")
    www = here.home.config_dir / "www"
    www.mkdir(exist_ok=True)
    (www / "door.png").write_bytes(PICTURE.read_bytes())
    here.do(
        here.home.action(
            "qq_mail.send_message",
            title="门口有人",
            message="# 门铃\n"
            + "很长" * 200
            + "x" * 500
            + "\n\n| 名称 | 值 |\n|--|--|\n| a | b |",
            format="markdown",
            priority="highest",
            attachments=[{"path": "www/door.png", "inline": True}],
            entities=["person.demo", "zone.home"],
            link="https://www.home-assistant.io",
        )
    )
    (mail,) = here.server.wait_for(1)
    html = mail.message.get_body(("html",))
    assert html
    with here.blank(width, scheme) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(html.get_content())
        for shown in ("门口有人", "Demo"):
            expect(page.get_by_text(shown).first).to_be_visible()
        expect(page.get_by_role("link")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [url for url in asked if not url.startswith("cid:")] == []
        picture(page, f"mail-{width}-{scheme}")


async def scan(html: str) -> dict[str, set[int]]:
    """Open every link of a mail, several times at once, before anybody reads it.

    As scanners do. Return what each of them answered.
    """
    links = dict.fromkeys(map(unescape, re.findall(r'href="([^"]+)"', html)))
    opened: dict[str, set[int]] = {url: set() for url in links}
    async with aiohttp.ClientSession() as session:

        async def look(method: str, url: str) -> None:
            async with session.request(method, url) as answer:
                await answer.read()
                opened[url].add(answer.status)

        methods = ("HEAD", "GET") * 3
        await asyncio.gather(*(look(how, url) for how in methods for url in links))
    return opened


def test_mail_that_is_answered(here: Desk) -> None:
    """On a phone, without any address of the house: the mail, and what is told then."""
    here.remove_all()
    here.add("10015@qq.com")
    here.do(switch_on(here.home, here.server.imap.port))
    here.do(
        here.home.action(
            "qq_mail.send_message",
            title="地下室漏水",
            message="锅炉旁的水浸传感器检测到有水。",
            to="10016@qq.com",
            priority="highest",
            tag="water",
            actions=[
                {"action": "close_valve", "title": "关闭水阀", "destructive": True},
                {"action": "acknowledge", "title": "知道了"},
            ],
        )
    )
    (mail,) = here.server.wait_for(1)
    answer = EmailMessage()
    answer["From"], answer["To"] = "10016@qq.com", "10015@qq.com"
    answer["Subject"], answer["Message-ID"] = f"Re: {mail.subject}", "<a@qq.com>"
    answer["References"] = mail.message["References"]
    answer.set_content("知道了")
    here.server.imap.put("10015@qq.com", answer.as_bytes())
    _, told = here.server.wait_for(2)
    for name, one, height in (("answer-mail", mail, 640), ("answer-told", told, 250)):
        html = one.message.get_body(("html",))
        assert html
        with here.blank(390, "light") as page:
            page.set_viewport_size({"width": 390, "height": height})
            page.set_content(html.get_content())
            picture(page, f"{name}-zh-Hans")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            if one is told:
                expect(page.get_by_text("告知 Home Assistant").last).to_be_visible()
            else:
                expect(page.get_by_text("回复这封邮件").last).to_be_visible()


def test_button_in_a_mail(here: Desk) -> None:
    """On a phone: the mail that arrived, its button, the page, what the house did."""
    here.remove_all()
    here.add("10013@qq.com")
    here.do(here.home.command("config/core/update", external_url=here.home.url))
    here.do(
        here.home.post(
            "/api/config/automation/config/close_valve",
            {
                "alias": "关闭水阀",
                "triggers": {
                    "trigger": "qq_mail.action_clicked",
                    "options": {"action": "close_valve", "tag": "water"},
                },
                "actions": {
                    "action": "qq_mail.send_message",
                    "data": {
                        "title": "水阀已关闭",
                        "message": "{{ trigger.title }} · {{ trigger.recipients[0] }}",
                    },
                },
            },
        )
    )
    here.do(
        here.home.action(
            "qq_mail.send_message",
            title="地下室漏水",
            message="锅炉旁的水浸传感器检测到有水。",
            priority="highest",
            tag="water",
            actions=[
                {"action": "close_valve", "title": "关闭水阀", "destructive": True},
                {"action": "acknowledge", "title": "知道了"},
                {"action": "URI", "title": "查看仪表盘", "uri": "/lovelace/water"},
            ],
        )
    )
    (mail,) = here.server.wait_for(1)
    html = mail.message.get_body(("html",))
    assert html
    content = html.get_content()
    *buttons, dashboard = here.do(scan(content)).items()
    assert [statuses for _, statuses in buttons] == [{200}, {200}]
    assert dashboard[0] == f"{here.home.url}/lovelace/water"
    with here.blank(390, "light") as page:
        page.set_viewport_size({"width": 390, "height": 500})
        page.set_content(content)
        button = page.get_by_role("link", name="关闭水阀")
        box = button.bounding_box()
        assert box
        assert box["height"] >= 48
        assert box["width"] >= 300
        button.click()
        # A look changes nothing; what cannot be taken back is asked once more.
        press = page.get_by_role("button")
        expect(press).to_have_text("关闭水阀")
        expect(page.get_by_text("地下室漏水")).to_be_visible()
        expect(page.get_by_role("link")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        picture(page, "button-page-zh-Hans")
        press.click()
        expect(press).to_contain_text("确定：")
        picture(page, "button-sure-zh-Hans")
        assert len(here.server.accepted) == 1
        press.click()
        texts = here.texts("exceptions")
        done = texts["answer_done.message"]
        expect(page.get_by_role("heading", name=done)).to_be_visible()
        expect(press).to_have_count(0)
        page.goto(re.findall(r'href="(http[^"]+/action/[^"]+)"', content)[0])
        expect(press).to_have_count(0)
    _, told = here.server.wait_for(2)
    assert told.subject == "水阀已关闭"
    assert told.text.strip() == "关闭水阀 · 10013@qq.com"


def test_repair(here: Desk) -> None:
    """A message that cannot be read is told under Repairs, and confirmed there."""
    here.remove_all()
    entry = here.add("10009@qq.com")
    here.server.stop()
    here.do(here.home.action("notify.qq_mail", title="门开了", message="门开了"))
    here.do(here.home.stop())
    folder = here.home.config_dir / ".storage" / "qq_mail"
    for segment in folder.glob("records-*"):
        octets = segment.read_bytes()
        key = f'"message","{entry}"'.encode()
        segment.write_bytes(octets.replace(key, key.replace(b"message", b"messagE")))
    here.server.start()
    here.do(here.home.start())
    texts = here.texts("issues")
    with here.page("/config/repairs") as page:
        title = texts["damaged.title"].format(account="10009@qq.com")
        page.get_by_text(title).first.click()
        told = beginning(texts["damaged.fix_flow.step.confirm.description"])
        expect(page.get_by_text(told).first).to_be_visible()
        picture(page, "repair-zh-Hans")
        page.get_by_role("button", name="提交").click()
        expect(
            page.locator("ha-list-item, ha-md-list-item").get_by_text(title)
        ).to_have_count(0)


@pytest.mark.parametrize(
    ("choice", "arrived"),
    [
        pytest.param("send", ["来自备份", "之后"], id="sent"),
        pytest.param("discard", ["之后"], id="discarded"),
    ],
)
def test_backup(here: Desk, choice: str, arrived: list[str]) -> None:
    """What comes from a backup waits until a person says what is to become of it."""
    here.remove_all()
    here.add("10011@qq.com")
    here.server.stop()
    here.do(here.home.action("notify.qq_mail", title="来自备份", message="门开了"))
    here.do(here.home.stop())
    # As in a restored backup, which leaves out such a folder.
    shutil.rmtree(here.home.config_dir / ".storage" / "qq_mail" / "__pycache__")
    here.server.start()
    here.do(here.home.start())
    texts = here.texts("issues")
    title = texts["restored.title"].format(account="10011@qq.com")
    step = "restored.fix_flow.step.init"
    with here.page("/config/repairs") as page:
        page.get_by_text(title).first.click()
        told = beginning(texts[f"{step}.description"])
        expect(page.get_by_text(told).first).to_be_visible()
        picture(page, "backup-zh-Hans")
        chosen = texts[f"{step}.menu_options.{choice}"]
        page.get_by_text(chosen, exact=True).last.click()
        page.get_by_role("button", name="完成").click()
        expect(page.get_by_text(title)).to_have_count(0)
    here.do(here.home.action("notify.qq_mail", title="之后", message="门关了"))
    mails = here.server.wait_for(len(arrived))
    assert [mail.subject for mail in mails] == arrived
