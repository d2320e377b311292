"""The page in Home Assistant's front end, as a household looks at it in Chromium."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
import json
import re
import shutil
import socket
from time import monotonic
from typing import Any, Literal

from playwright.sync_api import Page, Route, ViewportSize, WebSocketRoute, expect
import pytest

from custom_components.qq_mail.page.panel import VERSION
from tests.qq_server import Answer, Step

from .browser import ACCOUNTS, THREAD, Desk, picture
from .test_mail import AXE, needed

PAGE = "/qq-mail"
ADDRESS = "10001@qq.com"
PHONE: ViewportSize = {"width": 360, "height": 800}
DESK: ViewportSize = {"width": 1500, "height": 1000}
LOOKS: tuple[tuple[ViewportSize, Literal["dark", "light"]], ...] = (
    (PHONE, "dark"),
    (DESK, "light"),
)


@pytest.fixture
def here(here: Desk) -> Desk:
    """Return the desk with an account of its own."""

    def begin() -> None:
        here.remove_all()
        here.add(ADDRESS)

    THREAD.submit(begin).result()
    return here


@contextmanager
def outage(here: Desk) -> Generator[Callable[[], None]]:
    """Have no server until what this gives is called, or until it is over."""
    here.server.stop()
    with ExitStack() as stack:
        stack.callback(here.server.start)
        yield stack.close


def send(here: Desk, title: str, **data: Any) -> None:
    """Raise an alert, and do not wait for it."""
    data = {"message": "。", "wait": 0, **data}
    here.do(here.home.action("qq_mail.send_message", title=title, **data))


def row(page: Page, title: str) -> Any:
    """Return where a message is shown."""
    heading = page.locator("h3, h4").filter(has_text=title)
    return page.locator("qq-mail-page .rows > li").filter(has=heading)


def axe(page: Page) -> list[dict[str, Any]]:
    """Return what axe finds wrong with our part of the page, shortly."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        """async () => {
          const find = (root) => root.querySelector("qq-mail-page") ??
            [...root.querySelectorAll("*")].map((one) => one.shadowRoot && find(one.shadowRoot)).find(Boolean);
          const ours = find(document).shadowRoot;
          const parts = [...ours.children].filter((one) => one.tagName !== "LINK");
          const { violations } = await axe.run({ include: parts, exclude: [...ours.querySelectorAll("ha-form")] });
          return violations.map(({ id, nodes }) => ({ id, html: nodes.map((one) => one.html).slice(0, 3) }));
        }"""
    )
    return list(found)


def test_outage_on_a_phone(here: Desk) -> None:
    """Three alerts wait, and the page says why; one is sent, one is discarded."""
    with outage(here) as end:
        for title in ("地下室漏水", "大门未关", "灯忘了关"):
            send(here, title, tag="alarm", priority="high")
        with here.page(PAGE) as page:
            page.set_viewport_size(PHONE)
            expect(page.get_by_text("起无法连接").first).to_be_visible()
            for title in ("地下室漏水", "大门未关", "灯忘了关"):
                expect(row(page, title)).to_contain_text("重试")
            assert page.evaluate("document.scrollingElement.scrollWidth") == 360
            page.get_by_text("标签“alarm”的全部 3 封").first.click()
            picture(page, "page-outage-zh-Hans")
            row(page, "灯忘了关").get_by_role("button", name="丢弃: 灯忘了关").click()
            question = page.get_by_role("dialog", name="丢弃“灯忘了关”？")
            picture(page, "page-discard-zh-Hans")
            question.get_by_role("button", name="取消").click()
            expect(row(page, "灯忘了关")).to_be_visible()
            # By the keyboard alone: the focus is where it was.
            page.keyboard.press("Enter")
            question.get_by_role("button", name="丢弃").focus()
            page.keyboard.press("Enter")
            expect(row(page, "灯忘了关")).to_have_count(0)
            # Nobody is told that something was sent which was not.
            told = page.locator("qq-mail-page").get_by_role("status")
            row(page, "大门未关").get_by_role("button", name="立即发送").first.click()
            expect(told).to_have_text("正在尝试发送。")
            end()
            all_of_it = row(page, "地下室漏水").locator("details")
            # It was opened when there were three.
            expect(all_of_it).to_contain_text("标签“alarm”的全部 2 封")
            all_of_it.get_by_role("button", name="立即发送: alarm").click()
            expect(row(page, "地下室漏水")).to_have_count(0)
            expect(page.get_by_text("可以正常发送").first).to_be_visible()
    subjects = [mail.subject for mail in here.server.wait_for(2)]
    assert sorted(subjects) == ["地下室漏水", "大门未关"]


@pytest.mark.parametrize(
    ("language", "titles"),
    [
        ("zh-Hans", ("煤气泄漏", "门没关", "每日报告")),
        ("en", ("Gas in the kitchen", "The door is open", "Daily report")),
    ],
)
# Or pytest starts it among what a test may not leave behind, for `here` stands twice.
@pytest.mark.usefixtures("running_desk")
def test_outage_on_a_desk(here: Desk, language: str, titles: tuple[str, ...]) -> None:
    """What waits: the most important first, whenever it was raised."""
    alerts = list(zip(titles, ("highest", "high", "normal"), strict=True))
    with outage(here):
        for title, priority in reversed(alerts):
            send(here, title, priority=priority)
        with here.page(PAGE, language) as page:
            waiting = page.locator("qq-mail-page .rows > li h4")
            expect(waiting).to_have_text(list(map(re.compile, titles)))
            picture(page, f"page-{language}")


def test_history_after_a_restart(here: Desk) -> None:
    """A flood of 60 becomes one mail; what went out is known after a restart as well."""
    refused = Answer(550, "Mailbox not found")
    here.server.script(Step.RCPT, refused, match="ben@", times=None)
    with outage(here) as end, here.page(PAGE, "en") as page:
        page.set_viewport_size(DESK)
        for number in range(60):
            send(here, f"厨房门 {number}", tag="door")
        send(here, "<b>停电</b>", priority="highest")
        send(here, "快递", to=["ben@example.com"])
        expect(page.get_by_text("1 to 50 of 62")).to_be_visible()
        expect(row(page, "厨房门")).to_have_count(48)
        picture(page, "page-flood-en")
        # What is said of the last row is seen there.
        told = page.locator("qq-mail-page").get_by_role("status")
        row(page, "厨房门").last.get_by_role("button", name="Send now").click()
        expect(told).to_have_text("Being tried now.")
        expect(told).to_be_in_viewport()
        page.get_by_role("button", name="Next", exact=True).click()
        expect(page.get_by_text("51 to 62 of 62")).to_be_visible()
        end()
        here.do(here.home.action("qq_mail.retry"))
        expect(page.get_by_text("Nothing waits.")).to_be_visible()
        here.do(here.home.restart())
        page.goto(f"{here.home.url}{PAGE}/history")
        expect(row(page, "厨房门 59")).to_contain_text("In one mail with others")
        picture(page, "page-history-en")
        page.get_by_label("Outcome").select_option("rejected")
        expect(row(page, "厨房门")).to_have_count(0)
        expect(row(page, "快递")).to_contain_text("550 Mailbox not found")
        page.get_by_label("Outcome").select_option("")
        page.get_by_label("Search titles and tags").fill("停电")
        expect(row(page, "<b>停电</b>")).to_contain_text("Accepted by QQ")
        expect(page.locator("qq-mail-page .rows > li")).to_have_count(1)


STEP = """\
action: qq_mail.send_message
data:
  to: [ann@example.com, ben@example.com]
  title: "漏水 {{ trigger.entity_id }}"
  message: "**地下室** {{ 1 + 1 }} 处"
  format: markdown
  priority: highest
  charts:
    - entities: [sensor.10001_qq_com_queued_messages]
  actions:
    - {action: close_valve, title: 关总阀, destructive: true}
"""


def test_compose_and_preview(here: Desk) -> None:
    """A step is pasted, seen as on a phone by night, sent to me, and copied again."""
    send(here, "一")
    here.server.wait_for(1)
    with here.page(f"{PAGE}/compose") as page:
        page.set_viewport_size(DESK)
        page.get_by_role("button", name="粘贴 YAML").click()
        page.get_by_role("textbox", name="发送邮件的自动化步骤").fill(STEP)
        page.get_by_role("button", name="采用").click()
        mail = page.frame_locator("iframe")
        expect(mail.get_by_text("地下室 2 处", exact=True)).to_be_visible()
        expect(mail.get_by_text("漏水 {{ trigger.entity_id }}").first).to_be_visible()
        expect(page.get_by_text("'trigger' is undefined")).to_be_visible()
        chart = mail.locator("img").first
        expect(chart).to_have_attribute("src", re.compile("^data:image/png"))
        expect(page.locator("ha-form").first).to_be_visible()
        picture(page, "page-preview-zh-Hans")
        page.get_by_label("深色").check()
        page.get_by_label("电脑").check()
        expect(mail.get_by_text("地下室 2 处", exact=True)).to_be_visible()
        # As wide as a computer shows it, however small that is here.
        assert mail.locator("html").evaluate("() => innerWidth") >= 700
        page.set_viewport_size({"width": 1300, "height": 900})
        assert mail.locator("html").evaluate("() => innerWidth") >= 700
        picture(page, "page-preview-dark-zh-Hans")
        here.server.script(Step.RCPT, Answer(550, "No"), match="ben@", times=None)
        told = page.locator("qq-mail-page").get_by_role("status")
        page.get_by_role("button", name="只发给自己").click()
        expect(told).to_contain_text("QQ 已接受")
        expect(told).to_contain_text("'trigger' is undefined")
        page.get_by_role("button", name="发送", exact=True).click()
        expect(told).to_contain_text("被拒绝：ben@example.com (550 No)")
        page.get_by_role("button", name="复制为 YAML").click()
        copied = page.get_by_role("textbox", name="发送邮件的自动化步骤").input_value()
        assert "title: 漏水 {{ trigger.entity_id }}" in copied
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="复制为 YAML").click()
        expect(told).to_have_text("已复制。")
        _, mail_to_me, mail_to_ann = here.server.wait_for(3)
        assert mail_to_me.recipients == (ADDRESS,)
        assert mail_to_ann.recipients == ("ann@example.com",)
        # What is pressed in the mail stands in the history.
        html = mail_to_ann.message.get_body(("html",))
        assert html
        page.goto(re.findall(r'href="(http[^"]+/action/[^"]+)"', html.get_content())[0])
        for words in ("关总阀", "确定"):
            page.get_by_role("button", name=words).click()
        expect(page.get_by_role("button")).to_have_count(0)
        page.goto(f"{here.home.url}{PAGE}/history")
        expect(page.get_by_text("“关总阀”于")).to_be_visible()


def test_check(here: Desk) -> None:
    """A login, the last sessions, and a test mail."""
    with here.page(f"{PAGE}/check") as page:
        page.get_by_role("button", name="立即登录").click()
        expect(page.get_by_text("登录成功。")).to_be_visible()
        expect(page.locator("pre").first).to_contain_text("235")
        page.get_by_role("button", name=ADDRESS).click()
        expect(page.get_by_text("QQ 已接受").first).to_be_visible()
        page.reload()
        page.get_by_text("的会话").nth(1).click()
        page.set_viewport_size({"width": 900, "height": 800})
        picture(page, "page-check-zh-Hans")
        page.get_by_role("button", name="填写新的授权码").click()
        page.wait_for_url(f"**{ACCOUNTS}*")
    assert here.server.wait_for(1)[0].subject == "测试邮件"


def test_axe_in_the_dark(here: Desk) -> None:
    """Nothing is wrong with any part, on a phone by night and on a desk by day."""
    needed(shutil.which("node"), AXE.exists(), what="axe-core")
    for _ in range(3):
        send(here, "门", tag="door", repeat_after="01:00:00")
    send(here, "漏水", tag="water", repeat_until_acknowledged="00:10:00")
    # What has no place to be broken at.
    tag = "binary_sensor.living_room_window_left_contact_opened"
    send(here, "窗", tag=tag * 3, to=[f"{'a' * 50}@example.com"])
    here.server.wait_for(3)
    with outage(here):
        send(here, "停电", priority="highest")
        for title in ("左窗", "右窗"):
            send(here, title, priority="high", tag=tag)
        with here.page(PAGE) as page:
            for size, scheme in LOOKS:
                page.set_viewport_size(size)
                page.emulate_media(color_scheme=scheme)
                for tab in ("outbox", "history", "compose", "check"):
                    page.goto(f"{here.home.url}{PAGE}/{tab}")
                    expect(page.locator("qq-mail-page main h2").first).to_be_visible()
                    expect(page.locator(".loading")).to_have_count(0)
                    page.wait_for_load_state("networkidle")
                    assert axe(page) == [], (tab, scheme)
                    for width in (
                        page.evaluate("document.scrollingElement.scrollWidth"),
                        page.locator("qq-mail-page main").evaluate(
                            "(main) => main.scrollWidth + innerWidth - main.clientWidth"
                        ),
                    ):
                        assert width == size["width"], tab
                    picture(page, f"page-{tab}-{scheme}-zh-Hans")


def test_hostile_texts(here: Desk) -> None:
    """Titles, names, replies, a mail's HTML: nothing runs or is loaded from outside."""
    with (
        socket.create_server((here.server.host, 0)) as trap,
        here.page(PAGE) as page,
    ):
        trap.setblocking(False)
        evil = f"http://{here.server.host}:{trap.getsockname()[1]}"
        title = f"<img src='{evil}' onerror='window.evil = 1'><script>window.evil = 1"
        (entry,) = here.do(here.home.command("config_entries/get", domain="qq_mail"))
        entry_id, entity_id = entry["entry_id"], "notify.10001_qq_com"
        for command, change in (
            ("config_entries/update", {"entry_id": entry_id, "title": title}),
            ("config/entity_registry/update", {"entity_id": entity_id, "name": title}),
        ):
            here.do(here.home.command(command, **change))
        # A title within it would be left out of what was said.
        reply = f"<img src='{evil}/r.png' onerror='window.evil = 1'>"
        here.server.script(Step.RCPT, Answer(451, reply), times=None)
        send(here, title, tag=title)
        expect(row(page, "window.evil")).to_contain_text("451 <img")
        page.get_by_role("link", name="检查").click()
        expect(page.get_by_role("heading", name="window.evil")).to_be_visible()
        expect(page.get_by_role("button", name="window.evil")).to_be_visible()
        page.get_by_text("的会话").nth(1).click()
        expect(page.locator("pre", has_text="451 <img").first).to_be_visible()
        page.get_by_role("link", name="撰写与预览").click()
        page.get_by_role("button", name="粘贴 YAML").click()
        html = (
            f"<p>Seen</p><script>parent.evil = 1</script><img src='{evil}/i.png'>"
            f"<link rel='stylesheet' href='{evil}/s.css'><iframe src='{evil}'></iframe>"
            f"<meta http-equiv='refresh' content='0; url={evil}'>"
            "<input autofocus onfocus='parent.evil = 1'>"
        )
        data = json.dumps({"title": title, "html": html})
        step = f"action: qq_mail.send_message\ndata: {data}"
        page.get_by_role("textbox", name="发送邮件的自动化步骤").fill(step)
        page.get_by_role("button", name="采用").click()
        expect(page.frame_locator("iframe").get_by_text("Seen")).to_be_visible()
        picture(page, "page-hostile-zh-Hans")
        page.get_by_role("link", name="待发邮件").click()
        row(page, "window.evil").get_by_role("button", name="丢弃: <img").click()
        page.get_by_role("dialog").get_by_role("button", name="丢弃").click()
        expect(row(page, "window.evil")).to_have_count(0)
        page.get_by_role("link", name="历史记录").click()
        expect(row(page, "window.evil")).to_be_visible()
        assert page.evaluate("window.evil") is None
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_only_for_administrators(here: Desk) -> None:
    """Another user has no such page."""
    command = here.home.command

    async def add_guest() -> None:
        user = (
            await command(
                "config/auth/create", name="Guest", group_ids=["system-users"]
            )
        )["user"]["id"]
        await command(
            "config/auth_provider/homeassistant/create",
            user_id=user,
            username="guest",
            password="guest",
        )

    here.do(add_guest())
    with here.blank(900, "light") as page:
        page.set_default_timeout(45_000)
        page.goto(here.home.url)
        page.locator("input[name=username]").fill("guest")
        page.locator("input[name=password]").fill("guest")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/home|/lovelace|/onboarding"))
        page.goto(f"{here.home.url}{PAGE}")
        expect(page.locator("ha-sidebar")).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(page.locator("qq-mail-page")).to_have_count(0)


def test_ways_to_the_page(here: Desk) -> None:
    """From the account's device, and from the first lines of the options."""
    with here.page(ACCOUNTS) as page:
        page.get_by_role("button", name="配置", exact=True).first.click()
        page.get_by_role("link", name="QQ 邮箱页面").click()
        expect(page.locator("qq-mail-page h1")).to_have_text("QQ 邮箱")


def test_no_form(here: Desk) -> None:
    """A front end that calls its form otherwise: there is another way."""

    def rename(route: Route) -> None:
        answer = route.fetch()
        text = answer.text().replace('"ha-form"', '"ha-form-of-old"')
        route.fulfill(response=answer, body=text)

    with here.page("/") as page:
        page.route("**/page/*/compose.js", rename)
        page.goto(f"{here.home.url}{PAGE}/compose")
        link = page.get_by_role("link", name="在「工具」→「动作」中撰写")
        expect(link).to_be_visible()
        picture(page, "page-no-form-zh-Hans")
        link.click()
        shown = here.texts("services")["send_message.fields.attachments.name"]
        expect(page.get_by_text(shown, exact=True).first).to_be_visible()


def test_page_of_an_old_version(here: Desk) -> None:
    """It says so, and is loaded anew; while Home Assistant is away, it says that."""
    updated, away = True, False
    sockets: list[WebSocketRoute] = []

    def relay(ours: WebSocketRoute) -> None:
        sockets.append(ours)
        if away:
            ours.close()
            return
        theirs = ours.connect_to_server()

        def tell(message: str | bytes) -> None:
            text = message if isinstance(message, str) else message.decode()
            # Not in the address that the page is loaded from.
            newer = text.replace(f'"version":"{VERSION}"', '"version":"newer"')
            ours.send(newer if updated else text)

        theirs.on_message(tell)

    for _ in range(2):
        send(here, "门", repeat_after="01:00:00")
    with here.page("/") as page:
        page.route_web_socket("**/api/websocket", relay)
        page.goto(f"{here.home.url}{PAGE}")
        banner = page.get_by_text("集成已更新，此页面仍是旧版本。")
        expect(banner).to_be_visible()
        picture(page, "page-old-zh-Hans")
        updated = False
        page.get_by_role("button", name="重新加载").click()
        expect(page.locator("qq-mail-page h2").first).to_have_text(ADDRESS)
        expect(banner).to_be_hidden()
        away = True
        sockets[-1].close()
        told = page.locator("qq-mail-page").get_by_role("status").first
        row(page, "门").get_by_role("button", name="结束: 门").click()
        page.get_by_role("dialog").get_by_role("button", name="结束").click()
        expect(told).to_have_text("操作失败：目前无法连接 Home Assistant")
        told.evaluate("(element) => { element.textContent = '' }")
        page.get_by_role("link", name="检查").click()
        page.get_by_role("button", name="立即登录").click()
        expect(told).to_have_text("操作失败：目前无法连接 Home Assistant")


def delayed(here: Desk) -> bool:
    """Tell whether the house was told that something waits for too long."""
    issues = here.do(here.home.command("repairs/list_issues"))["issues"]
    return any(one["translation_key"] == "delayed" for one in issues)


def test_outage_in_the_house(here: Desk) -> None:
    """What the household reads of it: on the device, among the repairs, in the logbook."""
    with outage(here):
        send(here, "快递到了")
        send(here, "煤气泄漏", priority="highest")
        send(here, "误报", tag="mistake")
        here.do(here.home.action("qq_mail.discard", tag="mistake"))
        (device,) = (
            one["id"]
            for one in here.do(here.home.command("config/device_registry/list"))
            if one["name"] == ADDRESS
        )
        # A minute, in which what is important should have gone out.
        with here.page(PAGE) as page:
            deadline = monotonic() + 150
            while not delayed(here) and monotonic() < deadline:
                page.wait_for_timeout(1000)
            page.set_viewport_size({"width": 900, "height": 2000})
            page.goto(f"{here.home.url}/config/devices/device/{device}")
            expect(page.get_by_text("异常").first).to_be_visible()
            picture(page, "outage-device-zh-Hans")
            page.set_viewport_size(DESK)
            page.goto(f"{here.home.url}/config/repairs")
            page.get_by_text(f"{ADDRESS} 有 1 封邮件未能发出").first.click()
            dialog = page.locator("dialog-repairs-issue")
            expect(dialog.get_by_text("煤气泄漏")).to_be_visible()
            expect(dialog.get_by_text("刚才无法连接")).to_be_visible()
            picture(page, "outage-repair-zh-Hans")
            dialog.get_by_text("了解更多").click()
            expect(row(page, "煤气泄漏")).to_contain_text("无法连接")
            page.goto(f"{here.home.url}/logbook")
            expect(page.get_by_text("“煤气泄漏”发给").first).to_be_visible()
            expect(page.get_by_text("“误报”发给").first).to_be_visible()
            picture(page, "outage-logbook-zh-Hans")


def test_end_what_goes_on(here: Desk) -> None:
    """What is counted, with a tag or without one; what is repeated; what waits of a tag."""
    for title in ("漏水", "煤气"):
        send(here, title, tag=title, repeat_until_acknowledged="00:10:00")
    for title, data in (("门", {"tag": "door"}), ("窗", {})):
        for _ in range(2):
            send(here, title, repeat_after="01:00:00", **data)
    here.server.wait_for(4)
    with here.page(PAGE) as page:
        row(page, "漏水").get_by_role("button", name="确认: 漏水").click()
        expect(row(page, "漏水")).to_have_count(0)
        ended = (("门", "此标签下"), ("窗", "不再计数"), ("煤气", "此标签下"))
        for title, text in ended:
            row(page, title).get_by_role("button", name=f"结束: {title}").click()
            question = page.get_by_role("dialog")
            expect(question).to_contain_text(text)
            question.get_by_role("button", name="结束").click()
            expect(row(page, title)).to_have_count(0)
        with outage(here):
            for title in ("快递一", "快递二"):
                send(here, title, tag="parcel")
            whole = row(page, "快递一").locator("details")
            whole.get_by_text("标签“parcel”的全部 2 封").click()
            whole.get_by_role("button", name="丢弃: parcel").click()
            page.get_by_role("dialog").get_by_role("button", name="丢弃").click()
            expect(row(page, "快递")).to_have_count(0)
