"""The blueprints load, and their automations send what they should."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
import re
import shutil
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.qq_mail.buttons.models import Action, Mail
from custom_components.qq_mail.const import DOMAIN
from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint import models
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml

from .calls.test_send import body_of, mail_of
from .conftest import ADDRESS
from .content.test_attachments import TestCamera, add_cameras, picture
from .house import begin_process, end_process, expire, house_of, later, outbox_of, until
from .qq_server import Answer, QQServer, Step, replies
from .test_notify import ENTITY
from .test_trigger import be_refused

FOLDER = Path(__file__).parent.parent / "blueprints/automation/qq_mail"
ME = ["notify.me"]
INPUTS: dict[str, dict[str, Any]] = {
    "doorbell_snapshot": {
        "doorbell": "binary_sensor.door",
        "camera": "camera.door",
        "recipient": ME,
    },
    "low_batteries": {"recipient": ME},
    "daily_report": {"recipient": ME, "reported": ["sun.sun"]},
    "weekly_energy": {"recipient": ME, "meters": ["sensor.house"]},
    "mail_failed": {},
    "alarm_until_acknowledged": {"alarm": "binary_sensor.water", "recipient": ME},
    "mail_buttons": {},
    "mail_delayed": {},
}
NO_CHARTS = (
    "No charts: Home Assistant records nothing. Add recorder to its configuration."
)
CHINESE = "_zh_hans"
LANGUAGES = ("", CHINESE)
LANGUAGE_OF = {"": "en", CHINESE: "zh-Hans"}
NAMES = [f"{name}{language}" for name in INPUTS for language in LANGUAGES]
CHINESE_TEXT = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
async def installed(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Put the blueprints where Home Assistant looks for them."""
    target = Path(hass.config.path("blueprints/automation/qq_mail"))
    await hass.async_add_executor_job(shutil.copytree, FOLDER, target)
    assert await async_setup_component(hass, "qq_mail", {})
    yield
    # Or their timers outlive the test.
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "all"}, blocking=True
    )


def test_every_blueprint_is_tested() -> None:
    """The table holds every blueprint."""
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(NAMES)


def without_texts(value: Any) -> Any:
    """Return what a blueprint does, without what people read."""
    match value:
        case dict():
            return {
                key: None if key in TEXTS else without_texts(item)
                for key, item in value.items()
            }
        case list():
            return [without_texts(item) for item in value]
        case _:
            return str(value)


TEXTS = {
    *("name", "description", "default", "message", "filename", "source_url"),
    *("label", "said"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_languages_agree(name: str) -> None:
    """In both languages a blueprint does the same, and is in that language alone."""
    english, chinese = (FOLDER / f"{name}{language}.yaml" for language in LANGUAGES)
    blueprint = load_yaml(chinese)
    assert without_texts(load_yaml(english)) == without_texts(blueprint)
    assert not CHINESE_TEXT.search(english.read_text(encoding="utf-8"))
    assert isinstance(blueprint, dict)
    head = blueprint["blueprint"]
    for described in (head, *head["input"].values()):
        assert CHINESE_TEXT.search(described["name"])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_dropped(name: str) -> None:
    """What comes while a blueprint's automation runs gets a run of its own, and why."""
    path = FOLDER / f"{name}.yaml"
    (why,) = re.findall(r"^# (.*)\nmode:", path.read_text("utf-8"), re.MULTILINE)
    assert bool(CHINESE_TEXT.search(why)) == name.endswith(CHINESE)
    blueprint = load_yaml(path)
    assert isinstance(blueprint, dict)
    assert blueprint["mode"] in ("queued", "parallel")
    assert blueprint["max"] >= 100
    assert "max_exceeded" not in blueprint


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("installed")
async def test_blueprint(hass: HomeAssistant, name: str) -> None:
    """Home Assistant loads the blueprint and accepts an automation made of it."""
    assert await async_setup_component(hass, "automation", {})
    path = f"qq_mail/{name}.yaml"
    blueprint = await async_get_blueprints(hass).async_get_blueprint(path)
    assert isinstance(blueprint, models.Blueprint)
    assert blueprint.validate() is None
    assert str(blueprint.metadata["source_url"]).endswith(f"/{path}")
    inputs = INPUTS[name.removesuffix(CHINESE)]
    result = await async_validate_config_item(
        hass, name, {"use_blueprint": {"path": path, "input": inputs}}
    )
    assert result is not None
    assert result.validation_error is None


async def automate(hass: HomeAssistant, name: str, **inputs: Any) -> None:
    """Set up an automation made of a blueprint."""
    config = {
        "alias": "Test",
        "use_blueprint": {"path": f"qq_mail/{name}.yaml", "input": inputs},
    }
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    state = hass.states.get("automation.test")
    assert state
    assert state.state == "on"


async def at(hass: HomeAssistant, time: str) -> None:
    """Let the timers come to a time of the next day."""
    tomorrow = dt_util.now().date() + timedelta(days=1)
    moment = datetime.fromisoformat(f"{tomorrow}T{time}")
    async_fire_time_changed(
        hass, moment.replace(tzinfo=dt_util.get_default_time_zone())
    )
    await hass.async_block_till_done()


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_doorbell_snapshot(hass: HomeAssistant, server: QQServer) -> None:
    """Ringing sends what the camera shows; no other change of state does."""
    await add_cameras(hass, TestCamera("Door", picture()))
    hass.states.async_set("binary_sensor.bell", "unavailable")
    await automate(
        hass,
        "doorbell_snapshot",
        doorbell="binary_sensor.bell",
        camera="camera.door",
        recipient=[ENTITY],
        title="门口有人",
    )
    for state in ("on", "off", "on", "off"):
        hass.states.async_set("binary_sensor.bell", state, {"friendly_name": "Bell"})
        await hass.async_block_till_done()
    mail = mail_of(server)
    assert mail.subject == "门口有人"
    assert mail.recipients == (ADDRESS,)
    assert re.match(r"门口有人\n\nBell: \d\d:\d\d\n\n\[Door\]\n", body_of(mail))
    assert "X-Priority" not in mail.message
    pictures = [
        (part.get_filename(), part.get_content_disposition(), part.get_content())
        for part in mail.message.walk()
        if part.get_content_type() == "image/jpeg"
    ]
    assert pictures == [("doorbell.jpg", "inline", picture())]


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_doorbell_event(hass: HomeAssistant, server: QQServer) -> None:
    """Each event is a ring; that the entity comes, goes and comes back is none."""
    await automate(
        hass,
        f"doorbell_snapshot{CHINESE}",
        doorbell="event.bell",
        camera="camera.door",
        recipient=[ENTITY],
    )
    first, second = "2026-11-25T01:02:03.000+00:00", "2026-11-25T01:02:04.000+00:00"
    states = [first, "unavailable", first, "unknown", first, second]
    counts = []
    for state in states:
        hass.states.async_set("event.bell", state, {"friendly_name": "门铃"})
        await hass.async_block_till_done()
        counts.append(len(server.accepted))
    assert counts == [0, 0, 0, 0, 1, 2]
    assert [mail.subject for mail in server.accepted] == ["门口有人"] * 2
    assert re.match(r"门铃：\d\d:\d\d\s", body_of(server.accepted[0]))


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_daily_report(
    hass: HomeAssistant, server: QQServer, freezer: FrozenDateTimeFactory
) -> None:
    """At its time, and at no other, the table goes to every recipient."""
    # After it, or the time of the same day would be the next.
    freezer.move_to(dt_util.now().replace(hour=12))
    hass.states.async_set("light.hall", "on", {"friendly_name": "Hall"})
    hass.states.async_set("sensor.tank", "7", {"friendly_name": "Tank"})
    await automate(
        hass,
        "daily_report",
        recipient=[ENTITY],
        reported=["light.hall", "sensor.tank"],
        time="06:30:00",
    )
    await at(hass, "06:29:59")
    assert server.accepted == []
    await at(hass, "06:30:00")
    mail = mail_of(server)
    assert mail.subject == "Daily report"
    assert "X-Priority" not in mail.message
    assert str(dt_util.now().date()) in body_of(mail)
    assert "Hall: " in body_of(mail)
    assert "Tank: 7" in body_of(mail)
    assert f"{dt_util.now().date()}</h2>" in body_of(mail, "html")
    assert list(mail.message.iter_attachments()) == []
    assert "chart" not in body_of(mail).lower()


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_daily_report_with_a_chart(hass: HomeAssistant, server: QQServer) -> None:
    """What was chosen is asked for; in this house nothing is recorded."""
    await automate(
        hass,
        f"daily_report{CHINESE}",
        recipient=[ENTITY],
        reported=["sensor.tank"],
        charted=["sensor.tank"],
    )
    await at(hass, "21:00:00")
    assert NO_CHARTS in body_of(mail_of(server))


@pytest.mark.parametrize(
    ("day", "subjects"),
    [
        pytest.param("fri", ["Energy of the week"], id="its day"),
        pytest.param("sat", [], id="another"),
    ],
)
@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_weekly_energy(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    day: str,
    subjects: list[str],
) -> None:
    """On its day of the week the meters' charts are asked for."""
    freezer.move_to(datetime(2026, 11, 27, 20, tzinfo=dt_util.get_default_time_zone()))
    await automate(
        hass, "weekly_energy", recipient=[ENTITY], meters=["sensor.house"], day=day
    )
    await later(hass, freezer, timedelta(hours=1))
    assert [mail.subject for mail in server.accepted] == subjects
    assert all(NO_CHARTS in body_of(mail) for mail in server.accepted)


@pytest.mark.parametrize(
    ("states", "level", "messages"),
    [
        pytest.param({"sensor.door": "12"}, 20, ["Door: 12 %\n"], id="low"),
        pytest.param(
            {"sensor.door": "12", "sensor.hall": "19.9"},
            20,
            ["Door: 12 %\nHall: 19.9 %\n"],
            id="two",
        ),
        pytest.param(
            {"sensor.door": "12", "sensor.hall": "50"},
            15,
            ["Door: 12 %\n"],
            id="one of",
        ),
        pytest.param({"sensor.door": "12"}, 12, [], id="at the level"),
        pytest.param({"sensor.door": "unavailable"}, 99, [], id="unavailable"),
        pytest.param({"binary_sensor.lock": "off"}, 20, [], id="binary, normal"),
        pytest.param(
            {"sensor.door": "12", "binary_sensor.lock": "on"},
            20,
            ["Door: 12 %\nLock: Low\n"],
            id="binary, low",
        ),
        pytest.param({}, 20, [], id="no battery"),
    ],
)
@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_low_batteries(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    states: dict[str, str],
    level: int,
    messages: list[str],
) -> None:
    """There is a mail only when a battery is low."""
    assert await async_setup_component(hass, "binary_sensor", {})
    hass.states.async_set("sensor.not_a_battery", "1")
    hass.states.async_set("binary_sensor.not_a_battery", "on")
    for entity_id, state in states.items():
        name = entity_id.partition(".")[2].capitalize()
        hass.states.async_set(
            entity_id, state, {"device_class": "battery", "friendly_name": name}
        )
    await automate(hass, "low_batteries", recipient=[ENTITY], level=level)
    await at(hass, "09:00:00")
    assert [body_of(mail) for mail in server.accepted] == messages
    assert {mail.subject for mail in server.accepted} <= {"Batteries to change"}


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_rejected_mail(hass: HomeAssistant, server: QQServer) -> None:
    """The other channel hears of a mail that QQ refused."""
    calls = async_mock_service(hass, "notify", "mobile_app")
    follow_up = {"action": "notify.mobile_app", "data": {"message": "{{ subject }}!"}}
    await automate(hass, "mail_failed", follow_up=[follow_up])
    await hass.services.async_call(
        "notify", "qq_mail", {"title": "Fine", "message": "accepted"}, blocking=True
    )
    await be_refused(hass, server)
    assert [call.data for call in calls] == [{"message": "Fire!"}]
    assert [mail.subject for mail in server.accepted] == ["Fine"]


@pytest.mark.usefixtures("installed")
async def test_many_mails_that_expire(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """However many become too old at once, and however slow the other channel is."""
    told: list[str] = []
    go_on = asyncio.Event()

    async def tell(call: ServiceCall) -> None:
        await go_on.wait()
        told.append(call.data["message"])

    hass.services.async_register("notify", "mobile_app", tell)
    follow_up = {"action": "notify.mobile_app", "data": {"message": "{{ subject }}"}}
    await automate(hass, "mail_failed", follow_up=[follow_up])
    titles = [f"Fire {number}" for number in range(25)]
    server.script(Step.RCPT, Answer(451, "later"), times=None)
    for title in titles:
        await hass.services.async_call(
            DOMAIN,
            "send_message",
            {"title": title, "message": "Smoke!"},
            blocking=True,
        )
    freezer.tick(timedelta(hours=25))
    # Not until all is done: the other channel hangs.
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=25))
    await until(lambda: not len(outbox_of(loaded_entry)))
    go_on.set()
    await until(lambda: len(told) == len(titles))
    # In the order in which they became too old, which is not that of their titles.
    assert sorted(told) == sorted(titles)


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_expired_mail(
    hass: HomeAssistant, server: QQServer, freezer: FrozenDateTimeFactory
) -> None:
    """Without actions of one's own, the page shows what became too old."""
    calls = async_mock_service(hass, "persistent_notification", "create")
    await automate(hass, "mail_failed")
    await expire(hass, server, freezer, calls)
    assert [call.data["message"] for call in calls] == ["Mail failed: Fire"]
    assert server.accepted == []


TEN_MINUTES = timedelta(minutes=10)
DEVICE_CLASSES = {"water": "moisture", "gas": "gas"}


class Alarm:
    """A house with an alarm, and what its other channel was told."""

    def __init__(self, hass: HomeAssistant, server: QQServer) -> None:
        self.hass = hass
        self.server = server
        self.calls = async_mock_service(hass, "notify", "mobile_app")
        self.waited = timedelta()

    async def set_up(self, language: str) -> None:
        """Set up the automation, with a mail every ten minutes, for twenty."""
        await self.hass.config.async_update(external_url="https://home.example.com")
        other = {
            "action": "notify.mobile_app",
            "data": {"message": "{{ title }}"},
        }
        assert await async_setup_component(self.hass, "binary_sensor", {})
        await automate(
            self.hass,
            f"alarm_until_acknowledged{language}",
            alarm=["binary_sensor.water", "binary_sensor.gas"],
            recipient=[ENTITY],
            interval={"minutes": 10},
            patience={"minutes": 20},
            otherwise=[other],
        )

    def rise(self, kind: str, name: str, before: str = "off") -> None:
        """Let a sensor rise."""
        entity_id = f"binary_sensor.{kind}"
        attributes = {"friendly_name": name, "device_class": DEVICE_CLASSES[kind]}
        for state in (before, "on"):
            self.hass.states.async_set(entity_id, state, attributes)

    async def until_mails(self, number: int) -> None:
        """Wait until so many mails are out, and the house knows; what waits goes on."""
        rooms = house_of(self.hass).rooms
        await until(
            lambda: (
                len(self.server.accepted) == number
                and not any(len(one.outbox) for one in rooms.values())
            )
        )
        for _ in range(10):
            await asyncio.sleep(0)

    def wait(self, freezer: FrozenDateTimeFactory, time: timedelta) -> None:
        """Let time pass; the automation goes on waiting."""
        self.waited += time
        freezer.tick(time)
        # Timers are set by the event loop's clock, which is not frozen.
        async_fire_time_changed(self.hass, dt_util.utcnow() + self.waited)

    def press(self, action: str, number: int = 0) -> None:
        """Press a button of one of the mails."""
        answers = house_of(self.hass).buttons
        links = [each for each in answers.all() if each.action.action == action]
        answers.press(links[number])


@pytest.fixture
def alarm(hass: HomeAssistant, server: QQServer) -> Alarm:
    """Return a house with an alarm."""
    return Alarm(hass, server)


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarm_that_nobody_acknowledges(
    alarm: Alarm, freezer: FrozenDateTimeFactory
) -> None:
    """It is sent again, and then the other channel goes on."""
    await alarm.set_up("")
    alarm.rise("water", "Cellar")
    await alarm.until_mails(1)
    alarm.wait(freezer, TEN_MINUTES)
    await alarm.until_mails(2)
    assert alarm.calls == []
    alarm.wait(freezer, TEN_MINUTES)
    await until(lambda: alarm.calls)
    assert [call.data for call in alarm.calls] == [{"message": "Cellar: Wet"}]
    first, second = alarm.server.accepted
    for mail in (first, second):
        assert re.search(r"Cellar: Wet \(\d\d:\d\d\)", body_of(mail))
    assert [first.subject, second.subject] == ["Cellar: Wet", "Cellar: Wet (no. 2)"]
    assert "Acknowledge" in body_of(first)
    assert first.message["X-Priority"].startswith("1")
    alarm.wait(freezer, timedelta(hours=1))
    await alarm.hass.async_block_till_done()
    assert len(alarm.server.accepted) == 2


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarm_that_is_acknowledged(
    alarm: Alarm, freezer: FrozenDateTimeFactory
) -> None:
    """Whichever of the mails it was: everyone is told, and no button works any more."""
    await alarm.set_up(CHINESE)
    alarm.rise("water", "Cellar")
    await alarm.until_mails(1)
    alarm.wait(freezer, TEN_MINUTES)
    await alarm.until_mails(2)
    alarm.press("acknowledge")
    await alarm.until_mails(3)
    assert "已有人确认警报。" in body_of(alarm.server.accepted[2])
    assert house_of(alarm.hass).buttons.all() == []
    alarm.wait(freezer, timedelta(hours=1))
    await alarm.hass.async_block_till_done()
    assert len(alarm.server.accepted) == 3
    assert alarm.calls == []


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarm_that_cannot_be_sent(
    alarm: Alarm, freezer: FrozenDateTimeFactory
) -> None:
    """The other channel is for just that."""
    await automate(
        alarm.hass,
        "alarm_until_acknowledged",
        alarm=["binary_sensor.water"],
        recipient=["notify.is_not_there"],
        otherwise=[
            {"action": "notify.mobile_app", "data": {"message": "{{ title }}!"}}
        ],
    )
    alarm.rise("water", "Cellar")
    await alarm.hass.async_block_till_done()
    assert [call.data for call in alarm.calls] == [{"message": "Cellar: Wet!"}]


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarm_that_is_refused(alarm: Alarm) -> None:
    """QQ's answer comes after the call; the other channel hears of it at once."""
    await alarm.set_up("")
    alarm.server.script(Step.DOT, replies.CONTENT)
    alarm.rise("water", "Cellar")
    await until(lambda: alarm.calls)
    await alarm.hass.async_block_till_done()
    assert [call.data for call in alarm.calls] == [{"message": "Cellar: Wet"}]


@pytest.mark.usefixtures("installed")
async def test_alarm_over_a_restart(
    alarm: Alarm, loaded_entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    """The integration waits, not the automation; also for what ends meanwhile."""
    hass = alarm.hass
    await alarm.set_up("")
    alarm.rise("water", "Cellar")
    await alarm.until_mails(1)
    await end_process(hass, loaded_entry)
    freezer.tick(timedelta(hours=1))
    hass.set_state(CoreState.not_running)
    await begin_process(hass, loaded_entry)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await hass.async_block_till_done()
    # Nobody would hear it yet.
    assert alarm.calls == []
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done()
    assert alarm.calls == []
    alarm.wait(freezer, timedelta(seconds=10))
    await until(lambda: alarm.calls)
    assert [call.data for call in alarm.calls] == [{"message": "Cellar: Wet"}]
    assert len(alarm.server.accepted) == 1


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarm_acknowledged_by_the_action(
    alarm: Alarm, freezer: FrozenDateTimeFactory
) -> None:
    """As by a button: everyone is told, and the other channel is not needed."""
    await alarm.set_up("")
    alarm.rise("water", "Cellar")
    await alarm.until_mails(1)
    await alarm.hass.services.async_call(
        DOMAIN, "acknowledge", {"tag": "binary_sensor.water"}, blocking=True
    )
    await alarm.until_mails(2)
    assert "Somebody has acknowledged" in body_of(alarm.server.accepted[1])
    alarm.wait(freezer, timedelta(hours=1))
    await alarm.hass.async_block_till_done()
    assert len(alarm.server.accepted) == 2
    assert alarm.calls == []


@pytest.mark.parametrize("before", ["unavailable", "unknown"])
@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarm_of_a_sensor_that_was_away(alarm: Alarm, before: str) -> None:
    """Nobody knows what was meanwhile: it is wet now."""
    await alarm.set_up("")
    alarm.rise("water", "Cellar", before)
    await alarm.until_mails(1)
    assert alarm.server.accepted[0].subject == "Cellar: Wet"


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarm_raised_again_and_again(
    alarm: Alarm, freezer: FrozenDateTimeFactory
) -> None:
    """The other channel is told as for the first one, and not for each of them."""
    await alarm.set_up("")
    for number in range(1, 8):
        alarm.rise("water", "Cellar")
        await until(lambda number=number: len(alarm.server.accepted) == number)
        await alarm.hass.async_block_till_done()
        alarm.wait(freezer, timedelta(minutes=4))
        await alarm.hass.async_block_till_done()
    # Of 28 minutes those after the first twenty.
    assert [call.data for call in alarm.calls] == [{"message": "Cellar: Wet"}]


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarm_of_another(alarm: Alarm, caplog: pytest.LogCaptureFixture) -> None:
    """What others send is nothing to this automation."""
    await alarm.set_up("")
    alarm.server.script(Step.DOT, replies.CONTENT)
    await alarm.hass.services.async_call(
        DOMAIN,
        "send_message",
        {"message": "x", "tag": "gas", "wait": 0, "repeat_until_acknowledged": 60},
        blocking=True,
    )
    await until(lambda: "not repeated" in caplog.text)
    await alarm.hass.async_block_till_done()
    assert alarm.calls == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("installed")
async def test_mail_buttons(
    alarm: Alarm, loaded_entry: MockConfigEntry, language: str
) -> None:
    """Each button has its actions; one that nobody chose has none."""
    hass = alarm.hass
    buttons = {
        f"actions_{number}": [
            {
                "action": "notify.mobile_app",
                "data": {"message": f"{number} {{{{ trigger.title }}}}"},
            }
        ]
        for number in (1, 2)
    }
    await automate(
        hass,
        f"mail_buttons{language}",
        tag=["water"],
        button_2="open",
        **buttons,
    )
    for tag in ("water", "fire"):
        house_of(hass).buttons.issue(
            Mail(
                account=loaded_entry.entry_id,
                queue_id=tag,
                tag=tag,
                subject="Water",
                recipients=(ADDRESS,),
                time=dt_util.utcnow(),
            ),
            [
                Action(action=action, title=action.title())
                for action in ("open", "acknowledge", "silence", "other")
            ],
            timedelta(days=1),
        )
    for action in ("open", "acknowledge", "silence", "other"):
        for number in (0, 1):
            alarm.press(action, number)
    await hass.async_block_till_done()
    assert [call.data["message"] for call in alarm.calls] == [
        "2 Open",
        "1 Acknowledge",
    ]


@pytest.mark.parametrize(
    ("language", "subjects", "over"),
    [
        pytest.param(
            "",
            ["Cellar: Wet", "Kitchen: Detected"],
            "Somebody has acknowledged the alarm.",
            id="en",
        ),
        pytest.param(
            CHINESE, ["地下室：潮湿", "厨房：已触发"], "已有人确认警报。", id="zh-Hans"
        ),
    ],
)
@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_alarms_at_once(
    alarm: Alarm,
    freezer: FrozenDateTimeFactory,
    language: str,
    subjects: list[str],
    over: str,
) -> None:
    """Each sensor has an alarm of its own, and another one when it rises again."""
    alarm.hass.config.language = LANGUAGE_OF[language]
    # As Home Assistant does at its start.
    await async_get_translations(
        alarm.hass, LANGUAGE_OF[language], "entity_component", ["binary_sensor"]
    )
    await alarm.set_up(language)
    names = [subject.partition("：")[0].partition(":")[0] for subject in subjects]
    alarm.rise("water", names[0])
    alarm.rise("gas", names[1])
    await alarm.until_mails(2)
    alarm.rise("water", names[0])
    await alarm.until_mails(3)
    raised = [mail.subject for mail in alarm.server.accepted]
    assert sorted(raised) == sorted([*subjects, subjects[0]])
    # Of the two of the water the older one says that there is a newer one.
    alarm.press("acknowledge", -1)
    await alarm.until_mails(4)
    *_, again, told = alarm.server.accepted
    assert over in body_of(told)
    assert told.message["References"] == again.message["References"]
    alarm.wait(freezer, TEN_MINUTES)
    await alarm.until_mails(5)
    assert subjects[1] in alarm.server.accepted[4].subject
    alarm.wait(freezer, TEN_MINUTES)
    await until(lambda: alarm.calls)
    await alarm.hass.async_block_till_done()
    assert [call.data["message"] for call in alarm.calls] == [subjects[1]]
    assert len(alarm.server.accepted) == 5


@pytest.mark.parametrize(
    ("language", "text"),
    [
        pytest.param("", "2 mails have not gone out: Gas · Water", id="en"),
        pytest.param(CHINESE, "有 2 封邮件还没有发出：Gas · Water", id="zh-Hans"),
    ],
)
@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_messages_delayed(
    hass: HomeAssistant,
    server: QQServer,
    freezer: FrozenDateTimeFactory,
    language: str,
    text: str,
) -> None:
    """Whatever the house has tells of it: a page, a phone, a light and a voice."""
    calls = [
        async_mock_service(hass, domain, action)
        for domain, action in (
            ("persistent_notification", "create"),
            ("notify", "send_message"),
            ("light", "turn_on"),
            ("tts", "speak"),
            ("test", "more"),
        )
    ]
    await automate(
        hass,
        f"mail_delayed{language}",
        phone=["notify.phone"],
        light=["light.hall"],
        speaker=["media_player.hall"],
        voice=["tts.piper"],
        follow_up=[{"action": "test.more", "data": {"why": "{{ trigger.reason }}"}}],
    )
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    for title, priority in (("Tea", "normal"), ("Water", "high"), ("Gas", "highest")):
        await hass.services.async_call(
            DOMAIN,
            "send_message",
            {"title": title, "message": "x", "priority": priority},
            blocking=True,
        )
    await later(hass, freezer, timedelta(seconds=61))
    await hass.async_block_till_done()
    assert [call.data for (call,) in calls] == [
        {"notification_id": "qq_mail_123456_qq_com", "message": text},
        {"entity_id": ["notify.phone"], "message": text},
        {"entity_id": ["light.hall"], "flash": "long"},
        {
            "entity_id": ["tts.piper"],
            "media_player_entity_id": ["media_player.hall"],
            "message": text,
        },
        {"why": "paused"},
    ]


@pytest.mark.usefixtures("installed", "loaded_entry")
async def test_messages_delayed_with_nothing_chosen(
    hass: HomeAssistant, server: QQServer, freezer: FrozenDateTimeFactory
) -> None:
    """Home Assistant's own page tells of it."""
    calls = async_mock_service(hass, "persistent_notification", "create")
    await automate(hass, "mail_delayed")
    server.script(Step.MAIL, replies.TOO_MANY_ATTEMPTS)
    await hass.services.async_call(
        DOMAIN,
        "send_message",
        {"title": "Gas", "message": "x", "priority": "highest"},
        blocking=True,
    )
    await later(hass, freezer, timedelta(seconds=61))
    await hass.async_block_till_done()
    (call,) = calls
    assert call.data["message"] == "A mail has not gone out: Gas"
