"""Sending by entities and by notify.<name>: what arrives, and what is raised."""

from datetime import timedelta
from types import MappingProxyType
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.const import DOMAIN, LOGIN_PAUSE
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component

from .conftest import ADDRESS, CODE
from .qq_server import AcceptedMessage, Answer, Close, QQServer, Step, replies

ENTITY = "notify.123456_qq_com"


RECIPIENT = ConfigSubentry(
    subentry_type="recipient",
    title="Family",
    unique_id=None,
    data=MappingProxyType(
        {
            "name": "Family",
            "to": ['"Ann" <a@example.com>'],
            "cc": ["b@example.com"],
            "bcc": ["c@example.com"],
        }
    ),
)


async def send(hass: HomeAssistant, **data: Any) -> None:
    """Send by an entity, as an automation does."""
    await hass.services.async_call(
        "notify",
        "send_message",
        {"entity_id": ENTITY, "message": "Smoke!", **data},
        blocking=True,
    )


async def notify(hass: HomeAssistant, **data: Any) -> None:
    """Send by notify.qq_mail, as a script does."""
    await hass.services.async_call(
        "notify", "qq_mail", {"message": "Smoke!", **data}, blocking=True
    )


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state
    return state.state


def only(server: QQServer) -> AcceptedMessage:
    """Return the one message that arrived."""
    (mail,) = server.accepted
    return mail


async def test_account_entity(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """The account's own entity writes to the account, if nobody else is set."""
    await send(hass, title="火警 🔥", message="厨房有烟")
    mail = only(server)
    assert mail.recipients == (ADDRESS,)
    assert mail.subject == "火警 🔥"
    assert mail.text.strip() == "厨房有烟"
    assert mail.message["From"] == ADDRESS
    assert mail.message["To"] == ADDRESS
    assert mail.message["X-OQ-MSGID"].endswith("@qq.com>")
    assert state_of(hass, ENTITY) != "unknown"


async def test_default_title(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Without a title the subject says where the message comes from."""
    await send(hass)
    assert only(server).subject == "Home Assistant"


async def test_options_are_used(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Sender name, default recipients and reply address are in the message."""
    hass.config_entries.async_update_entry(
        loaded_entry,
        options={
            **loaded_entry.options,
            "sender_name": "我的家",
            "recipients": ['"爸爸" <a@example.com>', "b@example.com"],
            "reply_to": "c@example.com",
        },
    )
    await hass.async_block_till_done()
    await send(hass)
    await notify(hass)
    for mail in server.accepted:
        assert mail.recipients == ("a@example.com", "b@example.com")
        assert mail.message["From"] == "我的家 <123456@qq.com>"
        assert mail.message["To"] == "爸爸 <a@example.com>, b@example.com"
        assert mail.message["Reply-To"] == "c@example.com"
    assert len(server.accepted) == 2


async def test_entities_and_devices(
    hass: HomeAssistant,
    server: QQServer,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    device_registry: dr.DeviceRegistry,
) -> None:
    """Each recipient has a device and an entity, known by the subentry alone."""
    hass.config_entries.async_add_subentry(entry, RECIPIENT)
    await hass.config_entries.async_setup(entry.entry_id)
    (subentry_id,) = entry.subentries
    entities = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    devices = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert [(e.entity_id, e.unique_id, e.config_subentry_id) for e in entities] == [
        (ENTITY, entry.entry_id, None),
        ("notify.family", subentry_id, subentry_id),
    ]
    assert [(d.name, d.identifiers, d.entry_type) for d in devices] == [
        (ADDRESS, {(DOMAIN, entry.entry_id)}, dr.DeviceEntryType.SERVICE),
        ("Family", {(DOMAIN, subentry_id)}, dr.DeviceEntryType.SERVICE),
    ]


async def test_recipient_entity(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """One mail goes to everyone behind a recipient, blind copies unseen."""
    hass.config_entries.async_add_subentry(entry, RECIPIENT)
    await hass.config_entries.async_setup(entry.entry_id)
    await send(hass, entity_id="notify.family", title="Hi")
    mail = only(server)
    assert mail.recipients == ("a@example.com", "b@example.com", "c@example.com")
    assert mail.message["To"] == "Ann <a@example.com>"
    assert mail.message["Cc"] == "b@example.com"
    assert b"c@example.com" not in mail.content


async def test_recipient_removed(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    """With the recipient go its entity and device."""
    hass.config_entries.async_add_subentry(entry, RECIPIENT)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entity_registry.async_get("notify.family")
    (subentry_id,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    assert entity_registry.async_get("notify.family") is None
    assert hass.states.get("notify.family") is None
    assert hass.states.get(ENTITY)


async def test_targets(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """notify.<name> writes to anyone, with or without a name."""
    await notify(
        hass, title="Hi", target=["爷爷 <a@example.com>", "b@example.com，c@例子.中国"]
    )
    mail = only(server)
    assert mail.recipients == (
        "a@example.com",
        "b@example.com",
        "c@xn--fsqu00a.xn--fiqs8s",
    )
    assert mail.message["To"].startswith("爷爷 <a@example.com>")
    assert mail.subject == "Hi"


@pytest.mark.parametrize("data", [{}, {"target": []}, {"data": {}}])
async def test_without_targets(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
) -> None:
    """Without a target the default recipients get it."""
    await notify(hass, **data)
    assert only(server).recipients == (ADDRESS,)


@pytest.mark.parametrize(
    ("data", "key", "placeholders"),
    [
        ({"target": "nobody"}, "invalid_address", {"address": "nobody"}),
        ({"data": {"colour": 1, "led": 2}}, "unknown_data", {"fields": "colour, led"}),
    ],
)
async def test_faults_of_the_caller(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    data: dict[str, Any],
    key: str,
    placeholders: dict[str, str],
) -> None:
    """They are named before anything is sent."""
    with pytest.raises(ServiceValidationError) as refused:
        await notify(hass, **data)
    assert refused.value.translation_domain == DOMAIN
    assert refused.value.translation_key == key
    assert refused.value.translation_placeholders == placeholders
    assert server.connections == 0


@pytest.mark.parametrize(
    ("step", "action", "key"),
    [
        (Step.DOT, replies.CONTENT, "content"),
        (Step.MAIL, replies.TOO_MANY_ATTEMPTS, "rate_limit"),
        (Step.RCPT, replies.MAILBOX_NOT_FOUND, "recipient"),
        (Step.DATA, Answer(451, "later"), "temporary"),
        (Step.ACCEPTED, Close(), "outcome_unknown"),
        (Step.CONNECT, Close(), "connection_lost"),
    ],
)
async def test_not_accepted(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    step: Step,
    action: Any,
    key: str,
) -> None:
    """The action says why, and the next message is not concerned."""
    server.script(step, action)
    with pytest.raises(HomeAssistantError) as refused:
        await send(hass)
    assert refused.value.translation_domain == DOMAIN
    assert refused.value.translation_key == key
    assert refused.value.translation_placeholders
    assert refused.value.translation_placeholders["account"] == ADDRESS
    assert loaded_entry.state is ConfigEntryState.LOADED
    await send(hass, title="again")
    assert server.accepted[-1].subject == "again"


async def test_partly_refused(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Who got the message and who did not is said by name."""
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND, match="b@example.com")
    with pytest.raises(HomeAssistantError) as refused:
        await notify(hass, target=["a@example.com", "b@example.com"])
    assert refused.value.translation_key == "partly_refused"
    assert refused.value.translation_placeholders == {
        "accepted": "a@example.com",
        "refused": "b@example.com (550 Mailbox not found or access denied)",
    }
    assert only(server).recipients == ("a@example.com",)


async def test_offline(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """Without a connection everything is there, and an error says what is wrong."""
    server.stop()
    try:
        assert await hass.config_entries.async_setup(entry.entry_id)
        assert state_of(hass, ENTITY) == "unknown"
        with pytest.raises(HomeAssistantError) as refused:
            await notify(hass)
    finally:
        server.start()
    assert refused.value.translation_key == "connection_refused"
    await notify(hass)
    assert only(server).recipients == (ADDRESS,)


async def test_login_refused(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """After an ambiguous 535 QQ is spared; refused again, a new code is needed."""
    server.accounts[ADDRESS] = "renewed"
    for logins, after in ((1, timedelta(0)), (1, LOGIN_PAUSE / 2), (2, LOGIN_PAUSE)):
        assert not hass.config_entries.flow.async_progress()
        freezer.tick(after)
        with pytest.raises(HomeAssistantError) as refused:
            await send(hass)
        assert refused.value.translation_key == "login_ambiguous"
        assert server.login_attempts == logins
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == "reauth"

    await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"password": "renewed"}
    )
    await hass.async_block_till_done()
    await send(hass)
    assert only(server).subject == "Home Assistant"


async def test_login_works_again(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Two refusals with a success between them do not ask for a new code."""
    for _ in range(2):
        server.script(Step.AUTH, replies.LOGIN_AMBIGUOUS)
        with pytest.raises(HomeAssistantError):
            await send(hass)
        freezer.tick(LOGIN_PAUSE)
        await send(hass)
    assert not hass.config_entries.flow.async_progress()
    assert len(server.accepted) == 2


async def test_code_needed_at_once(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Where QQ says so, nobody waits for a second refusal."""
    server.script(Step.AUTH, replies.LOGIN_NEEDS_CODE)
    with pytest.raises(HomeAssistantError) as refused:
        await send(hass)
    assert refused.value.translation_key == "login_needs_code"
    assert len(hass.config_entries.flow.async_progress()) == 1


async def test_temporary_login_fault(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """A server that is busy says nothing of the code."""
    for _ in range(2):
        server.script(Step.AUTH, Answer(454, "busy"))
        with pytest.raises(HomeAssistantError) as refused:
            await send(hass)
        assert refused.value.translation_key == "temporary"
    assert not hass.config_entries.flow.async_progress()


async def test_burst(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> None:
    """Messages that are sent at once go one after the other."""
    for number in range(5):
        hass.async_create_task(send(hass, title=str(number)))
    await hass.async_block_till_done()
    assert len({mail.subject for mail in server.accepted}) == 5


async def test_in_a_group_and_in_alert(
    hass: HomeAssistant, server: QQServer, entry: MockConfigEntry
) -> None:
    """notify.<name> works where Home Assistant wants a legacy notify action."""
    hass.states.async_set("binary_sensor.smoke", "off")
    assert await async_setup_component(
        hass,
        "notify",
        {
            "notify": {
                "platform": "group",
                "name": "everyone",
                "services": [
                    {"action": "qq_mail", "data": {"target": "a@example.com"}}
                ],
            }
        },
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert await async_setup_component(
        hass,
        "alert",
        {
            "alert": {
                "smoke": {
                    "name": "Smoke",
                    "message": "It smokes",
                    "entity_id": "binary_sensor.smoke",
                    "repeat": 30,
                    "notifiers": ["qq_mail"],
                }
            }
        },
    )
    await hass.async_block_till_done()
    await hass.services.async_call(
        "notify", "everyone", {"message": "To all"}, blocking=True
    )
    for state in ("on", "off"):
        hass.states.async_set("binary_sensor.smoke", state)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert [(mail.text.strip(), mail.recipients) for mail in server.accepted] == [
        ("To all", ("a@example.com",)),
        ("It smokes", (ADDRESS,)),
    ]


async def test_unload(hass: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    """With the entry goes its action, and comes back with it."""
    assert hass.services.has_service("notify", "qq_mail")
    assert await hass.config_entries.async_unload(loaded_entry.entry_id)
    assert not hass.services.has_service("notify", "qq_mail")
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    assert hass.services.has_service("notify", "qq_mail")


async def test_name_taken_by_another(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """Another's action is neither replaced nor taken away; the log says so."""
    calls = []

    async def other(call: Any) -> None:
        calls.append(call)

    hass.services.async_register("notify", "qq_mail", other)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert "notify.qq_mail belongs to another integration" in caplog.text
    await hass.config_entries.async_unload(entry.entry_id)
    await notify(hass)
    assert len(calls) == 1


async def test_the_code_stays_secret(
    hass: HomeAssistant,
    server: QQServer,
    loaded_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither plain nor base64 is it in any log, at any level."""
    caplog.set_level("DEBUG")
    await send(hass)
    server.accounts[ADDRESS] = "renewed"
    with pytest.raises(HomeAssistantError) as refused:
        await send(hass)
    assert CODE not in caplog.text + repr(refused.value) + str(refused.value)
    assert "YWJjZGVmZ2hpamtsbW5vcA" not in caplog.text
