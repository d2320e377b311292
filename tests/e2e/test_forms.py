"""An account's and a recipient's forms, as a person fills them in in Chromium."""

from collections.abc import Callable
from dataclasses import dataclass, field
import socket
from typing import Any

from playwright.sync_api import Page, expect
import pytest

from tests.qq_server import Answer, Certificate, Close, QQServer, Raw, Step, replies

from .browser import ACCOUNTS, ADD, CODE, Desk, beginning, fill, picture

NEW_CODE = "newnewnewnewnewn"


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
        page.bring_to_front()
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
    with here.page(ACCOUNTS) as page:
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
        page.locator("input[name=username]").wait_for()
        picture(page, "user-en")
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


@pytest.mark.parametrize(
    ("language", "cog"), [("zh-Hans", "配置"), ("en", "Configure")]
)
def test_every_option(here: Desk, language: str, cog: str) -> None:
    """With a second account, and a server that is not QQ's, all are in the form."""
    here.remove_all()
    for address in ("10008@qq.com", "10009@qq.com"):
        here.add(address)
    texts = here.texts("options", language)
    with here.page(ACCOUNTS, language) as page:
        page.set_viewport_size({"width": 900, "height": 1800})
        page.get_by_role("button", name=cog, exact=True).first.click()
        for name in ("answers_by_mail", "imap_host", "fallback"):
            shown = texts[f"step.init.data.{name}"]
            expect(page.get_by_text(shown, exact=True).first).to_be_visible()
        picture(page, f"options-{language}")


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
    here.recipient(here.add(address), "邻居")
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


def test_recipient_s_device_as_a_target(here: Desk) -> None:
    """The editor finds its entity, and does not write (0) beside its name."""
    here.remove_all()
    here.recipient(here.add("10018@qq.com"), "邻居")
    (device,) = (
        one["id"]
        for one in here.do(here.home.command("config/device_registry/list"))
        if one["name"] == "邻居"
    )
    target = {"device_id": [device]}
    action = {
        "action": "qq_mail.send_message",
        "target": target,
        "data": {"title": "x"},
    }
    automation = {"alias": "x", "triggers": [], "actions": [action]}
    here.do(here.home.post("/api/config/automation/config/device", automation))
    with here.page("/config/automation/edit/device") as page:
        row = page.locator("ha-automation-row")
        expect(row.get_by_text("邻居 (1)", exact=True)).to_be_visible()
