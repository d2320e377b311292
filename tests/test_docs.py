"""The examples in the documentation can be pasted, and every link leads somewhere."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
import re
from typing import Any
from urllib.parse import unquote

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)

from custom_components.qq_mail.buttons.models import ACTION_PATH
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.content.request import read_request
from custom_components.qq_mail.options import OPTIONS
from homeassistant.core import HomeAssistant
from homeassistant.core_config import CORE_CONFIG_SCHEMA
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml

from .calls.test_send import body_of, mail_of
from .conftest import ADDRESS
from .content.test_attachments import TestCamera, add_cameras, picture
from .house import house_of, later
from .qq_server import QQServer, Step, replies
from .test_notify import ENTITY
from .test_quality_scale import anchors
from .test_rooms import modules
from .test_translations import texts_of
from .test_trigger import be_refused

ROOT = Path(__file__).parent.parent
FOR_CONTRIBUTORS = {
    *("ARCHITECTURE", "benchmarks", "changing", "development", "fuzzing"),
    *("quality-scale", "simulation", "soak", "store"),
}
"""Pages that are in English only."""
CHINESE = ".zh-Hans.md"
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
NAMES = dict.fromkeys(
    str(page.relative_to(ROOT)).removesuffix(CHINESE).removesuffix(".md")
    for page in PAGES
)
TWINS = [
    pytest.param(ROOT / f"{name}.md", ROOT / f"{name}{CHINESE}", id=name)
    for name in NAMES
    if name.removeprefix("docs/") not in FOR_CONTRIBUTORS
]
MAX_LINES_OF_README = 200

# What the mail of each automation begins with: its subject, and its text.
MAILS = {
    "Doorbell by mail": ("Someone is at the door", "The doorbell rang at "),
    "Daily report": ("Report of ", "# Today\n- Sunset: 19:30"),
    "Low batteries": ("Batteries to change", "Letterbox: 7 %"),
    "Water leak": ("Water in the cellar", "The leak sensor reports water."),
    "Garden picture": ("The garden", "The garden at noon."),
    "Smoke alarm": ("Smoke!", "The smoke detector has gone off."),
    "Freezer door": ("Freezer door", "The freezer is opened."),
    "Mail or notification": ("Water", "There is water in the cellar."),
    "Send the report file": ("The report", "The file is attached."),
    "Moved from SMTP": ("Window", "A window was opened."),
    "Mail when there is water under the sink": ("Water under", "The sensor below"),
    "Water, with buttons": ("Water in the cellar", "[Close the valve]\nhttps://home."),
    "门铃邮件": ("门口有人", ""),
    "每日报告": ("每日报告 ", "# 今天\n- 日落：19:30"),
    "低电量提醒": ("该换电池了", "Letterbox：7 %"),
    "漏水": ("地下室漏水", "水浸传感器检测到有水。"),
    "花园照片": ("花园", "中午的花园。"),
    "烟雾警报": ("有烟雾！", "烟雾探测器报警了。"),
    "冰柜门": ("冰柜门", "冰柜门没关。"),
    "邮件或通知": ("漏水", "地下室有水。"),
    "发送报告文件": ("报告", "文件见附件。"),
    "从 SMTP 迁移": ("窗户", "有窗户打开了。"),
    "漏水邮件带按钮": ("地下室漏水", "[关闭水阀]\nhttps://home."),
    "厨房漏水时发邮件": ("厨房漏水", "水槽下的水浸传感器"),
}
FILES = {
    "Doorbell by mail": ["door.jpg"],
    "Garden picture": ["garden.jpg"],
    "Send the report file": ["report.pdf"],
    "Moved from SMTP": ["window.jpg"],
    "门铃邮件": ["大门.jpg"],
    "花园照片": ["garden.jpg"],
    "发送报告文件": ["report.pdf"],
    "从 SMTP 迁移": ["window.jpg"],
}


def blocks(path: Path) -> list[str]:
    """Return a page's YAML blocks."""
    return re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def load(hass: HomeAssistant, block: str) -> Any:
    """Read a block as it is where the folders and the entities have their names."""
    block = re.sub(r"notify\.(me|family|jia_ren)\b", ENTITY, block)
    return parse_yaml(block.replace("/config/", f"{hass.config.config_dir}/"))


def params(key: str) -> list[Any]:
    """Return the blocks that begin with a key."""
    found = [
        pytest.param(block, id=f"{page.parent.name}/{page.name}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page))
        if key in parse_yaml(block)
    ]
    assert found
    return found


def shape(value: Any) -> Any:
    """Return what is left of a block without names and texts."""
    match value:
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case list():
            return [shape(item) for item in value]
        case _:
            return type(value)


@pytest.mark.parametrize(("english", "chinese"), TWINS)
def test_languages_agree(english: Path, chinese: Path) -> None:
    """A page has a twin, which shows the same but for names and texts."""
    shapes = [
        [shape(parse_yaml(block)) for block in blocks(page)]
        for page in (english, chinese)
    ]
    assert shapes[0] == shapes[1]
    heads = [
        re.findall(r"^#+ ", without_code(page), re.MULTILINE)
        for page in (english, chinese)
    ]
    assert heads[0] == heads[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """Every file and heading that is linked to is there."""
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(page))
    dead = [link for link in links if "://" not in link and not leads(page, link)]
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths(page: Path) -> None:
    """Every file of ours that is named is there: from the root, or in its room."""
    named = re.findall(r"`((?:[\w-]+/)+[\w-]+\.\w+)(?:::\w+)?`", without_code(page))
    roots = (ROOT, ROOT / "custom_components" / DOMAIN)
    dead = [path for path in named if not any((root / path).exists() for root in roots)]
    assert dead == []


def test_pictures() -> None:
    """Each is shown on a page."""
    texts = "".join(page.read_text("utf-8") for page in PAGES)
    images = (ROOT / "docs" / "images").iterdir()
    assert [one.name for one in images if f"images/{one.name}" not in texts] == []


@pytest.mark.parametrize("name", ["README.md", f"README{CHINESE}"])
def test_index(name: str) -> None:
    """The index leads to every page of its language."""
    index = ROOT / "docs" / name
    suffix = CHINESE if name.endswith(CHINESE) else ".md"
    pages = {page.name for page in index.parent.glob(f"*{suffix}")} - {name}
    if suffix == ".md":
        pages = {page for page in pages if not page.endswith(CHINESE)}
    linked = set(re.findall(r"\]\(([^)#]+)\)", index.read_text("utf-8")))
    assert pages - linked == set()


@pytest.mark.parametrize("name", ["README.md", f"README{CHINESE}"])
def test_readme_is_short(name: str) -> None:
    """Two screens to the first alert; all else has a page of its own."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    assert len(lines) <= MAX_LINES_OF_README


def test_what_always_holds() -> None:
    """The page on the architecture names tests that exist, and every room."""
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    named = re.findall(r"`((?:tests/)?[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 15
    for file, name in named:
        folder = ROOT if file.startswith("tests/") else ROOT / "tests/outbox/core"
        assert f"def {name}(" in (folder / file).read_text("utf-8"), (file, name)
    rooms = {path.parent.name for path in modules()} - {"qq_mail", "attachments"}
    rows = set(re.findall(r"^\| .*?`(?:\w+/)?(\w+)/`", page, re.MULTILINE))
    assert rooms - rows - {"charts", "kinds"} == set()


@pytest.mark.parametrize("block", params("triggers"))
def test_nothing_is_dropped(block: str) -> None:
    """What comes while an automation runs gets a run of its own."""
    automation = parse_yaml(block)
    assert isinstance(automation, dict)
    assert automation["mode"] in ("queued", "parallel")
    assert automation["max"] >= 10


@pytest.mark.parametrize(
    ("name", "language"), [("README.md", "en"), (f"README{CHINESE}", "zh-Hans")]
)
def test_steps_of_the_first_automation(name: str, language: str) -> None:
    """What is made in the editor is the same as the YAML: each field is filled in."""
    text, texts = (ROOT / name).read_text("utf-8"), texts_of(language)
    steps = "".join(re.findall(r"^\d\. .*\n", text, re.MULTILINE))
    automation: Any = parse_yaml(blocks(ROOT / name)[0])
    data = automation["actions"][0]["data"]
    form = "services.send_message.fields"
    priority = texts[f"selector.priority.options.{data['priority']}"]
    named = [*(texts[f"{form}.{field}.name"] for field in data), priority]
    assert [one for one in named if not re.search(f"[*「]{one}[*」]", steps)] == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name.endswith(CHINESE)],
    ids=lambda page: page.name,
)
def test_chinese_pages(page: Path) -> None:
    """They have Home Assistant's words, and no line ends within a sentence.

    Markdown would make a blank of it.
    """
    text = without_code(page)
    assert re.findall("触发器|修复提示|修复问题|会计算", text) == []
    assert re.findall(r".*\S\n *[\u4e00-\u9fff“].*", text) == []


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_names_are_explained(language: str) -> None:
    """Whoever sees an option or an entity finds it under the name that it has."""
    pages = [
        page for page in PAGES if page.name.endswith(CHINESE) == (language != "en")
    ]
    texts = "".join(page.read_text("utf-8") for page in pages)
    tables = "".join(re.findall(r"^\|.*\n", texts, re.MULTILINE)).lower()
    names = {
        key: name
        for key, name in texts_of(language).items()
        if re.fullmatch(r"options\.step\.init\.(sections\.\w+\.)?data\.\w+", key)
        or re.fullmatch(r"entity\.(sensor|binary_sensor|button|event)\.\w+\.name", key)
    }
    assert {"options.step.init.data.digest", "entity.sensor.pace.name"} <= set(names)
    assert [name for name in names.values() if name.lower() not in tables] == []


@pytest.mark.parametrize(
    ("page", "language"), [("settings.md", "en"), (f"settings{CHINESE}", "zh-Hans")]
)
def test_options_in_the_form_s_order(page: str, language: str) -> None:
    """Whoever has the form beside the page finds one after the other."""
    texts = texts_of(language)
    tables = (ROOT / "docs" / page).read_text("utf-8").split("images/options")[1]
    init = "options.step.init"
    names = [
        texts[
            f"{init}.{f'sections.{one.section}.' if one.section else ''}data.{one.key}"
        ]
        for one in OPTIONS
    ]
    rows = re.findall(r"^\| (.*?) \| ", tables, re.MULTILINE)
    assert [row for row in rows if row in names] == names


def without_code(page: Path) -> str:
    """Return a page without its blocks of code, in which a sharp sign heads nothing."""
    return re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)


def leads(page: Path, link: str) -> bool:
    """Tell whether a link leads to a file, and to a heading of it if it names one."""
    name, _, anchor = unquote(link).partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.fixture
def files(hass: HomeAssistant) -> None:
    """Have the files that the examples name, where files may be attached from."""
    folder = Path(hass.config.path("www"))
    folder.mkdir()
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    (folder / "window.jpg").write_bytes(picture())
    hass.config.allowlist_external_dirs = {str(folder)}


@pytest.fixture
async def home(hass: HomeAssistant, files: None, loaded_entry: MockConfigEntry) -> None:
    """Have what the examples name."""
    hass.config.external_url = "https://home.example.com"
    await hass.config.async_set_time_zone("Asia/Shanghai")
    await add_cameras(
        hass, TestCamera("Front door", picture()), TestCamera("Garden", picture())
    )
    for sensor in ("temperature", "energy_today"):
        hass.states.async_set(f"sensor.{sensor}", "21")
    battery = {"device_class": "battery", "friendly_name": "Letterbox"}
    hass.states.async_set("sensor.letterbox", "7", battery)
    setting = {"next_setting": "2026-11-24T11:30:00+00:00"}
    hass.states.async_set("sun.sun", "above_horizon", setting)


def change(hass: HomeAssistant, entity_id: str, state: str) -> None:
    """Let an entity have another state."""
    hass.states.async_set(entity_id, state, {"friendly_name": "Kitchen"})


async def automate(hass: HomeAssistant, config: dict[str, Any]) -> None:
    """Set up an automation."""
    config = {"alias": "Test", **config}
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    (state,) = hass.states.async_all("automation")
    assert state.state == "on"


async def fire(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, trigger: dict[str, Any]
) -> None:
    """Let happen what a trigger waits for."""
    if trigger["trigger"] == "time":
        await later(hass, freezer, timedelta(days=1))
        return
    change(hass, trigger["entity_id"], trigger["to"])
    await hass.async_block_till_done()
    if "for" in trigger:
        await later(hass, freezer, timedelta(minutes=5))


@pytest.mark.parametrize(
    "block",
    [
        param
        for param in params("alias")
        if not re.search(r"qq_mail\.(message|action)_", str(param.values[0]))
    ],
)
@pytest.mark.usefixtures("home")
async def test_automation_sends(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    block: str,
) -> None:
    """An automation sends its mail, with everything that belongs to it."""
    freezer.move_to(datetime.fromisoformat("2026-11-23T00:00:00+08:00"))
    config = load(hass, block)
    trigger = config["triggers"][0]
    if entity_id := trigger.get("entity_id"):
        change(hass, entity_id, "off")
    await automate(hass, config)
    assert server.accepted == []
    await fire(hass, freezer, trigger)
    mail = mail_of(server)
    subject, text = MAILS[config["alias"]]
    assert mail.subject.startswith(subject)
    # Above it, in a card, stand its title and how important it is.
    assert text in body_of(mail)
    files = [part.get_filename() for part in mail.message.walk() if part.get_filename()]
    assert files == FILES.get(config["alias"], [])
    # Or its timer outlives the test.
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


@pytest.mark.parametrize("alias", ["Water leak", "漏水"])
@pytest.mark.usefixtures("home")
async def test_to_each_as_it_says(
    hass: HomeAssistant, server: QQServer, freezer: FrozenDateTimeFactory, alias: str
) -> None:
    """The example with Cc reaches everyone in it, and nobody else."""
    config = load(hass, example(alias))
    change(hass, "binary_sensor.leak", "off")
    await automate(hass, config)
    await fire(hass, freezer, config["triggers"][0])
    mail = mail_of(server)
    assert mail.message["To"] == "anna@example.com, ben@example.com"
    assert mail.message["Cc"] == "caretaker@example.com"
    assert ADDRESS not in mail.recipients


@pytest.mark.parametrize(
    ("alarm", "answer"),
    [
        pytest.param(
            "Water, with buttons",
            "Close the valve when its button is pressed",
            id="en",
        ),
        pytest.param("漏水邮件带按钮", "按下按钮就关闭水阀", id="zh-Hans"),
    ],
)
@pytest.mark.usefixtures("home")
async def test_button_is_pressed(
    hass: HomeAssistant, server: QQServer, alarm: str, answer: str
) -> None:
    """What the one example sends, the other one hears."""
    calls = async_mock_service(hass, "valve", "close_valve")
    await automate(hass, load(hass, example(answer)))
    action = load(hass, example(alarm))["actions"][0]
    domain, name = action["action"].split(".")
    await hass.services.async_call(
        domain, name, action["data"], target=action["target"], blocking=True
    )
    answers = house_of(hass).buttons
    tokens = re.findall(f"{ACTION_PATH}/(\\w+)", body_of(mail_of(server)))
    links = [answers.find(token) for token in tokens]
    pressed: list[int] = []
    for link in links:
        assert link
        answers.press(link)
        await hass.async_block_till_done()
        pressed.append(len(calls))
    assert pressed == [1, 1]
    assert calls[0].data == {"entity_id": ["valve.main"]}


@pytest.mark.parametrize(
    ("alias", "text"),
    [("Freezer door", "The freezer is closed."), ("冰柜门", "冰柜门关好了。")],
)
@pytest.mark.usefixtures("home")
async def test_conversation_ends(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    alias: str,
    text: str,
) -> None:
    """The example of a conversation sends its end, in the same conversation."""
    config = load(hass, example(alias))
    change(hass, "binary_sensor.freezer_door", "off")
    await automate(hass, config)
    for trigger in config["triggers"]:
        await fire(hass, freezer, trigger)
    opened, closed = server.accepted
    assert body_of(closed).startswith(text)
    assert opened.message["References"] == closed.message["References"]


@pytest.mark.parametrize(
    ("alias", "text"),
    [("Mail or notification", "Mail: rejected"), ("邮件或通知", "邮件：rejected")],
)
@pytest.mark.usefixtures("home")
async def test_notification_if_rejected(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    alias: str,
    text: str,
) -> None:
    """The example that looks at the answer goes on where the mail is refused."""
    calls = async_mock_service(hass, "persistent_notification", "create")
    config = load(hass, example(alias))
    change(hass, "binary_sensor.leak", "off")
    await automate(hass, config)
    server.script(Step.DOT, replies.CONTENT)
    await fire(hass, freezer, config["triggers"][0])
    assert [call.data["message"] for call in calls] == [text]


@pytest.mark.parametrize(
    "block",
    [
        param
        for param in params("triggers")
        if "qq_mail.message_" in str(param.values[0])
    ],
)
@pytest.mark.usefixtures("home")
async def test_follow_up(hass: HomeAssistant, server: QQServer, block: str) -> None:
    """An automation hears of a mail that was refused."""
    calls = [
        async_mock_service(hass, "persistent_notification", "create"),
        async_mock_service(hass, "notify", "mobile_app_my_phone"),
    ]
    await automate(hass, load(hass, block))
    await be_refused(hass, server)
    ((call,),) = filter(None, calls)
    assert call.data["message"].endswith("Fire")


@pytest.mark.parametrize("block", params("action"))
@pytest.mark.usefixtures("home")
async def test_action(hass: HomeAssistant, server: QQServer, block: str) -> None:
    """The action with everything sends everything."""
    change(hass, "lock.front_door", "locked")
    change(hass, "binary_sensor.front_door", "off")
    action = load(hass, block)
    domain, name = action["action"].split(".")
    await hass.services.async_call(
        domain, name, action["data"], blocking=True, target=action["target"]
    )
    mail = mail_of(server)
    assert set(mail.recipients) == {ADDRESS, "neighbour@example.com"}
    assert mail.subject == action["data"]["title"]
    html = body_of(mail, "html")
    assert html.count(">Kitchen<") == 2
    assert "https://home.example.com/lovelace/doors" in html
    assert "cid:" in html


@pytest.mark.parametrize("block", params("charts"))
def test_charts(hass: HomeAssistant, block: str) -> None:
    """The charts are read as they are written."""
    request = read_request(load(hass, block))
    assert request.notes == ()
    assert [chart.period.days for chart in request.charts] == [1, 6, 1]


@pytest.mark.parametrize("block", params("tell_the_grandparents"))
@pytest.mark.usefixtures("home")
async def test_script(hass: HomeAssistant, server: QQServer, block: str) -> None:
    """The script sends one mail to both."""
    assert await async_setup_component(hass, "script", {"script": load(hass, block)})
    await hass.services.async_call("script", "tell_the_grandparents", blocking=True)
    assert mail_of(server).recipients == ("grandma@example.com", "grandpa@example.com")


@pytest.mark.parametrize("block", params("alert"))
@pytest.mark.usefixtures("home")
async def test_alert(hass: HomeAssistant, server: QQServer, block: str) -> None:
    """The alert says that it began, and that it is over."""
    config = load(hass, block)
    change(hass, "binary_sensor.freezer_door", "off")
    assert await async_setup_component(hass, "alert", config)
    for number, state in enumerate(("on", "off"), 1):
        change(hass, "binary_sensor.freezer_door", state)
        await asyncio.to_thread(server.wait_for, number)
    alert = config["alert"]["freezer_open"]
    assert [body_of(mail).strip() for mail in server.accepted] == [
        alert["message"],
        alert["done_message"],
    ]


@pytest.mark.parametrize("block", params("notify"))
async def test_group(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry, block: str
) -> None:
    """The group sends by mail and by its other member."""
    assert await async_setup_component(hass, "notify", load(hass, block))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    calls = async_mock_service(hass, "notify", "mobile_app_my_phone")
    await hass.services.async_call(
        "notify", "everyone", {"message": "Hello"}, blocking=True
    )
    assert mail_of(server).recipients == ("grandma@example.com", "grandpa@example.com")
    assert [call.data["message"] for call in calls] == ["Hello"]


@pytest.mark.parametrize("block", params("homeassistant"))
def test_login_codes(hass: HomeAssistant, block: str) -> None:
    """Home Assistant accepts what is to be added to its configuration."""
    config = CORE_CONFIG_SCHEMA(load(hass, block)["homeassistant"])
    assert config["auth_mfa_modules"][1]["include"] == ["qq_mail"]


def example(alias: str) -> str:
    """Return the example with this name."""
    (block,) = (
        block
        for page in PAGES
        for block in blocks(page)
        if f"alias: {alias}\n" in block
    )
    return block
