"""What a person sees and clicks, in Chromium before a real Home Assistant."""

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from email.message import EmailMessage
from html import unescape
import re
import shutil
import socket
from typing import Any, Literal

import aiohttp
from playwright.sync_api import Page, expect
import pytest
import pytest_socket

from homeassistant.util.yaml import parse_yaml
from tests.qq_server import Answer, Certificate, Close, QQServer, Raw, Step, replies

from .browser import (
    ACCOUNTS,
    ADD,
    CODE,
    PICTURE,
    THREAD,
    Desk,
    beginning,
    desk,
    fill,
    picture,
)
from .home_assistant import ROOT
from .test_by_mail import switch_on

NEW_CODE = "newnewnewnewnewn"


@pytest.fixture(scope="module")
def running_desk(tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    """Start everything once for all tests."""
    # Home Assistant's test plugin has switched sockets off for the first test.
    pytest_socket.enable_socket()
    running = desk(tmp_path_factory.mktemp("desk"))
    yield THREAD.submit(running.__enter__).result()
    THREAD.submit(running.__exit__, None, None, None).result()


@pytest.fixture
def here(running_desk: Desk, socket_enabled: None) -> Generator[Desk]:
    """Return the desk with a server that behaves well."""
    running_desk.server.reset()
    yield running_desk
    running_desk.server.reset()


@dataclass
class Mistake:
    """Something typed wrongly, or a server that is not as it should be."""

    error: str
    """The key of the text that has to appear."""
    typed: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[QQServer], Any] = lambda _: None
    encryption: str = "TLS"


def mistakes(server: QQServer) -> list[Mistake]:
    """Return one of each kind."""
    plain, tls = str(server.starttls_port), str(server.tls_port)
    return [
        Mistake("invalid_address", {"username": "nobody"}),
        Mistake("invalid_host", {"host": "smtp .qq.com"}),
        Mistake("host_not_found", {"host": "smtp.qq.invalid"}),
        Mistake("port_range", {"port": "0"}),
        Mistake("connection_refused", {"port": "1"}),
        Mistake("starttls_port", {"port": plain}),
        Mistake("tls_port", {"port": tls}, encryption="STARTTLS"),
        Mistake(
            "no_starttls",
            {"port": plain},
            lambda s: setattr(s, "offer_starttls", False),
            encryption="STARTTLS",
        ),
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
        Mistake("code_not_ascii", {"password": "授权码"}),
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
            "temporary", prepare=lambda s: s.script(Step.GREETING, Answer(421, "Busy"))
        ),
        Mistake("login_closed", prepare=lambda s: s.script(Step.AUTH, Close())),
        Mistake(
            "login_ambiguous_exmail",
            {"username": "alarm@example.com", "password": "wrong"},
        ),
    ]


def choose(page: Page, label: str) -> None:
    """Choose an encryption from the list in the form."""
    page.locator("ha-selector-select").click()
    page.get_by_role("option", name=label).or_(
        page.get_by_role("menuitem", name=label)
    ).first.click()


def test_every_mistake_in_chinese(here: Desk) -> None:
    """Each is told at the form; then the account is added, with a recipient."""
    texts = here.texts("config")
    with (
        socket.create_server((here.server.host, 0)) as silent,
        here.page(ADD) as page,
        here.page(ADD) as patient,
    ):
        for form in (patient, page):
            form.get_by_role("button", name="确定").click()
            form.locator("input[name=username]").wait_for()
        picture(page, "user-zh-Hans")
        # Waits for as long as all the others take.
        port = str(silent.getsockname()[1])
        fill(patient, {**here.typed("10019@qq.com"), "port": port})
        chosen = "TLS"
        for mistake in mistakes(here.server):
            mistake.prepare(here.server)
            if mistake.encryption != chosen:
                chosen = mistake.encryption
                choose(page, chosen)
            fill(page, {**here.typed("10001@qq.com"), **mistake.typed})
            text = texts[f"error.{mistake.error}"]
            expect(page.get_by_text(beginning(text)).first).to_be_visible()
            picture(page, f"{mistake.error.replace('_', '-')}-zh-Hans")
            here.server.reset()
        timed_out = beginning(texts["error.timed_out"])
        expect(patient.get_by_text(timed_out).first).to_be_visible()
        picture(patient, "timed-out-zh-Hans")
        fill(page, here.typed("10001@qq.com"))
        offered = here.texts("config_subentries")
        added = beginning(offered["recipient.step.first.title"])
        expect(page.get_by_text(added).first).to_be_visible()
        page.locator("input[name=name]").fill("家人")
        page.get_by_role("button", name="添加收件人").last.click()
        addresses = page.locator("ha-selector-text").nth(1).locator("input")
        addresses.fill("爸爸 <papa@example.com>")
        picture(page, "recipient-zh-Hans")
        page.get_by_role("button", name="提交").click()
        tested = offered["recipient.create_entry.tested"]
        expect(page.get_by_text(tested).first).to_be_visible()
        picture(page, "recipient-tested-zh-Hans")
        page.get_by_role("button", name="完成").click()
        (mail,) = here.server.wait_for(1)
        assert mail.recipients == ("papa@example.com",)
        page.goto(f"{here.home.url}{ACCOUNTS}")
        expect(page.get_by_text("家人").first).to_be_visible()
        picture(page, "integration-zh-Hans")


def test_found_by_what_people_type(here: Desk) -> None:
    """The list of integrations has it under each of its names, and pages in one."""
    with here.page("/config/integrations/dashboard") as page:
        page.get_by_role("button", name="添加集成").first.click()
        dialog = page.locator("dialog-add-integration")
        found = dialog.locator("ha-integration-list-item", has_text="QQ Mail")
        for typed in (
            *("QQ 邮箱", "QQ邮箱", "邮箱", "邮件", "QQ", "qq mail"),
            *("foxmail", "腾讯", "微信"),
        ):
            dialog.locator("input").last.fill(typed)
            expect(found).to_be_visible()
            dialog.locator("input").last.fill("no such thing")
            expect(found).to_have_count(0)
        dialog.locator("input").last.fill("QQ 邮箱")
        expect(found).to_be_visible()
        picture(page, "found-zh-Hans")
    here.remove_all()
    here.add("10012@qq.com")
    with here.page(ACCOUNTS) as page:
        expect(page.get_by_text("QQ 邮箱", exact=True).first).to_be_visible()


def test_add_an_account_in_english(here: Desk) -> None:
    """A wrong code first, and the same account twice."""
    texts = here.texts("config", "en")
    address = "10002@qq.com"
    with here.page(ADD, "en") as page:
        page.get_by_role("button", name="OK").click()
        fill(page, {**here.typed(address), "password": "wrong"}, "Submit")
        wrong = beginning(texts["error.login_ambiguous"])
        expect(page.get_by_text(wrong).first).to_be_visible()
        picture(page, "login-ambiguous-en")
        fill(page, here.typed(address), "Submit")
        offered = here.texts("config_subentries", "en")
        first = beginning(offered["recipient.step.first.description"])
        expect(page.get_by_text(first).first).to_be_visible()
    with here.page(ADD, "en") as page:
        page.get_by_role("button", name="OK").click()
        fill(page, here.typed(address), "Submit")
        known = beginning(texts["abort.already_configured"])
        expect(page.get_by_text(known).first).to_be_visible()
        picture(page, "already-configured-en")


def test_take_over(here: Desk) -> None:
    """Core's account is offered before the empty form, and taken over by two clicks."""
    here.remove_all()
    flows = "/api/config/config_entries/flow"
    form = here.do(here.home.post(flows, {"handler": "smtp"}))
    typed = here.typed("10014@qq.com")
    core = {
        "sender": "10014@qq.com",
        "server": typed["host"],
        "port": here.server.tls_port,
        "encryption": "tls",
        "username": "10014@qq.com",
        "password": CODE,
        "verify_ssl": True,
        "options": {},
    }
    entry = here.do(here.home.post(f"{flows}/{form['flow_id']}", core))["result"]
    texts = here.texts("config")
    with here.page(ADD) as page:
        page.get_by_role("button", name="确定").click()
        offered = texts["step.start.menu_options.take_over"]
        offered = offered.format(accounts="10014@qq.com")
        expect(
            page.get_by_text(texts["step.start.menu_options.another"])
        ).to_be_visible()
        picture(page, "take-over-menu-zh-Hans")
        page.get_by_text(offered).first.click()
        keep = texts["step.keep_working.data.keep_working"]
        expect(page.get_by_text(keep).first).to_be_visible()
        picture(page, "take-over-zh-Hans")
        page.get_by_role("button", name="提交").click()
        first = here.texts("config_subentries")["recipient.step.first.title"]
        expect(page.get_by_text(beginning(first)).first).to_be_visible()
    with here.page(ACCOUNTS) as page:
        entry_menu(page, "10014@qq.com", "重新配置")
        page.get_by_text(texts["step.taken_over.menu_options.undo"]).first.click()
        expect(page.get_by_text(texts["abort.undone"])).to_be_visible()
        picture(page, "take-over-undone-zh-Hans")
    path = f"/api/config/config_entries/entry/{entry['entry_id']}"
    here.do(here.home.delete(path))


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


def test_new_code(here: Desk) -> None:
    """QQ refuses the code: a person sees that, types a new one, and the alert goes."""
    address = "10004@qq.com"
    entry = here.add(address)
    here.server.accounts[address] = NEW_CODE
    here.server.script(Step.AUTH, replies.LOGIN_NEEDS_CODE)
    here.do(here.home.post(f"/api/config/config_entries/entry/{entry}/reload"))
    here.do(
        here.home.action(
            "notify.send_message", entity_id="notify.10004_qq_com", message="Smoke!"
        )
    )
    texts = here.texts("config")
    with here.page(ACCOUNTS) as page:
        expect(page.get_by_text("需要注意").first).to_be_visible()
        page.get_by_role("button", name="重新配置").first.click()
        asked = beginning(texts["step.reauth_confirm.description"])
        expect(page.get_by_text(asked).first).to_be_visible()
        expect(page.get_by_text("1 封").first).to_be_visible()
        picture(page, "reauth-zh-Hans")
        fill(page, {"password": CODE})
        wrong = beginning(texts["error.login_ambiguous"])
        expect(page.get_by_text(wrong).first).to_be_visible()
        fill(page, {"password": NEW_CODE})
        (mail,) = here.server.wait_for(1)
        expect(page.get_by_text(texts["abort.reauth_successful"])).to_be_visible()
        picture(page, "reauth-done-zh-Hans")
    assert mail.text.strip() == "Smoke!"


def entry_menu(page: Page, address: str, item: str) -> None:
    """Choose something in an account's menu."""
    row = page.locator("ha-config-entry-row").filter(has_text=address)
    row.get_by_role("button", name="菜单").first.click()
    page.get_by_text(item, exact=True).locator("visible=true").first.click()


def test_reconfigure(here: Desk) -> None:
    """The server's port changes: a wrong one is told, the right one is kept."""
    address = "10005@qq.com"
    here.add(address)
    texts = here.texts("config")
    with here.page(ACCOUNTS) as page:
        entry_menu(page, address, "重新配置")
        fill(page, {"port": "1"})
        refused = beginning(texts["error.connection_refused"])
        expect(page.get_by_text(refused).first).to_be_visible()
        picture(page, "reconfigure-zh-Hans")
        fill(page, {"port": str(here.server.tls_port)})
        expect(page.get_by_text(refused)).to_have_count(0)


def test_options(here: Desk) -> None:
    """A bad address is told; what is right is kept, and used."""
    address = "10006@qq.com"
    here.add(address)
    texts = here.texts("options")
    with here.page(ACCOUNTS) as page:
        row = page.locator("ha-config-entry-row").filter(has_text=address)
        row.get_by_role("button", name="配置", exact=True).first.click()
        fill(page, {"sender_name": "我的家", "reply_to": "nobody"})
        wrong = beginning(texts["error.invalid_address"])
        expect(page.get_by_text(wrong).first).to_be_visible()
        picture(page, "options-zh-Hans")
        dialog = page.locator("dialog-data-entry-flow")
        limits = dialog.locator("ha-form-expandable").first
        limits.get_by_text(texts["step.init.sections.limits.name"]).first.click()
        numbers = limits.locator("input[type=number]")
        expect(limits.get_by_text("封", exact=True).first).to_be_visible()
        numbers.nth(1).fill("0")
        fill(page, {"reply_to": "me@example.com"})
        range_ = beginning(texts["error.burst_range"])
        expect(page.get_by_text(range_).first).to_be_visible()
        picture(page, "options-limits-zh-Hans")
        numbers.nth(1).fill("3")
        page.get_by_role("button", name="提交").click()
        expect(page.get_by_text(range_)).to_have_count(0)
    here.do(
        here.home.action(
            "notify.send_message", entity_id="notify.10006_qq_com", message="Smoke!"
        )
    )
    (mail,) = here.server.wait_for(1)
    assert mail.message["From"] == f"我的家 <{address}>"
    assert mail.message["Reply-To"] == "me@example.com"


def test_edit_a_recipient(here: Desk) -> None:
    """A recipient gets another name; without an address it is refused."""
    address = "10007@qq.com"
    entry = here.add(address)
    flows = "/api/config/config_entries/subentries/flow"
    form = here.do(here.home.post(flows, {"handler": [entry, "recipient"]}))
    data = {"name": "邻居", "to": ["n@example.com"]}
    here.do(here.home.post(f"{flows}/{form['flow_id']}", data))
    texts = here.texts("config_subentries")
    with here.page(ACCOUNTS) as page:
        row = page.locator("ha-config-sub-entry-row").filter(has_text="邻居")
        row.get_by_role("button", name="修改收件人").or_(
            row.get_by_role("button", name="配置")
        ).first.click()
        fill(page, {"name": " "})
        missing = beginning(texts["recipient.error.name_missing"])
        expect(page.get_by_text(missing).first).to_be_visible()
        picture(page, "edit-recipient-zh-Hans")
        fill(page, {"name": "隔壁老王"})
        expect(page.get_by_text("隔壁老王").first).to_be_visible()


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
    ("language", "readme", "name", "sensor"),
    [
        pytest.param("zh-Hans", "README.zh-Hans.md", "家人", "厨房水浸", id="zh-Hans"),
        pytest.param("en", "README.md", "Family", "Kitchen leak", id="en"),
    ],
)
def test_first_automation(
    here: Desk, language: str, readme: str, name: str, sensor: str
) -> None:
    """What README shows in pictures and as YAML is one automation, and it sends."""
    here.remove_all()
    entry = here.add("10016@qq.com")
    flows = "/api/config/config_entries/subentries/flow"
    form = here.do(here.home.post(flows, {"handler": [entry, "recipient"]}))
    recipient = {"name": name, "to": ["10017"], "send_test": False}
    here.do(here.home.post(f"{flows}/{form['flow_id']}", recipient))
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
        picture(page, f"first-action-{language}")
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
        picture(page, "button-mail-zh-Hans")
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
