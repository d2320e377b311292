"""Buttons of a mail that nobody has, or that has no meaning any more, do not work."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.qq_mail.buttons.registry import BUTTONS
from custom_components.qq_mail.const import DOMAIN
from homeassistant.exceptions import HomeAssistantError

from ..calls.test_send import send
from ..conftest import Events
from ..house import later, on_disk, outbox_of, until
from ..qq_server import Answer, QQServer, Step, replies
from .conftest import CLICK, House


async def sent(house: House, server: QQServer, **data: Any) -> tuple[str, str]:
    """Leave a mail with a button in the outbox; return its queue id and the token."""
    server.script(Step.RCPT, Answer(451, "later"))
    response = await send(house.hass, **data)
    queue_id = response["queue_id"]
    ((message, _),) = outbox_of(house.entry).plans()
    (token,) = house.issue(
        queue_id=queue_id,
        recipients=message.recipients,
        tag=data.get("tag", ""),
        lasts=timedelta(days=7),
    )
    return queue_id, token


def works(house: House, token: str) -> bool:
    """Return whether a button works."""
    return house.buttons.find(token) is not None


async def test_revoked_when_refused(
    house: House, server: QQServer, events: Events
) -> None:
    """A mail that QQ refuses for good is had by nobody."""
    queue_id, token = await sent(house, server)
    assert works(house, token)
    server.script(Step.DOT, replies.CONTENT)
    await house.hass.services.async_call(
        DOMAIN, "retry", {"queue_id": queue_id}, blocking=True
    )
    await until(lambda: not works(house, token))


async def test_kept_when_accepted(
    house: House, server: QQServer, events: Events
) -> None:
    """A mail that went out keeps its buttons."""
    queue_id, token = await sent(house, server)
    await house.hass.services.async_call(
        DOMAIN, "retry", {"queue_id": queue_id}, blocking=True
    )
    await until(lambda: events.outcomes[-1:] == ["accepted"])
    assert works(house, token)


async def test_kept_for_who_got_it(
    house: House, server: QQServer, events: Events
) -> None:
    """One recipient is refused, the other has the mail, and can press."""
    server.script(Step.RCPT, replies.MAILBOX_NOT_FOUND, match="c@d.cn")
    response = await send(house.hass, to=["a@b.cn", "c@d.cn"])
    (token,) = house.issue(
        queue_id=response["queue_id"], recipients=("a@b.cn", "c@d.cn")
    )
    assert sorted(events.outcomes) == ["accepted", "rejected"]
    assert works(house, token)


async def test_revoked_when_expired(
    house: House, server: QQServer, freezer: FrozenDateTimeFactory
) -> None:
    """A mail that was given up is had by nobody."""
    _, token = await sent(house, server)
    server.script(Step.RCPT, Answer(451, "later"), times=99)
    await later(house.hass, freezer, timedelta(hours=25))
    await until(lambda: not works(house, token))


@pytest.mark.parametrize("one", [True, False])
async def test_revoked_when_discarded(
    house: House, server: QQServer, one: bool
) -> None:
    """What a person takes back cannot be answered."""
    queue_id, token = await sent(house, server)
    (other,) = house.issue(queue_id="went out long ago")
    await house.hass.services.async_call(
        DOMAIN,
        "discard",
        {"queue_id": queue_id} if one else {"all": True},
        blocking=True,
    )
    assert not works(house, token)
    assert works(house, other)


async def test_discard_of_another(house: House, server: QQServer) -> None:
    """What is not discarded keeps its buttons."""
    _, token = await sent(house, server)
    with pytest.raises(HomeAssistantError):
        await house.hass.services.async_call(
            DOMAIN, "discard", {"queue_id": "nothing"}, blocking=True
        )
    assert works(house, token)


async def test_revoked_when_cleared(house: House, server: QQServer) -> None:
    """Once it is over, neither what waits nor what went out can be answered."""
    _, token = await sent(house, server, tag="water")
    (went_out,) = house.issue(tag="water", queue_id="earlier")
    (other,) = house.issue(tag="fire", queue_id="other")
    (others,) = house.issue(tag="water", account="another")
    await house.hass.services.async_call(
        DOMAIN, "send_message", {"clear": True, "tag": "water"}, blocking=True
    )
    assert [works(house, each) for each in (token, went_out, other, others)] == [
        *(False, False),
        *(True, True),
    ]


async def test_revoked_when_removed(house: House, server: QQServer) -> None:
    """With the account go its buttons, on disk as well."""
    (token,) = house.issue()
    house.buttons.keep(CLICK["queue_id"])
    await house.store.written()
    assert any(kind == BUTTONS for kind, *_ in on_disk(house.hass))
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    assert not works(house, token)
    assert on_disk(house.hass) == {}
